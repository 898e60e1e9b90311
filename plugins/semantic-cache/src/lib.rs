//! Answers a question that was asked before in other words with the reply to the earlier one.
//! Needs the grants `replies`, `embeddings` and `values`, and as `semantic-cache-judge` `fetch`.
//!
//! Two requests may meet only where all but their last question is the same (the proxy's
//! partition). An embedder finds the questions that are near; the [`lexical`] checks refuse those
//! that differ in what an embedder hardly sees; the rest may be put to a [`judge`]; and an entry
//! is served as often as comparisons of its answer with new ones allow. When in doubt a request goes
//! on as if this policy were not there.

mod answer;
mod config;
mod evidence;
mod judge;
pub mod lexical;
mod question;
mod search;

use cache_rules::{Control, Exclude};
use outrigger_sdk::{
    Decision, Delta, Hooks, Outcome, Place, Places, Policy, Refusal, ReplyHead, Request,
    embeddings::Vector,
    export_policy, metrics,
    replies::{self, Found, Keeping, Partition},
};

use answer::Signature;
use config::{File, Mode, Trust};
use evidence::Bound;
use judge::{Judge, Judgement};
use lexical::Lexicon;
use search::{Candidate, Kind, Looked, Search};

/// `wrong`: the answer that this question got from here was not its answer.
const OWN: &str = "x-outrigger-cache";
/// The entry that an answer came from.
const ENTRY: &str = "x-outrigger-cache-entry";
/// Longest answer that is compared, in bytes; what is behind is left out.
const LONGEST: usize = 1 << 16;

/// The policy's `config:` in `outrigger.yaml`, and its exchange.
#[derive(serde::Deserialize)]
#[serde(try_from = "File")]
pub struct SemanticCache {
    file: File,
    threshold: f32,
    bound: Bound,
    exclude: Exclude,
    /// Everything else in the configuration that a key depends on.
    version: String,
    lexicon: Lexicon,
    judge: Option<Judge>,
    open: Option<Open>,
}

/// The use of this exchange's answer.
struct Open {
    search: Search,
    /// The entry that it is compared with; none where it makes its own.
    compared: Option<Compared>,
    text: String,
}

/// An entry that a new answer is compared with.
struct Compared {
    key: String,
    kind: Kind,
}

impl Policy for SemanticCache {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY).union(Hooks::END);
    const READS: Places = Places::USER;
    const REWRITES: Places = Places::ASSISTANT;

    fn hooks(&self) -> Hooks {
        match self.learns() {
            true => Self::HOOKS,
            false => Hooks::REQUEST,
        }
    }

    fn rewrites(&self) -> Places {
        match self.learns() {
            true => Self::REWRITES,
            false => Places::empty(),
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        if !self.file.conditions.holds(request) {
            return Decision::Forward;
        }
        let wrong = request
            .header(OWN)
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("wrong"));
        if wrong {
            request.set_header(OWN, "");
        }
        let entry = request.header(ENTRY);
        if entry.is_some() {
            request.set_header(ENTRY, "");
        }
        let control = Control::take(request);
        let read = self.read(request, &control);
        let looked = read.map(|(search, reading)| {
            let looked = self.look(&control, &search, &reading, wrong.then_some(entry));
            (search, looked)
        });
        match looked {
            Ok((search, looked)) => match looked {
                Ok(Looked::Same(found)) => self.answer(request, search, found),
                Ok(Looked::New {
                    why,
                    partition,
                    vector,
                }) => {
                    self.keep(search, partition, vector);
                    self.leave(request, "misses", "miss", why)
                }
                Ok(Looked::Joined {
                    found,
                    partition,
                    vector,
                }) => {
                    self.keep(search, partition, vector);
                    metrics::count("joined", 1);
                    self.say_found(request, "joined", &found);
                    Decision::serve(found.key)
                }
                Err(why) => self.leave(request, "misses", "miss", why),
            },
            Err(why) => self.leave(request, "bypassed", "bypass", why),
        }
    }

    fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        if let Some(open) = &mut self.open {
            let texts = deltas.iter();
            for delta in texts.filter(|delta| delta.place() == Place::Assistant) {
                if delta.choice() == 0 && open.text.len() + delta.text().len() <= LONGEST {
                    open.text.push_str(delta.text());
                }
            }
        }
        Ok(())
    }

    fn on_end(&mut self, outcome: &Outcome) {
        let Some(open) = self.open.take() else { return };
        let whole = !matches!(
            outcome.finish.as_str(),
            "length" | "tool_calls" | "content_filter"
        );
        if outcome.error.is_some() || outcome.status != 200 || outcome.from_store || !whole {
            return;
        }
        if let Some(answer) = Signature::of(&open.text) {
            self.learn(&open, &answer);
        }
    }
}

impl SemanticCache {
    /// True if answers are compared, or kept for the judge.
    fn learns(&self) -> bool {
        self.file.mode == Mode::Shadow || self.file.trust == Trust::Earned || self.judge.is_some()
    }

    /// Serves what was found, or compares it with the answer that comes.
    fn answer(&mut self, request: &mut Request, search: Search, found: Candidate) -> Decision {
        let exact = found.kind == Kind::Exact;
        let serves = match (self.file.mode, self.file.trust) {
            (Mode::Shadow, _) => false,
            (Mode::Serve, Trust::AtOnce) => true,
            (Mode::Serve, Trust::Earned) => exact || self.has_earned(&search.pool, &found.key),
        };
        // it may have gone since
        let there =
            serves && (exact || matches!(replies::find(&found.key, false), Ok(Found::Kept(_))));
        if there {
            let kind = if exact { "exact" } else { "semantic" };
            metrics::count_labelled("hits", &[("kind", kind)], 1);
            let word = if exact { "hit" } else { "semantic" };
            self.say_found(request, word, &found);
            let age = found.entry.age().as_secs();
            request.set_reply_header("age", &age.to_string());
            return Decision::serve(found.key);
        }
        let reason = match (serves, self.file.mode) {
            (true, _) => "gone",
            (false, Mode::Shadow) => "shadow",
            (false, Mode::Serve) => "unearned",
        };
        metrics::count_labelled("misses", &[("reason", reason)], 1);
        self.say_found(request, reason, &found);
        let Candidate { key, kind, .. } = found;
        self.open(search, Some(Compared { key, kind }));
        Decision::Forward
    }

    fn open(&mut self, search: Search, compared: Option<Compared>) {
        self.open = self.learns().then(|| Open {
            search,
            compared,
            text: String::new(),
        });
    }

    fn has_earned(&self, pool: &str, key: &str) -> bool {
        let of = |key: &str| evidence::read(key).unwrap_or_default().counts;
        self.bound.serves(of(&evidence::of(key)), of(pool))
    }

    fn keep(&mut self, search: Search, partition: Partition, vector: Vector) {
        let keeping = Keeping::new(self.file.ttl.0)
            .tool_calls(self.file.tool_calls)
            .max_bytes(self.file.max_bytes);
        let note = search.question.note();
        if replies::keep_near(&search.key, keeping, partition, vector, &note).is_err() {
            metrics::count("not_kept", 1);
            return;
        }
        self.open(search, None);
    }

    /// Notes a new entry's answer, or compares an entry's with this one.
    fn learn(&self, open: &Open, answer: &Signature) {
        let (search, ttl) = (&open.search, self.file.ttl.0);
        let Some(compared) = &open.compared else {
            let key = evidence::of(&search.key);
            evidence::change(&key, ttl, |known| known.answer = Some(answer.clone()));
            if self.judge.is_some() {
                judge::keep_text(&search.key, &open.text, ttl);
            }
            return;
        };
        // in shadow the judge is called now, when nobody waits: what it refuses would not have been
        // served, so its answer says nothing
        if self.file.mode == Mode::Shadow
            && let (Some(judge), Kind::Near { question, doubtful }) = (&self.judge, &compared.kind)
            && self.judged(judge, search, &compared.key, question, *doubtful) != Judgement::Yes
        {
            return;
        }
        let key = evidence::of(&compared.key);
        let Some(before) = evidence::read(&key).and_then(|known| known.answer) else {
            metrics::count_labelled("compared", &[("verdict", "unknown")], 1);
            return;
        };
        let verdict = before.compare(answer);
        metrics::count_labelled("compared", &[("verdict", verdict.word())], 1);
        evidence::change(&key, ttl, |known| known.counts.count(verdict));
        evidence::change(&search.pool, ttl, |known| known.counts.count(verdict));
    }

    /// Lets a request go on, and counts and says why.
    fn leave(&self, request: &mut Request, counter: &str, word: &str, reason: &str) -> Decision {
        metrics::count_labelled(counter, &[("reason", reason)], 1);
        let value = match self.file.explain {
            true => format!("{word}; reason={reason}"),
            false => word.to_owned(),
        };
        request.set_reply_header(OWN, &value);
        Decision::Forward
    }

    fn say_found(&self, request: &mut Request, word: &str, found: &Candidate) {
        let age = found.entry.age().as_secs();
        let Candidate {
            entry, similarity, ..
        } = found;
        let value = match self.file.explain {
            true => format!(
                "{word}; age={age}; similarity={similarity:.3}; id={}",
                entry.id
            ),
            false => word.to_owned(),
        };
        request.set_reply_header(OWN, &value);
        request.set_reply_header(ENTRY, &entry.id);
    }
}

export_policy!(SemanticCache);

#[cfg(test)]
mod tests;
