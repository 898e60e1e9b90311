//! Memory that load leaves behind is given back to the system once the process is quiet.
//!
//! The allocator keeps what is freed for the next allocation, and hands pages back only as others
//! are allocated or freed: a process that serves nothing does neither, and stays as large as its
//! busiest moment (measured: four times what it was, four seconds after 1,000 streams ended). To
//! collect on the path of an exchange would cost page faults there. So it happens after a while in
//! which no exchange began or was in progress: first for what the start left, later where memory
//! has grown. Heaps are of a thread each, so every worker collects its own; what the instances of
//! policies leave is given back before.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

// Linked here, too, as tests have the system's allocator.
use mimalloc as _;
use tokio::sync::Notify;

use crate::telemetry::metrics::Activity;

/// Looks at a process without exchanges, one a second, after which it counts as quiet.
const QUIET: u32 = 2;
/// The same, after which memory that is still in use is taken for the least there will be.
const LONGEST: u32 = 512;
/// Growth that is worth a collection, in bytes; what is given back has to be faulted in again.
const GROWTH: u64 = 2 << 20;

#[expect(
    unsafe_code,
    reason = "neither crate of the allocator has a safe name for it; it may be called at any time, by any thread"
)]
// SAFETY: the signature is that of `mimalloc.h`.
unsafe extern "C" {
    safe fn mi_collect(force: bool);
}

/// Gives back what the calling thread's heap does not use.
pub(crate) fn collect() {
    mi_collect(true);
}

/// Calls `collect` whenever `quiet` is notified; runs on a worker's thread as long as that does.
pub(crate) async fn collect_when(quiet: Arc<Notify>, collect: impl Fn()) {
    loop {
        quiet.notified().await;
        collect();
    }
}

/// Decides when unused memory is given back.
pub(crate) struct Trimmer {
    /// Notified when the threads that wait for it are to collect.
    quiet: Arc<Notify>,
    /// None where the system has no such file: then nothing is known to have grown.
    statm: Option<File>,
    schedule: Schedule,
    /// Gives back what is no thread's heap: the slots of policies' instances.
    trim: Box<dyn Fn() + Send>,
}

impl Trimmer {
    /// Makes one that notifies `quiet`, and calls `trim` for what is no thread's heap.
    pub(crate) fn new(quiet: Arc<Notify>, trim: impl Fn() + Send + 'static) -> Self {
        Self {
            quiet,
            statm: File::open("/proc/self/statm").ok(),
            schedule: Schedule::default(),
            trim: Box::new(trim),
        }
    }

    /// Takes in one look at what the process does; they come once a second while there are no
    /// exchanges.
    pub(crate) fn look(&mut self, activity: Activity) {
        let statm = self.statm.as_ref();
        if self.schedule.is_due(activity, || own_bytes(statm?)) {
            (self.trim)();
            self.quiet.notify_waiters();
            collect();
        }
    }
}

/// Returns the resident bytes that no other process may share.
fn own_bytes(statm: &File) -> Option<u64> {
    let mut buffer = [0; 128];
    let read = statm.read_at(&mut buffer, 0).ok()?;
    let text = str::from_utf8(buffer.get(..read)?).ok()?;
    let mut pages = text.split(' ').skip(1).map(|field| field.parse::<u64>());
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

/// Finds the moments at which a process is quiet and uses more than it need. Pure: callers pass
/// what they see.
///
/// Memory that load leaves is not free at once: kept connections close after seconds or minutes.
/// Freed memory stays resident until it is collected, so nothing shows that it could be; each time
/// that the process has been quiet for twice as long as before, it is tried again.
#[derive(Debug, Default)]
struct Schedule {
    /// Exchanges that had begun at the last look.
    begun: u32,
    /// Looks since the last exchange.
    quiet: u32,
    /// True if memory is being given back since the last look.
    collects: bool,
    /// Bytes in use after the last collection, and what is taken for the least.
    last: u64,
    least: Option<u64>,
}

impl Schedule {
    fn is_due(&mut self, activity: Activity, used: impl FnOnce() -> Option<u64>) -> bool {
        let before = std::mem::replace(&mut self.begun, activity.begun);
        // A look sees only a moment: calls come and go between two of them.
        if activity.inflight > 0 || activity.begun != before {
            (self.quiet, self.collects) = (0, false);
            return false;
        }
        self.quiet = self.quiet.saturating_add(1);
        let ends = self.quiet == LONGEST + 1;
        if self.collects || ends {
            let Some(used) = used() else { return false };
            let least = self.least.filter(|least| *least < used && !ends);
            (self.last, self.least) = (used, Some(least.unwrap_or(used)));
            self.collects = false;
            return false;
        }
        if self.quiet < QUIET || self.quiet > LONGEST || !self.quiet.is_power_of_two() {
            return false;
        }
        let floor = match self.quiet {
            QUIET => self.last, // a pod with a call now and then has its pages left alone
            _ => self.least.unwrap_or_default(),
        };
        // What the start left goes first, so that the least is known.
        let is_first = self.least.is_none();
        self.collects = used().is_some_and(|used| is_first || used > floor + GROWTH);
        self.collects
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    /// Looks at a process with these exchanges and bytes each second; returns the seconds at which
    /// memory was given back.
    fn seconds(looks: &[(usize, u64)]) -> Vec<usize> {
        let (mut schedule, mut begun) = (Schedule::default(), 0);
        let looks = looks.iter().enumerate();
        let due = looks.filter(|(_, (inflight, used))| {
            let inflight = *inflight;
            begun += inflight as u32;
            schedule.is_due(Activity { inflight, begun }, || Some(*used))
        });
        due.map(|(second, _)| second).collect()
    }

    #[test]
    fn a_process_with_calls_between_the_looks_is_not_quiet() {
        let mut schedule = Schedule::default();
        for begun in 1..1000 {
            let activity = Activity { inflight: 0, begun };
            assert!(!schedule.is_due(activity, || Some(90 << 20)), "{begun}");
        }
    }

    #[test]
    fn memory_is_given_back_after_load_and_not_while_there_is_any() {
        let start = [(0, 12 << 20), (0, 12 << 20), (0, 10 << 20)];
        let load = [(900, 50 << 20), (1, 60 << 20), (0, 60 << 20), (3, 60 << 20)];
        let rest = [(0, 60 << 20), (0, 60 << 20)];
        let looks = [&start[..], &load, &rest, &[(0, 11 << 20); 9000]].concat();
        assert_eq!(seconds(&looks), [1, 8]);
    }

    #[test]
    fn what_is_freed_late_is_given_back_late() {
        let start = [(0, 10 << 20), (0, 10 << 20), (0, 10 << 20), (1, 60 << 20)];
        let kept = [(0, 60 << 20), (0, 60 << 20), (0, 20 << 20), (0, 20 << 20)];
        let looks = [
            &start[..],
            &kept,
            &[(0, 20 << 20); 4],
            &[(0, 10 << 20); 9000],
        ]
        .concat();
        assert_eq!(
            seconds(&looks),
            [1, 5, 7, 11],
            "the last when it was quiet for 8 s"
        );
    }

    #[test]
    fn a_process_that_was_small_becomes_small_again() {
        let start = [(0, 1 << 20), (0, 1 << 20), (0, 1 << 20), (1, 60 << 20)];
        let kept = [(0, 60 << 20), (0, 60 << 20), (0, 20 << 20), (0, 20 << 20)];
        let looks = [&start[..], &kept, &[(0, 1 << 20); 9000]].concat();
        assert_eq!(seconds(&looks), [1, 5, 7]);
    }

    #[test]
    fn a_process_that_has_not_grown_keeps_what_it_has() {
        let quiet = [(0, 10 << 20); 3];
        let call = [(1, 11 << 20), (0, 11 << 20), (0, 11 << 20), (0, 11 << 20)];
        assert_eq!(seconds(&[&quiet[..], &call, &call].concat()), [1]);
    }

    #[test]
    fn memory_that_stays_in_use_is_not_collected_for_again() {
        let start = [(0, 10 << 20); 3];
        let cache = [&[(1, 90 << 20)], &[(0, 90 << 20); 9000][..]].concat();
        let first = [1, 5, 7, 11, 19, 35, 67, 131, 259, 515];
        assert_eq!(seconds(&[&start[..], &cache, &cache].concat()), first);
    }

    #[tokio::test]
    async fn each_worker_hears_of_it() {
        let (quiet, collected) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let workers = [(); 2].map(|()| {
            let collected = Arc::clone(&collected);
            let collect = move || {
                collected.fetch_add(1, Relaxed);
            };
            tokio::spawn(collect_when(Arc::clone(&quiet), collect))
        });
        tokio::task::yield_now().await;
        let trimmed = Arc::new(AtomicUsize::new(0));
        let trims = Arc::clone(&trimmed);
        let mut trimmer = Trimmer::new(Arc::clone(&quiet), move || {
            trims.fetch_add(1, Relaxed);
        });
        for _ in 0..QUIET {
            trimmer.look(Activity::default());
        }
        tokio::task::yield_now().await;
        assert_eq!((collected.load(Relaxed), trimmed.load(Relaxed)), (2, 1));
        assert!(own_bytes(trimmer.statm.as_ref().unwrap()).unwrap() > 0);
        for worker in workers {
            worker.abort();
        }
    }
}
