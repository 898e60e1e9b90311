//! A tool's result in fewer tokens: JSON without its blanks, text without what nobody reads.
//!
//! Nothing that has a meaning goes. JSON is rewritten only if it is JSON to the last character; of
//! other text only blanks at the ends of lines and all but one of several empty lines go, for
//! indentation is meaning.

/// The text in a shorter form, if it saves a twentieth or more.
pub(crate) fn compact(text: &str) -> Option<String> {
    let shorter = json(text).unwrap_or_else(|| lines(text));
    (text.len() - shorter.len() >= (text.len() / 20).max(16)).then_some(shorter)
}

/// A JSON document without blanks; `None` where it is none.
fn json(text: &str) -> Option<String> {
    let bytes = text.trim_ascii().as_bytes();
    if !matches!(bytes.first(), Some(b'{' | b'[')) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let (mut open, mut at) = (Vec::new(), 0);
    // Two values without anything between them are no JSON; joined they might look like it.
    let mut after_value = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'{' | b'[' => {
                if after_value || !out.is_empty() && open.is_empty() {
                    return None;
                }
                open.push(*byte);
            }
            b'}' | b']' => {
                if open.pop() != Some(if *byte == b'}' { b'{' } else { b'[' }) {
                    return None;
                }
            }
            b',' | b':' => {
                if open.is_empty() || !after_value {
                    return None;
                }
            }
            _ => {
                let end = scalar(bytes, at)?;
                if open.is_empty() || after_value {
                    return None;
                }
                out.extend_from_slice(bytes.get(at..end)?);
                at = end;
                after_value = true;
                continue;
            }
        }
        after_value = matches!(byte, b'}' | b']');
        out.push(*byte);
        at += 1;
    }
    if open.is_empty() {
        String::from_utf8(out).ok()
    } else {
        None
    }
}

/// The end of a string, number or word.
fn scalar(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    match rest.first()? {
        b'"' => {
            let end = outrigger_sdk::json::string_end(bytes, at);
            let inside = bytes.get(at + 1..end.checked_sub(1)?)?;
            let closed = end > at + 1 && bytes.get(end - 1) == Some(&b'"');
            (closed && inside.iter().all(|byte| *byte >= b' ')).then_some(end)
        }
        b'-' | b'0'..=b'9' => {
            let number = rest
                .iter()
                .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
            Some(at + number.count())
        }
        _ => ["true", "false", "null"]
            .iter()
            .find(|word| rest.starts_with(word.as_bytes()))
            .map(|word| at + word.len()),
    }
}

/// Text without blanks at the ends of lines, and with one empty line at a time.
fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.split_inclusive('\n') {
        let kept = line.trim_end_matches([' ', '\t', '\r', '\n']);
        empty = if kept.is_empty() { empty + 1 } else { 0 };
        if empty <= 1 {
            out.push_str(kept);
            if line.ends_with('\n') {
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_loses_its_blanks_and_nothing_else() {
        let pretty = "{\n  \"a b\": [ 1, -2.5e3 ,  true ],\n  \"c\": { \"d\" : \" x  y \" , \"e\": null }\n}\n";
        assert_eq!(
            compact(pretty).as_deref(),
            Some(r#"{"a b":[1,-2.5e3,true],"c":{"d":" x  y ","e":null}}"#)
        );
    }

    #[test]
    fn what_only_looks_like_json_keeps_its_blanks() {
        for text in [
            "[INFO]  started  at  ten   o'clock",
            "[a   b   c   d   e   f   g  h]",
            "{ 1   2   3   4   5   6   7 }",
            "{ \"a\": 1 }   { \"b\": 2 }   {}",
            "[1,   2,   3,   4,   5,  6",
        ] {
            assert_eq!(compact(text), None, "{text}");
        }
    }

    #[test]
    fn indentation_stays_and_blank_ends_go() {
        let text = "def f():    \n    return 1      \n\n\n\n\n# end\t\t\t\n";
        assert_eq!(
            compact(text).as_deref(),
            Some("def f():\n    return 1\n\n# end\n")
        );
        assert_eq!(
            compact("def f():\n    return 1\n\n\nx\n"),
            None,
            "too little to gain"
        );
    }

    proptest! {
        #[test]
        fn the_value_is_the_same(value in value()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            if let Some(short) = json(&pretty) {
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&short).unwrap(), value);
            } else {
                prop_assert!(!value.is_array() && !value.is_object());
            }
        }

        #[test]
        fn what_comes_out_of_text_that_is_no_json_is_that_text_without_blanks(text in "[\\[\\]{}\",:1 a\n]{0,30}") {
            if let Some(short) = json(&text)
                && let Ok(value) = serde_json::from_str::<serde_json::Value>(&text)
            {
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&short).unwrap(), value);
            }
        }
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Into::into),
            any::<bool>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
            Just(serde_json::Value::Null)
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
