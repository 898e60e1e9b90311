//! W3C trace context: read for the log, forwarded as it came.
//!
//! Outrigger makes no spans yet, so it also makes no `traceparent`: a parent that nobody reports
//! would break the app's trace in two.

/// Reads the trace's id, 32 hexadecimal digits, from a `traceparent` ([W3C Trace Context
/// §3.2](https://www.w3.org/TR/trace-context/#traceparent-header)). `None`: invalid, and to be
/// treated as absent. A higher version than 00 may carry more after the flags.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let nonzero = |text: &str| text.bytes().any(|b| b != b'0');
    let mut parts = traceparent.split('-');
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
    Some(trace_id)
}

#[cfg(test)]
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
