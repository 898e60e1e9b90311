//! `openai.completions`, as the embedded model writes it: each prompt comes back as its own
//! completion.

use super::{
    body::Events,
    id, now, quote,
    request::{Request, paced},
};

/// The texts of all choices: every prompt's, as often as choices were requested.
fn texts(request: &Request) -> Vec<String> {
    let each = |text: &String| {
        let text = paced(text, &request.pace);
        std::iter::repeat_n(text, usize::try_from(request.choices).unwrap_or(1))
    };
    request.inputs.iter().flat_map(each).collect()
}

fn head(request: &Request) -> String {
    format!(
        r#""id":"{}","object":"text_completion","created":{},"model":{},"system_fingerprint":"fp_embedded""#,
        id("cmpl-"),
        now(),
        quote(&request.model)
    )
}

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let texts = texts(request);
    let choices: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            format!(
                r#"{{"text":{},"index":{index},"logprobs":null,"finish_reason":"stop"}}"#,
                quote(text)
            )
        })
        .collect();
    format!(
        r#"{{{},"choices":[{}],"usage":{}}}"#,
        head(request),
        choices.join(","),
        usage(request, &texts)
    )
}

/// The same as events.
pub(super) fn stream(request: &Request) -> Events {
    let (mut events, head, texts) = (Events::default(), head(request), texts(request));
    let usage_slot = request.usage_slot();
    let mut piece = |index: usize, text: &str, finish: &str| {
        let text = quote(text);
        events.data(format_args!(
            r#"{{{head},"choices":[{{"text":{text},"index":{index},"logprobs":null,"finish_reason":{finish}}}]{usage_slot}}}"#
        ));
    };
    for (index, text) in texts.iter().enumerate() {
        for text in request.pieces(text) {
            piece(index, text, "null");
        }
        piece(index, "", r#""stop""#);
    }
    if request.include_usage {
        events.data(format_args!(
            r#"{{{head},"choices":[],"usage":{}}}"#,
            usage(request, &texts)
        ));
    }
    events.data(format_args!("[DONE]"));
    events
}

fn usage(request: &Request, texts: &[String]) -> String {
    let output: u64 = texts.iter().map(|text| text.len().div_ceil(4) as u64).sum();
    let input = request.input_tokens;
    format!(
        r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}}}"#,
        input + output
    )
}
