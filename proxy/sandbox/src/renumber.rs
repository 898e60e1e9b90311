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
