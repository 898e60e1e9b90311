//! Writing to the cache: the compiling process's part.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::SystemTime,
};

use ring::digest::{SHA256, digest};
use tempfile::NamedTempFile;

use super::{super::child::Compiled, Cache, Note, hex};

/// Policies that are kept; the least recently used go first.
pub(super) const KEPT: usize = 64;

impl Cache {
    /// Stores what was compiled, and drops what is beyond the bound.
    pub(crate) fn store(&self, key: &str, compiled: &Compiled) -> io::Result<()> {
        let (code, note) = self.paths(key);
        let text = serde_json::to_vec(&Note {
            sha256: hex(digest(&SHA256, &compiled.code).as_ref()),
            not_snapshotted: compiled.not_snapshotted.clone(),
        })?;
        self.place(&code, &compiled.code)?;
        self.place(&note, &text)?;
        self.prune();
        Ok(())
    }

    /// Writes a file whole or not at all: a reader that has it mapped keeps the old one.
    fn place(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut partial = NamedTempFile::with_prefix_in(".partial-", &self.directory)?;
        partial.write_all(bytes)?;
        partial.persist(path)?;
        Ok(())
    }

    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return;
        };
        let mut codes: Vec<(SystemTime, String)> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let key = name.strip_suffix(".cwasm")?.to_owned();
                Some((entry.metadata().ok()?.modified().ok()?, key))
            })
            .collect();
        codes.sort_unstable();
        let surplus = codes.len().saturating_sub(KEPT);
        for (_, key) in codes.iter().take(surplus) {
            self.remove(key);
        }
    }
}
