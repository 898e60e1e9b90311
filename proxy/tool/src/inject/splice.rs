//! Changes a document's text so that it says a new value, and leaves every line that need not
//! change as it is: comments, quotes, order.
//!
//! The new value is compared with the old one from the top; where they differ, lines come in or go.
//! Parts that can't be distinguished by lines (flow collections, aliases, odd indentation) are
//! printed anew as far up as it must be. The result is read again and compared with what it should
//! say, so a mistake in here costs comments, never meaning.

use super::{
    print,
    read::read,
    tree::{Body, Node},
};

/// A step from an old list to a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// An old item stays, perhaps changed: its number before and now.
    Keep(usize, usize),
    /// An old item goes.
    Drop(usize),
    /// A new one comes.
    Add(usize),
}

/// Pairs the items of two lists that are the same: those that say the same, have the same `name`,
/// or are the same Kubernetes object.
pub(super) fn align(old: &[Node], new: &[Node]) -> Vec<Step> {
    let object = |node: &Node| {
        let name = node.find(&["metadata", "name"]).and_then(Node::chars);
        Some((node.str("kind")?.to_owned(), name.map(str::to_owned)))
    };
    let alike = |a: &Node, b: &Node| {
        let named = a
            .str("name")
            .is_some_and(|name| b.str("name") == Some(name));
        named || (object(a).is_some() && object(a) == object(b)) || a.same(b)
    };
    let mut steps = Vec::new();
    let mut next = 0;
    for (number, item) in new.iter().enumerate() {
        let found = old
            .iter()
            .enumerate()
            .skip(next)
            .find(|(_, there)| alike(there, item));
        if let Some((there, _)) = found {
            steps.extend((next..there).map(Step::Drop));
            steps.push(Step::Keep(there, number));
            next = there + 1;
        } else {
            steps.push(Step::Add(number));
        }
    }
    steps.extend((next..old.len()).map(Step::Drop));
    steps
}

/// The text with the new value in place of the old one, which was read from it. None where it can't
/// be done line by line.
pub(super) fn splice(text: &str, old: &Node, new: &Node) -> Option<String> {
    if old.same(new) {
        return Some(text.to_owned());
    }
    let mut splicer = Splicer {
        text,
        crlf: text.contains("\r\n"),
        open: false,
        edits: Vec::new(),
    };
    splicer.change(old, new, &Place::Root)?;
    let spliced = splicer.apply()?;
    let back = read(&spliced).ok()?;
    back.root.same(new).then_some(spliced)
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
}

struct Splicer<'a> {
    text: &'a str,
    crlf: bool,
    /// True if the last line goes, and it has no line break.
    open: bool,
    /// Edits: from, to, and the text that replaces what is between.
    edits: Vec<(usize, usize, String)>,
}

impl Splicer<'_> {
    fn change(&mut self, old: &Node, new: &Node, place: &Place) -> Option<()> {
        if old.same(new) {
            return Some(());
        }
        let at = old.at?;
        let inside = at.own && old.tag == new.tag && !old.is_empty() && !new.is_empty();
        if inside {
            let before = self.edits.len();
            let done = match (&old.body, &new.body) {
                (Body::Map(_), Body::Map(_)) => self.map(old, new),
                (Body::List(a), Body::List(b)) => self.list(a, b, place),
                (Body::Plain(_) | Body::Text(_), Body::Plain(_) | Body::Text(_)) => {
                    let printed = print::like(new, self.text.get(at.start..at.end)?);
                    (!printed.contains('\n')).then(|| self.edits.push((at.start, at.end, printed)))
                }
                _ => None,
            };
            if done.is_some() {
                return done;
            }
            self.edits.truncate(before);
        }
        let (start, printed) = match *place {
            Place::Root => return None,
            Place::Value { colon, indent } => (colon, print::print_value(new, indent)),
            Place::Item { dash, indent } => (dash, print::print_item(new, indent)),
        };
        self.edits.push((start, at.end.max(start), printed));
        Some(())
    }

    fn map(&mut self, old: &Node, new: &Node) -> Option<()> {
        let first = old.entries().first()?.key.at?.start;
        let indent = first - self.line_start(first);
        let mut ends = Vec::new();
        for entry in old.entries() {
            let key = entry.key.at.filter(|at| at.own)?;
            let colon = key.end + self.text.get(key.end..)?.find(':')? + 1;
            let end = entry.value.at?.end.max(colon);
            ends.push(self.line_end(end));
            match new.get(entry.key.chars()?) {
                Some(now) => self.change(&entry.value, now, &Place::Value { colon, indent })?,
                None => self.drop_lines(key.start, end)?,
            }
        }
        let mut after = None;
        for entry in new.entries() {
            let key = entry.key.chars()?;
            let there = old.entries().iter().position(|known| known.is(key));
            if let Some(there) = there {
                after = ends.get(there).copied();
                continue;
            }
            let at = match after {
                Some(end) => end,
                None => self.blank_before(first)?,
            };
            self.add_lines(at, print::print_entry(entry, indent));
        }
        Some(())
    }

    fn list(&mut self, old: &[Node], new: &[Node], place: &Place) -> Option<()> {
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
        self.edits.sort_by_key(|(start, ..)| *start);
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
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Changes a text by changing its value.
    fn changed(text: &str, change: impl Fn(&mut Node)) -> Option<String> {
        let old = read(text).unwrap().root;
        let mut new = old.clone();
        change(&mut new);
        splice(text, &old, &new)
    }

    fn containers(root: &mut Node) -> &mut Vec<Node> {
        root.find_mut(&["spec"])
            .unwrap()
            .items_of_mut("containers")
            .unwrap()
    }

    const POD: &str = "# head\nspec: # s\n  containers: # c\n    # the app\n    - name: app # n\n      env: [] # none\n      mode: 0644\n\n    # the other\n    - image: x\n      name: other\n  # about grace\n  grace: 30 # g\n# tail\n";

    #[test]
    fn lines_come_in_and_everything_else_stays() {
        let said = changed(POD, |root| {
            let list = containers(root);
            list.first_mut().unwrap().set(
                "env",
                Node::list([Node::map([("name", Node::text("yes"))])]),
            );
            list.insert(0, Node::map([("name", Node::text("new"))]));
            root.find_mut(&["spec"])
                .unwrap()
                .set("grace", Node::plain(120));
            root.find_mut(&["spec"])
                .unwrap()
                .set("more", Node::map([("a", Node::plain(1))]));
        });
        let expected = "# head\nspec: # s\n  containers: # c\n    - name: new\n    # the app\n    - name: app # n\n      env:\n      - name: 'yes' # none\n      mode: 0644\n\n    # the other\n    - image: x\n      name: other\n  # about grace\n  grace: 120 # g\n  more:\n    a: 1\n# tail\n";
        assert_eq!(said.unwrap(), expected);
    }

    #[test]
    fn however_far_a_manifest_is_indented_its_new_lines_are_too() {
        let deep = " ".repeat(70_000);
        let pod = format!("spec:\n{deep}containers:\n{deep}- name: app\n");
        let said = changed(&pod, |root| {
            let text = Node::text("two\nlines\n");
            containers(root).insert(0, Node::map([("name", text)]));
        });
        let new = format!("{deep}- name: |\n{deep}    two\n{deep}    lines\n");
        let expected = format!("spec:\n{deep}containers:\n{new}{deep}- name: app\n");
        assert!(said.unwrap() == expected);
    }

    #[test]
    fn what_came_in_goes_out_again_to_the_byte() {
        for text in [
            POD,
            &POD.replace('\n', "\r\n"),
            POD.trim_end(),
            "spec:\n  containers:\n  - {name: a}\n  - name: b",
        ] {
            let add = |root: &mut Node| {
                let list = containers(root);
                list.insert(
                    0,
                    Node::map([("name", Node::text("new")), ("v", Node::text("a\nb"))]),
                );
                list.last_mut()
                    .unwrap()
                    .set("env", Node::list([Node::text("x")]));
                list.push(Node::map([("name", Node::text("last"))]));
                root.find_mut(&["spec"])
                    .unwrap()
                    .set("volumes", Node::list([Node::text("v")]));
            };
            let take = |root: &mut Node| {
                let list = containers(root);
                list.remove(0);
                list.pop();
                list.last_mut().unwrap().remove("env");
                root.find_mut(&["spec"]).unwrap().remove("volumes");
            };
            let with = changed(text, add).unwrap();
            assert_ne!(with, text);
            assert_eq!(with.contains("\r\n"), text.contains("\r\n"));
            assert_eq!(changed(&with, take).unwrap(), text);
        }
    }

    #[test]
    fn what_has_no_lines_of_its_own_is_printed_anew_as_far_up_as_needed() {
        let add = |root: &mut Node| root.find_mut(&["a"]).unwrap().set("new", Node::plain(1));
        assert_eq!(
            changed("# c\na: {b: 1}\nd: 2 # e\n", add).unwrap(),
            "# c\na:\n  b: 1\n  new: 1\nd: 2 # e\n"
        );
        // The alias stays a copy of what it was a copy of.
        assert_eq!(
            changed("x: &x {b: 1}\na: *x\n", add).unwrap(),
            "x: &x {b: 1}\na:\n  b: 1\n  new: 1\n"
        );
        // The anchor's own place can't change without the alias: not line by line.
        assert_eq!(changed("a: &x\n  b: 1\ny: *x\n", add), None);
        assert_eq!(changed("{a: {b: 1}}", add), None);
    }

    #[test]
    fn a_text_that_keeps_its_blank_lines_keeps_them() {
        let add = |root: &mut Node| root.set("new", Node::plain(1));
        assert_eq!(
            changed("a: |+\n  x\n\nb: |+\n  y\n\n", add).unwrap(),
            "a: |+\n  x\n\nb: |+\n  y\n\nnew: 1\n"
        );
    }
}
