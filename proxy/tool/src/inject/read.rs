//! One YAML document as a [`Node`], each part with its place in the text.
//!
//! The parser hands out events; what they leave open is settled here as kubectl settles it: aliases
//! are copies, `<<` merges, a key may come once. Copies are bounded, so that a few lines of aliases
//! of aliases can't fill the memory.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::tree::{At, Body, Entry, Node};

/// Nesting of collections; Kubernetes' own objects stay under twenty.
const DEEPEST: usize = 100;
/// Bytes that aliases may add to a document.
const COPIES: usize = 8 << 20;

/// Reason why a document can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// The line in the document, from 1.
    pub(super) line: usize,
    /// The reason, without a place.
    pub(super) what: String,
}

/// A document that was read.
#[derive(Debug)]
pub(super) struct Read {
    /// Its value; null where there is none.
    pub(super) root: Node,
    /// A key that a map has twice: readers differ in which one counts.
    pub(super) duplicate_key: Option<SyntaxError>,
}

/// Reads one document without its markers (`---`, `...`).
///
/// # Errors
/// It is no YAML, a key is no scalar, an alias has no anchor, or aliases blow it up.
pub(super) fn read(text: &str) -> Result<Read, SyntaxError> {
    let bytes = if text.is_ascii() {
        Vec::new()
    } else {
        let starts = text.char_indices().map(|(at, _)| at);
        starts.chain([text.len()]).collect()
    };
    let mut reader = Reader {
        text,
        bytes,
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        copied: 0,
        end: 0,
        duplicate_key: None,
    };
    let mut root = Node::plain("");
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentEnd | Event::Nothing, _) => {}
            (Event::DocumentStart(_), _) => {
                let (event, span) = reader.next()?;
                root = reader.node(event, span, 0)?;
            }
            (Event::StreamEnd, _) => break,
            (_, span) => return Err(wrong(&span, "the document is not one value")),
        }
    }
    Ok(Read {
        root,
        duplicate_key: reader.duplicate_key,
    })
}

fn wrong(span: &Span, what: impl Into<String>) -> SyntaxError {
    SyntaxError {
        line: span.start.line(),
        what: what.into(),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Byte offset of each character, where characters and bytes differ.
    bytes: Vec<usize>,
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Node>,
    copied: usize,
    /// Past the last content that was read.
    end: usize,
    duplicate_key: Option<SyntaxError>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), SyntaxError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(SyntaxError {
                line: error.marker().line(),
                what: error.info().to_owned(),
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn byte(&self, character: usize) -> usize {
        let at = if self.bytes.is_empty() {
            character
        } else {
            self.bytes.get(character).copied().unwrap_or(usize::MAX)
        };
        at.min(self.text.len())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, SyntaxError> {
        if depth > DEEPEST {
            return Err(wrong(&span, format!("more than {DEEPEST} levels deep")));
        }
        let mut start = self.byte(span.start.index());
        let line = span.start.line();
        // A span begins with an anchor or a tag before the value.
        let value = start + properties(self.text.get(start..).unwrap_or_default());
        let bracket =
            |open: u8| Some(value).filter(|at| self.text.as_bytes().get(*at) == Some(&open));
        let (list, map) = (bracket(b'['), bracket(b'{'));
        let mut open = None;
        let (body, tag, anchor, own) = match event {
            Event::Alias(anchor) => {
                self.end = self.byte(span.end.index());
                let mut copy = self.alias(anchor, &span)?;
                // A copy stands in another's place: it can only be replaced as a whole.
                copy.at = Some(At {
                    start,
                    end: self.end,
                    line,
                    own: false,
                    copy: true,
                    open: None,
                });
                return Ok(copy);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.end = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        start = self.block_mark().unwrap_or(start);
                        self.block_end(start)
                    }
                    _ => self.byte(span.end.index()).max(start).max(self.end),
                };
                let mut lines = self.text.get(start..self.end).unwrap_or_default();
                if matches!(style, ScalarStyle::Plain) && !text.is_empty() {
                    // Its span may go on to the next token.
                    lines = lines.trim_end();
                    self.end = start + lines.len();
                }
                start += properties(lines);
                let one = !lines.contains('\n') && !text.is_empty();
                let body = match style {
                    ScalarStyle::Plain => Body::Plain(text.into_owned()),
                    _ => Body::Text(text.into_owned()),
                };
                (body, tag, anchor, one)
            }
            Event::SequenceStart(anchor, tag) => {
                let mut items = Vec::new();
                open = list;
                let end = loop {
                    match self.next()? {
                        (Event::SequenceEnd, span) => break span,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                };
                self.close(open, end, ']');
                (Body::List(items), tag, anchor, true)
            }
            Event::MappingStart(anchor, tag) => {
                open = map;
                let (entries, end) = self.entries(depth)?;
                self.close(open, end, '}');
                (Body::Map(entries), tag, anchor, true)
            }
            _ => return Err(wrong(&span, "the document is not one value")),
        };
        let mut node = Node {
            body,
            tag: None,
            at: Some(At {
                start,
                end: self.end,
                line,
                own,
                copy: false,
                open,
            }),
        };
        apply(tag.as_deref(), &mut node);
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn entries(&mut self, depth: usize) -> Result<(Vec<Entry>, Span), SyntaxError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merges: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                for mut entry in merges {
                    if !entries.iter().any(|there| there.key.same(&entry.key)) {
                        // It stands elsewhere.
                        entry.key.at = entry.key.at.map(|at| At { own: false, ..at });
                        entries.push(entry);
                    }
                }
                return Ok((entries, span));
            }
            let key = self.node(event, span, depth + 1)?;
            if key.chars().is_none() {
                return Err(wrong(&span, "a key is a list or a map"));
            }
            // Where the value is left out, it is here: behind the colon.
            if let Some(colon) = self.text.get(self.end..).and_then(|rest| rest.find(':')) {
                self.end += colon + 1;
            }
            let (event, value_span) = self.next()?;
            let value = self.node(event, value_span, depth + 1)?;
            if matches!(&key.body, Body::Plain(text) if text == "<<") {
                let sources = match value.body {
                    Body::List(items) => items,
                    _ => vec![value],
                };
                for source in sources {
                    if !source.is_map() {
                        return Err(wrong(&value_span, "`<<` merges what is no map"));
                    }
                    merges.extend_from_slice(source.entries());
                }
                continue;
            }
            if entries.iter().any(|there| there.key.same(&key)) && self.duplicate_key.is_none() {
                let name = key.chars().unwrap_or_default();
                self.duplicate_key = Some(wrong(&span, format!("the key `{name}` is there twice")));
            }
            entries.push(Entry { key, value });
        }
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<Node, SyntaxError> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(wrong(span, "an alias stands inside what it stands for"));
        };
        self.copied = self.copied.saturating_add(node.weight());
        if self.copied > COPIES {
            return Err(wrong(span, "aliases of aliases make it too large"));
        }
        Ok(node.clone())
    }

    /// Ends a collection between brackets at its closing one. A comma and comments may be before it.
    fn close(&mut self, open: Option<usize>, end: Span, bracket: char) {
        if open.is_none() {
            return;
        }
        let mut at = self.byte(end.start.index());
        for line in self
            .text
            .get(at..)
            .unwrap_or_default()
            .split_inclusive('\n')
        {
            let words = line.split_once('#').map_or(line, |(words, _)| words);
            if let Some(found) = words.find(bracket) {
                self.end = at + found + 1;
                return;
            }
            at += line.len();
        }
    }

    /// Position of the next `|` or `>` outside a comment: the parser reports only where the text
    /// begins.
    fn block_mark(&self) -> Option<usize> {
        let mut at = self.end;
        for line in self.text.get(at..)?.split_inclusive('\n') {
            let words = match line.find(" #") {
                _ if line.starts_with('#') => "",
                Some(comment) => line.get(..comment)?,
                None => line,
            };
            if let Some(mark) = words.find(['|', '>']) {
                return Some(at + mark);
            }
            at += line.len();
        }
        None
    }

    /// Past the last line of a block scalar's text, without its line break and without the blank
    /// lines after it. `start` is its mark.
    fn block_end(&self, start: usize) -> usize {
        let mut end = start;
        let mut indent = None;
        let mut at = start;
        let rest = self.text.get(start..).unwrap_or_default();
        // `|+`: the blank lines after it are text as well.
        let kept = rest
            .lines()
            .next()
            .is_some_and(|header| header.contains('+'));
        for (number, line) in rest.split_inclusive('\n').enumerate() {
            at += line.len();
            let content = line.trim_end();
            let deep = line.len() - line.trim_start_matches(' ').len();
            if number > 0 && !content.is_empty() {
                // The first line decides; a line less deep ends it. An indentation given in the
                // header only makes lines deeper.
                if deep < *indent.get_or_insert(deep) {
                    break;
                }
            }
            if number == 0 || !content.is_empty() || kept {
                end = at - (line.len() - line.trim_end_matches(['\n', '\r']).len());
            }
        }
        end
    }
}

/// Bytes of a value's anchor and tag, with the white space after each.
fn properties(text: &str) -> usize {
    let mut rest = text;
    while rest.starts_with(['&', '!'])
        && let Some((_, after)) = rest.split_once(char::is_whitespace)
    {
        rest = after.trim_start();
    }
    text.len() - rest.len()
}

/// The usual tags only say what a scalar is; others are kept.
fn apply(tag: Option<&Tag>, node: &mut Node) {
    let Some(tag) = tag else { return };
    if !tag.is_yaml_core_schema() && tag.handle != "!!" {
        node.tag = Some(format!("{}{}", tag.handle, tag.suffix));
        return;
    }
    match (tag.suffix.as_str(), &mut node.body) {
        ("str", Body::Plain(text)) => node.body = Body::Text(std::mem::take(text)),
        ("str" | "map" | "seq", _) => {}
        (suffix, _) => node.tag = Some(format!("!!{suffix}")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn root(text: &str) -> Node {
        read(text).unwrap().root
    }

    /// The text that a path's value was read from.
    fn slice<'a>(text: &'a str, path: &[&str]) -> &'a str {
        let root = root(text);
        let at = root.find(path).unwrap().at.unwrap();
        &text[at.start..at.end]
    }

    #[test]
    fn every_value_knows_where_it_stands() {
        let text = "é: ü # x\nlist: # why\n  - a\n  - b: c # d\n\n  # e\nflow: {a: [1, 2], b: x} # f\nblock: |\n    one\n\n     two\n\n# g\nkeep: 'q ''q'\nlast: |+\n  a\n\n";
        assert_eq!(slice(text, &["é"]), "ü");
        assert_eq!(slice(text, &["list"]), "- a\n  - b: c");
        assert_eq!(slice(text, &["flow"]), "{a: [1, 2], b: x}");
        assert_eq!(slice(text, &["block"]), "|\n    one\n\n     two");
        assert_eq!(slice(text, &["keep"]), "'q ''q'");
        assert_eq!(root(text).str("block"), Some("one\n\n two\n"));
        assert_eq!(slice(text, &["last"]), "|+\n  a\n");
        assert_eq!(
            slice("a:\r\n- b\r\n- c: d\r\ne:\r\n", &["a"]),
            "b\r\n- c: d"
        );
        assert_eq!(slice("a: one\n  two\nb: 1", &["a"]), "one\n  two");
    }

    #[test]
    fn aliases_are_copies_and_merges_give_way_to_own_keys() {
        let root = root("a: &a {x: 1, y: 2}\nb: *a\nc:\n  <<: *a\n  y: 3\nd: {<<: [*a, {z: 9}]}\n");
        assert_eq!(root.find(&["b", "y"]).unwrap().int(), Some(2));
        assert_eq!(root.find(&["c", "y"]).unwrap().int(), Some(3));
        assert_eq!(root.find(&["c", "x"]).unwrap().int(), Some(1));
        assert_eq!(root.find(&["d", "z"]).unwrap().int(), Some(9));
        assert!(!root.get("b").unwrap().at.unwrap().own);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        let wrong = |text: &str| read(text).unwrap_err();
        assert_eq!(wrong("a: 1\nb: [1, 2\nc: d\n").line, 3);
        assert!(wrong("a: *b").what.contains("anchor"));
        assert!(wrong("a: &a [*a]").what.contains("alias"));
        assert!(wrong("? [a]\n: b").what.contains("a key is"));
        assert!(wrong(&"[".repeat(200)).what.contains("levels deep"));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..10 {
            let items = vec![format!("*a{}", n - 1); 10].join(", ");
            bomb += &format!("a{n}: &a{n} [{items}]\n");
        }
        assert!(wrong(&bomb).what.contains("too large"));
        let twice = read("a: 1\nb: 2\na: 3\n").unwrap().duplicate_key.unwrap();
        assert_eq!(
            (twice.line, twice.what.as_str()),
            (3, "the key `a` is there twice")
        );
        assert!(read("").unwrap().root.is_null());
        assert!(read("# only words\n").unwrap().root.is_null());
    }

    #[test]
    fn tags_that_only_name_the_kind_are_taken_at_their_word() {
        let root = root("a: !!str 8080\nb: !!binary aGk=\nc: !x y\n");
        assert!(matches!(&root.get("a").unwrap().body, Body::Text(text) if text == "8080"));
        assert_eq!(root.get("b").unwrap().tag.as_deref(), Some("!!binary"));
        assert_eq!(root.get("c").unwrap().tag.as_deref(), Some("!x"));
    }
}
