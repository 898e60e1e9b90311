//! Newest signed version of each policy that has served: an older one is refused.
//!
//! Remembered in memory and in a file of the code cache's directory, which is private to this user;
//! so it survives a restart where the cache does, and not a new pod. An attacker who can only
//! replay files would bring back an older signed version, with a flaw that was found later.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use semver::Version;
use tempfile::NamedTempFile;

use super::trust::{Refused, Verified};

/// Name of the file in the cache's directory.
const FILE: &str = "signed-versions.json";
/// Largest file that is read, in bytes: it has a line per policy that ever served.
const LARGEST: u64 = 1 << 20;

/// Newest versions that have served.
#[derive(Debug, Default)]
pub struct Seen {
    file: Option<PathBuf>,
    newest: BTreeMap<String, Version>,
}

impl Seen {
    /// Reads the versions remembered in `directory`; none where there is no file. A damaged file is
    /// logged and begun anew: whoever can damage it could have put code beside it.
    pub fn open(directory: &Path) -> Self {
        let file = directory.join(FILE);
        if let Err(error) = private(directory) {
            let directory = directory.display();
            tracing::warn!(%directory, %error, "versions that serve are remembered until the next start only");
            return Self::default();
        }
        let newest = match read(&file) {
            Ok(newest) => newest,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                let file = file.display();
                tracing::warn!(%file, %error, "versions that have served are not known; a rollback before this start can't be seen");
                BTreeMap::new()
            }
        };
        Self {
            file: Some(file),
            newest,
        }
    }

    /// Judges a signed version of a policy.
    ///
    /// # Errors
    /// A newer one has served.
    pub fn judge(&self, policy: &str, verified: &Verified) -> Result<(), Refused> {
        match self.newest.get(policy) {
            // Build metadata makes no version newer.
            Some(seen) if verified.version.cmp_precedence(seen).is_lt() => Err(Refused::Older {
                version: verified.version.clone(),
                seen: seen.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Remembers that these versions serve. Where the operator allowed an older one, it becomes the
    /// newest, so that the permission may be removed again.
    pub fn note<'a>(&mut self, serving: impl IntoIterator<Item = (&'a str, &'a Version)>) {
        let mut changed = false;
        for (policy, version) in serving {
            if self.newest.get(policy) != Some(version) {
                self.newest.insert(policy.to_owned(), version.clone());
                changed = true;
            }
        }
        if let Some(file) = self.file.as_ref().filter(|_| changed)
            && let Err(error) = write(file, &self.newest)
        {
            let file = file.display();
            tracing::warn!(%file, %error, "versions that serve are remembered until the next start only");
        }
    }
}

/// Checks that other users can't write to the directory; its contents prove nothing otherwise. A
/// directory that does not exist yet is made by the code cache.
fn private(directory: &Path) -> io::Result<()> {
    match fs::metadata(directory) {
        Ok(found) if found.uid() != rustix::process::geteuid().as_raw() => {
            Err(io::Error::other("it belongs to another user"))
        }
        Ok(found) if found.mode() & 0o022 != 0 => Err(io::Error::other(
            "other users may write to it; chmod it to 0700",
        )),
        _ => Ok(()),
    }
}

fn read(file: &Path) -> io::Result<BTreeMap<String, Version>> {
    let mut text = String::new();
    fs::File::open(file)?
        .take(LARGEST)
        .read_to_string(&mut text)?;
    let written: BTreeMap<String, String> = serde_json::from_str(&text)?;
    let mut newest = BTreeMap::new();
    for (policy, version) in written {
        let version = Version::parse(&version).map_err(io::Error::other)?;
        newest.insert(policy, version);
    }
    Ok(newest)
}

/// Writes the file completely or not at all.
fn write(file: &Path, newest: &BTreeMap<String, Version>) -> io::Result<()> {
    let written = crate::ordered::map(
        newest
            .iter()
            .map(|(policy, version)| (policy.as_str(), version.to_string())),
    );
    let directory = file.parent().unwrap_or(file);
    let mut partial = NamedTempFile::with_prefix_in(".partial-", directory)?;
    partial.write_all(&serde_json::to_vec(&written)?)?;
    partial.persist(file)?;
    Ok(())
}
