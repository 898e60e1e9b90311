#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::{prelude::*, sample::Index};

use super::*;

mod invoke;

const JSON: &[u8] = b"{'foo':'bar'}";

/// A frame's bytes, its header, its payload.
type Vector = (
    &'static [u8],
    Option<(&'static str, Value<'static>)>,
    &'static [u8],
);

/// AWS's published vectors that are frames.
/// <https://github.com/aws/aws-sdk-js-v3>, `eventstream-marshaller/src/TestVectors.fixture.ts`, and
/// <https://github.com/awslabs/aws-c-event-stream>, `tests/message_streaming_decoder_test.c`.
#[rustfmt::skip]
const GOOD: &[Vector] = &[
    (&[0, 0, 0, 16, 0, 0, 0, 0, 5, 194, 72, 235, 125, 152, 200, 255], None, b""),
    (&[0, 0, 0, 43, 0, 0, 0, 14, 52, 139, 236, 123, 8, 101, 118, 101, 110, 116, 45, 105, 100, 4, 0, 0, 160, 12, 123, 39, 102, 111, 111, 39, 58, 39, 98, 97, 114, 39, 125, 211, 137, 2, 133],
        Some(("event-id", Value::Integer(0xa00c))), JSON),
    (&[0, 0, 0, 29, 0, 0, 0, 0, 253, 82, 140, 90, 123, 39, 102, 111, 111, 39, 58, 39, 98, 97, 114, 39, 125, 195, 101, 57, 54], None, JSON),
    (&[0, 0, 0, 61, 0, 0, 0, 32, 7, 253, 131, 150, 12, 99, 111, 110, 116, 101, 110, 116, 45, 116, 121, 112, 101, 7, 0, 16, 97, 112, 112, 108, 105, 99, 97, 116, 105, 111, 110, 47, 106, 115, 111, 110, 123, 39, 102, 111, 111, 39, 58, 39, 98, 97, 114, 39, 125, 141, 156, 8, 177],
        Some(("content-type", Value::Text("application/json"))), JSON),
    (&[0, 0, 0, 0x1b, 0, 0, 0, 0x0b, 0xe5, 0xc0, 0xa0, 0x72, 5, b'e', b'v', b'e', b'n', b't', 4, 0, 0, 0, 0x20, 4, 0xa1, 0xd4, 0x7c],
        Some(("event", Value::Integer(32))), b""),
    (&[0, 0, 0, 0x22, 0, 0, 0, 0x12, 0x2d, 0x9a, 0xd2, 0x45, 4, b'b', b'u', b'f', b'f', 6, 0, 0, 6, b's', b't', b'r', b'i', b'n', b'g', 7, 0, 0, 0xc8, 0x4c, 0xf8, 0x53],
        Some(("buff", Value::Bytes(b""))), b""),
    (&[0, 0, 0, 0x17, 0, 0, 0, 7, 0x29, 0x86, 1, 0x58, 5, b'e', b'v', b'e', b'n', b't', 0, 0x4b, 0x4d, 0x2b, 0xe7],
        Some(("event", Value::Bool(true))), b""),
];

/// Those that are none.
#[rustfmt::skip]
const BAD: &[&[u8]] = &[
    // corrupted_headers
    &[0, 0, 0, 61, 0, 0, 0, 32, 7, 253, 131, 150, 12, 99, 111, 110, 116, 101, 110, 116, 43, 116, 121, 112, 101, 7, 0, 16, 97, 112, 112, 108, 105, 99, 97, 116, 105, 111, 110, 47, 106, 115, 111, 110, 123, 39, 102, 111, 111, 39, 58, 39, 98, 97, 114, 39, 125, 141, 156, 8, 177],
    // corrupted_header_len
    &[0, 0, 0, 61, 0, 0, 1, 32, 7, 253, 131, 150, 12, 99, 111, 110, 116, 101, 110, 116, 45, 116, 121, 112, 101, 7, 0, 16, 97, 112, 112, 108, 105, 99, 97, 116, 105, 111, 110, 47, 106, 115, 111, 110, 123, 39, 102, 111, 111, 39, 58, 39, 98, 97, 114, 39, 125, 141, 156, 8, 177],
    // corrupted_length
    &[1, 0, 0, 29, 0, 0, 0, 0, 253, 82, 140, 90, 123, 39, 102, 111, 111, 39, 58, 39, 98, 97, 114, 39, 125, 195, 101, 57, 54],
    // corrupted_payload
    &[0, 0, 0, 29, 0, 0, 0, 0, 253, 82, 140, 90, 91, 39, 102, 111, 111, 39, 58, 39, 98, 97, 114, 39, 125, 195, 101, 57, 54],
];

/// The frames of a stream in pieces of `size`, or the mistake.
fn frames(stream: &[u8], size: usize) -> Result<Vec<String>, Malformed> {
    let mut pieces = stream.chunks(size);
    frames_of(&mut pieces)
}

fn frames_of(pieces: &mut dyn Iterator<Item = &[u8]>) -> Result<Vec<String>, Malformed> {
    let (mut decoder, mut found) = (Decoder::new(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        while let Some(frame) = decoder.next()? {
            found.push(format!("{:?} {:?}", frame.headers(), frame.payload()));
        }
    }
    decoder.finish().map(|()| found)
}

/// A frame with any bytes for headers; its sums fit.
fn raw(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    frame(headers, payload).unwrap()
}

fn event(kind: &str, payload: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let headers = [
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    encode(&headers, payload.as_bytes(), &mut out).unwrap();
    out
}

fn exception(kind: &str, payload: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let headers = [(":exception-type", kind), (":message-type", "exception")];
    encode(&headers, payload.as_bytes(), &mut out).unwrap();
    out
}

#[test]
fn frames_that_aws_published_are_read_as_it_says() {
    for (bytes, header, payload) in GOOD {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        let frame = decoder.next().unwrap().unwrap();
        assert_eq!(frame.headers().iter().next(), *header);
        assert_eq!(frame.payload(), *payload);
        assert!(decoder.next().unwrap().is_none());
        assert_eq!(decoder.finish(), Ok(()));
    }
    let all: Vec<u8> = GOOD.iter().flat_map(|(bytes, ..)| bytes.to_vec()).collect();
    let expected = frames(&all, all.len()).unwrap();
    assert_eq!(expected.len(), GOOD.len());
    for size in 1..all.len() {
        assert_eq!(frames(&all, size).as_ref(), Ok(&expected), "{size}");
    }
}

#[test]
fn frames_that_aws_published_as_corrupted_are_refused() {
    for bytes in BAD {
        for size in 1..=bytes.len() {
            let mut decoder = Decoder::new();
            let mut refused = false;
            for piece in bytes.chunks(size) {
                decoder.push(piece);
                refused |= decoder.next().is_err();
            }
            assert!(refused, "{bytes:?}");
            assert!(decoder.next().is_err(), "it stays refused");
            assert!(decoder.finish().is_err());
            assert_eq!(decoder.buffer.capacity(), 0, "nothing is kept");
        }
    }
}

#[test]
fn headers_of_all_types_are_read() {
    let headers = [
        &b"\x01a\x00"[..],
        b"\x01b\x01",
        b"\x01c\x02\xff",
        b"\x01d\x03\x80\x00",
        b"\x01e\x04\x00\x00\xa0\x0c",
        b"\x01f\x05\x00\x00\x00\x01\x00\x00\x00\x02",
        b"\x01g\x06\x00\x02\xff\x00",
        b"\x01h\x07\x00\x02\xc3\xa9",
        b"\x01i\x08\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x01j\x09\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
    ]
    .concat();
    let frame = raw(&headers, b"");
    let mut decoder = Decoder::new();
    decoder.push(&frame);
    let frame = decoder.next().unwrap().unwrap();
    let read: Vec<_> = frame.headers().iter().collect();
    let expected = [
        ("a", Value::Bool(true)),
        ("b", Value::Bool(false)),
        ("c", Value::Byte(-1)),
        ("d", Value::Short(i16::MIN)),
        ("e", Value::Integer(0xa00c)),
        ("f", Value::Long(0x1_0000_0002)),
        ("g", Value::Bytes(&[0xff, 0])),
        ("h", Value::Text("é")),
        ("i", Value::Timestamp(-1)),
        (
            "j",
            Value::Uuid(std::array::from_fn(|at| u8::try_from(at).unwrap())),
        ),
    ];
    assert_eq!(read, expected);
    assert_eq!(frame.headers().text("h"), Some("é"));
    assert_eq!(frame.headers().text("g"), None);
    // it may end between headers only, and no type is without a meaning
    let ends: Vec<usize> = (0..=headers.len())
        .filter(|end| header::check(&headers[..*end]).is_ok())
        .collect();
    assert_eq!(ends, [0, 3, 6, 10, 15, 22, 33, 40, 47, 58, 77]);
    for bad in [&b"\x01a\x0a"[..], b"\x01\xff\x00", b"\x01a\x07\x00\x01\xff"] {
        assert!(frames(&raw(bad, b""), 64).is_err(), "{bad:?}");
    }
}

#[test]
fn lengths_that_lie_are_refused_before_anything_is_kept_for_them() {
    for (total, headers) in [
        (0_u32, 0_u32),
        (15, 0),
        (16, 1),
        (20, u32::MAX),
        (u32::MAX, 0),
        (16 << 20 | 1, 0),
        (1 << 20, 128 << 10 | 1),
    ] {
        let mut frame = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        let mut decoder = Decoder::new();
        decoder.push(&frame);
        assert!(decoder.next().is_err(), "{total} {headers}");
    }
}

#[test]
fn a_stream_may_end_between_frames_only() {
    let stream = [event("chunk", "{}"), event("chunk", "{\"a\":1}")].concat();
    let first = event("chunk", "{}").len();
    for end in 0..=stream.len() {
        let whole = [0, first, stream.len()].contains(&end);
        let read = frames(stream.get(..end).unwrap(), 7);
        assert_eq!(read.is_ok(), whole, "{end}: {read:?}");
    }
}

#[test]
fn a_frame_says_what_it_is() {
    let message = |headers: &[(&str, &str)], expected: Message<'_>| {
        let mut bytes = Vec::new();
        encode(headers, b"p", &mut bytes).unwrap();
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        let frame = decoder.next().unwrap().unwrap();
        assert_eq!(frame.message(), expected);
        assert!(!format!("{frame:?}").contains("\"p\""));
    };
    let kind = |kind| (":message-type", kind);
    message(
        &[(":event-type", "chunk"), kind("event")],
        Message::Event("chunk"),
    );
    message(
        &[
            kind("exception"),
            (":exception-type", "throttlingException"),
        ],
        Message::Exception("throttlingException"),
    );
    message(
        &[
            kind("error"),
            (":error-code", "500"),
            (":error-message", "m"),
        ],
        Message::Error {
            code: "500",
            message: "m",
        },
    );
    message(&[kind("event")], Message::Unknown);
    message(&[kind("else"), (":event-type", "chunk")], Message::Unknown);
    message(&[], Message::Unknown);
}

#[test]
fn what_no_length_can_say_is_not_encoded() {
    let long = "x".repeat(70_000);
    let mut out = Vec::new();
    assert!(encode(&[(long.as_str(), "")], b"", &mut out).is_err());
    assert!(encode(&[("a", long.as_str())], b"", &mut out).is_err());
    assert!(encode(&[], &vec![0; LARGEST], &mut out).is_err());
    assert!(out.is_empty());
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("[ -~]{0,12}", ".{0,24}"), 0..4)
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        all in prop::collection::vec((headers(), prop::collection::vec(any::<u8>(), 0..80)), 1..6),
        cuts in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for (headers, payload) in &all {
            let headers: Vec<_> = headers.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            encode(&headers, payload, &mut stream).unwrap();
            let headers: Vec<_> = headers.iter().map(|(a, b)| (*a, Value::Text(b))).collect();
            expected.push((format!("{headers:?}"), payload.clone()));
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let mut decoder = Decoder::new();
        let mut found = Vec::new();
        for cut in cuts.windows(2) {
            decoder.push(stream.get(cut[0]..cut[1]).unwrap());
            while let Some(frame) = decoder.next().unwrap() {
                let headers: Vec<_> = frame.headers().iter().collect();
                found.push((format!("{headers:?}"), frame.payload().to_vec()));
            }
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn any_flipped_bit_is_refused(
        headers in headers(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<Index>(),
        bit in 0..8_u8,
    ) {
        let headers: Vec<_> = headers.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let mut frame = Vec::new();
        encode(&headers, &payload, &mut frame).unwrap();
        let at = at.index(frame.len());
        frame[at] ^= 1 << bit;
        prop_assert!(frames(&frame, 13).is_err());
    }

    #[test]
    fn any_bytes_are_frames_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let read = frames(&bytes, 5);
        prop_assert_eq!(read.is_ok(), bytes.is_empty());
    }
}
