//! Changes of files: what is done again when somebody has written them.
//!
//! Files are looked at, and no kernel interface reports them: it works on every file system, shared
//! folders of a container too.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use super::Stop;

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_millis(250);

/// Work that is done at each change of files.
pub(super) trait Rounds {
    /// Lists the files. They are listed at each look, so that new ones are seen.
    fn files(&self) -> BTreeSet<PathBuf>;

    /// Does the work, and returns the files that it read besides: they are looked at, too. A failure
    /// of the work itself is printed and no error: one ends the rounds.
    fn round(&mut self) -> Result<BTreeSet<PathBuf>, Stop>;
}

/// Goes through a round now and one after each change, until one ends it all. A change counts once
/// two looks have seen the same: whoever writes the files has finished.
pub(super) fn at_each_change(work: &mut impl Rounds) -> Result<Infallible, Stop> {
    let mut read = BTreeSet::new();
    let mut before = None;
    let mut done = None;
    loop {
        let mut now = stamps(work.files().union(&read));
        let is_quiet = done.is_none() || before.as_ref() == Some(&now);
        if is_quiet && done.as_ref() != Some(&now) {
            let more = work.round()?;
            // A file that was read for the first time has not changed.
            now.append(&mut stamps(
                more.iter().filter(|path| !now.contains_key(*path)),
            ));
            read.extend(more);
            done = Some(now.clone());
        }
        before = Some(now);
        thread::sleep(LOOK);
    }
}

/// Files, with the time and the size by which a change of one is seen; none where it is not there.
type Stamps = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

fn stamps<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Stamps {
    let stamp = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    (files.into_iter())
        .map(|path| (path.clone(), stamp(path)))
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs::write;

    use super::*;

    /// Changes its own files, as an author does, and ends after the rounds it was given.
    struct Author {
        folder: PathBuf,
        steps: Vec<fn(&Path)>,
        rounds: usize,
    }

    impl Rounds for Author {
        fn files(&self) -> BTreeSet<PathBuf> {
            ["a", "b"].map(|name| self.folder.join(name)).into()
        }

        fn round(&mut self) -> Result<BTreeSet<PathBuf>, Stop> {
            self.rounds += 1;
            let Some(step) = self.steps.pop() else {
                return Err(Stop::Mistake("done".to_owned()));
            };
            step(&self.folder);
            let read = ["a", "read-from-now-on"];
            Ok(read.map(|name| self.folder.join(name)).into())
        }
    }

    #[test]
    fn each_change_is_one_round_and_one_during_a_round_is_the_next() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "read-from-now-on"] {
            write(folder.path().join(name), "1").unwrap();
        }
        let mut author = Author {
            folder: folder.path().to_owned(),
            steps: vec![
                |folder| write(folder.join("read-from-now-on"), "too").unwrap(),
                |folder| fs::remove_file(folder.join("a")).unwrap(),
                |folder| write(folder.join("b"), "new").unwrap(),
                |folder| write(folder.join("a"), "longer").unwrap(),
            ],
            rounds: 0,
        };
        let ended = at_each_change(&mut author);
        assert!(matches!(ended, Err(Stop::Mistake(_))));
        assert_eq!(author.rounds, 5);
    }
}
