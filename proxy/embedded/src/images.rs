//! `openai.images`, as the embedded model writes it: one picture, whatever the prompt is,
//! and the text beside it.

use super::{
    body::Events,
    now, quote,
    request::{IMAGE_TOKENS, Request},
};

/// A grey PNG of one pixel.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg==";
/// The most pictures of which one is as it grows.
const MOST_PARTIAL: u64 = 3;

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let picture = format!(
        r#"{{"b64_json":"{PICTURE}","revised_prompt":{}}}"#,
        quote(&request.text)
    );
    let pictures: Vec<_> = (0..request.choices).map(|_| picture.as_str()).collect();
    format!(
        r#"{{"created":{},{LOOK},"data":[{}],"usage":{}}}"#,
        now(),
        pictures.join(","),
        usage(request)
    )
}

const LOOK: &str =
    r#""background":"opaque","output_format":"png","quality":"low","size":"1024x1024""#;

/// The same as events: each picture, and before it as often as was requested, as it grows.
pub(super) fn stream(request: &Request) -> Events {
    let mut events = Events::default();
    let created = now();
    let partial = request
        .raw
        .get("partial_images")
        .and_then(|count| count.as_u64());
    let mut add = |kind: &str, more: &str| {
        events.named(
            kind,
            format_args!(
                r#"{{"type":"{kind}","b64_json":"{PICTURE}","created_at":{created},{LOOK},{more}}}"#
            ),
        );
    };
    for _ in 0..request.choices {
        for index in 0..partial.unwrap_or(0).min(MOST_PARTIAL) {
            let index = format!(r#""partial_image_index":{index}"#);
            add("image_generation.partial_image", &index);
        }
        let usage = format!(r#""usage":{}"#, usage(request));
        add("image_generation.completed", &usage);
    }
    events
}

fn usage(request: &Request) -> String {
    let (input, output) = (request.input_tokens, IMAGE_TOKENS * request.choices);
    format!(
        r#"{{"input_tokens":{input},"input_tokens_details":{{"image_tokens":0,"text_tokens":{input}}},"output_tokens":{output},"total_tokens":{}}}"#,
        input + output
    )
}
