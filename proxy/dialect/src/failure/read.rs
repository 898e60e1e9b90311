//! The walk over a document that is an error.
//!
//! | form | of |
//! |---|---|
//! | `{error:{message,type,code,…}}`, also in a list | OpenAI and all that follow it; Google, with `status` and `details`; OpenRouter, with a number for a code, `metadata`, and in a choice |
//! | `{type:"error",error:{type,message,details}}` | Anthropic |
//! | `{error:"…"}`, `"…"`, `{code,error:"…"}` | Ollama; Fireworks; xAI |
//! | `{object:"error",message,type,code}`, `{type:"error",code,message}` | Mistral, vLLM; events of the Responses API |
//! | `{response:{error:{code,message}}}` | its `response.failed` |
//! | `{detail:"…"}`, `{detail:[{msg}]}`, `{message:{detail:[…]}}` | servers on FastAPI |
//! | `{message,__type}` | Bedrock |
//! | `{errors:[{code,message}]}` | Cloudflare |
//!
//! Of several forms in one document, the inner one counts.

use std::time::Duration;

use super::{ErrorFacts, MESSAGE, duration_of, timestamp_of, words};
use crate::{
    Malformed,
    json::{Key, Kind, outlined::Cursor},
};

/// Levels of errors within errors.
const LEVELS: u8 = 4;
/// The rank of a type that stands beside an error, or at the top of a document that is none.
const OUTER: u8 = 1;
/// Bytes of a code, a type, or a quota's name.
const WORD: usize = 128;
/// The most quotas.
const QUOTAS: usize = 8;
/// Bytes of a message in which waits are looked for.
const TEXT: usize = 8 << 10;

/// Reads the facts of one error.
pub(super) struct Reader<'d> {
    doc: &'d [u8],
    facts: ErrorFacts,
    message: String,
    /// An error of another provider, as a text in this one.
    raw: Option<String>,
    ranks: Ranks,
    is_inner: bool,
}

/// The ranks of the members that facts were taken from: the deeper of two counts.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Ranks {
    code: u8,
    kind: u8,
    message: u8,
    status: u8,
}

impl<'d> Reader<'d> {
    pub(super) fn new(doc: &'d [u8]) -> Self {
        let doc = doc.strip_prefix(b"\xef\xbb\xbf").unwrap_or(doc);
        Self {
            doc,
            facts: ErrorFacts::default(),
            message: String::new(),
            raw: None,
            ranks: Ranks::default(),
            is_inner: false,
        }
    }

    /// Reads the document; `None` where it has no fact.
    pub(super) fn read(mut self) -> Option<ErrorFacts> {
        match self.doc.trim_ascii_start().first()? {
            b'{' | b'[' | b'"' => {
                let mut cursor = Cursor::lenient(self.doc, 0);
                // Malformed further on: what was found counts.
                let _ = self.nested(&mut cursor, 0);
            }
            b'<' => return None,
            _ => {
                let text = String::from_utf8_lossy(self.doc.get(..TEXT).unwrap_or(self.doc));
                // a number or `null` says nothing
                if text.contains(|c: char| c.is_alphabetic()) && !is_literal(text.trim()) {
                    text.trim().clone_into(&mut self.message);
                }
            }
        }
        self.read_raw();
        words::read(&self.message, &mut self.facts);
        bounded(&self.message, MESSAGE).clone_into(&mut self.facts.message);
        let is_type_alone = self.ranks.kind == OUTER && {
            let kind = self.facts.kind.take();
            let is_alone = self.facts == ErrorFacts::default();
            self.facts.kind = kind;
            is_alone
        };
        let has_facts = self.facts != ErrorFacts::default() && !is_type_alone;
        has_facts.then_some(self.facts)
    }

    /// Takes what may be an error: an object, the first of a list, or a text.
    fn nested(&mut self, cursor: &mut Cursor<'_>, level: u8) -> Result<(), Malformed> {
        if level > LEVELS {
            return cursor.skip().map(drop);
        }
        match cursor.kind()? {
            Kind::Object => cursor.object(|key, value| self.member(&key, value, level)),
            Kind::Array => {
                let before = self.ranks;
                cursor.array(|_, value| match self.ranks == before {
                    true => self.nested(value, level),
                    false => value.skip().map(drop),
                })
            }
            Kind::String => {
                let text = cursor.text()?.decode(self.doc).into_owned();
                if !text.contains(char::is_whitespace) {
                    put(&mut self.facts.code, &mut self.ranks.code, 1, &text);
                }
                self.put_message(&text, level * 2 + 1);
                Ok(())
            }
            Kind::Number | Kind::Boolean | Kind::Null => cursor.skip().map(drop),
        }
    }

    fn member(
        &mut self,
        key: &Key<'_>,
        value: &mut Cursor<'_>,
        level: u8,
    ) -> Result<(), Malformed> {
        let name = key.bytes();
        let rank = level * 2 + 2;
        match &*name {
            b"error" | b"errors" | b"detail" => self.nested(value, level + 1),
            b"message" | b"Message" | b"msg" => match value.kind()? {
                Kind::String => {
                    let text = value.text()?.decode(self.doc).into_owned();
                    self.put_message(&text, rank);
                    Ok(())
                }
                // an object of another kind is the beginning of a reply
                Kind::Object => value.object(|key, value| match key.is("detail") {
                    true => self.nested(value, level + 1),
                    false => Ok(()),
                }),
                Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => Ok(()),
            },
            b"code" | b"error_code" => self.code(value, rank),
            // beside an error it may be the event's
            b"type" if level == 0 => self.kind(value, OUTER),
            b"type" | b"__type" => self.kind(value, rank),
            b"status" => match value.kind()? {
                Kind::String => self.status_name(value, rank),
                Kind::Object | Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {
                    self.status(value, rank)
                }
            },
            b"status_code" | b"statusCode" => self.status(value, rank),
            b"details" => self.details(value),
            // elsewhere it is the app's own
            b"metadata" if level > 0 => {
                value.object_or_skip(|key, value| self.metadata(&key, value))
            }
            b"response" if level == 0 => value.object_or_skip(|key, value| match key.is("error") {
                true => self.nested(value, 1),
                false => Ok(()),
            }),
            b"choices" if level == 0 => value.array_or_skip(|_, choice| {
                choice.object_or_skip(|key, value| match key.is("error") {
                    true => self.nested(value, 1),
                    false => Ok(()),
                })
            }),
            _ => self.wait(&name, value),
        }
    }

    fn code(&mut self, value: &mut Cursor<'_>, rank: u8) -> Result<(), Malformed> {
        let text = match value.kind()? {
            Kind::String => value.text()?.decode(self.doc).into_owned(),
            Kind::Number => match value.integer()? {
                Some(number) => number.to_string(),
                None => return Ok(()),
            },
            Kind::Object | Kind::Array | Kind::Boolean | Kind::Null => {
                return value.skip().map(drop);
            }
        };
        match status_of(&text) {
            Some(status) => {
                put_status(&mut self.facts.status, &mut self.ranks.status, rank, status)
            }
            None => put(&mut self.facts.code, &mut self.ranks.code, rank, &text),
        }
        Ok(())
    }

    fn kind(&mut self, value: &mut Cursor<'_>, rank: u8) -> Result<(), Malformed> {
        if let Some(text) = value.text_or_skip()? {
            let text = text.decode(self.doc);
            // `com.amazon.coral.service#ThrottlingException`
            let name = text.rsplit('#').next().unwrap_or_default();
            if !matches!(name, "error" | "response.failed") {
                put(&mut self.facts.kind, &mut self.ranks.kind, rank, name);
            }
        }
        Ok(())
    }

    /// Takes the name that Google gives to a status; others' are states.
    fn status_name(&mut self, value: &mut Cursor<'_>, rank: u8) -> Result<(), Malformed> {
        let text = value.text()?.decode(self.doc).into_owned();
        if text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        {
            // a type says more
            put(&mut self.facts.kind, &mut self.ranks.kind, rank - 1, &text);
        }
        Ok(())
    }

    fn status(&mut self, value: &mut Cursor<'_>, rank: u8) -> Result<(), Malformed> {
        let status = value
            .integer()?
            .and_then(|number| u16::try_from(number).ok());
        if let Some(status) = status.filter(|status| (400..600).contains(status)) {
            put_status(&mut self.facts.status, &mut self.ranks.status, rank, status);
        }
        Ok(())
    }

    /// Takes Google's list of details, or Anthropic's object.
    fn details(&mut self, value: &mut Cursor<'_>) -> Result<(), Malformed> {
        match value.kind()? {
            Kind::Array => {
                value.array(|_, value| value.object_or_skip(|key, value| self.detail(&key, value)))
            }
            Kind::Object => value.object(|key, value| self.detail(&key, value)),
            Kind::String | Kind::Number | Kind::Boolean | Kind::Null => value.skip().map(drop),
        }
    }

    fn detail(&mut self, key: &Key<'_>, value: &mut Cursor<'_>) -> Result<(), Malformed> {
        match &*key.bytes() {
            b"error_code" | b"reason" => self.code(value, 1),
            b"violations" => value.array_or_skip(|_, value| {
                value.object_or_skip(|key, value| self.violation(&key, value))
            }),
            name => self.wait(name, value),
        }
    }

    fn violation(&mut self, key: &Key<'_>, value: &mut Cursor<'_>) -> Result<(), Malformed> {
        let Some(text) = (match key.is("quotaId") || key.is("quotaValue") {
            true => value.text_or_skip()?,
            false => None,
        }) else {
            return Ok(());
        };
        let text = text.decode(self.doc);
        if key.is("quotaValue") {
            self.facts.limit_is_zero |= text == "0";
        } else if self.facts.quota_ids.len() < QUOTAS {
            self.facts.quota_ids.push(bounded(&text, WORD).to_owned());
        }
        Ok(())
    }

    /// A member of OpenRouter's metadata.
    fn metadata(&mut self, key: &Key<'_>, value: &mut Cursor<'_>) -> Result<(), Malformed> {
        match &*key.bytes() {
            b"raw" => {
                if let Some(text) = value.text_or_skip()? {
                    self.raw = Some(bounded(&text.decode(self.doc), TEXT).to_owned());
                }
                Ok(())
            }
            b"error_type" => self.kind(value, 1),
            b"headers" => value.object_or_skip(|key, value| {
                match key.bytes().eq_ignore_ascii_case(b"x-ratelimit-reset") {
                    true => self.wait(b"resets_at", value),
                    false => Ok(()),
                }
            }),
            name => self.wait(name, value),
        }
    }

    /// Takes a member that gives an end.
    fn wait(&mut self, name: &[u8], value: &mut Cursor<'_>) -> Result<(), Malformed> {
        let unit = match name {
            b"retryDelay" | b"retry_after" | b"retry_after_seconds" | b"resets_in_seconds" => 1.0,
            b"retry_after_ms" => 1e-3,
            b"resets_at" => 0.0,
            _ => return Ok(()),
        };
        let text = match value.kind()? {
            Kind::String => value.text()?.decode(self.doc).into_owned(),
            Kind::Number => {
                let range = value.skip()?;
                String::from_utf8_lossy(self.doc.get(range).unwrap_or_default()).into_owned()
            }
            Kind::Object | Kind::Array | Kind::Boolean | Kind::Null => return Ok(()),
        };
        if unit == 0.0 {
            self.facts.resets_at = epoch(&text).or(self.facts.resets_at);
        } else if let Some((span, _)) = duration_of(&text) {
            self.facts.retry_after = Some(span.mul_f64(unit));
        }
        Ok(())
    }

    fn put_message(&mut self, text: &str, rank: u8) {
        if rank > self.ranks.message && !text.is_empty() {
            self.ranks.message = rank;
            bounded(text, TEXT).clone_into(&mut self.message);
        }
    }

    /// Reads the error of the provider behind an aggregator: its own says that there was one.
    fn read_raw(&mut self) {
        let Some(raw) = self.raw.take().filter(|_| !self.is_inner) else {
            return;
        };
        let mut reader = Reader::new(raw.as_bytes());
        reader.is_inner = true;
        let Some(inner) = reader.read() else { return };
        let facts = &mut self.facts;
        facts.code = inner.code.or(facts.code.take());
        facts.kind = inner.kind.or(facts.kind.take());
        facts.retry_after = facts.retry_after.or(inner.retry_after);
        facts.resets_at = facts.resets_at.or(inner.resets_at);
        facts.status = facts.status.or(inner.status);
        if !inner.message.is_empty() {
            self.message = inner.message;
        }
    }
}

fn is_literal(text: &str) -> bool {
    matches!(text, "null" | "true" | "false")
}

/// A status that a code is; what is no failure's is none.
fn status_of(code: &str) -> Option<u16> {
    let status = code.parse().ok();
    status.filter(|status| (400..600).contains(status) && code.len() == 3)
}

/// A time in seconds or milliseconds since the epoch, or of RFC 3339.
fn epoch(text: &str) -> Option<Duration> {
    /// Seconds until the year 5138, and milliseconds since 1973.
    const MILLISECONDS: u64 = 100_000_000_000;
    match text.parse() {
        Ok(number) if number >= MILLISECONDS => Some(Duration::from_millis(number)),
        Ok(number) => Some(Duration::from_secs(number)),
        Err(_) => timestamp_of(text),
    }
}

fn put(slot: &mut Option<String>, known: &mut u8, rank: u8, text: &str) {
    if rank > *known && !text.is_empty() {
        *known = rank;
        *slot = Some(bounded(text, WORD).to_owned());
    }
}

fn put_status(slot: &mut Option<u16>, known: &mut u8, rank: u8, status: u16) {
    if rank > *known {
        *known = rank;
        *slot = Some(status);
    }
}

/// The beginning of a text.
fn bounded(text: &str, length: usize) -> &str {
    text.get(..text.floor_char_boundary(length)).unwrap_or(text)
}
