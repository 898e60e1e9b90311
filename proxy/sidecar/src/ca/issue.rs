//! Certificates that the CA issues: its own and the leaves.
//!
//! The CA's subject and key identifier never change while its key lives. So an app that loaded an
//! earlier certificate goes on working: to it, a leaf is signed by the CA that it knows, whichever
//! certificate was current when the leaf was made.

use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
    SignatureAlgorithm,
};
use rustls::{
    SignatureScheme,
    crypto::ring::sign::any_ecdsa_type,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::SigningKey,
};
use zeroize::{Zeroize, Zeroizing};

use super::CaError;

/// Validity of a certificate of the CA. A container that lives longer gets the next one in good
/// time, see [`super::rotate`].
pub(super) const CA_LIFE: Duration = Duration::from_secs(365 * DAY);
/// Validity of a leaf.
pub(super) const LEAF_LIFE: Duration = Duration::from_secs(7 * DAY);
/// Time by which every validity begins earlier than now: an app's clock may be behind ours.
pub(super) const BACK: Duration = Duration::from_secs(3600);
pub(super) const DAY: u64 = 86_400;
/// The end of 9998, in seconds since 1970: certificates can't express times after 9999.
const LAST: u64 = 253_370_764_799;

/// An ECDSA P-256 key that signs. Only the signer has its bytes.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) signer: Arc<dyn SigningKey>,
    /// An uncompressed point: `04 x y`.
    point: Box<[u8]>,
}

impl Key {
    /// Generates a key; returns it and its PKCS#8 form.
    pub(super) fn make() -> Result<(Self, Zeroizing<Vec<u8>>), CaError> {
        let mut pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let der = Zeroizing::new(pair.serialize_der());
        pair.zeroize();
        let key = Self::read(&der).ok_or(CaError::Make(rcgen::Error::CouldNotParseKeyPair))?;
        Ok((key, der))
    }

    /// Reads PKCS#8; `None` for anything but an ECDSA P-256 key.
    pub(super) fn read(pkcs8: &[u8]) -> Option<Self> {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
        let signer = any_ecdsa_type(&der).ok()?;
        signer.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256])?;
        // SubjectPublicKeyInfo ends with the point.
        let public = signer.public_key()?;
        let point = public.get(public.len().checked_sub(65)?..)?.into();
        Some(Self { signer, point })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.signer
            .choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256])
            .and_then(|signer| signer.sign(message).ok())
            .ok_or(rcgen::Error::RemoteKeyError)
    }
}

/// Makes a certificate of the CA for these hosts, valid from an hour before `now`.
pub(super) fn authority(
    key: &Key,
    hosts: &BTreeSet<String>,
    now: SystemTime,
) -> Result<CertificateDer<'static>, CaError> {
    let mut params = subject()?;
    (params.not_before, params.not_after) = validity(now - BACK, now - BACK + CA_LIFE);
    params.serial_number = Some(serial()?);
    // A critical constraint: a client that does not understand it must not trust the CA at all.
    // Addresses are excluded explicitly because a type of name that no constraint names is not
    // constrained.
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: hosts.iter().cloned().map(GeneralSubtree::DnsName).collect(),
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    });
    Ok(params.self_signed(key)?.into())
}

/// Makes the issuer of leaves: the CA's key under its unchanging name.
pub(super) fn issuer(key: Key) -> Result<Issuer<'static, Key>, CaError> {
    Ok(Issuer::new(subject()?, key))
}

/// Returns the parameters of the CA that never change. Were the name to change in some release,
/// apps that loaded an earlier certificate would trust no leaf signed under the new name.
fn subject() -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Outrigger");
    params
        .distinguished_name
        .push(DnType::CommonName, "Outrigger pod CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// Makes a leaf for these names. The subject is empty and the names critical (RFC 5280 §4.1.2.6),
/// as in the public short-lived certificates.
pub(super) fn leaf(
    issuer: &Issuer<'_, Key>,
    key: &Key,
    names: Vec<SanType>,
    (first, last): (SystemTime, SystemTime),
) -> Result<CertificateDer<'static>, CaError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = names;
    (params.not_before, params.not_after) = validity(first, last);
    params.serial_number = Some(serial()?);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params.signed_by(key, issuer)?.into())
}

/// Makes a serial number of sixteen random bytes, not negative and never zero. `rcgen` would derive
/// it from the key, and one key with two certificates of one serial number is an error to some
/// clients (NSS: `SEC_ERROR_REUSED_ISSUER_AND_SERIAL`).
fn serial() -> Result<SerialNumber, CaError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| CaError::Chance)?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Rounds to whole seconds that a certificate can express.
fn validity<T: From<SystemTime>>(first: SystemTime, last: SystemTime) -> (T, T) {
    let whole = |time: SystemTime| {
        let seconds = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        T::from(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST)))
    };
    (whole(first), whole(last))
}
