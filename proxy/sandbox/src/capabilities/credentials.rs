//! What carries credentials, and is hidden from a policy that was not granted them.

use super::{Access, Capability};

/// The capability `credentials`: what `exchange` shows.
pub static CREDENTIALS: Capability = Capability {
    name: "credentials",
    about: "sees and sets the headers that carry credentials",
    access: Access::Named,
    linked: &[],
};

/// Carry credentials: absent to a policy that was not granted `credentials`.
pub(super) const HEADERS: [&str; 8] = [
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "set-cookie",
    "proxy-authorization",
    "x-amz-security-token",
];

/// Whether a header is hidden.
pub(super) fn hidden(name: &str, credentials: bool) -> bool {
    !credentials && HEADERS.contains(&name)
}

/// A path whose query has its keys' values taken out: some providers take the caller's key there.
pub(super) fn without_keys(path: &str) -> String {
    let Some((head, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    let secret = |name: &str| {
        [
            "key",
            "api_key",
            "api-key",
            "apikey",
            "access_token",
            "token",
        ]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
    };
    let parts = query.split('&').map(|part| match part.split_once('=') {
        // A name in percent escapes is spelt that way to be overlooked.
        Some((name, _)) if secret(name) || name.contains('%') => format!("{name}="),
        _ => part.to_owned(),
    });
    format!("{head}?{}", parts.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_the_query_are_taken_out_and_nothing_else() {
        assert_eq!(without_keys("/v1/chat"), "/v1/chat");
        assert_eq!(
            without_keys("/v1?alt=sse&key=AIza-canary&Key=canary&k%65y=canary&x"),
            "/v1?alt=sse&key=&Key=&k%65y=&x"
        );
    }
}
