//! Writes a batch: what the policies made of its deltas, in the original bytes.

use std::ops::Range;

use super::{
    halves::{self, halved},
    plan::{Planned, Site, What},
    state::State,
    synth,
};
use crate::{
    Malformed,
    json::{Cursor, Text, quote},
    sse,
};

/// The bytes that take a site's place.
type Splice<'a> = (Range<usize>, With<'a>);

enum With<'a> {
    Text(&'a str),
    Json(&'a str),
    /// A literal of our own.
    Literal(Vec<u8>),
    /// The text that was sent on this channel.
    Sent(usize),
}

impl State {
    /// Writes `text` as an event of its own, before what has not been written yet.
    pub(super) fn release(&mut self, channel: u32, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let found = usize::try_from(channel)
            .ok()
            .and_then(|at| self.channels.get_mut(at));
        let Some(channel) = found.filter(|channel| channel.open) else {
            return out;
        };
        channel.edited = true;
        self.edited = true;
        if self.dialect.features().repeats_text {
            self.kept += channel.send(0, Some(text));
        }
        let sequence = self.parsed.sequence;
        synth::piece(self.dialect, &self.head, channel, text, sequence, &mut out);
        out
    }

    /// Writes the batch whose events are the first `end` of `bytes`; `None` if it leaves as it
    /// came. `cut`: the last event lacks its blank line.
    ///
    /// # Errors
    /// There is not one edit per delta, or an edit is no JSON where JSON is needed.
    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        end: usize,
        cut: bool,
        edits: &[Option<String>],
    ) -> Result<Option<Vec<u8>>, Malformed> {
        let planned = std::mem::take(&mut self.planned);
        let sites = std::mem::take(&mut self.sites);
        let result = self.write_events(
            bytes.get(..end).unwrap_or(bytes),
            cut,
            edits,
            &planned,
            &sites,
        );
        // the allocations serve the next batch
        (self.planned, self.sites) = (planned, sites);
        self.planned.clear();
        self.sites.clear();
        result
    }

    fn write_events(
        &mut self,
        bytes: &[u8],
        cut: bool,
        edits: &[Option<String>],
        planned: &[Planned],
        sites: &[Site],
    ) -> Result<Option<Vec<u8>>, Malformed> {
        let nothing = !self.edited && edits.iter().all(Option::is_none);
        let halves = sites.iter().any(|site| site.tail || site.head.is_some());
        if nothing && !halves && !self.dialect.features().repeats_text {
            return Ok(None);
        }
        let mut out = Vec::new();
        let (mut copied, mut first, mut changed) = (0, 0, false);
        for event in planned {
            let batch = Batch {
                bytes,
                planned,
                sites,
                edits,
                first,
            };
            first = event.sites_end;
            let mut late = Vec::new();
            let written = self.event(event, batch, &mut late)?;
            if nothing || (late.is_empty() && matches!(written, Written::AsItCame)) {
                continue;
            }
            if !std::mem::replace(&mut changed, true) {
                out.reserve(bytes.len() + 64);
            }
            out.extend_from_slice(bytes.get(copied..event.raw.start).unwrap_or_default());
            copied = event.raw.end;
            if !late.is_empty() && cut && event.raw.is_empty() {
                out.extend_from_slice(b"\n\n");
            }
            out.extend_from_slice(&late);
            match written {
                Written::AsItCame => {
                    out.extend_from_slice(bytes.get(event.raw.clone()).unwrap_or_default());
                }
                Written::Spliced(splices) => self.splice(bytes, event, &splices, &mut out),
                Written::Dropped => {}
            }
        }
        if self.kept > self.limits.body.saturating_mul(4) {
            return Err(Malformed::new(
                "the reply's texts are larger than `limits` allow",
                0,
            ));
        }
        if !changed {
            return Ok(None);
        }
        out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
        Ok(Some(out))
    }

    /// Decides what becomes of one event; `late` gets the events that must go before it.
    fn event<'e>(
        &mut self,
        event: &Planned,
        batch: Batch<'e>,
        late: &mut Vec<u8>,
    ) -> Result<Written<'e>, Malformed> {
        let doc = event.doc(batch.bytes);
        let sites = batch.sites.get(batch.first..event.sites_end);
        let (sites, edits) = (sites.unwrap_or_default(), batch.edits);
        let mut splices: Vec<Splice<'e>> = Vec::new();
        let (mut emptied, mut text_left) = (false, false);
        // first what the policies said, as the rest depends on it
        for (at, site) in sites.iter().enumerate() {
            if matches!(site.what, What::Repeat | What::Void(_)) {
                continue;
            }
            let edit = edits.get(site.delta).and_then(Option::as_deref);
            let edit = edit.filter(|edit| differs(edit, site, doc));
            if site.is_once() {
                if site.what != What::OnceAgain
                    && let Some(edit) = edit
                {
                    splices.push((site.at.clone(), self.once(site, edit)?));
                }
                text_left = true;
                continue;
            }
            let edited_next = site.tail && batch.edits_next(batch.first + at);
            let Some(channel) = self.channels.get_mut(site.channel) else {
                continue;
            };
            if self.dialect.features().repeats_text {
                self.kept += channel.send(site.length, edit);
            }
            channel.edited |= edit.is_some();
            self.edited |= edit.is_some();
            if site.tail || site.head.is_some() {
                let Some(text) = halved(channel, site, doc, edit, edited_next) else {
                    text_left |= site.what == What::Slot;
                    continue;
                };
                emptied |= text.is_empty();
                text_left |= !text.is_empty();
                if site.what != What::Close {
                    splices.push((site.at.clone(), With::Literal(text.literal())));
                } else if !text.is_empty() {
                    let (dialect, sequence) = (self.dialect, event.sequence);
                    synth::piece(dialect, &self.head, channel, text.plain(), sequence, late);
                }
                continue;
            }
            let Some(edit) = edit else {
                text_left |= site.length > 0;
                continue;
            };
            if site.what == What::Close {
                let (dialect, sequence) = (self.dialect, event.sequence);
                synth::piece(dialect, &self.head, channel, edit, sequence, late);
            } else if site.what == What::Json {
                json(edit)?;
                splices.push((site.at.clone(), With::Json(edit)));
                text_left = true;
            } else {
                emptied |= edit.is_empty();
                text_left |= !edit.is_empty();
                splices.push((site.at.clone(), With::Text(edit)));
            }
        }
        for site in sites {
            match site.what {
                What::OnceAgain => {
                    let sent = self.rest.sent.get(site.channel).cloned().flatten();
                    // `escaped` says here that it stands outside a string
                    match sent {
                        Some(sent) if site.escaped => splices.push((
                            site.at.clone(),
                            With::Literal(on_one_line(&sent, self.streaming)),
                        )),
                        Some(sent) => {
                            let mut literal = Vec::new();
                            quote(&sent, &mut literal);
                            splices.push((site.at.clone(), With::Literal(literal)));
                        }
                        None => {}
                    }
                }
                What::Repeat if self.is_edited(site) => {
                    text_left = true;
                    splices.push((site.at.clone(), With::Sent(site.channel)));
                }
                What::Void(instead) if self.is_edited(site) => {
                    splices.push((site.at.clone(), With::Json(instead)));
                }
                What::Slot
                | What::Json
                | What::Close
                | What::Repeat
                | What::Once
                | What::OnceJson
                | What::Void(_) => {}
            }
        }
        if emptied && !text_left && !event.news {
            return Ok(Written::Dropped);
        }
        if splices.is_empty() {
            return Ok(Written::AsItCame);
        }
        splices.sort_by_key(|(at, _)| at.start);
        Ok(Written::Spliced(splices))
    }

    /// The bytes for the place of a text that is shown once.
    fn once<'e>(&mut self, site: &Site, edit: &'e str) -> Result<With<'e>, Malformed> {
        self.edited = true;
        if let Some(sent) = self.rest.sent.get_mut(site.channel) {
            *sent = Some(edit.to_owned());
            self.kept += edit.len();
        }
        if site.what == What::OnceJson {
            json(edit)?;
            return Ok(With::Json(edit));
        }
        Ok(With::Text(edit))
    }

    /// Reports whether values that depend on the site's channel are untrue now. A choice's
    /// log-probabilities cover all its channels.
    fn is_edited(&self, site: &Site) -> bool {
        let Some(channel) = self.channels.get(site.channel) else {
            return false;
        };
        let of_choice = self.dialect.features().has_choices;
        let choice = channel.key.outer;
        channel.edited
            || of_choice
                && (self.channels.iter()).any(|other| other.edited && other.key.outer == choice)
    }

    fn splice(&self, bytes: &[u8], event: &Planned, splices: &[Splice<'_>], out: &mut Vec<u8>) {
        let Some(doc) = &event.joined else {
            return self.fill(bytes, event.raw.clone(), splices, out);
        };
        let raw = bytes.get(event.raw.clone()).unwrap_or_default();
        let (mut done, mut left_out) = (false, false);
        for (line, with_end) in sse::lines(raw) {
            if sse::data_of(line).is_none() {
                // what stood between a CR and this LF is gone, and the two would be one line end
                if std::mem::take(&mut left_out)
                    && with_end.first() == Some(&b'\n')
                    && let Some(last @ b'\r') = out.last_mut()
                {
                    *last = b'\n';
                }
                out.extend_from_slice(with_end);
            } else if !std::mem::replace(&mut done, true) {
                out.extend_from_slice(b"data: ");
                self.fill(doc, 0..doc.len(), splices, out);
                out.extend_from_slice(with_end.get(line.len()..).unwrap_or_default());
            } else {
                left_out = true;
            }
        }
    }

    fn fill(&self, doc: &[u8], range: Range<usize>, splices: &[Splice<'_>], out: &mut Vec<u8>) {
        let mut copied = range.start;
        for (at, with) in splices {
            out.extend_from_slice(doc.get(copied..at.start).unwrap_or_default());
            copied = at.end;
            match with {
                With::Text(text) => quote(text, out),
                With::Json(json) => out.extend_from_slice(&on_one_line(json, self.streaming)),
                With::Literal(literal) => out.extend_from_slice(literal),
                With::Sent(channel) => {
                    let sent = self.channels.get(*channel).map(|channel| channel.sent());
                    quote(sent.unwrap_or_default(), out);
                }
            }
        }
        out.extend_from_slice(doc.get(copied..range.end).unwrap_or_default());
    }
}

/// JSON source for a data line, which line ends would end; they mean what a space does.
fn on_one_line(json: &str, streaming: bool) -> Vec<u8> {
    let bytes = json.bytes().map(|byte| match byte {
        b'\n' | b'\r' if streaming => b' ',
        byte => byte,
    });
    bytes.collect()
}

enum Written<'a> {
    AsItCame,
    Spliced(Vec<Splice<'a>>),
    Dropped,
}

/// All that is to be written, and where in it the event's sites begin.
#[derive(Clone, Copy)]
struct Batch<'a> {
    bytes: &'a [u8],
    planned: &'a [Planned],
    sites: &'a [Site],
    edits: &'a [Option<String>],
    first: usize,
}

impl Batch<'_> {
    /// Reports whether the next delta of a site's channel is edited, as far as it is there.
    fn edits_next(&self, site: usize) -> bool {
        let channel = self.sites.get(site).map(|site| site.channel);
        let mut behind = self.sites.iter().enumerate().skip(site + 1);
        let next =
            behind.find(|(_, next)| next.delta != usize::MAX && Some(next.channel) == channel);
        next.is_some_and(|(index, next)| {
            let event = self.planned.iter().find(|event| index < event.sites_end);
            let edit = self.edits.get(next.delta).and_then(Option::as_deref);
            edit.zip(event)
                .is_some_and(|(edit, event)| differs(edit, next, event.doc(self.bytes)))
        })
    }
}

/// Reports whether an edit says anything else than what came: an event is not rewritten only to
/// escape its text differently.
fn differs(edit: &str, site: &Site, doc: &[u8]) -> bool {
    match site.what {
        _ if site.tail || site.head.is_some() => halves::text_of(site, doc) != edit,
        What::Close => !edit.is_empty(),
        What::Json | What::OnceJson => doc.get(site.at.clone()) != Some(edit.as_bytes()),
        What::Slot | What::Repeat | What::Once | What::OnceAgain | What::Void(_) => {
            let text = Text {
                range: site.at.clone(),
                escaped: site.escaped,
            };
            text.decode(doc) != edit
        }
    }
}

fn json(source: &str) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(source.as_bytes());
    cursor.skip()?;
    cursor.end()
}
