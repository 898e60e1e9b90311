//! The head of a streamed reply as policies may read it, for as long as the stream lasts.

use bytes::BytesMut;
use dialect::Dialect;
use http::{HeaderMap, HeaderValue, response::Parts};
use policy::ReplyHead;

/// Returns the head of a stream for policies.
pub(super) fn stream_head(head: &Parts, dialect: Dialect) -> ReplyHead {
    ReplyHead {
        status: head.status.as_u16(),
        headers: copied(&head.headers),
        streaming: true,
        dialect,
    }
}

/// Copies headers with their values. These are slices of the buffer that the head was read into,
/// 8 KiB that would stay as long as one of them does.
fn copied(headers: &HeaderMap) -> HeaderMap {
    let mut values = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    for value in headers.values() {
        values.extend_from_slice(value.as_bytes());
    }
    let mut values = values.freeze();
    let mut copy = headers.clone();
    for value in copy.values_mut() {
        // No other outcome: the bytes are a header's already.
        if let Ok(mut own) = HeaderValue::from_maybe_shared(values.split_to(value.len())) {
            own.set_sensitive(value.is_sensitive());
            *value = own;
        }
    }
    copy
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::ops::Range;

    use bytes::Bytes;
    use http::header::{CONTENT_TYPE, SET_COOKIE};

    use super::*;

    #[test]
    fn a_head_for_policies_says_the_same_and_lets_go_of_what_it_was_read_into() {
        let read = Bytes::from(b"text/event-stream a=1 b=2 \xff".to_vec());
        let value = |range: Range<usize>| {
            let bytes = read.slice(range);
            HeaderValue::from_maybe_shared(bytes).unwrap()
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, value(0..17));
        headers.append(SET_COOKIE, value(18..21));
        headers.append(SET_COOKIE, value(22..25));
        headers.insert("x-empty", value(4..4));
        headers.insert("x-obsolete", value(26..27));
        headers.get_mut("x-obsolete").unwrap().set_sensitive(true);

        let copy = copied(&headers);
        assert_eq!(copy, headers);
        assert!(copy["x-obsolete"].is_sensitive() && !copy[CONTENT_TYPE].is_sensitive());
        assert!(!read.is_unique(), "headers are slices of it");
        drop(headers);
        assert!(read.is_unique());
    }
}
