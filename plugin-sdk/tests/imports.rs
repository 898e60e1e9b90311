//! The imports of built policies: their capabilities. Reads the modules that `make policies`
//! leaves, or those in OUTRIGGER_POLICIES.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, env, fs, path::PathBuf};

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
    let mut rest = bytes.strip_prefix(b"\0asm\x01\0\0\0").unwrap();
    while let Some((&section, after)) = rest.split_first() {
        rest = after;
        let size = number(&mut rest);
        let (mut body, next) = rest.split_at(size);
        if section == 2 {
            return (0..number(&mut body)).map(|_| import(&mut body)).collect();
        }
        rest = next;
    }
    Vec::new()
}

fn import(body: &mut &[u8]) -> String {
    let (module, name) = (text(body), text(body));
    let kind = body[0];
    *body = &body[1..];
    assert_eq!(kind, 0, "policies import functions only");
    number(body);
    format!("{module}.{name}")
}

fn text<'a>(body: &mut &'a [u8]) -> &'a str {
    let size = number(body);
    let (text, rest) = body.split_at(size);
    *body = rest;
    std::str::from_utf8(text).unwrap()
}

/// LEB128.
fn number(body: &mut &[u8]) -> usize {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, rest) = body.split_first().unwrap();
        *body = rest;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

#[test]
fn a_policy_imports_the_functions_that_it_calls_and_no_others() {
    let exchange = "outrigger:policy/exchange@0.3.0.";
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
            found.contains(&"outrigger:policy/exchange@0.3.0.[resource-drop]request".to_owned()),
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
        ("token-rate-limit", &["limits"]),
        ("budget", &["limits", "values", "fetch"]),
        ("response-cache", &["replies"]),
    ] {
        let expected = expected.iter().copied().collect();
        assert_eq!(granted(&imports(name)), expected, "{name}");
    }
}
