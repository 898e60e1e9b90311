//! A signature's statement, and its text.
//!
//! ```text
//! outrigger policy signature 1
//! policy: pii-redact
//! version: 0.2.0
//! sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//! cases: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
//! key: 1f2e3d4c5b6a7988
//! signature: BASE64
//! ```
//!
//! The lines above the last, with their line ends, are signed; the first of them prevents a
//! signature made for something else from being valid here. `cases` is there where
//! `NAME.cases.yaml` stood beside the module when it was signed. A statement has exactly one
//! spelling: text that parses but is not what [`Signature`] would write is refused, so no bit of
//! the file is without meaning. (The line end of the last line may be missing: tools that carry
//! text drop it.)

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use semver::Version;

use super::{Digest, PublicKey, SecretKey, hex, unhex};

/// Largest file of a signature, in bytes: no more of one is read.
pub const LARGEST: u64 = 4 << 10;
/// First line: the kind of statement, and the version of its format.
const FIRST: &str = "outrigger policy signature 1";

/// A file that is no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Malformed {
    /// The error in it.
    pub why: &'static str,
}

/// Claims that a signer vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The policy's name: the file is `NAME.wasm`, and the chain says `use: NAME`.
    pub policy: String,
    /// The version in the policy's manifest.
    pub version: Version,
    /// Digest of the module's bytes.
    pub sha256: Digest,
    /// Digest of `NAME.cases.yaml`, where one belongs to it.
    pub cases: Option<Digest>,
}

impl Statement {
    /// Returns the text that is signed.
    fn text(&self, key: &str) -> String {
        let cases = match &self.cases {
            Some(cases) => format!("cases: {}\n", hex(cases)),
            None => String::new(),
        };
        format!(
            "{FIRST}\npolicy: {}\nversion: {}\nsha256: {}\n{cases}key: {key}\n",
            self.policy,
            self.version,
            hex(&self.sha256)
        )
    }

    /// Signs it. The name must be one that a policy may have ([`is_name`]).
    pub fn sign(self, key: &SecretKey) -> Signature {
        let id = key.public().id();
        let signature = key.sign(self.text(&id).as_bytes());
        Signature {
            statement: self,
            key: id,
            signature,
        }
    }
}

/// A statement with a signature under it, which has not been verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The claims.
    pub statement: Statement,
    /// The id of the key that is claimed to have signed.
    pub key: String,
    signature: [u8; 64],
}

impl Signature {
    /// Reads a signature's file.
    ///
    /// # Errors
    /// The file is no signature, or not in the one spelling.
    pub fn parse(file: &[u8]) -> Result<Self, Malformed> {
        let wrong = |why| Malformed { why };
        if file.is_empty() {
            return Err(wrong("it is empty"));
        }
        if file.len() as u64 > LARGEST {
            return Err(wrong("it is larger than any signature"));
        }
        let text = std::str::from_utf8(file).map_err(|_| wrong("it is no text"))?;
        let mut lines = text.lines();
        match lines.next() {
            Some(FIRST) => {}
            Some(line) if line.starts_with("outrigger policy signature ") => {
                return Err(wrong("it is of a later version; update Outrigger"));
            }
            _ => return Err(wrong("it is not what `outrigger policy sign` writes")),
        }
        let mut field = |name: &str| -> Option<&str> {
            let (key, value) = lines.clone().next()?.split_once(": ")?;
            (key == name).then(|| lines.next())?;
            (key == name).then_some(value)
        };
        let fields = (|| {
            let policy = field("policy").filter(|name| is_name(name))?.to_owned();
            let version = Version::parse(field("version")?).ok()?;
            let sha256 = unhex(field("sha256")?)?;
            let cases = match field("cases") {
                Some(digits) => Some(unhex(digits)?),
                None => None,
            };
            let key = field("key")?.to_owned();
            let signature = BASE64.decode(field("signature")?).ok()?.try_into().ok()?;
            Some(Self {
                statement: Statement {
                    policy,
                    version,
                    sha256,
                    cases,
                },
                key,
                signature,
            })
        })();
        let read = fields.ok_or(wrong("it is damaged or cut short"))?;
        let written = read.to_string();
        if text == written || text == written.trim_end() {
            Ok(read)
        } else {
            Err(wrong("it is damaged or has something added to it"))
        }
    }

    /// True if `key` made it.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        key.id() == self.key
            && key.verifies(self.statement.text(&self.key).as_bytes(), &self.signature)
    }
}

/// Prints the file's text.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.statement.text(&self.key))?;
        writeln!(f, "signature: {}", BASE64.encode(self.signature))
    }
}

/// True for a valid name of a policy: up to 64 letters, digits, `-`, `_` and `.`, not beginning
/// with a dot.
pub fn is_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !text.is_empty() && text.len() <= 64 && !text.starts_with('.') && text.bytes().all(good)
}
