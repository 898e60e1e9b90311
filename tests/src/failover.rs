//! A sidecar before several [`Provider`]s, and what is seen of an exchange's attempts: by the app,
//! in the log line, in the metrics and at the admin address.

use std::fmt::Write as _;

use serde_json::Value;

use crate::provider::Provider;
use crate::replies::Api;
use crate::wire::{self, Reply};
use crate::{Sidecar, eventually};

/// A configuration in the making.
pub struct Setup {
    api: Api,
    upstreams: String,
    models: String,
    rest: String,
}

impl Setup {
    /// One whose upstreams are of the API's family.
    pub fn new(api: Api) -> Self {
        Self {
            api,
            upstreams: String::new(),
            models: String::new(),
            rest: String::new(),
        }
    }

    /// One with an upstream per provider, named `a`, `b`, … with a key of its own, and the alias
    /// `fast` that has the model `m` of each as a target, in that order; `more` are the alias's
    /// further members.
    pub fn alias(api: Api, providers: &[&Provider], more: &str) -> Self {
        let mut setup = Self::new(api);
        let mut targets = Vec::new();
        for (name, provider) in ["a", "b", "c", "d", "e"].iter().zip(providers) {
            setup = setup.upstream(name, provider, &format!("key: key-of-{name}"));
            targets.push(format!("{name}/m"));
        }
        let comma = if more.is_empty() { "" } else { ", " };
        let targets = targets.join(", ");
        setup.model(&format!("fast: {{ targets: [{targets}]{comma}{more} }}"))
    }

    /// Adds an upstream; `more` are its members beside dialect and URL.
    pub fn upstream(mut self, name: &str, provider: &Provider, more: &str) -> Self {
        let entry = provider.entry(self.api, more);
        let _ = writeln!(self.upstreams, "  {name}: {entry}");
        self
    }

    /// Adds a line of `models:`.
    pub fn model(mut self, line: &str) -> Self {
        let _ = writeln!(self.models, "  {line}");
        self
    }

    /// Adds whole lines.
    pub fn with(mut self, lines: &str) -> Self {
        let _ = writeln!(self.rest, "{lines}");
        self
    }

    /// The text.
    pub fn text(&self) -> String {
        let models = if self.models.is_empty() {
            String::new()
        } else {
            format!("models:\n{}", self.models)
        };
        // Of several one has the family's name, which is where requests without an alias go. Nobody
        // is there.
        let family = self.api.family();
        let home = match self.upstreams.lines().count() {
            0 | 1 => String::new(),
            _ => format!("  {family}: {{ dialect: {family}, url: \"http://127.0.0.1:9\" }}\n"),
        };
        format!(
            "workers: 2\nupstreams:\n{home}{}{models}{}",
            self.upstreams, self.rest
        )
    }

    /// Starts a sidecar of it.
    pub fn start(&self) -> Sidecar {
        Sidecar::start(&self.text())
    }
}

/// Asks the alias `fast`.
pub fn ask(sidecar: &Sidecar, api: Api, stream: bool) -> Reply {
    ask_for(sidecar, api, "fast", "hi", stream)
}

/// Asks a model something.
pub fn ask_for(sidecar: &Sidecar, api: Api, model: &str, prompt: &str, stream: bool) -> Reply {
    let body = api.ask(model, prompt, stream).to_string();
    sidecar.post(&api.address(model, stream), body)
}

/// Asks the alias `fast` with headers of the test's own.
pub fn ask_with(sidecar: &Sidecar, api: Api, headers: &[&str], stream: bool) -> Reply {
    let mut all = vec!["content-type: application/json"];
    all.extend(headers);
    let body = api.ask("fast", "hi", stream).to_string();
    let path = api.address("fast", stream);
    wire::call(
        sidecar.base,
        &wire::request("POST", &path, &all, body.as_bytes()),
    )
}

/// Opens a request to the alias `fast` whose answer is still to be read.
pub fn open(sidecar: &Sidecar, api: Api, stream: bool) -> wire::Connection {
    let body = api.ask("fast", "hi", stream).to_string();
    let mut app = wire::Connection::open(sidecar.base);
    app.send(&wire::request(
        "POST",
        &api.address("fast", stream),
        &["content-type: application/json"],
        body.as_bytes(),
    ));
    app
}

/// Fails unless the app got a good and complete answer that holds `text`.
pub fn answered(reply: &Reply, text: &str) {
    let body = reply.text();
    assert_eq!(reply.status, 200, "{}{body}", reply.head);
    assert_eq!(reply.end, wire::End::Complete, "{body}");
    assert!(body.contains(text), "no `{text}` in {body}");
}

/// The log's lines of exchanges, in their order.
pub fn exchanges(sidecar: &Sidecar) -> Vec<Value> {
    let mut lines = sidecar.log_lines();
    lines.retain(|line| line["message"] == "exchange");
    lines
}

/// The log's line of the exchange of that number, from 0, once it is written.
pub fn exchange(sidecar: &Sidecar, number: usize) -> Value {
    let mut found = Value::Null;
    eventually("the exchange is logged", || {
        let mut lines = exchanges(sidecar);
        let there = lines.len() > number;
        if there {
            found = lines.swap_remove(number);
        }
        there
    });
    found
}

/// The attempts that a log line lists: `target class status` each.
pub fn attempts(line: &Value) -> Vec<String> {
    let attempts = line["attempts"].as_array();
    let attempts = attempts.unwrap_or_else(|| panic!("no attempts in {line}"));
    let texts = attempts.iter().map(|attempt| {
        assert!(attempt["ms"].as_f64().is_some(), "{line}");
        let (target, class) = (attempt["target"].as_str(), attempt["class"].as_str());
        let (target, class) = target.zip(class).unwrap_or_else(|| panic!("{line}"));
        let status = &attempt["status"];
        format!("{target} {class} {status}")
    });
    texts.collect()
}

/// Fails unless the log's line of that exchange lists these attempts.
pub fn tried(sidecar: &Sidecar, number: usize, expected: &[&str]) {
    let line = exchange(sidecar, number);
    assert_eq!(attempts(&line), expected, "{line}");
}

/// The row of `/targets` for a target.
pub fn target(sidecar: &Sidecar, name: &str) -> Value {
    let all = wire::get(sidecar.admin, "/targets").json();
    let rows = all.as_array().unwrap_or_else(|| panic!("no list: {all}"));
    let row = rows.iter().find(|row| row["target"] == name);
    row.cloned().unwrap_or_else(|| panic!("no {name} in {all}"))
}

/// A target's `state`.
pub fn state(sidecar: &Sidecar, name: &str) -> String {
    let row = target(sidecar, name);
    let state = row["state"].as_str();
    state.unwrap_or_else(|| panic!("{row}")).to_owned()
}

/// Attempts and failures that `/targets` counts for a target.
pub fn counted(sidecar: &Sidecar, name: &str) -> (u64, u64) {
    let row = target(sidecar, name);
    let figures = row["attempts"].as_u64().zip(row["failures"].as_u64());
    figures.unwrap_or_else(|| panic!("{row}"))
}

/// Input and output tokens that are counted for an upstream.
pub fn counted_tokens(sidecar: &Sidecar, upstream: &str) -> (u64, u64) {
    let upstream = format!("upstream=\"{upstream}\"");
    let tokens = |kind: &str| {
        let labels = [upstream.as_str(), kind];
        sidecar.metric("outrigger_tokens_total", &labels) as u64
    };
    (tokens("kind=\"input\""), tokens("kind=\"output\""))
}

/// Fails unless these come to be the tokens that are counted for an upstream: a provider's report
/// of 10 in and 5 out for each answer, and nothing for what was refused.
pub fn assert_tokens(sidecar: &Sidecar, upstream: &str, tokens: (u64, u64)) {
    eventually(&format!("{tokens:?} are counted for {upstream}"), || {
        counted_tokens(sidecar, upstream) == tokens
    });
}

/// Fails unless nothing is in flight any more: no exchange, and no attempt at any target.
pub fn nothing_is_in_flight(sidecar: &Sidecar) {
    eventually("nothing is in flight", || {
        let ready = wire::get(sidecar.admin, "/readyz").json();
        let targets = wire::get(sidecar.admin, "/targets").json();
        let rows = targets.as_array().cloned().unwrap_or_default();
        ready["inflight"] == 0
            && rows
                .iter()
                .all(|row| row["in_flight"].as_u64().unwrap_or(0) == 0)
    });
}
