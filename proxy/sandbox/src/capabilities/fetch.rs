//! HTTP to granted hosts, over the proxy's side client. This file decides which hosts, the client
//! which *addresses* of them.

use std::time::Duration;

use bytes::Bytes;

use super::{
    super::bindings::{interfaces::fetch as wit, types},
    Access, Capability, Nothing, State, Work, headers,
};

pub use wit::Error;

/// The capability `fetch`.
pub static FETCH: Capability = Capability {
    name: "fetch",
    about: "calls these hosts over HTTP",
    access: Access::Hosts,
    waits: true,
    linked: linked!(fetch since V0_2),
};

/// A side call.
#[derive(Debug)]
pub struct Call {
    /// Method.
    pub method: http::Method,
    /// URL: absolute, `http` or `https`; its host is granted.
    pub url: String,
    /// Headers, framing left out.
    pub headers: http::HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Time to the last byte of the answer: what the policy is ready to wait, cut to what its call
    /// has left.
    pub timeout: Duration,
}

/// The answer to a side call.
#[derive(Debug)]
pub struct Answer {
    /// The status; redirects are answers like any other.
    pub status: u16,
    /// The headers, without those of the connection.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A client for side calls.
pub trait Fetch: Send + Sync {
    /// Sends a call whose host is one of `granted`, which also names the private addresses that it
    /// may reach.
    fn send<'a>(&'a self, call: Call, granted: &'a [String]) -> Work<'a, Result<Answer, Error>>;
}

impl wit::Host for State {
    async fn send(&mut self, call: wit::Call) -> wasmtime::Result<Result<wit::Answer, Error>> {
        self.live()?;
        let shared = self.shared.clone();
        let granted = shared.grants.hosts_of(&FETCH);
        let call = match read(call, self.pace.left(), granted) {
            Ok(call) => call,
            Err(error) => return Ok(Err(error)),
        };
        let answer = self.within(shared.host.fetch.send(call, granted)).await?;
        Ok(answer.map(|answer| wit::Answer {
            status: answer.status,
            headers: headers::all(&answer.headers, true),
            body: answer.body.into(),
        }))
    }
}

/// Reads and checks a call.
fn read(call: wit::Call, left: Duration, granted: &[String]) -> Result<Call, Error> {
    let denied = |why: &str| Error::Denied(why.to_owned());
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
    let mut sent = http::HeaderMap::new();
    for types::Header { name, value } in call.headers {
        headers::set(&mut sent, &name, &value, true).map_err(denied)?;
    }
    let timeout = match call.timeout_ms {
        0 => left,
        ms => left.min(Duration::from_millis(ms.into())),
    };
    Ok(Call {
        method,
        url: url.to_string(),
        headers: sent,
        body: call.body.into(),
        timeout,
    })
}

/// Reports whether one of the grants names the authority: `host`, or `host:port` for that port. The
/// port's implementation decides which ports a bare `host` opens: the sidecar's client opens the
/// scheme's own one alone.
fn allowed(authority: &http::uri::Authority, granted: &[String]) -> bool {
    // User information in a URL can make one host look like another.
    let host = authority.host();
    !authority.as_str().contains('@')
        && granted.iter().any(|grant| {
            grant.eq_ignore_ascii_case(host) || {
                authority.port().is_some() && grant.eq_ignore_ascii_case(authority.as_str())
            }
        })
}

impl Fetch for Nothing {
    fn send<'a>(&'a self, _: Call, _: &'a [String]) -> Work<'a, Result<Answer, Error>> {
        Work::now(Err(Error::Denied("there is no client here".into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_url(url: &str, granted: &[&str]) -> Result<Call, Error> {
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
    fn only_granted_hosts_can_be_called() {
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
                matches!(read_url(url, &granted), Err(Error::Denied(_))),
                "{url}"
            );
        }
    }
}
