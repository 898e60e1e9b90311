//! Imports and exports of a policy file, read from its names before any of it is compiled.
//!
//! Imports are capabilities. A core module shows those that it uses; a component those it declares.

use serde::{Deserialize, Serialize};
use wasmparser::{Encoding, Imports, Parser, Payload};

use super::{
    LoadError,
    capabilities::{Capability, Grants},
};

/// The contract's version, as `plugin-sdk/wit` has it.
pub const CONTRACT: &str = "0.4.0";
/// The contract's package.
pub(super) const PACKAGE: &str = "outrigger:policy";

/// The versions of the contract that this host speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Version {
    /// Version 0.2, through an adapter: dialects, places and hooks are closed sets.
    #[serde(rename = "0.2")]
    V0_2,
    /// Version 0.3, through an adapter: nothing said what was tried.
    #[serde(rename = "0.3")]
    V0_3,
    /// Version 0.4: [`CONTRACT`].
    #[serde(rename = "0.4")]
    V0_4,
}

impl Version {
    /// All versions, the newest first.
    pub const ALL: [Self; 3] = [Self::V0_4, Self::V0_3, Self::V0_2];

    /// Returns all of them as a sentence lists them.
    pub(super) fn spoken() -> String {
        let lines = Self::ALL.map(Self::line).join(", ");
        match lines.rsplit_once(", ") {
            Some((all, last)) => format!("{all} and {last}"),
            None => lines,
        }
    }

    /// Returns the part of the version number that is common to its line.
    pub const fn line(self) -> &'static str {
        match self {
            Self::V0_2 => "0.2",
            Self::V0_3 => "0.3",
            Self::V0_4 => "0.4",
        }
    }

    /// Returns the version whose functions its imports are linked to: its own, or a later one that
    /// has all of them as they were.
    pub(super) const fn linked_as(self) -> Self {
        match self {
            Self::V0_2 => Self::V0_2,
            Self::V0_3 | Self::V0_4 => Self::V0_4,
        }
    }

    /// Returns the line that a version belongs to: before 1.0 the minor version decides.
    fn of(version: &str) -> Result<Self, LoadError> {
        let among = |known: &Self| {
            let patch = version.strip_prefix(known.line())?.strip_prefix('.')?;
            let digits = !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit());
            digits.then_some(*known)
        };
        let unknown = || LoadError::Version {
            built: version.chars().take(32).collect(),
        };
        Self::ALL.iter().find_map(among).ok_or_else(unknown)
    }
}

/// A policy file's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// True if it is a component already.
    pub(super) component: bool,
    /// Interfaces that it imports, without version: `values`, or `wasi:cli/environment` where it is
    /// not ours.
    pub(super) imports: Vec<String>,
    /// Interface that contains the hooks, with the version it was built for.
    pub(super) export: String,
    /// Contract that both are of.
    pub(super) contract: Version,
    /// True if it is a core module that imports a function which lists passages.
    pub(super) lists_passages: bool,
}

/// Functions of a request that list passages: in vain, where the manifest reads no place.
const LISTING: [&str; 2] = ["[method]request.passages", "[method]request.passages-of"];

impl Names {
    /// Reads and checks the names.
    ///
    /// # Errors
    /// It is no wasm, no policy, one for another version of the contract, or wants what was not
    /// granted.
    pub(super) fn read(bytes: &[u8], grants: &Grants) -> Result<Self, LoadError> {
        let (component, imports, functions, exports) =
            raw(bytes).map_err(|e| LoadError::Malformed(e.message().to_owned()))?;
        // Foreign imports are reported first: a module for another host fails both checks, and this
        // one says why.
        if let Some(foreign) = imports.iter().find(|name| !name.starts_with(PACKAGE)) {
            return Err(unknown(foreign));
        }
        let prefix = format!("{PACKAGE}/policy@");
        let export = exports
            .into_iter()
            .find(|name| name.starts_with(&prefix))
            .ok_or(LoadError::NotAPolicy)?;
        let contract = Version::of(&export[prefix.len()..])?;

        let mut names = Vec::new();
        for import in imports {
            let name = interface(&import, contract)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.sort();
        for name in &names {
            allowed(name, contract, grants)?;
        }
        Ok(Self {
            component,
            imports: names,
            export,
            contract,
            lists_passages: !component && functions.iter().any(|name| LISTING.contains(&&**name)),
        })
    }
}

/// Returns the name of an import: the short one of our interfaces, the whole one of any other.
fn interface(import: &str, contract: Version) -> Result<String, LoadError> {
    let ours = import
        .strip_prefix(PACKAGE)
        .and_then(|r| r.strip_prefix('/'));
    let Some((name, version)) = ours.and_then(|rest| rest.split_once('@')) else {
        return Ok(import.to_owned());
    };
    match Version::of(version)? == contract {
        true => Ok(name.to_owned()),
        false => Err(LoadError::Mixed {
            import: import.chars().take(128).collect(),
            hooks: contract,
        }),
    }
}

fn allowed(name: &str, contract: Version, grants: &Grants) -> Result<(), LoadError> {
    let known = Capability::named(name).filter(|known| known.is_in(contract));
    let known = known.ok_or_else(|| unknown(name))?;
    match grants.has(known) {
        true => Ok(()),
        false => Err(LoadError::Ungranted(name.to_owned())),
    }
}

fn unknown(import: &str) -> LoadError {
    LoadError::Unknown(import.chars().take(128).collect())
}

/// Returns the import and export names of the outermost level, of a core module without their
/// `#function`; the functions that a core module imports are a list of their own.
#[allow(clippy::type_complexity, reason = "its only caller takes it apart")]
fn raw(
    bytes: &[u8],
) -> Result<(bool, Vec<String>, Vec<String>, Vec<String>), wasmparser::BinaryReaderError> {
    let (mut imports, mut functions, mut exports) = (Vec::new(), Vec::new(), Vec::new());
    let (mut depth, mut component) = (0_u32, false);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => {
                depth += 1;
                component |= depth == 1 && encoding == Encoding::Component;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            Payload::ImportSection(section) if depth == 1 => {
                for group in section {
                    imports.push(match group? {
                        Imports::Single(_, import) => {
                            functions.push(import.name.to_owned());
                            import.module.to_owned()
                        }
                        Imports::Compact1 { module, .. } | Imports::Compact2 { module, .. } => {
                            module.to_owned()
                        }
                    });
                }
            }
            Payload::ExportSection(section) if depth == 1 => {
                for export in section {
                    if let Some((interface, _)) = export?.name.split_once('#') {
                        exports.push(interface.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok((component, imports, functions, exports))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{super::capabilities::VALUES, *};

    #[test]
    fn the_version_is_the_one_in_the_contract() {
        let wit = include_str!("../../../plugin-sdk/wit/policy.wit");
        assert!(wit.contains(&format!("\npackage {PACKAGE}@{CONTRACT};")));
        assert!(CONTRACT.starts_with(Version::V0_4.line()));
        for (wit, version) in [
            (
                include_str!("../../../plugin-sdk/wit/0.3/policy.wit"),
                "0.3.0",
            ),
            (
                include_str!("../../../plugin-sdk/wit/0.2/policy.wit"),
                "0.2.0",
            ),
        ] {
            assert!(wit.contains(&format!("\npackage {PACKAGE}@{version};")));
        }
    }

    #[test]
    fn a_version_is_written_over_that_of_the_functions_it_is_linked_to() {
        for version in Version::ALL {
            assert_eq!(version.line().len(), version.linked_as().line().len());
        }
    }

    #[test]
    fn before_1_0_the_minor_version_must_match_and_the_patch_may_differ() {
        for (version, line) in [
            ("0.4.0", Version::V0_4),
            ("0.3.0", Version::V0_3),
            ("0.3.7", Version::V0_3),
            ("0.2.0", Version::V0_2),
            ("0.2.12", Version::V0_2),
        ] {
            assert_eq!(Version::of(version), Ok(line), "{version}");
        }
        for other in [
            "0.1.0", "0.5.0", "0.20.0", "0.30.0", "1.1.0", "0.3", "0.3.", "0.3.x", "", "x",
        ] {
            assert!(Version::of(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_file_is_of_one_contract_only() {
        assert!(interface("outrigger:policy/log@0.2.0", Version::V0_2).is_ok());
        let why = interface("outrigger:policy/log@0.2.0", Version::V0_4).unwrap_err();
        assert_eq!(
            why.to_string(),
            "exports hooks of version 0.4 of the policy contract and imports `outrigger:policy/log@0.2.0` of another: build it with one outrigger-sdk"
        );
        assert!(matches!(
            interface("outrigger:policy/log@0.9.0", Version::V0_4),
            Err(LoadError::Version { built }) if built == "0.9.0"
        ));
    }

    #[test]
    fn another_version_is_refused_with_what_to_do() {
        let why = Version::of("0.7.2").unwrap_err().to_string();
        assert_eq!(
            why,
            "built for version 0.7.2 of the policy contract, and this Outrigger speaks 0.4, 0.3 and 0.2: rebuild it with outrigger-sdk 0.4"
        );
    }

    #[test]
    fn what_was_not_granted_or_is_not_offered_is_refused_by_its_name() {
        let none = Grants::default();
        let allowed = |name: &str, grants: &Grants| allowed(name, Version::V0_4, grants);
        assert!(allowed("log", &none).is_ok());
        assert!(matches!(allowed("values", &none), Err(LoadError::Ungranted(n)) if n == "values"));
        assert!(matches!(allowed("fetch", &none), Err(LoadError::Ungranted(n)) if n == "fetch"));
        assert!(matches!(allowed("body", &none), Err(LoadError::Unknown(n)) if n == "body"));
        let name = interface("wasi:sockets/tcp@0.2.0", Version::V0_4).unwrap();
        assert!(
            matches!(allowed(&name, &none), Err(LoadError::Unknown(n)) if n == "wasi:sockets/tcp@0.2.0")
        );
        let granted = Grants::default().with(&VALUES);
        assert!(allowed("values", &granted).is_ok());
    }

    #[test]
    fn what_is_no_wasm_is_malformed_and_an_empty_module_is_no_policy() {
        let read = |bytes: &[u8]| Names::read(bytes, &Grants::default()).unwrap_err();
        for bytes in [&b""[..], b"hello", b"\0asm", b"\0asm\x01\0\0\0\x02\xff"] {
            assert!(matches!(read(bytes), LoadError::Malformed(_)), "{bytes:?}");
        }
        assert!(matches!(read(b"\0asm\x01\0\0\0"), LoadError::NotAPolicy));
    }
}
