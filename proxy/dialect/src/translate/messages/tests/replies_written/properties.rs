//! Any events, written.

use proptest::prelude::*;
use serde_json::Value;

use super::{
    super::{
        super::{
            super::{
                event::{Event, Finish, Sink},
                format::{ReadReply, WriteReply},
                opaque::OpaqueKind,
                text::Text,
            },
            reply_read::Reader,
            reply_whole::Whole,
            reply_write::Stream,
        },
        brief, context,
    },
    arguments, call, call_end,
    client::put_together,
    data, finish, opaque, reasoning, text,
};
use crate::Usage;

#[derive(Debug, Clone)]
enum Kind {
    Text(String),
    Reasoning(String),
    Opaque(OpaqueKind),
    Refusal(String),
    Call,
    Arguments(u32, String),
    CallEnd(u32),
    Usage(u64),
    Finish(usize),
    Dropped,
}

fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    let said = "[a\"\\\\\n\u{e9}]{0,6}";
    let kind = prop_oneof![
        said.prop_map(Kind::Text),
        said.prop_map(Kind::Reasoning),
        prop::sample::select(vec![
            OpaqueKind::Signature,
            OpaqueKind::Redacted,
            OpaqueKind::Encrypted,
            OpaqueKind::Thought
        ])
        .prop_map(Kind::Opaque),
        said.prop_map(Kind::Refusal),
        Just(Kind::Call),
        (0..4_u32, said).prop_map(|(call, text)| Kind::Arguments(call, text)),
        (0..4_u32).prop_map(Kind::CallEnd),
        (0..99_u64).prop_map(Kind::Usage),
        (0..Finish::ALL.len()).prop_map(Kind::Finish),
        Just(Kind::Dropped),
    ];
    prop::collection::vec(kind, 0..24)
}

fn give(kinds: &[Kind], sink: &mut dyn Sink) {
    let mut calls = 0;
    for kind in kinds {
        sink.take(match kind {
            Kind::Text(said) => text(said),
            Kind::Reasoning(said) => reasoning(said),
            Kind::Opaque(kind) => opaque(*kind),
            Kind::Refusal(said) => Event::Refusal {
                choice: 0,
                text: Text::plain(said.as_str()),
            },
            Kind::Call => {
                calls += 1;
                call(calls - 1, "id")
            }
            Kind::Arguments(call, source) => arguments(*call, source),
            Kind::CallEnd(call) => call_end(*call),
            Kind::Usage(output) => Event::Usage(Usage {
                input: 9,
                output: *output,
                ..Usage::default()
            }),
            Kind::Finish(at) => finish(Finish::ALL[*at]),
            Kind::Dropped => Event::Dropped("citations"),
        });
    }
    sink.take(Event::End);
}

proptest! {
    #[test]
    fn any_events_make_a_sound_stream_and_a_sound_reply(kinds in kinds()) {
        let mut writer = Stream::new(context(true));
        give(&kinds, &mut writer);
        put_together(&writer.take_written());
        let mut writer = Whole::new(context(false));
        give(&kinds, &mut writer);
        let reply: Value = serde_json::from_slice(&writer.take_written()).unwrap();
        prop_assert_eq!(&reply["type"], "message");
    }

    #[test]
    fn what_is_written_is_read_back_alike_whole_and_streamed(kinds in kinds()) {
        let joined = |events: Vec<String>| -> Vec<String> {
            // Pieces of one text are one, and counts are the last.
            let mut all: Vec<String> = Vec::new();
            for event in events {
                let same = ["text ", "reasoning "].into_iter().find(|kind| {
                    event.starts_with(kind) && all.last().is_some_and(|last| last.starts_with(kind))
                });
                match (same, all.last_mut()) {
                    (Some(kind), Some(last)) => last.push_str(&event[kind.len()..]),
                    _ => all.push(event),
                }
            }
            all.retain(|event| !event.starts_with("usage"));
            all
        };
        // Side by side, calls grow in another order than they stand in a whole reply.
        let kinds: Vec<Kind> = kinds
            .into_iter()
            .filter(|kind| !matches!(kind, Kind::Call | Kind::Arguments(..) | Kind::CallEnd(_)))
            .collect();
        let (mut streamed, mut at_once) = (Vec::new(), Vec::new());
        let mut writer = Stream::new(context(true));
        give(&kinds, &mut writer);
        let mut reader = Reader::new(context(true));
        for event in data(&writer.take_written()) {
            let mut sink = |event: Event<'_>| streamed.push(brief(&event));
            reader.read_event(b"", event.to_string().as_bytes(), &mut sink).unwrap();
        }
        let mut writer = Whole::new(context(false));
        give(&kinds, &mut writer);
        let mut sink = |event: Event<'_>| at_once.push(brief(&event));
        Reader::new(context(false)).read_whole(&writer.take_written(), &mut sink).unwrap();
        prop_assert_eq!(joined(streamed), joined(at_once));
    }
}
