//! The folder that all policies are built in, so that the second one finds its dependencies built.
//!
//! Cargo names the file of a `cdylib` after the library alone: two crates of one name, in two
//! places, write to one file, and each is up to date by its own record when the other has written
//! last. So a [`Claim`] is taken for the time of a build: it says whose file it is, and where it was
//! another's, cargo is first made to forget it.

use std::{
    fs::{self, File},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    process::Command,
};

use outrigger::signing::{digest, hex};

use super::output;

/// Chooses the folder: what was asked for, else cargo's own variable, else one of the user's cache,
/// by the version of the SDK, the compiler and the flags. `environment` gives variables.
pub(super) fn folder(
    requested: Option<&Path>,
    compiler: &Path,
    flags: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<PathBuf, String> {
    let variable = |name| environment(name).filter(|value| !value.is_empty());
    let named = requested
        .map(Path::to_owned)
        .or_else(|| variable("CARGO_TARGET_DIR").map(PathBuf::from));
    if let Some(folder) = named {
        // Absolute: cargo runs in the crate's folder.
        return std::path::absolute(&folder).map_err(|error| error.to_string());
    }
    let cache = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")))
        .ok_or(
            "no folder to build in: neither XDG_CACHE_HOME nor HOME is set; give --target-dir",
        )?;
    let version = output(Command::new(compiler).arg("-vV"))?;
    let key = digest(format!("{}\n{version}\n{flags}", compiler.display()).as_bytes());
    let short: String = hex(&key).chars().take(12).collect();
    Ok(cache
        .join("outrigger/policies")
        .join(format!("{}-{short}", env!("CARGO_PKG_VERSION"))))
}

/// A library's file in the folder, for as long as this lives: others of that name wait.
#[derive(Debug)]
pub(super) struct Claim {
    file: File,
    was: String,
    now: String,
}

impl Claim {
    /// Waits until nobody else builds a library of this name in `target`.
    pub(super) fn take(target: &Path, library: &str, crate_folder: &Path) -> Result<Self, String> {
        let path = target.join("built-from").join(library);
        let open = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            let mut file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)?;
            file.lock()?;
            let mut was = String::new();
            file.read_to_string(&mut was)?;
            Ok((file, was))
        };
        let (file, was) =
            open().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))?;
        Ok(Self {
            file,
            was,
            now: crate_folder.display().to_string(),
        })
    }

    /// Tells whether the file there, if any, is another crate's.
    pub(super) fn is_anothers(&self) -> bool {
        !self.was.is_empty() && self.was != self.now
    }

    /// Writes down whose file it is. Before the build: what it leaves behind is ours, whole or not.
    pub(super) fn record(&mut self) -> Result<(), String> {
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(self.now.as_bytes())
        };
        write().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const RUSTC: &str = "rustc";

    #[test]
    fn the_folder_is_the_one_asked_for_or_cargos_or_of_the_cache() {
        let set = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                let found = pairs.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            }
        };
        let all = set(&[
            ("CARGO_TARGET_DIR", "/b"),
            ("XDG_CACHE_HOME", "/c"),
            ("HOME", "/h"),
        ]);
        let of =
            |requested: Option<&str>| folder(requested.map(Path::new), Path::new(RUSTC), "", all);
        assert_eq!(of(Some("/a")).unwrap(), Path::new("/a"));
        assert_eq!(of(None).unwrap(), Path::new("/b"));
        let relative = of(Some("target")).unwrap();
        assert_eq!(relative, std::env::current_dir().unwrap().join("target"));

        let cached = |flags: &str, environment: &dyn Fn(&str) -> Option<String>| {
            folder(None, Path::new(RUSTC), flags, environment).unwrap()
        };
        let cache = set(&[
            ("XDG_CACHE_HOME", "/c"),
            ("HOME", "/h"),
            ("CARGO_TARGET_DIR", ""),
        ]);
        let there = cached("a", &cache);
        let version = env!("CARGO_PKG_VERSION");
        let start = format!("/c/outrigger/policies/{version}-");
        assert!(there.display().to_string().starts_with(&start), "{there:?}");
        assert_eq!(there, cached("a", &cache));
        assert_ne!(there, cached("b", &cache), "other flags, another folder");
        let home = cached("a", &set(&[("HOME", "/h")]));
        assert!(home.starts_with("/h/.cache/outrigger/policies"), "{home:?}");
        assert!(folder(None, Path::new(RUSTC), "", set(&[])).is_err());
    }

    #[test]
    fn a_librarys_file_is_anothers_until_the_next_build_records_it() {
        let target = tempfile::tempdir().unwrap();
        let take = |from: &str| Claim::take(target.path(), "guard", Path::new(from)).unwrap();
        let mut first = take("/a/guard");
        assert!(!first.is_anothers(), "nobody's yet");
        first.record().unwrap();
        drop(first);
        assert!(!take("/a/guard").is_anothers());
        let mut second = take("/longer/path/of/guard");
        assert!(second.is_anothers());
        second.record().unwrap();
        drop(second);
        assert!(take("/a/guard").is_anothers());
    }
}
