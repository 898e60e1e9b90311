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
    config::Mode,
    evidence::{self, Counts, Evidence},
    judge::{self, Judge, Judgement, Matter},
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
    pub(crate) kind: Kind,
}

/// The relation of a kept reply's question to this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is the very same.
    Exact,
    /// It is being answered now, to the very same question.
    UnderWay,
    /// The checks agree on it, or `doubtful`: they do not know enough.
    Near { question: String, doubtful: bool },
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
    /// This reply answers the question, or would if the judge agreed.
    Same(Candidate),
    /// Another exchange is getting the reply to the very same question; this one's is kept if that
    /// one fails.
    Joined {
        found: Candidate,
        partition: Partition,
        vector: Vector,
    },
    /// None does, for a reason in a word; the one that comes is kept.
    New {
        why: &'static str,
        partition: Partition,
        vector: Vector,
    },
}

impl SemanticCache {
    /// Reads what is looked for and what its question says, or says in a word why this request is left alone.
    pub(crate) fn read(
        &self,
        request: &Request,
        control: &Control,
    ) -> Result<(Search, Reading<'_>), &'static str> {
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
        let search = Search {
            question,
            key,
            pool: format!("pool:{}", digest([whose.as_str()])),
            parts,
        };
        Ok((search, reading))
    }

    /// Looks for a reply. `wrong`: the one before was not right, and came from this entry.
    ///
    /// # Errors
    /// A word why none could be looked for.
    pub(crate) fn look(
        &self,
        control: &Control,
        search: &Search,
        reading: &Reading<'_>,
        wrong: Option<Option<String>>,
    ) -> Result<Looked, &'static str> {
        let fresh = control.refresh || wrong.is_some();
        if !fresh && let Some(found) = exact(control, &search.key, false)? {
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
        if let Some(entry) = wrong {
            self.forget(search, reading, near, entry.as_deref());
            return Ok(new("wrong"));
        }
        let why = match self.choose(control, reading, near) {
            Ok(found) => match self.refused_by_judge(search, &found) {
                None => return Ok(Looked::Same(found)),
                Some(why) => why,
            },
            Err(why) => why,
        };
        // only now: whoever joins waits for another's reply, and what is near is there already
        if self.file.share
            && self.file.mode == Mode::Serve
            && let Some(found) = exact(control, &search.key, true)?
        {
            return Ok(match found.kind {
                Kind::UnderWay => Looked::Joined {
                    found,
                    partition,
                    vector,
                },
                _ => Looked::Same(found),
            });
        }
        Ok(new(why))
    }

    /// Chooses the nearest of those on which the checks agree, or else, where there is a judge, the
    /// nearest of those of which they do not know enough.
    ///
    /// # Errors
    /// The reason in a word why it is none of them.
    fn choose(
        &self,
        control: &Control,
        reading: &Reading<'_>,
        near: Vec<Neighbour>,
    ) -> Result<Candidate, &'static str> {
        let (mut why, mut doubt) = (None, None);
        for neighbour in near {
            let Some(text) = question::noted(&neighbour.note) else {
                why = why.or(Some("note"));
                continue;
            };
            if !control.allows(neighbour.entry.age()) {
                why = why.or(Some("age"));
                continue;
            }
            let other = Reading::new(text, &self.lexicon);
            let agreed = agree(reading, &other, &self.lexicon);
            let candidate = |doubtful: bool| Candidate {
                key: neighbour.key.clone(),
                entry: neighbour.entry.clone(),
                similarity: neighbour.similarity,
                kind: Kind::Near {
                    question: text.to_owned(),
                    doubtful,
                },
            };
            match agreed {
                Ok(()) => return Ok(candidate(false)),
                Err(reason) => {
                    why = why.or(Some(reason.word()));
                    if self.judge.is_some() && doubt.is_none() && reason.is_doubt() {
                        doubt = Some(candidate(true));
                    }
                }
            }
        }
        doubt.ok_or(why.unwrap_or("none"))
    }

    /// A word why the judge does not let a candidate be served. In shadow it is called later, when
    /// nobody waits.
    fn refused_by_judge(&self, search: &Search, found: &Candidate) -> Option<&'static str> {
        let Kind::Near { question, doubtful } = &found.kind else {
            return None;
        };
        let judge = self.judge.as_ref()?;
        let known = !doubtful && (judge.only_doubtful() || self.has_enough(&found.key));
        if self.file.mode == Mode::Shadow || known {
            return None;
        }
        match self.judged(judge, search, &found.key, question, *doubtful) {
            Judgement::Yes => None,
            Judgement::No => Some("judge"),
            _ => Some("unjudged"),
        }
    }

    /// True if what was seen of an entry itself suffices.
    fn has_enough(&self, key: &str) -> bool {
        let known = evidence::read(&evidence::of(key)).unwrap_or_default();
        self.bound.chance(known.counts, Counts::default()) >= 1.0
    }

    /// Asks the judge, and counts its verdict among the entry's comparisons. A no to what the checks
    /// doubted says nothing against the entry.
    pub(crate) fn judged(
        &self,
        judge: &Judge,
        search: &Search,
        entry: &str,
        earlier: &str,
        doubtful: bool,
    ) -> Judgement {
        let ttl = self.file.ttl.0;
        let matter = Matter {
            entry,
            earlier,
            new: &search.question.text,
            key: &search.key,
        };
        let (judgement, remembered) = judge.judge(&matter, ttl);
        let verdict = match judgement {
            Judgement::Yes => Verdict::Agreed,
            Judgement::No if !doubtful => Verdict::Disagreed,
            _ => return judgement,
        };
        if !remembered {
            let count = |known: &mut Evidence| known.counts.count(verdict);
            evidence::change(&evidence::of(entry), ttl, count);
            evidence::change(&search.pool, ttl, count);
        }
        judgement
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
            if self.judge.is_some() {
                judge::forget_text(&key);
            }
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

/// Looks for the reply to the very same question. With `share`, one that is under way is joined, and
/// where there is none this exchange leads.
fn exact(control: &Control, key: &str, share: bool) -> Result<Option<Candidate>, &'static str> {
    let (entry, kind) = match replies::find(key, share).map_err(word_of)? {
        Found::Kept(entry) if control.allows(entry.age()) => (entry, Kind::Exact),
        Found::UnderWay(entry) if share => (entry, Kind::UnderWay),
        Found::Kept(_) | Found::UnderWay(_) | Found::Absent => return Ok(None),
    };
    Ok(Some(Candidate {
        key: key.to_owned(),
        entry,
        similarity: 1.0,
        kind,
    }))
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
