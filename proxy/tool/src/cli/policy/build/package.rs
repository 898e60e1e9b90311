//! The packages that a folder is of, as `cargo metadata` has them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use super::output;

/// A policy's package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Package {
    /// Its name: the policy's, and that of the file that is built.
    pub(in super::super) name: String,
    /// The folder of its manifest.
    pub(in super::super) folder: PathBuf,
    /// The name of its library, which the compiler calls its file by: `my_policy` of `my-policy`.
    pub(super) library: String,
    /// The manifest of its workspace, which holds the profiles.
    pub(super) workspace: PathBuf,
}

impl Package {
    /// The file that is built.
    pub(in super::super) fn module(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }

    /// The file of cases that goes with it.
    pub(in super::super) fn cases(&self) -> PathBuf {
        self.folder.join(format!("{}.cases.yaml", self.name))
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Described>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Lists the packages of `folder`: its own, or those of the members where it is a workspace that
/// has none.
pub(super) fn packages(folder: &Path) -> Result<Vec<Package>, String> {
    let text = output(
        Command::new("cargo")
            .args(["metadata", "--format-version=1", "--no-deps"])
            .current_dir(folder),
    )?;
    let folder = folder.canonicalize().map_err(|error| error.to_string())?;
    read(&text, &folder)
}

fn read(text: &str, folder: &Path) -> Result<Vec<Package>, String> {
    let metadata: Metadata = serde_json::from_str(text)
        .map_err(|error| format!("cargo metadata can't be read: {error}"))?;
    let workspace = metadata.workspace_root.join("Cargo.toml");
    let libraries = metadata.packages.into_iter().filter_map(|package| {
        // `lib`, `rlib`, `cdylib` …
        let is_library = |target: &Target| target.kind.iter().any(|kind| kind.ends_with("lib"));
        let library = package.targets.into_iter().find(is_library)?;
        Some(Package {
            name: package.name,
            folder: package.manifest_path.parent()?.to_owned(),
            library: library.name.replace('-', "_"),
            workspace: workspace.clone(),
        })
    });
    let all: Vec<Package> = libraries.collect();
    let own: Vec<Package> = (all.iter())
        .filter(|package| package.folder == folder)
        .cloned()
        .collect();
    match (own.is_empty(), all.is_empty()) {
        (false, _) => Ok(own),
        (true, false) if metadata.workspace_root == folder => Ok(all),
        _ => Err(format!(
            "{}: is not the folder of a policy's crate, or of a workspace of such; `outrigger policy new NAME` writes one",
            folder.display()
        )),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "packages": [
            { "name": "my-guard", "manifest_path": "/w/my-guard/Cargo.toml",
              "targets": [{ "name": "it", "kind": ["test"] }, { "name": "my_guard", "kind": ["cdylib"] }] },
            { "name": "other", "manifest_path": "/w/other/Cargo.toml",
              "targets": [{ "name": "renamed-lib", "kind": ["lib"] }] },
            { "name": "program", "manifest_path": "/w/program/Cargo.toml",
              "targets": [{ "name": "program", "kind": ["bin"] }] }
        ],
        "workspace_root": "/w"
    }"#;

    #[test]
    fn a_folder_has_its_own_package_and_a_workspace_has_those_of_its_members() {
        let names = |folder: &str| -> Vec<String> {
            let packages = read(METADATA, Path::new(folder)).unwrap();
            packages.into_iter().map(|package| package.name).collect()
        };
        assert_eq!(names("/w/other"), ["other"]);
        assert_eq!(names("/w"), ["my-guard", "other"]);
        let said = read(METADATA, Path::new("/w/program")).unwrap_err();
        assert!(
            said.contains("is not the folder of a policy's crate"),
            "{said}"
        );
    }

    #[test]
    fn the_file_has_the_packages_name_and_the_compilers_file_the_librarys() {
        let packages = read(METADATA, Path::new("/w")).unwrap();
        let files: Vec<_> = packages
            .iter()
            .map(|package| (package.module(), package.cases(), package.library.as_str()))
            .collect();
        let expected = [
            (
                "/w/my-guard/my-guard.wasm",
                "/w/my-guard/my-guard.cases.yaml",
                "my_guard",
            ),
            (
                "/w/other/other.wasm",
                "/w/other/other.cases.yaml",
                "renamed_lib",
            ),
        ];
        assert_eq!(files, expected.map(|(a, b, c)| (a.into(), b.into(), c)));
    }
}
