//! Headers that a policy may see, and those that it may set.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{super::bindings::types::Header, credentials::hidden};

/// Headers that belong to the connection or to the framing (RFC 9110 §7.6.1, RFC 9112 §6), or say
/// how the host must read the body and the reply.
const RESERVED: [HeaderName; 14] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHENTICATE,
    header::CONTENT_ENCODING,
    header::ACCEPT_ENCODING,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// Bytes of all headers together after a policy set one.
const TOTAL: usize = 64 << 10;
/// Number of headers after a policy set one.
const COUNT: usize = 256;
/// Bytes of a header for the app's reply.
const REPLY_VALUE: usize = 1024;

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// Returns all values of one header that the policy may see.
pub(super) fn values(headers: &HeaderMap, name: &str, credentials: bool) -> Vec<String> {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        return Vec::new();
    };
    if hidden(name.as_str(), credentials) {
        return Vec::new();
    }
    headers.get_all(name).iter().map(text).collect()
}

/// Returns all headers that the policy may see.
pub(super) fn all(headers: &HeaderMap, credentials: bool) -> Vec<Header> {
    headers
        .iter()
        .filter(|(name, _)| !hidden(name.as_str(), credentials))
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: text(value),
        })
        .collect()
}

/// Checks that a policy may set this header to this value; an empty value removes it.
///
/// # Errors
/// The name or value is no valid one (RFC 9110 §5), the header is reserved, or there are too many.
pub(super) fn checked(
    headers: &HeaderMap,
    name: &str,
    value: &str,
    credentials: bool,
) -> Result<(HeaderName, Option<HeaderValue>), &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "no valid header name")?;
    if RESERVED.contains(&name) {
        return Err("this header is reserved: it belongs to the connection");
    }
    if hidden(name.as_str(), credentials) {
        return Err("this header carries credentials; grant `credentials` in the chain");
    }
    if value.is_empty() {
        return Ok((name, None));
    }
    let value = HeaderValue::from_str(value).map_err(|_| "no valid header value")?;
    let bytes: usize = headers
        .iter()
        .map(|(n, v)| n.as_str().len() + v.len())
        .sum();
    let more = name.as_str().len() + value.len();
    if headers.len() >= COUNT && !headers.contains_key(&name) || bytes + more > TOTAL {
        return Err("too many headers: 256 of 64 KiB together at most");
    }
    Ok((name, Some(value)))
}

/// Checks a header for the reply that the app gets.
///
/// # Errors
/// The name or value is no valid one, or the header says how the body is to be read.
pub(super) fn for_reply(
    name: &str,
    value: &str,
) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "no valid header name")?;
    if RESERVED.contains(&name) || name.as_str().starts_with("content-") {
        return Err("this header is reserved: it says how the reply is to be read");
    }
    let value = HeaderValue::from_str(value).map_err(|_| "no valid header value")?;
    if value.len() > REPLY_VALUE {
        return Err("a reply's header has 1,024 bytes at most");
    }
    Ok((name, value))
}

/// Sets a header as [`checked`] allows.
///
/// # Errors
/// As [`checked`].
pub(super) fn set(
    headers: &mut HeaderMap,
    name: &str,
    value: &str,
    credentials: bool,
) -> Result<(), &'static str> {
    match checked(headers, name, value, credentials)? {
        (name, Some(value)) => drop(headers.insert(name, value)),
        (name, None) => drop(headers.remove(name)),
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{super::credentials::HEADERS as CREDENTIALS, *};

    fn sample() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in CREDENTIALS {
            headers.insert(name, HeaderValue::from_static("canary"));
        }
        headers.append("x-team", HeaderValue::from_static("a"));
        headers.append("x-team", HeaderValue::from_static("b"));
        headers
    }

    #[test]
    fn credentials_are_absent_unless_granted_however_they_are_spelt() {
        let headers = sample();
        for name in CREDENTIALS {
            for spelling in [name.to_owned(), name.to_uppercase()] {
                assert!(values(&headers, &spelling, false).is_empty(), "{spelling}");
                assert_eq!(values(&headers, &spelling, true), ["canary"]);
            }
        }
        assert!(all(&headers, false).iter().all(|h| h.value != "canary"));
        assert_eq!(all(&headers, true).len(), CREDENTIALS.len() + 2);
        assert_eq!(values(&headers, "X-Team", false), ["a", "b"]);
    }

    #[test]
    fn a_policy_can_break_neither_the_framing_nor_the_header_block() {
        let mut headers = HeaderMap::new();
        for name in RESERVED {
            for value in ["x", ""] {
                let outcome = set(&mut headers, name.as_str(), value, true);
                assert!(outcome.is_err(), "{name}");
            }
        }
        for (name, value) in [
            ("a\r\nb", "x"),
            ("a b", "x"),
            ("a:", "x"),
            ("", "x"),
            ("a", "x\r\ny: z"),
            ("a", "x\ny"),
            ("a", "x\0"),
        ] {
            let outcome = set(&mut headers, name, value, true);
            assert!(outcome.is_err(), "{name:?} {value:?}");
        }
        assert!(headers.is_empty());
    }

    #[test]
    fn a_header_is_replaced_whole_and_removed_by_an_empty_value() {
        let mut headers = sample();
        set(&mut headers, "X-Team", "c", false).unwrap();
        assert_eq!(values(&headers, "x-team", false), ["c"]);
        set(&mut headers, "x-team", "", false).unwrap();
        assert!(!headers.contains_key("x-team"));
        assert!(set(&mut headers, "authorization", "", false).is_err());
        assert!(set(&mut headers, "authorization", "Bearer x", true).is_ok());
    }

    #[test]
    fn forty_thousand_headers_stop_at_the_bound() {
        let mut headers = HeaderMap::new();
        let set_all =
            (0..40_000).filter(|n| set(&mut headers, &format!("x-{n}"), "v", false).is_ok());
        assert_eq!((set_all.count(), headers.len()), (COUNT, COUNT));
        let big = "v".repeat(TOTAL);
        assert!(set(&mut headers, "x-0", &big, false).is_err());
    }
}
