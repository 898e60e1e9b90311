//! Signals: what a request's structure says, each as one number. They are measured when the first
//! rule asks for them, and once.

use outrigger_sdk::{Dialect, Request};
use serde::Deserialize;

/// Measures of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Signal {
    /// Tools that it offers.
    Tools,
    /// 1 if the reply has to be JSON or follow a schema.
    Schema,
    /// Images.
    Images,
    /// The host's estimate of its tokens.
    InputTokens,
    /// Most tokens of the reply, where it says so.
    OutputTokens,
    /// Messages.
    Messages,
    /// Fenced blocks of code in the user's last message.
    Code,
    /// Reasoning effort that it requests: 1 is low, 2 medium, 3 high, 4 more than that.
    Effort,
}

/// Number of signals.
const SIGNALS: usize = Signal::Effort as usize + 1;

impl Signal {
    /// Returns its name in the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Schema => "schema",
            Self::Images => "images",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Messages => "messages",
            Self::Code => "code",
            Self::Effort => "effort",
        }
    }

    fn measure(self, request: &Request) -> u64 {
        match self {
            Self::Tools => request.tools().len().into(),
            Self::Schema => schema(request).into(),
            Self::Images => request.images().into(),
            Self::InputTokens => request.input_tokens(),
            Self::OutputTokens => request.max_output_tokens().unwrap_or(0),
            Self::Messages => request.messages().into(),
            Self::Code => code(request),
            Self::Effort => effort(request),
        }
    }
}

/// The signals of one request, as far as they are measured.
#[derive(Debug, Default)]
pub(crate) struct Signals([Option<u64>; SIGNALS]);

impl Signals {
    pub(crate) fn of(&mut self, signal: Signal, request: &Request) -> u64 {
        let known = &mut self.0[signal as usize];
        *known.get_or_insert_with(|| signal.measure(request))
    }
}

/// Places in which the dialects have the form of a reply.
const fn forms(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenaiChat => &["/response_format/type"],
        Dialect::OpenaiResponses => &["/text/format/type"],
        Dialect::AnthropicMessages => &["/output_config/format/type", "/output_format/type"],
        Dialect::GeminiGenerate => &[
            "/generationConfig/responseSchema",
            "/generationConfig/responseJsonSchema",
            "/generationConfig/responseMimeType",
        ],
        Dialect::GeminiInteractions => &["/response_format"],
        _ => &[],
    }
}

fn schema(request: &Request) -> bool {
    let plain = [r#""text""#, r#""text/plain""#, "null", "false"];
    forms(request.dialect()).iter().any(|pointer| {
        let form = request.parameter_json(pointer);
        form.is_some_and(|form| !plain.contains(&form.as_str()))
    })
}

/// Places in which the dialects have the effort, in words or in tokens of thought.
const fn efforts(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenaiChat => &["/reasoning_effort", "/reasoning/effort"],
        Dialect::OpenaiResponses => &["/reasoning/effort"],
        Dialect::AnthropicMessages => &["/output_config/effort", "/thinking/budget_tokens"],
        Dialect::GeminiGenerate => &[
            "/generationConfig/thinkingConfig/thinkingLevel",
            "/generationConfig/thinkingConfig/thinkingBudget",
        ],
        Dialect::GeminiInteractions => &["/generation_config/thinking_level"],
        _ => &[],
    }
}

fn effort(request: &Request) -> u64 {
    let pointers = efforts(request.dialect()).iter();
    let levels = pointers.filter_map(|pointer| Some(level(&request.parameter_json(pointer)?)));
    levels.max().unwrap_or(0)
}

/// Reads a word in quotes, or a number of tokens: Google's own mapping of the words is 1,024, 8,192
/// and 24,576 (<https://ai.google.dev/gemini-api/docs/openai>).
fn level(json: &str) -> u64 {
    match json.trim_matches('"').to_ascii_lowercase().as_str() {
        "low" => 1,
        "medium" => 2,
        "high" => 3,
        "xhigh" | "max" => 4,
        other => match other.parse::<i64>() {
            Ok(1..=1_024) => 1,
            Ok(1_025..=8_192) => 2,
            Ok(8_193..=24_576) => 3,
            Ok(24_577..) => 4,
            _ => 0,
        },
    }
}

fn code(request: &Request) -> u64 {
    let passages = request.last_user();
    let marks: u64 = passages.map(|passage| fences(&passage.text)).sum();
    marks.div_ceil(2)
}

/// Counts "```". A search for one byte is many times as fast as one for three.
fn fences(text: &str) -> u64 {
    let (mut marks, mut run, mut end) = (0, 0, 0);
    for (at, mark) in text.match_indices('`') {
        run = if at == end { run + 1 } else { 1 };
        end = at + mark.len();
        if run == 3 {
            (marks, run) = (marks + 1, 0);
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effort_is_read_in_words_and_in_tokens() {
        let levels = [
            (r#""none""#, 0),
            (r#""minimal""#, 0),
            (r#""low""#, 1),
            (r#""MEDIUM""#, 2),
            (r#""high""#, 3),
            (r#""xhigh""#, 4),
            ("0", 0),
            ("-1", 0),
            ("1024", 1),
            ("4096", 2),
            ("24576", 3),
            ("32000", 4),
            ("null", 0),
            ("{}", 0),
        ];
        for (json, expected) in levels {
            assert_eq!(level(json), expected, "{json}");
        }
    }

    #[test]
    fn fences_are_three_marks_in_a_row() {
        for text in [
            "",
            "a",
            "`a`",
            "``",
            "```",
            "a```b```",
            "``` ```` ``````",
            "``a`",
            "é```",
        ] {
            assert_eq!(fences(text), text.matches("```").count() as u64, "{text}");
        }
    }
}
