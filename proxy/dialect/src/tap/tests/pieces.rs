//! Whole replies in one piece.

use super::*;

#[test]
fn a_reply_in_one_piece_is_read_where_it_is_and_tells_the_same() {
    let reports = r#"{"choices":[{"message":{"content":"one two three"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
    let silent = r#"{"choices":[{"message":{"content":"one two three"},"finish_reason":"stop"}]}"#;
    let large = reports.replace("one", &"one ".repeat(KEPT / 4));
    let stream = CHAT.to_owned();
    for body in [reports, silent, &large, &stream, "no JSON", "", " "] {
        for dialect in Dialect::ALL {
            let known = finished(dialect, &[body.as_bytes()]);
            let mut tap = Tap::new(dialect, false);
            tap.push_last(body.as_bytes());
            assert!(tap.kept.is_empty());
            let figures = |tap: &Tap| {
                let finish = tap.finish_reason().map(str::to_owned);
                (
                    tap.usage(),
                    finish,
                    tap.output_estimate(),
                    tap.content_seen(),
                    tap.ended(),
                )
            };
            assert_eq!(figures(&tap), figures(&known), "{dialect:?} {body:.40}");
            tap.finish();
            assert_eq!(figures(&tap), figures(&known), "{dialect:?} {body:.40}");
        }
    }
    let mut tap = Tap::new(Dialect::OpenaiChat, false);
    tap.push_last(reports.as_bytes());
    assert!(tap.reader.is_none(), "its texts are not read");
}
