//! Trust stores that apps read: certificates as PEM, and as a PKCS#12 trust store for Java.
//!
//! `bundle.pem` and `bundle.p12` replace an app's whole store, so they contain the public roots
//! besides the pod's CA; `ca.pem` is the CA alone, for clients that add to theirs. All are rebuilt
//! from files when they are due, and none is cached in memory.
//!
//! The PKCS#12 store is written here, in forty lines, as nothing in it is secret: plain certificate
//! bags, no encryption and no MAC, which Java reads with any password and with none (JDK-8076190;
//! earlier releases required no MAC either). A library would bring a dozen crates of ciphers only
//! to encrypt public certificates with the password `changeit`.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::CaError;
use crate::signing::write_pem;

/// Files in which systems store their roots: Debian, Alpine and Arch; Fedora and RHEL, new and old;
/// SUSE; BSD-like ones.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The public roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Mozilla's, as of the day of the build.
    BuiltIn,
    /// A file, and the stamp by which a change of it is noticed.
    File(PathBuf, Option<Stamp>),
}

type Stamp = (u64, u64, SystemTime);

impl Roots {
    /// Finds the operator's file, else the system's, else the built-in roots.
    pub(super) fn find(configured: Option<&Path>) -> Self {
        let system = || SYSTEM.iter().map(Path::new).find(|file| file.is_file());
        match configured.or_else(system) {
            Some(file) => Self::File(file.to_owned(), stamp(file).ok()),
            None => Self::BuiltIn,
        }
    }

    /// Reads all of them, as DER.
    ///
    /// # Errors
    /// The file can't be read, or holds no certificate.
    pub(super) fn read(&self) -> Result<Vec<CertificateDer<'static>>, CaError> {
        let Self::File(path, _) = self else {
            return Ok(webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec());
        };
        let wrong = |why: String| CaError::Roots {
            path: path.clone(),
            why,
        };
        let pem = fs::read(path).map_err(|e| wrong(format!("can't be read: {e}")))?;
        let roots: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|e| wrong(format!("is not PEM throughout: {e}")))?;
        if roots.is_empty() {
            return Err(wrong("holds no PEM certificate".to_owned()));
        }
        Ok(roots)
    }
}

fn stamp(file: &Path) -> io::Result<Stamp> {
    let facts = fs::metadata(file)?;
    Ok((facts.ino(), facts.len(), facts.modified()?))
}

/// Encodes certificates as PEM, one after the other.
pub(super) fn pem_all<'a>(
    certificates: impl IntoIterator<Item = &'a CertificateDer<'a>>,
) -> String {
    let mut text = String::new();
    for certificate in certificates {
        write_pem(&mut text, "CERTIFICATE", certificate);
    }
    text
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTETS: u8 = 0x04;
const FIRST: u8 = 0xa0;
const BMP: u8 = 0x1e;
/// 1.2.840.113549.1.7.1, data
const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
/// 1.2.840.113549.1.12.10.1.3, certBag
const CERT_BAG: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03";
/// 1.2.840.113549.1.9.22.1, x509Certificate
const X509: &[u8] = b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
/// 1.2.840.113549.1.9.20, friendlyName: Java's alias
const FRIENDLY_NAME: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14";
/// 2.16.840.1.113894.746875.1.1, Oracle's trustedKeyUsage: without it Java takes a certificate for
/// part of a chain and not for a root
const TRUSTED: &[u8] = b"\x06\x0c\x60\x86\x48\x01\x86\xf9\x66\xad\xca\x7b\x01\x01";
/// 2.5.29.37.0, anyExtendedKeyUsage
const ANY_USE: &[u8] = b"\x06\x04\x55\x1d\x25\x00";

/// Encodes a PKCS#12 trust store (RFC 7292 §4) of these certificates, under the aliases
/// `outrigger-0`, `outrigger-1` …
pub(super) fn pkcs12<'a>(
    certificates: impl IntoIterator<Item = &'a CertificateDer<'a>>,
) -> Vec<u8> {
    let bags: Vec<Vec<u8>> = certificates
        .into_iter()
        .enumerate()
        .map(|(n, der)| {
            let alias: Vec<u8> = format!("outrigger-{n}")
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect();
            let content = tlv(SEQUENCE, &[X509, &tlv(FIRST, &[&tlv(OCTETS, &[der])])]);
            let name = tlv(
                SEQUENCE,
                &[FRIENDLY_NAME, &tlv(SET, &[&tlv(BMP, &[&alias])])],
            );
            let trusted = tlv(SEQUENCE, &[TRUSTED, &tlv(SET, &[ANY_USE])]);
            // The members of a SET stand in the order of their bytes.
            let attributes = if name < trusted {
                [name, trusted]
            } else {
                [trusted, name]
            };
            let attributes = tlv(SET, &attributes.each_ref().map(Vec::as_slice));
            tlv(SEQUENCE, &[CERT_BAG, &tlv(FIRST, &[&content]), &attributes])
        })
        .collect();
    let bags = tlv(
        SEQUENCE,
        &bags.iter().map(Vec::as_slice).collect::<Vec<_>>(),
    );
    let safes = tlv(SEQUENCE, &[&data(&bags)]);
    tlv(SEQUENCE, &[b"\x02\x01\x03", &data(&safes)])
}

/// Encodes a ContentInfo of type data.
fn data(content: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[DATA, &tlv(FIRST, &[&tlv(OCTETS, &[content])])])
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let long = bytes.iter().skip_while(|&&byte| byte == 0);
    let mut der = vec![tag];
    if length < 0x80 {
        der.extend(bytes.last());
    } else {
        der.push(0x80 | u8::try_from(long.clone().count()).unwrap_or(0));
        der.extend(long);
    }
    der.reserve_exact(length);
    parts.iter().for_each(|part| der.extend_from_slice(part));
    der
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_as_pem_is_read_as_it_was(ders in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..4)) {
            let ders: Vec<CertificateDer<'_>> = ders.into_iter().map(CertificateDer::from).collect();
            let text = pem_all(&ders);
            prop_assert!(text.lines().all(|line| line.len() <= 64));
            let read: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read, ders);
        }
    }

    #[test]
    fn the_built_in_roots_are_whole_certificates_and_many() {
        let roots = Roots::BuiltIn.read().unwrap();
        assert!(roots.len() > 100, "{}", roots.len());
    }

    #[test]
    fn a_file_of_roots_is_rewritten_without_what_is_no_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("roots.pem");
        let root = &webpki_root_certs::TLS_SERVER_ROOT_CERTS[0];
        let mut text = "# a comment\n".to_owned();
        write_pem(&mut text, "PRIVATE KEY", b"not for apps");
        write_pem(&mut text, "CERTIFICATE", root);
        fs::write(&file, &text).unwrap();
        let roots = Roots::find(Some(&file)).read().unwrap();
        assert_eq!(roots, std::slice::from_ref(root));
        assert!(!pem_all(&roots).contains("PRIVATE"));
    }

    #[test]
    fn a_file_of_roots_that_is_of_no_use_is_named_with_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("roots.pem");
        let said = |text: &[u8]| {
            fs::write(&file, text).unwrap();
            Roots::find(Some(&file)).read().unwrap_err().to_string()
        };
        assert!(said(b"").contains("roots.pem holds no PEM certificate"));
        assert!(
            said(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n")
                .contains("is not PEM")
        );
        fs::remove_file(&file).unwrap();
        let gone = Roots::find(Some(&file)).read().unwrap_err().to_string();
        assert!(gone.contains("roots.pem can't be read"), "{gone}");
    }

    #[test]
    fn lengths_are_written_in_the_fewest_bytes() {
        for (length, head) in [
            (0, &b"\x04\x00"[..]),
            (127, b"\x04\x7f"),
            (128, b"\x04\x81\x80"),
            (256, b"\x04\x82\x01\x00"),
            (70_000, b"\x04\x83\x01\x11\x70"),
        ] {
            let der = tlv(OCTETS, &[&vec![0; length]]);
            assert_eq!((&der[..head.len()], der.len()), (head, head.len() + length));
        }
    }
}
