//! The rules that lead a pod's outgoing connections to the proxy: what they are, how they are
//! printed, how they get into the kernel.
//!
//! [`Rules`] is what an operator configured, checked; [`Rules::chains`] is what follows from it,
//! once. The nftables text, the iptables text and the netlink messages are three spellings of those
//! chains, so that they can't drift apart.
//!
//! [`kernel`] speaks nf_tables' netlink protocol itself: the init container is one static binary,
//! with neither a shell nor `nft`. The crates that could do it are GPL, wrap C libraries, or start
//! the `nft` program.
//!
//! The rules don't keep a pod from talking to anything else (that is a NetworkPolicy), and nothing
//! here looks at traffic.

use std::collections::BTreeSet;

pub mod cidr;
mod expression;
pub mod kernel;
mod netlink;
mod table;
mod text;

pub use cidr::Cidr;

/// The table's name, in the family `inet`.
pub const TABLE: &str = "outrigger";

/// The most users, ports and networks there may be each: with more, the batch would not fit a
/// socket's buffer (208 KiB by default).
const MOST: usize = 64;

/// Traffic that is redirected to the proxy, and traffic that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    uids: BTreeSet<u32>,
    cidrs: Vec<Cidr>,
    ports: BTreeSet<u16>,
    to: [u16; 2],
}

/// The operator's settings, as they were written.
#[derive(Debug, Clone)]
pub struct RuleSettings {
    /// The proxy's user id: its own connections go straight out.
    pub uid: u32,
    /// Other users whose connections are left alone.
    pub exclude_uids: Vec<u32>,
    /// Destination ports that are led to the proxy (TCP) and refused (UDP: HTTP/3 would slip by).
    pub ports: Vec<u16>,
    /// Port of the proxy on 127.0.0.1 for redirected IPv4.
    pub to: u16,
    /// Port of the proxy on ::1 for redirected IPv6.
    pub to6: u16,
    /// Destinations that are left alone.
    pub exclude_cidrs: Vec<Cidr>,
}

/// The reason why settings can't become rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// Every root process of the pod would be left alone.
    #[error(
        "uid 0 can't be left out: every container that runs as root would go around the proxy; run the proxy as a user of its own (13370) and name that"
    )]
    Root,
    /// 4294967295 is no user.
    #[error("uid 4294967295 is no user (it means none): name the proxy's, 13370 by default")]
    Nobody,
    /// No port is led anywhere.
    #[error("no port is led to the proxy: name one (--port 443)")]
    NoPort,
    /// Port 0.
    #[error("port 0 is no port: name one from 1 to 65535")]
    PortZero,
    /// The proxy's own port would be led to itself.
    #[error(
        "port {0} is the proxy's own: what goes there can't be led there as well; choose another --port or --to/--to6"
    )]
    OwnPort(u16),
    /// A whole family would be left alone.
    #[error(
        "--exclude-cidr {0} leaves out every destination, so that nothing of its family would reach the proxy: name a smaller network"
    )]
    Everything(Cidr),
    /// More than [`MOST`] of one kind.
    #[error(
        "{0} is there more than {MOST} times: the kernel takes all rules as one message; name wider networks or fewer exceptions"
    )]
    TooMany(&'static str),
}

/// One of the table's chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// `out` or `quic`.
    pub name: &'static str,
    /// The kind of chain, at the hook `output` in either case.
    pub kind: Kind,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// The purpose of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Decides where a connection goes, on its first packet.
    Nat,
    /// Sees every packet.
    Filter,
}

impl Kind {
    /// nf_tables' name of it, and its priority at the hook.
    pub const fn facts(self) -> (&'static str, i32) {
        match self {
            Self::Nat => ("nat", -100),
            Self::Filter => ("filter", 0),
        }
    }
}

/// A rule of a chain: its verdict on packets that match all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The conditions, all of which must hold.
    pub when: Vec<Match>,
    /// Its verdict.
    pub then: Verdict,
}

/// One condition on a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Its socket belongs to this user.
    Uid(u32),
    /// It leaves by the loopback interface.
    Loopback,
    /// It goes to this network.
    To(Cidr),
    /// It is of this family.
    Family(Family),
    /// It is TCP to this port.
    Tcp(u16),
    /// It is UDP to this port.
    Udp(u16),
}

/// An IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The fate of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is left alone by this chain.
    Return,
    /// Its connection goes to this port of the loopback address instead.
    Redirect(u16),
    /// It is refused with "port unreachable".
    Reject,
}

impl Rules {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first [`Mistake`] in it.
    pub fn new(settings: &RuleSettings) -> Result<Self, Mistake> {
        let uids: BTreeSet<u32> = std::iter::once(settings.uid)
            .chain(settings.exclude_uids.iter().copied())
            .collect();
        let ports: BTreeSet<u16> = settings.ports.iter().copied().collect();
        for (option, count) in [
            ("--exclude-uid", settings.exclude_uids.len()),
            ("--port", settings.ports.len()),
            ("--exclude-cidr", settings.exclude_cidrs.len()),
        ] {
            if count > MOST {
                return Err(Mistake::TooMany(option));
            }
        }
        if uids.contains(&0) {
            return Err(Mistake::Root);
        }
        if uids.contains(&u32::MAX) {
            return Err(Mistake::Nobody);
        }
        if ports.is_empty() {
            return Err(Mistake::NoPort);
        }
        if ports.contains(&0) || settings.to == 0 || settings.to6 == 0 {
            return Err(Mistake::PortZero);
        }
        if let Some(port) = [settings.to, settings.to6]
            .into_iter()
            .find(|p| ports.contains(p))
        {
            return Err(Mistake::OwnPort(port));
        }
        if let Some(all) = settings.exclude_cidrs.iter().find(|c| c.prefix() == 0) {
            return Err(Mistake::Everything(*all));
        }
        let mut cidrs = Vec::with_capacity(settings.exclude_cidrs.len());
        for cidr in &settings.exclude_cidrs {
            // Loopback is left alone anyway.
            if !cidrs.contains(cidr) && ![cidr::LOOPBACK_4, cidr::LOOPBACK_6].contains(cidr) {
                cidrs.push(*cidr);
            }
        }
        Ok(Self {
            uids,
            cidrs,
            ports,
            to: [settings.to, settings.to6],
        })
    }

    /// The table's two chains: the one that redirects and the one that refuses HTTP/3.
    ///
    /// Rules for what is left alone come first: one that says "return" ends its chain for that
    /// packet.
    pub fn chains(&self) -> [Chain; 2] {
        let leave = |when| Rule {
            when: vec![when],
            then: Verdict::Return,
        };
        let uids = || self.uids.iter().map(|uid| leave(Match::Uid(*uid)));
        let cidrs = || self.cidrs.iter().map(|cidr| leave(Match::To(*cidr)));
        let loopback = [
            Match::Loopback,
            Match::To(cidr::LOOPBACK_4),
            Match::To(cidr::LOOPBACK_6),
        ];
        let redirect = |port: u16| {
            [Family::V4, Family::V6]
                .into_iter()
                .zip(self.to)
                .map(move |(family, to)| Rule {
                    when: vec![Match::Family(family), Match::Tcp(port)],
                    then: Verdict::Redirect(to),
                })
        };
        let refuse = |port: &u16| Rule {
            when: vec![Match::Udp(*port)],
            then: Verdict::Reject,
        };
        [
            Chain {
                name: "out",
                kind: Kind::Nat,
                rules: uids()
                    .chain(loopback.map(leave))
                    .chain(cidrs())
                    .chain(self.ports.iter().copied().flat_map(redirect))
                    .collect(),
            },
            Chain {
                name: "quic",
                kind: Kind::Filter,
                rules: uids()
                    .chain(cidrs())
                    .chain(self.ports.iter().map(refuse))
                    .collect(),
            },
        ]
    }

    /// The ruleset for `nft -f`. Loading it twice leaves one table.
    pub fn nft(&self) -> String {
        text::nft(self)
    }

    /// The same for `iptables-restore` and for `ip6tables-restore`: each takes the lines of its own
    /// family.
    pub fn iptables(&self) -> String {
        text::iptables(self)
    }

    /// One line for a person: what goes where.
    pub fn summary(&self) -> String {
        let list = |all: Vec<String>| all.join(", ");
        let ports = list(self.ports.iter().map(u16::to_string).collect());
        let uids = list(self.uids.iter().map(u32::to_string).collect());
        let [to, to6] = self.to;
        format!(
            "table inet {TABLE}: TCP {ports} goes to 127.0.0.1:{to} and [::1]:{to6}, UDP {ports} is refused, uid {uids} goes straight"
        )
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    pub(super) fn settings() -> RuleSettings {
        RuleSettings {
            uid: 13370,
            exclude_uids: Vec::new(),
            ports: vec![443],
            to: 15001,
            to6: 15006,
            exclude_cidrs: Vec::new(),
        }
    }

    #[test]
    fn what_would_let_traffic_slip_by_or_loop_is_a_sentence() {
        let mistake = |change: &dyn Fn(&mut RuleSettings)| {
            let mut settings = settings();
            change(&mut settings);
            Rules::new(&settings).unwrap_err()
        };
        assert_eq!(mistake(&|w| w.uid = 0), Mistake::Root);
        assert_eq!(mistake(&|w| w.exclude_uids = vec![1000, 0]), Mistake::Root);
        assert_eq!(mistake(&|w| w.uid = u32::MAX), Mistake::Nobody);
        assert_eq!(mistake(&|w| w.ports.clear()), Mistake::NoPort);
        assert_eq!(mistake(&|w| w.ports.push(0)), Mistake::PortZero);
        assert_eq!(mistake(&|w| w.to6 = 0), Mistake::PortZero);
        assert_eq!(mistake(&|w| w.ports.push(15006)), Mistake::OwnPort(15006));
        let many = Mistake::TooMany("--port");
        assert_eq!(mistake(&|w| w.ports = (1..66).collect()), many);
        let all: Cidr = "::/0".parse().unwrap();
        let sentence = mistake(&|w| w.exclude_cidrs = vec![all]).to_string();
        assert!(sentence.contains("--exclude-cidr ::/0"), "{sentence}");
    }

    #[test]
    fn what_is_said_twice_is_one_rule() {
        let once = Rules::new(&settings()).unwrap();
        let twice = Rules::new(&RuleSettings {
            exclude_uids: vec![13370],
            ports: vec![443, 443],
            exclude_cidrs: vec![cidr::LOOPBACK_4, cidr::LOOPBACK_6],
            ..settings()
        })
        .unwrap();
        assert_eq!(once, twice);
    }

    #[test]
    fn whatever_is_left_alone_is_matched_before_anything_is_redirected_or_refused() {
        let rules = Rules::new(&RuleSettings {
            exclude_uids: vec![999],
            ports: vec![8443, 443],
            exclude_cidrs: vec!["10.0.0.0/8".parse().unwrap()],
            ..settings()
        })
        .unwrap();
        for chain in rules.chains() {
            let first = chain.rules.iter().position(|r| r.then != Verdict::Return);
            let (leave, act) = chain.rules.split_at(first.unwrap());
            assert!(act.iter().all(|r| r.then != Verdict::Return));
            for uid in [999, 13370] {
                assert!(leave.iter().any(|r| r.when == [Match::Uid(uid)]));
            }
            assert!(leave.iter().any(|r| r.when == [Match::To(rules.cidrs[0])]));
        }
    }
}
