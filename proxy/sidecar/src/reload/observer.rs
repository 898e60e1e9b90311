//! The observer: wakes up at changes of the files, and reports them once they are complete.
//!
//! Events only wake the observer: a ConfigMap's update names no policy, and an overlay, NFS or
//! subPath mount sends no events at all, so there is a poll besides and the truth is always a
//! [`Scan`]. After the last event of a burst (or half a second into an endless one) the files are
//! scanned until two scans in a row agree, so a file that is still being copied in place is left
//! alone; then one [`Change`] is sent with the whole set. From a rename to the change it takes
//! about 300 ms.
//!
//! The observer is a thread: it reads and hashes files, which would block a worker.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use parking_lot::{Condvar, Mutex};
use tokio::{sync::mpsc, time::Instant};

use super::{
    complete::Waiting,
    scan::{Paths, PolicyFile, Scan},
};

/// Time without events after which a burst is over.
const QUIET: Duration = Duration::from_millis(200);
/// Time after which a burst that does not end is scanned all the same.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time between the two scans that must agree.
const STILL: Duration = Duration::from_millis(100);
/// Scans after which a file that never stays the same is left out of a change.
const TRIES: usize = 20;

/// A difference between the files and the last change that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The configuration, or a file that it was made from, has another content.
    pub config: bool,
    /// A policy came, went or has another content.
    pub policies: bool,
    /// Set by [`Observer::nudge`]: to be taken up even where nothing is different.
    pub requested: bool,
    /// All policies that are there now, by name. One that is being written keeps its former entry.
    pub files: BTreeMap<String, PolicyFile>,
}

/// Observes the files until it is dropped.
#[derive(Debug)]
pub(crate) struct Observer {
    inbox: Arc<Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    mail: Mutex<Mail>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Mail {
    event: bool,
    requested: bool,
    paths: Option<(Paths, Duration)>,
    end: bool,
}

impl Inbox {
    fn put(&self, write: impl FnOnce(&mut Mail)) {
        write(&mut self.mail.lock());
        self.came.notify_one();
    }

    /// Waits for mail, until `deadline` at most, and takes it.
    fn take(&self, deadline: Instant) -> Mail {
        let mut mail = self.mail.lock();
        let wait = deadline.saturating_duration_since(Instant::now());
        let empty =
            |mail: &mut Mail| !(mail.event || mail.requested || mail.end || mail.paths.is_some());
        let _ = self.came.wait_while_for(&mut mail, empty, wait);
        std::mem::take(&mut mail)
    }
}

impl Observer {
    /// Starts an observer. `seen` is the scan that the caller has already taken up: changes are
    /// relative to it. The channel has room for one change; while the receiver is busy with it,
    /// what happens meanwhile is gathered into the next.
    ///
    /// # Errors
    /// The thread could not be started. Where events can't be had (inotify's limits), that is only
    /// logged: the poll remains.
    pub(crate) fn start(
        paths: Paths,
        poll: Duration,
        seen: Scan,
    ) -> std::io::Result<(Self, mpsc::Receiver<Change>)> {
        let inbox = Arc::new(Inbox::default());
        let (out, changes) = mpsc::channel(1);
        let observing = Observing {
            events: Events::new(Arc::clone(&inbox)),
            inbox: Arc::clone(&inbox),
            paths,
            poll,
            seen,
            out,
            unreadable: false,
            waiting: Waiting::default(),
        };
        std::thread::Builder::new()
            .name("observer".into())
            .stack_size(256 << 10)
            .spawn(move || observing.run())?;
        Ok((Self { inbox }, changes))
    }

    /// Scans now, and sends a change even where nothing is different.
    pub(crate) fn nudge(&self) {
        self.inbox.put(|mail| mail.requested = true);
    }

    /// Replaces the observed files, as a reloaded configuration names others.
    pub(crate) fn repoint(&self, paths: Paths, poll: Duration) {
        self.inbox.put(|mail| mail.paths = Some((paths, poll)));
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.inbox.put(|mail| mail.end = true);
    }
}

struct Observing {
    inbox: Arc<Inbox>,
    events: Events,
    paths: Paths,
    poll: Duration,
    /// The scan behind the last change.
    seen: Scan,
    out: mpsc::Sender<Change>,
    /// The directory could not be listed the last time; logged once.
    unreadable: bool,
    /// Modules whose signature is still to come.
    waiting: Waiting,
}

impl Observing {
    fn run(mut self) {
        let mut requested = false;
        // Changes between the caller's scan and the first watch are found by the first scan.
        let mut look = Instant::now();
        loop {
            self.events.observe(&self.paths);
            let mut burst_ends = None;
            loop {
                let mail = self.inbox.take(look);
                if mail.end || self.out.is_closed() {
                    return;
                }
                requested |= mail.requested;
                if let Some((paths, poll)) = mail.paths {
                    (self.paths, self.poll) = (paths, poll);
                    self.events.observe(&self.paths);
                    look = Instant::now() + QUIET;
                }
                let now = Instant::now();
                if mail.event {
                    look = (now + QUIET).min(*burst_ends.get_or_insert(now + PATIENCE));
                }
                if mail.requested {
                    look = now;
                }
                if now >= look {
                    break;
                }
            }
            let mut scan = self.settled();
            let mut again = None;
            if self.paths.signed {
                let now = Instant::now();
                again = self.waiting.leave_out(&mut scan, &self.seen, now);
            }
            let change = Change {
                config: scan.config_differs(&self.seen),
                policies: scan.policies_differ(&self.seen),
                requested: std::mem::take(&mut requested),
                files: scan.policies.clone(),
            };
            self.seen = scan;
            if (change.config || change.policies || change.requested)
                && self.out.blocking_send(change).is_err()
            {
                return;
            }
            look = Instant::now() + self.poll;
            look = again.map_or(look, |again| again.min(look));
        }
    }

    /// Scans until two scans agree.
    fn settled(&mut self) -> Scan {
        let mut last = self.scan(&self.seen.clone());
        if last == self.seen {
            return last; // nothing new, and it was believed before
        }
        for _ in 0..TRIES {
            std::thread::sleep(STILL);
            let next = self.scan(&last);
            if next == last {
                return next;
            }
            last = next;
        }
        // Something is written without an end. The rest is taken up; what still changes keeps its
        // former entry.
        std::thread::sleep(STILL);
        let next = self.scan(&last);
        let mut believed = next.clone();
        for (name, file) in next.policies {
            if last.policies.get(&name) != Some(&file) {
                match self.seen.policies.get(&name) {
                    Some(former) => believed.policies.insert(name, former.clone()),
                    None => believed.policies.remove(&name),
                };
            }
        }
        believed
    }

    /// Scans now. A directory that can't be listed is no reason to unload what is in force: its
    /// policies count as they were.
    fn scan(&mut self, before: &Scan) -> Scan {
        let error = match Scan::take(&self.paths, before) {
            Ok(scan) => {
                self.unreadable = false;
                return scan;
            }
            Err(error) => error,
        };
        if !std::mem::replace(&mut self.unreadable, true) {
            tracing::warn!(%error, "policy directory not readable; keeping what is in force");
        }
        let rest = Paths {
            directory: None,
            ..self.paths.clone()
        };
        Scan {
            policies: before.policies.clone(),
            ..Scan::take(&rest, before).unwrap_or_default()
        }
    }
}

/// The operating system's events, as a wake-up.
struct Events {
    watcher: Option<RecommendedWatcher>,
    /// Directories that are watched, with the inode that the watch is on: one that was replaced is
    /// watched anew.
    on: BTreeMap<PathBuf, u64>,
    wanted: Arc<Mutex<Wanted>>,
}

/// Paths whose events count.
#[derive(Default)]
struct Wanted {
    /// Every name in these matters.
    directories: Vec<PathBuf>,
    /// Names that matter in the directories that hold them; others there do not.
    names: Vec<std::ffi::OsString>,
}

impl Wanted {
    fn has(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or(OsStr::new(""));
        let within = |directory: &PathBuf| path == directory || path.parent() == Some(directory);
        // `..data` and its like: what is behind a ConfigMap's or Secret's file has changed.
        self.directories.iter().any(within)
            || self.names.iter().any(|n| n == name)
            || name.as_encoded_bytes().starts_with(b"..")
    }
}

impl Events {
    fn new(inbox: Arc<Inbox>) -> Self {
        let wanted = Arc::<Mutex<Wanted>>::default();
        let filter = Arc::clone(&wanted);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else {
                return inbox.put(|mail| mail.event = true);
            };
            // Our own reading makes events too; waking up for them would never end.
            let reading = matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
            let wanted = filter.lock();
            if !reading && (event.need_rescan() || event.paths.iter().any(|path| wanted.has(path)))
            {
                inbox.put(|mail| mail.event = true);
            }
        });
        let watcher = watcher
            .inspect_err(
                |error| tracing::warn!(%error, "no file events; changes are found by polling"),
            )
            .ok();
        Self {
            watcher,
            on: BTreeMap::new(),
            wanted,
        }
    }

    /// Observes the directories of `paths`, and no others.
    fn observe(&mut self, paths: &Paths) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let files = || paths.config.iter().chain(&paths.besides);
        let mut directories: Vec<PathBuf> = paths.directory.iter().cloned().collect();
        let wanted = Wanted {
            directories: directories.clone(),
            names: files()
                .chain(&paths.directory)
                .filter_map(|f| f.file_name())
                .map(Into::into)
                .collect(),
        };
        *self.wanted.lock() = wanted;
        // The parent of the policy directory too: the directory may be a symbolic link that is
        // swapped.
        for file in files().chain(&paths.directory) {
            let parent = file
                .parent()
                .filter(|p| !p.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            directories.push(parent.to_owned());
        }
        let gone: Vec<_> = self
            .on
            .keys()
            .filter(|path| !directories.contains(path))
            .cloned()
            .collect();
        for path in gone {
            self.on.remove(&path);
            let _ = watcher.unwatch(&path);
        }
        for path in directories {
            let Ok(inode) = std::fs::metadata(&path).map(|m| m.ino()) else {
                continue;
            };
            match self.on.get(&path) {
                Some(known) if *known == inode => continue,
                Some(_) => drop(watcher.unwatch(&path)),
                None => {}
            }
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.on.insert(path, inode)),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "directory not watched; changes in it are found by polling")
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "observer_tests.rs"]
mod tests;
