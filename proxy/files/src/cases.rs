//! `NAME.cases.yaml`: what a policy promises, written down beside it. `outrigger policy test` runs
//! them, and so does a reload before it swaps.
//!
//! A case is a list of steps, one exchange each, against one store and one clock; a case without
//! `steps` is a single one. The keys of an exchange are declared once, below, for both. One rule
//! joins them: what a step does not say its case says, and what a case does not say the file says.
//!
//! `plugin-sdk/CASES.md` is the page for authors; a test compares its keys with the schema.

use std::{collections::BTreeMap, path::Path};

use dialect::{Dialect, request::Body};
use sandbox::{Grants, capabilities::FETCH};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

mod expect;
mod fetch;
mod keys;
mod outcome;
mod place;
mod scalars;
mod targets;
#[cfg(test)]
mod tests;
mod vectors;

pub use expect::{
    Expect, ExpectCall, ExpectMetric, ExpectRefusal, ExpectRescue, ExpectVerdict, Wanted,
};
pub use fetch::{CallFailure, CaseAnswer, Url};
pub use keys::Step;
pub use outcome::{
    CaseAttempt, CaseFailure, CaseHead, CaseOutcome, CaseText, CaseUsage, HoldReply,
};
pub use scalars::{DialectName, HeaderKey, HeaderText, Headers, Moment, Period, PlaceName};
pub use targets::{CasePrice, CaseTarget};
pub use vectors::CaseVector;

use keys::WrittenCase;
use place::line_of;
pub use place::{Key, Key::Index};
use scalars::CaseGrant;

/// Cases of a policy, as they are written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "NAME.cases.yaml")]
struct File {
    /// The policy's configuration in every case that brings none.
    #[serde(default)]
    config: Value,
    /// Capabilities that it needs, by name.
    #[serde(default)]
    grants: Vec<CaseGrant>,
    /// Time at which each case begins that gives none. Default: the present.
    clock: Option<Moment>,
    /// Answers to calls in every case that brings none. Without an answer a call is denied.
    fetch: Option<Vec<CaseAnswer>>,
    /// Vectors of texts in every case that brings none.
    vectors: Option<BTreeMap<String, CaseVector>>,
    /// The cases.
    #[schemars(length(min = 1))]
    cases: Vec<WrittenCase>,
}

/// A policy's cases.
#[derive(Debug)]
pub struct Cases {
    /// The policy's configuration in every case that brings none.
    pub config: Value,
    /// The cases.
    pub cases: Vec<Case>,
    grants: Grants,
    text: String,
}

/// Exchanges and their expected results.
#[derive(Debug)]
pub struct Case {
    /// A sentence that is true where the case passes.
    pub name: String,
    /// The configuration of this case alone.
    pub config: Option<Value>,
    /// Time at which it begins; `None`: the present.
    pub clock: Option<Moment>,
    /// The exchanges, one after the other; one at least, each with a request.
    pub steps: Vec<Step>,
    /// True if the case lists its steps, and is not itself one.
    pub listed: bool,
}

impl Cases {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// One sentence that names file, line and key.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Reads cases.
    ///
    /// # Errors
    /// One sentence that names line and key.
    pub fn parse(text: &str) -> Result<Self, String> {
        // serde_yaml writes a map of one key for an enum as a tag; cases are written as plain maps.
        let file: File = serde_yaml::with::singleton_map_recursive::deserialize(
            serde_yaml::Deserializer::from_str(text),
        )
        .map_err(|error: serde_yaml::Error| error.to_string())?;
        if file.cases.is_empty() {
            let line = located(text, &[Key::Name("cases")]);
            return Err(format!("cases: is empty; write one at least{line}"));
        }
        let mut grants = Grants::default();
        for CaseGrant(known) in file.grants {
            grants.grant(known, Vec::new());
        }
        let given = Step {
            fetch: file.fetch,
            vectors: file.vectors,
            ..Step::default()
        };
        let cases = Self {
            config: file.config,
            cases: (file.cases.into_iter())
                .map(|case| case.completed(&given, file.clock))
                .collect(),
            grants,
            text: text.to_owned(),
        };
        cases.check()?;
        Ok(cases)
    }

    /// The capabilities that the cases need, calls to the hosts that they answer for included.
    pub fn grants(&self) -> Grants {
        self.answering(self.grants.clone())
    }

    /// Turns calls to hosts, where they are granted, into calls to those that the cases answer for:
    /// a rehearsal reaches no other.
    #[must_use]
    pub fn answering(&self, mut grants: Grants) -> Grants {
        let steps = self.cases.iter().flat_map(|case| &case.steps);
        let answers = steps.flat_map(|step| step.fetch.iter().flatten());
        let mut hosts: Vec<String> = answers.map(|answer| answer.url.host().to_owned()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        grants.set_hosts(&FETCH, hosts);
        grants
    }

    /// Names a place in the file as a sentence ends with it: `, at line 12, cases[1].expect`. Of
    /// `path` as much counts as the file has; 0 lines where there is none.
    pub fn place(&self, path: &[Key<'_>]) -> String {
        let lines = (1..=path.len()).rev();
        let found = lines.filter_map(|length| {
            let path = path.get(..length)?;
            Some((line_of(&self.text, path)?, path))
        });
        match { found }.next() {
            Some((line, path)) => format!(", at line {line}, `{}`", place::written(path)),
            None => String::new(),
        }
    }

    /// Checks what no single key can say.
    fn check(&self) -> Result<(), String> {
        for (at, case) in self.cases.iter().enumerate() {
            for (step_at, step) in case.steps.iter().enumerate() {
                let problem = |key: &'static str, what: String| {
                    let place = self.place(&case.path(at, step_at, key));
                    Err(format!("case `{}`: {what}{place}", case.name))
                };
                let Some(request) = &step.request else {
                    return problem("request", "`request` is missing; write its body".into());
                };
                let dialect = step.dialect();
                let path = dialect.example_path().unwrap_or_default();
                let body = request.to_string().into();
                if let Err(malformed) = Body::wire(dialect, body).at(path).index() {
                    let name = dialect.name();
                    return problem("request", format!("it is no {name} request: {malformed}"));
                }
            }
        }
        Ok(())
    }
}

impl Case {
    /// Returns the path of a key of the step of this index, where the case has index `at`.
    pub fn path<'a>(&self, at: usize, step: usize, key: &'a str) -> Vec<Key<'a>> {
        let mut path = vec![Key::Name("cases"), Index(at)];
        if self.listed {
            path.extend([Key::Name("steps"), Index(step)]);
        }
        path.push(Key::Name(key));
        path
    }
}

impl Step {
    /// Its dialect.
    pub fn dialect(&self) -> Dialect {
        self.dialect.map_or(Dialect::OpenaiChat, |name| name.0)
    }
}

fn located(text: &str, path: &[Key<'_>]) -> String {
    line_of(text, path).map_or_else(String::new, |line| format!(" at line {line}"))
}

/// The JSON Schema of a file of cases, for editors.
pub fn schema() -> String {
    crate::schema_of::<File>()
}
