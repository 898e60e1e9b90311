//! Who is calling, without keeping the key: a hash of the credential, the same on every replica.
//!
//! Keys are long and random, so a plain hash tells nobody the key; 64 bits of it tell a billion callers apart.

use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

/// A name for the caller: a hash of the credential that the request carries, the same on every replica. None where it carries none.
pub fn of(headers: &HeaderMap) -> Option<String> {
    let value = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let bearer = |value: &'_ [u8]| {
        let scheme = value
            .get(..7)
            .is_some_and(|s| s.eq_ignore_ascii_case(b"bearer "));
        if scheme { 7 } else { 0 }
    };
    let credential = (value("authorization").map(|v| v.get(bearer(v)..).unwrap_or_default()))
        .or_else(|| {
            ["x-api-key", "api-key", "x-goog-api-key"]
                .into_iter()
                .find_map(value)
        })?
        .trim_ascii();
    (!credential.is_empty()).then(|| hash(credential))
}

/// What [`of`] makes of a credential, for one that came in another way (Gemini's `?key=`): 16 hexadecimal digits of its SHA-256.
pub fn hash(credential: &[u8]) -> String {
    let digest = Sha256::digest(credential);
    let mut name = String::with_capacity(16);
    for byte in digest.iter().take(8) {
        for half in [byte >> 4, byte & 15] {
            name.extend(char::from_digit(half.into(), 16));
        }
    }
    name
}
