//! The state of the observed files at one moment.
//!
//! A [`Scan`] is a plain value: names, stamps (identities from `stat`) and contents' hashes.
//! `observer.rs` takes two and compares them before it relies on either. Contents are hashed and
//! not kept: a policy is read again, with its hash checked, by whoever loads it. A policy is one to
//! three files: `NAME.wasm`, its signature and its cases; a change of any is a change of the
//! policy.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{
    config::io_words,
    signing::{self, Beside, digest},
};

/// Paths of the observed files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Paths {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// Files that the configuration was made from besides: [`crate::config::Config::files`].
    pub besides: Vec<PathBuf>,
    /// Directory of the `NAME.wasm` files.
    pub directory: Option<PathBuf>,
    /// True if signatures matter: then a module waits a moment for the one that fits it.
    pub signed: bool,
}

/// SHA-256 of a file's content.
pub(crate) type Hash = [u8; 32];

/// No policy is larger: JavaScript and Python components are 10 to 40 MiB.
const LARGEST: u64 = 128 << 20;
/// No file of cases is larger.
const LARGEST_CASES: u64 = 8 << 20;

/// First bytes of core modules and of components.
const MAGIC: &[u8] = b"\0asm";

const CHANGED: &str = "changed while it was being read; it will be looked at again";

/// One `NAME.wasm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyFile {
    /// `NAME`.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// Its content's hash; or why it is no policy, in a sentence for the operator.
    pub content: Result<Hash, String>,
    /// `NAME.wasm.sig`.
    pub signature: Beside,
    /// Hash of `NAME.cases.yaml`, where it is there; or why it can't be read.
    pub cases: Option<Result<Hash, String>>,
    stamp: Stamp,
    /// Stamps of the signature and of the cases.
    beside: [Option<Stamp>; 2],
}

impl PolicyFile {
    /// Reads the content that was hashed.
    ///
    /// # Errors
    /// It can't be read, or it has changed since; then the observer reports it again.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        let bytes = fs::read(&self.path)?;
        match &self.content {
            Ok(hash) if *hash == digest(&bytes) => Ok(bytes),
            Ok(_) => Err(io::Error::other(CHANGED)),
            Err(why) => Err(io::Error::other(why.clone())),
        }
    }
    /// Reads the cases that were hashed; none where there are none.
    ///
    /// # Errors
    /// As [`PolicyFile::read`].
    pub(crate) fn read_cases(&self) -> io::Result<Option<String>> {
        let hash = match &self.cases {
            None => return Ok(None),
            Some(Err(why)) => return Err(io::Error::other(why.clone())),
            Some(Ok(hash)) => hash,
        };
        let text = fs::read_to_string(cases_path(&self.path))?;
        if *hash != digest(text.as_bytes()) {
            return Err(io::Error::other(CHANGED));
        }
        Ok(Some(text))
    }
    /// Path of its cases, whether they exist or not.
    pub(crate) fn cases_path(&self) -> PathBuf {
        cases_path(&self.path)
    }
    /// Reports whether the policy has the same contents as `other`.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.content == other.content
            && self.signature == other.signature
            && self.cases == other.cases
    }
}

/// Identity of a content, from `stat`. With the inode and the change time even a replacement of the
/// same length in the same instant differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// One moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The policies, by name.
    pub policies: BTreeMap<String, PolicyFile>,
    /// The configuration and what it was made from.
    pub(super) config: BTreeMap<PathBuf, (Option<Stamp>, Hash)>,
}

impl Scan {
    /// Scans the files now. Files whose stamp is that of `before` are not read again.
    ///
    /// # Errors
    /// The policy directory can't be listed. A file that can't be read has the reason in its entry.
    pub(crate) fn take(paths: &Paths, before: &Self) -> io::Result<Self> {
        let mut scan = Self::default();
        for path in paths.config.iter().chain(&paths.besides) {
            let stamp = fs::metadata(path).ok().map(|m| Stamp::of(&m));
            let hash = match before.config.get(path) {
                Some((known, hash)) if *known == stamp => *hash,
                _ => digest(&fs::read(path).unwrap_or_default()),
            };
            scan.config.insert(path.clone(), (stamp, hash));
        }
        let Some(directory) = &paths.directory else {
            return Ok(scan);
        };
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let Some(name) = policy_name(&path) else {
                continue;
            };
            // Follows symbolic links, as a ConfigMap's files are; gone since: not there.
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            if metadata.is_dir() {
                continue;
            }
            let stamp = Stamp::of(&metadata);
            let (signature, cases) = (signature_path(&path), cases_path(&path));
            let signature_found = fs::metadata(&signature).ok();
            let cases_found = fs::metadata(&cases).ok();
            let beside = [&signature_found, &cases_found].map(|m| m.as_ref().map(Stamp::of));
            // A large module is not hashed anew because a file beside it changed.
            let same = before
                .policies
                .get(&name)
                .filter(|known| known.stamp == stamp && known.path == path);
            let file = match same {
                Some(known) if known.beside == beside => known.clone(),
                _ => PolicyFile {
                    content: match same {
                        Some(known) => known.content.clone(),
                        None => content(&path, &metadata),
                    },
                    signature: signature_found
                        .map_or(Beside::Nothing, |m| read_signature(&signature, &m)),
                    cases: cases_found.map(|metadata| hashed(&cases, &metadata)),
                    name: name.clone(),
                    path,
                    stamp,
                    beside,
                },
            };
            scan.policies.insert(name, file);
        }
        Ok(scan)
    }

    /// Reports whether a file of the configuration has another content than in `former`. A file
    /// that was not watched then is no difference.
    pub(super) fn config_differs(&self, former: &Self) -> bool {
        let known = |path: &PathBuf, hash: &Hash| {
            former
                .config
                .get(path)
                .is_none_or(|(_, former)| former == hash)
        };
        !self
            .config
            .iter()
            .all(|(path, (_, hash))| known(path, hash))
    }

    /// Reports whether a policy came, went or has another content.
    pub(super) fn policies_differ(&self, former: &Self) -> bool {
        let same = |(now, before): (&PolicyFile, &PolicyFile)| now.is_same(before);
        let (now, before) = (&self.policies, &former.policies);
        now.len() != before.len() || !now.values().zip(before.values()).all(same)
    }
}

/// `NAME` of `NAME.wasm`; none for anything else, and for names that begin with a dot: a
/// ConfigMap's own, and files that are being made.
fn policy_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wasm")?;
    (!name.is_empty() && !name.starts_with('.')).then(|| name.to_owned())
}

/// `NAME.wasm.sig` of `NAME.wasm`.
fn signature_path(module: &Path) -> PathBuf {
    let mut path = module.as_os_str().to_owned();
    path.push(".sig");
    path.into()
}

/// `NAME.cases.yaml` of `NAME.wasm`.
fn cases_path(module: &Path) -> PathBuf {
    module.with_extension("cases.yaml")
}

/// Reads a signature, at most as many bytes as one can have.
fn read_signature(path: &Path, metadata: &Metadata) -> Beside {
    if !metadata.is_file() {
        return Beside::Unusable("is not a regular file".into());
    }
    let mut bytes = Vec::new();
    match fs::File::open(path).and_then(|f| f.take(signing::LARGEST + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 > signing::LARGEST => {
            Beside::Unusable("is larger than any signature".into())
        }
        Ok(_) => Beside::File(bytes.into()),
        Err(error) => Beside::Unusable(unreadable(&error)),
    }
}

/// Hashes a file of cases.
fn hashed(path: &Path, metadata: &Metadata) -> Result<Hash, String> {
    Ok(digest(&whole(path, metadata, LARGEST_CASES, "cases")?))
}

/// Hashes a module.
fn content(path: &Path, metadata: &Metadata) -> Result<Hash, String> {
    let bytes = whole(path, metadata, LARGEST, "a policy")?;
    if !bytes.starts_with(MAGIC) {
        return Err("is not WebAssembly; build it with `outrigger policy build`".into());
    }
    Ok(digest(&bytes))
}

fn whole(path: &Path, metadata: &Metadata, most: u64, what: &str) -> Result<Vec<u8>, String> {
    if !metadata.is_file() {
        return Err("is not a regular file".into());
    }
    if metadata.len() > most {
        let most = most >> 20;
        return Err(format!("is larger than the {most} MiB that {what} may be"));
    }
    fs::read(path).map_err(|error| unreadable(&error))
}

fn unreadable(error: &io::Error) -> String {
    format!("can't be read: {}", io_words(error))
}
