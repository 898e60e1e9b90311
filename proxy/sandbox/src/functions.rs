//! Functions compiled ahead: the part of a policy's code that no configuration changes.
//!
//! `configure` leaves another memory behind, and the functions as they were. So the compiler keeps
//! what it makes under a digest of all that it is made from: the function in the compiler's own
//! form, the compiler's version and settings, the processor's features. The image of the configured
//! policy then costs its translation and no compiling. A file of them, made where an image is
//! built, spares its pods the rest as well: what does not fit in it (another policy, another
//! release, another processor) is not found, and compiled.
//!
//! Such a file is native code, and trusted as the code cache is: nobody but root and this user may
//! write to it, and it is used only while its digest is the one written in it.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs::{DirBuilder, File, Permissions},
    io::{self, Read, Write},
    ops::Range,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN, digest};
use tempfile::NamedTempFile;

use super::cache::{hex, trusted};

/// The first bytes of a file; the digest of what follows it comes next.
const MAGIC: &[u8] = b"outrigger functions 1\n";
/// The first byte of the entries.
const HEAD: usize = MAGIC.len() + SHA256_OUTPUT_LEN;
/// The largest file that is written or read, in bytes: a policy in JavaScript takes some 85 MiB, its
/// engine twice.
const LARGEST: u64 = 128 << 20;

/// A digest of all that an entry was made from.
type Key = [u8; SHA256_OUTPUT_LEN];

/// Code that was compiled ahead, and code that this process has compiled.
#[derive(Debug, Default)]
pub(super) struct Functions {
    file: Vec<u8>,
    ahead: HashMap<Key, Range<usize>>,
    made: Mutex<HashMap<Key, Vec<u8>>>,
}

impl Functions {
    /// Reads what was compiled ahead of this policy. Nothing where there is no file, or none that
    /// can be trusted.
    pub(super) fn ahead_of(policy: &[u8], directory: &Path) -> Self {
        Self::read(&path(policy, directory)).unwrap_or_default()
    }

    fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        trusted(&found)?;
        if !found.is_file() || found.len() > LARGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Self::parse(bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn parse(file: Vec<u8>) -> Option<Self> {
        let (sum, entries) = file
            .strip_prefix(MAGIC)?
            .split_at_checked(SHA256_OUTPUT_LEN)?;
        if digest(&SHA256, entries).as_ref() != sum {
            return None;
        }
        let mut ahead = HashMap::new();
        let mut at = HEAD;
        while at < file.len() {
            let (key, rest) = file.get(at..)?.split_first_chunk::<SHA256_OUTPUT_LEN>()?;
            let (length, _) = rest.split_first_chunk::<4>()?;
            let begin = at + key.len() + length.len();
            let end = begin.checked_add(u32::from_le_bytes(*length) as usize)?;
            file.get(begin..end)?;
            ahead.insert(*key, begin..end);
            at = end;
        }
        Some(Self {
            file,
            ahead,
            made: Mutex::default(),
        })
    }

    /// Writes what this process has compiled into the policy's file, whole or not at all.
    ///
    /// # Errors
    /// The directory can't be written to, or the file would be larger than one that is read.
    pub(super) fn write(&self, policy: &[u8], directory: &Path) -> io::Result<PathBuf> {
        let made = self.made.lock();
        // In order, so that the file is the same for the same policy.
        let mut keys: Vec<&Key> = made.keys().collect();
        keys.sort_unstable();
        let mut entries = Vec::new();
        for key in keys {
            let code = made.get(key).map(Vec::as_slice).unwrap_or_default();
            let length = u32::try_from(code.len()).map_err(io::Error::other)?;
            entries.extend_from_slice(key);
            entries.extend_from_slice(&length.to_le_bytes());
            entries.extend_from_slice(code);
        }
        if (HEAD + entries.len()) as u64 > LARGEST {
            let most = LARGEST >> 20;
            return Err(io::Error::other(format!(
                "the functions take more than {most} MiB"
            )));
        }
        let path = path(policy, directory);
        // Whatever the umask: a directory that a group may write to is not trusted.
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(directory)?;
        let mut partial = NamedTempFile::with_prefix_in(".partial-", directory)?;
        partial.write_all(MAGIC)?;
        partial.write_all(digest(&SHA256, &entries).as_ref())?;
        partial.write_all(&entries)?;
        // A temporary file is its maker's alone; this one is for whoever runs the image.
        partial
            .as_file()
            .set_permissions(Permissions::from_mode(0o644))?;
        partial.persist(&path)?;
        Ok(path)
    }

    /// Returns the number of functions that this process has compiled.
    pub(super) fn compiled(&self) -> usize {
        self.made.lock().len()
    }

    /// Finds the code of a whole component.
    pub(super) fn whole(&self, component: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.find(&whole_key(component))
    }

    /// Keeps the code of a whole component.
    pub(super) fn keep_whole(&self, component: &[u8], code: Vec<u8>) {
        self.made.lock().insert(whole_key(component), code);
    }

    fn find(&self, key: &Key) -> Option<Cow<'_, [u8]>> {
        if let Some(range) = self.ahead.get(key) {
            return self.file.get(range.clone()).map(Cow::Borrowed);
        }
        self.made.lock().get(key).cloned().map(Cow::Owned)
    }
}

impl wasmtime::CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.find(&Key::try_from(key).ok()?)
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        let key = Key::try_from(key);
        key.is_ok_and(|key| self.made.lock().insert(key, value).is_none())
    }
}

/// The policy's file: named by the policy's own digest.
fn path(policy: &[u8], directory: &Path) -> PathBuf {
    directory.join(format!(
        "{}.functions",
        hex(digest(&SHA256, policy).as_ref())
    ))
}

/// Wasmtime checks by itself that code is of its own version, settings and processor.
fn whole_key(component: &[u8]) -> Key {
    let mut context = Context::new(&SHA256);
    context.update(b"component\0");
    context.update(component);
    let mut key = Key::default();
    for (to, from) in key.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    key
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::{env, fs, process::Command, thread};

    use wasmtime::CacheStore;

    use super::*;

    const POLICY: &[u8] = b"\0asm";

    fn written(directory: &Path) -> PathBuf {
        let made = Functions::default();
        assert!(made.insert(&[1; 32], b"one".to_vec()) && made.insert(&[2; 32], Vec::new()));
        made.keep_whole(b"component", b"native".to_vec());
        made.write(POLICY, directory).unwrap()
    }

    fn is_read(directory: &Path) -> bool {
        let ahead = Functions::ahead_of(POLICY, directory);
        ahead.get(&[1; 32]).is_some()
    }

    #[test]
    fn what_was_compiled_ahead_is_found_for_its_policy_alone() {
        let home = tempfile::tempdir().unwrap();
        written(home.path());
        let ahead = Functions::ahead_of(POLICY, home.path());
        assert_eq!(*ahead.get(&[1; 32]).unwrap(), *b"one");
        assert_eq!(*ahead.get(&[2; 32]).unwrap(), *b"");
        assert_eq!(*ahead.whole(b"component").unwrap(), *b"native");
        assert!(ahead.get(&[3; 32]).is_none() && ahead.get(b"short").is_none());
        let other = Functions::ahead_of(b"\0asm2", home.path());
        assert!(other.get(&[1; 32]).is_none());
    }

    #[test]
    fn a_file_that_was_changed_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let path = written(home.path());
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(!is_read(home.path()), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(!is_read(home.path()), "the first {at} bytes");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert!(!is_read(home.path()));
        fs::write(&path, &whole).unwrap();
        assert!(is_read(home.path()));
    }

    #[test]
    fn a_length_beyond_the_file_is_no_entry() {
        for length in [4, u32::MAX] {
            let entries = [&[1; 32][..], &length.to_le_bytes(), b"one"].concat();
            let sum = digest(&SHA256, &entries);
            let file = [MAGIC, sum.as_ref(), &entries].concat();
            assert!(Functions::parse(file).is_none(), "{length}");
        }
    }

    #[test]
    fn no_file_is_written_that_would_not_be_read() {
        let home = tempfile::tempdir().unwrap();
        let made = Functions::default();
        let room = usize::try_from(LARGEST).unwrap() - HEAD - 32 - 4;
        made.insert(&[1; 32], vec![0; room]);
        made.write(POLICY, home.path()).unwrap();
        assert!(is_read(home.path()));
        made.insert(&[2; 32], Vec::new());
        let error = made.write(POLICY, home.path()).err().unwrap();
        assert_eq!(error.to_string(), "the functions take more than 128 MiB");
    }

    #[test]
    fn a_directory_that_is_made_is_trusted_whatever_the_umask() {
        // The umask is the process's, and other tests run in this one.
        const DIRECTORY: &str = "OUTRIGGER_TEST_DIRECTORY";
        if let Some(directory) = env::var_os(DIRECTORY) {
            written(Path::new(&directory));
            return;
        }
        let home = tempfile::tempdir().unwrap();
        let (outer, inner) = (home.path().join("outer"), home.path().join("outer/inner"));
        let made = Command::new("sh")
            .args(["-c", r#"umask 002; exec "$0" --exact "$1""#])
            .arg(env::current_exe().unwrap())
            .arg(thread::current().name().unwrap())
            .env(DIRECTORY, &inner)
            .output();
        assert!(made.unwrap().status.success());
        assert!(is_read(&inner));
        for directory in [outer, inner] {
            trusted(&fs::metadata(&directory).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_file_that_others_may_write_to_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let path = written(home.path());
        for mode in [0o666, 0o664, 0o646] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(!is_read(home.path()), "{mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
        assert!(is_read(home.path()));
    }
}
