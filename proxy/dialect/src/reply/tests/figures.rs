//! The figures of whole replies, against the reader of their texts.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{fixtures::all, *};
use crate::reply::figures;

/// Whole replies, and the documents of streams: of some dialects those are whole replies, too.
fn documents() -> Vec<(Dialect, Vec<u8>)> {
    let mut documents = Vec::new();
    for (dialect, streaming, bytes) in all() {
        match streaming {
            false => documents.push((dialect, bytes)),
            true => documents.extend(
                client_events(&bytes)
                    .into_iter()
                    .map(|(_, data)| (dialect, data.into_bytes())),
            ),
        }
    }
    let more: [(Dialect, &[u8]); 10] = [
        (
            Dialect::OpenaiEmbeddings,
            br#"{"data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":8}}"#,
        ),
        (
            Dialect::OpenaiChat,
            br#"{"choices":[{"index":1,"finish_reason":"length"},{"finish_reason":""},{"index":0,"finish_reason":"stop"}]}"#,
        ),
        (
            Dialect::OpenaiChat,
            b"{\"choices\":[{\"message\":{\"content\":\"\xff\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3}}",
        ),
        (
            Dialect::OpenaiChat,
            br#"{"choices":[1],"usage":{"prompt_tokens":3}}"#,
        ),
        (
            Dialect::OpenaiCompletions,
            b"\xef\xbb\xbf {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}} x",
        ),
        (
            Dialect::OpenaiResponses,
            br#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":3,"output_tokens":4}}"#,
        ),
        (
            Dialect::AnthropicMessages,
            br#"[{"usage":{"input_tokens":3,"output_tokens":4}}]"#,
        ),
        (
            Dialect::GeminiGenerate,
            br#"[{"candidates":[{"finishReason":"FINISH_REASON_UNSPECIFIED"},2]},{"candidates":[{"index":1,"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9}}]"#,
        ),
        (
            Dialect::GeminiGenerate,
            br#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":9}}"#,
        ),
        (
            Dialect::GeminiInteractions,
            br#"{"outputs":[{"type":"text","text":"a"}],"status":"in_progress","usage":{"total_input_tokens":9}}"#,
        ),
    ];
    documents.extend(more.map(|(dialect, doc)| (dialect, doc.to_vec())));
    documents
}

/// Compares the figures with those of the reader of texts, where they are read without it.
fn compare(dialect: Dialect, doc: &[u8]) -> bool {
    let Some(figures) = figures(dialect, doc) else {
        return false;
    };
    let mut reply = Reply::whole(dialect, Places::NONE, LIMITS).without_estimate();
    reply.push(doc).unwrap();
    reply.finish().unwrap();
    let shown = || String::from_utf8_lossy(doc);
    assert_eq!(figures.usage, reply.usage(), "{}", shown());
    assert_eq!(
        figures.finish.as_deref(),
        reply.finish_reason(),
        "{}",
        shown()
    );
    true
}

#[test]
fn figures_are_those_that_the_reader_of_texts_finds() {
    let mut compared = 0;
    for (dialect, doc) in documents() {
        // cut anywhere: what was found up to there counts
        for end in 0..=doc.len() {
            compared += usize::from(compare(dialect, &doc[..end]));
        }
    }
    assert!(compared > 1000, "{compared}");
}

proptest! {
    #[test]
    fn a_broken_reply_has_the_same_figures_with_its_texts_and_without(
        which in any::<Index>(),
        changes in vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let documents = documents();
        let (dialect, mut doc) = which.get(&documents).clone();
        const SIGNS: &[u8] = b"{}[],:\"\\u01e-.nt \n\xff";
        for (at, byte, how) in changes {
            let at = at.index(doc.len());
            let byte = SIGNS[usize::from(byte) % SIGNS.len()];
            match how {
                0 => doc[at] = byte,
                1 if doc.len() > 1 => drop(doc.remove(at)),
                _ => doc.insert(at, byte),
            }
        }
        compare(dialect, &doc);
    }
}
