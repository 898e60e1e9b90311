//! A Python app that keeps its openai and anthropic clients, and calls over them without end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A running app. Dropped: it ends.
pub struct App {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl App {
    /// Starts it by a `command` that runs Python, with the base URLs of OpenAI's and of Anthropic's
    /// API; none for the providers' own.
    pub fn start(mut python: Command, urls: &[&str]) -> Self {
        let mut child = python
            .arg(crate::root().join("tests/clients/goes_on.py"))
            .args(urls)
            .env("PYTHONPATH", crate::target().join("python"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (pipe, kept) = (child.stdout.take().unwrap(), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        Self { child, lines }
    }

    fn said(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits until each client has had `count` more good answers.
    pub fn goes_on(&self, count: usize, why: &str) {
        let before = self.said().len();
        crate::eventually(why, || {
            let said = self.said();
            let good = |name: &str| {
                let line = format!("{name} ok");
                said.iter().skip(before).filter(|l| **l == line).count()
            };
            good("chat") >= count && good("message") >= count
        });
    }

    /// Fails where an SDK raised anything but what it calls a lost connection.
    pub fn saw_nothing_but_lost_connections(&self) {
        let said = self.said();
        let odd = said
            .iter()
            .filter(|line| !line.ends_with(" ok") && !line.contains("APIConnectionError"))
            .filter(|line| !line.contains("incomplete chunked read"))
            .collect::<Vec<_>>();
        assert!(odd.is_empty(), "{odd:#?}");
    }
}

impl Drop for App {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.said();
            eprintln!(
                "--- the app's last lines: {:#?}",
                said.iter().rev().take(10)
            );
        }
    }
}
