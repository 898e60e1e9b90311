//! Changes a document's text so that it says a new value, and leaves every line that need not
//! change as it is: comments, quotes, order.
//!
//! The new value is compared with the old one from the top; where they differ, lines come in or go,
//! or, between brackets ([`flow`]), parts of lines. What an alias or `<<` repeats follows from its
//! anchor's place, so that is changed first; only a copy that must differ from it then is written
//! out. What is written so oddly that it can't be changed in its place is printed anew, as far up as
//! it must be. The result is read again and compared with what it should say, so a mistake in here
//! costs comments, never meaning.

use super::{
    align::{Step, align, pair},
    flow::{Brackets, Edit, Style},
    print,
    read::read,
    tree::{At, Body, Entry, Node},
};

/// Copies that are written out before the whole document is.
const COPIES: usize = 64;

/// The text with the new value in place of the old one, which was read from it. None where it can't
/// be done line by line.
pub(super) fn splice(text: &str, old: &Node, new: &Node) -> Option<String> {
    if old.same(new) {
        return Some(text.to_owned());
    }
    let (mut text, mut root) = (text.to_owned(), old.clone());
    for _ in 0..COPIES {
        let mut splicer = Splicer::new(&text, 0);
        splicer.change(&root, new, &Place::Root)?;
        if splicer.edits.is_empty() {
            // What is left hangs on aliases: one is written out, and others may follow it.
            splicer = Splicer::new(&text, 1);
            splicer.change(&root, new, &Place::Root)?;
        }
        let spliced = splicer.apply()?;
        root = read(&spliced).ok()?.root;
        if root.same(new) {
            return Some(spliced);
        }
        if !text.contains('*') && !text.contains("<<") {
            return None;
        }
        text = spliced;
    }
    None
}

/// The place in the text that a value belongs to.
enum Place {
    Root,
    /// Past the colon; the indentation of the keys.
    Value {
        colon: usize,
        indent: usize,
    },
    /// The dash, and how far it is indented.
    Item {
        dash: usize,
        indent: usize,
    },
    /// Between brackets, with the white space before what stands there.
    Bracketed(String),
}

struct Splicer<'a> {
    text: &'a str,
    crlf: bool,
    style: Style,
    /// True if the last line goes, and it has no line break.
    open: bool,
    /// Copies that may be written out.
    copies: usize,
    edits: Vec<Edit>,
}

impl<'a> Splicer<'a> {
    fn new(text: &'a str, copies: usize) -> Self {
        Self {
            text,
            crlf: text.contains("\r\n"),
            style: Style::of(text),
            open: false,
            copies,
            edits: Vec::new(),
        }
    }

    /// True if a copy is to be written out now; else a later round sees to it.
    fn may_copy(&mut self) -> bool {
        let may = self.copies > 0;
        self.copies -= usize::from(may);
        may
    }

    fn change(&mut self, old: &Node, new: &Node, place: &Place) -> Option<()> {
        if old.same(new) {
            return Some(());
        }
        let at = old.at?;
        if at.copy && !self.may_copy() {
            return Some(());
        }
        if at.own && old.tag == new.tag && self.has_room(at, old, new, place) {
            let before = self.edits.len();
            let done = match (&old.body, &new.body) {
                (Body::Map(_), Body::Map(_)) => self.map(old, new),
                (Body::List(a), Body::List(b)) => self.list(a, b, at, place),
                (Body::Plain(_) | Body::Text(_), Body::Plain(_) | Body::Text(_)) => {
                    let written = self.text.get(at.start..at.end)?;
                    let printed = match place {
                        Place::Bracketed(gap) if !written.starts_with(['"', '\'']) => {
                            self.style.print(new, gap)
                        }
                        _ => print::like(new, written),
                    };
                    (!printed.contains('\n')).then(|| self.edits.push((at.start, at.end, printed)))
                }
                _ => None,
            };
            if done.is_some() {
                return done;
            }
            self.edits.truncate(before);
        }
        let (start, printed) = match place {
            Place::Root => return None,
            Place::Value { colon, indent } => (*colon, print::print_value(new, *indent)),
            Place::Item { dash, indent } => (*dash, print::print_item(new, *indent)),
            Place::Bracketed(gap) => {
                let room = if at.start == at.end { " " } else { "" };
                (at.start, format!("{room}{}", self.style.print(new, gap)))
            }
        };
        self.edits.push((start, at.end.max(start), printed));
        Some(())
    }

    /// True if a collection can be changed where it stands. One that is empty, or will be, gives way
    /// to lines and back, where that gives back the same brackets.
    fn has_room(&self, at: At, old: &Node, new: &Node, place: &Place) -> bool {
        match (at.open, place) {
            (Some(_), Place::Value { colon, .. }) if old.is_empty() => {
                !matches!(self.text.get(*colon..at.end), Some(" []" | " {}"))
            }
            (Some(_), _) => true,
            (None, _) => !old.is_empty() && !new.is_empty(),
        }
    }

    fn map(&mut self, old: &Node, new: &Node) -> Option<()> {
        if let Some(open) = old.at?.open {
            return self.bracketed_map(old, new, open);
        }
        let mut own = Vec::new();
        let mut first = old.at?.start;
        for entry in old.entries() {
            if self.inherited(entry, new)? {
                continue;
            }
            let key = entry.key.at?;
            if own.is_empty() {
                first = key.start;
            }
            let indent = first - self.line_start(first);
            let colon = key.end + self.text.get(key.end..)?.find(':')? + 1;
            let end = entry.value.at?.end.max(colon);
            own.push((entry.key.chars()?, self.line_end(end)));
            match new.get(entry.key.chars()?) {
                Some(now) => self.change(&entry.value, now, &Place::Value { colon, indent })?,
                None => self.drop_lines(key.start, end)?,
            }
        }
        let indent = first - self.line_start(first);
        let mut after = None;
        for entry in self.new_entries(old, new) {
            let key = entry.key.chars()?;
            if let Some((_, end)) = own.iter().find(|(own, _)| *own == key) {
                after = Some(*end);
                continue;
            }
            let at = match after {
                Some(end) => end,
                None if own.is_empty() => self.line_end(old.at?.end),
                None => self.blank_before(first)?,
            };
            self.add_lines(at, print::print_entry(entry, indent));
        }
        Some(())
    }

    /// True if an entry comes by `<<` and stands elsewhere. None where it must go and can't.
    fn inherited(&mut self, entry: &Entry, new: &Node) -> Option<bool> {
        if entry.key.at?.own {
            return Some(false);
        }
        let stays = new.get(entry.key.chars()?).is_some();
        (stays || !self.may_copy()).then_some(true)
    }

    /// The entries that a map is to have of its own. One with `<<` gets others only where they don't
    /// come by it.
    fn new_entries<'n>(&mut self, old: &Node, new: &'n Node) -> Vec<&'n Entry> {
        let merged = |entry: &&Entry| entry.key.at.is_some_and(|at| !at.own);
        let merges = old.entries().iter().any(|entry| merged(&entry));
        let there = |entry: &Entry| {
            let key = entry.key.chars().unwrap_or_default();
            let there = old.entries().iter().find(|there| there.is(key));
            there.map(|there| (merged(&there), there.value.same(&entry.value)))
        };
        let wanted = new.entries().iter();
        let wanted: Vec<_> = wanted
            .filter(|entry| there(entry) != Some((true, true)))
            .collect();
        let is_new = |entry: &&Entry| !matches!(there(entry), Some((false, _)));
        if merges && wanted.iter().any(is_new) && !self.may_copy() {
            return wanted.into_iter().filter(|entry| !is_new(entry)).collect();
        }
        wanted
    }

    fn bracketed_map(&mut self, old: &Node, new: &Node, open: usize) -> Option<()> {
        let end = old.at?.end;
        let mut own = Vec::new();
        for entry in old.entries() {
            if self.inherited(entry, new)? {
                continue;
            }
            let (key, value) = (entry.key.at?, entry.value.at?);
            own.push((entry, (key.start, value.end.max(key.end))));
        }
        let brackets = Brackets {
            text: self.text,
            open,
            end,
            parts: own.iter().map(|(_, part)| *part).collect(),
        };
        let gap = brackets.gap(&self.style);
        let own: Vec<&Entry> = own.into_iter().map(|(entry, _)| entry).collect();
        let new = self.new_entries(old, new);
        let steps = pair(&own, &new, |a, b| a.key.same(&b.key));
        for step in &steps {
            if let Step::Keep(was, is) = *step {
                let (was, is) = (own.get(was)?, new.get(is)?);
                self.change(&was.value, &is.value, &Place::Bracketed(gap.clone()))?;
            }
        }
        let edits = brackets.edits(&steps, &self.style, |is, gap| {
            let entry = new.get(is)?;
            Some(self.style.entry(&entry.key, &entry.value, gap))
        })?;
        self.edits.extend(edits);
        Some(())
    }

    fn bracketed_list(&mut self, old: &[Node], new: &[Node], at: At, open: usize) -> Option<()> {
        let parts = old.iter().map(|item| Some((item.at?.start, item.at?.end)));
        let brackets = Brackets {
            text: self.text,
            open,
            end: at.end,
            parts: parts.collect::<Option<_>>()?,
        };
        let gap = brackets.gap(&self.style);
        let steps = align(old, new);
        for step in &steps {
            if let Step::Keep(was, is) = *step {
                let (was, is) = (old.get(was)?, new.get(is)?);
                self.change(was, is, &Place::Bracketed(gap.clone()))?;
            }
        }
        let edits = brackets.edits(&steps, &self.style, |is, gap| {
            Some(self.style.print(new.get(is)?, gap))
        })?;
        self.edits.extend(edits);
        Some(())
    }

    fn list(&mut self, old: &[Node], new: &[Node], at: At, place: &Place) -> Option<()> {
        if let Some(open) = at.open {
            return self.bracketed_list(old, new, at, open);
        }
        let head = self.dash(old.first()?)?;
        let indent = head - self.line_start(head);
        // New first items stand directly under the key, before a comment that is about the old
        // first one.
        let mut after = match *place {
            Place::Value { colon, .. } if self.blank_after(colon) => self.line_end(colon),
            _ => self.blank_before(head).unwrap_or(usize::MAX),
        };
        for step in align(old, new) {
            match step {
                Step::Keep(was, is) => {
                    let (was, is) = (old.get(was)?, new.get(is)?);
                    let dash = self.dash(was)?;
                    self.change(was, is, &Place::Item { dash, indent })?;
                    after = self.line_end(was.at?.end);
                }
                Step::Drop(was) => {
                    let was = old.get(was)?;
                    self.drop_lines(self.dash(was)?, was.at?.end)?;
                    after = self.line_end(was.at?.end);
                }
                Step::Add(is) => {
                    let lines = print::print_item(new.get(is)?, indent);
                    let at = (after <= self.text.len()).then_some(after)?;
                    self.add_lines(at, format!("{}{lines}", " ".repeat(indent)));
                }
            }
        }
        Some(())
    }

    fn dash(&self, item: &Node) -> Option<usize> {
        let start = item.at?.start;
        let line = self.line_start(start);
        let pad = self.text.get(line..start)?;
        let first = line + pad.len() - pad.trim_start_matches(' ').len();
        if self.text.get(first..)?.starts_with("- ") {
            return Some(first);
        }
        let before = self.text.get(..start)?.trim_end();
        before.ends_with('-').then(|| before.len() - 1)
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        rest.find('\n')
            .map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// The line's begin, where only spaces stand before this.
    fn blank_before(&self, at: usize) -> Option<usize> {
        let start = self.line_start(at);
        let blank = self.text.get(start..at)?.chars().all(|c| c == ' ');
        blank.then_some(start)
    }

    /// True if nothing but a comment follows on the line.
    fn blank_after(&self, at: usize) -> bool {
        let rest = self
            .text
            .get(at..self.line_end(at))
            .unwrap_or_default()
            .trim();
        rest.is_empty() || rest.starts_with('#')
    }

    fn drop_lines(&mut self, start: usize, end: usize) -> Option<()> {
        let start = self.blank_before(start)?;
        let end = self.line_end(end);
        // The last line has no line break: the one before it goes instead.
        self.open |= !self.text.get(start..end)?.ends_with('\n');
        self.edits.push((start, end, String::new()));
        Some(())
    }

    fn add_lines(&mut self, at: usize, lines: String) {
        let open = at == self.text.len() && !self.text.ends_with('\n');
        let lines = if open {
            format!("\n{lines}")
        } else {
            lines + "\n"
        };
        self.edits.push((at, at, lines));
    }

    fn apply(mut self) -> Option<String> {
        self.edits.sort_by_key(|(start, end, _)| (*start, *end));
        let mut out = String::with_capacity(self.text.len() + 4096);
        let mut done = 0;
        for (start, end, text) in &self.edits {
            out += self.text.get(done..*start)?;
            out += &text.replace('\n', if self.crlf { "\r\n" } else { "\n" });
            done = *end;
        }
        out += self.text.get(done..)?;
        if self.open && out.ends_with('\n') {
            out.pop();
            out.truncate(out.trim_end_matches('\r').len());
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests;
