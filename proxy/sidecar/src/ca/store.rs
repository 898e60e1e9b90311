//! Files of the CA: reading, writing and locking.
//!
//! Every file is written beside its final path, synced and renamed, so that a reader finds either
//! the former or the new one, complete. A process that changes anything locks the key's *directory*
//! (which leaves no lock file behind, and which the app can't lock too, as it doesn't mount it), so
//! that two sidecars that start at once make one key, and a file that a killed process left
//! unfinished is overwritten by the next one.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use zeroize::Zeroizing;

use super::CaError;
use crate::config;

/// Larger than any of the files, in bytes: no more of a file is read into memory.
const LONGEST: u64 = 4 << 20;
/// Attempts to lock, and the pause between two: ten seconds in all.
const TRIES: u32 = 1000;
const PATIENCE: Duration = Duration::from_millis(10);

/// Paths of the files.
#[derive(Debug, Clone)]
pub(super) struct Store {
    directory: PathBuf,
    /// The key, PKCS#8 as PEM, mode 0600.
    pub(super) key: PathBuf,
    /// The pod's CA alone.
    pub(super) ca: PathBuf,
    /// Public roots and the pod's CA.
    pub(super) bundle: PathBuf,
    /// The same for Java.
    pub(super) java: PathBuf,
}

/// Lock on the files, released when dropped.
pub(super) struct Lock(#[expect(dead_code, reason = "closing it is unlocking")] File);

impl Store {
    pub(super) fn new(settings: &config::Ca) -> Result<Self, CaError> {
        let (directory, bundle) = (&settings.directory, &settings.bundle);
        let same = |a: &Path, b: &Path| {
            let real = |p: &Path| fs::canonicalize(p).or_else(|_| std::path::absolute(p)).ok();
            a == b || real(a) == real(b)
        };
        if same(directory, bundle) {
            return Err(CaError::OneDirectory {
                path: directory.clone(),
            });
        }
        Ok(Self {
            key: directory.join("ca.key"),
            ca: bundle.join("ca.pem"),
            bundle: bundle.join("bundle.pem"),
            java: bundle.join("bundle.p12"),
            directory: directory.clone(),
        })
    }

    /// Makes the directories where they are missing: the key's for its owner alone, the
    /// certificates' for everybody to read.
    pub(super) fn prepare(&self) -> Result<(), CaError> {
        for (path, mode) in [(&*self.directory, 0o700), (parent(&self.ca), 0o755)] {
            let made = DirBuilder::new().recursive(true).mode(mode).create(path);
            made.map_err(|source| file(path, "make", source))?;
        }
        // A volume's root is made by others, open to all (an emptyDir is 0777). It is closed where
        // we own it and it contains nobody else's files: `directory: /tmp` must not lock everybody
        // out of there.
        if self.only_ours().unwrap_or(false) {
            let _ = fs::set_permissions(&self.directory, Permissions::from_mode(0o700));
        }
        Ok(())
    }

    fn only_ours(&self) -> io::Result<bool> {
        let facts = fs::metadata(&self.directory)?;
        let ours = facts.uid() == rustix::process::geteuid().as_raw();
        let open = facts.mode() & 0o077 != 0 && facts.mode() & 0o1000 == 0;
        let known = fs::read_dir(&self.directory)?.all(|entry| {
            entry.is_ok_and(|e| e.file_name().as_encoded_bytes().starts_with(b"ca.key"))
        });
        Ok(ours && open && known)
    }

    /// Waits for the lock, ten seconds at most.
    pub(super) fn lock(&self) -> Result<Lock, CaError> {
        let path = &self.directory;
        let directory = File::open(path).map_err(|source| file(path, "open", source))?;
        for _ in 0..TRIES {
            match directory.try_lock() {
                Ok(()) => return Ok(Lock(directory)),
                Err(TryLockError::WouldBlock) => thread::sleep(PATIENCE),
                Err(TryLockError::Error(source)) => return Err(file(path, "lock", source)),
            }
        }
        Err(CaError::Busy { path: path.clone() })
    }

    /// Reads the key's PEM; `None` where there is none yet: no file, or an empty one. Takes away
    /// other users' permission to read it.
    pub(super) fn read_key(&self) -> Result<Option<Zeroizing<Vec<u8>>>, CaError> {
        let text = read(&self.key)?;
        if text.is_some() {
            // Kubernetes opens files up to the group again when it mounts a volume with an
            // `fsGroup`.
            let mode = fs::metadata(&self.key).map(|facts| facts.mode());
            if mode.is_ok_and(|mode| mode & 0o077 != 0)
                && let Err(error) = fs::set_permissions(&self.key, Permissions::from_mode(0o600))
            {
                tracing::warn!(path = %self.key.display(), %error, "others may read the CA's key, and that can't be changed");
            }
        }
        Ok(text)
    }

    /// Reads the CA's certificates as PEM; `None` where there are none yet.
    pub(super) fn read_certificates(&self) -> Result<Option<Vec<u8>>, CaError> {
        Ok(read(&self.ca)?.map(|mut text| std::mem::take(&mut *text)))
    }

    /// True if all files that apps read exist.
    pub(super) fn complete(&self) -> bool {
        [&self.ca, &self.bundle, &self.java]
            .iter()
            .all(|file| file.is_file())
    }

    pub(super) fn write_key(&self, _: &Lock, pem: &[u8]) -> Result<(), CaError> {
        write(&self.key, pem, 0o600)
    }

    /// Writes a file that apps read, unless it has this content already, so that an unchanged file
    /// keeps its time. Returns true if it was written.
    pub(super) fn publish(&self, _: &Lock, path: &Path, content: &[u8]) -> Result<bool, CaError> {
        let same = read(path)
            .ok()
            .flatten()
            .is_some_and(|there| *there == content);
        let open = || fs::metadata(path).is_ok_and(|facts| facts.mode() & 0o777 == 0o644);
        if same && open() {
            return Ok(false);
        }
        write(path, content, 0o644)?;
        Ok(true)
    }
}

/// Reads a file; `None` where it is missing or empty.
fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, CaError> {
    let whole = || {
        let mut from = File::open(path)?;
        let length = from.metadata()?.len().min(LONGEST);
        // Capacity for all of it, and for the read that finds the end: a vector that grows leaves
        // copies of a key behind.
        let room = usize::try_from(length).unwrap_or(0) + 64;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        (&mut from).take(LONGEST).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    match whole() {
        Ok(bytes) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(file(path, "read", source)),
    }
}

/// Writes a file completely or not at all.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), CaError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let whole = || {
        let _ = fs::remove_file(&beside);
        let mut to = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&beside)?;
        to.write_all(content)?;
        to.set_permissions(Permissions::from_mode(mode))?; // whatever the umask
        to.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(parent(path))?.sync_all()
    };
    whole().map_err(|source| {
        let _ = fs::remove_file(&beside);
        file(path, "write", source)
    })
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Makes the error of a file, with its owner where that may be the reason.
fn file(path: &Path, tried: &'static str, source: io::Error) -> CaError {
    let own = rustix::process::geteuid().as_raw();
    let owner = path
        .ancestors()
        .map(|p| {
            if p.as_os_str().is_empty() {
                Path::new(".")
            } else {
                p
            }
        })
        .find_map(|p| fs::metadata(p).ok())
        .map(|facts| facts.uid())
        .filter(|&owner| owner != own && source.kind() == io::ErrorKind::PermissionDenied);
    CaError::File {
        path: path.to_owned(),
        tried,
        owner: owner.map(|owner| (owner, own)),
        source,
    }
}
