//! Events: how they are framed, and that every byte is accounted for.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

/// Name, joined data, raw bytes of each event; then the rest.
type Framed = (Vec<(Vec<u8>, Vec<u8>, Vec<u8>)>, Vec<u8>);

fn framed(pieces: &[&[u8]], take: bool, finish: bool) -> Framed {
    let mut frames = Frames::new(1 << 20);
    let mut events = Vec::new();
    let mut collect = |frames: &mut Frames| {
        while let Some(event) = frames.next().unwrap() {
            let bytes = frames.bytes();
            let data = joined(&bytes[event.fields]);
            if event.data_lines == 1 {
                assert_eq!(bytes[event.data], data);
            }
            let raw = bytes[event.raw].to_vec();
            events.push((bytes[event.name].to_vec(), data, raw));
        }
        if take {
            frames.take();
        }
    };
    for piece in pieces {
        frames.push(piece);
        collect(&mut frames);
    }
    if finish {
        frames.finish();
        collect(&mut frames);
    }
    let rest = frames.bytes()[frames.complete()..].to_vec();
    (events, rest)
}

fn names_and_data(bytes: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (events, _) = framed(&[bytes], false, false);
    events
        .iter()
        .map(|(name, data, _)| (text(name), text(data)))
        .collect()
}

#[test]
fn lines_may_end_in_lf_crlf_or_cr() {
    let expected = vec![
        ("a".to_owned(), "1".to_owned()),
        (String::new(), "2".to_owned()),
    ];
    assert_eq!(names_and_data(b"event: a\ndata: 1\n\ndata:2\n\n"), expected);
    assert_eq!(
        names_and_data(b"event: a\r\ndata: 1\r\n\r\ndata:2\r\n\r\n"),
        expected
    );
    assert_eq!(
        names_and_data(b"event: a\rdata: 1\r\rdata:2\r\r:"),
        expected
    );
}

#[test]
fn the_byte_order_mark_and_comments_are_no_data() {
    let stream = b"\xef\xbb\xbfdata: x\n: data: no\nid: 7\nretry: 3\ndatas: no\n\n: ping\n\n";
    let expected = [("", "x"), ("", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(names_and_data(stream), expected);
}

#[test]
fn several_data_lines_are_one_event() {
    let (events, _) = framed(&[b"data: {\"a\":\ndata\ndata:  1}\n\n"], false, false);
    assert_eq!(events[0].1, b"{\"a\":   1}");
}

#[test]
fn a_stream_that_ends_early_gives_its_rest_as_a_cut_event() {
    let mut frames = Frames::new(100);
    frames.push(b"data: [DONE]\n");
    assert_eq!(frames.next().unwrap(), None);
    frames.finish();
    let event = frames.next().unwrap().unwrap();
    assert!(event.cut);
    assert_eq!(&frames.bytes()[event.data], b"[DONE]");
    assert_eq!(frames.next().unwrap(), None);
    assert_eq!(&frames.take()[..], b"data: [DONE]\n");
}

#[test]
fn an_event_over_the_limit_is_an_error_before_it_is_complete() {
    let mut frames = Frames::new(10);
    frames.push(b"data: 1\n\ndata: 1");
    assert!(frames.next().unwrap().is_some());
    assert_eq!(frames.next().unwrap(), None);
    frames.push(b"2345");
    assert!(frames.next().is_err());
}

#[test]
fn a_long_line_in_small_pieces_is_scanned_once() {
    let mut frames = Frames::new(8 << 20);
    let piece = [b'x'; 64];
    frames.push(b"data: ");
    for _ in 0..4 << 20 >> 6 {
        frames.push(&piece);
        assert_eq!(frames.next().unwrap(), None);
        assert_eq!(frames.scanned, frames.bytes().len());
    }
    frames.push(b"\n\n");
    assert_eq!(frames.next().unwrap().unwrap().data.len(), 4 << 20);
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "data: ",
        "data:",
        "data",
        "event: ",
        "event:x",
        ":",
        "id: 1",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "{\"a\":1}",
        "é",
        "\u{feff}",
        " ",
    ]);
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events_and_every_byte(
        stream in streams(),
        cuts in prop::collection::vec(0_usize..200, 0..8),
        take: bool,
        finish: bool,
    ) {
        let whole = framed(&[&stream], take, finish);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        let split = framed(&pieces, take, finish);
        prop_assert_eq!(&split, &whole);
        let mut all: Vec<u8> = whole.0.iter().flat_map(|event| event.2.clone()).collect();
        all.extend(&whole.1);
        prop_assert_eq!(all, stream);
    }
}
