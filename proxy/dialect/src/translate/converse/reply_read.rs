//! Replies of Converse and ConverseStream.
//!
//! A stream's finish waits for `metadata`, which has the usage and comes behind `messageStop`; what
//! comes in the other order is read as well. Of a stream it keeps what it said of the blocks that
//! are open: a signature, which may come in pieces, no longer than [`MOST_OPAQUE`].

use super::super::{
    event::{Event, Finish, Sink},
    format::{ReadReply, ReplyContext},
    opaque::{Opaque, OpaqueKind, Origin},
    text::Text,
};
use crate::{Malformed, json::outlined::Cursor};
use pieces::{ToolUse, end_call, give_reasoning, give_text, give_usage, stop_text};

mod pieces;
mod whole;

/// The most bytes of one block's opaque reasoning.
const MOST_OPAQUE: usize = 4 << 20;
/// The most blocks that are open at once.
const MOST_BLOCKS: usize = 256;

/// Reads one reply. It has one choice.
pub(super) struct Reader {
    origin: Origin,
    begun: bool,
    open: Vec<Block>,
    /// Calls so far.
    calls: u32,
    finish: Option<(Finish, Option<String>)>,
    has_metadata: bool,
    ended: bool,
}

/// A block of a stream that has not ended.
#[derive(Debug)]
struct Block {
    index: u64,
    kind: BlockKind,
}

#[derive(Debug)]
enum BlockKind {
    /// A call of this number; whether it has arguments.
    Call(u32, bool),
    /// Reasoning that its provider alone can read.
    Opaque(OpaqueKind, String),
    /// A block that nothing is read of.
    Skipped,
}

impl Reader {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            origin: context.origin,
            begun: false,
            open: Vec::new(),
            calls: 0,
            finish: None,
            has_metadata: false,
            ended: false,
        }
    }

    fn begin(&mut self, sink: &mut dyn Sink) {
        if !std::mem::replace(&mut self.begun, true) {
            sink.take(Event::Begin {
                id: None,
                model: None,
            });
        }
    }

    /// Begins a call; returns its number.
    fn call(&mut self, id: Option<Text<'_>>, name: Text<'_>, sink: &mut dyn Sink) -> u32 {
        let (choice, call) = (0, self.calls);
        self.calls += 1;
        sink.take(Event::Call {
            choice,
            call,
            id: id.filter(|id| !id.is_empty()),
            name,
        });
        call
    }

    fn opaque(&self, kind: OpaqueKind, data: Text<'_>, sink: &mut dyn Sink) {
        sink.take(Event::Opaque {
            choice: 0,
            opaque: Opaque::of(self.origin, kind, data),
        });
    }

    /// Reads where a block begins: only calls say so.
    fn block_start(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        let (mut index, mut start) = (0, None);
        Cursor::new(doc).object(|key, cursor| {
            match &*key.bytes() {
                b"contentBlockIndex" => index = cursor.integer()?.unwrap_or(0),
                b"start" => start = Some(*cursor),
                _ => {}
            }
            Ok(())
        })?;
        let Some(mut start) = start else {
            return Ok(());
        };
        start.object_or_skip(|key, cursor| {
            match &*key.bytes() {
                b"toolUse" => {
                    let tool = ToolUse::read(doc, cursor)?;
                    let kind = match tool.name.filter(|_| !tool.is_hosted) {
                        Some(name) => BlockKind::Call(self.call(tool.id, name, sink), false),
                        None if tool.is_hosted => {
                            sink.take(Event::Dropped("server_tool_use"));
                            BlockKind::Skipped
                        }
                        None => return Err(Malformed::new("a call has no name", 0)),
                    };
                    self.add(index, kind)?;
                }
                b"toolResult" => self.skip_block(index, "tool_result", sink)?,
                b"image" => self.skip_block(index, "images", sink)?,
                _ => {}
            }
            Ok(())
        })
    }

    fn add(&mut self, index: u64, kind: BlockKind) -> Result<(), Malformed> {
        if self.open.len() >= MOST_BLOCKS {
            return Err(Malformed::new("a reply has too many open blocks", 0));
        }
        self.open.push(Block { index, kind });
        Ok(())
    }

    fn skip_block(
        &mut self,
        index: u64,
        what: &'static str,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        sink.take(Event::Dropped(what));
        self.add(index, BlockKind::Skipped)
    }

    /// Reads a piece of a block.
    fn block_delta(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        let (mut index, mut delta) = (0, None);
        Cursor::new(doc).object(|key, cursor| {
            match &*key.bytes() {
                b"contentBlockIndex" => index = cursor.integer()?.unwrap_or(0),
                b"delta" => delta = Some(*cursor),
                _ => {}
            }
            Ok(())
        })?;
        let Some(mut delta) = delta else {
            return Ok(());
        };
        delta.object_or_skip(|key, cursor| {
            match &*key.bytes() {
                b"text" => give_text(doc, cursor, sink)?,
                b"toolUse" => cursor.object_or_skip(|key, cursor| match key.is("input") {
                    true => self.arguments(doc, cursor, index, sink),
                    false => Ok(()),
                })?,
                b"reasoningContent" => cursor.object_or_skip(|key, cursor| {
                    match &*key.bytes() {
                        b"text" => give_reasoning(doc, cursor, sink)?,
                        b"signature" => {
                            self.keep(doc, cursor, index, OpaqueKind::Signature)?;
                        }
                        b"redactedContent" => {
                            self.keep(doc, cursor, index, OpaqueKind::Redacted)?;
                        }
                        _ => {}
                    }
                    Ok(())
                })?,
                b"citation" => sink.take(Event::Dropped("citations")),
                b"image" => sink.take(Event::Dropped("images")),
                b"toolResult" => sink.take(Event::Dropped("tool_result")),
                _ => {}
            }
            Ok(())
        })
    }

    /// Reads more of a call's arguments.
    fn arguments<'a>(
        &mut self,
        doc: &'a [u8],
        cursor: &mut Cursor<'a>,
        index: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let text = Text::read_or_skip(cursor, doc)?;
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        let mut open = self.open.iter_mut();
        let block = open.find(|block| block.index == index);
        match block.map(|block| &mut block.kind) {
            Some(BlockKind::Call(call, has_arguments)) => {
                *has_arguments = true;
                let (choice, call) = (0, *call);
                sink.take(Event::Arguments { choice, call, text });
                Ok(())
            }
            Some(BlockKind::Skipped) => Ok(()),
            Some(BlockKind::Opaque(..)) | None => {
                Err(Malformed::new("there are arguments of no call", 0))
            }
        }
    }

    /// Keeps a piece of opaque reasoning until its block ends.
    fn keep(
        &mut self,
        doc: &[u8],
        cursor: &mut Cursor<'_>,
        index: u64,
        kind: OpaqueKind,
    ) -> Result<(), Malformed> {
        let Some(text) = cursor.text_or_skip()? else {
            return Ok(());
        };
        let piece = text.decode(doc);
        let known = self
            .open
            .iter_mut()
            .find_map(|block| match &mut block.kind {
                BlockKind::Opaque(_, data) if block.index == index => Some(data),
                BlockKind::Opaque(..) | BlockKind::Call(..) | BlockKind::Skipped => None,
            });
        match known {
            Some(data) if data.len() + piece.len() > MOST_OPAQUE => {
                Err(Malformed::new("a signature is larger than is read", 0))
            }
            Some(data) => {
                data.push_str(&piece);
                Ok(())
            }
            None if piece.is_empty() => Ok(()),
            None => self.add(index, BlockKind::Opaque(kind, piece.into_owned())),
        }
    }

    fn block_stop(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        let mut index = 0;
        Cursor::new(doc).object(|key, cursor| {
            if key.is("contentBlockIndex") {
                index = cursor.integer()?.unwrap_or(0);
            }
            Ok(())
        })?;
        if let Some(at) = self.open.iter().position(|block| block.index == index) {
            let block = self.open.remove(at);
            self.close(block, sink);
        }
        Ok(())
    }

    fn close(&self, block: Block, sink: &mut dyn Sink) {
        match block.kind {
            BlockKind::Call(call, has_arguments) => end_call(call, has_arguments, sink),
            BlockKind::Opaque(kind, data) => self.opaque(kind, Text::plain(data), sink),
            BlockKind::Skipped => {}
        }
    }

    fn message_stop(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        let (mut reason, mut stop) = (None, None);
        Cursor::new(doc).object(|key, cursor| {
            match &*key.bytes() {
                b"stopReason" => reason = Text::read_or_skip(cursor, doc)?,
                b"additionalModelResponseFields" => stop = stop_text(doc, cursor)?,
                _ => {}
            }
            Ok(())
        })?;
        for block in std::mem::take(&mut self.open) {
            self.close(block, sink);
        }
        self.stop(reason.as_ref(), stop);
        if self.has_metadata {
            self.end(sink);
        }
        Ok(())
    }

    fn metadata(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        Cursor::new(doc).object(|key, cursor| match key.is("usage") {
            true => give_usage(cursor, sink),
            false => Ok(()),
        })?;
        self.has_metadata = true;
        if self.finish.is_some() {
            self.end(sink);
        }
        Ok(())
    }

    /// Notes the reason of the finish. One that is not known is an end like any other.
    fn stop(&mut self, reason: Option<&Text<'_>>, stop: Option<String>) {
        let reason = match reason.map(Text::decode).as_deref() {
            Some("max_tokens") => Finish::Length,
            Some("stop_sequence") => Finish::StopSequence,
            Some("tool_use") => Finish::Calls,
            Some("model_context_window_exceeded") => Finish::ContextWindow,
            Some("guardrail_intervened" | "content_filtered") => Finish::Filtered,
            Some("refusal") => Finish::Refused,
            Some("malformed_model_output" | "malformed_tool_use") => Finish::Broken,
            _ if self.calls > 0 => Finish::Calls,
            _ => Finish::Stop,
        };
        self.finish = Some((reason, stop.filter(|_| reason == Finish::StopSequence)));
    }

    /// Gives the finish and the end, once.
    fn end(&mut self, sink: &mut dyn Sink) {
        if self.ended {
            return;
        }
        if let Some((reason, stop)) = self.finish.take() {
            self.ended = true;
            sink.take(Event::Finish {
                choice: 0,
                reason,
                stop: stop.map(Text::plain),
            });
            sink.take(Event::End);
        }
    }
}

impl ReadReply for Reader {
    fn read_event(
        &mut self,
        name: &[u8],
        data: &[u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        if self.ended {
            return Ok(());
        }
        self.begin(sink);
        match name {
            b"contentBlockDelta" => self.block_delta(data, sink),
            b"contentBlockStart" => self.block_start(data, sink),
            b"contentBlockStop" => self.block_stop(data, sink),
            b"messageStop" => self.message_stop(data, sink),
            b"metadata" => self.metadata(data, sink),
            _ => Ok(()),
        }
    }

    fn read_whole(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        self.read_document(doc, sink)
    }

    /// A stream without `metadata` is whole where its message was complete.
    fn finish(&mut self, sink: &mut dyn Sink) {
        self.end(sink);
    }
}
