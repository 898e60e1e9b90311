//! The choice of what stays of a conversation that is over its budget: a pure function of the
//! conversation, so that the next turn is cut alike.
//!
//! Cutting just enough would move the cut in every turn, and with it the beginning of what the
//! provider has cached. So cuts lie a *step* apart, counted in tokens from the conversation's
//! beginning, which later turns don't change: the first one that brings the rest under the budget
//! is taken, and serves until the conversation has grown by about a step.

use std::{collections::BTreeMap, ops::Range};

use outrigger_sdk::json;

use crate::{
    compact::compact,
    conversation::{Conversation, Role, Text, fnv},
    weight,
};

/// The size of a window and what must stay in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Tokens of the whole request.
    pub(crate) budget: u64,
    /// Weight between two cuts: about so many tokens. Not in the host's own measure, which may
    /// change from turn to turn.
    pub(crate) step: u64,
    /// Turns at the end that are not cut while anything else can be.
    pub(crate) turns: usize,
    /// True if the user's first message stays.
    pub(crate) first: bool,
    /// True if tool results lose what is only blank.
    pub(crate) compact: bool,
    /// True if a text that stands there already is replaced by a note.
    pub(crate) dedupe: bool,
}

/// The note that replaces a text that was said before.
const AGAIN: &str = "\"[unchanged: the same text stands in an earlier message]\"";
/// Bytes from which on a result, and a user's text, is worth a note.
const RESULT: usize = 200;
const USER: usize = 1000;

/// A conversation made to fit, or as nearly as it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fitted {
    /// The array of messages.
    pub(crate) json: String,
    /// Messages that went.
    pub(crate) dropped: usize,
    /// Compactions that stand before the cut, and stayed.
    pub(crate) compactions: usize,
    /// Tokens of the request, about.
    pub(crate) tokens: u64,
    /// Nothing more can go.
    pub(crate) least: bool,
    /// The cut that was taken, counted from the beginning; 0: none.
    pub(crate) cut: u64,
}

/// A conversation, with what can be saved in it.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    json: &'a str,
    conversation: Conversation,
    window: Window,
    /// The shorter form of each literal, by its place.
    shorter: BTreeMap<usize, String>,
    /// Indices of the units that may go: all but the system's and compactions.
    movable: Vec<usize>,
    /// Weight of the movable units before each, after compaction; one more than there are.
    before: Vec<u64>,
    /// Weight that compaction saves.
    saved: u64,
    /// The host's tokens for all messages, and their weight here.
    scale: (u64, u64),
}

impl<'a> Plan<'a> {
    /// Reads a conversation, whose messages have so many tokens by the host's count.
    pub(crate) fn new(json: &'a str, window: Window, tokens: u64) -> Self {
        let conversation = Conversation::read(json);
        let weight = conversation
            .messages
            .iter()
            .map(|message| message.weight)
            .sum::<u64>()
            .max(1);
        let mut plan = Self {
            json,
            movable: Vec::new(),
            before: vec![0],
            shorter: BTreeMap::new(),
            saved: 0,
            scale: (tokens, weight),
            window,
            conversation,
        };
        if window.compact {
            plan.compact();
        }
        for (at, unit) in plan.conversation.units.iter().enumerate() {
            if unit.role != Role::System && !unit.stays {
                plan.movable.push(at);
                let sum = plan.before.last().copied().unwrap_or(0) + plan.conversation.weight(unit);
                plan.before.push(sum);
            }
        }
        plan
    }

    fn compact(&mut self) {
        for message in &mut self.conversation.messages {
            for text in message.texts.iter().filter(|text| text.result) {
                let literal = self.json.get(text.range.clone()).unwrap_or_default();
                if let Some(short) = compact(&json::decode(literal)) {
                    let short = json::quote(&short);
                    let saved = weight::of_text(literal)
                        .saturating_sub(weight::of_text(&short))
                        .min(message.weight);
                    message.weight -= saved;
                    self.saved += saved;
                    self.shorter.insert(text.range.start, short);
                }
            }
        }
    }

    /// Makes it fit. `total` are the request's tokens as it stands; `from` is the first cut that is
    /// tried.
    ///
    /// Without messages that could go there is nothing to do.
    pub(crate) fn fit(&self, total: u64, from: u64) -> Option<Fitted> {
        let last = self.movable.len().checked_sub(1)?;
        let mut cut = from;
        loop {
            let place = if cut == 0 { 0 } else { self.place(cut, last) };
            let mut kept = self.kept(place);
            let mut fitted = self.tokens(total, &kept);
            let mut least = place >= last;
            // More than needed would go of the last turns: cut at their beginning instead, if that
            // is enough.
            let turns = self.last_turns();
            if (1..place).contains(&turns) {
                let gentler = self.kept(turns);
                let (tokens, notes) = self.tokens(total, &gentler);
                if tokens <= self.window.budget {
                    (kept, fitted) = (gentler, (tokens, notes));
                    least = false; // where the host counts more, there is still something that can go
                }
            }
            let (tokens, notes) = fitted;
            if tokens <= self.window.budget || place >= last {
                let dropped = kept.iter().filter(|kept| !**kept).count();
                let json = self.write(&kept, &notes);
                let compactions = self.compactions(&kept);
                return Some(Fitted {
                    json,
                    dropped,
                    compactions,
                    tokens,
                    least,
                    cut,
                });
            }
            cut += 1;
        }
    }

    /// Compactions before the last message that goes.
    fn compactions(&self, kept: &[bool]) -> usize {
        let cut = kept.iter().rposition(|kept| !*kept).unwrap_or(0);
        let before = self.conversation.messages.iter().take(cut);
        before.filter(|message| message.compaction).count()
    }

    /// The number of the first movable unit behind a cut.
    fn place(&self, cut: u64, last: usize) -> usize {
        let target = cut.saturating_mul(self.window.step.max(1));
        let place = self
            .before
            .partition_point(|before| *before < target)
            .min(last);
        // A turn's beginning, where one is near: it lies in what no later turn changes.
        let near = target.saturating_add(self.window.step / 2);
        let turn = (place..=last)
            .take_while(|at| self.before.get(*at).is_some_and(|before| *before <= near))
            .find(|at| self.is_user(*at));
        turn.unwrap_or(place)
    }

    fn is_user(&self, movable: usize) -> bool {
        let unit = self
            .movable
            .get(movable)
            .and_then(|at| self.conversation.units.get(*at));
        unit.is_some_and(|unit| unit.role == Role::User)
    }

    /// The movable unit with which the last turns begin.
    fn last_turns(&self) -> usize {
        let mut turns = (0..self.movable.len()).rev().filter(|at| self.is_user(*at));
        turns.nth(self.window.turns.max(1) - 1).unwrap_or(0)
    }

    /// True for each message that stays if the units before `place` go. A unit behind a cut needs
    /// the question that it belongs to, and so a conversation always begins with the user.
    fn kept(&self, place: usize) -> Vec<bool> {
        let question = (0..=place).rev().find(|at| self.is_user(*at));
        let first = (0..place)
            .find(|at| self.is_user(*at))
            .filter(|_| self.window.first);
        let mut kept = vec![true; self.conversation.messages.len()];
        for at in (0..place).filter(|at| Some(*at) != question && Some(*at) != first) {
            let unit = self
                .movable
                .get(at)
                .and_then(|at| self.conversation.units.get(*at));
            for message in unit.map_or(0..0, |unit| unit.messages.clone()) {
                if let Some(kept) = kept.get_mut(message) {
                    *kept = false;
                }
            }
        }
        kept
    }

    /// The request's tokens with these messages, and which texts are replaced by notes.
    fn tokens(&self, total: u64, kept: &[bool]) -> (u64, Vec<usize>) {
        let (mut saved, mut notes) = (self.saved, Vec::new());
        let mut seen = BTreeMap::new();
        for (message, kept) in self.conversation.messages.iter().zip(kept) {
            if !kept {
                saved += message.weight;
                continue;
            }
            for text in message.texts.iter().filter(|_| self.window.dedupe) {
                let literal = self.literal(text);
                if literal.len() < if text.result { RESULT } else { USER } {
                    continue;
                }
                let hash = text.hash.get().unwrap_or_else(|| fnv(literal));
                text.hash.set(Some(hash));
                if *seen.entry(hash).or_insert((text.range.start, literal))
                    != (text.range.start, literal)
                    && seen.get(&hash).is_some_and(|(_, first)| *first == literal)
                {
                    saved += weight::of_text(literal).saturating_sub(weight::of_text(AGAIN));
                    notes.push(text.range.start);
                }
            }
        }
        let (tokens, weight) = self.scale;
        (
            total.saturating_sub(saved.saturating_mul(tokens) / weight),
            notes,
        )
    }

    /// A text as it will be written.
    fn literal(&self, text: &Text) -> &str {
        let shorter = self.shorter.get(&text.range.start).map(String::as_str);
        shorter.unwrap_or_else(|| self.json.get(text.range.clone()).unwrap_or_default())
    }

    /// The array with these messages; everything that stays untouched is copied as it stands.
    fn write(&self, kept: &[bool], notes: &[usize]) -> String {
        let messages = &self.conversation.messages;
        let mut out = String::with_capacity(self.json.len());
        let copy = |out: &mut String, range: Range<usize>| {
            out.push_str(self.json.get(range).unwrap_or_default())
        };
        copy(
            &mut out,
            0..messages.first().map_or(0, |message| message.range.start),
        );
        let mut empty = true;
        for (at, message) in messages
            .iter()
            .enumerate()
            .filter(|(at, _)| kept.get(*at) == Some(&true))
        {
            if !std::mem::replace(&mut empty, false) {
                let before = at.checked_sub(1).and_then(|at| messages.get(at));
                copy(
                    &mut out,
                    before.map_or(0, |before| before.range.end)..message.range.start,
                );
            }
            let mut done = message.range.start;
            for text in &message.texts {
                let new = match notes.contains(&text.range.start) {
                    true => Some(AGAIN),
                    false => self.shorter.get(&text.range.start).map(String::as_str),
                };
                if let Some(new) = new {
                    copy(&mut out, done..text.range.start);
                    out.push_str(new);
                    done = text.range.end;
                }
            }
            copy(&mut out, done..message.range.end);
        }
        copy(
            &mut out,
            messages.last().map_or(0, |message| message.range.end)..self.json.len(),
        );
        out
    }
}
