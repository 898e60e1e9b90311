//! A real redis-server of a test's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{eventually, sidecar::free_address, target, wire::Connection};

/// A running server; killed when it is dropped.
pub struct Redis {
    /// The address that it listens on.
    pub address: SocketAddr,
    program: PathBuf,
    folder: tempfile::TempDir,
    child: Child,
}

impl Redis {
    /// Starts one that answers, and that has everything on disk before it says so.
    pub fn start() -> Self {
        Self::of("redis-server".into())
    }

    /// Starts one with vector sets (Redis 8). `None`, and said, where there is none.
    pub fn with_vectors() -> Option<Self> {
        let program = target().join("tools/redis-server-8");
        if !program.is_file() {
            eprintln!("NOT TESTED: no {}: run tests/setup.sh", program.display());
            return None;
        }
        Some(Self::of(program))
    }

    fn of(program: PathBuf) -> Self {
        let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
        let child = run(&program, address, folder.path());
        let redis = Self {
            address,
            program,
            folder,
            child,
        };
        redis.answers();
        redis
    }

    /// The URL for `state.redis`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Kills it as a crash would, and starts it again over what is on its disk.
    pub fn crash_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = run(&self.program, self.address, self.folder.path());
        self.answers();
    }

    /// All that is on its disk, as far as it is text.
    pub fn dump(&self) -> String {
        let mut text = String::new();
        for folder in [
            self.folder.path().to_owned(),
            self.folder.path().join("appendonlydir"),
        ] {
            for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if let Ok(bytes) = std::fs::read(file.path()) {
                    text += &String::from_utf8_lossy(&bytes);
                }
            }
        }
        assert!(!text.is_empty(), "it wrote nothing");
        text
    }

    fn answers(&self) {
        eventually("redis-server answers", || {
            std::net::TcpStream::connect(self.address).is_ok() && {
                let mut connection = Connection::open(self.address);
                connection.send(b"PING\r\n");
                connection.line().is_some_and(|line| line == b"+PONG\r\n")
            }
        });
    }
}

fn run(program: &Path, address: SocketAddr, folder: &Path) -> Child {
    Command::new(program)
        .args(["--bind", "127.0.0.1", "--port"])
        .arg(address.port().to_string())
        .args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--dir",
        ])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "no redis-server ({error}): install the package redis-server, or run tests/setup.sh"
            )
        })
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
