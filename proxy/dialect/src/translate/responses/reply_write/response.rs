//! The response object, which begins and ends a stream, and is a whole reply.

use super::{
    super::super::{event::Finish, json::Json},
    Writer,
};
use crate::Usage;

/// Members that repeat the request, which its reply does not know: those that the types of the SDKs
/// require, with the defaults of the API.
const REQUEST: &str = r#","instructions":null,"max_output_tokens":null,"max_tool_calls":null,"metadata":{},"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":null,"reasoning":{"effort":null,"summary":null},"safety_identifier":null,"service_tier":"default","store":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":null,"truncation":"disabled","user":null"#;

impl Writer {
    /// The status of a response that ends.
    pub(super) fn status(&self) -> &'static str {
        match self.finish {
            Some(Finish::Length | Finish::ContextWindow | Finish::Filtered) => "incomplete",
            Some(Finish::Broken) => "failed",
            Some(
                Finish::Stop
                | Finish::StopSequence
                | Finish::Calls
                | Finish::Refused
                | Finish::Pause,
            )
            | None => "completed",
        }
    }

    /// The response with what is complete of it.
    pub(super) fn response(&self, status: &str) -> Json {
        let kept: usize = self.output.iter().map(|item| item.len() + 1).sum();
        let mut json = Json::with_capacity(1024 + kept);
        json.object(|json| {
            json.key("id").str(&["resp_", &self.context.id].concat());
            json.key("object").str("response");
            json.key("created_at").number(self.context.created);
            json.key("status").str(status);
            json.key("background").boolean(false);
            json.key("error");
            match status {
                "failed" => json.source(
                    r#"{"code":"server_error","message":"the model's reply came to nothing"}"#,
                ),
                _ => json.null(),
            };
            json.key("incomplete_details");
            match (status, self.finish) {
                ("incomplete", Some(Finish::Filtered)) => {
                    json.source(r#"{"reason":"content_filter"}"#)
                }
                ("incomplete", _) => json.source(r#"{"reason":"max_output_tokens"}"#),
                _ => json.null(),
            };
            json.key("model").str(&self.context.model);
            json.key("output").array(|json| {
                for item in self.output.iter().filter(|item| !item.is_empty()) {
                    json.source(item);
                }
            });
            json.0.extend_from_slice(REQUEST.as_bytes());
            json.key("usage");
            match self.usage.filter(|_| status != "in_progress") {
                Some(usage) => write_usage(json, usage),
                None => _ = json.null(),
            }
        });
        json
    }
}

/// Writes a usage object: cached and written tokens are in the input's number, and reasoning in the
/// output's.
fn write_usage(json: &mut Json, usage: Usage) {
    json.object(|json| {
        json.key("input_tokens").number(usage.input);
        json.key("input_tokens_details").object(|json| {
            json.key("cached_tokens").number(usage.cached);
            json.key("cache_write_tokens").number(usage.written);
        });
        json.key("output_tokens").number(usage.output);
        json.key("output_tokens_details").object(|json| {
            json.key("reasoning_tokens").number(usage.reasoning);
        });
        let total = usage.input.saturating_add(usage.output);
        json.key("total_tokens").number(total);
    });
}
