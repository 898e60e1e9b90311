//! A policy's own cases, run in the real host without a network: before a generation is swapped in,
//! and by `outrigger policy test`.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use dialect::{Delta, Dialect, Place, request::Body};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use policy::{
    Call, Candidate, Chain, Claims, Coverage, Denial, Effect, Estimates, Fault, LoadedPolicy,
    PolicyLimits, Program, ReplyHead, Rescue, Run, Unit,
    chain::{Listener, Stop},
};

use sandbox::Host;

use crate::{
    config::{
        cases::{Case, Cases, Expect, ExpectRescue},
        scalars::listed,
    },
    cost::{Estimate, Prices, learn::UNKNOWN_OUTPUT},
    state::Stores,
    telemetry::metrics::PolicyMeters,
};

/// Returns the host that a policy is lent in a rehearsal: limits and replies of its own, which
/// nobody else sees, no values, no calls.
pub fn host() -> Host {
    let none = Host::none();
    Host {
        metrics: Arc::new(PolicyMeters),
        values: Arc::clone(&none.values),
        ..Stores::in_memory().lent(none)
    }
}

/// A case that did not go as written.
#[derive(Debug)]
pub struct Miss {
    /// The case's name.
    pub case: String,
    /// Description of what happened instead. Cases are the author's own text: unlike traffic they
    /// may be quoted.
    pub what: String,
}

/// Estimates for a call in a rehearsal: nothing was learnt, models have their list prices, and the
/// case says where they are.
struct Plain(Vec<Candidate>);

impl Estimates for Plain {
    fn estimate(&self, call: &Call, unit: Unit) -> Option<u64> {
        let most = call.body.max_output_tokens();
        let estimate = Estimate {
            input: call.body.input_tokens(),
            output: most.unwrap_or(UNKNOWN_OUTPUT),
        };
        match unit {
            Unit::Microusd => {
                let prices = Prices::default();
                let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
                let priced = prices.find("", call.body.model()?, now)?;
                Some(priced.price.cost(&estimate.usage()).0)
            }
            unit => estimate.of(unit, None),
        }
    }

    fn candidates(&self, _: &Call) -> Vec<Candidate> {
        self.0.clone()
    }

    fn deadline(&self, _: &Call) -> Option<Duration> {
        None
    }
}

/// A listener that ignores everything: a rehearsal is not counted.
struct Deaf;

impl Listener for Deaf {
    fn called(&self, _: &LoadedPolicy, _: &'static str, _: &'static str, _: Duration) {}
    fn faulted(&self, _: &LoadedPolicy, _: &'static str, _: &Fault) {}
    fn quarantined(&self, _: &LoadedPolicy, _: bool) {}
    fn withheld(&self, _: &LoadedPolicy, _: Duration, _: usize) {}
    fn covered(&self, _: &LoadedPolicy, _: &Coverage) {}
}

/// Runs all `cases`. `load` makes the program for a configuration; it is called again only where a
/// case brings its own.
///
/// # Errors
/// The program could not be loaded, in `load`'s words.
pub async fn rehearse(
    cases: &Cases,
    limits: &PolicyLimits,
    mut load: impl FnMut(&serde_json::Value) -> Result<Arc<dyn Program>, String>,
) -> Result<Vec<Miss>, String> {
    let mut shared = None;
    let mut misses = Vec::new();
    for case in &cases.cases {
        let program = match (&case.config, &shared) {
            (Some(own), _) => load(own)?,
            (None, Some(program)) => Arc::clone(program),
            (None, None) => Arc::clone(shared.insert(load(&cases.config)?)),
        };
        let chain = Chain::new(vec![Arc::new(LoadedPolicy {
            name: "rehearsal".into(),
            version: program.manifest().version.as_str().into(),
            program,
            on_error: Effect::Block,
            on_unseen: Effect::Block.into(),
            limits: limits.clone(),
            quarantine: Default::default(),
            calls: Default::default(),
            faults: Default::default(),
            listener: Arc::new(Deaf),
        })]);
        if let Err(what) = run(case, &chain).await {
            misses.push(Miss {
                case: case.name.clone(),
                what,
            });
        }
    }
    Ok(misses)
}

async fn run(case: &Case, chain: &Chain) -> Result<(), String> {
    let whole: String = case.reply.iter().flatten().map(String::as_str).collect();
    let deliveries: Vec<Vec<String>> = match &case.reply {
        None => vec![Vec::new()],
        Some(pieces) => vec![
            pieces.clone(),
            vec![whole.clone()],
            whole.chars().map(String::from).collect(),
        ],
    };
    for pieces in deliveries {
        let mut run = Run::new(chain, now);
        let mut call = Box::new(call(case)?);
        call.estimated_by(Arc::new(Plain(targets(case, &call)?)));
        let outcome = run.on_request(call, None).await;
        decided(case, outcome)?;
        failed(case, &mut run).await?;
        if case.reply.is_some() {
            replied(case, &mut run, &pieces).await?;
        }
    }
    Ok(())
}

fn call(case: &Case) -> Result<Call, String> {
    let known = Dialect::named(&case.dialect);
    let (dialect, path) = known
        .and_then(|dialect| Some((dialect, dialect.example_path()?)))
        .ok_or_else(|| {
            let read = Dialect::ALL.into_iter().filter(|dialect| dialect.is_read());
            let names: Vec<_> = read.map(Dialect::name).collect();
            let names = listed(&names, "or");
            format!("`{}` is no dialect; write {names}", case.dialect)
        })?;
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        let name =
            HeaderName::try_from(name).map_err(|_| format!("no header can be called `{name}`"))?;
        let value = HeaderValue::try_from(value)
            .map_err(|_| format!("the header `{name}` can't have this value"))?;
        headers.append(name, value);
    }
    let mut body = Body::wire(dialect, Bytes::from(case.request.to_string())).at(path);
    body.index().map_err(|malformed| {
        format!("the request is no {} request: {malformed}", dialect.name())
    })?;
    Ok(Call::new(
        "rehearsal".into(),
        dialect,
        Method::POST,
        path.into(),
        headers,
        body,
    ))
}

fn decided(case: &Case, outcome: Result<Box<Call>, Stop>) -> Result<(), String> {
    match (&case.expect, outcome) {
        (Expect::Forward, Ok(call)) => {
            routed(case, &call.claims)?;
            let Some(expected) = &case.expect_request else {
                return Ok(());
            };
            let sent: serde_json::Value = serde_json::from_slice(&call.body.render())
                .map_err(|error| format!("the body sent is no JSON: {error}"))?;
            if sent == *expected {
                Ok(())
            } else {
                Err(format!("sent {sent}, expected {expected}"))
            }
        }
        (Expect::Refuse(expected), Err(Stop::Refused(_, _, denial))) if expected.fits(&denial) => {
            Ok(())
        }
        (Expect::Reply(expected), Err(Stop::Replied(_, _, text))) if *expected == text => Ok(()),
        (_, Ok(_)) => Err("it forwarded".to_owned()),
        (_, Err(Stop::Refused(_, _, denial))) => Err(refused(&denial)),
        (_, Err(Stop::Replied(_, _, text))) => Err(format!("it replied {text:?}")),
        (_, Err(Stop::Served(..))) => Err("it served a kept reply".into()),
        (_, Err(Stop::Failed(_, fault))) => Err(format!("it {fault}")),
    }
}

/// Returns the targets of a case as its policy sees them.
fn targets(case: &Case, call: &Call) -> Result<Vec<Candidate>, String> {
    let input = call.body.input_tokens();
    let output = call.body.max_output_tokens().unwrap_or(UNKNOWN_OUTPUT);
    let targets = case.targets.iter();
    targets
        .map(|target| target.candidate(input, output))
        .collect()
}

/// Compares what the policy said of targets.
fn routed(case: &Case, claims: &Claims) -> Result<(), String> {
    let list = |names: &[String]| format!("[{}]", names.join(", "));
    if let Some(expected) = &case.expect_prefer
        && *expected != claims.prefer
    {
        let (preferred, expected) = (list(&claims.prefer), list(expected));
        return Err(format!("it preferred {preferred}, expected {expected}"));
    }
    let (mut excluded, mut expected) = (claims.exclude.clone(), case.expect_exclude.clone());
    excluded.sort();
    expected.iter_mut().for_each(|names| names.sort());
    if let Some(expected) = expected
        && expected != excluded
    {
        let (excluded, expected) = (list(&excluded), list(&expected));
        return Err(format!("it excluded {excluded}, expected {expected}"));
    }
    match (&case.expect_mirror, &claims.mirror) {
        (Some(expected), mirror) if mirror.as_ref() != Some(expected) => {
            let mirror = mirror.as_deref().unwrap_or("none");
            Err(format!("it copies to {mirror}, expected {expected}"))
        }
        _ => Ok(()),
    }
}

/// Fails the call as often as the case says, and compares what the policy makes of it.
async fn failed(case: &Case, run: &mut Run) -> Result<(), String> {
    let first = case.targets.first().map_or("", |target| &target.name);
    for (at, failure) in case.failures.iter().enumerate() {
        let rescue = run.on_failure(&Arc::new(failure.failure(first))).await;
        let fits = match (&failure.expect, &rescue) {
            (ExpectRescue::Forward, None) => true,
            (ExpectRescue::Refuse(expected), Some(Rescue::Denied(denial))) => expected.fits(denial),
            (ExpectRescue::Reply(expected), Some(Rescue::Text(text))) => expected == text,
            (ExpectRescue::TryNow(expected), Some(Rescue::TryNow(targets))) => expected == targets,
            _ => false,
        };
        if !fits {
            let what = match rescue {
                None => "it let it pass".to_owned(),
                Some(Rescue::Text(text)) => format!("it replied {text:?}"),
                Some(Rescue::Denied(denial)) => refused(&denial),
                Some(Rescue::TryNow(targets)) => {
                    format!("it had [{}] tried", targets.join(", "))
                }
            };
            return Err(format!("at failures[{at}] {what}"));
        }
    }
    Ok(())
}

async fn replied(case: &Case, run: &mut Run, pieces: &[String]) -> Result<(), String> {
    let head = Arc::new(ReplyHead {
        status: 200,
        headers: HeaderMap::new(),
        streaming: true,
        dialect: Dialect::OpenaiChat,
    });
    let mut read = String::new();
    for at in 0..=pieces.len() {
        let text = pieces.get(at).cloned().unwrap_or_default();
        let delta = Delta {
            channel: 0,
            choice: 0,
            place: Place::Assistant,
            json: false,
            text: text.clone(),
            last: at == pieces.len(),
        };
        match run.on_reply(&head, vec![delta]).await {
            Ok(edits) => read.push_str(&edits.into_iter().next().flatten().unwrap_or(text)),
            Err(Stop::Refused(_, _, denial))
                if case.expect_reply_refused.as_ref() == Some(&denial.code) =>
            {
                return Ok(());
            }
            Err(Stop::Refused(_, _, denial)) => {
                return Err(format!("in the reply: {}", refused(&denial)));
            }
            Err(Stop::Failed(_, fault)) => return Err(format!("in the reply it {fault}")),
            Err(Stop::Replied(..) | Stop::Served(..)) => {
                return Err("in the reply it replied".to_owned());
            }
        }
    }
    match (&case.expect_reply, &case.expect_reply_refused) {
        (_, Some(code)) => Err(format!("the reply was not refused with `{code}`")),
        (Some(expected), None) if *expected != read => Err(format!(
            "in {} pieces the app read {read:?}, expected {expected:?}",
            pieces.len()
        )),
        _ => Ok(()),
    }
}

fn refused(denial: &Denial) -> String {
    let wait = denial.retry_after_ms;
    let wait = wait.map_or_else(String::new, |ms| format!(", to be tried again in {ms} ms"));
    format!(
        "it refused with {} `{}`: {}{wait}",
        denial.status, denial.code, denial.message
    )
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
