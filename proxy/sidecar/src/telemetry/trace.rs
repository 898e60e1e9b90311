//! W3C trace context: read for the log, forwarded as it came.
//!
//! Outrigger makes no spans yet, so it also makes no `traceparent`: a parent that nobody reports
//! would break the app's trace in two.

/// The parts of a valid `traceparent`, [W3C Trace Context
/// §3.2](https://www.w3.org/TR/trace-context/#traceparent-header).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent<'a> {
    /// 32 lower-case hexadecimal digits, not all zero.
    pub trace_id: &'a str,
    /// 16 lower-case hexadecimal digits, not all zero.
    pub parent_id: &'a str,
    /// True if the caller may have recorded it.
    pub sampled: bool,
}

/// Reads a `traceparent`. `None`: invalid, and to be treated as absent. A higher version than 00
/// may carry more after the flags.
pub fn traceparent(value: &str) -> Option<Traceparent<'_>> {
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let nonzero = |text: &str| text.bytes().any(|b| b != b'0');
    let mut parts = value.split('-');
    let (version, trace_id, parent_id, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lengths = (version.len(), trace_id.len(), parent_id.len(), flags.len()) == (2, 32, 16, 2);
    let digits = hex(version) && hex(trace_id) && hex(parent_id) && hex(flags);
    let more = parts.next().is_some();
    if !lengths
        || !digits
        || version == "ff"
        || (version == "00" && more)
        || !nonzero(trace_id)
        || !nonzero(parent_id)
    {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).is_ok_and(|f| f & 1 == 1);
    Some(Traceparent {
        trace_id,
        parent_id,
        sampled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn the_specifications_examples_are_read() {
        let read = traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(
            read,
            Some(Traceparent {
                trace_id: TRACE,
                parent_id: "b7ad6b7169203331",
                sampled: true
            })
        );
        let unsampled = traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
        assert_eq!(unsampled.map(|t| t.sampled), Some(false));
        assert!(
            traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later").is_some()
        );
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
            assert_eq!(traceparent(invalid), None, "{invalid}");
        }
    }
}
