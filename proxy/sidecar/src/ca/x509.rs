//! Parser of the certificates that the CA wrote: the key, the validity and the permitted hosts.
//!
//! No X.509 library: `rcgen` reads none without three more crates, and rustls exposes none of these
//! fields. This reads DER of definite length and the fields below, in the order in which every
//! certificate has them (RFC 5280 §4.1). It does not verify a certificate.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Fields of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// First second of its validity.
    pub(super) not_before: SystemTime,
    /// Last second of it.
    pub(super) not_after: SystemTime,
    /// The SubjectPublicKeyInfo, as DER.
    pub(super) public_key: Vec<u8>,
    /// The permitted DNS names of its name constraints.
    pub(super) permitted: BTreeSet<String>,
}

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const OID: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const PERMITTED: u8 = 0xa0;
const DNS_NAME: u8 = 0x82;
/// 2.5.29.30
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];

/// Reads a certificate; `None` for anything else.
pub(super) fn read(der: &[u8]) -> Option<Facts> {
    let (certificate, rest) = expect(der, SEQUENCE)?;
    let (mut body, _) = expect(certificate, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    if body.first() == Some(&VERSION) {
        body = expect(body, VERSION)?.1;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        body = next(body)?.2;
    }
    let (validity, body) = expect(body, SEQUENCE)?;
    let (_, _, body) = next(body)?; // subject
    let (_, _, after) = next(body)?;
    let public_key = body.get(..body.len() - after.len())?.to_vec();
    let (tag, first, validity) = next(validity)?;
    let not_before = time(tag, first)?;
    let (tag, last, _) = next(validity)?;
    Some(Facts {
        not_before,
        not_after: time(tag, last)?,
        public_key,
        permitted: permitted(after)?,
    })
}

/// Returns the permitted DNS names; empty where there are no constraints.
fn permitted(mut body: &[u8]) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    while let Some((tag, content, rest)) = next(body) {
        body = rest;
        if tag != EXTENSIONS {
            continue;
        }
        let (mut extensions, _) = expect(content, SEQUENCE)?;
        while let Some((_, extension, rest)) = next(extensions) {
            extensions = rest;
            let (oid, mut value) = expect(extension, OID)?;
            if value.first() == Some(&BOOLEAN) {
                value = next(value)?.2;
            }
            if oid != NAME_CONSTRAINTS {
                continue;
            }
            let (constraints, _) = expect(expect(value, OCTET_STRING)?.0, SEQUENCE)?;
            let Some((mut subtrees, _)) = expect(constraints, PERMITTED) else {
                continue;
            };
            while let Some((_, subtree, rest)) = next(subtrees) {
                subtrees = rest;
                if let Some((name, _)) = expect(subtree, DNS_NAME) {
                    names.insert(String::from_utf8(name.to_vec()).ok()?);
                }
            }
        }
    }
    Some(names)
}

/// Returns the next element: tag, content, and the bytes that follow.
fn next(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, der) = der.split_first()?;
    let (&first, mut der) = der.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let bytes = usize::from(first & 0x7f);
        if !(1..=4).contains(&bytes) {
            return None;
        }
        let (long, rest) = der.split_at_checked(bytes)?;
        length = long
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        der = rest;
    }
    let (content, rest) = der.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn expect(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = next(der)?;
    (tag == wanted).then_some((content, rest))
}

/// Parses `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 §4.1.2.5), from 1970 on.
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut pairs = digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[ten, one]| i64::from(ten - b'0') * 10 + i64::from(one - b'0'));
    let year = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = pairs.next()?;
            year + if year < 50 { 2000 } else { 1900 }
        }
        (GENERALIZED_TIME, 14) => pairs.next()? * 100 + pairs.next()?,
        _ => return None,
    };
    let mut part =
        |range: std::ops::RangeInclusive<i64>| pairs.next().filter(|n| range.contains(n));
    let (month, day) = (part(1..=12)?, part(1..=31)?);
    let (hour, minute, second) = (part(0..=23)?, part(0..=59)?, part(0..=59)?);
    // Days since 1970 (Howard Hinnant, "days from civil"): years begin in March, so that a leap day
    // is a year's last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(tag: u8, text: &str) -> Option<u64> {
        Some(
            time(tag, text.as_bytes())?
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs(),
        )
    }

    #[test]
    fn times_are_read_in_both_forms() {
        assert_eq!(seconds(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(seconds(UTC_TIME, "261122051100Z"), Some(1_795_324_260));
        assert_eq!(seconds(UTC_TIME, "000229235959Z"), Some(951_868_799));
        assert_eq!(
            seconds(GENERALIZED_TIME, "20500101000000Z"),
            Some(2_524_608_000)
        );
        assert_eq!(
            seconds(GENERALIZED_TIME, "21000301000000Z"),
            Some(4_107_542_400)
        );
        for (tag, wrong) in [
            (UTC_TIME, "20500101000000Z"),
            (UTC_TIME, "691231235959Z"),
            (UTC_TIME, "261322051100Z"),
            (UTC_TIME, "261122241100Z"),
            (UTC_TIME, "26112205110Z"),
            (UTC_TIME, "261122051100+"),
            (GENERALIZED_TIME, "2050010100000aZ"),
            (0x04, "261122051100Z"),
        ] {
            assert_eq!(seconds(tag, wrong), None, "{wrong}");
        }
    }

    fn made() -> (rcgen::Certificate, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.not_after = (UNIX_EPOCH + Duration::from_secs(2_600_000_000)).into();
        params.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: vec![
                rcgen::GeneralSubtree::DnsName("a.com".into()),
                rcgen::GeneralSubtree::Rfc822Name("x.com".into()),
                rcgen::GeneralSubtree::DnsName("b.com".into()),
            ],
            excluded_subtrees: vec![rcgen::GeneralSubtree::DnsName("no.a.com".into())],
        });
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        (params.self_signed(&key).unwrap(), key)
    }

    #[test]
    fn a_certificates_facts_are_read_back() {
        let (certificate, key) = made();
        let facts = read(certificate.der()).unwrap();
        assert_eq!(
            facts.not_before,
            UNIX_EPOCH + Duration::from_secs(157_766_400)
        ); // rcgen's default, 1975
        assert_eq!(
            facts.not_after,
            UNIX_EPOCH + Duration::from_secs(2_600_000_000)
        );
        assert_eq!(
            facts.public_key,
            rcgen::PublicKeyData::subject_public_key_info(&key)
        );
        assert_eq!(
            facts.permitted.into_iter().collect::<Vec<_>>(),
            ["a.com", "b.com"]
        );
    }

    #[test]
    fn roots_that_others_made_are_read_too() {
        for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let facts = read(root).unwrap();
            assert!(facts.not_before < facts.not_after);
        }
    }

    #[test]
    fn a_certificate_that_was_cut_is_none() {
        let (certificate, _) = made();
        for end in 0..certificate.der().len() {
            assert_eq!(read(certificate.der().get(..end).unwrap()), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_certificate_with_any_byte_changed_is_read_without_harm(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let (certificate, _) = made();
            let mut der = certificate.der().to_vec();
            let at = at.index(der.len());
            der[at] = byte;
            let _ = read(&der);
        }
    }
}
