//! The policies' own calls (`fetch`): HTTP to granted hosts, and only to addresses that are meant
//! to be reached from outside.
//!
//! There are two checks. The URL's host and port must be granted; then every address that the host
//! resolves to is judged ([`super::addresses`]), and the connection goes to the judged ones.
//! Loopback, private and metadata addresses are reached only where the grants name the address
//! itself (or `localhost`): a granted name that suddenly resolves into the pod's network is
//! refused. A grant `host` covers the scheme's own port, `host:port` that port: granting
//! `localhost` opens none of Outrigger's own ports.
//!
//! Redirects are not followed, and no proxy of the environment is used: both would bypass the
//! checks.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::BytesMut;
use dashmap::DashMap;
use http::header;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use super::{addresses::forbidden, cause, connect::tls, credentials::strip_hop_by_hop};
use sandbox::capabilities::{
    Work,
    fetch::{Answer, Call, Error, Fetch},
};

/// Longest time of one call, however long a policy would wait.
pub const LONGEST: Duration = Duration::from_secs(5);
/// Largest answer, in bytes.
pub const LARGEST: usize = 1024 * 1024;
/// Most sets of grants that have connections of their own; a reload that changes grants makes new
/// ones.
const MOST_SETS: usize = 64;
/// Time for which a connection without a call is kept: under the 5 s after which the first servers
/// close theirs (Node's `server.keepAliveTimeout`).
const IDLE: Duration = Duration::from_secs(4);

/// Client of policies' calls. Makes no connection until the first one.
#[derive(Default)]
pub struct Client {
    /// A client per set of grants, so that one policy's grants (and connections) never serve
    /// another's.
    clients: DashMap<Box<[String]>, reqwest::Client>,
}

impl Client {
    /// Makes a client without connections.
    pub fn new() -> Self {
        Self::default()
    }

    async fn answer(&self, call: Call, granted: &[String]) -> Result<Answer, Error> {
        let url = allowed(granted, &call)?;
        let client = self.client(granted)?;
        let sending = client
            .request(call.method, url)
            .headers(call.headers)
            .body(call.body);
        tokio::time::timeout(call.timeout.min(LONGEST), async {
            read(sending.send().await.map_err(failed)?).await
        })
        .await
        .unwrap_or(Err(Error::Timeout))
    }

    fn client(&self, granted: &[String]) -> Result<reqwest::Client, Error> {
        if let Some(client) = self.clients.get(granted) {
            return Ok(client.clone());
        }
        let client = make(granted)?;
        if self.clients.len() >= MOST_SETS {
            self.clients.clear();
        }
        self.clients.insert(granted.into(), client.clone());
        Ok(client)
    }
}

impl Fetch for Client {
    /// Nothing is sent where the call is denied; a failure names its kind, never the URL.
    fn send<'a>(&'a self, call: Call, granted: &'a [String]) -> Work<'a, Result<Answer, Error>> {
        Work::later(self.answer(call, granted))
    }
}

fn make(granted: &[String]) -> Result<reqwest::Client, Error> {
    let failed = |what: &str| Error::Failed(what.into());
    let tls = tls(None).map_err(|_| failed("tls could not be set up"))?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .tcp_nodelay(true)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(8)
        .dns_resolver(Arc::new(Judge {
            granted: granted.iter().filter_map(|g| address(split(g).0)).collect(),
        }))
        .build()
        .map_err(|_| failed("the client could not be set up"))
}

async fn read(mut reply: reqwest::Response) -> Result<Answer, Error> {
    if reply.content_length().is_some_and(|n| n > LARGEST as u64) {
        return Err(Error::TooLarge);
    }
    let mut headers = std::mem::take(reply.headers_mut());
    strip_hop_by_hop(&mut headers);
    let mut body = BytesMut::new();
    while let Some(chunk) = reply.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Error::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: reply.status().as_u16(),
        headers,
        body: body.freeze(),
    })
}

fn failed(error: reqwest::Error) -> Error {
    if let Some(refused) = cause::<Refused>(&error) {
        return Error::Denied(refused.to_string());
    }
    Error::Failed(
        match () {
            () if error.is_timeout() => return Error::Timeout,
            () if error.is_connect() => "no connection",
            () if error.is_body() || error.is_decode() => "the answer broke off",
            () => "no valid answer",
        }
        .into(),
    )
}

/// Makes the first check: scheme, host, port and headers. An address in the URL is judged here, as
/// it is not resolved.
fn allowed(granted: &[String], call: &Call) -> Result<Url, Error> {
    let denied = |why: String| Err(Error::Denied(why));
    let Ok(url) = Url::parse(&call.url) else {
        return denied("the url can't be read; write `https://host/path`".into());
    };
    if !matches!(url.scheme(), "http" | "https") {
        return denied("the url's scheme is neither `https` nor `http`".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return denied("the url holds a user or a password; send them in a header".into());
    }
    let reserved = [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
    ];
    if let Some(name) = reserved
        .iter()
        .find(|name| call.headers.contains_key(*name))
    {
        return denied(format!("header `{name}` is reserved; leave it out"));
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return denied("the url has no host".into());
    };
    let usual = if url.scheme() == "https" { 443 } else { 80 };
    let host = name(host);
    let is_granted = granted.iter().any(|grant| {
        let (granted_host, granted_port) = split(grant);
        same(granted_host, &host) && granted_port.unwrap_or(usual) == port
    });
    if !is_granted {
        let wanted = if port == usual {
            host
        } else {
            format!("{host}:{port}")
        };
        return denied(format!(
            "`{wanted}` is not among the grants; add it to `fetch`"
        ));
    }
    // A granted address was granted by its own spelling, so nothing is left to judge but a
    // v4-mapped disguise, which `same` distinguishes from the address that it hides.
    Ok(url)
}

/// Normalises a host for comparison: lower case, no brackets, no dot at the end.
fn name(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = host.strip_prefix('[').unwrap_or(host);
    host.strip_suffix(']').unwrap_or(host).to_ascii_lowercase()
}

fn same(granted: &str, host: &str) -> bool {
    match (address(granted), address(host)) {
        (Some(granted), Some(host)) => granted == host,
        (None, None) => name(granted) == host,
        _ => false,
    }
}

fn address(host: &str) -> Option<IpAddr> {
    name(host).parse().ok()
}

/// Splits `host`, `host:port`, `[v6]:port` or a bare IPv6 address.
fn split(grant: &str) -> (&str, Option<u16>) {
    if grant.parse::<Ipv6Addr>().is_ok() {
        return (grant, None);
    }
    match grant.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (grant, None), // matches no host: a colon is in none
        },
        _ => (grant, None),
    }
}

/// Makes the second check: resolves names, and returns only addresses that may be reached.
struct Judge {
    /// Addresses that the grants name.
    granted: Arc<[IpAddr]>,
}

/// A name whose addresses may not be reached.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` resolves to a {why} address; grant that address as well if it is meant")]
struct Refused {
    name: String,
    why: &'static str,
}

impl Resolve for Judge {
    fn resolve(&self, queried: Name) -> Resolving {
        let granted = Arc::clone(&self.granted);
        Box::pin(async move {
            let queried = queried.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((queried, 0)).await?.collect();
            let kept = judge(&name(queried), found, &granted)?;
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// Returns the addresses of `name` that may be reached; `localhost` may be loopback, as a grant
/// named it.
fn judge(
    name: &str,
    found: Vec<SocketAddr>,
    granted: &[IpAddr],
) -> Result<Vec<SocketAddr>, Refused> {
    const LOOPBACK: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let mut refused = None;
    let kept: Vec<_> = found
        .into_iter()
        .filter(|found| {
            let ip = found.ip();
            let named = granted.contains(&ip) || (name == "localhost" && LOOPBACK.contains(&ip));
            let why = forbidden(ip).filter(|_| !named);
            refused = refused.or(why);
            why.is_none()
        })
        .collect();
    match refused {
        Some(why) if kept.is_empty() => Err(Refused {
            name: name.into(),
            why,
        }),
        _ => Ok(kept),
    }
}

#[cfg(test)]
mod tests;
