//! A rule as the expressions that the kernel runs one after another: each loads something into a
//! register, compares it, or acts. They are those that `nft --debug=netlink` shows for the printed
//! rules; the numbers are those of `linux/netfilter/nf_tables.h`.

use super::{
    Cidr, Family, Match, Rule, Verdict,
    netlink::{Attribute, bytes, name, nest, number},
};

const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
/// `NFT_RETURN`, -5.
const RETURN: u32 = 0xffff_fffb;
/// The register for verdicts, and the one for everything else.
const VERDICT: u32 = 0;
const REGISTER: u32 = 1;
/// The loopback interface has this index in every network namespace (`LOOPBACK_IFINDEX`).
const LOOPBACK: u32 = 1;

/// The field that `meta` loads: `NFT_META_…`.
#[derive(Clone, Copy)]
enum Meta {
    OutInterface = 5,
    SocketUid = 10,
    Family = 15,
    Protocol = 16,
}

/// One thing that the kernel does for a rule.
pub(super) struct Expression {
    name: &'static str,
    data: Vec<Attribute>,
}

impl Expression {
    pub(super) fn attributes(self) -> Vec<Attribute> {
        vec![
            name(EXPRESSION_NAME, self.name),
            nest(EXPRESSION_DATA, self.data),
        ]
    }
}

pub(super) fn expressions(rule: &Rule) -> Vec<Expression> {
    let mut all: Vec<Expression> = rule.when.iter().flat_map(condition).collect();
    all.extend(action(rule.then));
    all
}

fn condition(condition: &Match) -> Vec<Expression> {
    match condition {
        // What the kernel keeps as a number of its own is compared in the machine's byte order,
        // what is in packets in the network's.
        Match::Uid(uid) => meta(Meta::SocketUid, &uid.to_ne_bytes()),
        Match::Loopback => meta(Meta::OutInterface, &LOOPBACK.to_ne_bytes()),
        Match::Family(wanted) => family(*wanted),
        Match::To(cidr) => destination(cidr),
        Match::Tcp(port) => destination_port(6, *port),
        Match::Udp(port) => destination_port(17, *port),
    }
}

fn family(wanted: Family) -> Vec<Expression> {
    let number = match wanted {
        Family::V4 => 2,
        Family::V6 => 10,
    };
    meta(Meta::Family, &[number])
}

fn meta(key: Meta, value: &[u8]) -> Vec<Expression> {
    let load = Expression {
        name: "meta",
        data: vec![number(1, REGISTER), number(2, key as u32)],
    };
    vec![load, equals(value)]
}

/// Goes on with the rule only if the register holds this (`NFT_CMP_EQ`).
fn equals(value: &[u8]) -> Expression {
    Expression {
        name: "cmp",
        data: vec![
            number(1, REGISTER),
            number(2, 0),
            nest(3, vec![bytes(1, value)]),
        ],
    }
}

/// Loads bytes of the network header (1) or the transport header (2).
fn payload(header: u32, offset: u32, length: usize) -> Expression {
    Expression {
        name: "payload",
        data: vec![
            number(1, REGISTER),
            number(2, header),
            number(3, offset),
            number(4, u32::try_from(length).unwrap_or(u32::MAX)),
        ],
    }
}

fn destination(cidr: &Cidr) -> Vec<Expression> {
    let offset = match cidr.family() {
        Family::V4 => 16,
        Family::V6 => 24,
    };
    let (address, mask) = (cidr.bytes(), cidr.mask());
    let mut all = family(cidr.family());
    if cidr.prefix().is_multiple_of(8) {
        // A prefix of whole bytes is compared as such, as nft does it.
        let length = usize::from(cidr.prefix() / 8);
        all.push(payload(1, offset, length));
        all.push(equals(address.get(..length).unwrap_or(&address)));
    } else {
        all.push(payload(1, offset, address.len()));
        all.push(Expression {
            name: "bitwise",
            data: vec![
                number(1, REGISTER),
                number(2, REGISTER),
                number(3, u32::try_from(mask.len()).unwrap_or(u32::MAX)),
                nest(4, vec![bytes(1, &mask)]),
                nest(5, vec![bytes(1, &vec![0; mask.len()])]),
            ],
        });
        all.push(equals(&address));
    }
    all
}

fn destination_port(protocol: u8, port: u16) -> Vec<Expression> {
    let mut all = meta(Meta::Protocol, &[protocol]);
    all.push(payload(2, 2, 2));
    all.push(equals(&port.to_be_bytes()));
    all
}

fn action(verdict: Verdict) -> Vec<Expression> {
    let immediate = |register, data| Expression {
        name: "immediate",
        data: vec![number(1, register), nest(2, vec![data])],
    };
    match verdict {
        Verdict::Return => vec![immediate(VERDICT, nest(2, vec![number(1, RETURN)]))],
        Verdict::Redirect(port) => vec![
            immediate(REGISTER, bytes(1, &port.to_be_bytes())),
            Expression {
                name: "redir",
                // The lowest port, from the register; 2 is NF_NAT_RANGE_PROTO_SPECIFIED.
                data: vec![number(1, REGISTER), number(3, 2)],
            },
        ],
        Verdict::Reject => vec![Expression {
            name: "reject",
            // NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_PORT_UNREACH
            data: vec![number(1, 2), bytes(2, &[1])],
        }],
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_packets_are_in_network_order_and_the_kernel_s_own_in_the_machine_s() {
        let data = |e: &Expression| e.data.clone();
        let uid = condition(&Match::Uid(13370));
        assert_eq!(
            data(&uid[1])[2],
            nest(3, vec![bytes(1, &13370_u32.to_ne_bytes())])
        );
        let port = condition(&Match::Tcp(443));
        assert_eq!(data(&port[3])[2], nest(3, vec![bytes(1, &[1, 0xbb])]));
        let net = condition(&Match::To("10.32.0.0/11".parse().unwrap()));
        let names: Vec<_> = net.iter().map(|e| e.name).collect();
        assert_eq!(names, ["meta", "cmp", "payload", "bitwise", "cmp"]);
        assert_eq!(
            data(&net[3])[3],
            nest(4, vec![bytes(1, &[0xff, 0xe0, 0, 0])])
        );
    }
}
