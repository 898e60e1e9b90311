//! `listen:`, `admin:` and which upstream claims which host.

use std::{collections::BTreeMap, net::SocketAddr};

use policy::ByHost;

use super::Check;
use crate::config::{
    Kind, Listen, Others, Upstream,
    file::{self, Text, WrittenAdmin},
    hosts::{Claim, Hosts, host_and_port, is_name, normal},
    listen::reach,
    problems::Path,
};

/// The `hosts:` of each upstream; `None` where the key is left out.
pub(super) type WrittenHosts = Vec<(String, Option<Vec<Text>>)>;

impl Check<'_> {
    pub(super) fn listen(
        &mut self,
        written: file::Listen,
        admin: Option<&WrittenAdmin>,
    ) -> (SocketAddr, SocketAddr, Listen) {
        let at = Path::default().key("listen");
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let base_at = at.key("base_url");
        let base = self.parsed(&base_at, written.base_url.as_ref(), local(4141), address);
        let mut taken = vec![("listen.base_url".to_owned(), base)];
        let forward_at = at.key("forward_proxy");
        let forward_proxy =
            self.parsed(&forward_at, written.forward_proxy.as_ref(), None, |text| {
                address(text).map(Some)
            });
        if let Some(address) = forward_proxy {
            self.take(&forward_at, address, &mut taken);
        }
        let transparent_at = at.key("transparent");
        let mut transparent = Vec::new();
        if let Some(file::OneOrMore(all)) = written.transparent.0 {
            if all.is_empty() {
                self.problem(
                    &transparent_at,
                    "names no address; write one like `127.0.0.1:15001`, or leave the key out",
                );
            }
            for (n, text) in all.iter().enumerate() {
                let at = if all.len() > 1 {
                    transparent_at.index(n)
                } else {
                    transparent_at.clone()
                };
                let parsed = self.parsed(&at, Some(text), None, |text| address(text).map(Some));
                if let Some(address) = parsed {
                    self.take(&at, address, &mut taken);
                    transparent.push(address);
                }
            }
        }
        let admin_at = match admin {
            Some(written) if written.section => Path::default().key("admin").key("listen"),
            _ => Path::default().key("admin"),
        };
        let written_admin = admin.and_then(|written| written.listen.as_ref());
        let admin = self.parsed(&admin_at, written_admin, local(4190), address);
        self.take(&admin_at, admin, &mut taken);
        let words = [("tunnel", Others::Tunnel), ("refuse", Others::Refuse)];
        let others = self.word(
            &at.key("others"),
            written.others.as_ref(),
            Others::default(),
            &words,
        );
        let written = written.reach.as_deref().unwrap_or_default();
        let reach = self.list(&at.key("reach"), written, reach);
        let listen = Listen {
            forward_proxy,
            transparent,
            others,
            reach,
        };
        (base, admin, listen)
    }

    /// Reads the names under which the admin address answers.
    pub(super) fn admin_hosts(&mut self, written: &WrittenAdmin) -> Vec<String> {
        let at = Path::default().key("admin").key("hosts");
        self.list(&at, &written.hosts, |text| match host_and_port(text) {
            Some((host, None)) => Ok(host),
            _ => Err("is no host's name; write one like `outrigger.search.svc`, without a port (addresses and `localhost` need none)".into()),
        })
    }

    /// Notes that `address` is listened on; two can't have one port.
    fn take(&mut self, at: &Path, address: SocketAddr, taken: &mut Vec<(String, SocketAddr)>) {
        let same_ip = |other: &SocketAddr| {
            other.ip() == address.ip()
                || other.ip().is_unspecified()
                || address.ip().is_unspecified()
        };
        let clash = taken.iter().find(|(_, other)| {
            address.port() != 0 && other.port() == address.port() && same_ip(other)
        });
        if let Some((key, other)) = clash {
            let message = format!("is the port of `{key}` ({other}); give it another one");
            self.problem(at, message);
        }
        taken.push((at.to_string(), address));
    }

    /// Claims for each upstream the hosts under its `hosts:`, else the host of its URL. A name
    /// under `hosts:` goes before a URL's; among several upstreams at one URL's host, the one that
    /// has its family's name (`openai` rather than `openai-batch`) claims it, as requests without
    /// an alias go there.
    pub(super) fn hosts(
        &mut self,
        upstreams: &BTreeMap<String, Upstream>,
        written: WrittenHosts,
        listen: &Listen,
    ) -> Hosts {
        let mut claims: Vec<Claim> = Vec::new();
        let mut by_url: Vec<Claim> = Vec::new();
        for (name, hosts) in written {
            let Some(upstream) = upstreams.get(&name) else {
                continue;
            };
            let url = of_url(upstream);
            let Some(hosts) = hosts else {
                by_url.extend(url);
                continue;
            };
            // A plain HTTP endpoint stays one, whatever names end TLS for it.
            by_url.extend(url.clone().filter(|url| !url.tls));
            let at = Path::default().key("upstreams").key(&name).key("hosts");
            for (n, text) in hosts.iter().enumerate() {
                let at = at.index(n);
                let Some((host, port)) = self.parsed(&at, Some(text), None, |t| host(t).map(Some))
                else {
                    continue;
                };
                let own = url.as_ref().is_some_and(|url| url.host == host);
                if let Some(other) = claims.iter().find(|c| c.host == host && c.port == port) {
                    let message = format!(
                        "is claimed by the upstream `{}` as well; name each host under one upstream",
                        other.by.upstream
                    );
                    self.problem(&at, message);
                    continue;
                }
                claims.push(claim(host, port, true, &name, own));
            }
        }
        for (n, url) in by_url.iter().enumerate() {
            let same = |c: &Claim| c.host == url.host && c.port == url.port && c.tls == url.tls;
            if claims.iter().any(same) {
                continue; // named under `hosts:`, or settled already
            }
            let rivals: Vec<_> = by_url.iter().filter(|c| same(c)).collect();
            let first = |c: &&&Claim| ["openai", "anthropic", "gemini"].contains(&&*c.by.upstream);
            let named: Vec<_> = rivals.iter().filter(first).collect();
            let chosen = match (rivals.as_slice(), named.as_slice()) {
                ([only], _) => Some(*only),
                (_, [only]) => Some(**only),
                _ => None,
            };
            if let Some(chosen) = chosen {
                claims.push(chosen.clone());
            } else if listen.intercepts() && by_url.iter().position(same) == Some(n) {
                let names: Vec<_> = rivals
                    .iter()
                    .map(|c| format!("`{}`", c.by.upstream))
                    .collect();
                let message = format!(
                    "has several upstreams at `{}` ({}); write `hosts: [{}]` under the one that apps mean who dial it",
                    url.host,
                    names.join(", "),
                    url.host
                );
                self.problem(&Path::default().key("upstreams"), message);
            }
        }
        Hosts(claims)
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse::<SocketAddr>().map_err(|_| {
        let hint = if text.contains("://") {
            ", without a scheme"
        } else {
            ""
        };
        format!("is not an address; write an IP address and a port{hint}, like `127.0.0.1:4141`")
    })
}

fn host(text: &str) -> Result<(String, u16), String> {
    if normal(text).parse::<std::net::IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok() {
        return Err(
            "is an address, and TLS tells names only; write a name like `api.openai.com`".into(),
        );
    }
    if text.contains('*') {
        return Err("holds a `*`; name each host, like `api.openai.com`".into());
    }
    host_and_port(text)
        .map(|(host, port)| (host, port.unwrap_or(443)))
        .ok_or_else(|| "is no host; write a name like `api.openai.com`".into())
}

fn claim(host: String, port: u16, tls: bool, upstream: &str, own: bool) -> Claim {
    let upstream = upstream.into();
    let by = ByHost { upstream, own };
    Claim {
        host,
        port,
        tls,
        by,
    }
}

/// The claim of an upstream's URL; none for an address, which TLS has no server name for.
fn of_url(upstream: &Upstream) -> Option<Claim> {
    let Kind::Http { origin, .. } = &upstream.kind else {
        return None;
    };
    let tls = origin.scheme_str() == Some("https");
    let host = normal(origin.host()?);
    let port = origin.port_u16().unwrap_or(if tls { 443 } else { 80 });
    (!tls || is_name(&host)).then(|| claim(host, port, tls, &upstream.name, true))
}
