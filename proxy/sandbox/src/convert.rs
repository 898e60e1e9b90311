//! Conversions between the contract's types and the proxy's, and the check of what a policy
//! returned.

use dialect::{Delta, Passage, Place, Places};
use policy::{
    AttemptMade, AttemptReply, AttemptVerdict, Candidate, CandidatePrice, Decision, Denial,
    Failure, Fault, Hooks, LONGEST_TARGET, MOST_TARGETS, Manifest, Outcome,
};

use super::{LoadError, bindings::types as wit};

impl From<Passage> for wit::Passage {
    fn from(passage: Passage) -> Self {
        Self {
            id: passage.id,
            place: passage.place.name(),
            message: passage.message,
            text: passage.text,
            json: passage.json,
        }
    }
}

impl From<Delta> for wit::Delta {
    fn from(delta: Delta) -> Self {
        Self {
            channel: delta.channel,
            choice: delta.choice,
            place: delta.place.name(),
            text: delta.text,
            json: delta.json,
            last: delta.last,
        }
    }
}

impl From<Candidate> for wit::Target {
    fn from(candidate: Candidate) -> Self {
        Self {
            name: candidate.name,
            upstream: candidate.upstream,
            model: candidate.model,
            region: candidate.region,
            dialect: candidate.dialect,
            price: candidate.price.map(Into::into),
            cost_microusd: candidate.cost_microusd,
            window: candidate.window,
            output: candidate.output,
            takes: candidate.takes,
            lacks: candidate.lacks,
            first_token_ms: candidate.first_token_ms,
            in_flight: candidate.in_flight,
            breaker: candidate.breaker,
            retry_after_ms: candidate.retry_after_ms,
            requests_left: candidate.requests_left,
            tokens_left: candidate.tokens_left,
        }
    }
}

impl From<CandidatePrice> for wit::Price {
    fn from(price: CandidatePrice) -> Self {
        Self {
            input_microusd: price.input_microusd,
            output_microusd: price.output_microusd,
        }
    }
}

impl From<&AttemptMade> for wit::Attempt {
    fn from(attempt: &AttemptMade) -> Self {
        Self {
            target: attempt.target.clone(),
            class: attempt.class.clone(),
            status: attempt.status,
            total_ms: attempt.total_ms,
            retry_after_ms: attempt.retry_after_ms,
        }
    }
}

impl From<&AttemptReply> for wit::AttemptReply {
    fn from(reply: &AttemptReply) -> Self {
        Self {
            target: reply.target.clone(),
            status: reply.status,
            streaming: reply.streaming,
            ended: reply.ended,
            finish: reply.finish.clone(),
        }
    }
}

impl From<&Failure> for wit::Failure {
    fn from(failure: &Failure) -> Self {
        Self {
            status: failure.status,
            code: failure.code.clone(),
            class: failure.class.clone(),
            attempts: failure.attempts.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Outcome> for wit::Outcome {
    fn from(outcome: &Outcome) -> Self {
        Self {
            status: outcome.status,
            target: outcome.target.clone(),
            finish: outcome.finish.clone(),
            usage: wit::Usage {
                input_tokens: outcome.usage.input,
                cached_input_tokens: outcome.usage.cached,
                written_input_tokens: outcome.usage.written,
                output_tokens: outcome.usage.output,
                reasoning_tokens: outcome.usage.reasoning,
                estimated: outcome.usage.estimated,
            },
            cost_microusd: outcome.cost_microusd,
            from_store: outcome.from_store,
            first_token_ms: outcome.first_token_ms,
            total_ms: outcome.total_ms,
            error: outcome.error.clone(),
            attempts: outcome.attempts.iter().map(Into::into).collect(),
        }
    }
}

/// The manifest's name for every place.
const EVERY: &str = "*";

/// Reads a list of places.
fn places(list: &str, names: &[String]) -> Result<Places, LoadError> {
    names.iter().try_fold(Places::NONE, |set, name| {
        if name == EVERY {
            return Ok(Places::ALL);
        }
        let place = Place::named(name);
        let place = place.ok_or_else(|| LoadError::Manifest {
            what: format!("`{list}` lists the place `{}`", short(name)),
            known: format!("{}; `{EVERY}` is every place", Places::ALL),
        })?;
        Ok(set.with(place))
    })
}

/// Reads a list of places, those that this host knows: others are in no reply of its.
pub(super) fn known_places(names: &[String]) -> Places {
    names
        .iter()
        .fold(Places::NONE, |set, name| match Place::named(name) {
            _ if name == EVERY => Places::ALL,
            Some(place) => set.with(place),
            None => set,
        })
}

/// Reads the list of hooks.
fn hooks(names: &[String]) -> Result<Hooks, LoadError> {
    let mut hooks = Hooks::default();
    for name in names {
        let hook = match name.as_str() {
            "request" => &mut hooks.request,
            "reply" => &mut hooks.reply,
            "end" => &mut hooks.end,
            "failure" => &mut hooks.failure,
            "attempt" => &mut hooks.attempt,
            other => {
                return Err(LoadError::Manifest {
                    what: format!("`hooks` lists the hook `{}`", short(other)),
                    known: "request, reply, end, failure, attempt".to_owned(),
                });
            }
        };
        *hook = true;
    }
    Ok(hooks)
}

/// Cuts a policy's own word to its beginning, for a message.
fn short(word: &str) -> String {
    word.chars().take(64).collect()
}

/// Reads a manifest.
///
/// # Errors
/// It declares a place or a hook that this host does not know: serving it all the same would show
/// it less than it means to read.
pub(super) fn manifest(manifest: wit::Manifest) -> Result<Manifest, LoadError> {
    Ok(Manifest {
        hooks: hooks(&manifest.hooks)?,
        reads: places("reads", &manifest.reads)?,
        rewrites: places("rewrites", &manifest.rewrites)?,
        name: manifest.name,
        version: manifest.version,
        config_schema: manifest.config_schema,
    })
}

/// Checks a decision.
pub(super) fn decision(decision: wit::Decision) -> Result<Decision, Fault> {
    Ok(match decision {
        wit::Decision::Forward => Decision::Forward,
        wit::Decision::Refuse(refusal) => Decision::Refuse(denial(refusal)?),
        wit::Decision::Reply(reply) => Decision::Reply(reply.text),
        wit::Decision::Serve(key) => Decision::Serve(key),
        wit::Decision::TryNow(targets) => Decision::TryNow(tried(targets)?),
    })
}

/// Checks the targets that are to be tried.
fn tried(targets: Vec<String>) -> Result<Vec<String>, Fault> {
    let named = |name: &String| (1..=LONGEST_TARGET).contains(&name.len());
    match (1..=MOST_TARGETS).contains(&targets.len()) && targets.iter().all(named) {
        true => Ok(targets),
        false => Err(Fault::BadReturn(format!(
            "`try-now` names 1 to {MOST_TARGETS} targets, in {LONGEST_TARGET} bytes each"
        ))),
    }
}

/// Checks a refusal.
pub(super) fn denial(refusal: wit::Refusal) -> Result<Denial, Fault> {
    let bad = |what: String| Err(Fault::BadReturn(what));
    if !(400..=599).contains(&refusal.status) {
        return bad(format!("status {} is not in 400 to 599", refusal.status));
    }
    if !is_code(&refusal.code) {
        return bad("a refusal's code must be 1 to 64 of a-z, 0-9 and _".into());
    }
    if refusal.message.len() > MESSAGE {
        return bad(format!("a refusal's message may have {MESSAGE} bytes"));
    }
    Ok(Denial {
        status: refusal.status,
        code: refusal.code,
        message: refusal.message,
        retry_after_ms: refusal.retry_after_ms,
    })
}

/// Reports whether a word is one that logs and apps can take: 1 to 64 of `a-z`, `0-9` and `_`.
fn is_code(word: &str) -> bool {
    let plain = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=64).contains(&word.len()) && word.bytes().all(plain)
}

/// Checks a verdict.
pub(super) fn verdict(verdict: wit::Verdict) -> Result<AttemptVerdict, Fault> {
    Ok(match verdict {
        wit::Verdict::Accept => AttemptVerdict::Accept,
        wit::Verdict::Wait => AttemptVerdict::Wait,
        wit::Verdict::Reject(code) if is_code(&code) => AttemptVerdict::Reject(code),
        wit::Verdict::Reject(_) => {
            let why = "a rejection's code must be 1 to 64 of a-z, 0-9 and _";
            return Err(Fault::BadReturn(why.into()));
        }
    })
}

/// Bytes of a refusal's message.
const MESSAGE: usize = 16 << 10;

/// Checks the texts that replace `shown` deltas.
pub(super) fn rewritten(
    shown: usize,
    texts: Vec<Option<String>>,
) -> Result<Vec<Option<String>>, Fault> {
    match texts.len() {
        0 => Ok(texts),
        n if n == shown => Ok(texts),
        n => Err(Fault::BadReturn(format!("{n} texts for {shown} deltas"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str) -> wit::Refusal {
        wit::Refusal {
            status,
            code: code.into(),
            message: "no".into(),
            retry_after_ms: None,
        }
    }

    #[test]
    fn a_refusal_is_an_error_status_and_a_plain_word_or_it_is_a_fault() {
        assert!(denial(refusal(403, "not_listed_2")).is_ok());
        for (status, code) in [
            (200, "ok"),
            (399, "ok"),
            (600, "ok"),
            (403, ""),
            (403, "Not Listed"),
            (403, "a\nb"),
            (403, &"a".repeat(65)),
        ] {
            let fault = denial(refusal(status, code)).err();
            assert!(
                matches!(fault, Some(Fault::BadReturn(_))),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn a_rejection_has_a_plain_word_or_it_is_a_fault() {
        let reject = |code: &str| verdict(wit::Verdict::Reject(code.into()));
        assert_eq!(reject("empty"), Ok(AttemptVerdict::Reject("empty".into())));
        assert_eq!(verdict(wit::Verdict::Wait), Ok(AttemptVerdict::Wait));
        for code in ["", "No", "a\nb"] {
            assert!(matches!(reject(code), Err(Fault::BadReturn(_))), "{code}");
        }
    }

    #[test]
    fn what_is_to_be_tried_is_a_few_targets_with_names() {
        let bounds = |names: Vec<String>| tried(names).is_ok();
        assert!(bounds(vec!["a/m".into()]) && bounds(vec!["x".repeat(512); 64]));
        for names in [
            vec![],
            vec![String::new()],
            vec!["x".repeat(513)],
            vec!["a/m".into(); 65],
        ] {
            assert!(!bounds(names));
        }
    }

    #[test]
    fn there_is_a_text_for_each_delta_or_none_at_all() {
        assert!(rewritten(2, vec![]).is_ok());
        assert!(rewritten(2, vec![None, Some("x".into())]).is_ok());
        assert!(rewritten(2, vec![None]).is_err() && rewritten(0, vec![None]).is_err());
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_place_is_read_by_its_name_and_a_star_is_all_of_them() {
        let all: Vec<&str> = Place::ALL.into_iter().map(Place::name).collect();
        assert_eq!(places("reads", &names(&all)), Ok(Places::ALL));
        assert_eq!(places("reads", &names(&["*"])), Ok(Places::ALL));
        assert_eq!(places("reads", &[]), Ok(Places::NONE));
        let some = Places::NONE.with(Place::User).with(Place::Other);
        assert_eq!(places("reads", &names(&["other", "user"])), Ok(some));
    }

    #[test]
    fn a_place_or_hook_that_the_host_does_not_know_is_refused_by_its_name() {
        let why = places("rewrites", &names(&["user", "hologram"])).map_err(|e| e.to_string());
        assert_eq!(
            why,
            Err("`rewrites` lists the place `hologram`, which this Outrigger does not know: it knows system, user, assistant, tool-result, tool-arguments, tool-definition, reasoning, refusal, metadata, other; `*` is every place".to_owned())
        );
        let why = hooks(&names(&["request", "tick"])).map_err(|e| e.to_string());
        assert_eq!(
            why,
            Err("`hooks` lists the hook `tick`, which this Outrigger does not know: it knows request, reply, end, failure, attempt".to_owned())
        );
        assert!(hooks(&names(&["reply", "failure"])).is_ok_and(|h| h.reply && h.failure && !h.end));
    }
}
