//! Real servers. Each runs under a shell that kills it when this process ends, however it ends.

use std::{
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, LazyLock, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use outrigger::config::{Degrade, Redis, State};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PROGRAM: &str = "redis-server";

/// A redis-server 8, which has vector sets. `None`, and said, where `tests/setup.sh` could not get it.
static WITH_VECTORS: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");
    let target = std::env::var_os("OUTRIGGER_TARGET").map_or(root.into(), PathBuf::from);
    let program = target.join("tools/redis-server-8");
    let there = program.is_file();
    if !there {
        println!(
            "NOT TESTED: vector sets, without {}; tests/setup.sh puts it there",
            program.display()
        );
    }
    there.then_some(program)
});

/// A server, or the nodes of a cluster.
pub(crate) struct Server {
    nodes: Vec<Node>,
    cluster: bool,
    _directory: TempDir,
    prefixes: AtomicU32,
}

struct Node {
    process: Process,
    program: PathBuf,
    port: u16,
    arguments: Vec<String>,
}

struct Process {
    shell: Child,
    pid: Pid,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

impl Node {
    fn start(program: &Path, directory: &Path, port: u16, more: &[&str]) -> Self {
        let home = directory.join(port.to_string());
        std::fs::create_dir_all(&home).unwrap();
        let mut arguments: Vec<String> = ["--port", &port.to_string(), "--bind", "127.0.0.1"]
            .map(str::to_owned)
            .into();
        arguments.extend(["--dir".to_owned(), home.display().to_string()]);
        arguments.extend(["--save", "", "--loglevel", "warning"].map(str::to_owned));
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        let process = Process::start(program, &arguments, port);
        Self {
            process,
            program: program.to_owned(),
            port,
            arguments,
        }
    }
}

impl Process {
    fn start(program: &Path, arguments: &[String], port: u16) -> Self {
        assert!(
            program.is_file()
                || std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                    .any(|folder| folder.join(PROGRAM).is_file()),
            "`{PROGRAM}` is not installed: install the package redis-server, or run tests/setup.sh, which does"
        );
        // The shell's standard input is a pipe from here: its end, even by a SIGKILL of this
        // process, ends the server.
        let mut shell = Command::new("sh")
            .args(["-c", "\"$0\" \"$@\" </dev/null >/dev/null & echo $!; read -r _; kill -9 $! 2>/dev/null; wait"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let pid = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        let process = Self { shell, pid };
        let began = Instant();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{PROGRAM} does not listen: {arguments:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        process
    }
}

#[expect(
    non_snake_case,
    clippy::disallowed_methods,
    reason = "no clock is paused here"
)]
fn Instant() -> Instant {
    Instant::now()
}

impl Server {
    /// A server alone, with these words on its command line besides.
    pub(crate) fn alone(more: &[&str]) -> Self {
        Self::one(PROGRAM.as_ref(), more)
    }

    /// A server with vector sets alone.
    pub(crate) fn with_vectors() -> Option<Self> {
        Some(Self::one(WITH_VECTORS.as_deref()?, &[]))
    }

    fn one(program: &Path, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let node = Node::start(program, directory.path(), free_port(), more);
        let server = Self {
            nodes: vec![node],
            cluster: false,
            _directory: directory,
            prefixes: AtomicU32::new(0),
        };
        if !more.contains(&"--requirepass") && !more.contains(&"--tls-port") {
            server.answers();
        }
        server
    }

    /// A cluster of three nodes, each with a third of the slots.
    pub(crate) fn cluster() -> Self {
        Self::several(PROGRAM.as_ref())
    }

    fn several(program: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let more = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let nodes: Vec<Node> = (0..3)
            .map(|_| Node::start(program, directory.path(), free_port(), &more))
            .collect();
        let ports: Vec<u16> = nodes.iter().map(|node| node.port).collect();
        let server = Self {
            nodes,
            cluster: true,
            _directory: directory,
            prefixes: AtomicU32::new(0),
        };
        for (index, port) in ports.iter().enumerate() {
            let (first, last) = (index * 5462, ((index + 1) * 5462 - 1).min(16_383));
            let mut connection = connect(*port);
            let _: () = redis::cmd("CLUSTER")
                .arg(&["ADDSLOTSRANGE", &first.to_string(), &last.to_string()])
                .query(&mut connection)
                .unwrap();
            let _: () = redis::cmd("CLUSTER")
                .arg(&["MEET", "127.0.0.1", &ports[0].to_string()])
                .query(&mut connection)
                .unwrap();
        }
        let began = Instant();
        let ready = |port: &u16| {
            let info: String = redis::cmd("CLUSTER")
                .arg("INFO")
                .query(&mut connect(*port))
                .unwrap();
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        while !ports.iter().all(ready) {
            assert!(began.elapsed() < Duration::from_secs(60), "no cluster");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// The configuration of a replica: keys of its own, and a time-out that a busy machine does not
    /// reach.
    pub(crate) fn state(&self) -> State {
        let number = self.prefixes.fetch_add(1, Ordering::Relaxed);
        State {
            redis: Some(Redis {
                nodes: self
                    .nodes
                    .iter()
                    .map(|node| ("127.0.0.1".to_owned(), node.port))
                    .collect(),
                cluster: self.cluster,
                tls: false,
                database: 0,
                user: None,
                password: None,
                roots: None,
                prefix: format!("test{number}"),
            }),
            timeout: Duration::from_secs(1),
            // What is not there fails here: nothing is quietly done in memory instead.
            degrade: Degrade::Block,
            ..State::default()
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.nodes[0].port
    }

    /// A connection for looking behind the stores' back.
    pub(crate) fn connection(&self) -> redis::Connection {
        connect(self.nodes[0].port)
    }

    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Stops the last node alone.
    pub(crate) fn pause_one(&self) {
        kill_process(self.nodes.last().unwrap().process.pid, Signal::STOP).unwrap();
    }

    fn signal(&self, signal: Signal) {
        for node in &self.nodes {
            kill_process(node.process.pid, signal).unwrap();
        }
    }

    /// Kills it as nothing but a power failure does.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
        let began = Instant();
        while TcpStream::connect(("127.0.0.1", self.port())).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(10), "it lives");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it again on its port and its files.
    pub(crate) fn restart(&mut self) {
        for node in &mut self.nodes {
            node.process = Process::start(&node.program, &node.arguments, node.port);
        }
        self.answers();
    }

    fn answers(&self) {
        let began = Instant();
        let ping = || -> redis::RedisResult<String> {
            redis::cmd("PING").query(&mut client(self.port()).get_connection()?)
        };
        while ping().is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "no answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Servers that tests share: started by the first that needs one, killed with the last.
pub(crate) fn shared() -> Arc<Server> {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    share(&SERVER, || Server::alone(&[]))
}

pub(crate) fn shared_8() -> Option<Arc<Server>> {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let program = WITH_VECTORS.as_deref()?;
    Some(share(&SERVER, || Server::one(program, &[])))
}

pub(crate) fn shared_cluster_8() -> Option<Arc<Server>> {
    static CLUSTER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let program = WITH_VECTORS.as_deref()?;
    Some(share(&CLUSTER, || Server::several(program)))
}

pub(crate) fn shared_cluster() -> Arc<Server> {
    static CLUSTER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    share(&CLUSTER, Server::cluster)
}

fn share(place: &Mutex<Weak<Server>>, start: impl FnOnce() -> Server) -> Arc<Server> {
    let mut place = place.lock();
    if let Some(server) = place.upgrade() {
        return server;
    }
    let server = Arc::new(start());
    *place = Arc::downgrade(&server);
    server
}

fn client(port: u16) -> redis::Client {
    redis::Client::open(("127.0.0.1", port)).unwrap()
}

fn connect(port: u16) -> redis::Connection {
    client(port).get_connection().unwrap()
}

/// A port that is free, and so is the one ten thousand above, where a cluster's nodes talk. Each is
/// given out once.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    loop {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut given = GIVEN.lock();
        let free = port < 55_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok();
        if free && !given.contains(&port) {
            given.push(port);
            return port;
        }
    }
}

/// Reads a process' lines until it is killed.
pub(crate) fn lines(mut child: Child, kill_after: usize) -> (Vec<String>, u32) {
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut lines = Vec::new();
    while lines.len() < kill_after {
        let mut line = String::new();
        assert!(
            reader.read_line(&mut line).unwrap() > 0,
            "it ended early: {lines:?}"
        );
        if line.starts_with("settled ") {
            lines.push(line);
        }
    }
    child.kill().unwrap();
    let mut rest = String::new();
    let _ = reader.read_to_string(&mut rest);
    child.wait().unwrap();
    lines.extend(
        rest.split_inclusive('\n')
            .filter(|line| line.starts_with("settled ") && line.ends_with('\n'))
            .map(str::to_owned),
    );
    (lines, child.id())
}
