//! The other program, `outrigger-tool`: where it is, and how this one becomes it.
//!
//! It is looked for as cargo and git look for theirs: beside this program's own file, then in PATH.
//! Serving needs it for one thing alone, compiling a policy that is not in the code cache.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Its file's name.
pub const NAME: &str = "outrigger-tool";

/// Its commands, each with the line that `--help` has for it.
pub const COMMANDS: [(&str, &str); 9] = [
    (
        "ca",
        "Makes the pod's CA, or tells where it is and what an app needs to trust it",
    ),
    (
        "rules",
        "Prints or installs the rules that lead a pod's connections to the proxy",
    ),
    (
        "policy",
        "Makes, builds, tests, inspects and signs policies",
    ),
    (
        "pull",
        "Brings policies from an OCI registry into a directory, and keeps them up to date",
    ),
    (
        "inject",
        "Adds the sidecar to the pods of a Kubernetes manifest",
    ),
    ("uninject", "Takes away what `inject` added"),
    (
        "webhook",
        "Adds the sidecar to pods as a cluster makes them: a mutating admission webhook",
    ),
    (
        "try",
        "Runs one request, and a reply, through the configured chain offline, and shows what each policy decides and changes",
    ),
    (
        "compile",
        "Compiles one policy from standard input; what `run` and `check` start for each that is not in the cache",
    ),
];

/// The file to start: beside this program, else in PATH; where it is in neither, the place beside
/// this program.
pub fn path() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let beside = own.with_file_name(NAME);
    if beside.is_file() {
        return beside;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(NAME))
        .find(|file| file.is_file())
        .unwrap_or(beside)
}

/// The directory of functions that were compiled ahead, for the tool to read: `share` beside its
/// `bin`. An installation that has none has no such directory.
pub fn functions() -> PathBuf {
    let bin = path();
    let prefix = bin.parent().and_then(|bin| bin.parent());
    prefix
        .unwrap_or(Path::new("/usr"))
        .join("share/outrigger/functions")
}

/// Replaces this process with `outrigger-tool ARGUMENTS`. Returns only where that can't be done,
/// with the reason as a sentence.
pub fn become_it(arguments: &[OsString]) -> String {
    let (file, mut own) = (path(), std::env::args_os());
    let mut tool = Command::new(&file);
    // Its help and complaints name the program that was called.
    if let Some(name) = own.next() {
        tool.arg0(name);
    }
    let error = tool.args(arguments).exec();
    if error.kind() != io::ErrorKind::NotFound {
        return format!("{}: {error}", file.display());
    }
    let command = arguments.first().map(|word| word.to_string_lossy());
    format!(
        "`{}` is no command of the sidecar's own, and {NAME}, which has all others, is neither {} nor in PATH; install {NAME} beside outrigger",
        command.unwrap_or_default(),
        file.display()
    )
}
