//! The check of a file: the compiler's first step, as the validator is a third of a megabyte that
//! no pod needs.

use wasmparser::{Validator, WasmFeatures};

use super::ALLOWED;
use crate::LoadError;

/// Checks that a file uses only allowed proposals.
///
/// # Errors
/// It is not valid, or is with more proposals than policies may use: those that it can't do without
/// are named.
pub(crate) fn check(file: &[u8]) -> Result<(), LoadError> {
    if is_valid(file, ALLOWED) {
        return Ok(());
    }
    validate(file, WasmFeatures::all())
        .map_err(|e| LoadError::Malformed(e.message().to_owned()))?;
    // The later ones first: where one would do as well as another that builds on it, the plainer
    // one is reported.
    let mut features = WasmFeatures::all();
    for (_, proposal) in refused().into_iter().rev() {
        let without = features.difference(proposal);
        if is_valid(file, without) {
            features = without;
        }
    }
    let used = features.difference(ALLOWED);
    // wasmparser's name for references that need a collector, `externref` included: no proposal of
    // its own.
    let collected = WasmFeatures::GC_TYPES;
    let names: Vec<String> = match used == collected {
        true => vec!["gc".to_owned()],
        false => refused()
            .into_iter()
            .filter(|(_, proposal)| used.difference(collected).contains(*proposal))
            .map(|(constant, _)| name(constant))
            .collect(),
    };
    Err(LoadError::Proposals(names.join(", ")))
}

/// Every proposal that is known and not allowed.
fn refused() -> Vec<(&'static str, WasmFeatures)> {
    let others = WasmFeatures::all().difference(ALLOWED);
    others.iter_names().collect()
}

/// Returns a proposal's name as the specifications write it.
fn name(constant: &str) -> String {
    let name = constant.to_ascii_lowercase().replace('_', "-");
    match name.strip_prefix("cm-") {
        Some(of_components) => format!("component-model-{of_components}"),
        None => name,
    }
}

fn is_valid(file: &[u8], features: WasmFeatures) -> bool {
    validate(file, features).is_ok()
}

fn validate(file: &[u8], features: WasmFeatures) -> Result<(), wasmparser::BinaryReaderError> {
    Validator::new_with_features(features)
        .validate_all(file)
        .map(drop)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// `()` as a function's type, in a section of types.
    const PLAIN: &[u8] = &[1, 0x60, 0, 0];

    /// Builds a module of these sections.
    fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        for (id, content) in sections {
            module.extend([*id, u8::try_from(content.len()).unwrap()]);
            module.extend(*content);
        }
        module
    }

    /// Builds a module with one function of this body and a memory.
    fn function(body: &[u8]) -> Vec<u8> {
        let size = u8::try_from(body.len() + 2).unwrap();
        let code = [&[1, size, 0], body, &[0x0b]].concat();
        module(&[(1, PLAIN), (3, &[1, 0]), (5, &[1, 0, 1]), (10, &code)])
    }

    /// Builds a component with one type in it.
    fn component(of: &[u8]) -> Vec<u8> {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        component.extend([7, u8::try_from(of.len() + 1).unwrap(), 1]);
        component.extend(of);
        component
    }

    fn v128() -> Vec<u8> {
        [&[0xfd, 0x0c][..], &[0; 16]].concat()
    }

    #[test]
    fn what_compilers_emit_is_valid() {
        let constant = [0x41, 0];
        for (what, file) in [
            ("an exported mutable global", {
                let global = [1, 0x7f, 1, 0x41, 0, 0x0b];
                module(&[(6, &global), (7, &[1, 1, b'g', 3, 0])])
            }),
            (
                "sign extension",
                function(&[&constant[..], &[0xc0, 0x1a]].concat()),
            ),
            (
                "saturating truncation",
                function(&[0x43, 0, 0, 0, 0, 0xfc, 0, 0x1a]),
            ),
            ("two results", module(&[(1, &[1, 0x60, 0, 2, 0x7f, 0x7f])])),
            ("bulk memory", {
                let copy = [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0a, 0, 0];
                function(&copy)
            }),
            ("a reference to a function", function(&[0xd0, 0x70, 0x1a])),
            ("SIMD", function(&[&v128()[..], &[0x1a]].concat())),
            (
                "a constant sum",
                module(&[(6, &[1, 0x7f, 0, 0x41, 0, 0x41, 0, 0x6a, 0x0b])]),
            ),
            ("a component", component(&[0x7f])),
        ] {
            assert_eq!(check(&file), Ok(()), "{what}");
        }
    }

    #[test]
    fn each_other_proposal_is_refused_by_its_name() {
        let twice = [v128(), v128()].concat();
        let cases: &[(&str, Vec<u8>)] = &[
            ("threads", module(&[(5, &[1, 3, 1, 1])])),
            ("threads", function(&[0xfe, 3, 0])),
            ("tail-call", function(&[0x12, 0])),
            ("multi-memory", module(&[(5, &[2, 0, 1, 0, 1])])),
            ("memory64", module(&[(5, &[1, 4, 1])])),
            ("custom-page-sizes", module(&[(5, &[1, 8, 1, 0])])),
            ("exceptions", module(&[(1, PLAIN), (13, &[1, 0, 0])])),
            ("legacy-exceptions", function(&[0x06, 0x40, 0x0b])),
            ("gc", module(&[(1, &[1, 0x5f, 0])])),
            ("gc", module(&[(4, &[1, 0x6f, 0, 0])])),
            (
                "function-references",
                module(&[(1, &[2, 0x60, 0, 0, 0x60, 1, 0x63, 0, 0])]),
            ),
            ("stack-switching", module(&[(1, &[2, 0x60, 0, 0, 0x5d, 0])])),
            (
                "relaxed-simd",
                function(&[&twice[..], &[0xfd, 0x80, 2, 0x1a]].concat()),
            ),
            (
                "wide-arithmetic",
                function(&[0x42, 0, 0x42, 0, 0xfc, 0x15, 0x1a, 0x1a]),
            ),
            (
                "shared-everything-threads",
                module(&[(6, &[1, 0x7f, 2, 0x41, 0, 0x0b])]),
            ),
            ("component-model-async", component(&[0x66, 0])),
            ("component-model-error-context", component(&[0x64])),
            (
                "component-model-fixed-length-lists",
                component(&[0x67, 0x7d, 4]),
            ),
            ("component-model-map", component(&[0x63, 0x7d, 0x7d])),
        ];
        let named: Vec<_> = cases
            .iter()
            .map(|(_, file)| match check(file) {
                Err(LoadError::Proposals(names)) => names,
                other => format!("{other:?}"),
            })
            .collect();
        let expected: Vec<_> = cases.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, expected);
    }

    #[test]
    fn all_that_a_file_cannot_do_without_is_named_and_what_is_no_wasm_is_malformed() {
        let both = module(&[(1, &[1, 0x5f, 0]), (5, &[1, 3, 1, 1])]);
        assert_eq!(
            check(&both).unwrap_err().to_string(),
            "uses WebAssembly proposals that no policy may: threads, gc; build it without them"
        );
        for broken in [&b""[..], b"hello", &module(&[(5, &[1, 3])])] {
            assert!(matches!(check(broken), Err(LoadError::Malformed(_))));
        }
    }

    /// Compares each feature that the parser knows, new ones included, with the engine's printed
    /// settings.
    #[test]
    fn the_engine_takes_what_is_allowed_and_nothing_else_feature_by_feature() {
        let mut config = wasmtime::Config::new();
        config.concurrency_support(false);
        super::super::restrict(&mut config);
        let printed = format!("{config:?}");
        let mut known = 0;
        for (constant, feature) in WasmFeatures::all().iter_names() {
            let allowed = ALLOWED.union(super::super::ADAPTERS).contains(feature);
            let line = format!("wasm_{}: {allowed}", constant.to_lowercase());
            assert!(printed.contains(&line), "`{line}` is not in {printed}");
            known += 1;
        }
        assert!(known > 30);
        wasmtime::Engine::new(&config).unwrap();
    }
}
