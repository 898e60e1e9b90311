//! The built binary, run as an operator runs it: a configuration file, a policy directory, signals,
//! two ports.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::wire::{self, Connection, Reply};

/// The binary under test: `OUTRIGGER_BIN`, else the one that `cargo build` leaves.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("OUTRIGGER_BIN")
        .map_or_else(|| crate::target().join("debug/outrigger"), PathBuf::from);
    for program in [&path, &path.with_file_name(TOOL)] {
        assert!(
            program.exists(),
            "no binary at {}: run `make test`, or `cargo build -p outrigger -p outrigger-tool` first",
            program.display()
        );
    }
    path
}

/// The file name of the other program, which lies beside the binary.
pub const TOOL: &str = "outrigger-tool";

/// Puts both programs into a folder where every user can run them; returns the sidecar's.
pub fn put_into(folder: &Path) -> PathBuf {
    let binary = binary();
    let own = folder.join("outrigger");
    for (from, to) in [
        (binary.with_file_name(TOOL), folder.join(TOOL)),
        (binary, own.clone()),
    ] {
        // A hard link where it can be: a debug binary is large.
        let linked = to.exists() || std::fs::hard_link(&from, &to).is_ok();
        if !linked {
            std::fs::copy(&from, &to).unwrap();
        }
    }
    own
}

/// A built policy's file: of `OUTRIGGER_POLICIES` (`target/policies`) or of
/// `OUTRIGGER_TEST_POLICIES` (`target/test-policies`).
pub fn policy(name: &str) -> PathBuf {
    let folders = [
        ("OUTRIGGER_POLICIES", "policies"),
        ("OUTRIGGER_TEST_POLICIES", "test-policies"),
    ]
    .map(|(variable, folder)| {
        std::env::var_os(variable).map_or_else(|| crate::target().join(folder), PathBuf::from)
    });
    folders
        .iter()
        .map(|folder| folder.join(format!("{name}.wasm")))
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("no {name}.wasm in {folders:?}: run `plugins/build.sh --tests`"))
}

/// A free port. Outside the range that outgoing connections take theirs from, so that no other
/// test's client sits on it.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (u16::try_from(std::process::id() % 97).unwrap() * 113 + step) % 12_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A running Outrigger. Dropping it sends SIGTERM, then kills it; a panic in its log fails the
/// test.
pub struct Sidecar {
    /// The address that apps connect to.
    pub base: SocketAddr,
    /// The admin address.
    pub admin: SocketAddr,
    /// The folder that holds `outrigger.yaml` and `policies/`.
    pub folder: tempfile::TempDir,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Sidecar {
    /// Starts one that is ready. `config` is YAML without `listen:`, and without `admin:` but for
    /// one that holds `{admin}`; a `log:` of its own takes the place of JSON at level info; `{policies}` in it stands for the policy directory, which holds
    /// the policies that the chain names.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    /// Starts one with more in its environment.
    pub fn start_with(config: &str, environment: &[(&str, &str)]) -> Self {
        Self::spawn(&[], config, environment)
    }

    /// Starts one by another program, which may be root's: everybody may read the folder, and the
    /// binary is a copy in it.
    pub fn start_under(program: &[&str], config: &str) -> Self {
        Self::spawn(program, config, &[])
    }

    fn spawn(program: &[&str], config: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (base, admin) = (free_address(), free_address());
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        for name in chain(config) {
            std::fs::copy(
                policy(&name),
                folder.path().join(format!("policies/{name}.wasm")),
            )
            .unwrap();
        }
        write_config(folder.path(), base, admin, config);
        let child = command(program, folder.path())
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut sidecar = Self::adopt(child, base, admin, folder);
        sidecar.until_ready();
        sidecar
    }

    /// Takes over one that was started elsewhere, its output piped.
    pub fn adopt(
        child: Child,
        base: SocketAddr,
        admin: SocketAddr,
        folder: tempfile::TempDir,
    ) -> Self {
        let mut sidecar = Self {
            base,
            admin,
            folder,
            child,
            log: Arc::default(),
        };
        sidecar.listen_to_its_log();
        sidecar
    }

    /// Starts it again as it was, once it has ended: the same folder, the same addresses. Returns
    /// the time it took to be ready.
    pub fn start_again(&mut self) -> Duration {
        let started = Instant::now();
        let child = command(&[], self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.becomes(child);
        self.until_ready();
        started.elapsed()
    }

    /// Goes on with another process, its output piped.
    pub fn becomes(&mut self, child: Child) {
        self.child = child;
        self.listen_to_its_log();
    }

    /// Waits until it is ready.
    pub fn until_ready(&mut self) {
        let started = Instant::now();
        while !self.is_ready() {
            if let Some(status) = self.child.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(100));
                panic!("it ended at once ({status}):\n{}", self.log());
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "not ready after a minute:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn listen_to_its_log(&mut self) {
        let pipes: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(self.child.stdout.take().unwrap()),
            Box::new(self.child.stderr.take().unwrap()),
        ];
        for pipe in pipes {
            let log = Arc::clone(&self.log);
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap();
                    log.push_str(&line);
                    log.push('\n');
                }
            });
        }
    }

    /// Reports whether `/readyz` says 200.
    pub fn is_ready(&self) -> bool {
        std::net::TcpStream::connect(self.admin).is_ok() && {
            let mut connection = Connection::open(self.admin);
            connection.send(&wire::request(
                "GET",
                "/readyz",
                &["connection: close"],
                b"",
            ));
            connection.head().is_some_and(|(status, _)| status == 200)
        }
    }

    /// Everything that it wrote so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The log's lines that are JSON objects.
    pub fn log_lines(&self) -> Vec<serde_json::Value> {
        self.log()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits for a log line that holds all of `words`, and returns it.
    pub fn log_line(&self, words: &[&str]) -> String {
        let mut found = String::new();
        crate::eventually(&format!("a log line with {words:?}"), || {
            let log = self.log();
            log.lines()
                .find(|line| words.iter().all(|word| line.contains(word)))
                .map(|line| line.clone_into(&mut found))
                .is_some()
        });
        found
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(
            Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap(),
            signal,
        );
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "still running after a minute:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Resident memory, in bytes.
    pub fn rss(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// Resident memory without what is mapped from files, in bytes: no page of a binary's code.
    pub fn rss_without_files(&self) -> u64 {
        self.memory("VmRSS:")
            .saturating_sub(self.memory("RssFile:"))
    }

    /// A line of the process's status, in bytes.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> String {
        let reply = wire::get(self.admin, "/metrics");
        assert_eq!(reply.status, 200);
        reply.text()
    }

    /// The sum of a metric's samples whose line holds all of `labels`; 0 where there is none.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.metrics();
        let lines = text.lines().filter(|l| {
            l.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        lines
            .filter(|line| labels.iter().all(|label| line.contains(label)))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Replaces the configuration file, by a rename as editors do.
    pub fn reconfigure(&self, config: &str) {
        write_config(self.folder.path(), self.base, self.admin, config);
    }

    /// Puts bytes into the policy directory under `NAME.wasm`, by a rename.
    pub fn place(&self, name: &str, bytes: &[u8]) {
        let policies = self.folder.path().join("policies");
        std::fs::write(policies.join(format!(".{name}.new")), bytes).unwrap();
        std::fs::rename(
            policies.join(format!(".{name}.new")),
            policies.join(format!("{name}.wasm")),
        )
        .unwrap();
    }

    /// The number of the generation in force.
    pub fn generation(&self) -> u64 {
        let answer = wire::get(self.admin, "/generation").json();
        answer["number"]
            .as_u64()
            .unwrap_or_else(|| panic!("no generation in {answer}"))
    }

    /// Posts JSON text to it.
    pub fn post(&self, path: &str, json: impl AsRef<[u8]>) -> Reply {
        wire::post(self.base, path, json)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let started = Instant::now();
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if started.elapsed() > Duration::from_secs(2) {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let log = self.log();
        if std::thread::panicking() {
            eprintln!("--- log of the sidecar\n{log}");
        } else {
            assert!(!log.contains("panicked at"), "it panicked:\n{log}");
        }
    }
}

/// Runs the binary to its end with a configuration: its exit code and all that it wrote.
pub fn run_to_end(
    arguments: &[&str],
    folder: &Path,
    environment: &[(&str, &str)],
) -> (Option<i32>, String) {
    let output = Command::new(binary())
        .args(arguments)
        .current_dir(folder)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    (
        output.status.code(),
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
    )
}

/// Names after `use:` in a configuration.
fn chain(config: &str) -> Vec<String> {
    config
        .split(" use:") // not `refuse:`
        .skip(1)
        .filter_map(|rest| {
            rest.split([',', '}', '\n', ' '])
                .map(str::trim)
                .find(|w| !w.is_empty())
                .map(str::to_owned)
        })
        .collect()
}

fn write_config(folder: &Path, base: SocketAddr, admin: SocketAddr, config: &str) {
    let (own_admin, config) = match config.contains("{admin}") {
        true => (String::new(), config.replace("{admin}", &admin.to_string())),
        false => (format!("admin: \"{admin}\"\n"), config.to_owned()),
    };
    let policies = folder.join("policies");
    let own_log = match config.lines().any(|line| line.starts_with("log:")) {
        true => "",
        false => "log: { format: json }\n",
    };
    let text = format!(
        "listen: {{ base_url: \"{base}\" }}\n{own_admin}{own_log}{}",
        config.replace("{policies}", &policies.display().to_string())
    );
    std::fs::write(folder.join(".outrigger.yaml.new"), text).unwrap();
    std::fs::rename(
        folder.join(".outrigger.yaml.new"),
        folder.join("outrigger.yaml"),
    )
    .unwrap();
}

fn command(program: &[&str], folder: &Path) -> Command {
    let mut command = match program {
        [] => Command::new(binary()),
        [program, arguments @ ..] => {
            use std::os::unix::fs::PermissionsExt;
            let own = put_into(folder);
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
            let mut command = Command::new(program);
            command.args(arguments).arg(own);
            command
        }
    };
    // One cache for all tests: a policy is compiled once, not once per test. HOME is not touched.
    let cache: OsString = crate::target().join("test-cache").into();
    command
        .arg("run")
        .arg("--config")
        .arg(folder.join("outrigger.yaml"))
        .current_dir(folder)
        .env("XDG_CACHE_HOME", cache)
        .stdin(Stdio::null());
    for variable in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "LISTEN", "ADMIN"] {
        command.env_remove(variable);
    }
    command
}
