//! A credential, and how a request carries it: a header, or a signature of the whole request.

use std::{fmt, time::Duration};

use http::{
    HeaderName, HeaderValue, Uri,
    header::AUTHORIZATION,
    request::Parts,
    uri::{PathAndQuery, Scheme},
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{
    failure::Cause,
    sigv4::{self, X_AMZ_DATE, X_AMZ_SECURITY_TOKEN},
};
use crate::{config::identity::Aws, upstream::credentials::Unsendable};

/// The share of a credential's life after which the next is fetched.
const REFRESH_AFTER: f64 = 0.8;
/// The time before its end at which that happens at the latest, of a long one.
const REFRESH_BEFORE: Duration = Duration::from_secs(5 * 60);
/// The time before its end from which a credential is used no more: it has to arrive before it
/// ends, and clocks differ.
const MARGIN: Duration = Duration::from_secs(10);

const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
/// The hash of a body that somebody else signed.
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// The answer of a source.
pub(super) struct Issued {
    secret: Secret,
    /// None: for ever.
    life: Option<Duration>,
}

enum Secret {
    /// `authorization`, whole, and what `anthropic-beta` has to name.
    Bearer(HeaderValue, Option<&'static str>),
    /// Keys to sign with.
    Aws {
        id: String,
        secret: Zeroizing<String>,
        token: Option<HeaderValue>,
    },
}

impl Issued {
    /// A bearer token, for ever.
    ///
    /// # Errors
    /// No header can hold it.
    pub(super) fn bearer(token: &str) -> Result<Self, Cause> {
        let value = Zeroizing::new(["Bearer ", token].concat());
        let secret = Secret::Bearer(sensitive(&value, token)?, None);
        Ok(Self { secret, life: None })
    }

    /// AWS's keys, for ever.
    ///
    /// # Errors
    /// No header can hold them.
    pub(super) fn keys(id: &str, secret: &str, token: Option<&str>) -> Result<Self, Cause> {
        sensitive(id, id)?;
        sensitive(secret, secret)?;
        let token = token.map(|token| sensitive(token, token)).transpose()?;
        let secret = Secret::Aws {
            id: id.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
            token,
        };
        Ok(Self { secret, life: None })
    }

    /// The same, for a while.
    pub(super) fn living(self, life: Duration) -> Self {
        Self {
            life: Some(life),
            ..self
        }
    }

    /// The same, which a request may carry only if it names this beta.
    pub(super) fn with_beta(mut self, beta: &'static str) -> Self {
        if let Secret::Bearer(_, named) = &mut self.secret {
            *named = Some(beta);
        }
        self
    }

    #[cfg(test)]
    pub(super) const fn life(&self) -> Option<Duration> {
        self.life
    }
}

/// A header's value that is printed nowhere.
fn sensitive(value: &str, token: &str) -> Result<HeaderValue, Cause> {
    let is_token = !token.is_empty() && token.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    let value = HeaderValue::from_str(value).ok().filter(|_| is_token);
    let mut value = value.ok_or(Cause::Malformed { what: "token" })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A credential, for as long as it lives.
pub struct Credential {
    secret: Secret,
    /// The part of AWS that its signatures are for.
    scope: Option<(String, String)>,
    /// From when the next one is fetched.
    refreshes: Option<Instant>,
    /// From when it is used no more.
    ends: Option<Instant>,
}

/// Prints nothing of the secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("signs", &self.signs())
            .field("refreshes", &self.refreshes)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// The credential that was issued at `now`.
    pub(super) fn new(issued: Issued, aws: Option<&Aws>, now: Instant) -> Self {
        let Issued { secret, life } = issued;
        let refresh = |life: Duration| {
            let share = life.mul_f64(REFRESH_AFTER);
            share.max(life.saturating_sub(REFRESH_BEFORE))
        };
        Self {
            secret,
            scope: aws.map(|aws| (aws.region.clone(), aws.service.clone())),
            refreshes: life.map(|life| now + refresh(life)),
            ends: life.map(|life| now + life.saturating_sub(MARGIN)),
        }
    }

    /// Reports whether a request may carry it.
    pub(super) fn is_valid(&self, now: Instant) -> bool {
        self.ends.is_none_or(|end| now < end)
    }

    /// Reports whether the next one is to be fetched.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.refreshes.is_some_and(|due| now >= due)
    }

    /// Reports whether it signs a request, body included.
    pub const fn signs(&self) -> bool {
        matches!(self.secret, Secret::Aws { .. })
    }

    /// Puts it on a request, last of all: a signature is of the head and the whole `body` as they
    /// leave, and of `now`, the time since the Unix epoch in seconds. Each attempt is signed anew.
    /// The URI is absolute.
    ///
    /// # Errors
    /// The URI has no host, or none that can be written anew.
    pub fn apply(&self, head: &mut Parts, body: &[u8], now: u64) -> Result<(), Unsendable> {
        match &self.secret {
            Secret::Bearer(value, beta) => {
                head.headers.insert(AUTHORIZATION, value.clone());
                if let Some(beta) = beta {
                    let names = |value: &HeaderValue| {
                        let text = value.to_str().unwrap_or_default();
                        text.split(',').any(|name| name.trim() == *beta)
                    };
                    if !head.headers.get_all(BETA).iter().any(names) {
                        head.headers.append(BETA, HeaderValue::from_static(beta));
                    }
                }
                Ok(())
            }
            Secret::Aws { id, secret, token } => {
                let headers = &mut head.headers;
                for name in [
                    AUTHORIZATION,
                    X_AMZ_DATE,
                    X_AMZ_SECURITY_TOKEN,
                    CONTENT_HASH,
                ] {
                    headers.remove(name);
                }
                encode_path(&mut head.uri)?;
                let host = host(&head.uri).ok_or(Unsendable::Uri)?;
                let request = sigv4::Request {
                    method: &head.method,
                    host: &host,
                    path: head.uri.path(),
                    query: head.uri.query(),
                    headers: &head.headers,
                    body,
                };
                let keys = sigv4::Keys {
                    id,
                    secret,
                    token: token.as_ref().and_then(|token| token.to_str().ok()),
                };
                let (region, service) = self.scope.as_ref().ok_or(Unsendable::Key)?;
                let signature = sigv4::sign(&request, keys, sigv4::Scope { region, service }, now);
                let value = |text: String| HeaderValue::try_from(text).map_err(|_| Unsendable::Key);
                let mut authorization = value(signature.authorization)?;
                authorization.set_sensitive(true);
                head.headers.insert(AUTHORIZATION, authorization);
                head.headers.insert(X_AMZ_DATE, value(signature.date)?);
                if let Some(token) = token {
                    head.headers.insert(X_AMZ_SECURITY_TOKEN, token.clone());
                }
                Ok(())
            }
        }
    }
}

/// Encodes what AWS's own clients encode in a path (`:` of a model's id is `%3A`): a server that
/// decodes and encodes it again comes to the same text.
fn encode_path(uri: &mut Uri) -> Result<(), Unsendable> {
    let encoded = sigv4::encode(uri.path(), b"/%");
    if encoded == uri.path() {
        return Ok(());
    }
    let target = match uri.query() {
        Some(query) => [&encoded, "?", query].concat(),
        None => encoded,
    };
    let mut parts = std::mem::take(uri).into_parts();
    let target = PathAndQuery::try_from(target).map_err(|_| Unsendable::Uri)?;
    parts.path_and_query = Some(target);
    *uri = Uri::from_parts(parts).map_err(|_| Unsendable::Uri)?;
    Ok(())
}

/// The `host` that the connection will write: without the port that the scheme implies.
fn host(uri: &Uri) -> Option<String> {
    let authority = uri.authority()?;
    let implied = if uri.scheme() == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    Some(match authority.port_u16() {
        Some(port) if port != implied => format!("{}:{port}", authority.host()),
        _ => authority.host().to_owned(),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::config::identity::AwsSource;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn aws() -> Credential {
        let aws = Aws {
            region: "eu-west-1".into(),
            service: "bedrock".into(),
            source: AwsSource::Instance { url: String::new() },
        };
        let issued = Issued::keys("AKID", "canary", Some("session")).unwrap();
        Credential::new(issued, Some(&aws), Instant::now())
    }

    #[test]
    fn a_signed_path_leaves_as_it_was_signed() {
        let uri = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/a.b-v1:0/converse?x=1:2";
        let mut parts = head(uri, &[("content-type", "application/json")]);
        aws().apply(&mut parts, b"{}", 1_440_938_160).unwrap();
        assert_eq!(
            parts.uri.to_string(),
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/a.b-v1%3A0/converse?x=1:2"
        );
        let authorization = parts.headers[AUTHORIZATION].to_str().unwrap();
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/20150830/eu-west-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="),
            "{authorization}"
        );
        assert_eq!(parts.headers[X_AMZ_SECURITY_TOKEN], "session");
        let mut again = head(
            &parts.uri.to_string(),
            &[("content-type", "application/json")],
        );
        aws().apply(&mut again, b"{}", 1_440_938_160).unwrap();
        assert_eq!(again.headers[AUTHORIZATION], parts.headers[AUTHORIZATION]);
        aws().apply(&mut again, b"{ }", 1_440_938_160).unwrap();
        assert_ne!(again.headers[AUTHORIZATION], parts.headers[AUTHORIZATION]);
    }

    #[test]
    fn what_a_caller_signed_by_itself_is_replaced() {
        let caller = [
            ("x-amz-date", "20000101T000000Z"),
            ("x-amz-security-token", "theirs"),
            ("x-amz-content-sha256", "theirs"),
            ("authorization", "AWS4-HMAC-SHA256 theirs"),
        ];
        let mut parts = head("https://bedrock-runtime.eu-west-1.amazonaws.com/", &caller);
        aws().apply(&mut parts, b"", 1_440_938_160).unwrap();
        assert_eq!(parts.headers[X_AMZ_DATE], "20150830T123600Z");
        assert!(!format!("{:?}", parts.headers.values().collect::<Vec<_>>()).contains("theirs"));
        assert!(!parts.headers.contains_key(CONTENT_HASH));
    }

    #[test]
    fn the_host_that_is_signed_has_a_port_only_where_the_request_has() {
        for (uri, expected) in [
            ("https://a.example/x", "a.example"),
            ("https://a.example:443/x", "a.example"),
            ("http://a.example:80/x", "a.example"),
            ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
            ("https://[::1]:8443/x", "[::1]:8443"),
        ] {
            assert_eq!(host(&uri.parse().unwrap()).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_bearer_token_names_its_beta_once_beside_the_callers() {
        let issued = Issued::bearer("canary").unwrap().with_beta("oauth-1");
        let credential = Credential::new(issued, None, Instant::now());
        for (before, after) in [
            (None, vec!["oauth-1"]),
            (Some("tools-2"), vec!["tools-2", "oauth-1"]),
            (Some("tools-2, oauth-1"), vec!["tools-2, oauth-1"]),
        ] {
            let headers: Vec<_> = before
                .map(|beta| ("anthropic-beta", beta))
                .into_iter()
                .collect();
            let mut parts = head("https://api.anthropic.com/v1/messages", &headers);
            credential.apply(&mut parts, b"", 0).unwrap();
            let sent: Vec<_> = parts.headers.get_all(BETA).iter().collect();
            assert_eq!(sent, after);
            assert_eq!(parts.headers[AUTHORIZATION], "Bearer canary");
            assert!(!format!("{parts:?}{credential:?}").contains("canary"));
        }
    }

    #[test]
    fn the_next_one_is_fetched_before_the_end_and_the_old_one_used_until_then() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        for (life, due, end) in [(3600, 3300, 3590), (600, 480, 590), (5, 4, 0)] {
            let issued = Issued::bearer("t").unwrap().living(life * second);
            let credential = Credential::new(issued, None, now);
            let at = |seconds: u32| now + seconds * second;
            assert!(!credential.is_due(at(due) - second) && credential.is_due(at(due)));
            assert!(end == 0 || credential.is_valid(at(end) - second));
            assert!(!credential.is_valid(at(end)));
        }
        let for_ever = Credential::new(Issued::bearer("t").unwrap(), None, now);
        assert!(!for_ever.is_due(now + 1_000_000 * second) && for_ever.is_valid(now));
    }
}
