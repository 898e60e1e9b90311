//! W3C trace context: read for the log and as the parent of an exchange's span, written for
//! upstreams where the exchange is traced, and forwarded as it came where it is not.
//!
//! An exchange that is not traced makes no `traceparent`: a parent that nobody reports would break
//! the app's trace in two.

use std::num::NonZeroU64;

use http::HeaderValue;

use super::id::digits;

/// A span that a caller or an upstream knows, of [W3C Trace
/// Context](https://www.w3.org/TR/trace-context/).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace_id: u128,
    pub(super) span_id: NonZeroU64,
    /// Bit 0: the trace is recorded.
    pub(super) flags: u8,
}

/// The flag of a trace that is recorded.
pub(super) const SAMPLED: u8 = 1;

impl Context {
    /// Reads a `traceparent` ([W3C Trace Context
    /// §3.2](https://www.w3.org/TR/trace-context/#traceparent-header)). `None`: invalid, and to be
    /// treated as absent. A higher version than 00 may carry more after the flags.
    pub(super) fn read(traceparent: &str) -> Option<Self> {
        let bytes = traceparent.as_bytes();
        let (head, rest) = bytes.split_at_checked(LENGTH)?;
        let dashes = [2, 35, 52].map(|at| head.get(at));
        let version = number(head.get(..2)?)?;
        let ends = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        if !ends || dashes != [Some(&b'-'); 3] {
            return None;
        }
        let halves = [number(head.get(3..19)?)?, number(head.get(19..35)?)?];
        if halves == [0, 0] {
            return None;
        }
        Some(Self {
            trace_id: u128::from(halves[0]) << 64 | u128::from(halves[1]),
            span_id: NonZeroU64::new(number(head.get(36..52)?)?)?,
            flags: u8::try_from(number(head.get(53..)?)?).ok()?,
        })
    }

    /// Reports whether the caller records its trace.
    pub(super) const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The `traceparent` of what is recorded.
    pub(super) fn header(trace_id: u128, span_id: NonZeroU64) -> Option<HeaderValue> {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
        let [high, low] = halves(trace_id).map(digits);
        for (at, digits) in [(3, high), (19, low), (36, digits(span_id.get()))] {
            text.get_mut(at..at + 16)?.copy_from_slice(&digits);
        }
        HeaderValue::from_bytes(&text).ok()
    }
}

/// The higher and the lower half of a trace's id.
pub(super) const fn halves(trace_id: u128) -> [u64; 2] {
    [(trace_id >> 64) as u64, trace_id as u64]
}

/// The length of a `traceparent` of version 00.
const LENGTH: usize = 55;

/// A number of up to 16 hexadecimal digits, lower case.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

/// Reads the trace's id, 32 hexadecimal digits, from a `traceparent`; none where that is invalid.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    Context::read(traceparent)?;
    traceparent.get(3..35)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn the_specifications_examples_are_read() {
        for valid in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later",
        ] {
            assert_eq!(trace_id(valid), Some(TRACE));
        }
    }

    #[test]
    fn a_context_is_written_as_it_is_read() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-00ad6b7169203331-01";
        let read = Context::read(text).unwrap();
        assert_eq!((read.flags, read.is_sampled()), (1, true));
        let written = Context::header(read.trace_id, read.span_id).unwrap();
        assert_eq!(written, text);
        let other = Context::read(&text.replace("-01", "-02")).unwrap();
        assert!(!other.is_sampled());
        assert_eq!(Context::read("00-0-0-01"), None);
    }

    #[test]
    fn what_the_specification_calls_invalid_is_absent() {
        for invalid in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01",
            "é0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace_id(invalid), None, "{invalid}");
        }
    }
}
