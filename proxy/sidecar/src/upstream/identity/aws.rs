//! AWS's credentials. The environment has chosen the source in the order of AWS's own clients:
//! Bedrock's bearer token, keys, web identity, the node's agent, the instance.

mod container;
mod instance;
mod web_identity;

use std::time::{Duration, SystemTime};

use super::{client::Client, credential::Issued, failure::Cause};
use crate::config::identity::AwsSource;

/// The source's name, for logs.
pub(super) const fn name(source: &AwsSource) -> &'static str {
    match source {
        AwsSource::Bearer(_) => "aws/bearer",
        AwsSource::Keys { .. } => "aws/environment",
        AwsSource::WebIdentity { .. } => "aws/web_identity",
        AwsSource::Container { .. } => "aws/container",
        AwsSource::Instance { .. } => "aws/instance",
    }
}

/// Gets a credential; an error comes with the step that failed.
pub(super) async fn issue(source: &AwsSource) -> Result<Issued, (&'static str, Cause)> {
    match source {
        AwsSource::Bearer(token) => Issued::bearer(token.reveal()),
        AwsSource::Keys { id, secret, token } => {
            let token = token.as_ref().map(crate::config::Secret::reveal);
            Issued::keys(id, secret.reveal(), token)
        }
        AwsSource::WebIdentity {
            file,
            role,
            session,
            url,
        } => {
            return web_identity::issue(
                &Client::new().map_err(super::SETUP)?,
                file,
                role,
                session,
                url,
            )
            .await;
        }
        AwsSource::Container { url, authorization } => {
            return container::issue(
                &Client::new().map_err(super::SETUP)?,
                url,
                authorization.as_ref(),
            )
            .await;
        }
        AwsSource::Instance { url } => {
            return instance::issue(&Client::new().map_err(super::SETUP)?, url).await;
        }
    }
    .map_err(|cause| ("reading the environment", cause))
}

/// Keys with the life until `expiration`, of RFC 3339.
fn keys_until(
    id: &str,
    secret: &str,
    token: Option<&str>,
    expiration: &str,
    now: Duration,
) -> Result<Issued, Cause> {
    let malformed = Cause::Malformed {
        what: "`Expiration`",
    };
    let ends = dialect::failure::timestamp_of(expiration).ok_or(malformed)?;
    let life = ends.checked_sub(now).filter(|life| !life.is_zero());
    let life = life.ok_or(Cause::Expired)?;
    Ok(Issued::keys(id, secret, token)?.living(life))
}

/// Reads the keys that agents and instances give out as JSON.
fn read_json(body: &[u8], now: Duration) -> Result<Issued, Cause> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Written {
        access_key_id: Option<String>,
        secret_access_key: Option<String>,
        token: Option<String>,
        expiration: Option<String>,
        code: Option<String>,
    }
    let malformed = |what| Cause::Malformed { what };
    let written: Written = serde_json::from_slice(body).map_err(|_| malformed("json"))?;
    if written.code.is_some_and(|code| code != "Success") {
        return Err(malformed("`Code`"));
    }
    let id = written.access_key_id.ok_or(malformed("`AccessKeyId`"))?;
    let [secret, token] =
        [written.secret_access_key, written.token].map(|part| part.map(zeroize::Zeroizing::new));
    let secret = secret.ok_or(malformed("`SecretAccessKey`"))?;
    let token = token.as_ref().map(|token| token.as_str());
    match &written.expiration {
        Some(expiration) => keys_until(&id, &secret, token, expiration, now),
        None => Issued::keys(&id, &secret, token),
    }
}

/// The text of an element of this name, of XML that holds no other of its name before it.
pub(super) fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim()).filter(|text| !text.contains(['<', '&']))
}

/// The time since the Unix epoch.
fn wall_now() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// 2026-11-30T00:00:00Z.
    const NOW: Duration = Duration::from_secs(1_795_996_800);

    #[test]
    fn keys_as_json_live_until_their_expiration() {
        let body = r#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2026-11-30T06:00:00Z"}"#;
        let life = read_json(body.as_bytes(), NOW).unwrap().life();
        assert_eq!(life, Some(Duration::from_secs(6 * 3600)));
        let without = body.replace(r#","Expiration":"2026-11-30T06:00:00Z""#, "");
        assert_eq!(read_json(without.as_bytes(), NOW).unwrap().life(), None);
    }

    #[test]
    fn keys_that_lack_something_say_what() {
        let malformed = |what| Cause::Malformed { what };
        for (body, cause) in [
            ("<html>", malformed("json")),
            (
                r#"{"Code":"AssumeRoleUnauthorizedAccess"}"#,
                malformed("`Code`"),
            ),
            (r#"{"SecretAccessKey":"S"}"#, malformed("`AccessKeyId`")),
            (r#"{"AccessKeyId":"A"}"#, malformed("`SecretAccessKey`")),
            (
                r#"{"AccessKeyId":"A","SecretAccessKey":"S S"}"#,
                malformed("token"),
            ),
            (
                r#"{"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"soon"}"#,
                malformed("`Expiration`"),
            ),
            (
                r#"{"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"2026-11-29T23:59:59Z"}"#,
                Cause::Expired,
            ),
        ] {
            assert_eq!(read_json(body.as_bytes(), NOW).err(), Some(cause), "{body}");
        }
    }

    #[test]
    fn an_elements_text_is_found_and_nothing_with_markup_in_it() {
        let xml = "<A><B>x</B><C>a&amp;b</C><D><E/></D></A>";
        assert_eq!(element(xml, "B"), Some("x"));
        for name in ["C", "D", "F"] {
            assert_eq!(element(xml, name), None, "{name}");
        }
    }
}
