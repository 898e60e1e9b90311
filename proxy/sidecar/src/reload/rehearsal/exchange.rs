//! One exchange of a case, from the request to its end.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use dialect::{Delta, Place, request::Body};
use http::Method;
use policy::{
    Call, Candidate, Chain, Denial, Estimates, Found, Judgement, ReplyHead, Rescue, Run, Tags,
    Unit, chain::Stop,
};

use super::{Cut, Missed, canned::read_headers, compare, ends::End, missed, now, stage::Stage};
use crate::{
    config::cases::{CaseText, Expect, ExpectRescue, ExpectVerdict, Step},
    cost::{Estimate, Prices, learn::UNKNOWN_OUTPUT},
};

/// Estimates for a call in a rehearsal: nothing was learnt, models have their list prices, and the
/// case says where they are.
struct Plain {
    targets: Vec<Candidate>,
    deadline: Option<Duration>,
}

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
        self.targets.clone()
    }

    fn deadline(&self, _: &Call) -> Option<Duration> {
        self.deadline
    }
}

/// Runs one step and compares all that it expects.
pub(super) async fn rehearse_step(
    step: &Step,
    cut: Cut,
    chain: &Chain,
    stage: &Stage,
) -> Result<(), Missed> {
    stage.step(step);
    let outcome = exchanged(step, cut, chain, stage).await;
    let done = stage.done();
    let compared = match outcome {
        Ok(()) => compare::done(step, &done, &stage.figures()),
        Err(missed) => Err(missed),
    };
    // The author's own words say more than the decision.
    compared.map_err(|Missed { key, what }| match done.lines.is_empty() {
        true => Missed { key, what },
        false => Missed {
            key,
            what: format!("{what} (it logged {:?})", done.lines.join("; ")),
        },
    })
}

async fn exchanged(step: &Step, cut: Cut, chain: &Chain, stage: &Stage) -> Result<(), Missed> {
    let mut run = Run::new(chain, now);
    let mut call = Box::new(call(step)?);
    call.estimated_by(Arc::new(Plain {
        targets: targets(step, &call)?,
        deadline: step.deadline.map(|deadline| deadline.0),
    }));
    let mut end = End::new(step);
    let decided = run.on_request(call, None).await;
    match decided {
        Ok(mut call) => {
            decided_as(matches!(step.expect, None | Some(Expect::Forward)), || {
                "it forwarded".to_owned()
            })?;
            compare::forwarded(step, &call)?;
            compare::call(step, &call)?;
            end.forwarded(&mut call);
            judged(step, &mut run).await?;
            failed(step, &mut run, &mut end).await?;
            if let Some(given) = &step.reply {
                replied(step, &mut run, &cut.pieces(given), &mut end).await?;
            }
        }
        Err(Stop::Refused(call, _, denial)) => {
            let expected = match &step.expect {
                Some(Expect::Refuse(expected)) => expected.fits(&denial),
                _ => false,
            };
            decided_as(expected, || refused(&denial))?;
            if let Some(call) = &call {
                compare::call(step, call)?;
            }
            end.refused(&denial);
        }
        Err(Stop::Replied(call, _, text)) => {
            let expected =
                matches!(&step.expect, Some(Expect::Reply(expected)) if *expected == text);
            decided_as(expected, || format!("it replied {text:?}"))?;
            compare::call(step, &call)?;
            end.answered(false);
        }
        Err(Stop::Served(call, found)) => {
            let expected = matches!(step.expect, Some(Expect::Serve));
            decided_as(expected, || "it served a kept reply".to_owned())?;
            compare::call(step, &call)?;
            served(step, &found)?;
            end.answered(true);
        }
        Err(Stop::Failed(_, fault)) => return missed("expect", format!("it {fault}")),
    }
    end.settle(step, &mut run, stage).await;
    Ok(())
}

/// Compares the decision; `was` says what it was.
fn decided_as(expected: bool, was: impl FnOnce() -> String) -> Result<(), Missed> {
    match expected {
        true => Ok(()),
        false => missed("expect", was()),
    }
}

fn call(step: &Step) -> Result<Call, Missed> {
    let dialect = step.dialect();
    let usual = dialect.example_path().unwrap_or_default();
    let path = step.path.as_deref().unwrap_or(usual);
    let headers = match step.headers.as_ref().map(read_headers).transpose() {
        Ok(headers) => headers.unwrap_or_default(),
        Err(why) => return missed("headers", why),
    };
    let request = step.request.clone().unwrap_or_default();
    let mut body = Body::wire(dialect, Bytes::from(request.to_string())).at(path);
    if let Err(malformed) = body.index() {
        let name = dialect.name();
        return missed("request", format!("it is no {name} request: {malformed}"));
    }
    let mut tags = Tags::default();
    for (name, value) in step.tags.iter().flatten() {
        if !tags.set(name, value) {
            return missed(
                "tags",
                format!("there can be no tag `{name}` of this value"),
            );
        }
    }
    let id = "rehearsal".into();
    let mut call = Call::new(id, dialect, Method::POST, path.into(), headers, body);
    call.tagged(tags);
    Ok(call)
}

/// Returns the targets of a step as its policy sees them.
fn targets(step: &Step, call: &Call) -> Result<Vec<Candidate>, Missed> {
    let input = call.body.input_tokens();
    let output = call.body.max_output_tokens().unwrap_or(UNKNOWN_OUTPUT);
    let targets = step.targets.iter().flatten();
    targets
        .map(|target| target.candidate(input, output))
        .collect::<Result<_, _>>()
        .or_else(|why| missed("targets", why))
}

/// Compares the kept reply that is served with the text that the app is to read.
fn served(step: &Step, found: &Found) -> Result<(), Missed> {
    let Found::Kept(kept) = found else {
        return missed("expect", "it served a reply that is under way");
    };
    let read = String::from_utf8_lossy(&kept.bytes);
    match &step.expect_reply {
        Some(expected) if *expected != read => missed(
            "expect_reply",
            format!("the app read {read:?}, expected {expected:?}"),
        ),
        _ => Ok(()),
    }
}

/// Shows what the case says of replies that are held, and compares the verdicts.
async fn judged(step: &Step, run: &mut Run) -> Result<(), Missed> {
    let first = step.targets.iter().flatten().next();
    let first = first.map_or("", |target| &target.name);
    let mut is_begun = false;
    for (at, part) in step.hold_reply.iter().flatten().enumerate() {
        if !is_begun && run.begin_attempt().is_none() {
            return missed("hold_reply", "it holds no reply");
        }
        let delta = |(channel, text): (u32, &CaseText)| Delta {
            channel,
            choice: 0,
            place: text.place.0,
            json: text.place.0 == Place::ToolArguments,
            text: text.text.clone(),
            last: part.ended.unwrap_or(true),
        };
        let deltas: Vec<Delta> = (0..).zip(&part.texts).map(delta).collect();
        let reply = Arc::new(part.reply(first));
        let verdict = match run.on_attempt(&reply, &deltas).await {
            Ok(Judgement::Accepted) => ExpectVerdict::Accept,
            Ok(Judgement::Waiting) => ExpectVerdict::Wait,
            Ok(Judgement::Rejected(_, code)) => ExpectVerdict::Reject(code),
            Err(Stop::Failed(_, fault)) => {
                return missed("hold_reply", format!("at hold_reply[{at}] it {fault}"));
            }
            Err(_) => return missed("hold_reply", format!("at hold_reply[{at}] it stopped")),
        };
        if verdict != part.expect {
            let was = match verdict {
                ExpectVerdict::Accept => "it accepted".to_owned(),
                ExpectVerdict::Wait => "it waited".to_owned(),
                ExpectVerdict::Reject(code) => format!("it rejected with `{code}`"),
            };
            return missed("hold_reply", format!("at hold_reply[{at}] {was}"));
        }
        is_begun = verdict == ExpectVerdict::Wait;
    }
    Ok(())
}

/// Fails the call as often as the case says, and compares what the policy makes of it.
async fn failed(step: &Step, run: &mut Run, end: &mut End) -> Result<(), Missed> {
    let first = step.targets.iter().flatten().next();
    let first = first.map_or("", |target| &target.name);
    for (at, failure) in step.failures.iter().flatten().enumerate() {
        let failure_seen = Arc::new(failure.failure(first));
        let rescue = run.on_failure(&failure_seen).await;
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
            return missed("failures", format!("at failures[{at}] {what}"));
        }
        match rescue {
            Some(Rescue::Denied(denial)) => end.refused(&denial),
            Some(Rescue::Text(_)) => end.answered(false),
            Some(Rescue::TryNow(_)) | None => end.failed(&failure_seen),
        }
    }
    Ok(())
}

async fn replied(
    step: &Step,
    run: &mut Run,
    pieces: &[String],
    end: &mut End,
) -> Result<(), Missed> {
    let written = step.reply_head.clone().unwrap_or_default();
    let headers = read_headers(&written.headers).or_else(|why| missed("reply_head", why))?;
    let head = Arc::new(ReplyHead {
        status: written.status.unwrap_or(200),
        headers,
        streaming: written.streaming.unwrap_or(true),
        dialect: step.dialect(),
    });
    let place = step.reply_place.map_or(Place::Assistant, |name| name.0);
    let mut read = String::new();
    for at in 0..=pieces.len() {
        let text = pieces.get(at).cloned().unwrap_or_default();
        let delta = Delta {
            channel: 0,
            choice: 0,
            place,
            json: place == Place::ToolArguments,
            text: text.clone(),
            last: at == pieces.len(),
        };
        match run.on_reply(&head, vec![delta]).await {
            Ok(edits) => read.push_str(&edits.into_iter().next().flatten().unwrap_or(text)),
            Err(Stop::Refused(_, _, denial)) => {
                end.refused(&denial);
                return match step.expect_reply_refused.as_ref() == Some(&denial.code) {
                    true => Ok(()),
                    false => missed("reply", format!("in the reply: {}", refused(&denial))),
                };
            }
            Err(Stop::Failed(_, fault)) => {
                return missed("reply", format!("in the reply it {fault}"));
            }
            Err(Stop::Replied(..) | Stop::Served(..)) => {
                return missed("reply", "in the reply it replied");
            }
        }
    }
    match (&step.expect_reply, &step.expect_reply_refused) {
        (_, Some(code)) => missed(
            "expect_reply_refused",
            format!("the reply was not refused with `{code}`"),
        ),
        (Some(expected), None) if *expected != read => missed(
            "expect_reply",
            format!(
                "in {} pieces the app read {read:?}, expected {expected:?}",
                pieces.len()
            ),
        ),
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
