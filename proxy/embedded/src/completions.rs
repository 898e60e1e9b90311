//! `openai.completions`, as the embedded model writes it: each prompt comes back as its own
//! completion.

use super::{
    body::Events,
    id, now, quote,
    request::{Asked, paced},
};

/// The texts of all choices: every prompt's, as often as choices were requested.
fn texts(asked: &Asked) -> Vec<String> {
    let each = |text: &String| {
        let text = paced(text, &asked.pace);
        std::iter::repeat_n(text, usize::try_from(asked.choices).unwrap_or(1))
    };
    asked.inputs.iter().flat_map(each).collect()
}

fn head(asked: &Asked) -> String {
    format!(
        r#""id":"{}","object":"text_completion","created":{},"model":{},"system_fingerprint":"fp_embedded""#,
        id("cmpl-"),
        now(),
        quote(&asked.model)
    )
}

/// The whole reply.
pub(super) fn whole(asked: &Asked) -> String {
    let texts = texts(asked);
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
        head(asked),
        choices.join(","),
        usage(asked, &texts)
    )
}

/// The same as events.
pub(super) fn stream(asked: &Asked) -> Events {
    let (mut events, head, texts) = (Events::default(), head(asked), texts(asked));
    let usage_slot = if asked.include_usage {
        r#","usage":null"#
    } else {
        ""
    };
    let mut piece = |index: usize, text: &str, finish: &str| {
        let text = quote(text);
        events.data(format_args!(
            r#"{{{head},"choices":[{{"text":{text},"index":{index},"logprobs":null,"finish_reason":{finish}}}]{usage_slot}}}"#
        ));
    };
    for (index, text) in texts.iter().enumerate() {
        for text in asked.pieces(text) {
            piece(index, text, "null");
        }
        piece(index, "", r#""stop""#);
    }
    if asked.include_usage {
        events.data(format_args!(
            r#"{{{head},"choices":[],"usage":{}}}"#,
            usage(asked, &texts)
        ));
    }
    events.data(format_args!("[DONE]"));
    events
}

fn usage(asked: &Asked, texts: &[String]) -> String {
    let output: u64 = texts.iter().map(|text| text.len().div_ceil(4) as u64).sum();
    let input = asked.input_tokens;
    format!(
        r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}}}"#,
        input + output
    )
}
