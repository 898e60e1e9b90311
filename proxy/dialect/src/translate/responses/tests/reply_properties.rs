//! Any bytes at all as a reply, and any events in any order.

use proptest::{collection::vec, prelude::*};

use super::{Lines, context, data_of, reply_read::STREAM, written};
use crate::{
    arbitrary,
    sse::Frames,
    translate::{
        event::{Event, Finish},
        format::ReadReply as _,
        opaque::{Opaque, OpaqueKind},
        responses::reply_read::Reader,
        text::Text,
    },
};

#[test]
fn a_stream_that_is_cut_at_any_byte_has_no_end() {
    let all: String = STREAM
        .iter()
        .map(|data| format!("data: {}\n\n", data.replace('\n', " ")))
        .collect();
    for end in 0..=all.len() {
        let (mut reader, mut lines, mut frames) = (
            Reader::new(context(true)),
            Lines::default(),
            Frames::new(1 << 20),
        );
        frames.push(&all.as_bytes()[..end]);
        frames.finish();
        while let Ok(Some(event)) = frames.next() {
            if event.cut || event.data_lines == 0 {
                continue;
            }
            let data = &frames.bytes()[event.data.clone()];
            reader.read_event(b"", data, &mut lines).unwrap();
        }
        reader.finish(&mut lines);
        assert_eq!(
            lines.0.contains(&"end".to_owned()),
            end == all.len(),
            "{end}"
        );
    }
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let text = || "[a-c\"\\\\\n]{0,3}".prop_map(Text::plain);
    let finish = prop::sample::select(Finish::ALL.to_vec());
    prop_oneof![
        Just(()).prop_map(|()| Event::Begin {
            id: None,
            model: None
        }),
        text().prop_map(|text| Event::Text { choice: 0, text }),
        text().prop_map(|text| Event::Reasoning { choice: 0, text }),
        text().prop_map(|text| Event::Refusal { choice: 0, text }),
        text().prop_map(|text| Event::Opaque {
            choice: 0,
            opaque: Opaque::of(super::HOME, OpaqueKind::Thought, text)
        }),
        (0..3_u32, prop::option::of(text()), text()).prop_map(|(call, id, name)| Event::Call {
            choice: 0,
            call,
            id,
            name
        }),
        (0..3_u32, text()).prop_map(|(call, text)| Event::Arguments {
            choice: 0,
            call,
            text
        }),
        (0..3_u32).prop_map(|call| Event::CallEnd { choice: 0, call }),
        finish.prop_map(|reason| Event::Finish {
            choice: 0,
            reason,
            stop: None
        }),
        Just(()).prop_map(|()| Event::Dropped("x")),
    ]
}

proptest! {
    #[test]
    fn any_events_are_a_stream_of_numbered_events(events in vec(event(), 0..24), ends in any::<bool>()) {
        let mut events = events;
        if ends {
            events.push(Event::End);
        }
        let data = data_of(&written(true, events));
        for (number, event) in data.iter().enumerate() {
            prop_assert_eq!(event["sequence_number"].as_u64(), Some(number as u64));
        }
        if ends {
            let response = &data.last().unwrap()["response"];
            let done = data.iter().filter(|event| event["type"] == "response.output_item.done").count();
            prop_assert_eq!(response["output"].as_array().unwrap().len(), done);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in prop_oneof![
            arbitrary::mutated(),
            (0..STREAM.len(), arbitrary::document()).prop_map(|(which, value)| {
                let value = String::from_utf8(value).unwrap();
                STREAM[which].replacen("\"id\":\"", &format!("\"x\":{value},\"id\":\""), 1).into_bytes()
            }),
            (arbitrary::document(), prop::sample::select(vec!["output_item.done", "output_item.added", "completed", "content_part.done", "output_text.delta", "failed"]))
                .prop_map(|(value, kind)| {
                    let value = String::from_utf8(value).unwrap();
                    format!(r#"{{"type":"response.{kind}","item":{value},"part":{value},"response":{{"output":[{value},{{"type":"message","content":{value}}}],"usage":{value}}},"delta":{value}}}"#).into_bytes()
                }),
        ],
        before in 0..STREAM.len(),
    ) {
        let (mut reader, mut lines) = (Reader::new(context(true)), Lines::default());
        for data in &STREAM[..before] {
            reader.read_event(b"", data.as_bytes(), &mut lines).unwrap();
        }
        let _ = reader.read_event(b"", &bytes, &mut lines);
        let _ = Reader::new(context(false)).read_whole(&bytes, &mut lines);
    }
}
