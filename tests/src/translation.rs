//! A sidecar before providers of which each speaks one API alone, and the twelve directions that a
//! call can be translated in between them.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::Value;

use crate::clients::{self, Job, Outcome, Sdk};
use crate::provider::{Act, Provider};
use crate::replies::Api;
use crate::sidecar::Sidecar;
use crate::upstream::Seen;
use crate::wire::{self, Reply};

mod calls;

pub use calls::call;

/// The wire format in logs and metrics.
pub const fn wire_name(api: Api) -> &'static str {
    match api {
        Api::Chat => "openai.chat",
        Api::Responses => "openai.responses",
        Api::Messages => "anthropic.messages",
        Api::Gemini => "gemini.generate",
    }
}

/// The name of the upstream that speaks this API alone.
pub const fn upstream(api: Api) -> &'static str {
    match api {
        Api::Chat => "chat",
        Api::Responses => "responses",
        Api::Messages => "messages",
        Api::Gemini => "gemini",
    }
}

/// The alias whose only target speaks this API alone.
pub const fn alias(api: Api) -> &'static str {
    match api {
        Api::Chat => "to-chat",
        Api::Responses => "to-responses",
        Api::Messages => "to-messages",
        Api::Gemini => "to-gemini",
    }
}

/// All directions: the caller's API, and the target's.
pub fn directions() -> impl Iterator<Item = (Api, Api)> {
    let callers = Api::EVERY.into_iter();
    callers.flat_map(|caller| {
        let targets = Api::EVERY.into_iter();
        targets
            .filter(move |target| *target != caller)
            .map(move |target| (caller, target))
    })
}

/// A configuration in the making: an upstream per API, and an alias for each.
pub struct Setup {
    upstreams: String,
    facts: String,
    models: String,
    rest: String,
}

impl Setup {
    /// One in which all upstreams are at one address.
    pub fn at(address: SocketAddr) -> Self {
        Self::between(|_| address)
    }

    fn empty() -> Self {
        Self {
            upstreams: String::new(),
            facts: String::new(),
            models: String::new(),
            rest: String::new(),
        }
    }

    /// One in which each API's upstream is where `address` says.
    pub fn between(address: impl Fn(Api) -> SocketAddr) -> Self {
        let mut setup = Self::empty();
        // Where requests without an alias go. Nobody is there.
        let _ = writeln!(
            setup.upstreams,
            "  openai: {{ dialect: openai, url: \"http://127.0.0.1:9/v1\" }}"
        );
        for api in Api::EVERY {
            setup = setup.upstream(api, upstream(api), address(api), "");
            let alias = alias(api);
            setup = setup.model(&format!("{alias}: {{ targets: [{}/m] }}", upstream(api)));
        }
        setup
    }

    /// Adds an upstream with the model `m`, which is served in one API alone; `more` are its
    /// further members.
    #[must_use]
    pub fn upstream(mut self, api: Api, name: &str, address: SocketAddr, more: &str) -> Self {
        let family = api.family();
        let path = if family == "openai" { "/v1" } else { "" };
        let _ = writeln!(
            self.upstreams,
            "  {name}: {{ dialect: {family}, url: \"http://{address}{path}\", key: key-of-{name}{more} }}"
        );
        if family == "openai" {
            let _ = writeln!(
                self.facts,
                "  {name}/m: {{ endpoints: [{}] }}",
                wire_name(api)
            );
        }
        self
    }

    /// Adds a line of `models:`.
    #[must_use]
    pub fn model(mut self, line: &str) -> Self {
        let _ = writeln!(self.models, "  {line}");
        self
    }

    /// Adds a chain.
    #[must_use]
    pub fn chain(self, chain: &str) -> Self {
        self.with(&format!(
            "policies:\n  directory: \"{{policies}}\"\n  chain: {chain}"
        ))
    }

    /// Adds whole lines.
    #[must_use]
    pub fn with(mut self, lines: &str) -> Self {
        let _ = writeln!(self.rest, "{lines}");
        self
    }

    /// Starts a sidecar of it.
    pub fn start(&self) -> Sidecar {
        let Self {
            upstreams,
            facts,
            models,
            rest,
        } = self;
        Sidecar::start(&format!(
            "workers: 2\nupstreams:\n{upstreams}model_facts:\n{facts}models:\n{models}{rest}"
        ))
    }
}

/// Posts a body to an API for a model. `stream` in a body says so for Gemini, too, where the path
/// does.
pub fn post(sidecar: &Sidecar, api: Api, model: &str, body: &Value) -> Reply {
    post_with(sidecar, api, model, &[], body)
}

/// Posts a body with headers of the test's own.
pub fn post_with(
    sidecar: &Sidecar,
    api: Api,
    model: &str,
    headers: &[&str],
    body: &Value,
) -> Reply {
    let mut all = vec!["content-type: application/json"];
    all.extend(headers);
    let path = api.address(model, body["stream"] == true);
    let mut body = body.clone();
    if let (Api::Gemini, Some(members)) = (api, body.as_object_mut()) {
        members.remove("stream");
    }
    let body = body.to_string();
    wire::call(
        sidecar.base,
        &wire::request("POST", &path, &all, body.as_bytes()),
    )
}

/// The Python SDK of an API.
pub const fn sdk(api: Api) -> Sdk {
    match api {
        Api::Chat | Api::Responses => Sdk::OpenaiPython,
        Api::Messages => Sdk::AnthropicPython,
        Api::Gemini => Sdk::GooglePython,
    }
}

/// Runs jobs in the SDKs of their APIs, a process each; outcomes come in the jobs' order.
pub fn run(jobs: &[Job]) -> Vec<Outcome> {
    let mut outcomes = vec![None; jobs.len()];
    for sdk in [Sdk::OpenaiPython, Sdk::AnthropicPython, Sdk::GooglePython] {
        assert!(sdk.installed());
        let its = |job: &Job| self::sdk(job.api) == sdk;
        let places: Vec<usize> = (0..jobs.len()).filter(|place| its(&jobs[*place])).collect();
        let batch: Vec<Job> = places.iter().map(|place| jobs[*place].clone()).collect();
        if batch.is_empty() {
            continue;
        }
        for (place, outcome) in places.into_iter().zip(clients::run(sdk, &batch)) {
            outcomes[place] = Some(outcome);
        }
    }
    outcomes.into_iter().flatten().collect()
}

/// The text of a request's last message, whatever its API and its form.
pub fn last_text(seen: &Seen) -> String {
    let body = seen.json();
    let of = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect()
        }
        _ => String::new(),
    };
    let last = |list: &Value| list.as_array().and_then(|all| all.last()).cloned();
    match Api::of(seen.path()) {
        Api::Chat | Api::Messages => of(&last(&body["messages"]).unwrap_or_default()["content"]),
        Api::Responses if body["input"].is_string() => of(&body["input"]),
        Api::Responses => of(&last(&body["input"]).unwrap_or_default()["content"]),
        Api::Gemini => of(&last(&body["contents"]).unwrap_or_default()["parts"]),
    }
}

/// Many rows before one sidecar: each has an upstream and an alias of its own, so that what the
/// failure of one teaches is no other's.
pub struct Rows {
    provider: Provider,
    setup: Setup,
    count: usize,
}

impl Rows {
    /// None yet; a provider says `text` where no row says otherwise.
    pub fn new(text: &str) -> Self {
        let provider = Provider::start(text);
        let setup = Setup::at(provider.address());
        Self {
            provider,
            setup,
            count: 0,
        }
    }

    /// Adds a row of one target after another, each with its API and what it does: its alias.
    pub fn add(&mut self, targets: &[(Api, Act)]) -> String {
        let row = self.count;
        self.count += 1;
        let mut names = Vec::new();
        for (place, (api, act)) in targets.iter().enumerate() {
            let name = format!("u{row}-{place}");
            let setup = std::mem::replace(&mut self.setup, Setup::empty());
            self.setup = setup.upstream(*api, &name, self.provider.address(), "");
            self.provider
                .with_key(&format!("key-of-{name}"), act.clone());
            names.push(format!("{name}/m"));
        }
        let setup = std::mem::replace(&mut self.setup, Setup::empty());
        let targets = names.join(", ");
        self.setup = setup.model(&format!("row-{row}: {{ targets: [{targets}] }}"));
        format!("row-{row}")
    }

    /// Starts the sidecar of all rows.
    pub fn start(&self) -> Sidecar {
        self.setup.start()
    }

    /// The number of calls that each target of a row got.
    pub fn calls(&self, alias: &str) -> Vec<usize> {
        let row = alias.trim_start_matches("row-");
        let keys = self.provider.keys();
        let of = |place: usize| {
            let key = format!("key-of-u{row}-{place}");
            keys.iter().filter(|seen| **seen == key).count()
        };
        vec![of(0), of(1)]
    }
}
