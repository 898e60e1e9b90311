//! The weight of a piece of a conversation: about its tokens.
//!
//! The host counts a whole request; this estimate of the same kind says how much of it each message
//! takes. It has to be the same in every turn rather than exact: where a conversation is cut
//! depends on it, and the host's count has the last word on whether it fits.

use outrigger_sdk::json::{Walk, first};

/// Tokens that a message takes besides its text.
pub(crate) const MESSAGE: u64 = 4;
/// Tokens of an image.
const IMAGE: u64 = 800;

/// Keys whose strings are no text to the model: data, addresses, names, signatures.
const NO_TEXT: [&str; 17] = [
    "data",
    "url",
    "image_url",
    "file_data",
    "file_id",
    "file_url",
    "signature",
    "encrypted_content",
    "id",
    "call_id",
    "tool_call_id",
    "tool_use_id",
    "type",
    "role",
    "status",
    "media_type",
    "mimeType",
];

/// Tokens of the value at `range`, strings under keys that are no text left out.
pub(crate) fn of_value(json: &str, range: &std::ops::Range<usize>) -> u64 {
    match first(json, range.start) {
        b'"' => of_text(json.get(range.clone()).unwrap_or_default()),
        b'{' => {
            let (mut walk, mut sum) = (Walk::new(json, range), 0);
            while let Some((key, value)) = walk.member() {
                sum += of_member(json, key, &value);
            }
            sum
        }
        b'[' => {
            let (mut walk, mut sum) = (Walk::new(json, range), 0);
            while let Some(element) = walk.element() {
                sum += of_value(json, &element);
            }
            sum
        }
        _ => 1,
    }
}

/// Tokens of an object's member.
pub(crate) fn of_member(json: &str, key: &str, value: &std::ops::Range<usize>) -> u64 {
    let image = |text: &str| matches!(text, "\"image\"" | "\"image_url\"" | "\"input_image\"");
    if key == "inlineData" || key == "type" && json.get(value.clone()).is_some_and(image) {
        IMAGE
    } else if NO_TEXT.contains(&key) {
        0
    } else {
        of_value(json, value)
    }
}

/// The kind of each byte: letter, digit, blank, line break, punctuation, beginning of a character
/// beyond ASCII, its rest.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => 0,
            b'0'..=b'9' => 1,
            b' ' | b'\t' => 2,
            b'\n' | b'\r' => 3,
            0..0x80 => 4,
            0xc0.. => 5,
            _ => 6,
        };
        byte += 1;
    }
    kinds
};

/// The costs of each kind in thousandths of a token: where it begins, and from its seventh on.
const COSTS: [(u32, u32); 8] = [
    (1015, 101),
    (1000, 400),
    (0, 0),
    (120, 120),
    (902, 20),
    (500, 500),
    (0, 0),
    (0, 0),
];

/// Tokens of a text: words, digits by threes, runs of punctuation, characters of other scripts.
pub(crate) fn of_text(text: &str) -> u64 {
    let (mut sum, mut run, mut last) = (0_u64, 0_u32, 7);
    for byte in text.as_bytes() {
        let kind = KINDS.get(usize::from(*byte)).copied().unwrap_or(0);
        run = if kind == last { run + 1 } else { 0 };
        last = kind;
        let (begins, goes_on) = COSTS.get(usize::from(kind)).copied().unwrap_or((0, 0));
        let after = if kind == 0 { 6 } else { 1 };
        sum += u64::from(if run == 0 {
            begins
        } else if run >= after {
            goes_on
        } else {
            0
        });
    }
    (sum + 500) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_weighs_about_its_tokens_and_data_nothing() {
        for (text, tokens) in [
            ("Hello, world!", 4_u64),
            ("The quick brown fox jumps over the lazy dog.", 10),
            ("1234567890", 4),
            ("今天天气很好", 4),
        ] {
            assert!(
                of_text(text).abs_diff(tokens) <= 2,
                "{text}: {}",
                of_text(text)
            );
        }
        let json = r#"{"role":"user","content":[{"type":"text","text":"one two three"},{"type":"image","source":{"data":"aaaa bbbb cccc dddd"}}]}"#;
        assert_eq!(of_value(json, &(0..json.len())), 805);
    }
}
