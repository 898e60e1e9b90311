//! `outrigger policy new`: a crate that builds and passes its own test.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The crate that `new` writes: name in the crate, and text.
const TEMPLATE: [(&str, &str); 5] = [
    (
        "Cargo.toml",
        include_str!("../../../../../plugin-sdk/template/Cargo.toml.in"),
    ),
    (
        "src/lib.rs",
        include_str!("../../../../../plugin-sdk/template/lib.rs.in"),
    ),
    (
        "{{name}}.cases.yaml",
        include_str!("../../../../../plugin-sdk/template/NAME.cases.yaml.in"),
    ),
    (
        "README.md",
        include_str!("../../../../../plugin-sdk/template/README.md.in"),
    ),
    (".gitignore", "/target\n"),
];

pub(super) fn write_crate(name: &str, sdk: Option<&Path>) -> Result<String, String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.chars().all(word)
        || name.ends_with('-')
    {
        return Err(format!(
            "`{name}` can't name a policy; write lower-case letters, digits and dashes, as in `team-budget`"
        ));
    }
    let folder = Path::new(name);
    if folder.exists() {
        return Err(format!(
            "{name} is there already; choose another name or another folder"
        ));
    }
    let sdk = match sdk {
        Some(path) => Some(path.to_owned()),
        None => found_sdk(),
    };
    let sdk = match sdk {
        Some(path) => {
            let path = path
                .canonicalize()
                .map_err(|error| format!("{}: {error}", path.display()))?;
            format!("{{ path = {:?} }}", path.display().to_string())
        }
        None => format!("{:?}", env!("CARGO_PKG_VERSION")),
    };
    let camel: String = name.split('-').map(capitalised).collect();
    let fill = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{type}}", &camel)
            .replace("{{file}}", &name.replace('-', "_"))
            .replace("{{sdk}}", &sdk)
    };
    for (file, text) in TEMPLATE {
        let path = folder.join(fill(file));
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&path, fill(text))
        };
        write().map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(format!(
        "{name}/ is written. Next:\n  cd {name}\n  cargo test                     # its own tests, natively\n  outrigger policy build         # {name}.wasm"
    ))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}

/// The SDK beside this executable's own checkout, where it runs from one.
fn found_sdk() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    own.ancestors()
        .map(|folder| folder.join("plugin-sdk"))
        .find(|folder| folder.join("wit/policy.wit").is_file())
}
