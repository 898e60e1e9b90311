//! The log: operator events (through `tracing`) and one line per exchange, on standard output.
//!
//! Both go into one bounded buffer in memory that a thread of its own writes out, at the latest 100
//! ms later: an exchange never waits for whoever reads the log. Where nobody reads fast enough,
//! lines are dropped and counted. The exchange line is written by hand, without tracing's
//! machinery, as it is on every exchange's path.

use std::{
    borrow::Cow,
    cell::RefCell,
    io::{self, IsTerminal, Write},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use dialect::endpoint::Endpoint;
use policy::chain::Edits;
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use super::{Record, sink::Sink};
use crate::config::{Log, LogFormat, LogLevel};
pub(crate) use spell::timestamp;
use spell::{digits, dollars, milliseconds, string};

mod spell;

/// Bytes of lines that are kept at most: 2,000 to 4,000 exchange lines.
const ROOM: usize = 1 << 20;

struct Active {
    sink: Sink,
    format: LogFormat,
    exchanges: AtomicBool,
}

static ACTIVE: OnceLock<Active> = OnceLock::new();

/// Starts the log on standard output, once; a second call only changes whether exchanges are
/// logged.
///
/// # Errors
/// The writing thread could not be started.
pub fn start(settings: Log, exchanges: bool) -> io::Result<()> {
    if ACTIVE.get().is_none() {
        let stdout = io::stdout();
        let format = settings.format.unwrap_or(if stdout.is_terminal() {
            LogFormat::Text
        } else {
            LogFormat::Json
        });
        let sink = Sink::start(Box::new(stdout), ROOM)?;
        let active = Active {
            sink,
            format,
            exchanges: AtomicBool::new(exchanges),
        };
        if ACTIVE.set(active).is_ok() {
            subscribe(format, settings.level);
        }
    }
    log_exchanges(exchanges);
    Ok(())
}

/// Switches the exchange log on or off.
pub fn log_exchanges(on: bool) {
    if let Some(active) = ACTIVE.get() {
        active.exchanges.store(on, Ordering::Relaxed);
    }
}

/// Waits until everything logged so far is written, at most `wait`. To be called before the process
/// ends.
pub fn flush(wait: Duration) {
    if let Some(active) = ACTIVE.get() {
        active.sink.flush(wait);
    }
}

fn subscribe(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(Lines)
        .with_target(false);
    // Fails only where an embedding program has its own subscriber; then the events are its.
    let _ = match format {
        LogFormat::Json => {
            tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish())
        }
        LogFormat::Text => tracing::subscriber::set_global_default(builder.compact().finish()),
    };
}

/// Tracing's writer: a whole line per call.
struct Lines;
impl MakeWriter<'_> for Lines {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        Self
    }
}
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(active) = ACTIVE.get() {
            active.sink.push(line);
        }
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs an exchange; see [`super::settle`].
pub(super) fn exchange(record: &Record) {
    thread_local! { static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) } }
    let Some(active) = ACTIVE.get() else { return };
    if !active.exchanges.load(Ordering::Relaxed) {
        return;
    }
    LINE.with_borrow_mut(|line| {
        line.clear();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        match active.format {
            LogFormat::Json => json(line, record, now),
            LogFormat::Text => text(line, record, now),
        }
        active.sink.push(line);
    });
}

/// `,"name":` in one piece, as it is written for every exchange.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}

/// `{"timestamp":…,"level":"INFO","message":"exchange",…}`: the fields that tracing's lines have,
/// then the record's. What is not known is left out.
fn json(line: &mut Vec<u8>, record: &Record, now: Duration) {
    let mut o = Object(line);
    o.0.extend_from_slice(b"{\"timestamp\":\"");
    timestamp(o.0, now);
    o.0.extend_from_slice(b"\",\"level\":\"INFO\",\"message\":\"exchange\"");
    o.text(key!("id"), &record.id);
    o.word(key!("dialect"), record.dialect.name());
    if let Some(endpoint) = record.endpoint {
        o.word(key!("endpoint"), endpoint.name());
    }
    if let Some(path) = &record.path {
        o.text(key!("path"), path.path());
    }
    if let Some(model) = &record.model {
        o.text(key!("model"), model);
    }
    if !record.target.is_empty() {
        o.text(key!("target"), &record.target);
    }
    o.number(key!("status"), record.status.into());
    let mut open = b'[';
    for (target, attempt) in record.attempts() {
        if open == b'[' {
            o.key(key!("attempts"));
        }
        o.0.push(open);
        open = b',';
        o.0.extend_from_slice(b"{\"target\":");
        string(o.0, short(target));
        o.word(key!("class"), attempt.class);
        o.number(key!("status"), attempt.status.into());
        o.milliseconds(key!("ms"), attempt.took);
        o.0.push(b'}');
    }
    if open == b',' {
        o.0.push(b']');
    }
    if let Some(translated) = &record.translated {
        o.word(key!("translated_to"), translated.to);
        for (key, name) in [
            (key!("provider_id"), &translated.id),
            (key!("provider_model"), &translated.model),
        ] {
            if let Some(name) = name {
                o.text(key, name);
            }
        }
        if !translated.dropped.is_empty() {
            o.text(key!("dropped"), &translated.dropped.join(","));
        }
    }
    o.flag(key!("streaming"), record.streaming);
    if let Some(usage) = &record.usage {
        o.number(key!("input_tokens"), usage.input);
        o.number(key!("cached_input_tokens"), usage.cached);
        if usage.written > 0 {
            o.number(key!("written_input_tokens"), usage.written);
        }
        o.number(key!("output_tokens"), usage.output);
        o.number(key!("reasoning_tokens"), usage.reasoning);
        if usage.estimated {
            o.flag(key!("tokens_estimated"), true);
        }
    }
    for (key, count) in [
        (key!("audio_input_tokens"), record.audio_tokens),
        (key!("images"), record.images),
        (key!("audio_seconds"), record.audio_seconds),
    ] {
        if count > 0 {
            o.number(key, count);
        }
    }
    if let Some(cost) = record.cost {
        o.key(key!("cost_usd"));
        dollars(o.0, cost);
        let reported = record.usage.and_then(|usage| usage.details.cost);
        if reported == Some(cost.0) {
            o.flag(key!("cost_reported"), true);
        }
    } else if record.is_unpriced() {
        o.flag(key!("unpriced"), true);
    }
    let mut reserved = record
        .reserved
        .iter()
        .map(|(unit, amount)| (unit.name(), amount));
    o.members(key!("reserved"), &mut reserved, |out, amount| {
        digits(out, amount, 1)
    });
    o.members(key!("tags"), &mut record.tags.iter(), string);
    if let Some(finish) = &record.finish {
        o.text(key!("finish"), finish);
    }
    if let Some(first) = record.first_token {
        o.milliseconds(key!("first_token_ms"), first);
    }
    o.milliseconds(key!("total_ms"), record.total);
    o.milliseconds(key!("overhead_ms"), record.overhead);
    o.number(key!("request_bytes"), record.request_bytes);
    o.number(key!("reply_bytes"), record.reply_bytes);
    if !record.policies.is_empty() {
        o.key(key!("policies"));
        for (n, policy) in record.policies.iter().enumerate() {
            o.0.extend_from_slice(if n == 0 {
                b"[{\"policy\":"
            } else {
                b",{\"policy\":"
            });
            string(o.0, &policy.name);
            o.text(key!("version"), &policy.version);
            o.word(key!("verdict"), policy.verdict);
            o.milliseconds(key!("ms"), Duration::from_micros(policy.micros.into()));
            o.counts(key!("edits"), &policy.edits);
            o.counts(key!("reply_edits"), &policy.reply_edits);
            o.0.push(b'}');
        }
        o.0.push(b']');
    }
    if let Some(store) = record.from_store {
        o.word(key!("from_store"), store);
    }
    if let Some(error) = &record.error {
        o.text(key!("error"), error);
        if let Some((policy, reason)) = record.refused_by() {
            o.text(key!("refused_by"), policy);
            if let Some(reason) = reason {
                o.word(key!("reason"), reason);
            }
        }
    }
    if record.client_gone {
        o.flag(key!("client_gone"), true);
    }
    if let Some(trace) = &record.trace_id {
        o.text(key!("trace_id"), trace);
    }
    o.number(key!("generation"), record.generation);
    line.extend_from_slice(b"}\n");
}

/// One line for people: `22:59:07 200 openai.chat fast -> openai/gpt-5-mini 812.4 ms, first 210.0
/// ms, ours 0.2 ms, 12 + 34 tokens, pii-redact edited`. In the place of `other` stands the endpoint
/// of what passes unread.
fn text(line: &mut Vec<u8>, record: &Record, now: Duration) {
    timestamp(line, now);
    line.drain(..11); // the date
    line.truncate(8); // the fraction
    let ms = |d: Duration| d.as_secs_f64() * 1000.0;
    let model = record.model.as_deref().unwrap_or("-");
    // Writing to a vector does not fail.
    let _ = write!(
        line,
        " {} {} {}",
        record.status,
        (record.endpoint).map_or(record.dialect.name(), Endpoint::name),
        plain(model)
    );
    if !record.target.is_empty() {
        let _ = write!(line, " -> {}", plain(&record.target));
    }
    for made in &record.earlier {
        let _ = write!(line, " ({} {})", plain(&made.target), made.end.class);
    }
    let _ = write!(line, " {:.1} ms", ms(record.total));
    if let Some(first) = record.first_token {
        let _ = write!(line, ", first {:.1} ms", ms(first));
    }
    let _ = write!(line, ", ours {:.2} ms", ms(record.overhead));
    if let Some(usage) = &record.usage {
        let _ = write!(line, ", {} + {} tokens", usage.input, usage.output);
    }
    if let Some(cost) = record.cost {
        let _ = write!(line, ", ${cost}");
    }
    if let Some(tenant) = record.tags.get("tenant") {
        let _ = write!(line, ", for {}", plain(tenant));
    }
    for policy in &record.policies {
        let _ = write!(line, ", {} {}", plain(&policy.name), policy.verdict);
        for edits in [&policy.edits, &policy.reply_edits] {
            if !edits.is_empty() {
                let _ = write!(line, " ({edits})");
            }
        }
    }
    if let Some(error) = &record.error {
        let _ = write!(line, ", {}", plain(error));
        if let Some((policy, reason)) = record.refused_by() {
            let _ = write!(line, " by {} {}", plain(policy), reason.unwrap_or_default());
        }
    }
    if record.client_gone {
        let _ = write!(line, ", app hung up");
    }
    let _ = writeln!(line, " [{}]", plain(&record.id));
}

/// Removes control characters, which a terminal would obey, and cuts what is longer than a name may
/// be.
fn plain(text: &str) -> Cow<'_, str> {
    let text = short(text);
    if text.chars().any(char::is_control) {
        Cow::Owned(
            text.chars()
                .map(|c| if c.is_control() { '?' } else { c })
                .collect(),
        )
    } else {
        Cow::Borrowed(text)
    }
}

/// Cuts to 256 bytes at most: names come from callers.
fn short(text: &str) -> &str {
    text.get(..text.floor_char_boundary(256)).unwrap_or(text)
}

/// Members of a JSON object after its first.
struct Object<'a>(&'a mut Vec<u8>);

impl Object<'_> {
    fn key(&mut self, key: &'static str) {
        self.0.extend_from_slice(key.as_bytes());
    }
    fn text(&mut self, key: &'static str, value: &str) {
        self.key(key);
        string(self.0, short(value));
    }
    /// A word of the program, which needs no escapes.
    fn word(&mut self, key: &'static str, value: &'static str) {
        self.key(key);
        self.0.push(b'"');
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'"');
    }
    fn number(&mut self, key: &'static str, value: u64) {
        self.key(key);
        digits(self.0, value, 1);
    }
    fn flag(&mut self, key: &'static str, value: bool) {
        self.key(key);
        self.0
            .extend_from_slice(if value { b"true" } else { b"false" });
    }
    /// An object, where it has a member.
    fn members<T>(
        &mut self,
        key: &'static str,
        members: &mut dyn Iterator<Item = (&str, T)>,
        write: impl Fn(&mut Vec<u8>, T),
    ) {
        let mut open = false;
        for (name, value) in members {
            if !open {
                self.key(key);
            }
            self.0.push(if open { b',' } else { b'{' });
            open = true;
            string(self.0, name);
            self.0.push(b':');
            write(self.0, value);
        }
        if open {
            self.0.push(b'}');
        }
    }
    /// Counts of edits, where there are any.
    fn counts(&mut self, key: &'static str, edits: &Edits) {
        self.members(key, &mut edits.iter(), |out, count| {
            digits(out, count.into(), 1)
        });
    }
    fn milliseconds(&mut self, key: &'static str, value: Duration) {
        self.key(key);
        milliseconds(self.0, value);
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
