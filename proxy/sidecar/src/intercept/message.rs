//! A request's method, target and host: a request with two readings, or none, is refused before
//! anything else looks at it.
//!
//! `framing.rs` separates messages; this is about one message whose head hyper has parsed, HTTP/2
//! included. The grammar is narrower than RFC 3986's: a host is a DNS name or an address. `a,b` or
//! `a!b` is a valid name by the RFC, and one that servers split in two.

use std::net::Ipv6Addr;

use http::{HeaderMap, Method, Request, Uri, header, uri::Scheme};
use memchr::memchr;
use policy::ByHost;

use crate::refusal::{Code, Refusal};

/// Accepts a request that every server reads alike.
///
/// # Errors
/// The refusal: 405 for TRACE, 501 for a method that is none of HTTP's own, 400 for a target or a
/// host in no valid form.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    method(request.method())?;
    let claimed = request.extensions().get::<ByHost>().is_some();
    target(request.uri())?;
    authority(request.uri(), request.headers(), claimed)
}

fn method(method: &Method) -> Result<(), Refusal> {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => Ok(()),
        // TRACE has the server echo the request, credentials included (RFC 9110 §9.3.8).
        Method::TRACE | Method::CONNECT => Err(Refusal::new(
            Code::MethodNotAllowed,
            "this method is not passed on to a provider",
        )),
        _ => Err(Refusal::new(
            Code::MethodUnknown,
            "this method is not one of HTTP's own (RFC 9110 §9.3)",
        )),
    }
}

fn target(uri: &Uri) -> Result<(), Refusal> {
    let bad = |why| Err(Refusal::new(Code::BadRequest, why));
    let Some(path) = uri.path_and_query() else {
        return bad("the request's target is an authority; only CONNECT has one");
    };
    if uri.authority().is_some() != uri.scheme().is_some() {
        return bad("the request's target is an authority; only CONNECT has one");
    }
    if !path.as_str().is_ascii() {
        return bad("the request's target holds a character that must be percent-encoded");
    }
    if !path.path().starts_with('/') {
        // `*` is this server, not a provider's (RFC 9110 §9.3.7); behind an upstream's own path it
        // would be a new name.
        return bad("the request's target is no path");
    }
    match uri.scheme() {
        Some(scheme) if ![Scheme::HTTP, Scheme::HTTPS].contains(scheme) => {
            bad("the request's target is of another protocol")
        }
        _ => Ok(()),
    }
}

/// Checks the form of the names, and that the target and `host` do not name two hosts. `claimed` is
/// true if the latter was checked already.
fn authority(uri: &Uri, headers: &HeaderMap, claimed: bool) -> Result<(), Refusal> {
    let bad = |why| Err(Refusal::new(Code::BadRequest, why));
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return bad("the request names its host twice");
    }
    let host = match host.map(|host| host.to_str()) {
        None => None,
        Some(Ok("")) => None, // a client that knows no authority (RFC 9110 §7.2)
        Some(Ok(host)) if is_authority(host) => Some(host),
        Some(_) => return bad("the `host` header is no `host` and no `host:port`"),
    };
    let Some(target) = uri.authority() else {
        return Ok(());
    };
    if !is_authority(target.as_str()) {
        return bad("the target's authority is no `host` and no `host:port`");
    }
    let usual = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => ":443",
        _ => ":80",
    };
    let name = |authority: &str| {
        let authority = authority.strip_suffix(usual).unwrap_or(authority);
        authority.to_ascii_lowercase()
    };
    match host {
        Some(host) if !claimed && name(host) != name(target.as_str()) => {
            bad("the request's target names one host, and its `host` header another")
        }
        _ => Ok(()),
    }
}

/// True if `text` is `host` or `host:port`, the host a DNS name or an address.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => (None, port),
            _ => return false,
        },
        None => {
            let (host, port) = text.split_at(memchr(b':', text.as_bytes()).unwrap_or(text.len()));
            (Some(host), port)
        }
    };
    let named = host.is_none_or(|host| {
        let of_names =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        !host.is_empty() && host.bytes().all(of_names)
    });
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(port) => port.is_empty() || digits(port) && port.parse::<u16>().is_ok(),
    };
    named && numbered
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn status(request: http::request::Builder) -> u16 {
        let request = request.body(()).unwrap();
        check(&request).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_a_port() {
        for good in [
            "a",
            "a:4141",
            "localhost",
            "api.openai.com:443",
            "my_svc.ns",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:4141",
            "a:",
            "",
        ] {
            assert_eq!(
                status(Request::get("/").header("host", good)),
                200,
                "{good:?}"
            );
        }
        for bad in [
            &b"a b"[..],
            b"a,b",
            b"a/../",
            b"a@b",
            b"a:99999",
            b"a:b",
            b"a:+1",
            b"[::1",
            b"::1",
            b"[a]",
            b"[::1]x",
            b"a#x",
            b"a?x",
            b"a\\b",
            b"a%20b",
            b":80",
            b"\xff",
            b"a:80:80",
        ] {
            assert_eq!(
                status(Request::get("/").header("host", bad)),
                400,
                "{:?}",
                bad.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn a_target_that_names_another_host_than_the_header_is_refused() {
        let of = |target: &str, host: &str| status(Request::get(target).header("host", host));
        assert_eq!(of("http://a/v1/models", "a"), 200);
        assert_eq!(of("http://A:80/v1/models", "a"), 200);
        assert_eq!(of("http://evil/v1/models", "a"), 400);
        assert_eq!(of("http://u@a/v1/models", "a"), 400);
        assert_eq!(of("a:80", "a:80"), 400);
        assert_eq!(of("/v1/modèles", "a"), 400);
        assert_eq!(of("/v1/models?q=è", "a"), 400);
        assert_eq!(of("*", "a"), 400);
        assert_eq!(status(Request::options("*").header("host", "a")), 400);
        assert_eq!(of("ftp://a/v1/models", "a"), 400);
        assert_eq!(of("https://a/v1/models", "a"), 200);
    }

    #[test]
    fn methods_that_are_not_https_own_are_not_implemented_and_trace_is_not_allowed() {
        let long = "M".repeat(300);
        for unknown in ["ANNOUNCE", "MKCOLA", "get", "PRI", &long] {
            assert_eq!(status(Request::get("/").method(unknown)), 501, "{unknown}");
        }
        assert_eq!(status(Request::get("/").method("TRACE")), 405);
        for known in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert_eq!(status(Request::get("/").method(known)), 200, "{known}");
        }
    }
}
