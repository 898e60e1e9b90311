//! A pod and "the internet", as two network namespaces joined by a cable. Traffic of a test never
//! leaves them.
//!
//! Sockets belong to the namespace in which they are made, whoever reads them later. So a test
//! makes its servers and its clients [inside](Pod::inside): a thread goes into the namespace, takes
//! a user's place, and comes back with what it opened. What must be a process of its own (the
//! sidecar, curl) is started by [`Pod::command`].
//!
//! It needs root, namespaces and `ip`, `nft`, `setpriv`; where one is missing [`Pod::start`] says
//! so on the terminal and returns none. Names hold the process id: runs side by side don't meet,
//! and what a killed run left is cleared by the next one.

use std::ffi::OsStr;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Gid, Pid, Signal, Uid, kill_process};
use rustix::thread::{
    LinkNameSpaceType, move_into_link_name_space, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use crate::Sidecar;

/// The user that an app runs as.
pub const APP: u32 = 1000;
/// The proxy's own user.
pub const PROXY: u32 = 13370;
/// The pod's addresses.
pub const POD: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2)),
];
/// Stands for a provider, in either family.
pub const PROVIDER: [IpAddr; 2] = host(10);
/// Stands for any other host, in either family.
pub const FOREIGN: [IpAddr; 2] = host(20);

/// A prefix of our own names, so that clearing up meets nobody else's.
const OURS: &str = "outrigger-test-";
/// Mode of folders that every user may read: binaries under a root-only folder are copied there, so
/// that other users can run them.
const FOLDER_MODE: u32 = 0o755;

const fn host(n: u8) -> [IpAddr; 2] {
    [
        IpAddr::V4(Ipv4Addr::new(203, 0, 113, n)),
        // 2001:db8::10 for 203.0.113.10
        IpAddr::V6(Ipv6Addr::new(
            0x2001,
            0xdb8,
            0,
            0,
            0,
            0,
            0,
            (n / 10 * 16 + n % 10) as u16,
        )),
    ]
}

/// One of the two namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The side of the app and the sidecar.
    Pod,
    /// The side of everybody else.
    Internet,
}

/// A pod with its internet. Dropped: both namespaces go, with whatever still runs in them.
pub struct Pod {
    names: [String; 2],
    /// A folder that every user can read; it has the binary.
    pub folder: tempfile::TempDir,
}

impl Pod {
    /// Builds one; `None`, said loudly, where this machine can't.
    pub fn start() -> Option<Self> {
        static SAID: Once = Once::new();
        if let Some(why) = missing() {
            SAID.call_once(|| {
                // Not `eprintln!`: of a test that passes, that would not be seen.
                let _ = writeln!(
                    std::io::stderr(),
                    "\nNOT TESTED: interception in network namespaces: {why}\n"
                );
            });
            return None;
        }
        clear_leftovers();
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = std::process::id();
        let names = ["pod", "net"].map(|side| format!("{OURS}{id}-{n}-{side}"));
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        let pod = Self { names, folder };
        pod.build();
        Some(pod)
    }

    fn build(&self) {
        let [pod, net] = &self.names;
        for name in &self.names {
            run(Command::new("ip").args(["netns", "add", name]));
            let etc = etc(name);
            std::fs::create_dir_all(&etc).unwrap();
            std::fs::write(etc.join("hosts"), "127.0.0.1 localhost\n::1 localhost\n").unwrap();
            // No server resolves a name that is not in `hosts`.
            let resolver = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
            std::fs::write(etc.join("resolv.conf"), resolver).unwrap();
        }
        ip(
            pod,
            &format!("link add vpod type veth peer name vnet netns {net}"),
        );
        ip(pod, "addr add 10.77.0.2/24 dev vpod");
        ip(net, "addr add 10.77.0.1/24 dev vnet");
        ip(pod, "-6 addr add fd77::2/64 dev vpod nodad");
        ip(net, "-6 addr add fd77::1/64 dev vnet nodad");
        for (name, link) in [(pod, "vpod"), (net, "vnet")] {
            ip(name, "link set lo up");
            ip(name, &format!("link set {link} up"));
        }
        ip(pod, "route add default via 10.77.0.1");
        ip(pod, "-6 route add default via fd77::1");
        for [v4, v6] in [PROVIDER, FOREIGN] {
            ip(net, &format!("addr add {v4}/32 dev lo"));
            ip(net, &format!("-6 addr add {v6}/128 dev lo nodad"));
        }
    }

    /// The namespace's name, as `ip netns` has it.
    pub fn name(&self, side: Side) -> &str {
        &self.names[side as usize]
    }

    /// Does something in a namespace, as a user, on a thread of its own.
    pub fn inside<T: Send>(&self, side: Side, uid: u32, what: impl FnOnce() -> T + Send) -> T {
        let path = Path::new("/run/netns").join(self.name(side));
        let work = || {
            let namespace = std::fs::File::open(path).unwrap();
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).unwrap();
            if uid != 0 {
                let (group, user) = (Gid::from_raw(uid), Uid::from_raw(uid));
                set_thread_groups(&[]).unwrap();
                set_thread_res_gid(group, group, group).unwrap();
                set_thread_res_uid(user, user, user).unwrap();
            }
            what()
        };
        match std::thread::scope(|scope| scope.spawn(work).join()) {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// A listener of the internet's, or of the pod's.
    pub fn listen(&self, side: Side, address: SocketAddr) -> TcpListener {
        self.inside(side, 0, || TcpListener::bind(address)).unwrap()
    }

    /// A program in a namespace, as a user, with the names of [`Pod::hosts`].
    pub fn command(&self, side: Side, uid: u32, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.name(side)]);
        if uid != 0 {
            let uid = uid.to_string();
            command.args(["setpriv", "--reuid", &uid, "--regid", &uid]);
            command.args(["--clear-groups", "--no-new-privs", "--"]);
        }
        command.arg(program).stdin(Stdio::null());
        command.current_dir(self.folder.path());
        command
    }

    /// Adds lines to `/etc/hosts` of a namespace.
    pub fn hosts(&self, side: Side, lines: &str) {
        let file = etc(self.name(side)).join("hosts");
        let text = std::fs::read_to_string(&file).unwrap() + lines + "\n";
        std::fs::write(file, text).unwrap();
    }

    /// The binary under test, where every user can run it.
    pub fn outrigger(&self) -> PathBuf {
        crate::sidecar::put_into(self.folder.path())
    }

    /// Runs `outrigger rules` in the pod as the rules container does: its exit code and all that it
    /// wrote.
    pub fn rules(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let outrigger = self.outrigger();
        let mut command = self.command(Side::Pod, 0, "setpriv");
        command.args(["--bounding-set", "-all,+net_admin,+net_raw", "--"]);
        let output = command.arg(outrigger).arg("rules").args(arguments).output();
        output_of(&output.unwrap())
    }

    /// Output of `nft list ruleset` in a namespace.
    pub fn ruleset(&self, side: Side) -> String {
        let output = self
            .command(side, 0, "nft")
            .args(["list", "ruleset"])
            .output();
        let (code, said) = output_of(&output.unwrap());
        assert_eq!(code, Some(0), "{said}");
        said
    }

    /// Starts the sidecar in the pod as its own user; it is ready. `admin` and `listen.base_url`
    /// are those that `config` has.
    pub fn sidecar(&self, config: &str, base: SocketAddr, admin: SocketAddr) -> Sidecar {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        open_to_all(folder.path());
        let file = folder.path().join("outrigger.yaml");
        std::fs::write(&file, config).unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        std::os::unix::fs::chown(&home, Some(PROXY), Some(PROXY)).unwrap();
        let child = self.process(folder.path());
        let mut sidecar = Sidecar::adopt(child, base, admin, folder);
        self.inside(Side::Pod, 0, || sidecar.until_ready());
        sidecar
    }

    /// Starts it again as it was, once it has ended.
    pub fn start_again(&self, sidecar: &mut Sidecar) {
        let child = self.process(sidecar.folder.path());
        sidecar.becomes(child);
        self.inside(Side::Pod, 0, || sidecar.until_ready());
    }

    fn process(&self, folder: &Path) -> Child {
        let home = folder.join("home");
        self.command(Side::Pod, PROXY, self.outrigger())
            .args(["run", "--config"])
            .arg(folder.join("outrigger.yaml"))
            .env("XDG_CACHE_HOME", &home)
            .env("HOME", &home)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.names.iter().for_each(|name| clear(name));
    }
}

/// The reason why this machine can't have namespaces.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".into());
    }
    let there = |tool: &&str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(tool).exists())
    };
    let tools = ["ip", "nft", "setpriv"];
    let absent: Vec<&str> = tools.into_iter().filter(|tool| !there(tool)).collect();
    if !absent.is_empty() {
        let all = absent.join(", ");
        return Some(format!("no {all}: tests/setup.sh installs what is missing"));
    }
    let tried = Command::new("unshare").args(["--net", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(output_of(&output).1),
        Err(why) => Some(format!("unshare: {why}")),
    }
}

/// Clears what runs that were killed have left: namespaces of ours whose process is gone. Once per
/// run.
fn clear_leftovers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for entry in std::fs::read_dir("/run/netns")
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let process = name
                .strip_prefix(OURS)
                .and_then(|rest| rest.split('-').next());
            if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
                clear(&name);
            }
        }
    });
}

/// Ends what still runs in a namespace, and deletes it.
fn clear(name: &str) {
    let pids = Command::new("ip").args(["netns", "pids", name]).output();
    for pid in pids.map(|o| output_of(&o).1).unwrap_or_default().lines() {
        // Threads of this process that are inside for a moment don't count.
        if let Ok(raw) = pid.parse::<i32>()
            && raw.unsigned_abs() != std::process::id()
            && let Some(pid) = Pid::from_raw(raw)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    let _ = Command::new("ip").args(["netns", "del", name]).output();
    let _ = std::fs::remove_dir_all(etc(name));
}

fn etc(name: &str) -> PathBuf {
    Path::new("/etc/netns").join(name)
}

/// Lets every user read a folder.
pub fn open_to_all(folder: &Path) {
    let mode = std::fs::Permissions::from_mode(FOLDER_MODE);
    std::fs::set_permissions(folder, mode).unwrap();
}

fn ip(namespace: &str, words: &str) {
    run(Command::new("ip")
        .args(["-n", namespace])
        .args(words.split(' ')));
}

fn run(command: &mut Command) {
    let (code, said) = output_of(&command.output().unwrap());
    assert_eq!(code, Some(0), "{command:?}: {said}");
}

/// A process's exit code and all that it wrote.
pub fn output_of(output: &Output) -> (Option<i32>, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

/// The longest that a connection may take to come about.
pub const SOON: Duration = Duration::from_secs(30);
