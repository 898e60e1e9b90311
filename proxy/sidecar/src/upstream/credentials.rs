//! Head of a request as it leaves: the credentials that it carries, and the headers that are
//! removed.
//!
//! With a key of the operator's, or an identity of the pod's ([`super::identity`]), every credential of the caller is removed first, Gemini's `?key=`
//! too: an app's key never reaches a provider that it was not meant for. Without one the caller's
//! credentials pass untouched. `host` is left out on purpose: the connection writes it from the URI
//! (HTTP/1.1 `host`, HTTP/2 `:authority`), so that exactly one goes out.

use std::borrow::Cow;

use dialect::address;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{self, AUTHORIZATION},
    request::Parts,
    uri::PathAndQuery,
};
use route::{Family, provider::Auth};

use crate::config::{Kind, NoPath, Upstream};

/// Headers in which a caller may carry credentials.
pub const CREDENTIALS: [HeaderName; 5] = [
    AUTHORIZATION,
    header::COOKIE,
    X_API_KEY,
    API_KEY,
    X_GOOG_API_KEY,
];

const API_KEY: HeaderName = HeaderName::from_static("api-key");
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Prefix of the headers that are for Outrigger, not for a provider.
const OURS: &str = "x-outrigger-";

/// Reasons for which a request's head can't be written. Quotes neither key nor path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// The upstream's key holds characters that no header may hold.
    #[error(
        "the upstream's `key` holds a character that no header may hold; remove line breaks and spaces from it"
    )]
    Key,
    /// The upstream has no path for the call.
    #[error(transparent)]
    Path(#[from] NoPath),
    /// Origin and path make no URI.
    #[error("the upstream's `url` and the request's path make no uri; check `url`")]
    Uri,
}

/// The operator's key for an upstream, as the header that carries it. Made once, and then only
/// copied.
#[derive(Debug, Clone)]
pub struct Credential(Option<(HeaderName, HeaderValue)>);

impl Credential {
    /// No key: what takes the place of callers' credentials is nothing.
    pub const NONE: &Self = &Self(None);

    /// The header that carries a key.
    ///
    /// # Errors
    /// No header can hold the key; configuration checks that.
    pub fn of(auth: Auth, key: &str) -> Result<Self, Unsendable> {
        let (name, value) = match auth {
            Auth::XApiKey => (X_API_KEY, HeaderValue::from_str(key)),
            Auth::ApiKey => (API_KEY, HeaderValue::from_str(key)),
            Auth::XGoogApiKey => (X_GOOG_API_KEY, HeaderValue::from_str(key)),
            Auth::Bearer => {
                let value = HeaderValue::try_from(["Bearer ", key].concat());
                (AUTHORIZATION, value)
            }
            Auth::None => return Ok(Self(None)),
        };
        let mut value = value.map_err(|_| Unsendable::Key)?;
        value.set_sensitive(true); // `Debug` prints it as "Sensitive", HPACK never indexes it
        Ok(Self(Some((name, value))))
    }
}

/// Writes the head of a request for `upstream`, of a caller's `headers` without those for which
/// `is_stripped` holds; `path` is the path and query there, prefix included.
///
/// Framing (`content-length`, `transfer-encoding`) is written anew from the body that is sent with
/// it.
///
/// # Errors
/// The upstream's URL can't be sent; configuration checks that.
pub fn outgoing(
    upstream: &Upstream,
    credential: Option<&Credential>,
    method: &Method,
    headers: &HeaderMap,
    is_stripped: impl Fn(&HeaderName) -> bool,
    mut path: PathAndQuery,
) -> Result<Parts, Unsendable> {
    // Our server's extensions are about the caller's connection, not about this one.
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = method.clone();
    head.headers = headers.clone();
    let mut has_named = false;
    for name in headers.keys() {
        let word = name.as_str();
        has_named |= word == "connection";
        // The connection writes the first two, and our own server answers the third.
        let is_replaced = matches!(word, "host" | "content-length" | "expect");
        if is_replaced || is_hop_by_hop(word) || word.starts_with(OURS) || is_stripped(name) {
            head.headers.remove(name);
        }
    }
    if has_named {
        for name in named(headers) {
            head.headers.remove(name);
        }
    }
    if credential.is_some() || upstream.identity.is_some() {
        for name in &CREDENTIALS {
            head.headers.remove(name);
        }
        if let Some(Credential(Some((name, value)))) = credential {
            head.headers.insert(name, value.clone());
        }
        if upstream.speaks(Family::Gemini)
            && let Cow::Owned(without) = address::without_key(path.as_str())
        {
            path = PathAndQuery::try_from(without).map_err(|_| Unsendable::Uri)?;
        }
    }
    head.uri = match &upstream.kind {
        Kind::Embedded => Uri::from(path),
        Kind::Http { origin, .. } => {
            let mut parts = origin.clone().into_parts();
            parts.path_and_query = Some(path);
            Uri::from_parts(parts).map_err(|_| Unsendable::Uri)?
        }
    };
    // Stands for whatever the connection speaks; hyper refuses to send 2 over 1.1.
    head.version = Version::HTTP_11;
    Ok(head)
}

/// Removes the headers that belong to one connection alone (RFC 9110 §7.6.1): the known ones and
/// those that `connection` names. A `content-length` beside `transfer-encoding` goes with it: it is
/// not the body's (RFC 9112 §6.3).
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // Most heads have none, and those that have one have few: no list is made for the others.
    let is_known = |name: &&HeaderName| is_hop_by_hop(name.as_str());
    let mut gone: Vec<HeaderName> = headers.keys().filter(is_known).cloned().collect();
    if gone.is_empty() {
        return;
    }
    if gone.contains(&header::TRANSFER_ENCODING) {
        gone.push(header::CONTENT_LENGTH);
    }
    gone.extend(named(headers));
    for name in gone {
        headers.remove(name);
    }
}

/// The headers that `connection` names.
fn named(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let values = headers.get_all(header::CONNECTION).iter();
    let words = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    words.filter_map(|name| HeaderName::try_from(name.trim()).ok())
}

/// Compares by text: a header's name is text of a few bytes, and a list of names would have to be
/// made for each comparison.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::config::{Key, Secret};

    fn upstream(family: Family, url: &str, key: Option<&str>) -> Upstream {
        let kind = Kind::Http {
            origin: url.parse().unwrap(),
            prefix: String::new(),
            roots: None,
        };
        let key = key.map(|key| Key {
            secret: Secret::new(key.into()),
            account: "u".into(),
        });
        Upstream {
            keys: key.into_iter().collect(),
            ..Upstream::of("u", family, kind)
        }
    }

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::post("/v1/messages").version(Version::HTTP_2);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn request_for(
        upstream: &Upstream,
        headers: &[(&str, &str)],
        path: PathAndQuery,
    ) -> Result<Parts, Unsendable> {
        let head = head(headers);
        let key = upstream.keys.first().map(|key| key.secret.reveal());
        let credential = key
            .map(|key| Credential::of(upstream.auth, key))
            .transpose()?;
        let (method, headers) = (&head.method, &head.headers);
        outgoing(
            upstream,
            credential.as_ref(),
            method,
            headers,
            |_| false,
            path,
        )
    }

    fn left(parts: &Parts) -> Vec<(String, String)> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter();
        let mut all: Vec<_> = headers.map(|(n, v)| (n.to_string(), text(v))).collect();
        all.sort();
        all
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    fn path() -> PathAndQuery {
        PathAndQuery::from_static("/v1/messages?beta=true")
    }

    #[test]
    fn the_operators_key_takes_the_place_of_every_credential_of_the_caller() {
        let caller = [
            ("authorization", "Bearer theirs"),
            ("x-api-key", "theirs"),
            ("api-key", "theirs"),
            ("x-goog-api-key", "theirs"),
            ("cookie", "session=theirs"),
            ("anthropic-version", "2023-06-01"),
        ];
        let openai = upstream(Family::Openai, "https://api.openai.com", Some("ours"));
        let sent = request_for(&openai, &caller, path()).unwrap();
        let version = ("anthropic-version", "2023-06-01");
        let ours = pairs(&[version, ("authorization", "Bearer ours")]);
        assert_eq!(left(&sent), ours);
        assert!(!format!("{sent:?}").contains("ours"));

        let anthropic = upstream(Family::Anthropic, "https://api.anthropic.com", Some("ours"));
        let sent = request_for(&anthropic, &caller, path()).unwrap();
        assert_eq!(left(&sent), pairs(&[version, ("x-api-key", "ours")]));
    }

    #[test]
    fn a_key_in_a_geminis_query_is_the_callers_and_goes_with_the_others() {
        let path = || {
            PathAndQuery::from_static("/v1beta/models/m:streamGenerateContent?key=theirs&alt=sse")
        };
        let ours = upstream(Family::Gemini, "https://g", Some("ours"));
        let sent = request_for(&ours, &[("x-goog-api-key", "theirs")], path()).unwrap();
        assert_eq!(left(&sent), pairs(&[("x-goog-api-key", "ours")]));
        assert_eq!(
            sent.uri.to_string(),
            "https://g/v1beta/models/m:streamGenerateContent?alt=sse"
        );
        let plain = upstream(Family::Gemini, "https://g", None);
        let sent = request_for(&plain, &[], path()).unwrap();
        assert_eq!(sent.uri.query(), Some("key=theirs&alt=sse"));
    }

    #[test]
    fn without_a_key_the_callers_credentials_pass_untouched() {
        let caller = [("authorization", "Bearer theirs"), ("x-api-key", "theirs")];
        let plain = upstream(Family::Openai, "http://127.0.0.1:9", None);
        let sent = request_for(&plain, &caller, path()).unwrap();
        assert_eq!(left(&sent), pairs(&caller));
    }

    #[test]
    fn what_belongs_to_one_connection_or_to_outrigger_ends_here() {
        let sent = request_for(
            &upstream(Family::Openai, "http://127.0.0.1:9", None),
            &[
                ("connection", "keep-alive, X-Named"),
                ("connection", "x-also-named"),
                ("x-named", "1"),
                ("x-also-named", "1"),
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "keep-alive"),
                ("proxy-authorization", "Basic x"),
                ("te", "trailers"),
                ("trailer", "x"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "h2c"),
                ("expect", "100-continue"),
                ("host", "outrigger:4141"),
                ("content-length", "12"),
                ("x-outrigger-target", "a/b"),
                ("x-stainless-lang", "python"),
            ],
            path(),
        )
        .unwrap();
        assert_eq!(left(&sent), pairs(&[("x-stainless-lang", "python")]));
    }

    #[test]
    fn a_length_beside_a_transfer_encoding_is_no_length() {
        let length = |headers: &[(&str, &str)]| {
            let mut headers = head(headers).headers;
            strip_hop_by_hop(&mut headers);
            headers.contains_key(header::CONTENT_LENGTH)
        };
        assert!(!length(&[
            ("content-length", "5"),
            ("transfer-encoding", "chunked")
        ]));
        assert!(length(&[("content-length", "5")]));
    }

    #[test]
    fn the_uri_is_the_upstreams_origin_and_the_given_path() {
        let https = upstream(Family::Openai, "https://api.example.com:8443", None);
        let sent = request_for(&https, &[], path()).unwrap();
        let uri = "https://api.example.com:8443/v1/messages?beta=true";
        assert_eq!(sent.uri.to_string(), uri);
        assert_eq!(sent.version, Version::HTTP_11);

        let embedded = Upstream {
            kind: Kind::Embedded,
            ..https
        };
        let sent = request_for(&embedded, &[], path()).unwrap();
        assert_eq!(sent.uri.to_string(), "/v1/messages?beta=true");
    }

    #[test]
    fn a_key_that_no_header_can_hold_is_refused_and_not_quoted() {
        let key = Some("canary\r\nx: y");
        let broken = upstream(Family::Openai, "https://api.openai.com", key);
        let error = request_for(&broken, &[], path()).unwrap_err();
        assert_eq!(error, Unsendable::Key);
        assert!(!error.to_string().contains("canary"));
    }
}
