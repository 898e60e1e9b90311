//! Format of a reply in Redis: version, checksum, key, times, bytes.
//!
//! ```text
//! "ORR"  version  checksum  made  expires  key length  near length  key  near  the reply
//!  3       1         8       8       8         4            4
//! ```
//! The checksum is xxh3-64 of all that follows it; `expires` is 0 for never. `near` is empty, or what
//! the reply is found by besides its key: the region and the tag of its vector, and the policy's
//! note. A checksum of its own, over all from `made` on, lets it be read without the reply:
//!
//! ```text
//! checksum  region  tag  note
//!    8        16     8
//! ```
//!
//! Numbers are little-endian, times in milliseconds since 1970. The checksum finds damage, not
//! malice: whoever can write to the store is trusted with it.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::super::vectors::RegionId;

const MAGIC: &[u8] = b"ORR";
/// Version of the format. Raise it whenever what this or the recorder of replies writes is read
/// differently.
pub(super) const VERSION: u8 = 2;
/// Bytes of a record that hold all but the reply: a key has at most 512 of the policy's, a note 4,096.
pub(super) const LONGEST_HEAD: usize = 6144;
/// Bytes up to the end of the checksum.
const SUMMED: usize = 12;
/// Bytes before the key.
const FIXED: usize = 36;
/// Bytes before a note.
const NEAR: usize = 32;

/// A stored reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) head: Head<'a>,
    pub(super) bytes: &'a [u8],
}

/// Contents of a stored reply's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) key: &'a [u8],
    pub(super) made: u64,
    pub(super) expires: Option<u64>,
    pub(super) near: Option<NearPart<'a>>,
}

/// The vector by which a reply is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NearPart<'a> {
    pub(super) region: RegionId,
    pub(super) tag: u64,
    pub(super) note: &'a [u8],
}

/// Reasons for which a record can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// Written by another version.
    Version,
    /// Not what was written.
    Damaged,
}

impl Damage {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Damaged => "damaged",
        }
    }
}

pub(super) fn write(record: &Record<'_>) -> Vec<u8> {
    let head = &record.head;
    let near = head.near.as_ref().map_or(0, |near| NEAR + near.note.len());
    let mut out = Vec::with_capacity(FIXED + head.key.len() + near + record.bytes.len());
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&head.made.to_le_bytes());
    out.extend_from_slice(&head.expires.unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&(head.key.len() as u32).to_le_bytes());
    out.extend_from_slice(&(near as u32).to_le_bytes());
    out.extend_from_slice(head.key);
    if let Some(near) = &head.near {
        let fixed = out.get(SUMMED..).unwrap_or_default();
        out.extend_from_slice(&near.sum(fixed).to_le_bytes());
        out.extend_from_slice(&near.region);
        out.extend_from_slice(&near.tag.to_le_bytes());
        out.extend_from_slice(near.note);
    }
    out.extend_from_slice(record.bytes);
    if let Some((head, rest)) = out.split_at_mut_checked(SUMMED)
        && let Some(sum) = head.last_chunk_mut::<8>()
    {
        *sum = xxh3_64(rest).to_le_bytes();
    }
    out
}

pub(super) fn read(bytes: &[u8]) -> Result<Record<'_>, Damage> {
    let (sum, rest) = summed(bytes)?;
    if xxh3_64(rest) != sum {
        return Err(Damage::Damaged);
    }
    parse(rest).ok_or(Damage::Damaged)
}

/// Reads the head of a record that has a vector, out of its first [`LONGEST_HEAD`] bytes. The reply,
/// of which there may be a part, is not checked.
pub(super) fn read_near(bytes: &[u8]) -> Option<(Head<'_>, NearPart<'_>)> {
    let (_, rest) = summed(bytes).ok()?;
    let head = parse(rest)?.head;
    Some((head, head.near?))
}

/// Splits what is checked off its checksum.
fn summed(bytes: &[u8]) -> Result<(u64, &[u8]), Damage> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Damage::Damaged)?;
    let (version, rest) = rest.split_first().ok_or(Damage::Damaged)?;
    if *version != VERSION {
        return Err(Damage::Version);
    }
    let (sum, rest) = rest.split_first_chunk::<8>().ok_or(Damage::Damaged)?;
    Ok((u64::from_le_bytes(*sum), rest))
}

fn parse(all: &[u8]) -> Option<Record<'_>> {
    let (made, rest) = all.split_first_chunk::<8>()?;
    let (expires, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (near, rest) = rest.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (near, bytes) = rest.split_at_checked(u32::from_le_bytes(*near) as usize)?;
    let fixed = all.get(..FIXED - SUMMED + key.len())?;
    Some(Record {
        head: Head {
            key,
            made: u64::from_le_bytes(*made),
            expires: Some(u64::from_le_bytes(*expires)).filter(|at| *at > 0),
            near: match near {
                [] => None,
                near => Some(NearPart::read(fixed, near)?),
            },
        },
        bytes,
    })
}

impl<'a> NearPart<'a> {
    fn read(fixed: &[u8], bytes: &'a [u8]) -> Option<Self> {
        let (sum, rest) = bytes.split_first_chunk::<8>()?;
        let (region, rest) = rest.split_first_chunk::<16>()?;
        let (tag, note) = rest.split_first_chunk::<8>()?;
        let near = Self {
            region: *region,
            tag: u64::from_le_bytes(*tag),
            note,
        };
        (near.sum(fixed) == u64::from_le_bytes(*sum)).then_some(near)
    }

    /// Sums up what is here and what is before it.
    fn sum(&self, fixed: &[u8]) -> u64 {
        let mut sum = Xxh3::new();
        sum.update(fixed);
        sum.update(&self.region);
        sum.update(&self.tag.to_le_bytes());
        sum.update(self.note);
        sum.digest()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record<'static> {
        Record {
            head: Head {
                key: b"key",
                made: 7,
                expires: Some(9),
                near: None,
            },
            bytes: b"a reply",
        }
    }

    fn near() -> Record<'static> {
        let near = NearPart {
            region: [3; 16],
            tag: 5,
            note: b"\0a note\xff",
        };
        let mut record = record();
        record.head.near = Some(near);
        record
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        assert_eq!(read(&write(&record())).unwrap(), record());
        let mut endless = record();
        endless.head.expires = None;
        endless.bytes = b"";
        assert_eq!(read(&write(&endless)).unwrap(), endless);
        assert_eq!(read(&write(&near())).unwrap(), near());
    }

    #[test]
    fn a_vectors_part_is_read_without_the_reply_and_not_where_it_was_changed() {
        let written = write(&near());
        let head = written.len() - near().bytes.len();
        assert!(head <= LONGEST_HEAD);
        let (read, part) = read_near(&written[..head]).unwrap();
        assert_eq!((read, Some(part)), (near().head, near().head.near));
        assert_eq!(read_near(&write(&record())), None);
        for at in SUMMED..head {
            let mut changed = written[..head].to_vec();
            changed[at] ^= 4;
            assert_eq!(read_near(&changed), None, "byte {at}");
            assert_eq!(read_near(&written[..at]), None, "{at} bytes");
        }
    }

    #[test]
    fn a_record_of_another_version_is_distinguished_from_a_damaged_one() {
        let mut written = write(&record());
        written[3] = VERSION + 1;
        assert_eq!(read(&written), Err(Damage::Version));
    }

    #[test]
    fn no_bit_can_be_flipped_and_no_byte_be_missing_unnoticed() {
        let written = write(&near());
        for at in 0..written.len() {
            for bit in 0..8 {
                let mut flipped = written.clone();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped).is_err(), "byte {at} bit {bit}");
            }
            assert!(read(&written[..at]).is_err(), "{at} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), framed in any::<bool>()) {
            let bytes = if framed { [b"ORR\x02", bytes.as_slice()].concat() } else { bytes };
            let _ = read(&bytes);
            let _ = read_near(&bytes);
        }
    }
}
