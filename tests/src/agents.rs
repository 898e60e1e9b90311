//! Real coding agents, without a person and without a provider: Claude Code and Codex, from npm, by
//! base URL and with a key that is none.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::replies;
use crate::upstream::{Step, Upstream};
use crate::wire;

/// A coding agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    /// `@anthropic-ai/claude-code`: messages.
    ClaudeCode,
    /// `@openai/codex`: responses.
    Codex,
}

impl Agent {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ClaudeCode, Self::Codex];

    fn binary(self) -> PathBuf {
        let name = match self {
            Self::ClaudeCode => "claude",
            Self::Codex => "codex",
        };
        crate::target().join("npm/node_modules/.bin").join(name)
    }

    /// Reports whether this machine has it; says so where it has not.
    pub fn installed(self) -> bool {
        let there = Command::new(self.binary())
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .is_ok_and(|output| output.status.success());
        if !there {
            eprintln!("NOT TESTED: {self:?} is not installed from npm");
        }
        there
    }

    /// The name of its tool that runs a command, and that tool's arguments.
    pub fn shell_call(self, command: &str) -> String {
        let command = serde_json::Value::from(command);
        match self {
            Self::ClaudeCode => {
                format!(r#"call Bash {{"command":{command},"description":"runs it"}}"#)
            }
            Self::Codex => format!(r#"call exec_command {{"cmd":{command}}}"#),
        }
    }

    /// The model that it is started with.
    pub const fn model(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-sonnet-4-5",
            Self::Codex => "gpt-5",
        }
    }

    /// Has it work on one prompt at `base`, in a home of its own.
    pub fn run(self, base: SocketAddr, home: &Path, prompt: &str) -> Output {
        let work = home.join("work");
        std::fs::create_dir_all(&work).unwrap();
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "120"]).arg(self.binary());
        match self {
            Self::ClaudeCode => command
                .args([
                    "-p",
                    prompt,
                    "--model",
                    self.model(),
                    "--allowedTools",
                    "Bash",
                ])
                .env("ANTHROPIC_BASE_URL", format!("http://{base}"))
                .env("ANTHROPIC_API_KEY", "sk-ant-none")
                .env("CLAUDE_CONFIG_DIR", home.join("claude"))
                .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
                .env("DISABLE_AUTOUPDATER", "1")
                .env("DISABLE_TELEMETRY", "1")
                .env("DISABLE_ERROR_REPORTING", "1"),
            Self::Codex => {
                let folder = home.join("codex");
                std::fs::create_dir_all(&folder).unwrap();
                let provider = format!(
                    r#"model_providers.outrigger={{name="outrigger",base_url="http://{base}/v1",env_key="OUTRIGGER_KEY",wire_api="responses"}}"#
                );
                command
                    .args([
                        "exec",
                        "--skip-git-repo-check",
                        "--dangerously-bypass-approvals-and-sandbox",
                    ])
                    .args([
                        "-m",
                        self.model(),
                        "-c",
                        "model_provider=outrigger",
                        "-c",
                        &provider,
                    ])
                    .args([
                        "-c",
                        "analytics.enabled=false",
                        "-c",
                        "check_for_update_on_startup=false",
                        prompt,
                    ])
                    .env("CODEX_HOME", folder)
                    .env("OUTRIGGER_KEY", "sk-none")
            }
        };
        for variable in [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ] {
            command.env_remove(variable);
        }
        command
            .env("HOME", home)
            .current_dir(work)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

/// A server that passes requests on to `target` as they came, whole, and keeps them.
pub fn recorder(target: SocketAddr) -> Upstream {
    Upstream::start(move |seen, _| {
        if seen.head.starts_with("HEAD ") {
            return vec![Step::Send(replies::whole("200 OK", &[], ""))];
        }
        let framing = [
            "content-length:",
            "transfer-encoding:",
            "connection:",
            "host:",
            "expect:",
        ];
        let mut lines = seen.head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, path) = (words.next().unwrap_or("GET"), words.next().unwrap_or("/"));
        let headers: Vec<&str> = lines
            .filter(|line| !line.is_empty())
            .filter(|line| {
                !framing
                    .iter()
                    .any(|name| line.to_ascii_lowercase().starts_with(name))
            })
            .collect();
        let reply = wire::call(target, &wire::request(method, path, &headers, &seen.body));
        let kind = reply.header("content-type").unwrap_or("application/json");
        let mut bytes = format!(
            "HTTP/1.1 {} Relayed\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            reply.status,
            reply.body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&reply.body);
        vec![Step::Send(bytes)]
    })
}
