//! Decision on a connection: (destination, name) → terminate TLS, tunnel or refuse. Pure.
//!
//! The forward proxy and transparent mode differ only in where the destination comes from: a
//! CONNECT names a host, a redirected connection has only the name in its ClientHello. A connection
//! for which two sources give different names is refused wherever an upstream claims one of the
//! two: it could bypass the policies.

use super::hello::Opening;
use crate::config::{Hosts, Others, hosts::normal};

/// Action on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Terminates TLS here; the requests inside are exchanges.
    Terminate,
    /// Passes bytes unchanged to the destination.
    Tunnel(TunnelReason),
    /// Closes the connection.
    Refuse(RefuseReason),
}

/// Reason for a tunnel: a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TunnelReason {
    /// No upstream claims its host.
    OtherHost,
    /// TLS that names no host.
    NoName,
    /// No TLS.
    NotTls,
    /// The client waits for the server to speak first.
    Silent,
}

impl TunnelReason {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::OtherHost => "other_host",
            Self::NoName => "no_sni",
            Self::NotTls => "not_tls",
            Self::Silent => "silent",
        }
    }
}

/// Reason for a refusal: a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefuseReason {
    /// No upstream claims its host, and `others: refuse`.
    Others,
    /// The names that it gives differ, and an upstream claims one of them.
    Mismatch,
    /// TLS for a claimed host was expected, and the ClientHello names none.
    NoName,
    /// TLS for a claimed host was expected, and something else came.
    NotTls,
    /// A ClientHello with more than one reading, or that did not come in time.
    Malformed,
    /// The destination is Outrigger itself, or there is none: a loop, or a connection that was not
    /// redirected.
    Loop,
    /// The destination is an address that may not be reached.
    Forbidden,
    /// The destination did not answer.
    Unreachable,
    /// The sidecar has no certificate authority for the host's certificate.
    NoAuthority,
}

impl RefuseReason {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Others => "other_host",
            Self::Mismatch => "mismatch",
            Self::NoName => "no_sni",
            Self::NotTls => "not_tls",
            Self::Malformed => "malformed",
            Self::Loop => "loop",
            Self::Forbidden => "forbidden",
            Self::Unreachable => "unreachable",
            Self::NoAuthority => "no_authority",
        }
    }
}

/// Decides on a CONNECT to `host` (as [`normal`] spells it), before any byte inside it has come.
pub(super) fn connect(hosts: &Hosts, others: Others, host: &str, port: u16) -> Action {
    match (hosts.tls(host, port), others) {
        (Some(_), _) => Action::Terminate,
        (None, Others::Tunnel) => Action::Tunnel(TunnelReason::OtherHost),
        (None, Others::Refuse) => Action::Refuse(RefuseReason::Others),
    }
}

/// Decides on a connection that begins with `opening`. `dialled` is the host of the CONNECT that it
/// came by.
pub(super) fn decide(
    hosts: &Hosts,
    others: Others,
    dialled: Option<&str>,
    port: u16,
    opening: &Opening,
) -> Action {
    let claimed = |host: &str| hosts.tls(host, port).is_some();
    let pass = |why| match others {
        Others::Tunnel => Action::Tunnel(why),
        Others::Refuse => Action::Refuse(RefuseReason::Others),
    };
    match (dialled, opening) {
        (_, Opening::Malformed) => Action::Refuse(RefuseReason::Malformed),
        (Some(host), Opening::Name(name)) if host == name && claimed(host) => Action::Terminate,
        (Some(host), Opening::Name(name)) if claimed(host) || claimed(name) => {
            Action::Refuse(RefuseReason::Mismatch)
        }
        (Some(host), Opening::NoName) if claimed(host) => Action::Refuse(RefuseReason::NoName),
        (Some(host), Opening::NotTls) if claimed(host) => Action::Refuse(RefuseReason::NotTls),
        (None, Opening::Name(name)) if claimed(name) => Action::Terminate,
        (_, Opening::Name(_)) => pass(TunnelReason::OtherHost),
        (_, Opening::NoName) => pass(TunnelReason::NoName),
        (_, Opening::NotTls) => pass(TunnelReason::NotTls),
    }
}

/// True if a request names the host that its connection was made for, in every place where it names
/// one: `:authority` or an absolute target, and `Host`. A port that is not written is the scheme's
/// `usual` one; a request without a name does not agree.
pub(super) fn agrees(
    target: Option<&http::uri::Authority>,
    headers: &http::HeaderMap,
    host: &str,
    port: u16,
    usual: u16,
) -> bool {
    let mut named = headers.get_all(http::header::HOST).iter();
    let header = named.next();
    if named.next().is_some() || target.is_none() && header.is_none() {
        return false;
    }
    let target = target.map(|target| Some(target.as_str()));
    let header = header.map(|header| header.to_str().ok());
    [target, header]
        .into_iter()
        .flatten()
        .all(|authority| authority.is_some_and(|authority| is_at(authority, host, port, usual)))
}

fn is_at(authority: &str, host: &str, port: u16, usual: u16) -> bool {
    let (name, written) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are inside its brackets.
        Some((name, written)) if !written.ends_with(']') => (name, Some(written)),
        _ => (authority, None),
    };
    let same_port = match written {
        None => port == usual,
        Some(written) => {
            written.bytes().all(|byte| byte.is_ascii_digit()) && written.parse() == Ok(port)
        }
    };
    same_port && normal(name) == host
}
