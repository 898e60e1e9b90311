//! The crate that `outrigger policy new` writes is `examples/policies/hide-word`, so it is built
//! and tested like any other.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/template");
const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/policies/hide-word"
);

fn filled(file: &str) -> String {
    fs::read_to_string(Path::new(TEMPLATE).join(file))
        .unwrap()
        .replace("{{name}}", "hide-word")
        .replace("{{type}}", "HideWord")
        .replace("{{sdk}}", "\"0.2\"")
        .replace("{{members}}", "\"hide-word\"")
}

#[test]
fn the_template_and_the_example_are_the_same() {
    for (template, example) in [
        ("lib.rs.in", "src/lib.rs"),
        ("NAME.cases.yaml.in", "hide-word.cases.yaml"),
    ] {
        let example = fs::read_to_string(Path::new(EXAMPLE).join(example)).unwrap();
        assert_eq!(filled(template), example, "{template}");
    }
}

#[test]
fn the_template_has_its_files_and_no_placeholder_but_the_four() {
    let names: BTreeSet<String> = fs::read_dir(TEMPLATE)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected = [
        "Cargo.toml.in",
        "NAME.cases.yaml.in",
        "README.md.in",
        "lib.rs.in",
        "profile.toml.in",
        "workspace.toml.in",
    ];
    assert_eq!(names, expected.map(String::from).into());
    for name in names {
        assert!(!filled(&name).contains("{{"), "{name}");
    }
}

#[test]
fn the_profile_of_the_template_is_the_one_of_this_workspace() {
    let settings = |text: &str| -> BTreeSet<String> {
        text.lines()
            .skip_while(|line| *line != "[profile.policy]")
            .skip(1)
            .take_while(|line| !line.is_empty() && !line.starts_with('['))
            .map(str::to_owned)
            .collect()
    };
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut own = settings(&fs::read_to_string(root).unwrap());
    own.insert("codegen-units = 1".to_owned()); // `inherits = "release"` brings it
    assert_eq!(settings(&filled("profile.toml.in")), own);
}
