//! The compiling child: its job, its answer, and how it is started.
//!
//! Compiling takes seconds and up to 100 MB for a large policy, and memory that an allocator is
//! slow to give back. So it is done by a process, `outrigger-tool compile` at the lowest priority,
//! that ends when it has written the code; and a sidecar whose policies are in the cache needs no
//! compiler at all. The child gets no environment: what it runs is a policy.

use std::{
    io::{self, BufRead, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{LoadError, contract::Version};

/// The command of `outrigger-tool` that serves a job from standard input.
const COMMAND: &str = "compile";
/// Version of this program. Code of another one is never mapped: the two programs are of one.
pub(super) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Time that the child may take in all.
pub(super) const TIME: Duration = Duration::from_secs(180);
/// Exit code of a child that took longer.
pub(super) const TOO_LONG: u8 = 3;

/// A file to compile, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// Reason for which no image of the configured policy is made, where an attempt ended the
    /// compiler.
    pub(super) plain: Option<String>,
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
    /// The compiler came upon what it has no error for; its words.
    Panicked(String),
}

/// The reason why a child made nothing.
pub(super) enum Failure {
    Refused(LoadError),
    /// The compiler panicked; its words.
    Panicked(String),
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Refused(error)
    }
}

/// The result of a job that a child did.
pub(super) enum Done {
    /// It is in the cache, with so many functions compiled.
    Cached(usize),
    Code(Compiled),
}

/// Runs the job in a child. A compiler that panics while it makes the image of a configured policy
/// is run once more without: the policy is then configured in each instance.
pub(super) fn in_child(program: &Path, job: &Job, file: &[u8]) -> Result<Done, LoadError> {
    let first = match run(program, job, file) {
        Err(Failure::Panicked(why)) => why,
        Err(Failure::Refused(error)) => return Err(error),
        Ok(done) => return Ok(done),
    };
    let job = Job {
        plain: Some(first.clone()),
        ..job.clone()
    };
    run(program, &job, file).map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Panicked(why) => LoadError::Unsupported(why),
    })
}

fn run(program: &Path, job: &Job, file: &[u8]) -> Result<Done, Failure> {
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
        Ok(Ok(Answer::Refused(error))) => Err(error.into()),
        Ok(Ok(Answer::Panicked(why))) => Err(Failure::Panicked(why)),
        _ => Err(LoadError::Compile(match written {
            Err(e) if output.status.success() => {
                format!("the compiling process would not listen: {e}")
            }
            _ => ended(output.status),
        })
        .into()),
    }
}

/// Returns a sentence on the end of a child that did not answer.
fn ended(status: ExitStatus) -> String {
    const AHEAD: &str = "compile its functions where an image is built, with `outrigger policy precompile`, or give the pod more";
    const KILL: i32 = 9;
    match (status.code(), status.signal()) {
        (Some(code), _) if code == i32::from(TOO_LONG) => {
            let seconds = TIME.as_secs();
            format!("it took longer than {seconds} s; {AHEAD} CPU")
        }
        // The kernel kills so what takes more memory than the pod has.
        (_, Some(KILL)) => {
            format!(
                "the compiling process was killed, most likely for want of memory; {AHEAD} memory"
            )
        }
        _ => format!("the compiling process ended: {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_child_that_did_not_answer_says_what_to_do() {
        let said = |raw| ended(ExitStatus::from_raw(raw));
        assert!(said(9).contains("want of memory; compile its functions where"));
        assert!(said(i32::from(TOO_LONG) << 8).contains("longer than 180 s; compile"));
        assert!(said(11).starts_with("the compiling process ended: signal: 11"));
    }
}
