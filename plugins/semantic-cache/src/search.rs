//! Looks for the reply to a question: the very same one, or one that is near and does not differ.

use cache_rules::{Control, path};
use outrigger_sdk::{
    Request, digest,
    embeddings::{self, Vector},
    log, metrics,
    replies::{self, Entry, Error, Found, Neighbour, Partition},
};

use crate::{
    SemanticCache,
    answer::Verdict,
    evidence::{self, Evidence},
    lexical::{Reading, agree, never},
    question::{self, Question},
};

/// Neighbours that are looked at.
const NEIGHBOURS: u32 = 4;

/// A kept reply that would answer the question.
pub(crate) struct Candidate {
    pub(crate) key: String,
    pub(crate) entry: Entry,
    pub(crate) similarity: f32,
    /// True where the question is the very same.
    pub(crate) exact: bool,
}

/// One request, and where its reply is kept.
pub(crate) struct Search {
    pub(crate) question: Question,
    pub(crate) key: String,
    pub(crate) pool: String,
    pub(crate) parts: Vec<String>,
}

/// The outcome of a search.
pub(crate) enum Looked {
    /// This reply answers the question.
    Same(Candidate),
    /// None does, for a reason in a word; the one that comes is kept.
    New {
        why: &'static str,
        partition: Partition,
        vector: Vector,
    },
}

impl SemanticCache {
    /// Reads what is looked for, or says in a word why this request is left alone.
    pub(crate) fn read(
        &self,
        request: &Request,
        control: &Control,
    ) -> Result<Search, &'static str> {
        if control.bypass {
            return Err("asked");
        }
        if let Some(reason) = self.exclude.reason(request) {
            return Err(reason.word);
        }
        let file = &self.file;
        let question = Question::of(request, file.max_turns, file.max_question_bytes)?;
        let reading = Reading::new(&question.text, &self.lexicon);
        if let Some(never) = never(&reading, &self.lexicon) {
            return Err(never.word());
        }
        let body = request.fingerprint(&file.ignore).ok_or("ambiguous")?;
        let whose = file.partition.name(request);
        let mut parts = vec![
            self.version.clone(),
            format!("{:?}", request.dialect()),
            path(request),
            whose.clone(),
        ];
        for name in &file.vary {
            let values = request.header_values(name);
            parts.push(values.len().to_string());
            // no part is empty, as an empty one would be refused
            parts.extend(values.iter().map(|value| format!("={value}")));
        }
        let model = request.model().unwrap_or_default().as_bytes();
        let named = parts.iter().map(String::as_bytes);
        let key = digest(named.chain([model, body.as_slice()]));
        Ok(Search {
            question,
            key,
            pool: format!("pool:{}", digest([whose.as_str()])),
            parts,
        })
    }

    /// Looks for a reply. `wrong`: the one before was not right, and came from this entry.
    ///
    /// # Errors
    /// A word why none could be looked for.
    pub(crate) fn look(
        &self,
        control: &Control,
        search: &Search,
        wrong: Option<Option<String>>,
    ) -> Result<Looked, &'static str> {
        let fresh = control.refresh || wrong.is_some();
        if !fresh && let Some(found) = exact(control, &search.key)? {
            return Ok(Looked::Same(found));
        }
        let ids = &search.question.ids;
        let without: Vec<&str> = self.file.ignore.iter().map(String::as_str).collect();
        let parts: Vec<&str> = search.parts.iter().map(String::as_str).collect();
        let partition = replies::partition(ids, &without, &parts).map_err(word_of)?;
        let vectors = embeddings::embed(&[&search.question.text]).map_err(|_| "embedder")?;
        let vector = *vectors.first().ok_or("embedder")?;
        let new = |why| Looked::New {
            why,
            partition,
            vector,
        };
        if control.refresh && wrong.is_none() {
            return Ok(new("refresh"));
        }
        let near = replies::nearest(partition, vector, self.threshold, NEIGHBOURS);
        let near = near.map_err(word_of)?;
        let reading = Reading::new(&search.question.text, &self.lexicon);
        if let Some(entry) = wrong {
            self.forget(search, &reading, near, entry.as_deref());
            return Ok(new("wrong"));
        }
        let mut why = None;
        for neighbour in near {
            match self.differs(control, &reading, &neighbour) {
                None => {
                    return Ok(Looked::Same(Candidate {
                        key: neighbour.key,
                        entry: neighbour.entry,
                        similarity: neighbour.similarity,
                        exact: false,
                    }));
                }
                Some(reason) => why = why.or(Some(reason)),
            }
        }
        Ok(new(why.unwrap_or("none")))
    }

    /// A word why a near question's reply is not this one's.
    fn differs(
        &self,
        control: &Control,
        reading: &Reading<'_>,
        neighbour: &Neighbour,
    ) -> Option<&'static str> {
        let Some(text) = question::noted(&neighbour.note) else {
            return Some("note");
        };
        if !control.allows(neighbour.entry.age()) {
            return Some("age");
        }
        let agreed = agree(reading, &Reading::new(text, &self.lexicon), &self.lexicon);
        agreed.err().map(|reason| reason.word())
    }

    /// Evicts what would have answered this question, and the entry that did; all of them have
    /// disagreed once more.
    fn forget(
        &self,
        search: &Search,
        reading: &Reading<'_>,
        near: Vec<Neighbour>,
        entry: Option<&str>,
    ) {
        let kin = |neighbour: &Neighbour| {
            let same = question::noted(&neighbour.note).is_none_or(|text| {
                agree(reading, &Reading::new(text, &self.lexicon), &self.lexicon).is_ok()
            });
            same || entry == Some(neighbour.entry.id.as_str())
        };
        let near = near.into_iter().filter(kin).map(|neighbour| neighbour.key);
        let mut keys: Vec<String> = near.chain([search.key.clone()]).collect();
        keys.dedup();
        for key in keys {
            if replies::evict(&key).is_err() {
                metrics::count("not_evicted", 1);
                continue;
            }
            metrics::count("evicted", 1);
            if self.learns() {
                let disagreed = |known: &mut Evidence| {
                    known.counts.count(Verdict::Disagreed);
                };
                evidence::change(&evidence::of(&key), self.file.ttl.0, disagreed);
                evidence::change(&search.pool, self.file.ttl.0, disagreed);
            }
        }
    }
}

fn exact(control: &Control, key: &str) -> Result<Option<Candidate>, &'static str> {
    match replies::find(key, false).map_err(word_of)? {
        Found::Kept(entry) if control.allows(entry.age()) => Ok(Some(Candidate {
            key: key.to_owned(),
            entry,
            similarity: 1.0,
            exact: true,
        })),
        _ => Ok(None),
    }
}

/// A word for an error of the store.
fn word_of(error: Error) -> &'static str {
    match error {
        Error::Invalid(what) => {
            log::error(&format!("a reply could not be looked for: {what}"));
            "invalid"
        }
        Error::Unavailable => "store",
    }
}
