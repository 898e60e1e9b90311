//! The answer of a token endpoint (RFC 6749 §5.1), which all sources but AWS's share.

use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{credential::Issued, failure::Cause};

/// Longest life that is believed. A token that outlives it is fetched anew all the same.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

#[derive(Deserialize)]
struct Written {
    #[serde(deserialize_with = "super::wiped")]
    access_token: Zeroizing<String>,
    /// Seconds; Entra's older endpoints write them as text.
    expires_in: Option<serde_json::Value>,
    token_type: Option<String>,
}

/// Reads a bearer token and its life. One without a life is taken for one of an hour, as nothing
/// that these endpoints issue is for ever.
///
/// # Errors
/// The part that is missing or wrong.
pub(super) fn read(body: &[u8]) -> Result<Issued, Cause> {
    let malformed = |what| Cause::Malformed { what };
    let written: Written = serde_json::from_slice(body).map_err(|_| malformed("`access_token`"))?;
    if (written.token_type).is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(malformed("`token_type`"));
    }
    let life = match written.expires_in {
        None => 3600,
        Some(serde_json::Value::String(text)) => {
            text.parse().map_err(|_| malformed("`expires_in`"))?
        }
        Some(number) => number
            .as_f64()
            .map_or(Err(malformed("`expires_in`")), |seconds| {
                Ok(seconds as u64) // saturates
            })?,
    };
    if life == 0 {
        return Err(Cause::Expired);
    }
    let issued = Issued::bearer(&written.access_token)?;
    Ok(issued.living(Duration::from_secs(life).min(LONGEST_LIFE)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_life_that_its_answer_gives() {
        for (body, seconds) in [
            (
                r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#,
                3599,
            ),
            (r#"{"access_token":"t","expires_in":"3599"}"#, 3599),
            (
                r#"{"access_token":"t","expires_in":59.9,"token_type":"bearer","scope":"x"}"#,
                59,
            ),
            (r#"{"access_token":"t"}"#, 3600),
            (r#"{"access_token":"t","expires_in":1e300}"#, 86_400),
        ] {
            let life = read(body.as_bytes()).unwrap().life();
            assert_eq!(life, Some(Duration::from_secs(seconds)), "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_usable_token_names_what_is_wrong() {
        for (body, what) in [
            ("", "`access_token`"),
            ("[]", "`access_token`"),
            (r#"{"access_token":1}"#, "`access_token`"),
            (r#"{"access_token":""}"#, "token"),
            ("{\"access_token\":\"a\\nb\"}", "token"),
            (r#"{"access_token":"t","token_type":"mac"}"#, "`token_type`"),
            (
                r#"{"access_token":"t","expires_in":"soon"}"#,
                "`expires_in`",
            ),
            (r#"{"access_token":"t","expires_in":true}"#, "`expires_in`"),
        ] {
            let cause = read(body.as_bytes()).err().unwrap();
            assert_eq!(cause, Cause::Malformed { what }, "{body}");
        }
        let ended = read(br#"{"access_token":"t","expires_in":0}"#);
        assert_eq!(ended.err(), Some(Cause::Expired));
    }
}
