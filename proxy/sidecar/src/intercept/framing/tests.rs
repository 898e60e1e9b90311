use proptest::prelude::*;

use super::*;

fn follower() -> Follower {
    Follower::new(State::Head(Vec::new()), 1 << 16)
}

/// Feeds `bytes` in pieces of `size`; returns the offset at which they were refused.
fn refused_at(bytes: &[u8], size: usize) -> Option<usize> {
    let mut follower = follower();
    for (n, piece) in bytes.chunks(size).enumerate() {
        if let Err(stopped) = follower.follow(piece) {
            return Some(n * size + stopped.at);
        }
    }
    None
}

const GOOD: [&str; 9] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET / HTTP/1.0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nhost:a\r\ntransfer-encoding:CHUNKED\r\n\r\n0\r\nx: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\n\n\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\x03\x01\n\n",
    "CONNECT a:443 HTTP/1.0\r\n\r\n\n\n",
];

const BAD: [&str; 22] = [
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r0\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n\r\nhello",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\n\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx: y\n\r\n",
];

#[test]
fn plain_messages_pass_however_they_are_split() {
    for good in GOOD {
        for size in 1..=good.len() {
            assert_eq!(
                refused_at(good.as_bytes(), size),
                None,
                "{good:?} by {size}"
            );
        }
    }
}

#[test]
fn ambiguous_messages_are_stopped_however_they_are_split() {
    for bad in BAD {
        for size in 1..=bad.len() {
            assert!(
                refused_at(bad.as_bytes(), size).is_some(),
                "{bad:?} by {size}"
            );
        }
    }
}

#[test]
fn what_follows_a_request_for_a_websocket_is_no_message() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
    let frames = format!("{request}\u{1}\n\n");
    let other = frames.replace("WebSocket", "h2c");
    assert_eq!(refused_at(frames.as_bytes(), frames.len()), None);
    assert!(refused_at(other.as_bytes(), other.len()).is_some());
    let posted = frames.replace("GET", "POST");
    assert!(refused_at(posted.as_bytes(), posted.len()).is_some());
}

#[test]
fn fuzz_any_bytes_are_stopped_at_the_same_message_however_they_are_split() {
    let examples: Vec<&[u8]> = GOOD
        .iter()
        .chain(&BAD)
        .map(|text| text.as_bytes())
        .collect();
    fuzz::run(&examples, |input, chance| {
        let whole = refused_at(input, input.len().max(1));
        let split = refused_at(input, 1 + chance.below(input.len()));
        assert_eq!(whole.is_some(), split.is_some(), "{whole:?} {split:?}");
        let mut follower = follower();
        let _ = follower.follow(input);
        let kind = format!("{:?}", follower.state);
        let kind = kind.split(|c: char| !c.is_alphabetic()).next();
        kind.map_or(0, |kind| kind.len() as u64) * 64 + whole.map_or(0, |at| 1 + at as u64 / 8)
    });
}

#[test]
fn the_message_before_an_ambiguous_one_is_untouched() {
    let first = GOOD[2];
    for bad in BAD {
        let both = format!("{first}{bad}");
        let at = refused_at(both.as_bytes(), both.len());
        assert!(at.is_some_and(|at| at >= first.len()), "{bad:?}");
    }
}

/// Returns the bytes that hyper gets of `bytes` that come in pieces of `size`.
fn handed_on(bytes: &[u8], size: usize, mut follower: Follower) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in bytes.chunks(size) {
        match follower.follow(piece) {
            Ok(()) => out.extend_from_slice(piece),
            Err(stopped) => {
                out.extend_from_slice(piece.get(..stopped.at).unwrap_or_default());
                out.extend_from_slice(&stopped.instead);
                break;
            }
        }
    }
    out
}

#[test]
fn a_broken_preface_becomes_a_whole_one_and_a_frame_that_breaks_the_connection() {
    let expected = [PREFACE, IMPOSSIBLE_FRAME].concat();
    for bad in [
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "PRI * HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\nHost: a\r\n\r\n",
    ] {
        for size in 1..=bad.len() {
            assert_eq!(
                handed_on(bad.as_bytes(), size, follower()),
                expected,
                "{bad:?} by {size}"
            );
        }
    }
    let agreed = Follower::new(State::Preface(0), 1 << 16);
    assert_eq!(handed_on(GOOD[0].as_bytes(), 7, agreed), expected);
}

#[test]
fn http2_begins_a_connection_or_never() {
    let late = format!("{}{}", GOOD[0], GOOD[6]);
    for size in 1..=late.len() {
        assert!(refused_at(late.as_bytes(), size).is_some(), "by {size}");
    }
}

#[test]
fn a_head_over_the_limit_ends_in_more_lines_than_are_taken() {
    let line = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(200));
    let field = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n",
        "x".repeat(200)
    );
    for large in [line, field] {
        for size in 1..=large.len() {
            let follower = Follower::new(State::Head(Vec::new()), 150);
            let out = handed_on(large.as_bytes(), size, follower);
            let out = str::from_utf8(&out).unwrap_or_default();
            assert!(out.matches("a:b\r\n").count() > MOST_LINES, "by {size}");
            assert!(
                out.starts_with("GET /") && out.find("\r\n\r\n") == out.len().checked_sub(4),
                "by {size}: {out:.300}"
            );
        }
    }
}

/// Makes a head with `lines` header lines.
fn with_lines(lines: usize) -> String {
    let more: String = (1..lines).map(|n| format!("x-{n}:\r\n")).collect();
    format!("GET / HTTP/1.1\r\nHost: a\r\n{more}\r\n")
}

#[test]
fn a_head_with_many_lines_is_noted_before_hyper_has_too_many_of_them() {
    let small = with_lines(FEW_LINES - 1);
    for lines in [FEW_LINES + 1, FEW_LINES + 2, 300] {
        let both = [small.clone(), with_lines(lines)].concat();
        for size in 1..=both.len() {
            let mut follower = follower();
            let mut noted = None;
            for (n, piece) in both.as_bytes().chunks(size).enumerate() {
                assert_eq!(follower.follow(piece), Ok(()));
                if let Some(from) = follower.many_lines_from {
                    noted.get_or_insert(n * size + from);
                }
            }
            let hypers = noted.and_then(|noted| both.get(small.len()..noted));
            let hypers = hypers.unwrap_or_else(|| panic!("{lines} by {size}: {noted:?}"));
            let begun = hypers.split("\r\n").filter(|line| !line.is_empty()).count();
            assert!(begun <= 1 + FEW_LINES, "{lines} by {size}: {begun}");
        }
    }
    let mut follower = follower();
    assert_eq!(follower.follow(with_lines(FEW_LINES).as_bytes()), Ok(()));
    assert_eq!(follower.many_lines_from, None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, size in 1_usize..64) {
        let _ = refused_at(&bytes, size);
    }
}
