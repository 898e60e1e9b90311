//! Verdict on a module: whether these bytes may serve under this name.
//!
//! It is given on a digest. The caller must compile the very bytes that have this digest, read
//! once: `reload` does.

use std::fmt;

use semver::Version;

use super::{Digest, Malformed, PublicKey, Signature, hex};

/// Signers that the operator trusts, and what is required of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Keys whose signatures count.
    pub signers: Vec<PublicKey>,
    /// True if a policy without a signature is refused. Default: true where there are signers.
    /// If false, an existing signature must be valid all the same; but whoever can remove it has
    /// an unsigned policy.
    pub require: bool,
    /// True if a version older than one that has served is refused. Default: as `require`.
    pub rollback_guard: bool,
}

/// Signature found beside a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Beside {
    /// No file.
    #[default]
    Nothing,
    /// This file.
    File(Box<[u8]>),
    /// A file that can't be read as one; the reason, in a sentence.
    Unusable(String),
}

/// A module, before any of it is run.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Name in the chain.
    pub name: &'a str,
    /// Digest of its bytes.
    pub sha256: &'a Digest,
    /// Digest of its cases, where there are any.
    pub cases: Option<&'a Digest>,
    /// The signature beside it.
    pub signature: &'a Beside,
    /// Digest that the operator pinned it to.
    pub pin: Option<&'a Digest>,
}

/// A verified signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The version that was signed.
    pub version: Version,
    /// The id of the key that signed.
    pub key: String,
}

const SIGN: &str = "sign it with `outrigger policy sign`";

/// Reasons for which a module may not serve. Each sentence follows the policy's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its digest is not the chain's `sha256`.
    #[error("its sha256 is {}, and the chain pins {}: put the pinned file back, or pin this one", hex(.found), hex(.wanted))]
    Pin {
        /// The chain's digest.
        wanted: Digest,
        /// The file's digest.
        found: Digest,
    },
    /// There is no signature.
    #[error(
        "{name}.wasm has no {name}.wasm.sig beside it, and `policies.require_signed` holds: {SIGN} by a key among `policies.signers`"
    )]
    Unsigned {
        /// The policy.
        name: String,
    },
    /// The file beside it is no signature.
    #[error("{name}.wasm.sig is no signature, as {why}: {SIGN} again")]
    Malformed {
        /// The policy.
        name: String,
        /// The error in it.
        why: Malformed,
    },
    /// The file beside it can't be read.
    #[error("{name}.wasm.sig {why}: {SIGN} again")]
    Unusable {
        /// The policy.
        name: String,
        /// The reason.
        why: String,
    },
    /// The key is not among the signers.
    #[error("{name}.wasm.sig is by key {key}, which is not among `policies.signers` ({}): add that key if you trust it, or sign with one of these", .signers.join(", "))]
    Unknown {
        /// The policy.
        name: String,
        /// The key that signed.
        key: String,
        /// The trusted signers.
        signers: Vec<String>,
    },
    /// The signature was not made with the key, or not over this text.
    #[error(
        "{name}.wasm.sig does not hold: it was changed after key {key} signed, or that key did not; get the file again, or {SIGN}"
    )]
    Forged {
        /// The policy.
        name: String,
        /// The key that is claimed to have signed.
        key: String,
    },
    /// It was signed as another policy.
    #[error(
        "{name}.wasm was signed by key {key} as `{signed}`: a signed policy can't be renamed; call it {signed}, or sign it with `--name {name}`"
    )]
    Name {
        /// The policy.
        name: String,
        /// The name that was signed.
        signed: String,
        /// The key that signed.
        key: String,
    },
    /// Other bytes were signed.
    #[error("{name}.wasm has sha256 {}, and key {key} signed {}: the file was changed, or file and signature are of two builds; deliver both together, or {SIGN}", hex(.found), hex(.signed))]
    Bytes {
        /// The policy.
        name: String,
        /// The digest that was signed.
        signed: Digest,
        /// The file's digest.
        found: Digest,
        /// The key that signed.
        key: String,
    },
    /// Its cases are not those that were signed with it.
    #[error(fmt = cases)]
    Cases {
        /// The policy.
        name: String,
        /// True if no cases were signed.
        none: bool,
    },
    /// A newer version has served.
    #[error(
        "version {version} is older than {seen}, which has served: to go back, set `allow_rollback: true` at its place in the chain"
    )]
    Older {
        /// The signed version.
        version: Version,
        /// The newest that has served.
        seen: Version,
    },
    /// Its manifest has another version than was signed.
    #[error("it was signed as version {signed} and says of itself that it is {own}: {SIGN} again")]
    Version {
        /// The signed version.
        signed: Version,
        /// The manifest's version.
        own: String,
    },
}

fn cases(name: &str, none: &bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match none {
        true => write!(
            f,
            "{name}.cases.yaml was not signed with {name}.wasm: remove it, or {SIGN} while it stands there"
        ),
        false => write!(
            f,
            "{name}.cases.yaml is not the one that was signed with {name}.wasm: put that back, or {SIGN} again"
        ),
    }
}

impl Trust {
    /// Judges a module. `None` where it may serve without a signature.
    ///
    /// # Errors
    /// The reason for which it may not serve.
    pub fn judge(&self, subject: &Subject<'_>) -> Result<Option<Verified>, Refused> {
        if let Some(wanted) = subject.pin.filter(|pin| *pin != subject.sha256) {
            return Err(Refused::Pin {
                wanted: *wanted,
                found: *subject.sha256,
            });
        }
        if self.signers.is_empty() && !self.require {
            return Ok(None); // without known signers a signature proves nothing
        }
        let name = || subject.name.to_owned();
        let file = match subject.signature {
            Beside::File(file) => file,
            Beside::Nothing if self.require => return Err(Refused::Unsigned { name: name() }),
            Beside::Nothing => return Ok(None),
            Beside::Unusable(why) => {
                let (name, why) = (name(), why.clone());
                return Err(Refused::Unusable { name, why });
            }
        };
        let signature =
            Signature::parse(file).map_err(|why| Refused::Malformed { name: name(), why })?;
        let key = signature.key.clone();
        let mut known = self.signers.iter().filter(|signer| signer.id() == key);
        if known.clone().next().is_none() {
            return Err(Refused::Unknown {
                name: name(),
                key,
                signers: self.signers.iter().map(PublicKey::id).collect(),
            });
        }
        if !known.any(|signer| signature.is_by(signer)) {
            return Err(Refused::Forged { name: name(), key });
        }
        // From here on the statement is verified.
        let said = signature.statement;
        if said.policy != subject.name {
            return Err(Refused::Name {
                name: name(),
                signed: said.policy,
                key,
            });
        }
        if said.sha256 != *subject.sha256 {
            return Err(Refused::Bytes {
                name: name(),
                signed: said.sha256,
                found: *subject.sha256,
                key,
            });
        }
        // Cases are no code, but they run the policy with requests and a configuration that their
        // writer chose.
        if let Some(found) = subject.cases
            && said.cases.as_ref() != Some(found)
        {
            return Err(Refused::Cases {
                name: name(),
                none: said.cases.is_none(),
            });
        }
        Ok(Some(Verified {
            version: said.version,
            key,
        }))
    }
}
