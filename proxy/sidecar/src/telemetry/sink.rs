//! The log's destination: a bounded buffer, and the thread that writes it out.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::metrics;

/// Bytes that are written at once, without waiting.
const BATCH: usize = 64 << 10;
/// Lines wait at most this long for more of them.
const LINGER: Duration = Duration::from_millis(100);
/// A bounded buffer of lines and the thread that writes it out.
#[derive(Clone)]
pub(super) struct Sink(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Signals that there is something to write, or enough of it.
    work: Condvar,
    /// Signals that something was written.
    done: Condvar,
    room: usize,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    hurry: bool,
    queued: u64,
    written: u64,
}

impl Sink {
    pub(super) fn start(out: Box<dyn Write + Send>, room: usize) -> io::Result<Self> {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            room,
        };
        let sink = Self(Arc::new(shared));
        let own = sink.clone();
        std::thread::Builder::new()
            .name("log".into())
            .stack_size(128 << 10)
            .spawn(move || own.write_out(out))?;
        Ok(sink)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        let before = state.lines.len();
        if before + line.len() > self.0.room {
            drop(state);
            metrics::log_dropped();
            return;
        }
        state.lines.extend_from_slice(line);
        state.queued += line.len() as u64;
        let after = state.lines.len();
        drop(state);
        if before == 0 || (before < BATCH && after >= BATCH) {
            self.0.work.notify_one();
        }
    }

    fn write_out(&self, mut out: Box<dyn Write + Send>) {
        let mut batch = Vec::new();
        loop {
            let mut state = self.lock();
            while state.lines.is_empty() {
                self.0.work.wait(&mut state);
            }
            let more = |state: &mut State| state.lines.len() < BATCH && !state.hurry;
            let _ = self.0.work.wait_while_for(&mut state, more, LINGER);
            std::mem::swap(&mut state.lines, &mut batch);
            state.hurry = false;
            drop(state);
            // Standard output is closed: there is nowhere left to report the error.
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            self.lock().written += batch.len() as u64;
            self.0.done.notify_all();
            batch.clear();
            batch.shrink_to(BATCH * 2);
        }
    }

    pub(super) fn flush(&self, wait: Duration) {
        let mut state = self.lock();
        let target = state.queued;
        state.hurry = true;
        self.0.work.notify_one();
        let pending = |state: &mut State| state.written < target;
        let _ = self.0.done.wait_while_for(&mut state, pending, wait);
    }
}
