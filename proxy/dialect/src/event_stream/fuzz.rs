//! Fuzz targets: frames of any bytes, and frames whose sums fit whatever is in them.

#![expect(clippy::expect_used, reason = "tests")]

use fuzz::{Chance, run};

use super::{Decoder, InvokeStream, frame};
use crate::{
    Dialect,
    translate::{Origin, Reply, ReplyContext, Wire},
};

/// Examples: a chunk's headers and its document, behind each other, and a whole frame.
const EXAMPLES: &[&[u8]] = &[
    b"\x0b:event-type\x07\x00\x05chunk\x0d:message-type\x07\x00\x05event{\"bytes\":\"eyJ0eXBlIjoicGluZyJ9\"}",
    b"\x0b:event-type\x07\x00\x05chunk\x0d:message-type\x07\x00\x05event{\"bytes\":\"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0=\"}",
    b"\x0f:exception-type\x07\x00\x13throttlingException\x0d:message-type\x07\x00\x09exception{\"message\":\"m\"}",
    b"\x0b:event-type\x07\x00\x11contentBlockDelta\x0d:message-type\x07\x00\x05event{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}",
    b"\x0b:event-type\x07\x00\x0bmessageStop\x0d:message-type\x07\x00\x05event{\"stopReason\":\"end_turn\"}",
    b"\x01a\x00\x01b\x02\x01\x01c\x03\x01\x02\x01d\x08\x01\x02\x03\x04\x05\x06\x07\x08\x01e\x06\x00\x01x",
    b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfd\x52\x8c\x5a{'foo':'bar'}\xc3\x65\x39\x36",
];

/// The lengths of the headers in these examples.
const HEADERS: [usize; 5] = [42, 64, 54, 48, 29];

#[test]
fn any_frames_are_read_alike_however_they_were_cut() {
    run(EXAMPLES, |input, chance| {
        let stream = stream(input, chance);
        let (whole, cut) = (read(&[&stream]), read(&pieces(&stream, chance)));
        assert_eq!(whole, cut, "the cuts change nothing");
        let mut out = [Vec::new(), Vec::new()];
        let [first, second] = &mut out;
        let ends = [
            invoke(&[&stream], first),
            invoke(&pieces(&stream, chance), second),
        ];
        assert_eq!(ends[0], ends[1]);
        assert_eq!(first, second);
        assert!(
            !ends[0].0 || String::from_utf8_lossy(first).contains("message_stop"),
            "nothing cut looks whole"
        );
        let replies = [reply(&[&stream]), reply(&pieces(&stream, chance))];
        assert_eq!(replies[0], replies[1]);
        u64::from(replies[0].0) << 50 ^ whole.1 << 8
            | (first.len() as u64).min(31) << 2
            | u64::from(ends[0].1) << 1
    });
}

/// The input as a stream, or as the headers and the payload of frames whose sums fit.
fn stream(input: &[u8], chance: &mut Chance) -> Vec<u8> {
    let known = HEADERS.get(chance.below(6));
    let at = known.map_or_else(|| chance.below(input.len() + 1), |at| *at);
    match (chance.one_in(4), input.split_at_checked(at)) {
        (false, Some((headers, payload))) => {
            let one = frame(headers, payload).unwrap_or_default();
            one.repeat(1 + chance.below(2))
        }
        _ => input.to_vec(),
    }
}

fn pieces<'a>(mut rest: &'a [u8], chance: &mut Chance) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(1 + chance.below(rest.len()));
        pieces.push(piece);
        rest = later;
    }
    pieces
}

/// The frames and how they ended, and a number for the kinds of both.
fn read(pieces: &[&[u8]]) -> (String, u64) {
    let (mut decoder, mut seen, mut path) = (Decoder::new(), String::new(), 0_u64);
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => {
                    let headers = frame.headers().iter().count() as u64;
                    path = path.wrapping_mul(31).wrapping_add(headers + 1);
                    seen += &format!("{:?} {:?}", frame.headers(), frame.payload());
                }
                Ok(None) => break,
                Err(error) => {
                    seen += error.what;
                    return (seen, error.what.len() as u64);
                }
            }
        }
    }
    if let Err(error) = decoder.finish() {
        seen += error.what;
    }
    (seen, path)
}

/// Reports of a reply of Converse that it was whole, and that it ended well.
fn reply(pieces: &[&[u8]]) -> (bool, bool) {
    let context = ReplyContext {
        id: "x".to_owned(),
        model: "m".to_owned(),
        created: 1,
        stream: true,
        listed: false,
        prompt_tokens: 1,
        origin: Origin(1),
    };
    let reply = Reply::new(Dialect::OpenaiChat, Wire::Converse, true, context);
    let mut reply = reply.expect("both are translated");
    let pushed = (pieces.iter()).try_for_each(|piece| reply.push(piece).map(drop));
    let ended = pushed.and_then(|()| reply.finish().map(drop));
    (reply.is_whole(), ended.is_ok())
}

/// Reports that the reply was whole, and that it ended well.
fn invoke(pieces: &[&[u8]], out: &mut Vec<u8>) -> (bool, bool) {
    let mut reply = InvokeStream::new();
    let pushed = pieces.iter().try_for_each(|piece| reply.push(piece, out));
    let ended = pushed.and_then(|()| reply.finish());
    (reply.is_whole(), ended.is_ok())
}
