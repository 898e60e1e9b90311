//! A stream's documents, by their lines alone.
//!
//! A line that begins with `---` or `...` and a space or nothing ends a document wherever it stands
//! (YAML 1.2 §9.1.4): inside a block scalar such a line is indented, inside quotes it is forbidden.
//! So the borders are known without parsing, and what lies between them can be passed on byte for
//! byte.

/// A piece of a stream; all of them one after the other are the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Document<'a> {
    /// The text before the value: the marker's line, directives. Empty before a first document
    /// without a marker.
    pub(super) marker: &'a str,
    /// The value's text.
    pub(super) text: &'a str,
    /// Its number in the stream, from 1.
    pub(super) number: usize,
    /// The number of the text's first line in the stream, from 1.
    pub(super) line: usize,
}

/// Cuts a stream up.
pub(super) fn split(stream: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut add = |start, text, end, line| {
        documents.push(Document {
            marker: stream.get(start..text).unwrap_or_default(),
            text: stream.get(text..end).unwrap_or_default(),
            number: documents.len() + 1,
            line,
        });
    };
    // The starts of the piece under way and of its text, and the text's line.
    let (mut start, mut text, mut text_line) = (0, 0, 1);
    let mut at = 0;
    for (number, line) in (1..).zip(stream.split_inclusive('\n')) {
        let end = at + line.len();
        if marks(line, "---") || marks(line, "...") {
            let body = stream.get(text..at).unwrap_or_default();
            // Directives (`%YAML 1.2`) belong to the marker that follows them.
            if !directives(body) && (at > start || start > 0) {
                add(start, text, at, text_line);
                start = at;
            }
            // A value may begin on the marker's line: the marker's three bytes are all that is kept
            // apart.
            let rest = line.get(3..).unwrap_or_default().trim();
            let inline = !rest.is_empty() && !rest.starts_with('#');
            (text, text_line) = if inline {
                (at + 3, number)
            } else {
                (end, number + 1)
            };
        }
        at = end;
    }
    if start < stream.len() || start == 0 {
        add(start, text, stream.len(), text_line);
    }
    documents
}

fn marks(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

fn directives(body: &str) -> bool {
    let mut lines = body.lines().filter(|line| !line.trim().is_empty());
    let only = |line: &str| line.starts_with('%') || line.starts_with('#');
    body.lines().any(|line| line.starts_with('%')) && lines.all(only)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(stream: &str) -> Vec<(&str, &str, usize)> {
        split(stream)
            .iter()
            .map(|d| (d.marker, d.text, d.line))
            .collect()
    }

    #[test]
    fn markers_count_at_the_begin_of_a_line_only() {
        assert_eq!(
            texts("a: 1\n---\nb: |\n  ---\n  x\n"),
            [("", "a: 1\n", 1), ("---\n", "b: |\n  ---\n  x\n", 3)]
        );
        assert_eq!(texts("---\na: 1\n"), [("---\n", "a: 1\n", 2)]);
        assert_eq!(
            texts("--- # why\r\na: 1\r\n...\r\n"),
            [("--- # why\r\n", "a: 1\r\n", 2), ("...\r\n", "", 4)]
        );
        assert_eq!(
            texts("--- {a: 1}\n---\n---"),
            [("---", " {a: 1}\n", 1), ("---\n", "", 3), ("---", "", 4)]
        );
        assert_eq!(
            texts("%YAML 1.2\n---\na: 1\n"),
            [("%YAML 1.2\n---\n", "a: 1\n", 3)]
        );
        assert_eq!(texts("a: ---x\n---x: 1\n"), [("", "a: ---x\n---x: 1\n", 1)]);
        assert_eq!(texts(""), [("", "", 1)]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(stream in "([a-z%#]{0,3}|---|[.]{3}| |\r?\n){0,20}") {
            let all: String = split(&stream).iter().map(|d| [d.marker, d.text].concat()).collect();
            prop_assert_eq!(all, stream);
        }
    }
}
