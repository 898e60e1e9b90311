//! The directory that a sidecar reads, filled as the kubelet fills a ConfigMap's volume.
//!
//! ```text
//! NAME.wasm      → ..data/NAME.wasm          NAME.wasm.sig → ..data/NAME.wasm.sig
//! ..data         → ..set-1f2e3d4c-5b6a7988   the one pointer: a rename swaps the whole set
//! ..set-…/       the files, and the manifest that they came by
//! ..partial-…/   what is being fetched; nobody looks there
//! ```
//!
//! Killed at any moment, the pointer leads to a complete set; the next start removes what was left
//! over. What is in place is verified by hashing it again, so a file that was damaged or vanished
//! is fetched anew. Files that are not ours are left alone, and never written over.

use std::{
    ffi::OsStr,
    fs, io,
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use ring::digest::{Context, SHA256};
use tempfile::TempDir;

use super::{
    Error, finish,
    manifest::{Entry, Kind, LARGEST, Manifest},
};
use outrigger::signing::{Digest, digest, hex};

const DATA: &str = "..data";
const NEXT: &str = "..data_next";
const SET: &str = "..set-";
const PARTIAL: &str = "..partial-";
/// The manifest's file in a set's directory.
const NOTE: &str = ".manifest.json";

/// The directory.
pub(super) struct Folder {
    into: PathBuf,
    /// Names a policy that has no title.
    short: String,
}

/// A set that is in place and whole.
pub(super) struct Set {
    pub(super) digest: Digest,
    pub(super) manifest: Manifest,
}

impl Folder {
    /// Makes the directory where it is not there, and clears what an earlier process left.
    ///
    /// # Errors
    /// It can't be written to, or somebody else fills it.
    pub(super) fn open(into: &Path, short: &str) -> Result<Self, Error> {
        fs::create_dir_all(into).map_err(Error::disk(into))?;
        let folder = Self {
            into: into.to_owned(),
            short: short.to_owned(),
        };
        if let Ok(data) = fs::symlink_metadata(into.join(DATA))
            && (!data.is_symlink() || folder.set().is_none())
        {
            return Err(Error::Setup(format!(
                "{} holds a `..data` of somebody else, as a ConfigMap's volume does; pull into a directory of its own, an emptyDir say",
                into.display()
            )));
        }
        folder.clear();
        drop(folder.partial()?); // fails now rather than after fetching
        Ok(folder)
    }

    /// The set's directory that the pointer leads to, be it there or not.
    fn set(&self) -> Option<PathBuf> {
        let to = fs::read_link(self.into.join(DATA)).ok()?;
        let name = to.to_str()?;
        (name.starts_with(SET) && !name.contains('/')).then(|| self.into.join(name))
    }

    /// The set that is in place, if it is whole.
    pub(super) fn current(&self) -> Option<Set> {
        let set = self.set()?;
        let mut note = Vec::new();
        let file = fs::File::open(set.join(NOTE)).ok()?;
        file.take(LARGEST + 1).read_to_end(&mut note).ok()?;
        let manifest = Manifest::read(&note, &self.short).ok()?;
        let whole = |entry: &Entry| hash(&set.join(&entry.name), entry.size) == Some(entry.digest);
        manifest.files.iter().all(whole).then(|| Set {
            digest: digest(&note),
            manifest,
        })
    }

    /// Reads a file of what is in place.
    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.into.join(DATA).join(name))
    }

    /// Begins a set, in a directory that is gone when it is dropped.
    pub(super) fn partial(&self) -> Result<TempDir, Error> {
        tempfile::Builder::new()
            .prefix(PARTIAL)
            .permissions(fs::Permissions::from_mode(0o777)) // the sidecar may be another user
            .tempdir_in(&self.into)
            .map_err(Error::disk(&self.into))
    }

    /// Puts a set in place: one rename, then the symbolic links that are new and those that are
    /// gone.
    pub(super) fn put(
        &self,
        partial: TempDir,
        manifest: &Manifest,
        note: &[u8],
        digest: &Digest,
    ) -> Result<(), Error> {
        for entry in &manifest.files {
            self.free_or_ours(&entry.name)?;
        }
        let path = partial.path().join(NOTE);
        fs::write(&path, note).map_err(Error::disk(&path))?;
        let short: String = hex(digest).chars().take(16).collect();
        let unique = partial.path().file_name().and_then(OsStr::to_str);
        let unique = unique.and_then(|name| name.strip_prefix(PARTIAL));
        let name = format!("{SET}{short}-{}", unique.unwrap_or_default());
        let set = self.into.join(&name);
        fs::rename(&partial, &set).map_err(Error::disk(&set))?;
        let (next, data) = (self.into.join(NEXT), self.into.join(DATA));
        let _ = fs::remove_file(&next);
        symlink(&name, &next).map_err(Error::disk(&next))?;
        fs::rename(&next, &data).map_err(Error::disk(&data))?;
        self.link(manifest)?;
        self.clear();
        Ok(())
    }

    /// Sets the symbolic links that are missing, and removes those that lead nowhere any more.
    /// Returns whether one was missing.
    pub(super) fn link(&self, manifest: &Manifest) -> Result<bool, Error> {
        // A module comes after what stands beside it: whoever sees it sees all of it.
        let (modules, beside): (Vec<_>, Vec<_>) = manifest
            .files
            .iter()
            .partition(|entry| entry.kind == Kind::Module);
        let mut missing = false;
        for entry in beside.into_iter().chain(modules) {
            if self.free_or_ours(&entry.name)? {
                let path = self.into.join(&entry.name);
                symlink(target(&entry.name), &path).map_err(Error::disk(&path))?;
                missing = true;
            }
        }
        for name in self.names()? {
            let ours = self.is_ours(&name);
            if ours && !manifest.files.iter().any(|entry| *entry.name == *name) {
                let path = self.into.join(&name);
                fs::remove_file(&path).map_err(Error::disk(&path))?;
            }
        }
        Ok(missing)
    }

    fn is_ours(&self, name: &OsStr) -> bool {
        let to = fs::read_link(self.into.join(name));
        to.is_ok_and(|to| name.to_str().is_some_and(|name| to == target(name)))
    }

    /// True if nothing has that name, false if it is ours; anything else is an error.
    fn free_or_ours(&self, name: &str) -> Result<bool, Error> {
        let path = self.into.join(name);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(Error::disk(path)(error)),
            Ok(_) if self.is_ours(OsStr::new(name)) => Ok(false),
            Ok(_) => Err(Error::Disk {
                path,
                source: io::Error::other(
                    "is there already and was not pulled; remove it, or pull into a directory of its own",
                ),
            }),
        }
    }

    fn names(&self) -> Result<Vec<std::ffi::OsString>, Error> {
        let listed = fs::read_dir(&self.into).map_err(Error::disk(&self.into))?;
        Ok(listed.flatten().map(|entry| entry.file_name()).collect())
    }

    /// Removes sets that nobody points to and what was never finished. What can't be removed is
    /// tried again next time.
    fn clear(&self) {
        let current = self.set();
        for name in self.names().unwrap_or_default() {
            let text = name.to_string_lossy();
            let path = self.into.join(&name);
            if text.starts_with(PARTIAL)
                || (text.starts_with(SET) && Some(&path) != current.as_ref())
            {
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

fn target(name: &str) -> PathBuf {
    Path::new(DATA).join(name)
}

/// The digest of a regular file of that size, read in pieces: a module may be large.
fn hash(path: &Path, size: u64) -> Option<Digest> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() != size {
        return None;
    }
    let mut file = fs::File::open(path).ok()?;
    let (mut hash, mut piece) = (Context::new(&SHA256), vec![0; 64 << 10]);
    loop {
        match file.read(&mut piece).ok()? {
            0 => return Some(finish(hash)),
            n => hash.update(piece.get(..n)?),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A manifest of these files, as text.
    fn note(files: &[(&str, &str)]) -> Vec<u8> {
        let layer = |(name, content): &(&str, &str)| {
            serde_json::json!({
                "mediaType": "application/wasm", "size": content.len(),
                "digest": format!("sha256:{}", hex(&digest(content.as_bytes()))),
                "annotations": { "org.opencontainers.image.title": name },
            })
        };
        let layers: Vec<_> = files.iter().map(layer).collect();
        serde_json::json!({ "schemaVersion": 2, "layers": layers })
            .to_string()
            .into_bytes()
    }

    fn put(folder: &Folder, files: &[(&str, &str)]) -> Result<(), Error> {
        let note = note(files);
        let manifest = Manifest::read(&note, "short").unwrap();
        let partial = folder.partial().unwrap();
        for (name, content) in files {
            fs::write(partial.path().join(name), content).unwrap();
        }
        folder.put(partial, &manifest, &note, &digest(&note))
    }

    fn names(folder: &Folder) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&folder.into)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with(SET))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_set_replaces_another_whole_and_what_left_it_is_gone() {
        let at = tempfile::tempdir().unwrap();
        let folder = Folder::open(at.path(), "short").unwrap();
        assert!(folder.current().is_none());
        put(
            &folder,
            &[("a.wasm", "one"), ("a.wasm.sig", "s"), ("b.wasm", "b")],
        )
        .unwrap();
        assert_eq!(names(&folder), ["..data", "a.wasm", "a.wasm.sig", "b.wasm"]);
        put(&folder, &[("a.wasm", "two"), ("c.wasm", "c")]).unwrap();
        assert_eq!(names(&folder), ["..data", "a.wasm", "c.wasm"]);
        assert_eq!(fs::read(at.path().join("a.wasm")).unwrap(), b"two");
        assert_eq!(folder.current().unwrap().manifest.files.len(), 2);
        let sets = fs::read_dir(at.path()).unwrap().flatten();
        let sets = sets.filter(|e| e.file_name().to_string_lossy().starts_with(SET));
        assert_eq!(sets.count(), 1, "the former set is gone");
    }

    #[test]
    fn a_damaged_or_vanished_file_is_noticed_and_a_vanished_link_comes_back() {
        let at = tempfile::tempdir().unwrap();
        let folder = Folder::open(at.path(), "short").unwrap();
        let files = [("a.wasm", "one"), ("b.wasm", "b")];
        put(&folder, &files).unwrap();
        fs::remove_file(at.path().join("b.wasm")).unwrap();
        let set = folder.current().unwrap();
        assert!(folder.link(&set.manifest).unwrap());
        assert!(!folder.link(&set.manifest).unwrap());
        fs::write(at.path().join("a.wasm"), "onX").unwrap(); // through the symlink, into the set
        assert!(folder.current().is_none());
        put(&folder, &files).unwrap();
        fs::remove_file(at.path().join("..data/b.wasm")).unwrap();
        assert!(folder.current().is_none());
        put(&folder, &files).unwrap();
        assert!(folder.current().is_some());
    }

    #[test]
    fn what_is_not_ours_is_neither_written_over_nor_removed() {
        let at = tempfile::tempdir().unwrap();
        fs::write(at.path().join("mine.wasm"), "mine").unwrap();
        symlink("/etc/hostname", at.path().join("led.wasm")).unwrap();
        let folder = Folder::open(at.path(), "short").unwrap();
        put(&folder, &[("a.wasm", "one")]).unwrap();
        for taken in ["mine.wasm", "led.wasm"] {
            let error = put(&folder, &[(taken, "theirs")]).unwrap_err().to_string();
            assert!(
                error.contains(taken) && error.contains("was not pulled"),
                "{error}"
            );
        }
        assert_eq!(
            names(&folder),
            ["..data", "a.wasm", "led.wasm", "mine.wasm"]
        );
        assert_eq!(fs::read(at.path().join("mine.wasm")).unwrap(), b"mine");
        assert_eq!(
            fs::read(at.path().join("a.wasm")).unwrap(),
            b"one",
            "the last good set"
        );
    }

    #[test]
    fn a_volume_that_the_kubelet_fills_is_refused_and_leftovers_are_cleared() {
        let at = tempfile::tempdir().unwrap();
        symlink("..2026_01_01", at.path().join(DATA)).unwrap();
        let error = Folder::open(at.path(), "short").err().unwrap().to_string();
        assert!(
            error.contains("..data") && error.contains("emptyDir"),
            "{error}"
        );
        fs::remove_file(at.path().join(DATA)).unwrap();
        for left in ["..partial-1", "..set-1-2"] {
            fs::create_dir(at.path().join(left)).unwrap();
        }
        Folder::open(at.path(), "short").unwrap();
        assert_eq!(fs::read_dir(at.path()).unwrap().count(), 0);
    }
}
