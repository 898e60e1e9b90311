//! Netlink messages as bytes: as much of netlink(7) and of nfnetlink as the rules need, written and
//! read. No socket.
//!
//! Headers are in the machine's byte order, nfnetlink's numbers in the network's. Everything is
//! padded to four bytes.

/// A reply that says how a request ended: `NLMSG_ERROR`.
pub(super) const ERROR: u16 = 2;
/// The end of a list: `NLMSG_DONE`.
pub(super) const DONE: u16 = 3;
/// `NFNL_MSG_BATCH_BEGIN`: what follows happens as a whole or not at all.
pub(super) const BATCH_BEGIN: u16 = 16;
/// `NFNL_MSG_BATCH_END`.
pub(super) const BATCH_END: u16 = 17;

/// `NLM_F_REQUEST`.
pub(super) const REQUEST: u16 = 1;
/// `NLM_F_ACK`: report the end of this one, good or bad.
pub(super) const ACK: u16 = 4;
/// `NLM_F_DUMP`: list all.
pub(super) const DUMP: u16 = 0x300;
/// `NLM_F_CREATE`.
pub(super) const CREATE: u16 = 0x400;
/// `NLM_F_APPEND`.
pub(super) const APPEND: u16 = 0x800;

/// `NFNL_SUBSYS_NFTABLES`, where a message's type has its subsystem.
pub(super) const NFTABLES: u16 = 10;

/// The bytes of a netlink header.
const HEADER: usize = 16;
/// The bytes of an nfnetlink header: family, version, resource.
const INNER: usize = 4;
/// The bits of an attribute's type that say how it is made: `NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`.
const NESTED: u16 = 0x8000;
const KIND: u16 = 0x3fff;

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) kind: u16,
    pub(super) value: Value,
}

/// The content of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Bytes(Vec<u8>),
    Nest(Vec<Attribute>),
}

/// An attribute of bytes.
pub(super) fn bytes(kind: u16, value: &[u8]) -> Attribute {
    Attribute {
        kind,
        value: Value::Bytes(value.to_vec()),
    }
}

/// An attribute with a number in the network's order, as nf_tables has all of its numbers.
pub(super) fn number(kind: u16, value: u32) -> Attribute {
    bytes(kind, &value.to_be_bytes())
}

/// An attribute with a name, which ends in a zero byte.
pub(super) fn name(kind: u16, value: &str) -> Attribute {
    bytes(kind, &[value.as_bytes(), &[0]].concat())
}

/// An attribute of attributes.
pub(super) fn nest(kind: u16, inside: Vec<Attribute>) -> Attribute {
    Attribute {
        kind,
        value: Value::Nest(inside),
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Subsystem in the upper byte, message in the lower.
    pub(super) kind: u16,
    pub(super) flags: u16,
    /// The nfnetlink header's family.
    pub(super) family: u8,
    /// The nfnetlink header's resource: a batch's subsystem.
    pub(super) resource: u16,
    pub(super) attributes: Vec<Attribute>,
}

impl Message {
    /// Appends the message under `sequence`.
    pub(super) fn write(&self, sequence: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; 4]); // the length, when it is known
        out.extend(self.kind.to_ne_bytes());
        out.extend((self.flags | REQUEST).to_ne_bytes());
        out.extend(sequence.to_ne_bytes());
        out.extend([0; 4]); // the sender: the kernel knows
        out.extend([self.family, 0]);
        out.extend(self.resource.to_be_bytes());
        write_all(&self.attributes, out);
        let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
        patch(out, start, &length.to_ne_bytes());
    }
}

fn write_all(attributes: &[Attribute], out: &mut Vec<u8>) {
    for Attribute { kind, value } in attributes {
        let start = out.len();
        let kind = match value {
            Value::Bytes(_) => *kind,
            Value::Nest(_) => *kind | NESTED,
        };
        out.extend([0; 2]);
        out.extend(kind.to_ne_bytes());
        match value {
            Value::Bytes(bytes) => out.extend(bytes),
            Value::Nest(inside) => write_all(inside, out),
        }
        let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
        patch(out, start, &length.to_ne_bytes());
        out.resize(out.len().next_multiple_of(4), 0);
    }
}

fn patch(out: &mut [u8], at: usize, with: &[u8]) {
    if let Some(place) = out.get_mut(at..at + with.len()) {
        place.copy_from_slice(with);
    }
}

/// One message of the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    pub(super) kind: u16,
    pub(super) sequence: u32,
    /// The bytes after the netlink header.
    body: &'a [u8],
}

impl<'a> Reply<'a> {
    /// The error number of an [`ERROR`] or a [`DONE`], positive; 0 is success.
    pub(super) fn errno(&self) -> Option<i32> {
        let number = i32::from_ne_bytes(*self.body.first_chunk()?);
        number.checked_neg()
    }

    /// The attributes behind the nfnetlink header.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.body.get(INNER..).unwrap_or_default())
    }
}

/// The messages in what one read gave. Ends early where a length is none.
#[derive(Debug)]
pub(super) struct Replies<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Replies<'a> {
    type Item = Reply<'a>;

    fn next(&mut self) -> Option<Reply<'a>> {
        let all = self.0;
        let length = usize::try_from(u32::from_ne_bytes(*all.first_chunk()?)).ok()?;
        let reply = Reply {
            kind: u16::from_ne_bytes(*all.get(4..)?.first_chunk()?),
            sequence: u32::from_ne_bytes(*all.get(8..)?.first_chunk()?),
            body: all.get(HEADER..length)?,
        };
        self.0 = all.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(reply)
    }
}

/// Attributes one after another. Ends early where a length is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The first value under `kind`.
    pub(super) fn value(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|(k, _)| *k == kind).map(|(_, v)| v)
    }

    /// The attributes inside the first one under `kind`.
    pub(super) fn inside(self, kind: u16) -> Self {
        Self(self.value(kind).unwrap_or_default())
    }

    /// True if the first value under `kind` is this name.
    pub(super) fn is_named(self, kind: u16, name: &str) -> bool {
        self.value(kind).and_then(|v| v.strip_suffix(&[0])) == Some(name.as_bytes())
    }

    /// True if all of `wanted` is here, with the same values. More may be: a newer kernel reports
    /// more than it was given.
    pub(super) fn contain(self, wanted: &[Attribute]) -> bool {
        wanted.iter().all(|wanted| {
            self.value(wanted.kind)
                .is_some_and(|found| match &wanted.value {
                    Value::Bytes(bytes) => bytes == found,
                    Value::Nest(inside) => Self(found).contain(inside),
                })
        })
    }

    /// The attributes of each element of a list.
    pub(super) fn elements(self) -> impl Iterator<Item = Self> + 'a {
        self.map(|(_, value)| Self(value))
    }
}

/// Each with its type and its value.
impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let all = self.0;
        let length = usize::from(u16::from_ne_bytes(*all.first_chunk()?));
        let kind = u16::from_ne_bytes(*all.get(2..)?.first_chunk()?) & KIND;
        let value = all.get(4..length)?;
        self.0 = all.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> Message {
        Message {
            kind: NFTABLES << 8,
            flags: ACK | CREATE,
            family: 1,
            resource: 0,
            attributes: vec![
                name(1, "abc"),
                nest(4, vec![number(1, 3), bytes(2, &[7])]),
                bytes(9, &[]),
            ],
        }
    }

    #[test]
    fn a_message_is_laid_out_as_the_kernel_reads_it() {
        let mut out = Vec::new();
        message().write(5, &mut out);
        let expected: Vec<u8> = [
            &52_u32.to_ne_bytes()[..],
            &0x0a00_u16.to_ne_bytes(),
            &0x0405_u16.to_ne_bytes(),
            &5_u32.to_ne_bytes(),
            &[0; 4],
            &[1, 0, 0, 0],
            &8_u16.to_ne_bytes(),
            &1_u16.to_ne_bytes(),
            b"abc\0",
            &20_u16.to_ne_bytes(),
            &0x8004_u16.to_ne_bytes(),
            &8_u16.to_ne_bytes(),
            &1_u16.to_ne_bytes(),
            &[0, 0, 0, 3],
            &5_u16.to_ne_bytes(),
            &2_u16.to_ne_bytes(),
            &[7, 0, 0, 0],
            &4_u16.to_ne_bytes(),
            &9_u16.to_ne_bytes(),
        ]
        .concat();
        assert_eq!(out, expected);
    }

    #[test]
    fn what_was_written_is_read_back_and_a_change_of_any_value_is_seen() {
        let mut out = Vec::new();
        message().write(5, &mut out);
        message().write(6, &mut out);
        let replies: Vec<_> = Replies(&out).collect();
        assert_eq!([replies[0].sequence, replies[1].sequence], [5, 6]);
        let attributes = replies[1].attributes();
        assert!(attributes.is_named(1, "abc"));
        assert!(!attributes.is_named(1, "ab"));
        assert!(attributes.contain(&message().attributes));
        assert!(attributes.contain(&[nest(4, vec![bytes(2, &[7])])]));
        assert!(!attributes.contain(&[nest(4, vec![bytes(2, &[8])])]));
        assert!(!attributes.contain(&[nest(4, vec![bytes(3, &[7])])]));
        assert!(!attributes.contain(&[bytes(8, &[])]));
    }

    #[test]
    fn an_acknowledgement_tells_the_error_number() {
        let mut reply = Vec::new();
        reply.extend(20_u32.to_ne_bytes());
        reply.extend(ERROR.to_ne_bytes());
        reply.extend(0_u16.to_ne_bytes());
        reply.extend(9_u32.to_ne_bytes());
        reply.extend(0_u32.to_ne_bytes());
        reply.extend((-1_i32).to_ne_bytes());
        let read = Replies(&reply).next().unwrap();
        assert_eq!(
            (read.kind, read.sequence, read.errno()),
            (ERROR, 9, Some(1))
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail_or_turn_for_ever(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut steps = 0;
            for reply in Replies(&bytes) {
                let _ = reply.errno();
                for element in reply.attributes().elements() {
                    steps += element.count() + 1;
                }
                steps += 1;
            }
            prop_assert!(steps <= 3 * bytes.len());
        }
    }
}
