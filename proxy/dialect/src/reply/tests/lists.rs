//! Images, verdicts and orders: their usage, their end, and what is shown of them.

use super::*;

fn usage(input: u64, output: u64) -> Option<Usage> {
    Some(Usage {
        input,
        output,
        ..Usage::default()
    })
}

#[test]
fn the_usage_of_a_whole_reply_is_read_with_policies_and_without() {
    for (dialect, body, expected) in [
        (
            Dialect::OpenaiImages,
            r#"{"created":1,"data":[{"b64_json":"QUFB","revised_prompt":"a big dog"}],"usage":{"total_tokens":110,"input_tokens":50,"output_tokens":60,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}"#,
            usage(50, 60),
        ),
        (
            Dialect::OpenaiImages,
            r#"{"created":1,"data":[{"url":"https://x.test/i"}]}"#,
            None,
        ),
        (
            Dialect::OpenaiModerations,
            r#"{"id":"m","model":"m","results":[{"flagged":true,"categories":{"hate":false},"category_scores":{"hate":0.1}}]}"#,
            None,
        ),
        (
            Dialect::Rerank,
            r#"{"results":[{"index":1,"relevance_score":0.9,"document":{"text":"b"}}],"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1}}}"#,
            None,
        ),
        (
            Dialect::Rerank,
            r#"{"results":[],"meta":{"billed_units":{"input_tokens":7},"tokens":{"input_tokens":7,"output_tokens":0}}}"#,
            usage(7, 0),
        ),
        (
            Dialect::Rerank,
            r#"{"object":"list","data":[{"index":0,"relevance_score":0.4}],"model":"m","usage":{"total_tokens":26}}"#,
            usage(26, 0),
        ),
    ] {
        let ran = run(reply(dialect, false), &[body.as_bytes()], None);
        assert_eq!(ran.reply.usage(), expected, "{body}");
        assert_eq!(ran.bytes, body.as_bytes());
        let mut tap = crate::tap::Tap::new(dialect, false);
        tap.push_last(body.as_bytes());
        assert_eq!(tap.usage(), expected, "{body}");
        assert!(tap.content_seen());
    }
}

#[test]
fn a_stream_of_images_ends_with_the_last_which_reports_the_usage() {
    let stream = concat!(
        "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"QUFB\",\"partial_image_index\":0}\n\n",
        "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"QUFB\",\"usage\":{\"input_tokens\":5,\"output_tokens\":9}}\n\n",
    );
    let first = stream.find("event: image_generation.completed").unwrap();
    for at in 0..=stream.len() {
        let (a, b) = stream.as_bytes().split_at(at);
        let ran = run(reply(Dialect::OpenaiImages, true), &[a, b], None);
        assert_eq!(ran.bytes, stream.as_bytes());
        assert_eq!((ran.reply.usage(), ran.reply.ended()), (usage(5, 9), true));
        assert_eq!(ran.reply.unseen(), [("image", 8)]);
    }
    let cut = run(
        reply(Dialect::OpenaiImages, true),
        &[&stream.as_bytes()[..first]],
        None,
    );
    assert!(cut.reply.content_seen() && !cut.reply.ended());
}

#[test]
fn what_was_made_of_a_prompt_and_documents_is_shown() {
    for (dialect, body, text) in [
        (
            Dialect::OpenaiImages,
            r#"{"data":[{"url":"https://x.test/i","revised_prompt":"a big dog"}]}"#,
            "a big dog",
        ),
        (
            Dialect::Rerank,
            r#"{"results":[{"index":1,"document":{"text":"said"}}]}"#,
            r#"{"text":"said"}"#,
        ),
    ] {
        let ran = run(reply(dialect, false), &[body.as_bytes()], None);
        let shown: Vec<_> = ran.channels.into_values().collect();
        assert!(shown.iter().any(|shown| shown == text), "{shown:?}");
    }
}
