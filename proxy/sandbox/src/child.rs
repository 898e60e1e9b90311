//! The compiling child: its job, its answer, and how it is started.
//!
//! Compiling takes seconds and up to 100 MB for a large policy, and memory that an allocator is
//! slow to give back. So it is done by a process, `outrigger-tool compile` at the lowest priority,
//! that ends when it has written the code; and a sidecar whose policies are in the cache needs no
//! compiler at all. The child gets no environment: what it runs is a policy.

use std::{
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{LoadError, contract::Version};

/// The command of `outrigger-tool` that serves a job from standard input.
const COMMAND: &str = "compile";
/// Version of this program. Code of another one is never mapped: the two programs are of one.
pub(super) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// A file to compile, and how.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// Version of the program that asks for it.
    pub(super) release: String,
    /// True if the file is a component; otherwise it is a core module, to be wrapped.
    pub(super) component: bool,
    /// The interface with the hooks, version included.
    pub(super) export: String,
    /// The contract that it was built for.
    pub(super) contract: Version,
    /// True if what it declares of passages is compared with what it imports, before it is
    /// configured.
    pub(super) lists_passages: bool,
    /// The configuration as JSON text.
    pub(super) config: String,
    /// Bytes of memory that an instance may have; `configure` may have four times that.
    pub(super) memory: u64,
    /// CPU time of `configure`.
    pub(super) cpu: Duration,
    /// The reason for which the file is refused already. Then nothing is compiled, and only the
    /// proposals that it uses are looked at: they are reported before what it lacks.
    pub(super) lack: Option<LoadError>,
    /// True if compiling yields to other processes.
    pub(super) gives_way: bool,
    /// The name in the cache, and the cache's directory where there is one.
    pub(super) key: String,
    pub(super) cache: Option<PathBuf>,
    /// The directory of functions that were compiled ahead, where there is one.
    pub(super) functions: Option<PathBuf>,
}

/// The result of a job.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) code: Vec<u8>,
    /// Reason why the image is not configured, where it is not.
    pub(super) not_snapshotted: Option<String>,
    /// Number of functions that were compiled, and not found among those compiled ahead.
    pub(super) functions: usize,
}

/// The first line of the child's answer; the code follows where it is not in the cache.
#[derive(Serialize, Deserialize)]
pub(super) enum Answer {
    Cached {
        functions: usize,
    },
    Code {
        not_snapshotted: Option<String>,
        functions: usize,
    },
    Refused(LoadError),
}

/// The result of a job that a child did.
pub(super) enum Done {
    /// It is in the cache, with so many functions compiled.
    Cached(usize),
    Code(Compiled),
}

/// Runs the job in a child.
pub(super) fn in_child(program: &Path, job: &Job, file: &[u8]) -> Result<Done, LoadError> {
    let failed = |what: &str, e: io::Error| LoadError::Compile(format!("{what}: {e}"));
    let not_started = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => LoadError::Compile(format!(
            "{}, which compiles policies, is not there; install outrigger-tool beside outrigger",
            program.display()
        )),
        _ => failed("the compiling process did not start", e),
    };
    let mut child = Command::new(program)
        .arg(COMMAND)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(not_started)?;
    let written = child.stdin.take().map_or(Ok(()), |mut input| {
        serde_json::to_writer(&mut input, job)?;
        input.write_all(b"\n")?;
        input.write_all(file)
    });
    let output = child
        .wait_with_output()
        .map_err(|e| failed("the compiling process was lost", e))?;
    let mut lines = &output.stdout[..];
    let mut line = Vec::new();
    let read = lines.read_until(b'\n', &mut line);
    match read.map(|_| serde_json::from_slice(&line)) {
        Ok(Ok(Answer::Cached { functions })) => Ok(Done::Cached(functions)),
        Ok(Ok(Answer::Code {
            not_snapshotted,
            functions,
        })) => Ok(Done::Code(Compiled {
            code: lines.to_vec(),
            not_snapshotted,
            functions,
        })),
        Ok(Ok(Answer::Refused(error))) => Err(error),
        _ => Err(match written {
            Err(e) => failed("the compiling process would not listen", e),
            Ok(()) => LoadError::Compile(format!("the compiling process ended: {}", output.status)),
        }),
    }
}
