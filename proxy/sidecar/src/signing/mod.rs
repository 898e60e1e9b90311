//! Signed policies: the signer that vouches for a module, under a name, in a version.
//!
//! A signature is a small text file beside the module, `NAME.wasm.sig`. It signs a [`Statement`]:
//! the policy's name, its version and the digest of its bytes (and of its cases), not the bytes
//! alone. So a signed file can't be renamed to pose as another policy, and an older version is
//! recognised as older ([`Seen`]) without running it. minisign's format carries names and versions
//! only in a comment and hashes with Blake2b, cosign's wants a registry and a transparency log
//! beside it: this one is six lines that `openssl` can check.
//!
//! Keys, statements and the verdict are pure: bytes in, results out. Only [`Seen`] has a file. This
//! module depends on no other: `config` reads keys with it, `reload` calls it before anything is
//! compiled, `pull` before anything is written.

mod key;
mod seen;
mod statement;
#[cfg(test)]
mod tests;
mod trust;

pub(crate) use key::write_pem;
pub use key::{PublicKey, SecretKey};
pub use seen::Seen;
pub use statement::{LARGEST, Malformed, Signature, Statement, is_name};
pub use trust::{Beside, Refused, Subject, Trust, Verified};

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Computes the SHA-256 of `bytes`.
pub fn digest(bytes: &[u8]) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}

/// Encodes bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads a digest: 64 hexadecimal digits, lower case, as [`hex`] writes it.
pub fn unhex(text: &str) -> Option<Digest> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut out = [0; 32];
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(out)
}
