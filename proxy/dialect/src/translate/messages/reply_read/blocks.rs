//! The blocks of a reply: their beginnings, their deltas, their ends.

use super::{
    super::super::{
        event::{Event, Sink},
        opaque::{Opaque, OpaqueKind},
        text::Text,
    },
    CHOICE, Reader, given,
};
use crate::{
    Malformed,
    json::{Kind, outlined::Cursor},
};

/// The most blocks that are open at once.
const MOST_OPEN: usize = 256;

/// Blocks that no other dialect has.
const FOREIGN: [&str; 14] = [
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "advisor_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "container_upload",
    "compaction",
    "fallback",
    "image",
];

/// A block that has not stopped.
pub(super) struct Open {
    index: u64,
    content: Content,
}

enum Content {
    /// Its deltas say themselves what they are.
    Any,
    /// It was left out, and so are its deltas.
    Foreign,
    Call {
        number: u32,
        /// Its input, where it came with its beginning: what counts if nothing follows.
        input: String,
        has_grown: bool,
    },
}

/// The members of a block.
#[derive(Default)]
pub(super) struct Block<'a> {
    kind: Option<Text<'a>>,
    text: Option<Text<'a>>,
    thinking: Option<Text<'a>>,
    signature: Option<Text<'a>>,
    data: Option<Text<'a>>,
    id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    input: Option<Cursor<'a>>,
    is_cited: bool,
}

impl Reader {
    /// Begins a block.
    pub(super) fn start(
        &mut self,
        doc: &[u8],
        index: u64,
        block: &Block<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let kind = block.kind.as_ref().map(Text::decode);
        let content = match kind.as_deref() {
            Some("tool_use") => self.call(doc, block, sink)?,
            Some("redacted_thinking") => {
                self.seal(OpaqueKind::Redacted, block.data.as_ref(), sink);
                Content::Any
            }
            Some("text" | "thinking") | None => {
                say(block, sink);
                self.seal(OpaqueKind::Signature, block.signature.as_ref(), sink);
                Content::Any
            }
            Some(kind) => {
                let name = FOREIGN.into_iter().find(|name| *name == kind);
                sink.take(Event::Dropped(name.unwrap_or("block")));
                Content::Foreign
            }
        };
        self.open.retain(|open| open.index != index);
        if self.open.len() >= MOST_OPEN {
            return Err(Malformed::new("a reply has too many open blocks", 0));
        }
        self.open.push(Open { index, content });
        Ok(())
    }

    fn call(
        &mut self,
        doc: &[u8],
        block: &Block<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Content, Malformed> {
        let Some(name) = &block.name else {
            return Err(Malformed::new("a call of a tool has no name", 0));
        };
        let number = self.calls;
        self.calls += 1;
        sink.take(Event::Call {
            choice: CHOICE,
            call: number,
            id: block.id.clone(),
            name: name.clone(),
        });
        Ok(Content::Call {
            number,
            input: block.input_source(doc)?,
            has_grown: false,
        })
    }

    /// Gives what its provider alone can read.
    fn seal(&self, kind: OpaqueKind, data: Option<&Text<'_>>, sink: &mut dyn Sink) {
        if let Some(data) = data.filter(|data| !data.is_empty()) {
            sink.take(Event::Opaque {
                choice: CHOICE,
                opaque: Opaque::of(self.origin, kind, data.clone()),
            });
        }
    }

    /// Takes a delta of the block with this index, or of the last.
    pub(super) fn grow<'a>(
        &mut self,
        doc: &'a [u8],
        index: Option<u64>,
        delta: &mut Cursor<'a>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let at = self.find(index);
        let open = at.and_then(|at| self.open.get(at));
        if open.is_some_and(|open| matches!(open.content, Content::Foreign)) {
            return delta.skip().map(drop);
        }
        delta.object_or_skip(|key, cursor| {
            match &*key.bytes() {
                b"text" => {
                    if let Some(text) = given(cursor, doc)? {
                        sink.take(Event::Text {
                            choice: CHOICE,
                            text,
                        });
                    }
                }
                b"thinking" => {
                    if let Some(text) = given(cursor, doc)? {
                        sink.take(Event::Reasoning {
                            choice: CHOICE,
                            text,
                        });
                    }
                }
                b"signature" => {
                    let signature = given(cursor, doc)?;
                    self.seal(OpaqueKind::Signature, signature.as_ref(), sink);
                }
                b"partial_json" => {
                    if let Some(text) = given(cursor, doc)? {
                        let open = at.and_then(|at| self.open.get_mut(at));
                        extend(open, text, sink)?;
                    }
                }
                b"citation" => sink.take(Event::Dropped("citations")),
                _ => {}
            }
            Ok(())
        })
    }

    fn find(&self, index: Option<u64>) -> Option<usize> {
        match index {
            Some(index) => self.open.iter().position(|open| open.index == index),
            None => self.open.len().checked_sub(1),
        }
    }

    /// Stops a block.
    pub(super) fn stop(&mut self, index: Option<u64>, sink: &mut dyn Sink) {
        if let Some(at) = self.find(index) {
            complete(self.open.remove(at), sink);
        }
    }
}

impl Block<'_> {
    /// The source of a call's input, empty where it has none yet.
    fn input_source(&self, doc: &[u8]) -> Result<String, Malformed> {
        let Some(mut cursor) = self.input else {
            return Ok(String::new());
        };
        match cursor.kind()? {
            Kind::Object => {}
            Kind::String | Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {
                return Ok(String::new());
            }
        }
        let mut is_empty = true;
        { cursor }.object(|_, _| {
            is_empty = false;
            Ok(())
        })?;
        match is_empty {
            true => Ok(String::new()),
            false => {
                let source = doc.get(cursor.skip()?).unwrap_or_default();
                Ok(String::from_utf8_lossy(source).into_owned())
            }
        }
    }
}

/// Takes a block's members.
pub(super) fn read_block<'a>(
    doc: &'a [u8],
    cursor: &mut Cursor<'a>,
) -> Result<Block<'a>, Malformed> {
    let mut block = Block::default();
    cursor.object_or_skip(|key, cursor| {
        match &*key.bytes() {
            b"type" => block.kind = given(cursor, doc)?,
            b"text" => block.text = given(cursor, doc)?,
            b"thinking" => block.thinking = given(cursor, doc)?,
            b"signature" => block.signature = given(cursor, doc)?,
            b"data" => block.data = given(cursor, doc)?,
            b"id" => block.id = given(cursor, doc)?,
            b"name" => block.name = given(cursor, doc)?,
            b"input" => block.input = Some(*cursor),
            b"citations" => cursor.array_or_skip(|_, _| {
                block.is_cited = true;
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(block)
}

/// Gives the text that a block begins with.
fn say(block: &Block<'_>, sink: &mut dyn Sink) {
    if let Some(text) = &block.thinking {
        sink.take(Event::Reasoning {
            choice: CHOICE,
            text: text.clone(),
        });
    }
    if let Some(text) = &block.text {
        sink.take(Event::Text {
            choice: CHOICE,
            text: text.clone(),
        });
    }
    if block.is_cited {
        sink.take(Event::Dropped("citations"));
    }
}

/// Gives more of a call's arguments.
fn extend(open: Option<&mut Open>, text: Text<'_>, sink: &mut dyn Sink) -> Result<(), Malformed> {
    let Some(Open {
        content: Content::Call {
            number, has_grown, ..
        },
        ..
    }) = open
    else {
        return Err(Malformed::new("arguments belong to no call", 0));
    };
    *has_grown = true;
    sink.take(Event::Arguments {
        choice: CHOICE,
        call: *number,
        text,
    });
    Ok(())
}

/// Gives the end of a block.
pub(super) fn complete(open: Open, sink: &mut dyn Sink) {
    let Content::Call {
        number: call,
        input,
        has_grown,
    } = open.content
    else {
        return;
    };
    if !has_grown {
        let input = if input.is_empty() { "{}" } else { &input };
        sink.take(Event::Arguments {
            choice: CHOICE,
            call,
            text: Text::plain(input),
        });
    }
    sink.take(Event::CallEnd {
        choice: CHOICE,
        call,
    });
}
