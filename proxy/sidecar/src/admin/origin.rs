//! Callers of this address: a page that a browser loaded from elsewhere may not use it.
//!
//! A page can send requests to any address, and by rebinding its own name to this one it can read
//! the answers too. Browsers cannot hide either: the `Host` is then the page's own name, and
//! `Origin` or `Sec-Fetch-Site` says that the request is another site's. Forms and plain links
//! carry neither header everywhere, so what changes something needs [`HEADER`], which a page can
//! only add after a preflight that this address never grants.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, Method, Request, StatusCode, Uri, Version, header};

use super::{Reply, error};
use crate::config::hosts::normal;

/// Required of every call that changes something; its value does not matter, documented as `1`.
const HEADER: &str = "x-outrigger-admin";

/// Names besides addresses and `localhost` under which this address answers, in the spelling of
/// [`normal`].
#[derive(Debug, Clone, Default)]
pub(super) struct Origins(Vec<String>);

/// Shows that a caller meant to change something. Only [`ChangeIntent::of`] makes one.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChangeIntent(());

impl ChangeIntent {
    /// Reads it from a request that no form and no link can have sent.
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        (!safe && headers.contains_key(HEADER)).then_some(Self(()))
    }

    /// Refuses a change without it.
    pub(super) fn missing() -> Reply {
        error(
            StatusCode::FORBIDDEN,
            "a change needs the header `x-outrigger-admin: 1`, which no form of a web page can send",
        )
    }
}

impl Origins {
    pub(super) fn new(hosts: Vec<String>) -> Self {
        Self(hosts)
    }

    /// Refuses what a browser sends for a page of another site, and what is addressed to a name
    /// that this is not.
    pub(super) fn refuse<B>(&self, request: &Request<B>) -> Option<Reply> {
        let refused = self.judge(request).err();
        refused.map(|refused| error(refused.status, &refused.message))
    }

    fn judge<B>(&self, request: &Request<B>) -> Result<(), Refused> {
        let headers = request.headers();
        let host = one(headers, header::HOST.as_str())?;
        let target = request.uri().authority().map(http::uri::Authority::as_str);
        if host.is_none() && target.is_none() && request.version() > Version::HTTP_10 {
            return Err(refusal(
                StatusCode::BAD_REQUEST,
                "there is no `Host` header",
            ));
        }
        // A plain HTTP/1.0 check may name no host: no browser does.
        for authority in [host, target].into_iter().flatten() {
            if !self.answers_to(authority) {
                return Err(refusal(
                    StatusCode::MISDIRECTED_REQUEST,
                    "this address answers to IP addresses, `localhost` and the names under `admin: { hosts: [...] }` only; use the address, or add the name there",
                ));
            }
        }
        let site = one(headers, "sec-fetch-site")?;
        let origin = one(headers, header::ORIGIN.as_str())?;
        let own = target.or(host);
        let foreign = site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
            || origin.is_some_and(|origin| !own.is_some_and(|own| same_origin(origin, own)));
        match foreign {
            true => Err(refusal(
                StatusCode::FORBIDDEN,
                "a web page of another origin sent this; open the address itself, or ask with a program that sends no `Origin` and no `Sec-Fetch-Site`",
            )),
            false => Ok(()),
        }
    }

    fn answers_to(&self, authority: &str) -> bool {
        if address(authority) {
            return true;
        }
        let Some((host, _)) = name_and_port(authority) else {
            return false;
        };
        host == "localhost"
            || host
                .strip_suffix(".localhost")
                .is_some_and(|rest| !rest.is_empty())
            || self.0.contains(&host)
    }
}

/// Reports whether `authority` is an IP address, with or without a port: IPv6 bare or in brackets,
/// with or without a zone.
fn address(authority: &str) -> bool {
    if authority.parse::<IpAddr>().is_ok() || authority.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let Some((inner, after)) = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    else {
        return authority
            .strip_suffix(':')
            .is_some_and(|bare| bare.parse::<IpAddr>().is_ok());
    };
    let address = inner.split_once('%').map_or(inner, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok() && port(after).is_some()
}

/// A name in the spelling of [`normal`], and its port where one is written.
fn name_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, after) = match authority.find(':') {
        Some(at) => authority.split_at(at),
        None => (authority, ""),
    };
    Some((normal(host), port(after)?))
}

/// Reads what follows a host: nothing, `:`, or `:` and a number.
fn port(after: &str) -> Option<Option<u16>> {
    if after.is_empty() {
        return Some(None);
    }
    let digits = after.strip_prefix(':')?;
    if digits.is_empty() {
        return Some(None);
    }
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits).map(Some)
}

/// Reports whether the page at `origin` was loaded from `authority`. `null`, which sandboxed pages
/// send, never was.
fn same_origin(origin: &str, authority: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else {
        return false;
    };
    let standard = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let Ok(own) = authority.parse::<http::uri::Authority>() else {
        return false;
    };
    uri.host()
        .is_some_and(|host| normal(host) == normal(own.host()))
        && uri.port_u16().unwrap_or(standard) == own.port_u16().unwrap_or(standard)
}

/// The header's only value: several, or one that is no text, are nobody's.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refused> {
    let mut all = headers.get_all(name).iter();
    let Some(first) = all.next() else {
        return Ok(None);
    };
    match (first.to_str(), all.next()) {
        (Ok(text), None) => Ok(Some(text.trim())),
        _ => Err(refusal(
            StatusCode::BAD_REQUEST,
            &format!("the header `{name}` is there more than once, or is no text"),
        )),
    }
}

/// Refusal of a request, with a sentence for whoever can act.
struct Refused {
    status: StatusCode,
    message: String,
}

fn refusal(status: StatusCode, message: &str) -> Refused {
    Refused {
        status,
        message: message.to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn status(headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::get("/state");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let origins = Origins::new(vec!["outrigger.search.svc".into()]);
        let refused = origins.refuse(&request.body(()).unwrap());
        refused.map_or(200, |reply| reply.status().as_u16())
    }

    #[test]
    fn addresses_localhost_and_configured_names_are_answered_and_no_other_name_is() {
        for host in "127.0.0.1 127.0.0.1:4190 10.1.2.3:4190 10.1.2.3: [::1] [::1]:4190 \
            [fe80::1%25eth0]:4190 ::1 localhost LocalHost:4190 localhost. app.localhost:4190 \
            outrigger.search.svc Outrigger.Search.svc.:4190"
            .split(' ')
        {
            assert_eq!(status(&[("host", host)]), 200, "{host}");
        }
        for host in "evil.example evil.example:4190 127.0.0.1.evil.example localhost.evil.example \
            evillocalhost .localhost 127.1 0x7f000001 2130706433 [::1].evil.example \
            [evil.example] 127.0.0.1@evil.example localhost:port localhost:99999 \
            a.outrigger.search.svc outrigger :4190"
            .split(' ')
            .chain([""])
        {
            assert_eq!(status(&[("host", host)]), 421, "{host}");
        }
    }

    #[test]
    fn a_host_may_be_missing_in_http_1_0_alone_and_stands_once() {
        assert_eq!(status(&[]), 400);
        assert_eq!(status(&[("host", "localhost"), ("host", "localhost")]), 400);
        let old = Request::get("/readyz").version(Version::HTTP_10);
        assert!(Origins::default().refuse(&old.body(()).unwrap()).is_none());
        let old = Request::get("/readyz").version(Version::HTTP_10);
        let old = old.header("host", "evil.example").body(()).unwrap();
        assert!(Origins::default().refuse(&old).is_some());
    }

    #[test]
    fn a_target_with_a_host_counts_besides_the_header() {
        for (target, host, refused) in [
            ("http://127.0.0.1:4190/state", "127.0.0.1:4190", false),
            ("http://evil.example/state", "127.0.0.1:4190", true),
            ("http://127.0.0.1:4190/state", "evil.example", true),
        ] {
            let request = Request::get(target).header("host", host).body(()).unwrap();
            let found = Origins::default().refuse(&request).is_some();
            assert_eq!(found, refused, "{target}");
        }
    }

    #[test]
    fn what_a_page_of_another_origin_sends_is_refused() {
        let host = ("host", "localhost:4190");
        for (name, value, expected) in [
            ("sec-fetch-site", "none", 200),
            ("sec-fetch-site", "same-origin", 200),
            ("sec-fetch-site", "same-site", 403),
            ("sec-fetch-site", "cross-site", 403),
            ("sec-fetch-site", "anything", 403),
            ("origin", "http://localhost:4190", 200),
            ("origin", "http://LOCALHOST:4190", 200),
            ("origin", "http://localhost:3000", 403),
            ("origin", "http://localhost", 403),
            ("origin", "https://evil.example", 403),
            ("origin", "http://evil.example:4190", 403),
            ("origin", "null", 403),
            ("origin", "", 403),
        ] {
            assert_eq!(status(&[host, (name, value)]), expected, "{name}: {value}");
        }
        let proxied = [
            ("host", "outrigger.search.svc"),
            ("origin", "https://outrigger.search.svc"),
        ];
        assert_eq!(status(&proxied), 200);
    }

    #[test]
    fn a_change_is_meant_where_the_header_is_and_never_by_a_safe_method() {
        let mut headers = HeaderMap::new();
        assert!(ChangeIntent::of(&Method::DELETE, &headers).is_none());
        headers.insert(HEADER, http::HeaderValue::from_static("1"));
        assert!(ChangeIntent::of(&Method::DELETE, &headers).is_some());
        assert!(ChangeIntent::of(&Method::POST, &headers).is_some());
        for safe in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(ChangeIntent::of(&safe, &headers).is_none());
        }
    }
}
