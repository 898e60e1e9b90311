//! The imports of built policies: their capabilities. Reads the modules that `make policies`
//! leaves, or those in OUTRIGGER_POLICIES.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use wasmparser::{Import, Parser, Payload, TypeRef};

/// The names of a module's imports, `interface.function`.
fn imports(name: &str) -> Vec<String> {
    let folder = env::var_os("OUTRIGGER_POLICIES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/policies")),
        PathBuf::from,
    );
    let file = [name.to_owned(), name.replace('-', "_")]
        .map(|name| folder.join(name + ".wasm"))
        .into_iter()
        .find(|file| file.exists());
    let bytes =
        fs::read(file.unwrap_or_else(|| panic!("{name} is not built: run `make policies`")))
            .unwrap();
    let sections = Parser::new(0).parse_all(&bytes);
    let imports = sections.filter_map(|section| match section.unwrap() {
        Payload::ImportSection(imports) => Some(imports),
        _ => None,
    });
    let named = |import: Import<'_>| {
        assert!(
            matches!(import.ty, TypeRef::Func(_)),
            "policies import functions only"
        );
        format!("{}.{}", import.module, import.name)
    };
    imports
        .flat_map(|imports| imports.into_imports())
        .map(|import| named(import.unwrap()))
        .collect()
}

#[test]
fn a_policy_imports_the_functions_that_it_calls_and_no_others() {
    let exchange = "outrigger:policy/exchange@0.4.0.";
    let mut found = imports("model-allowlist");
    found.sort();
    let expected = [
        "[method]request.model",
        "[resource-drop]reply-head",
        "[resource-drop]request",
    ];
    assert_eq!(found, expected.map(|name| format!("{exchange}{name}")));
}

/// Those of the imported interfaces that an operator has to grant, in the alphabet's order.
fn granted(imports: &[String]) -> BTreeSet<&str> {
    let free = ["clock", "exchange", "log", "metrics", "random", "types"];
    let names = imports
        .iter()
        .filter_map(|import| import.split(['/', '@']).nth(1));
    names.filter(|name| !free.contains(name)).collect()
}

#[test]
fn no_policy_needs_a_grant_without_using_it() {
    for name in ["model-allowlist", "model-router", "noop", "hide-word"] {
        let found = imports(name);
        assert!(
            found.contains(&"outrigger:policy/exchange@0.4.0.[resource-drop]request".to_owned()),
            "{name}"
        );
        assert!(granted(&found).is_empty(), "{name}: {found:?}");
        assert!(
            found
                .iter()
                .all(|import| import.starts_with("outrigger:policy/")),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn a_policy_that_uses_a_store_imports_that_one_and_no_other() {
    for (name, expected) in [
        ("turn-limit", &["values"][..]),
        ("degrade", &["replies"]),
        ("token-rate-limit", &["limits"]),
        ("budget", &["limits", "values", "fetch"]),
        ("response-cache", &["replies"]),
        ("tier-router", &["values"]),
        ("tier-router-judge", &["values", "embeddings", "fetch"]),
        ("semantic-cache", &["replies", "embeddings", "values"]),
        (
            "semantic-cache-judge",
            &["replies", "embeddings", "values", "fetch"],
        ),
    ] {
        let expected = expected.iter().copied().collect();
        assert_eq!(granted(&imports(name)), expected, "{name}");
    }
}
