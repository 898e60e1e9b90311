//! Documents in what users send: blocks that the dialect calls so, and stretches that an app wraps
//! in tags.
//!
//! Nobody typed them, so they are judged as data. A user who writes the tags is judged harder for
//! it, never softer: the whole text is judged as the user's besides.

use std::ops::Range;

use outrigger_sdk::{Dialect, Passage, Request};

/// Tags in which prompts wrap what was read somewhere.
const TAGS: &[&str] = &[
    "document",
    "document_content",
    "documents",
    "doc",
    "file",
    "file_content",
    "attachment",
    "email",
    "web_page",
    "webpage",
    "search_result",
    "search_results",
    "tool_result",
    "retrieved",
    "context",
];
/// The most stretches of one text.
const MOST: usize = 64;
/// The most blocks of one message that are looked up.
const BLOCKS: usize = 32;

/// The stretches of a text that stand between such tags, the outermost ones; one that is not closed
/// goes to the text's end.
pub(crate) fn wrapped(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('<')) {
        let begin = at + open + 1;
        at = begin;
        let Some((tag, start)) = tag(text, begin) else {
            continue;
        };
        let inside = text.get(start..).unwrap_or_default();
        let close = inside.find(&format!("</{tag}>")).unwrap_or(inside.len());
        found.push(start..start + close);
        at = start + close;
        if found.len() == MOST {
            break;
        }
    }
    found
}

/// The tag of the table that stands at a place, behind its `<`, and where it ends.
fn tag(text: &str, at: usize) -> Option<(&'static str, usize)> {
    let rest = text.get(at..)?;
    let name = rest
        .bytes()
        .position(|byte| !byte.is_ascii_alphabetic() && byte != b'_')?;
    let tag = TAGS.iter().find(|tag| rest.get(..name) == Some(**tag))?;
    // Attributes: an index, a source.
    let end = rest.get(name..)?.find('>')?;
    let attributes = rest.get(name..name + end)?;
    (attributes.is_empty() || attributes.starts_with(' ')).then_some((*tag, at + name + end + 1))
}

/// Reports whether a passage of a user's message is the text of a document block.
pub(crate) fn is_block(request: &Request, passage: &Passage) -> bool {
    if request.dialect() != Dialect::AnthropicMessages {
        return false;
    }
    let value = |block: usize, pointer: &str| {
        let message = passage.message;
        request.parameter::<String>(&format!("/messages/{message}/content/{block}{pointer}"))
    };
    (0..BLOCKS)
        .map_while(|block| Some((block, value(block, "/type")?)))
        .filter(|(block, kind)| {
            kind == "document" && value(*block, "/source/type").as_deref() == Some("text")
        })
        .any(|(block, _)| value(block, "/source/data").as_deref() == Some(&passage.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_between_tags_are_documents() {
        for (text, expected) in [
            ("no tags, 1 < 2 > 0", &[][..]),
            (
                "<document>a</document> and <file name=\"b\">c</file>",
                &["a", "c"],
            ),
            (
                "<documents><document index=\"1\">a</document></documents>",
                &["<document index=\"1\">a</document>"],
            ),
            ("<document>never closed", &["never closed"]),
            (
                "<documentary>a</documentary><instructions>b</instructions>",
                &[],
            ),
            ("<document", &[]),
            ("<context é>a</context>", &["a"]),
        ] {
            let found: Vec<&str> = wrapped(text).into_iter().map(|at| &text[at]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
