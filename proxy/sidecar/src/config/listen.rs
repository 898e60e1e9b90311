//! `listen:`, besides the base URL: the listeners that intercept connections, and their rules.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// The listeners that stand between an app and its hosts, and their rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listen {
    /// Address of a forward proxy (`HTTPS_PROXY`, `HTTP_PROXY`). Default: none. Taken up at start
    /// only.
    pub forward_proxy: Option<SocketAddr>,
    /// Addresses at which redirected connections arrive. Default: none. Taken up at start only.
    pub transparent: Vec<SocketAddr>,
    /// Treatment of connections to hosts that no upstream claims. Default: they are tunnelled.
    pub others: Others,
    /// Destinations that the forward proxy reaches although they are no public addresses.
    pub reach: Vec<Reach>,
}

impl Listen {
    /// Reports whether a forward proxy or a transparent listener is configured.
    pub fn intercepts(&self) -> bool {
        self.forward_proxy.is_some() || !self.transparent.is_empty()
    }
}

/// Treatment of connections to hosts that no upstream claims, and of those that name none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Others {
    /// Byte by byte to where they were going.
    #[default]
    Tunnel,
    /// Refused.
    Refuse,
}

/// A destination that the forward proxy may reach although addresses of its kind are refused; never
/// Outrigger's own ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of this network, at any port.
    Net(IpNet),
    /// One address at one port.
    Address(SocketAddr),
    /// Whatever this name resolves to; at one port, or at any.
    Host(String, Option<u16>),
}

impl Reach {
    /// Reports whether `address`, to which `host` resolved, is granted. `host` is in the spelling
    /// of [`super::hosts::normal`].
    pub fn grants(&self, host: &str, address: SocketAddr) -> bool {
        match self {
            Self::Net(net) => net.contains(&address.ip().to_canonical()),
            Self::Address(granted) => {
                granted.port() == address.port() && granted.ip() == address.ip().to_canonical()
            }
            Self::Host(granted, port) => {
                granted == host && port.is_none_or(|port| port == address.port())
            }
        }
    }
}

/// Reads `10.0.0.0/8`, `10.1.2.3`, `10.1.2.3:8443`, `[fd00::1]:443`, `vault.internal`,
/// `vault.internal:8200`.
///
/// # Errors
/// The sentence says what to write.
pub(super) fn reach(text: &str) -> Result<Reach, String> {
    let wrong =
        || "is no destination; write a network (`10.0.0.0/8`), a host or `host:port`".to_owned();
    if let Some((net, bits)) = text.split_once('/') {
        // The standard library reads the address: ipnet would take `010.0.0.1`, which others read
        // as octal.
        let net: IpAddr = net.parse().map_err(|_| wrong())?;
        let digits = bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = bits.parse().ok().filter(|_| digits);
        let net = bits.and_then(|bits| IpNet::new(net, bits).ok());
        return net.map(Reach::Net).ok_or_else(wrong);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Reach::Net(address.into()));
    }
    if let Ok(address) = text.parse() {
        return Ok(Reach::Address(address));
    }
    let (host, port) = super::hosts::host_and_port(text).ok_or_else(wrong)?;
    Ok(Reach::Host(host, port))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_granted_and_nothing_beside_it() {
        for (granted, host, address, expected) in [
            ("10.0.0.0/8", "a", "10.255.0.1:1", true),
            ("10.0.0.0/8", "a", "11.0.0.1:1", false),
            ("0.0.0.0/0", "a", "11.0.0.1:1", true),
            ("0.0.0.0/0", "a", "[::1]:1", false),
            ("::/0", "a", "[fd00::1]:1", true),
            ("fd00::/8", "a", "[fd12::1]:1", true),
            ("fd00::/8", "a", "[fe80::1]:1", false),
            ("10.1.2.3", "a", "10.1.2.3:9", true),
            ("10.1.2.3", "a", "[::ffff:10.1.2.3]:9", true),
            ("10.1.2.3", "a", "10.1.2.4:9", false),
            ("10.1.2.3:8443", "a", "10.1.2.3:8443", true),
            ("10.1.2.3:8443", "a", "10.1.2.3:443", false),
            ("[fd00::1]:443", "a", "[fd00::1]:443", true),
            ("Vault.Internal", "vault.internal", "10.0.0.1:9", true),
            (
                "vault.internal:8200",
                "vault.internal",
                "10.0.0.1:8200",
                true,
            ),
            (
                "vault.internal:8200",
                "vault.internal",
                "10.0.0.1:443",
                false,
            ),
            ("vault.internal", "evil.internal", "10.0.0.1:8200", false),
        ] {
            let reach = reach(granted).unwrap();
            assert_eq!(
                reach.grants(host, address.parse().unwrap()),
                expected,
                "{granted} for {host} at {address}"
            );
        }
        for wrong in
            "10.0.0.0/33 10.0.0.0/+8 010.0.0.0/8 ::/129 http://a a: a:0 a:99999 *.x 10.0.0.0/"
                .split(' ')
                .chain(["", "a b"])
        {
            assert!(reach(wrong).is_err(), "{wrong}");
        }
    }
}
