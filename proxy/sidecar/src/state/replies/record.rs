//! Format of a reply in Redis: version, checksum, key, times, bytes.
//!
//! ```text
//! "ORR"  version  checksum  made  expires  key length  key  the reply
//!  3       1         8       8       8         4
//! ```
//! The checksum is xxh3-64 of all that follows it; `expires` is 0 for never.
//! Numbers are little-endian, times in milliseconds since 1970. The checksum finds damage, not
//! malice: whoever can write to the store is trusted with it.

use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8] = b"ORR";
/// Version of the format. Raise it whenever what this or the recorder of replies writes is read
/// differently.
pub(super) const VERSION: u8 = 1;

/// A stored reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) key: &'a [u8],
    pub(super) made: u64,
    pub(super) expires: Option<u64>,
    pub(super) bytes: &'a [u8],
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
    let mut out = Vec::with_capacity(32 + record.key.len() + record.bytes.len());
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&record.made.to_le_bytes());
    out.extend_from_slice(&record.expires.unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&(record.key.len() as u32).to_le_bytes());
    out.extend_from_slice(record.key);
    out.extend_from_slice(record.bytes);
    if let Some((head, rest)) = out.split_at_mut_checked(12)
        && let Some(sum) = head.last_chunk_mut::<8>()
    {
        *sum = xxh3_64(rest).to_le_bytes();
    }
    out
}

pub(super) fn read(bytes: &[u8]) -> Result<Record<'_>, Damage> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Damage::Damaged)?;
    let (version, rest) = rest.split_first().ok_or(Damage::Damaged)?;
    if *version != VERSION {
        return Err(Damage::Version);
    }
    parse(rest).ok_or(Damage::Damaged)
}

fn parse(rest: &[u8]) -> Option<Record<'_>> {
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    if xxh3_64(rest) != u64::from_le_bytes(*sum) {
        return None;
    }
    let (made, rest) = rest.split_first_chunk::<8>()?;
    let (expires, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (key, bytes) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some(Record {
        key,
        made: u64::from_le_bytes(*made),
        expires: Some(u64::from_le_bytes(*expires)).filter(|at| *at > 0),
        bytes,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record<'static> {
        Record {
            key: b"key",
            made: 7,
            expires: Some(9),
            bytes: b"a reply",
        }
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        assert_eq!(read(&write(&record())).unwrap(), record());
        let endless = Record {
            expires: None,
            bytes: b"",
            ..record()
        };
        assert_eq!(read(&write(&endless)).unwrap(), endless);
    }

    #[test]
    fn a_record_of_another_version_is_distinguished_from_a_damaged_one() {
        let mut written = write(&record());
        written[3] = VERSION + 1;
        assert_eq!(read(&written), Err(Damage::Version));
    }

    #[test]
    fn no_bit_can_be_flipped_and_no_byte_be_missing_unnoticed() {
        let written = write(&record());
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
            let bytes = if framed { [b"ORR\x01", bytes.as_slice()].concat() } else { bytes };
            let _ = read(&bytes);
        }
    }
}
