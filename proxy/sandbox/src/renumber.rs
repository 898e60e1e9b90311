//! Imports of an earlier contract whose interfaces are today's, under today's names.
//!
//! An import is linked by its name, which has the contract's version in it. Where an earlier
//! version's interface is part of today's, nothing but that number keeps the two apart. The types
//! are compared when the component is linked, as any other's are.

use std::borrow::Cow;

use wasmparser::{BinaryReaderError, Parser, Payload};

use super::contract::{PACKAGE, Version};

/// Returns a component whose imports have the names that they are linked by.
pub(super) fn renumbered(
    component: Cow<'_, [u8]>,
    contract: Version,
) -> Result<Cow<'_, [u8]>, BinaryReaderError> {
    let (from, to) = (contract.line(), contract.linked_as().line());
    if from == to {
        return Ok(component);
    }
    let places = versions(&component, from)?;
    let mut renumbered = component.into_owned();
    for at in places {
        // Both are as long: every version has one digit each, for so long as this is needed.
        if let Some(version) = renumbered.get_mut(at..at + to.len()) {
            version.copy_from_slice(to.as_bytes());
        }
    }
    Ok(renumbered.into())
}

/// Returns the places of a version's number in the names of a component's own imports.
fn versions(component: &[u8], line: &str) -> Result<Vec<usize>, BinaryReaderError> {
    let (mut places, mut depth) = (Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    let name = import?.name.name;
                    let version = name.strip_prefix(PACKAGE).and_then(|of| of.split_once('@'));
                    if let Some((_, version)) = version.filter(|(_, of)| of.starts_with(line)) {
                        places.push(version.as_ptr().addr() - component.as_ptr().addr());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(places)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{
        super::{compile::component, introduce::job},
        *,
    };

    /// The names of a component's own imports and exports.
    fn names(component: &[u8]) -> (Vec<String>, Vec<String>) {
        let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0);
        for payload in Parser::new(0).parse_all(component) {
            match payload.unwrap() {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 1 => {
                    let names = section.into_iter().map(|import| import.unwrap().name.name);
                    imports.extend(names.map(str::to_owned));
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    let names = section.into_iter().map(|export| export.unwrap().name.name);
                    exports.extend(names.map(str::to_owned));
                }
                _ => {}
            }
        }
        (imports, exports)
    }

    #[test]
    fn a_policy_of_0_3_imports_what_there_is_today_and_exports_what_it_did() {
        let file = include_bytes!("../../../tests/data/policies-0.3/unruly.wasm");
        let mut job = job(file).unwrap();
        assert_eq!(job.contract, Version::V0_3);
        let made = component(&job, file).unwrap();
        let (imports, exports) = names(&made);
        assert!(
            imports.iter().all(|name| name.ends_with("@0.4.0")),
            "{imports:?}"
        );
        assert!(imports.contains(&"outrigger:policy/exchange@0.4.0".to_owned()));
        assert!(exports.contains(&"outrigger:policy/policy@0.3.0".to_owned()));
        // A file that is a component already is taken as it is, but for those names.
        let as_today = made.clone().into_owned();
        job.component = true;
        assert_eq!(component(&job, &as_today).unwrap(), as_today);
    }

    #[test]
    fn imports_of_today_and_those_of_0_2_keep_their_names() {
        let file = include_bytes!("../../../tests/data/policies-0.2/noop.wasm");
        let made = component(&job(file).unwrap(), file).unwrap();
        let (imports, _) = names(&made);
        assert!(
            imports.iter().all(|name| name.ends_with("@0.2.0")),
            "{imports:?}"
        );
    }
}
