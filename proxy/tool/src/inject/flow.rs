//! Lists and maps between brackets: JSON, and what YAML calls flow style.
//!
//! New parts go beside the old ones, after the same white space, and taking them out again leaves
//! the text that was there. JSON gets JSON, on lines of its own where it is written so.

use super::{align::Step, json::to_json, print, tree::Node};

/// A change to a text: from, to, and what replaces the bytes between.
pub(super) type Edit = (usize, usize, String);

/// The way in which a document is written between its brackets.
#[derive(Debug, Default)]
pub(super) struct Style {
    /// True if it is JSON as a whole.
    json: bool,
    /// White space after a colon or a comma on one line.
    space: &'static str,
    /// One level of indentation, where JSON is written in lines.
    unit: Option<String>,
}

impl Style {
    pub(super) fn of(text: &str) -> Self {
        let json = text.trim_start().starts_with(['{', '['])
            && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let after = text.trim_start().get(1..).unwrap_or_default();
        let first = after.len() - after.trim_start().len();
        let blank = after.get(..first).unwrap_or_default();
        let unit = blank.rsplit_once('\n').map(|(_, unit)| unit.to_owned());
        let compact = json && !text.contains("\": ");
        Self {
            json,
            space: if compact { "" } else { " " },
            unit: unit.filter(|_| json),
        }
    }

    /// A value, `gap` being the white space before it or its key.
    pub(super) fn print(&self, node: &Node, gap: &str) -> String {
        let inner = match (&self.unit, gap.starts_with('\n')) {
            (Some(unit), true) => format!("{gap}{unit}"),
            _ => self.space.to_owned(),
        };
        let lines = inner.starts_with('\n');
        let within = |parts: Vec<String>, brackets: [&str; 2]| {
            let [open, close] = brackets;
            let (first, last) = if lines {
                (inner.as_str(), gap)
            } else {
                ("", "")
            };
            let parts = parts.join(&format!(",{inner}"));
            format!("{open}{first}{parts}{last}{close}")
        };
        if node.is_empty() || node.tag.is_some() || node.chars().is_some() {
            return self.leaf(node);
        }
        if node.is_map() {
            let entries = node.entries().iter();
            let entries = entries.map(|entry| self.entry(&entry.key, &entry.value, &inner));
            within(entries.collect(), ["{", "}"])
        } else {
            let items = node.items().iter().map(|item| self.print(item, &inner));
            within(items.collect(), ["[", "]"])
        }
    }

    /// A map's entry.
    pub(super) fn entry(&self, key: &Node, value: &Node, gap: &str) -> String {
        let colon = if self.json { self.space } else { " " };
        format!("{}:{colon}{}", self.leaf(key), self.print(value, gap))
    }

    fn leaf(&self, node: &Node) -> String {
        if self.json {
            to_json(node).to_string()
        } else {
            print::in_brackets(node)
        }
    }

    /// The white space before a new part: as before the parts that are there. `inner` is the text
    /// between a bracket or comma and an old part.
    fn gap(&self, inner: &str) -> String {
        match inner.trim().is_empty().then(|| inner.rsplit_once('\n')) {
            Some(Some((_, depth))) => format!("\n{depth}"),
            _ => self.space.to_owned(),
        }
    }
}

/// A list or map between brackets.
pub(super) struct Brackets<'a> {
    pub(super) text: &'a str,
    /// The opening bracket, and past the closing one.
    pub(super) open: usize,
    pub(super) end: usize,
    /// First byte and past the last one of each old part.
    pub(super) parts: Vec<(usize, usize)>,
}

impl Brackets<'_> {
    /// The white space before a new part.
    pub(super) fn gap(&self, style: &Style) -> String {
        let between = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        match (self.parts.first(), self.parts.get(1)) {
            (Some(first), Some(second)) => {
                let comma = between(first.1, second.0);
                style.gap(comma.split_once(',').map_or("", |(_, gap)| gap))
            }
            (Some(first), None) => style.gap(between(self.open + 1, first.0)),
            (None, _) if style.unit.is_some() => {
                let before = self.text.get(..self.open).unwrap_or_default();
                let line = before.rsplit('\n').next().unwrap_or_default();
                let depth = line.len() - line.trim_start_matches([' ', '\t']).len();
                let unit = style.unit.as_deref().unwrap_or_default();
                format!("\n{}{unit}", line.get(..depth).unwrap_or_default())
            }
            (None, _) => style.space.to_owned(),
        }
    }

    /// The edits that drop parts and add others, which `print` gives.
    pub(super) fn edits(
        &self,
        steps: &[Step],
        style: &Style,
        print: impl Fn(usize, &str) -> Option<String>,
    ) -> Option<Vec<Edit>> {
        let gap = self.gap(style);
        let mut edits = Vec::new();
        // What comes before the first part that stays; past the last that stayed; past the last
        // that goes after that one.
        let mut head = Vec::new();
        let mut kept: Option<usize> = None;
        let mut dropped = None;
        for step in steps {
            match *step {
                Step::Keep(was, _) => {
                    let (start, end) = *self.parts.get(was)?;
                    match kept {
                        Some(kept) => {
                            edits.extend(dropped.map(|gone| (kept, gone, String::new())));
                        }
                        None => {
                            let first = self.parts.first()?.0;
                            edits.extend((first < start).then(|| (first, start, String::new())));
                            let new = head
                                .drain(..)
                                .map(|new| (start, start, format!("{new},{gap}")));
                            edits.extend(new);
                        }
                    }
                    (kept, dropped) = (Some(end), None);
                }
                Step::Drop(was) => dropped = Some(self.parts.get(was)?.1),
                Step::Add(is) => {
                    let new = print(is, &gap)?;
                    match kept {
                        Some(kept) => edits.push((kept, kept, format!(",{gap}{new}"))),
                        None => head.push(new),
                    }
                }
            }
        }
        match (kept, dropped) {
            (Some(kept), Some(gone)) => edits.push((kept, gone, String::new())),
            (Some(_), None) => {}
            (None, _) => edits.push(self.refill(&head, &gap)?),
        }
        Some(edits)
    }

    /// The edit for brackets of whose parts none stays.
    fn refill(&self, new: &[String], gap: &str) -> Option<Edit> {
        let inner = (self.open + 1, self.end.checked_sub(1)?);
        let joined = new.join(&format!(",{gap}"));
        Some(match (self.parts.first(), self.parts.last()) {
            (Some(first), Some(last)) if !new.is_empty() => (first.0, last.1, joined),
            _ if new.is_empty() || !gap.starts_with('\n') => (inner.0, inner.1, joined),
            _ => {
                let before = self.text.get(..self.open)?;
                let line = before.rsplit('\n').next().unwrap_or_default();
                let depth = line.len() - line.trim_start_matches([' ', '\t']).len();
                (
                    inner.0,
                    inner.1,
                    format!("{gap}{joined}\n{}", line.get(..depth)?),
                )
            }
        })
    }
}
