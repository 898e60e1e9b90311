//! HTTP to granted hosts, over the proxy's side client. Which hosts is decided here, which *addresses* of them by the client.

use std::time::Duration;

use super::{super::bindings, State, Work};
use bindings::{fetch as wit, types};

/// A side call.
#[derive(Debug)]
pub struct FetchCall {
    /// Its method.
    pub method: http::Method,
    /// Its absolute URL; the host is granted.
    pub url: http::Uri,
    /// Its headers, framing left out.
    pub headers: http::HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// What the policy is ready to wait, cut to what its call has left.
    pub timeout: Duration,
}

/// What came back.
#[derive(Debug)]
pub struct FetchAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// It is not allowed, with the reason.
    Denied(String),
    /// It took too long.
    Timeout,
    /// The connection or the exchange failed, with the reason.
    Failed(String),
    /// The answer is larger than the client takes.
    TooLarge,
}

/// A client for side calls.
pub trait Fetch: Send + Sync {
    /// Sends a call whose host is one of `granted`, which also names the private addresses that it may reach.
    fn send<'a>(
        &'a self,
        call: FetchCall,
        granted: &'a [String],
    ) -> Work<'a, Result<FetchAnswer, FetchError>>;
}

impl From<FetchError> for wit::Error {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Denied(why) => Self::Denied(why),
            FetchError::Timeout => Self::Timeout,
            FetchError::Failed(why) => Self::Failed(why),
            FetchError::TooLarge => Self::TooLarge,
        }
    }
}

impl wit::Host for State {
    async fn send(&mut self, call: wit::Call) -> wasmtime::Result<Result<wit::Answer, wit::Error>> {
        self.live()?;
        let shared = self.shared.clone();
        let left = self.pace.left();
        let call = match read(call, left, &shared.grants.fetch) {
            Ok(call) => call,
            Err(error) => return Ok(Err(error.into())),
        };
        let work = shared.host.fetch.send(call, &shared.grants.fetch);
        Ok(match self.within(work).await? {
            Ok(answer) => Ok(wit::Answer {
                status: answer.status,
                headers: super::headers::all(&answer.headers, true),
                body: answer.body,
            }),
            Err(error) => Err(error.into()),
        })
    }
}

/// Reads and checks a call.
fn read(call: wit::Call, left: Duration, granted: &[String]) -> Result<FetchCall, FetchError> {
    let denied = |why: &str| FetchError::Denied(why.to_owned());
    let url: http::Uri = call.url.parse().map_err(|_| denied("no valid URL"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(denied("the URL must begin with https:// or http://"));
    }
    if !url.authority().is_some_and(|a| allowed(a, granted)) {
        return Err(denied(
            "this host was not granted; add it to `fetch` in the policy's grants",
        ));
    }
    let method = http::Method::from_bytes(call.method.as_bytes())
        .ok()
        .filter(|m| m != http::Method::CONNECT)
        .ok_or_else(|| denied("no valid method"))?;
    let mut headers = http::HeaderMap::new();
    for types::Header { name, value } in call.headers {
        super::headers::set(&mut headers, &name, &value, true).map_err(denied)?;
    }
    let asked = match call.timeout_ms {
        0 => left,
        ms => left.min(Duration::from_millis(ms.into())),
    };
    Ok(FetchCall {
        method,
        url,
        headers,
        body: call.body,
        timeout: asked,
    })
}

/// Whether one of the grants names the authority: `host` for its every port, `host:port` for one.
fn allowed(authority: &http::uri::Authority, granted: &[String]) -> bool {
    // User information in a URL is how one host is made to look like another.
    let host = authority.host();
    !authority.as_str().contains('@')
        && granted.iter().any(|grant| {
            grant.eq_ignore_ascii_case(host) || {
                authority.port().is_some() && grant.eq_ignore_ascii_case(authority.as_str())
            }
        })
}

/// A client that denies everything.
pub(super) struct Nothing;

impl Fetch for Nothing {
    fn send<'a>(
        &'a self,
        _: FetchCall,
        _: &'a [String],
    ) -> Work<'a, Result<FetchAnswer, FetchError>> {
        let denied = FetchError::Denied("there is no client here".into());
        Box::pin(std::future::ready(Err(denied)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_url(url: &str, granted: &[&str]) -> Result<FetchCall, FetchError> {
        let call = wit::Call {
            method: "GET".into(),
            url: url.into(),
            headers: vec![],
            body: vec![],
            timeout_ms: 0,
        };
        let granted: Vec<String> = granted.iter().map(|g| (*g).to_owned()).collect();
        read(call, Duration::from_secs(1), &granted)
    }

    #[test]
    fn only_granted_hosts_can_be_asked() {
        let granted = ["api.example", "other.example:8443"];
        for url in [
            "https://api.example/x",
            "https://API.example:99/x",
            "http://other.example:8443/",
        ] {
            assert!(read_url(url, &granted).is_ok(), "{url}");
        }
        for url in [
            "https://api.example.evil/x",
            "https://evil/api.example",
            "https://api.example@evil/",
            "https://evil@api.example/",
            "https://other.example/",
            "https://other.example:443/",
            "/x",
            "file:///etc/passwd",
            "ftp://api.example/",
            "https://169.254.169.254/",
        ] {
            assert!(
                matches!(read_url(url, &granted), Err(FetchError::Denied(_))),
                "{url}"
            );
        }
    }
}
