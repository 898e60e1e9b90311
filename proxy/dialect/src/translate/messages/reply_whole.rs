//! Replies of `anthropic.messages`, written whole.

use super::{
    super::{
        event::{Event, Sink},
        format::{ReplyContext, WriteReply},
        json::Json,
        opaque::{Opaque, OpaqueKind},
        text::Text,
    },
    reply_write::{Ending, call_id, error_of, write_call, write_head, write_usage},
};
use crate::{Dialect, Usage, answer, json::outlined::Cursor};

/// Writes a whole reply. It keeps what it says until the end, as a document has to.
pub(super) struct Whole {
    context: ReplyContext,
    blocks: Vec<Block>,
    end: Ending,
    out: Vec<u8>,
}

/// A block under construction. Texts are the insides of their literals.
enum Block {
    Text(Vec<u8>),
    Thinking {
        text: Vec<u8>,
        signature: Option<Text<'static>>,
    },
    Redacted(Text<'static>),
    Call {
        call: u32,
        id: Text<'static>,
        name: Text<'static>,
        arguments: String,
    },
}

impl Whole {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            blocks: Vec::new(),
            end: Ending::default(),
            out: Vec::new(),
        }
    }

    fn say(&mut self, text: &Text<'_>) {
        if text.is_empty() {
            return;
        }
        match self.blocks.last_mut() {
            Some(Block::Text(said)) => text.write_inside(said),
            _ => {
                let mut said = Vec::new();
                text.write_inside(&mut said);
                self.blocks.push(Block::Text(said));
            }
        }
    }

    fn think(&mut self, text: &Text<'_>) {
        if text.is_empty() {
            return;
        }
        match self.blocks.last_mut() {
            Some(Block::Thinking {
                text: thought,
                signature: None,
            }) => text.write_inside(thought),
            _ => {
                let mut thought = Vec::new();
                text.write_inside(&mut thought);
                self.blocks.push(Block::Thinking {
                    text: thought,
                    signature: None,
                });
            }
        }
    }

    fn seal(&mut self, opaque: &Opaque<'_>) {
        let data = opaque.tagged();
        match (opaque.kind, self.blocks.last_mut()) {
            (OpaqueKind::Redacted, _) => self.blocks.push(Block::Redacted(data)),
            (
                _,
                Some(Block::Thinking {
                    signature: signature @ None,
                    ..
                }),
            ) => *signature = Some(data),
            _ => self.blocks.push(Block::Thinking {
                text: Vec::new(),
                signature: Some(data),
            }),
        }
    }

    fn extend(&mut self, number: u32, text: &Text<'_>) {
        let blocks = self.blocks.iter_mut().rev();
        let mut calls = blocks.filter_map(|block| match block {
            Block::Call {
                call, arguments, ..
            } => Some((call, arguments)),
            Block::Text(_) | Block::Thinking { .. } | Block::Redacted(_) => None,
        });
        if let Some((_, arguments)) = calls.find(|(call, _)| **call == number) {
            arguments.push_str(&text.decode());
        }
    }

    fn write(&mut self) {
        let mut json = Json::with_capacity(1024);
        json.object(|json| {
            write_head(json, &self.context);
            json.key("content").array(|json| {
                for block in &self.blocks {
                    json.object(|json| write_block(json, block));
                }
            });
            self.end.write(json);
            json.key("usage");
            // The prompt's estimate, where its provider counted nothing.
            let mut usage = self.end.usage.unwrap_or_default();
            if usage.input == 0 {
                usage = Usage {
                    input: self.context.prompt_tokens,
                    ..usage
                };
            }
            write_usage(json, usage);
        });
        self.out = json.0;
    }
}

fn write_block(json: &mut Json, block: &Block) {
    match block {
        Block::Text(text) => {
            json.key("type").str("text");
            json.key("text").literal(|out| out.extend_from_slice(text));
            json.key("citations").null();
        }
        Block::Thinking { text, signature } => {
            json.key("type").str("thinking");
            json.key("thinking")
                .literal(|out| out.extend_from_slice(text));
            let nothing = Text::plain("");
            json.key("signature")
                .text(signature.as_ref().unwrap_or(&nothing));
        }
        Block::Redacted(data) => {
            json.key("type").str("redacted_thinking");
            json.key("data").text(data);
        }
        Block::Call {
            id,
            name,
            arguments,
            ..
        } => {
            write_call(json, id, name);
            json.key("input");
            let arguments = arguments.trim();
            match is_json(arguments) {
                _ if arguments.is_empty() => json.source("{}"),
                true => json.source(arguments),
                // Cut, or malformed by its model: not to be taken for a call that can be made.
                false => json.str(arguments),
            };
        }
    }
}

fn is_json(source: &str) -> bool {
    let mut cursor = Cursor::new(source.as_bytes());
    cursor.skip().and_then(|_| cursor.end()).is_ok()
}

impl Sink for Whole {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Text { choice: 0, text } => self.say(&text),
            Event::Refusal { choice: 0, text } => {
                self.end.has_refused = true;
                self.say(&text);
            }
            Event::Reasoning { choice: 0, text } => self.think(&text),
            Event::Opaque { choice: 0, opaque } => self.seal(&opaque),
            Event::Call {
                choice: 0,
                call,
                id,
                name,
            } => {
                self.end.has_calls = true;
                self.blocks.push(Block::Call {
                    call,
                    id: call_id(id.as_ref(), call, &self.context),
                    name: name.into_owned(),
                    arguments: String::new(),
                });
            }
            Event::Arguments {
                choice: 0,
                call,
                text,
            } => self.extend(call, &text),
            Event::Usage(usage) => self.end.usage = Some(usage),
            Event::Finish {
                choice: 0,
                reason,
                stop,
            } => {
                self.end.finish = Some(reason);
                self.end.stop = stop.map(Text::into_owned);
            }
            Event::Error(facts) => {
                let (kind, message) = error_of(&facts);
                let status = facts.status.unwrap_or(502);
                self.out = answer::error_body(Dialect::AnthropicMessages, status, kind, message);
            }
            Event::End => self.write(),
            // Of several choices the dialect has the first: more are refused with the request.
            Event::Begin { .. }
            | Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Reasoning { .. }
            | Event::Opaque { .. }
            | Event::Call { .. }
            | Event::Arguments { .. }
            | Event::CallEnd { .. }
            | Event::Finish { .. }
            | Event::Dropped(_) => {}
        }
    }
}

impl WriteReply for Whole {
    fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}
