//! The filter against the plainest one there is: the stream as it would have come unrequested.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn filtered(pieces: &[&[u8]]) -> Vec<u8> {
    let mut filter = Filter::new();
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&filter.push(Bytes::copy_from_slice(piece)));
    }
    out.extend_from_slice(&filter.finish());
    out
}

/// Each event as it comes and as it ought to leave.
const EVENTS: [(&str, &str); 15] = [
    (
        r#"data: {"id":"x","choices":[{"index":0,"delta":{"role":"assistant"}}],"usage":null}"#,
        r#"data: {"id":"x","choices":[{"index":0,"delta":{"role":"assistant"}}]}"#,
    ),
    (
        r#"data: {"choices":[{"delta":{"content":"a"}}], "usage" : null , "obfuscation":"q"}"#,
        r#"data: {"choices":[{"delta":{"content":"a"}}] , "obfuscation":"q"}"#,
    ),
    (
        r#"data: {"usage":null, "choices":[{"text":"a"}]}"#,
        r#"data: {"choices":[{"text":"a"}]}"#,
    ),
    // the chunk itself
    (
        r#"data: {"id":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
        "",
    ),
    (
        "id: 7\nevent: message\ndata: {\"choices\":null,\"usage\":{\"prompt_tokens\":1}}\n: note",
        "",
    ),
    ("data: {\"choices\":[ ],\ndata: \"usage\":{}}", ""),
    // beside a choice it would have come unrequested
    (
        r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#,
        r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#,
    ),
    // Azure's filter results come without choices, too
    (
        r#"data: {"choices":[],"prompt_filter_results":[{}],"usage":null}"#,
        r#"data: {"choices":[],"prompt_filter_results":[{}]}"#,
    ),
    // not its own member
    (
        r#"data: {"choices":[{"delta":{"content":"\"usage\":null"}}],"x_groq":{"usage":null}}"#,
        r#"data: {"choices":[{"delta":{"content":"\"usage\":null"}}],"x_groq":{"usage":null}}"#,
    ),
    (
        r#"data: {"choices":[],"usage":{},"error":{"message":"usage"}}"#,
        r#"data: {"choices":[],"usage":{},"error":{"message":"usage"}}"#,
    ),
    // nothing that is read
    (
        r#"data: {"choices":[],"usage":{"#,
        r#"data: {"choices":[],"usage":{"#,
    ),
    (": \"usage\":null", ": \"usage\":null"),
    ("data: [DONE]", "data: [DONE]"),
    (r#"data: {"usage":null}"#, "data: {}"),
    (
        "data: {\"choices\":[{}],\ndata: \"usage\":null}",
        "data: {\"choices\":[{}],\ndata: \"usage\":null}",
    ),
];

fn stream(events: &[usize], end: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut before, mut after) = (String::new(), String::new());
    for event in events {
        let (came, leaves) = EVENTS[*event];
        before += &(came.to_owned() + "\n\n").replace('\n', end);
        if !leaves.is_empty() {
            after += &(leaves.to_owned() + "\n\n").replace('\n', end);
        }
    }
    (before.into_bytes(), after.into_bytes())
}

#[test]
fn the_chunk_and_the_nulls_go_and_every_other_byte_stays_at_every_split() {
    let all: Vec<usize> = (0..EVENTS.len()).collect();
    for end in ["\n", "\r\n", "\r"] {
        let (before, after) = stream(&all, end);
        for at in 0..=before.len() {
            let (a, b) = before.split_at(at);
            let out = filtered(&[a, b]);
            assert_eq!(
                String::from_utf8_lossy(&out),
                String::from_utf8_lossy(&after),
                "{end:?} {at}"
            );
        }
    }
}

#[test]
fn whole_events_without_usage_are_handed_on_and_not_copied() {
    let mut filter = Filter::new();
    for piece in [
        "data: {\"choices\":[{}]}\n\n",
        "data: [DONE]\r\n\r\n",
        ": x\n\n",
    ] {
        let piece = Bytes::from(piece);
        assert_eq!(filter.push(piece.clone()).as_ptr(), piece.as_ptr());
    }
    assert_eq!(filter.finish(), "");
}

#[test]
fn an_event_leaves_with_its_last_byte() {
    let (before, after) = stream(&[6], "\n");
    let mut filter = Filter::new();
    for byte in &before[..before.len() - 1] {
        assert_eq!(filter.push(Bytes::copy_from_slice(&[*byte])), "");
    }
    assert_eq!(filter.push(Bytes::from_static(b"\n")), after);
}

#[test]
fn what_a_broken_stream_left_is_given_out() {
    let mut filter = Filter::new();
    let cut = r#"data: {"choices":[{"delta":{"content":"a"#;
    assert_eq!(filter.push(Bytes::from(cut)), "");
    assert_eq!(filter.finish(), cut);
}

#[test]
fn an_event_without_an_end_is_not_kept_for_ever() {
    let mut filter = Filter::new();
    let piece = vec![b'a'; 100_000];
    let mut out = 0;
    for count in 1..20 {
        out += filter.push(Bytes::from(piece.clone())).len();
        assert!(count * piece.len() - out <= LARGEST + piece.len());
    }
    assert_eq!(out + filter.finish().len(), 19 * piece.len());
    assert!(
        filter
            .push(Bytes::from_static(b"data: {\"usage\":null}\n\n"))
            .len()
            > 20
    );
}

proptest! {
    #[test]
    fn any_stream_in_any_pieces_is_the_one_that_would_have_come_unrequested(
        events in prop::collection::vec(0..EVENTS.len(), 0..12),
        sizes in prop::collection::vec(1_usize..200, 1..5),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let (before, after) = stream(&events, end);
        let (mut rest, mut pieces) = (&before[..], Vec::new());
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        prop_assert_eq!(filtered(&pieces), after);
    }

    #[test]
    fn no_bytes_make_it_panic_and_those_without_usage_stay(bytes: Vec<u8>, at: prop::sample::Index) {
        let (a, b) = bytes.split_at(at.index(bytes.len() + 1));
        prop_assert_eq!(filtered(&[a, b]), bytes);
    }
}

#[test]
fn debug_tells_nothing_of_the_content() {
    let mut filter = Filter::new();
    filter.push(Bytes::from_static(b"data: secret"));
    assert!(!format!("{filter:?}").contains("secret"));
    assert_eq!(
        String::from_utf8(filter.finish().to_vec()).unwrap(),
        "data: secret"
    );
}
