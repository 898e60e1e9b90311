//! Headers and query keys that carry credentials, hidden from a policy that was not granted them.

use super::{Access, Capability};

/// The capability `credentials`, which decides what `exchange` shows.
pub static CREDENTIALS: Capability = Capability {
    name: "credentials",
    about: "sees and sets the headers that carry credentials",
    access: Access::Named,
    waits: false,
    linked: &[],
};

/// Headers that carry credentials: absent to a policy that was not granted `credentials`.
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

/// Reports whether a header is hidden.
pub(super) fn hidden(name: &str, credentials: bool) -> bool {
    !credentials && HEADERS.contains(&name)
}

/// Returns a path without the API keys in its query: some providers take the caller's key there.
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
        // A name is spelt in percent escapes in order to be overlooked.
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
