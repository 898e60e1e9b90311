//! The caller's name, without keeping the key: a hash of what identifies it, the same on every
//! replica.
//!
//! By default the credential identifies the caller, else the cookies. An operator names other
//! headers and cookies under `caller:`; a request that carries none of those falls back to the
//! default, so that it shares no partition with every other such request.
//!
//! Keys are long and random, so a plain hash reveals none of them; 64 bits of it distinguish a
//! billion callers.

use dialect::address;
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::digest::{SHA256, digest};

/// The `caller:` section; empty where it is left out: then the credential identifies the caller,
/// else the cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Headers, of which the first that a request carries counts.
    pub headers: Vec<HeaderName>,
    /// Cookies, of which the first that a request carries counts, where it carries none of the
    /// headers.
    pub cookies: Vec<String>,
}

/// Returns a name for the caller, the same on every replica: a hash of the first header or cookie
/// that `rule` names and the request carries, else of its credential, else of its cookies. None
/// where it carries none of these.
pub(crate) fn name(rule: &Caller, headers: &HeaderMap, path: &str) -> Option<String> {
    identity(rule, headers, path, hash)
}

/// Finds the bytes that identify the caller, and returns what `take` makes of them: the name of a
/// header or cookie goes before its value, so that no value under another name is the same.
pub(crate) fn identity<R>(
    rule: &Caller,
    headers: &HeaderMap,
    path: &str,
    take: impl Fn(&[u8]) -> R,
) -> Option<R> {
    let under = |name: &str, value: &[u8]| take(&[name.as_bytes(), b"\0", value].concat());
    let named = || {
        rule.headers.iter().find_map(|name| {
            let value = headers.get(name)?.as_bytes().trim_ascii();
            (!value.is_empty()).then(|| under(name.as_str(), value))
        })
    };
    let cookie = || {
        let found = |name: &String| {
            let mut pairs = cookies(headers);
            pairs.find(|(known, value)| *known == name.as_bytes() && !value.is_empty())
        };
        let (_, value) = rule.cookies.iter().find_map(found)?;
        Some(under("cookie", value))
    };
    named()
        .or_else(cookie)
        .or_else(|| credential(headers).map(&take))
        .or_else(|| address::key(path).map(|key| take(key.as_bytes())))
        .or_else(|| all_cookies(headers).map(|all| under("cookies", &all)))
}

/// Returns all cookies as one text, the same in whatever order and however many headers they come;
/// none where there are none.
fn all_cookies(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut all: Vec<_> = cookies(headers).collect();
    all.sort_unstable();
    let mut text = Vec::new();
    for (name, value) in all {
        text.extend_from_slice(name);
        text.push(b'=');
        text.extend_from_slice(value);
        text.push(b';');
    }
    (!text.is_empty()).then_some(text)
}

/// Iterates over names and values of the cookies that a request carries (RFC 6265 §5.4).
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let values = headers.get_all(http::header::COOKIE).iter();
    let pairs = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let pairs = pairs
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=');
        match at {
            Some(at) => (
                pair.get(..at).unwrap_or_default(),
                pair.get(at + 1..).unwrap_or_default(),
            ),
            None => (pair, &b""[..]),
        }
    })
}

/// Returns the credential that the request carries, without its scheme. None where it carries none.
fn credential(headers: &HeaderMap) -> Option<&[u8]> {
    let value = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let bearer = |value: &'_ [u8]| {
        let scheme = value
            .get(..7)
            .is_some_and(|s| s.eq_ignore_ascii_case(b"bearer "));
        if scheme { 7 } else { 0 }
    };
    let credential = (value("authorization").map(|v| v.get(bearer(v)..).unwrap_or_default()))
        .or_else(|| {
            ["x-api-key", "api-key", "x-goog-api-key"]
                .into_iter()
                .find_map(value)
        })?
        .trim_ascii();
    (!credential.is_empty()).then_some(credential)
}

/// Returns 16 hexadecimal digits of the SHA-256 of what identifies a caller.
fn hash(credential: &[u8]) -> String {
    let digest = digest(&SHA256, credential);
    let mut name = String::with_capacity(16);
    for byte in digest.as_ref().iter().take(8) {
        for half in [byte >> 4, byte & 15] {
            name.extend(char::from_digit(half.into(), 16));
        }
    }
    name
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        let parsed = list.iter().map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        parsed.fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
    }

    #[test]
    fn a_caller_has_one_name_however_its_key_comes() {
        let named = |list: &[(&str, &str)]| credential(&headers(list)).map(hash);
        // printf sk-1 | sha256sum
        let name = "0f2c10bf3d128c71";
        for header in [
            ("authorization", "Bearer sk-1"),
            ("authorization", "bearer  sk-1 "),
            ("x-api-key", "sk-1"),
            ("api-key", "sk-1"),
            ("x-goog-api-key", "sk-1"),
            ("authorization", "sk-1"),
        ] {
            assert_eq!(named(&[header]).as_deref(), Some(name), "{header:?}");
        }
        assert_ne!(named(&[("x-api-key", "sk-2")]).unwrap(), name);
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[("authorization", "Bearer ")]), None);
        assert_eq!(hash(b"sk-1"), name);
    }

    #[test]
    fn a_caller_without_a_key_is_known_by_its_cookies_in_any_order() {
        let of = |list: &[(&str, &str)]| name(&Caller::default(), &headers(list), "/v1/x");
        let a = of(&[("cookie", "sid=a; theme=dark")]);
        assert!(a.is_some());
        assert_eq!(of(&[("cookie", "theme=dark; sid=a")]), a);
        assert_eq!(of(&[("cookie", "theme=dark"), ("cookie", "sid=a")]), a);
        assert_ne!(of(&[("cookie", "sid=b; theme=dark")]), a);
        assert_eq!(of(&[("cookie", " ; ")]), None);
        // a key goes before cookies, wherever it stands
        let key = of(&[("x-api-key", "sk-1")]);
        assert_eq!(of(&[("x-api-key", "sk-1"), ("cookie", "sid=a")]), key);
        let path = "/v1beta/models/m:generateContent?key=sk-1";
        let in_path = headers(&[("cookie", "sid=a")]);
        assert_eq!(name(&Caller::default(), &in_path, path), key);
    }

    #[test]
    fn what_identifies_a_caller_is_the_operators_choice_and_never_everybody() {
        let rule = Caller {
            headers: vec!["x-user".parse().unwrap()],
            cookies: vec!["sid".into()],
        };
        let of = |list: &[(&str, &str)]| name(&rule, &headers(list), "/v1/x");
        let user = of(&[("x-user", "ana")]);
        assert_eq!(of(&[("x-user", "ana"), ("x-api-key", "sk-1")]), user);
        assert_ne!(of(&[("x-user", "bob"), ("x-api-key", "sk-1")]), user);
        let session = of(&[("cookie", "theme=dark; sid=ana")]);
        assert_eq!(of(&[("cookie", "sid=ana; theme=light")]), session);
        assert_ne!(session, user, "a cookie is no header");
        // none of them: as without a rule
        let key = name(&Caller::default(), &headers(&[("x-api-key", "sk-1")]), "/");
        assert_eq!(of(&[("x-api-key", "sk-1"), ("cookie", "theme=dark")]), key);
        assert_ne!(of(&[("cookie", "theme=a")]), of(&[("cookie", "theme=b")]));
    }
}
