//! LLM hosts: names whose TLS is ended, and the upstream that each belongs to.
//!
//! An upstream claims the host of its URL, or those under `hosts:` instead. Names are compared in
//! one spelling ([`normal`]). A claim is for one port, 443 where none is written: another service
//! at the same host is another host.

use policy::ByHost;
use rustls::pki_types::DnsName;

/// One claimed host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) host: String,
    pub(super) port: u16,
    /// TLS, or plain HTTP.
    pub(super) tls: bool,
    pub(super) by: ByHost,
}

/// All claimed hosts. A handful: a list is searched faster than a map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub(super) Vec<Claim>);

impl Hosts {
    /// The upstream for which TLS to `host` (as [`normal`] spells it) at `port` is ended.
    pub fn tls(&self, host: &str, port: u16) -> Option<&ByHost> {
        self.find(host, port, true)
    }

    /// The upstream of plain HTTP to `host` at `port`: that of an `http` URL, or, at port 80, that
    /// of a name whose TLS would be ended.
    pub fn plain(&self, host: &str, port: u16) -> Option<&ByHost> {
        self.find(host, port, false)
            .or_else(|| (port == 80).then(|| self.find(host, 443, true)).flatten())
    }

    /// Every name whose TLS is ended, once, in order: the names for which the pod's authority may
    /// issue certificates.
    pub fn names(&self) -> Vec<&str> {
        let tls = self.0.iter().filter(|claim| claim.tls);
        let mut names: Vec<_> = tls.map(|claim| claim.host.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn find(&self, host: &str, port: u16, tls: bool) -> Option<&ByHost> {
        self.0
            .iter()
            .find(|claim| claim.tls == tls && claim.port == port && claim.host == host)
            .map(|claim| &claim.by)
    }
}

/// A host in the spelling in which hosts are compared: lower case, without brackets and without one
/// dot at the end.
pub fn normal(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = host.strip_prefix('[').unwrap_or(host);
    host.strip_suffix(']').unwrap_or(host).to_ascii_lowercase()
}

/// Reads `host` or `host:port`, a name each; `None` for anything else, an address included.
pub(super) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.split_once(':') {
        None => (text, None),
        Some((host, port)) => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|port| digits && *port > 0)?;
            (host, Some(port))
        }
    };
    let host = normal(host);
    is_name(&host).then_some((host, port))
}

/// Reports whether this is a DNS name in lower case, and not an address in any spelling that
/// resolvers take (`127.1`, `0x7f000001`, `2130706433`).
pub(crate) fn is_name(host: &str) -> bool {
    // An all-digit or hexadecimal last label makes it an address (WHATWG URL, "ends in a number").
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|b| b.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let lower = !host.bytes().any(|b| b.is_ascii_uppercase());
    lower && !number && DnsName::try_from(host).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_and_addresses_are_not_in_any_spelling() {
        for name in [
            "api.openai.com",
            "localhost",
            "a_b.c",
            "x1.2y",
            "xn--bcher-kva.example",
            "3com.com",
        ] {
            assert!(is_name(name), "{name}");
        }
        for not in ". a..b -a a- A 127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 ::1 *.a é"
            .split(' ')
            .chain(["", "a b"])
        {
            assert!(!is_name(not), "{not}");
        }
    }

    #[test]
    fn hosts_are_compared_in_one_spelling() {
        for (written, expected) in [
            ("API.OpenAI.com", "api.openai.com"),
            ("api.openai.com.", "api.openai.com"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(normal(written), expected);
        }
    }
}
