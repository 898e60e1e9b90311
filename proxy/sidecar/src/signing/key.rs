//! Ed25519 keys and their text forms.
//!
//! A public key is one line, `ed25519:BASE64` (the 32 bytes of RFC 8032, padded base64). A secret
//! key is PKCS#8 in PEM as in RFC 8410, so that `openssl genpkey -algorithm ed25519` makes one too.
//! Buffers that contained a secret key are wiped; ring does not wipe what it derives, which is why
//! only the short-lived `policy sign` and `policy keygen` ever load a secret key.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::{digest, hex};

/// First bytes of an Ed25519 key in PKCS#8, before its 32 bytes. RFC 8410 §7.
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// First characters of a public key's text.
const SCHEME: &str = "ed25519:";

/// Reasons for which a key can't be used. Never quotes the text: it may be a secret one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A secret key in the place of a public one.
    #[error(
        "is a secret key; give the public one, which `outrigger policy keygen` wrote as NAME.pub, and make a new pair if others could read this"
    )]
    Secret,
    /// Not `ed25519:` and 32 bytes in base64.
    #[error(
        "is no public key; write `ed25519:` and 44 characters of base64, as in the NAME.pub that `outrigger policy keygen` writes"
    )]
    Public,
    /// Not a PKCS#8 PEM of an Ed25519 key.
    #[error("is no Ed25519 key in PKCS#8 PEM; make one with `outrigger policy keygen --out NAME`")]
    Private,
    /// No randomness.
    #[error("can't be made: the system gives no random bytes")]
    Chance,
}

/// Public key of a signer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads `ed25519:BASE64`.
    ///
    /// # Errors
    /// The text is no public key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Secret);
        }
        let encoded = text.strip_prefix(SCHEME).ok_or(KeyError::Public)?;
        let bytes = BASE64.decode(encoded).map_err(|_| KeyError::Public)?;
        Ok(Self(bytes.try_into().map_err(|_| KeyError::Public)?))
    }

    /// Reads a file's text: a key a line, empty lines and those that begin with `#` left out.
    ///
    /// # Errors
    /// A line that is no key, or no key at all.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, KeyError> {
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Secret);
        }
        let keys: Vec<Self> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(Self::parse)
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(KeyError::Public);
        }
        Ok(keys)
    }

    /// Returns the key's short name: the first eight bytes of its digest, in hexadecimal. It only
    /// says which key to look for; it proves nothing.
    pub fn id(&self) -> String {
        let whole = digest(&self.0);
        hex(whole.first_chunk::<8>().unwrap_or(&[0; 8]))
    }

    /// True if `signature` over `text` is this key's.
    pub fn verifies(&self, text: &[u8], signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(text, signature)
            .is_ok()
    }
}

/// Prints the line of a `.pub` file.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// Secret key that signs. Used in `policy sign` and `policy keygen` only.
pub struct SecretKey(Ed25519KeyPair);

impl SecretKey {
    /// Generates a key; returns it and its PEM, which is wiped when dropped.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<(Self, Zeroizing<String>), KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut seed[..]).map_err(|_| KeyError::Chance)?;
        let mut der = Zeroizing::new(Vec::with_capacity(48));
        der.extend_from_slice(&PKCS8);
        der.extend_from_slice(&seed[..]);
        let key = Self::from_der(&der)?;
        // 48 bytes are 64 characters: one line, and never reallocated while it grows.
        let mut pem = Zeroizing::new(String::with_capacity(BEGIN.len() + END.len() + 67));
        write_pem(&mut pem, "PRIVATE KEY", &der);
        Ok((key, pem))
    }

    /// Reads PKCS#8 in PEM.
    ///
    /// # Errors
    /// The text is no such key, or another kind of key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let inside = pem
            .split_once(BEGIN)
            .and_then(|(_, rest)| rest.split_once(END))
            .map(|(inside, _)| inside)
            .ok_or(KeyError::Private)?;
        let mut line = Zeroizing::new(String::with_capacity(inside.len()));
        line.extend(inside.chars().filter(|c| !c.is_whitespace()));
        let mut der = Zeroizing::new(Vec::with_capacity(line.len()));
        BASE64
            .decode_vec(&line[..], &mut der)
            .map_err(|_| KeyError::Private)?;
        Self::from_der(&der)
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        // "Maybe unchecked": openssl writes no public key to check against.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map(Self)
            .map_err(|_| KeyError::Private)
    }

    /// Returns the public key.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref()); // Ed25519: always 32
        PublicKey(bytes)
    }

    /// Signs `text`.
    pub fn sign(&self, text: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.0.sign(text).as_ref()); // Ed25519: always 64
        bytes
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Appends one section of PEM (RFC 7468). For a key, `text` must have room for all of it, or copies
/// are left behind as it grows.
pub(crate) fn write_pem(text: &mut String, label: &str, der: &[u8]) {
    text.extend(["-----BEGIN ", label, "-----\n"]);
    for line in der.chunks(48) {
        BASE64.encode_string(line, text);
        text.push('\n');
    }
    text.extend(["-----END ", label, "-----\n"]);
}
