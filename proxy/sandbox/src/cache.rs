//! Compiled policies on disk, in a directory that only this user can write to.
//!
//! A `.cwasm` is native code and is run as it is found. So nothing is read from a directory that
//! another user could write to, a file is used only while its digest is the one written beside it,
//! and its name is the digest of all that it was made from.

use std::{
    fs::{self, DirBuilder, File, Metadata},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

#[cfg(any(test, feature = "compile"))]
mod write;

/// A private directory of compiled policies.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    pub(super) directory: PathBuf,
}

/// One compiled policy on disk.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) code: PathBuf,
    pub(super) not_snapshotted: Option<String>,
}

/// The file beside the code.
#[derive(Serialize, Deserialize)]
struct Note {
    sha256: String,
    not_snapshotted: Option<String>,
}

impl Cache {
    /// Opens the directory, making it where it is not there.
    ///
    /// # Errors
    /// It can't be made, belongs to another user, or others may write to it.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let found = fs::metadata(directory)?;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("it belongs to another user"));
        }
        if found.mode() & 0o022 != 0 {
            return Err(io::Error::other(
                "other users may write to it; chmod it to 0700",
            ));
        }
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// Finds what was compiled under `key`. A damaged entry is removed and not found.
    pub(super) fn find(&self, key: &str) -> Option<Entry> {
        let (code, note) = self.paths(key);
        let note: Note = serde_json::from_slice(&fs::read(&note).ok()?).ok()?;
        let mut file = File::open(&code).ok()?;
        if file_digest(&mut file).ok()? != note.sha256 {
            tracing::warn!(key, "dropped a damaged file of the code cache");
            self.remove(key);
            return None;
        }
        // Sets the order in which files are dropped; where the time can't be written, they only go
        // sooner.
        let _ = file.set_modified(SystemTime::now());
        Some(Entry {
            code,
            not_snapshotted: note.not_snapshotted,
        })
    }

    /// Removes what is kept under `key`.
    pub(super) fn remove(&self, key: &str) {
        let (code, note) = self.paths(key);
        let _ = fs::remove_file(note);
        let _ = fs::remove_file(code);
    }

    fn paths(&self, key: &str) -> (PathBuf, PathBuf) {
        let path = |end| self.directory.join(format!("{key}.{end}"));
        (path("cwasm"), path("json"))
    }
}

/// Checks that nobody but root and this user may write to a directory or file of native code that
/// others put there.
///
/// # Errors
/// The reason why it can't be trusted.
pub(super) fn trusted(found: &Metadata) -> io::Result<()> {
    if ![0, rustix::process::geteuid().as_raw()].contains(&found.uid()) {
        return Err(io::Error::other("it belongs to another user"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(io::Error::other("other users may write to it"));
    }
    Ok(())
}

/// Returns the hexadecimal digits of `bytes`.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn file_digest(file: &mut File) -> io::Result<String> {
    let (mut digest, mut buffer) = (Context::new(&SHA256), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(digest.finish().as_ref())),
            n => digest.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{super::child::Compiled, write::KEPT, *};
    use std::{os::unix::fs::PermissionsExt, time::Duration};

    fn compiled(code: &[u8]) -> Compiled {
        Compiled {
            code: code.to_vec(),
            not_snapshotted: Some("because".into()),
            functions: 1,
        }
    }

    #[test]
    fn what_was_stored_is_found_and_what_was_damaged_is_not() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::open(&home.path().join("a/b")).unwrap();
        cache.store("k", &compiled(b"native")).unwrap();
        let entry = cache.find("k").unwrap();
        assert_eq!(fs::read(&entry.code).unwrap(), b"native");
        assert_eq!(entry.not_snapshotted.as_deref(), Some("because"));

        for damage in [&b"nativ"[..], b"nativE", b"", b"native+"] {
            cache.store("k", &compiled(b"native")).unwrap();
            fs::write(&entry.code, damage).unwrap();
            assert!(cache.find("k").is_none(), "{damage:?}");
            assert!(!entry.code.exists());
        }
        assert!(cache.find("other").is_none());
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        let home = tempfile::tempdir().unwrap();
        for mode in [0o777, 0o720, 0o702] {
            fs::set_permissions(home.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert!(Cache::open(home.path()).is_err(), "{mode:o}");
        }
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(Cache::open(home.path()).is_ok());
    }

    #[test]
    fn beyond_the_bound_the_longest_unused_go() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::open(home.path()).unwrap();
        for n in 0..KEPT {
            cache.store(&format!("k{n}"), &compiled(b"x")).unwrap();
            let age = Duration::from_secs(1000 - n as u64);
            let file = File::options()
                .write(true)
                .open(cache.paths(&format!("k{n}")).0)
                .unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        assert!(cache.find("k0").is_some(), "used just now");
        cache.store("new", &compiled(b"x")).unwrap();
        assert!(cache.find("k1").is_none() && cache.find("k0").is_some());
        assert!(cache.find("new").is_some());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2 * KEPT);
    }
}
