//! The flags that policies are built with (`policy.toml`), seen in the built modules. Reads those
//! that `make policies` leaves, or those in OUTRIGGER_POLICIES.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{env, fs, path::PathBuf};

use wasmparser::{Operator, Parser, Payload};

/// The built policies: name and file.
fn policies() -> Vec<(String, Vec<u8>)> {
    let folder = env::var_os("OUTRIGGER_POLICIES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/policies")),
        PathBuf::from,
    );
    let files = fs::read_dir(folder).unwrap_or_else(|e| panic!("{e}: run `make policies`"));
    let paths = files.map(|file| file.unwrap().path());
    let modules = paths.filter(|path| path.extension().is_some_and(|end| end == "wasm"));
    let found = modules.map(|path| (path.display().to_string(), fs::read(path).unwrap()));
    Vec::from_iter(found)
}

#[test]
fn a_policy_has_a_stack_of_64_kib_and_little_memory_beside_it() {
    let policies = policies();
    assert!(!policies.is_empty(), "run `make policies`");
    for (name, file) in policies {
        let (mut stack, mut pages) = (None, None);
        for section in Parser::new(0).parse_all(&file) {
            match section.unwrap() {
                Payload::MemorySection(memories) => {
                    pages = memories
                        .into_iter()
                        .next()
                        .map(|memory| memory.unwrap().initial);
                }
                // The first global is the stack's pointer, which begins at its end.
                Payload::GlobalSection(globals) => {
                    let first = globals.into_iter().next().unwrap().unwrap();
                    if let Operator::I32Const { value } =
                        first.init_expr.get_operators_reader().read().unwrap()
                    {
                        stack = Some(value);
                    }
                }
                _ => {}
            }
        }
        assert_eq!(stack, Some(65_536), "{name}");
        assert!(pages.is_some_and(|pages| pages <= 3), "{name}: {pages:?}");
    }
}

#[test]
fn texts_are_searched_sixteen_bytes_at_a_time() {
    let policies = policies();
    let named = |(name, _): &&(String, Vec<u8>)| name.ends_with("pii-redact.wasm");
    let (_, file) = policies.iter().find(named).unwrap();
    let shuffles = Parser::new(0).parse_all(file).any(|section| {
        let Payload::CodeSectionEntry(body) = section.unwrap() else {
            return false;
        };
        let operators = body.get_operators_reader().unwrap();
        operators
            .into_iter()
            .any(|operator| matches!(operator.unwrap(), Operator::I8x16Swizzle))
    });
    assert!(shuffles, "built without SIMD");
}
