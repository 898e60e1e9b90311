//! The real SDKs, in processes of their own: `openai`, `anthropic` and `google-genai` in Python,
//! `openai` in Node.
//!
//! A batch of [`Job`]s goes to one process, which runs them side by side and answers with an
//! [`Outcome`] each: what an app would see.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::replies::Api;

/// A provider's SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    /// `openai` from PyPI: chat and responses.
    OpenaiPython,
    /// `anthropic` from PyPI: messages.
    AnthropicPython,
    /// `openai` from npm: chat and responses.
    OpenaiNode,
    /// `google-genai` from PyPI: Gemini.
    GooglePython,
}

impl Sdk {
    /// Those whose APIs name the model in the body.
    pub const ALL: [Self; 3] = [Self::OpenaiPython, Self::AnthropicPython, Self::OpenaiNode];

    /// The APIs that it calls.
    pub const fn apis(self) -> &'static [Api] {
        match self {
            Self::AnthropicPython => &[Api::Messages],
            Self::GooglePython => &[Api::Gemini],
            Self::OpenaiPython | Self::OpenaiNode => &[Api::Chat, Api::Responses],
        }
    }

    /// Reports whether this machine has it. The Python ones must be there; without Node its tests
    /// say so and do nothing.
    pub fn installed(self) -> bool {
        let there = match self {
            Self::OpenaiNode => crate::target().join("npm/node_modules/openai").exists(),
            Self::OpenaiPython => crate::target().join("python/openai").exists(),
            Self::AnthropicPython => crate::target().join("python/anthropic").exists(),
            Self::GooglePython => crate::target().join("python/google/genai").exists(),
        };
        assert!(
            there || self == Self::OpenaiNode,
            "the Python SDKs are missing: run tests/setup.sh"
        );
        if !there {
            eprintln!("NOT TESTED: the openai npm package is not installed");
        }
        there
    }
}

/// One call of an SDK.
#[derive(Debug, Clone)]
pub struct Job {
    /// The API that is called.
    pub api: Api,
    /// `http://HOST:PORT`, without a path.
    pub base: String,
    /// The model.
    pub model: String,
    /// The user's message.
    pub prompt: String,
    /// A stream or a whole reply.
    pub stream: bool,
    /// Offers a tool `get_weather(city)` and demands its use.
    pub tools: bool,
    /// The client's time-out, in seconds.
    pub timeout: f64,
    /// The most repetitions that the client makes by itself; `None`: as it does by default.
    pub retries: Option<u32>,
}

impl Job {
    /// A streamed call with a time-out of ten seconds.
    pub fn new(api: Api, base: std::net::SocketAddr, model: &str, prompt: &str) -> Self {
        Self {
            api,
            base: format!("http://{base}"),
            model: model.into(),
            prompt: prompt.into(),
            stream: true,
            tools: false,
            timeout: 10.0,
            retries: None,
        }
    }

    fn to_json(&self) -> Value {
        json!({"api": format!("{:?}", self.api).to_lowercase(), "base": self.base, "model": self.model, "prompt": self.prompt,
               "stream": self.stream, "tools": self.tools, "timeout": self.timeout, "retries": self.retries})
    }
}

/// The outcome of a call, as the app saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// All text that it got.
    pub text: String,
    /// `finish_reason`, `stop_reason` or the response's `status`.
    pub finish: Option<String>,
    /// The exception's class and message; `None` where it ended well.
    pub error: Option<String>,
    /// Names of tools called, with their arguments as JSON text.
    pub tools: Vec<(String, String)>,
    /// Input and output tokens, where reported.
    pub usage: Option<(u64, u64)>,
    /// Wall time, in seconds.
    pub seconds: f64,
}

impl Outcome {
    fn from_json(v: &Value) -> Self {
        let text = |v: &Value| v.as_str().map(str::to_owned);
        Self {
            text: text(&v["text"]).unwrap_or_default(),
            finish: text(&v["finish"]),
            error: text(&v["error"]),
            tools: v["tools"]
                .as_array()
                .map(|all| {
                    all.iter()
                        .map(|t| {
                            (
                                text(&t[0]).unwrap_or_default(),
                                text(&t[1]).unwrap_or_default(),
                            )
                        })
                        .collect()
                })
                .unwrap_or_default(),
            usage: v["usage"][0].as_u64().zip(v["usage"][1].as_u64()),
            seconds: v["seconds"].as_f64().unwrap_or(0.0),
        }
    }
}

/// Runs jobs side by side in one SDK; outcomes come in the jobs' order.
pub fn run(sdk: Sdk, jobs: &[Job]) -> Vec<Outcome> {
    let clients = crate::root().join("tests/clients");
    let mut command = match sdk {
        Sdk::OpenaiNode => {
            let mut command = Command::new("node");
            command
                .arg(clients.join("sdk.mjs"))
                .env("OUTRIGGER_NPM", crate::target().join("npm"));
            command
        }
        Sdk::OpenaiPython | Sdk::AnthropicPython | Sdk::GooglePython => {
            let mut command = Command::new("python3");
            command
                .arg(clients.join("sdk.py"))
                .env("PYTHONPATH", crate::target().join("python"));
            command
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
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = Value::from(jobs.iter().map(Job::to_json).collect::<Vec<_>>()).to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{sdk:?} ({e}): {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(answers.len(), jobs.len());
    answers.iter().map(Outcome::from_json).collect()
}
