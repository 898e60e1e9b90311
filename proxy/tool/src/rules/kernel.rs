//! The rules and the kernel of this network namespace: [`install`], [`remove`], [`standing`].
//!
//! A change is one batch: it happens as a whole or not at all, so that there is no moment in which
//! half of the rules stand. The socket is socket2's; netlink needs no address to send to the
//! kernel.

use std::{
    fmt,
    io::{self, Read, Write},
    time::Duration,
};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    Chain, Rules, TABLE,
    netlink::{Attributes, DONE, ERROR, Replies},
    table::{self, GET_CHAIN, GET_RULE, GET_TABLE, NEW_CHAIN, NEW_RULE, NEW_TABLE, Step},
};

/// `AF_NETLINK` and `NETLINK_NETFILTER`.
const NETLINK: (i32, i32) = (16, 12);
/// Time that the kernel may take. It answers before `send` returns, unless it has to load a module
/// first.
const PATIENCE: Duration = Duration::from_secs(10);
/// A dump comes in pieces of up to this (`NLMSG_GOODSIZE` and then some).
const PIECE: usize = 64 * 1024;

/// The way that is left where the kernel has no nf_tables.
const OTHER_FORM: &str = "`outrigger rules --format iptables` prints the same rules for iptables-restore and ip6tables-restore";

/// The reason why the kernel did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// EPERM: not enough capabilities.
    #[error(
        "needs NET_ADMIN: the kernel lets only that capability see or change the rules of this network namespace; run the container as uid 0 with `capabilities: {{ add: [NET_ADMIN, NET_RAW] }}`"
    )]
    NotPermitted,
    /// The kernel (or what plays it) has no nf_tables at all.
    #[error("this kernel has no nf_tables: {OTHER_FORM}")]
    NoNfTables,
    /// EPERM for a part: the table is another process's.
    #[error(
        "another program owns `inet {TABLE}` (nftables' flag `owner`): end that program, and the table goes with it"
    )]
    Owned,
    /// The kernel has nf_tables, but not this part of it.
    #[error(
        "the kernel refused {what} of `inet {TABLE}` ({errno}): nf_tables with NAT for `inet` is in Linux 5.2 and later (modules nft_chain_nat, nft_redir, nft_reject_inet); {OTHER_FORM}"
    )]
    Step {
        /// The part.
        what: String,
        /// The kernel's error number.
        errno: Errno,
    },
    /// The socket failed.
    #[error("can't talk to the kernel's netfilter: {0}")]
    Socket(io::Error),
    /// The kernel said nothing for ten seconds.
    #[error("the kernel's netfilter did not answer within 10 s: look at the node's kernel log")]
    Silent,
    /// The batch was accepted, and what stands afterwards is not what was requested.
    #[error(
        "the kernel took the rules, but they don't stand ({0}): something else changes `inet {TABLE}` at the same time"
    )]
    NotStanding(Standing),
}

/// The state of the table in this network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Exactly these rules.
    Same,
    /// No table of this name.
    Absent,
    /// The table, but not these rules: the first difference.
    Different(String),
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("they stand"),
            Self::Absent => write!(f, "there is no table `inet {TABLE}`"),
            Self::Different(what) => f.write_str(what),
        }
    }
}

/// Replaces whatever the table contained with the rules, and checks that they stand.
///
/// # Errors
/// [`Refused`]; then what stood before stands unchanged, except after [`Refused::NotStanding`].
pub fn install(rules: &Rules) -> Result<(), Refused> {
    let mut netlink = Netlink::open()?;
    netlink.batch(&table::installation(rules))?;
    match netlink.standing(rules)? {
        Standing::Same => Ok(()),
        other => Err(Refused::NotStanding(other)),
    }
}

/// Takes the table away; that there was none is no error.
///
/// # Errors
/// [`Refused`].
pub fn remove() -> Result<(), Refused> {
    Netlink::open()?.batch(&table::removal())
}

/// Compares the table in the kernel with these rules.
///
/// # Errors
/// [`Refused`].
pub fn standing(rules: &Rules) -> Result<Standing, Refused> {
    Netlink::open()?.standing(rules)
}

struct Netlink {
    socket: Socket,
    sequence: u32,
    piece: Vec<u8>,
}

impl Netlink {
    fn open() -> Result<Self, Refused> {
        let (family, protocol) = NETLINK;
        let socket = Socket::new(
            Domain::from(family),
            Type::RAW,
            Some(Protocol::from(protocol)),
        )
        .map_err(|why| match errno(&why) {
            Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT => Refused::NoNfTables,
            _ => Refused::Socket(why),
        })?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .map_err(Refused::Socket)?;
        Ok(Self {
            socket,
            sequence: 0,
            piece: vec![0; PIECE],
        })
    }

    /// Sends all steps as one, and waits for the answer to the last.
    fn batch(&mut self, steps: &[Step]) -> Result<(), Refused> {
        let [begin, end] = table::brackets();
        let mut bytes = Vec::with_capacity(4096);
        let mut numbered = Vec::with_capacity(steps.len());
        let opening = self.number();
        begin.write(opening, &mut bytes);
        for step in steps {
            let number = self.number();
            step.message.write(number, &mut bytes);
            numbered.push((number, step));
        }
        let last = self.sequence;
        end.write(self.number(), &mut bytes);
        self.send(&bytes)?;
        loop {
            let read = self.read()?;
            let replies = Replies(self.piece.get(..read).unwrap_or_default());
            for reply in replies.filter(|reply| reply.kind == ERROR) {
                match reply.errno() {
                    Some(0) if reply.sequence == last => return Ok(()),
                    Some(0) => {}
                    why => {
                        let step = numbered.iter().find(|(n, _)| *n == reply.sequence);
                        let what = step.map_or("the batch", |(_, step)| step.what.as_str());
                        // The opening itself is answered where the kernel does not even begin.
                        return Err(refused(why, what, reply.sequence == opening));
                    }
                }
            }
        }
    }

    fn standing(&mut self, rules: &Rules) -> Result<Standing, Refused> {
        let tables = match self.query(GET_TABLE) {
            Err(Refused::Step {
                errno: Errno::NOENT,
                ..
            }) => return Ok(Standing::Absent),
            other => other?,
        };
        if !messages(&tables, NEW_TABLE).any(table::is_ours) {
            return Ok(Standing::Different(format!(
                "the table `inet {TABLE}` is switched off or belongs to another program"
            )));
        }
        let (chains, all) = (self.query(GET_CHAIN)?, self.query(GET_RULE)?);
        let wanted = rules.chains();
        for chain in &wanted {
            if let Some(difference) = difference(chain, &chains, &all) {
                return Ok(Standing::Different(difference));
            }
        }
        let more = messages(&chains, NEW_CHAIN)
            .filter(|c| table::is_in_ours(*c))
            .count();
        Ok(if more == wanted.len() {
            Standing::Same
        } else {
            Standing::Different(format!(
                "the table `inet {TABLE}` has a chain that is not ours"
            ))
        })
    }

    /// Sends a query, and returns all of the answer's messages as they came.
    fn query(&mut self, kind: u16) -> Result<Vec<u8>, Refused> {
        let (number, message) = (self.number(), table::query(kind));
        let mut bytes = Vec::new();
        message.write(number, &mut bytes);
        self.send(&bytes)?;
        let mut answer = Vec::new();
        loop {
            let read = self.read()?;
            let piece = self.piece.get(..read).unwrap_or_default();
            answer.extend_from_slice(piece);
            for reply in Replies(piece).filter(|reply| reply.sequence == number) {
                match reply.kind {
                    ERROR | DONE if reply.errno() != Some(0) => {
                        return Err(refused(reply.errno(), "a question about the table", true));
                    }
                    ERROR | DONE => return Ok(answer),
                    // The answer for one table has no end message.
                    NEW_TABLE => return Ok(answer),
                    _ => {}
                }
            }
        }
    }

    fn number(&mut self) -> u32 {
        self.sequence += 1;
        self.sequence
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.socket.write_all(bytes).map_err(Refused::Socket)
    }

    fn read(&mut self) -> Result<usize, Refused> {
        loop {
            match self.socket.read(&mut self.piece) {
                Ok(read) => return Ok(read),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Err(Refused::Silent),
                Err(why) => return Err(Refused::Socket(why)),
            }
        }
    }
}

/// The first thing in which what stands differs from `chain`.
fn difference(chain: &Chain, chains: &[u8], rules: &[u8]) -> Option<String> {
    if !messages(chains, NEW_CHAIN).any(|found| table::is_chain(found, chain)) {
        return Some(format!(
            "the chain `{}` is missing or is another",
            chain.name
        ));
    }
    let mut standing = messages(rules, NEW_RULE).filter(|found| table::is_rule_of(*found, chain));
    for (n, rule) in (1..).zip(&chain.rules) {
        if !standing
            .next()
            .is_some_and(|found| table::is_rule(found, rule))
        {
            let name = chain.name;
            return Some(format!(
                "rule {n} of the chain `{name}` is missing or is another"
            ));
        }
    }
    let more = standing.count();
    (more > 0).then(|| format!("the chain `{}` has {more} more than our rules", chain.name))
}

fn messages(answer: &[u8], kind: u16) -> impl Iterator<Item = Attributes<'_>> {
    Replies(answer)
        .filter(move |reply| reply.kind == kind)
        .map(|reply| reply.attributes())
}

/// The error for an error number. `whole` is true if the kernel refused to begin.
fn refused(number: Option<i32>, what: &str, whole: bool) -> Refused {
    let errno = Errno::from_raw_os_error(number.unwrap_or_default());
    match errno {
        Errno::PERM | Errno::ACCESS if whole => Refused::NotPermitted,
        Errno::OPNOTSUPP | Errno::PROTONOSUPPORT | Errno::INVAL if whole => Refused::NoNfTables,
        Errno::PERM => Refused::Owned,
        _ => Refused::Step {
            what: what.to_owned(),
            errno,
        },
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_the_way_out() {
        let said =
            |number, whole| refused(Some(number), "the chain `out` (type nat)", whole).to_string();
        assert!(
            said(1, true).starts_with("needs NET_ADMIN: "),
            "{}",
            said(1, true)
        );
        assert!(said(1, true).contains("add: [NET_ADMIN, NET_RAW]"));
        assert!(said(1, false).contains("another program owns"));
        assert!(said(95, true).contains("has no nf_tables"));
        assert!(said(95, true).contains("--format iptables"));
        let part = said(2, false);
        assert!(part.contains("the chain `out` (type nat)"), "{part}");
        assert!(part.contains("Linux 5.2"), "{part}");
        assert!(part.contains("--format iptables"), "{part}");
    }
}
