//! A target's reply on its way into the caller's dialect.

use std::fmt;

use super::{
    Wire,
    event::{Event, Finish, Sink},
    format::{ReadReply, ReplyContext, WriteReply},
    loss::Dropped,
    text::Text,
};
use crate::{
    Dialect, Malformed, Usage,
    event_stream::{Decoder, Exception, Message},
    failure::ErrorFacts,
    sse::Frames,
};

/// The largest event, and the largest whole reply, that is read, in bytes.
const LARGEST: usize = 32 << 20;

/// One reply of a success: bytes of the target's dialect in, bytes of the caller's out.
pub struct Reply {
    reader: Box<dyn ReadReply>,
    writer: Box<dyn WriteReply>,
    input: Input,
    seen: Seen,
}

/// The form in which the target's bytes come.
enum Input {
    /// A stream of events.
    Events(Frames),
    /// A stream of AWS's binary frames.
    Frames(Decoder),
    /// A document.
    Document(Vec<u8>),
}

/// Everything that passed so far.
#[derive(Default)]
struct Seen {
    ended: bool,
    error: Option<Box<ErrorFacts>>,
    dropped: Dropped,
    usage: Option<Usage>,
    id: Option<Box<str>>,
    model: Option<Box<str>>,
}

/// Bytes of a provider's id or model's name that are kept; longer ones are not.
const LONGEST_NAME: usize = 256;

/// The caller's writer, with what is noted in passing.
struct Noting<'s> {
    writer: &'s mut dyn WriteReply,
    seen: &'s mut Seen,
}

impl Sink for Noting<'_> {
    fn take(&mut self, event: Event<'_>) {
        if self.seen.ended || self.seen.error.is_some() {
            return; // nothing follows an end
        }
        let is_broken = matches!(
            event,
            Event::Finish {
                reason: Finish::Broken,
                ..
            }
        );
        // No caller's grammar has a reason for it, and nothing broken is to look whole.
        let event = match is_broken {
            false => event,
            true => Event::Error(Box::new(ErrorFacts {
                kind: Some("api_error".to_owned()),
                message: "the model's reply came to nothing".to_owned(),
                ..ErrorFacts::default()
            })),
        };
        match &event {
            Event::Dropped(field) => self.seen.dropped.add(field),
            Event::Usage(usage) => self.seen.usage = Some(*usage),
            Event::Error(facts) => self.seen.error = Some(facts.clone()),
            Event::End => self.seen.ended = true,
            Event::Begin { id, model } => {
                let name = |text: &Option<Text<'_>>| {
                    let text = text.as_ref().map(Text::decode);
                    let text = text.filter(|text| text.len() <= LONGEST_NAME);
                    text.map(|text| text.as_ref().into())
                };
                (self.seen.id, self.seen.model) = (name(id), name(model));
            }
            Event::Text { .. }
            | Event::Reasoning { .. }
            | Event::Opaque { .. }
            | Event::Refusal { .. }
            | Event::Call { .. }
            | Event::Arguments { .. }
            | Event::CallEnd { .. }
            | Event::Finish { .. } => {}
        }
        self.writer.take(event);
    }
}

impl Reply {
    /// A reply of `target` for a caller of `caller`; `None` where no caller speaks that or it is not
    /// translated. `streams`: the target's reply is a stream of events, whatever was wanted.
    pub fn new(
        caller: Dialect,
        target: Wire,
        streams: bool,
        context: ReplyContext,
    ) -> Option<Self> {
        let writer = Wire::of(caller)?.format().writer?;
        let reader = target.format().reader;
        Some(Self {
            reader: reader(context.clone()),
            writer: writer(context),
            input: match (streams, target) {
                (false, _) => Input::Document(Vec::new()),
                (true, Wire::Converse) => Input::Frames(Decoder::new()),
                (true, Wire::Chat | Wire::Responses | Wire::Messages | Wire::Gemini) => {
                    Input::Events(Frames::new(LARGEST))
                }
            },
            seen: Seen::default(),
        })
    }

    /// Takes bytes that came, in any split; returns those that go out.
    ///
    /// # Errors
    /// The reply is malformed, or larger than is read: it must not look whole.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        match &mut self.input {
            Input::Events(frames) => frames.push(bytes),
            Input::Frames(frames) => frames.push(bytes),
            Input::Document(doc) if doc.len() + bytes.len() > LARGEST => {
                return Err(Malformed::new(
                    "the reply is larger than is read",
                    doc.len(),
                ));
            }
            Input::Document(doc) => doc.extend_from_slice(bytes),
        }
        self.read_events()?;
        Ok(self.writer.take_written())
    }

    /// Notes that nothing more comes; returns the rest of what goes out. Whether it is whole says
    /// [`Self::is_whole`].
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(&mut self) -> Result<Vec<u8>, Malformed> {
        let (writer, seen) = (&mut *self.writer, &mut self.seen);
        match &mut self.input {
            Input::Document(doc) => {
                let doc = std::mem::take(doc);
                self.reader.read_whole(&doc, &mut Noting { writer, seen })?;
            }
            Input::Events(frames) => {
                frames.finish();
                self.read_events()?;
            }
            // What was cut off inside a frame is no end, nor is it an event.
            Input::Frames(frames) => frames.finish()?,
        }
        let (writer, seen) = (&mut *self.writer, &mut self.seen);
        self.reader.finish(&mut Noting { writer, seen });
        Ok(self.writer.take_written())
    }

    /// Reports whether the reply ended as its dialect ends one.
    pub fn is_whole(&self) -> bool {
        self.seen.ended
    }

    /// The failure that the provider reported inside it.
    pub fn error(&self) -> Option<&ErrorFacts> {
        self.seen.error.as_deref()
    }

    /// The parts of it that the caller's dialect has no place for.
    pub fn dropped(&self) -> &Dropped {
        &self.seen.dropped
    }

    /// The provider's own id of it, and the name of the model that served it, where it says them:
    /// the caller's reply has an id and the name that it asked for.
    pub fn names(&self) -> (Option<&str>, Option<&str>) {
        (self.seen.id.as_deref(), self.seen.model.as_deref())
    }

    /// The tokens that the target reported.
    pub fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }

    fn read_events(&mut self) -> Result<(), Malformed> {
        let sink = &mut Noting {
            writer: &mut *self.writer,
            seen: &mut self.seen,
        };
        match &mut self.input {
            Input::Document(_) => Ok(()),
            Input::Events(frames) => read_events(frames, &mut *self.reader, sink),
            Input::Frames(frames) => read_frames(frames, &mut *self.reader, sink),
        }
    }
}

/// Reads the events that are complete.
fn read_events(
    frames: &mut Frames,
    reader: &mut dyn ReadReply,
    sink: &mut dyn Sink,
) -> Result<(), Malformed> {
    while let Some(event) = frames.next()? {
        if event.cut || event.data_lines == 0 {
            continue; // half an event is none; nor is a comment
        }
        let bytes = frames.bytes();
        let (doc, at) = event.document(bytes);
        let data = doc.get(at..).unwrap_or_default();
        let name = bytes.get(event.name.clone()).unwrap_or_default();
        reader.read_event(name.trim_ascii(), data, sink)?;
    }
    frames.discard();
    Ok(())
}

/// Reads the frames that are complete; an exception is a failure in the place of the rest.
fn read_frames(
    frames: &mut Decoder,
    reader: &mut dyn ReadReply,
    sink: &mut dyn Sink,
) -> Result<(), Malformed> {
    while let Some(frame) = frames.next()? {
        match frame.message() {
            Message::Event(name) => reader.read_event(name.as_bytes(), frame.payload(), sink)?,
            Message::Exception(_) | Message::Error { .. } => {
                if let Some(exception) = Exception::of(&frame) {
                    sink.take(Event::Error(Box::new(exception.facts())));
                }
            }
            Message::Unknown => {
                return Err(Malformed::new("a frame is of no known message type", 0));
            }
        }
    }
    Ok(())
}

impl fmt::Debug for Reply {
    /// Shows no text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("ended", &self.seen.ended)
            .finish_non_exhaustive()
    }
}
