//! `outrigger policy new`: a crate that builds and passes its own test, or a workspace of several.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::build::PROFILE;

/// The crate of a policy: name of the file, and text.
const TEMPLATE: [(&str, &str); 4] = [
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
];

/// The manifest of a workspace of several.
const WORKSPACE: &str = include_str!("../../../../../plugin-sdk/template/workspace.toml.in");

/// Lines that a crate that stands alone has besides: it is a workspace, wherever its folder lies.
const ALONE: &str = "\n# A workspace of its own, wherever the folder lies.\n[workspace]\n";

/// The list of what is built, and not for version control.
const IGNORED: &str = "/target\n*.wasm\n";

/// Names that a crate can't have: the compiler's, those of the policy's own dependencies, and the
/// folder of builds.
const RESERVED: [&str; 10] = [
    "alloc",
    "core",
    "crate",
    "outrigger-sdk",
    "self",
    "serde",
    "serde-json",
    "std",
    "super",
    "target",
];

/// Writes one crate, or a workspace of several, into `folder`; nothing where something is there.
pub(super) fn write(folder: &Path, names: &[String], sdk: Option<&Path>) -> Result<String, String> {
    let sdk = Sdk::find(sdk)?;
    let files = match names {
        [name] => alone(name, &sdk)?,
        names => together(names, &sdk)?,
    };
    let mut owned = names.to_vec();
    if names.len() > 1 {
        owned.push("Cargo.toml".to_owned());
    }
    if let Some(there) = owned.iter().find(|name| folder.join(name).exists()) {
        return Err(format!(
            "{there} is there already; choose another name or another folder"
        ));
    }
    for (file, text) in files {
        let path = folder.join(file);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(next(names))
}

/// Tells what to type next.
fn next(names: &[String]) -> String {
    let (written, module, first) = match names {
        [name] => (
            format!("{name}/ is written. Next:\n  cd {name}"),
            format!("{name}.wasm"),
            format!("{name}.wasm"),
        ),
        names => {
            let file = |name: &String| format!("{name}/{name}.wasm");
            let modules: Vec<String> = names.iter().map(file).collect();
            (
                format!("Cargo.toml is written, and {}/. Next:", names.join("/, ")),
                modules.join(", "),
                modules.into_iter().next().unwrap_or_default(),
            )
        }
    };
    let rows = [
        (
            "cargo test".to_owned(),
            "the tests of its own, natively".to_owned(),
        ),
        ("outrigger policy build".to_owned(), module),
        (
            format!("outrigger policy test {first}"),
            "its cases, in the real host".to_owned(),
        ),
        (
            "outrigger policy dev".to_owned(),
            "both again at each change; --into DIR: into a running sidecar's policies".to_owned(),
        ),
    ];
    let width = rows.iter().map(|(command, _)| command.len()).max();
    let width = width.unwrap_or_default();
    let lines = rows.map(|(command, what)| format!("\n  {command:<width$}  # {what}"));
    written + &lines.concat()
}

/// The files of a policy that stands alone.
fn alone(name: &str, sdk: &Sdk) -> Result<Vec<(PathBuf, String)>, String> {
    let mut files = policy(name, &sdk.dependency)?;
    for (file, text) in &mut files {
        if file.ends_with("Cargo.toml") {
            text.push_str(PROFILE);
            text.push_str(ALONE);
        }
    }
    files.extend(beside(Path::new(name), sdk));
    Ok(files)
}

/// The files of a workspace of policies: they share a lock file, a profile and a folder of builds.
fn together(names: &[String], sdk: &Sdk) -> Result<Vec<(PathBuf, String)>, String> {
    let mut files = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|other| other == name) {
            return Err(format!("{name} is named twice"));
        }
        files.extend(policy(name, "{ workspace = true }")?);
    }
    let members: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let text = WORKSPACE
        .replace("{{members}}", &members.join(", "))
        .replace("{{sdk}}", &sdk.dependency);
    files.push(("Cargo.toml".into(), text + PROFILE));
    files.extend(beside(Path::new(""), sdk));
    Ok(files)
}

/// The files that go with a workspace's manifest.
fn beside(folder: &Path, sdk: &Sdk) -> Vec<(PathBuf, String)> {
    let mut files = vec![(folder.join(".gitignore"), IGNORED.to_owned())];
    if let Some(lock) = &sdk.lock {
        files.push((folder.join("Cargo.lock"), lock.clone()));
    }
    files
}

/// The files of one policy's crate.
fn policy(name: &str, sdk: &str) -> Result<Vec<(PathBuf, String)>, String> {
    check(name)?;
    let mut camel: String = name.split('-').map(capitalised).collect();
    // `Request` and the like are used there already.
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_taken = (TEMPLATE.iter())
        .flat_map(|(_, text)| text.split(|c| !is_word(c)))
        .any(|word| word == camel);
    if is_taken {
        camel.push_str("Policy");
    }
    let fill = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{type}}", &camel)
            .replace("{{sdk}}", sdk)
    };
    let files = TEMPLATE.map(|(file, text)| (Path::new(name).join(fill(file)), fill(text)));
    Ok(files.into())
}

/// Checks that one name serves for all: folder, crate, file, `use:` in the chain.
fn check(name: &str) -> Result<(), String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_fine = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(word)
            && !name.ends_with('-')
            && !RESERVED.contains(&name)
    };
    if is_fine(name) {
        return Ok(());
    }
    let nearest: String = (name.chars())
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if word(c) { c } else { '-' })
        .collect();
    let nearest = nearest.trim_matches('-');
    let example = if is_fine(nearest) {
        nearest
    } else {
        "team-budget"
    };
    Err(if RESERVED.contains(&name) {
        format!(
            "`{name}` can't name a policy, as something else has that name; write another, as in `{example}`"
        )
    } else {
        format!(
            "`{name}` can't name a policy; write lower-case letters, digits and dashes, as in `{example}`"
        )
    })
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

/// The SDK that a policy depends on.
struct Sdk {
    /// As it is written in a manifest.
    dependency: String,
    /// The lock file of its checkout: the versions that it was tested with. Policies that begin with
    /// one lock file share the builds of their dependencies.
    lock: Option<String>,
}

impl Sdk {
    /// Finds the SDK: the named one, else the one beside this executable's own checkout, where it
    /// runs from one, else the published one.
    fn find(named: Option<&Path>) -> Result<Self, String> {
        let folder = match named {
            Some(path) => Some(
                path.canonicalize()
                    .map_err(|error| format!("{}: {error}", path.display()))?,
            ),
            None => std::env::current_exe().ok().and_then(|own| {
                own.ancestors()
                    .map(|folder| folder.join("plugin-sdk"))
                    .find(|folder| folder.join("wit/policy.wit").is_file())
            }),
        };
        Ok(match folder {
            Some(folder) => Self {
                dependency: format!("{{ path = {:?} }}", folder.display().to_string()),
                lock: fs::read_to_string(folder.with_file_name("Cargo.lock")).ok(),
            },
            None => Self {
                dependency: format!("{:?}", env!("CARGO_PKG_VERSION")),
                lock: None,
            },
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn read(folder: &Path, file: &str) -> String {
        fs::read_to_string(folder.join(file)).unwrap()
    }

    #[test]
    fn a_name_is_the_same_in_folder_crate_file_cases_and_chain() {
        let folder = tempfile::tempdir().unwrap();
        let said = write(folder.path(), &names(&["my-guard-2"]), None).unwrap();
        let of = |file: &str| read(folder.path(), &format!("my-guard-2/{file}"));
        assert!(of("Cargo.toml").contains("name = \"my-guard-2\"\n"));
        assert!(of("README.md").contains("use: my-guard-2\n"));
        assert!(of("src/lib.rs").contains("export_policy!(MyGuard2);"));
        let command = "outrigger policy test my-guard-2.wasm";
        for text in [said, of("my-guard-2.cases.yaml"), of("README.md")] {
            assert!(text.contains(command), "{text}");
            assert!(!text.contains("my_guard") && !text.contains("{{"), "{text}");
        }
    }

    #[test]
    fn a_name_that_can_be_none_is_refused_with_one_that_can() {
        for (name, says) in [
            ("my_guard", "as in `my-guard`"),
            ("My Guard", "as in `my-guard`"),
            ("guard-", "as in `guard`"),
            ("2fast", "as in `team-budget`"),
            ("", "as in `team-budget`"),
            ("../up", "as in `up`"),
            ("serde", "something else has that name"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for several in [names(&[name]), names(&["fine", name])] {
                let said = write(folder.path(), &several, None).unwrap_err();
                assert!(said.contains(says), "{name}: {said}");
                assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name}");
            }
        }
    }

    #[test]
    fn a_type_never_has_a_name_that_the_crate_uses() {
        let folder = tempfile::tempdir().unwrap();
        for (name, expected) in [
            ("request", "RequestPolicy"),
            ("policy", "PolicyPolicy"),
            ("hold-back", "HoldBackPolicy"),
            ("string", "StringPolicy"),
            ("requests", "Requests"),
        ] {
            write(folder.path(), &names(&[name]), None).unwrap();
            let text = read(folder.path(), &format!("{name}/src/lib.rs"));
            assert!(text.contains(&format!("struct {expected} {{")), "{name}");
        }
    }

    #[test]
    fn several_names_are_a_workspace_with_one_lock_file_and_one_profile() {
        let folder = tempfile::tempdir().unwrap();
        let said = write(folder.path(), &names(&["a", "b-c"]), None).unwrap();
        assert!(said.contains("# a/a.wasm, b-c/b-c.wasm"), "{said}");
        let root = read(folder.path(), "Cargo.toml");
        assert!(root.contains("members = [\"a\", \"b-c\"]"), "{root}");
        assert!(root.contains("[profile.policy]"), "{root}");
        for member in ["a", "b-c"] {
            let text = read(folder.path(), &format!("{member}/Cargo.toml"));
            assert!(
                text.contains("outrigger-sdk = { workspace = true }"),
                "{text}"
            );
            assert!(
                !text.contains("[workspace]") && !text.contains("[profile"),
                "{text}"
            );
            assert!(!folder.path().join(member).join("Cargo.lock").exists());
        }
        assert!(folder.path().join("Cargo.lock").exists(), "of the checkout");
        let said = write(folder.path(), &names(&["d", "e"]), None).unwrap_err();
        assert!(said.starts_with("Cargo.toml is there already"), "{said}");
        let said = write(&folder.path().join("new"), &names(&["d", "d"]), None).unwrap_err();
        assert_eq!(said, "d is named twice");
    }

    #[test]
    fn one_name_is_a_crate_that_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &names(&["a"]), None).unwrap();
        let text = read(folder.path(), "a/Cargo.toml");
        assert!(
            text.contains("\n[workspace]\n") && text.contains("[profile.policy]"),
            "{text}"
        );
        let sdk = text.lines().find(|line| line.starts_with("outrigger-sdk"));
        assert!(sdk.unwrap().contains("plugin-sdk"), "{text}");
        let said = write(folder.path(), &names(&["a"]), None).unwrap_err();
        assert!(said.starts_with("a is there already"), "{said}");
    }
}
