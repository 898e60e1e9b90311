//! The state of a reply while it is read, and the batch that is being made.
//!
//! The readers of the dialects say what they find ([`State::show`], [`State::close`],
//! [`State::repeat`]); channels, deltas and sites follow from that here, the same for all of them.

use std::ops::Range;

use super::{
    ReplyLimits,
    calls::Calls,
    halves::{self, Head},
    plan::{Channel, Key, Piece, Planned, Progress, Site, What, inside, narrow},
    rest::{Claim, Rest},
};
use crate::{
    Delta, Dialect, Malformed, Places, Usage,
    json::{Cursor, Text},
    tokens::Running,
    usage::{self, Report, Tier},
};

/// The most channels, which is more than any model opens; lookups are linear.
const CHANNELS: usize = 4096;

pub(super) struct State {
    pub(super) dialect: Dialect,
    pub(super) places: Places,
    pub(super) limits: ReplyLimits,
    pub(super) streaming: bool,
    pub(super) channels: Vec<Channel>,
    /// True if any channel is edited.
    pub(super) edited: bool,
    pub(super) deltas: Vec<Delta>,
    pub(super) planned: Vec<Planned>,
    pub(super) sites: Vec<Site>,
    /// True if the event that is being read carries something besides its deltas.
    pub(super) news: bool,
    pub(super) sequence: u64,
    /// The strings of the choice that is being read.
    pub(super) pieces: Vec<Piece>,
    pub(super) usage: Option<Usage>,
    /// The tier, where it stands beside the usage.
    pub(super) tier: Option<Tier>,
    /// The part of the model's output, in tokens, that the provider's latest report covers.
    pub(super) reported: u64,
    /// True if the event that is being read holds a report.
    reports: bool,
    pub(super) finish: Option<String>,
    pub(super) content_seen: bool,
    pub(super) parsed: Progress,
    /// True if a choice went on behind its finish reason: there, a reason ends nothing.
    pub(super) goes_on: bool,
    /// Tool calls that the provider does not number.
    pub(super) calls: Calls,
    pub(super) unseen: Vec<(&'static str, u64)>,
    /// The members that all chunks of a chat share, `message_start`'s data, or the object in
    /// `response.created`.
    pub(super) head: Vec<u8>,
    /// Bytes of text that are kept for repeats.
    pub(super) kept: usize,
    /// The ranges that readers took of the document that is being read.
    pub(super) claimed: Vec<Claim>,
    /// The strings that are shown once.
    pub(super) rest: Rest,
    /// True if the event holds the whole response so far, whose contents were counted before.
    pub(super) snapshot: bool,
    /// The tokens that the model wrote so far, by estimate.
    pub(super) written: Running,
    /// True if nobody reads that number.
    pub(super) uncounted: bool,
    /// The content that could not be read, by its name in coverage.
    pub(super) unreadable: Option<&'static str>,
    /// A limit that was passed while reading; unlike bad JSON it ends the reply.
    pub(super) over: Option<&'static str>,
}

impl State {
    pub(super) fn new(
        dialect: Dialect,
        places: Places,
        limits: ReplyLimits,
        streaming: bool,
    ) -> Self {
        Self {
            dialect,
            places,
            limits,
            streaming,
            channels: Vec::new(),
            edited: false,
            deltas: Vec::new(),
            planned: Vec::new(),
            sites: Vec::new(),
            news: false,
            sequence: 0,
            pieces: Vec::new(),
            usage: None,
            tier: None,
            reported: 0,
            reports: false,
            finish: None,
            content_seen: false,
            parsed: Progress::default(),
            goes_on: false,
            calls: Calls::default(),
            unseen: Vec::new(),
            head: Vec::new(),
            kept: 0,
            claimed: Vec::new(),
            rest: Rest::default(),
            snapshot: false,
            written: Running::default(),
            uncounted: false,
            unreadable: None,
            over: None,
        }
    }

    /// Begins an event.
    pub(super) fn begin(&mut self) {
        self.news = false;
        self.snapshot = false;
        self.claimed.clear();
        self.calls.begin();
        self.sequence = self.parsed.sequence;
    }

    /// Ends it.
    pub(super) fn end(&mut self, raw: Range<usize>, joined: Option<Vec<u8>>) {
        let start = self.planned.last().map_or(0, |event| event.sites_end);
        if self.sites.len() > start {
            self.planned.push(Planned {
                raw,
                joined,
                sites_end: self.sites.len(),
                news: self.news,
                sequence: self.sequence,
            });
        }
    }

    /// Forgets what was read of an event that turned out to be no JSON.
    pub(super) fn forget(&mut self, deltas: usize, channels: usize) {
        let start = self.planned.last().map_or(0, |event| event.sites_end);
        for site in self.sites.drain(start..) {
            let ended = self.deltas.get(site.delta).is_some_and(|delta| delta.last);
            if site.is_once() {
                continue;
            }
            if let (What::Slot | What::Json | What::Close, true, Some(channel)) =
                (site.what, ended, self.channels.get_mut(site.channel))
            {
                channel.open = true;
            }
        }
        self.deltas.truncate(deltas);
        self.channels.truncate(channels);
        self.calls.undo();
    }

    /// Counts what no policy is shown.
    pub(super) fn count_unseen(&mut self, label: &'static str, bytes: usize) {
        let bytes = bytes as u64;
        if bytes == 0 {
            return;
        }
        match self.unseen.iter_mut().find(|(known, _)| *known == label) {
            Some((_, count)) if self.snapshot => *count = bytes.max(*count),
            Some((_, count)) => *count += bytes,
            None => self.unseen.push((label, bytes)),
        }
    }

    /// Reports whether a choice has a channel that is open.
    pub(super) fn is_open(&self, choice: u32) -> bool {
        let mut channels = self.channels.iter();
        channels.any(|channel| channel.open && channel.key.outer == choice)
    }

    /// Notes something that is not what the dialect's replies are made of.
    pub(super) fn cannot_read(&mut self, label: &'static str, bytes: usize) {
        self.count_unseen(label, bytes);
        if bytes > 0 {
            self.unreadable = Some(label);
        }
    }

    pub(super) fn find(&self, key: Key) -> Option<usize> {
        self.channels.iter().rposition(|channel| channel.key == key)
    }

    fn find_open(&self, key: Key) -> Option<usize> {
        self.find(key).filter(|index| {
            self.channels
                .get(*index)
                .is_some_and(|channel| channel.open)
        })
    }

    /// The channel under `key`, made if there is none that is open; `None` if nobody wants it.
    fn channel(&mut self, key: Key) -> Option<usize> {
        if !self.places.contains(key.field.place()) {
            return None;
        }
        if let Some(index) = self.find_open(key) {
            return Some(index);
        }
        if self.channels.len() >= CHANNELS {
            self.over = Some("the reply has more channels than any model opens");
            return None;
        }
        self.channels.push(Channel::new(key));
        Some(self.channels.len() - 1)
    }

    /// Counts a text that the model wrote and nobody is shown.
    pub(super) fn count(&mut self, doc: &[u8], text: &Text) {
        if !self.uncounted {
            self.written.feed(text.decode(doc).as_bytes());
        }
    }

    /// Shows a string. Returns its channel, if it is in a place that is wanted.
    pub(super) fn show(&mut self, doc: &[u8], key: Key, text: &Text, last: bool) -> Option<usize> {
        self.claim(text.range.clone());
        let empty = text.range.len() <= 2;
        self.content_seen |= !empty;
        if empty && !(last && self.find_open(key).is_some()) {
            return None;
        }
        let Some(channel) = self.channel(key) else {
            self.count(doc, text);
            // no policy reads this text, so the event has to carry it whatever becomes of the rest
            self.news = true;
            return None;
        };
        let before = match self.channels.get_mut(channel) {
            Some(channel) if !empty || last => channel.half.take(),
            _ => None,
        };
        let head = before.map(|high| Head::of(high, inside(doc, text)));
        let tail = match last || !self.streaming {
            true => None,
            false => halves::tail(text.escaped, inside(doc, text)),
        };
        let decoded = halves::shown(doc, text, head, tail.is_some());
        self.written.feed(decoded.as_bytes());
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.half = tail;
        }
        self.site(What::Slot, text.range.clone(), text.escaped, channel);
        if let Some(site) = self.sites.last_mut() {
            (site.head, site.tail) = (head, tail.is_some());
        }
        self.delta(channel, decoded, last);
        Some(channel)
    }

    /// Shows JSON source that stands outside a string; it is complete.
    pub(super) fn show_json(&mut self, doc: &[u8], key: Key, at: Range<usize>) {
        self.content_seen = true;
        self.claim(at.clone());
        let Some(Ok(source)) = doc.get(at.clone()).map(str::from_utf8) else {
            return self.count_unseen("tool_arguments", at.len());
        };
        if !self.uncounted {
            self.written.feed(source.as_bytes());
        }
        if let Some(channel) = self.channel(key) {
            self.site(What::Json, at, false, channel);
            self.delta(channel, source.to_owned(), true);
        }
    }

    /// Ends a channel where the event has no place for its text.
    pub(super) fn close(&mut self, index: usize) {
        if self.channels.get(index).is_some_and(|channel| channel.open) {
            let half = self.channels.get_mut(index).and_then(|c| c.half.take());
            let head = half.map(|_| Head::LONE);
            self.site(What::Close, 0..0, false, index);
            if let Some(site) = self.sites.last_mut() {
                site.head = head;
            }
            let text = head.map(|head| head.letter.to_string());
            self.delta(index, text.unwrap_or_default(), true);
        }
    }

    /// Ends every open channel that `which` picks.
    pub(super) fn close_all(&mut self, which: impl Fn(&Key) -> bool) {
        for index in 0..self.channels.len() {
            if self
                .channels
                .get(index)
                .is_some_and(|channel| which(&channel.key))
            {
                self.close(index);
            }
        }
    }

    /// Takes a string that ought to be the whole text of a channel. If it is not, it was never
    /// shown: then it is a channel of its own.
    pub(super) fn repeat(&mut self, doc: &[u8], key: Key, text: &Text) -> Option<usize> {
        self.claim(text.range.clone());
        if !self.places.contains(key.field.place()) {
            self.content_seen |= text.range.len() > 2;
            if !self.streaming {
                self.count(doc, text); // in a stream its deltas were
            }
            return None;
        }
        if let Some(index) = self.find(key) {
            self.close(index);
            if let Some(channel) = self.channels.get(index)
                && channel.received == text.decode(doc)
            {
                self.site(What::Repeat, text.range.clone(), text.escaped, index);
                return Some(index);
            }
        }
        self.show(doc, key, text, true)
    }

    /// Marks what is to go once the channel was edited.
    pub(super) fn void(&mut self, at: Range<usize>, channel: Option<usize>, instead: &'static str) {
        if let Some(channel) = channel {
            self.claim_unseen(at.clone(), "logprobs");
            self.site(What::Void(instead), at, false, channel);
        }
    }

    /// The same of what depends on any channel of a choice. Whether one was edited, `write` looks
    /// up by the choice.
    pub(super) fn void_of_choice(&mut self, at: Range<usize>, choice: u32, instead: &'static str) {
        let of_choice = |channel: &Channel| channel.key.outer == choice;
        match self.channels.iter().rposition(of_choice) {
            Some(channel) => self.void(at, Some(channel), instead),
            None => self.news = true,
        }
    }

    fn site(&mut self, what: What, at: Range<usize>, escaped: bool, channel: usize) {
        self.sites.push(Site {
            escaped,
            ..Site::new(what, at, channel)
        });
    }

    /// The delta of the site that was just noted.
    fn delta(&mut self, index: usize, text: String, last: bool) {
        let repeats = self.repeats();
        let (Some(channel), Some(site)) = (self.channels.get_mut(index), self.sites.last_mut())
        else {
            return;
        };
        site.delta = self.deltas.len();
        site.length = text.len();
        channel.open = !last;
        if repeats {
            channel.received.push_str(&text);
        }
        let key = channel.key;
        if repeats {
            self.keep(text.len());
        }
        self.deltas.push(Delta {
            channel: narrow(index),
            choice: match self.dialect.features().has_choices {
                true => key.outer,
                false => 0,
            },
            place: key.field.place(),
            json: key.field.place() == crate::Place::ToolArguments,
            text,
            last,
        });
    }

    /// Reports whether the dialect repeats its texts.
    pub(super) fn repeats(&self) -> bool {
        self.dialect.features().repeats_text
    }

    /// Counts text that is kept for repeats.
    pub(super) fn keep(&mut self, bytes: usize) {
        self.kept += bytes;
        if self.kept > self.limits.body {
            self.over = Some("the reply's texts are larger than `limits` allow");
        }
    }

    /// Ends every channel with the last text that it has: for documents that are read as a whole.
    pub(super) fn seal(&mut self) {
        for (index, channel) in self.channels.iter_mut().enumerate() {
            let of_channel = |delta: &&mut Delta| delta.channel as usize == index;
            if let Some(last) = self.deltas.iter_mut().rev().find(of_channel)
                && std::mem::take(&mut channel.open)
            {
                last.last = true;
            }
        }
    }

    /// Takes in a `usage` object.
    pub(super) fn read_usage(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let mut usage = self.usage.unwrap_or_default();
        let report = usage::read(cursor, self.dialect, &mut usage)?;
        if report != Report::Blank {
            usage.details.tier = self.tier.unwrap_or(usage.details.tier);
            self.usage = Some(usage);
        }
        self.reports |= report == Report::Output;
        Ok(())
    }

    /// Takes in a `usage` object of one of several replies.
    pub(super) fn add_usage(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let before = self.usage.take();
        let read = self.read_usage(cursor);
        if let Some(before) = before {
            let more = self.usage.unwrap_or_default();
            self.usage = Some(Usage {
                input: before.input.saturating_add(more.input),
                cached: before.cached.saturating_add(more.cached),
                written: before.written.saturating_add(more.written),
                output: before.output.saturating_add(more.output),
                reasoning: before.reasoning.saturating_add(more.reasoning),
                estimated: before.estimated || more.estimated,
                details: before.details.plus(more.details),
            });
        }
        read
    }

    /// Takes in a `service_tier` that stands beside the usage.
    pub(super) fn read_tier(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        self.tier = Tier::named(cursor.source()?).or(self.tier);
        if let (Some(tier), Some(usage)) = (self.tier, &mut self.usage) {
            usage.details.tier = tier;
        }
        Ok(())
    }

    /// Records how much of the output is reported, once the event is read: its members stand in any
    /// order.
    pub(super) fn note_report(&mut self) {
        if std::mem::take(&mut self.reports) {
            self.reported = self.written.tokens();
        }
    }

    /// Notes why a choice ended; the first choice's reason is the reply's.
    pub(super) fn read_finish_of(&mut self, choice: u32, doc: &[u8], reason: &Text) {
        self.news = true;
        if choice == 0 || self.finish.is_none() {
            self.read_finish(doc, reason);
        }
    }

    /// Notes why the model stopped.
    pub(super) fn read_finish(&mut self, doc: &[u8], reason: &Text) {
        self.finish = Some(reason.decode(doc).into_owned());
    }
}
