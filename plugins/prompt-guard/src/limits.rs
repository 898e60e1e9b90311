//! The limits of one request: sizes, and the output that somebody pays for.
//!
//! Limits refuse; only the output's may be put right instead, since a shorter answer is an answer
//! too. All are checked on the request as the policies before this one left it.

use outrigger_sdk::{Decision, Dialect, Refusal, Request, json};
use serde::Deserialize;

/// The `limits:` of the configuration. What is left out is not limited.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    bytes: Option<Bytes>,
    tokens: Option<Most>,
    messages: Option<Most>,
    images: Option<Count>,
    tools: Option<Count>,
    depth: Option<Most>,
    choices: Option<Most>,
    output_tokens: Option<Output>,
}

/// A limit that lets something through: 0 does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
struct Most(u64);

impl TryFrom<u64> for Most {
    type Error = &'static str;
    fn try_from(most: u64) -> Result<Self, Self::Error> {
        if most == 0 {
            Err("a limit of 0 refuses every request: write a larger one, or leave it out")
        } else {
            Ok(Self(most))
        }
    }
}

/// A limit of things that may be forbidden altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
struct Count(u64);

/// Bytes: a number, or one with `KiB` or `MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
struct Bytes(u64);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected bytes, as in `65536` or `64KiB`")]
enum Written {
    Number(u64),
    Text(String),
}

impl TryFrom<Written> for Bytes {
    type Error = &'static str;
    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let bytes = match written {
            Written::Number(bytes) => Some(bytes),
            Written::Text(text) => {
                let text = text.trim();
                let (number, unit) = match (text.strip_suffix("KiB"), text.strip_suffix("MiB")) {
                    (Some(number), _) => (number, 1 << 10),
                    (_, Some(number)) => (number, 1 << 20),
                    _ => (text, 1),
                };
                number
                    .trim()
                    .parse::<u64>()
                    .ok()
                    .and_then(|number| number.checked_mul(unit))
            }
        };
        match bytes {
            Some(0) => {
                Err("a limit of 0 refuses every request: write a larger one, or leave it out")
            }
            Some(bytes) => Ok(Self(bytes)),
            None => Err("expected bytes, as in `65536`, `64KiB` or `1MiB`"),
        }
    }
}

/// Bounds of the reply's length.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "OutputFile")]
struct Output {
    most: u64,
    default: u64,
    over: Over,
}

/// The treatment of a request that asks for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Over {
    /// It asks for the most instead.
    #[default]
    Clamp,
    /// It is refused.
    Refuse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputFile {
    most: Most,
    default: Option<Most>,
    #[serde(default)]
    over: Over,
}

impl TryFrom<OutputFile> for Output {
    type Error = &'static str;
    fn try_from(file: OutputFile) -> Result<Self, Self::Error> {
        let most = file.most.0;
        let default = file.default.map_or(most, |default| default.0);
        if default > most {
            return Err(
                "`default` is above `most`: what is set where a request says nothing has to be allowed",
            );
        }
        Ok(Self {
            most,
            default,
            over: file.over,
        })
    }
}

/// The places of the limit of generated tokens in the dialects.
const OUTPUT: [&str; 7] = [
    "/max_completion_tokens",
    "/max_tokens",
    "/max_output_tokens",
    "/generationConfig/maxOutputTokens",
    "/generationConfig/max_output_tokens",
    "/generation_config/maxOutputTokens",
    "/generation_config/max_output_tokens",
];
/// The places of the number of answers that one request asks for.
const CHOICES: [&str; 6] = [
    "/n",
    "/best_of",
    "/generationConfig/candidateCount",
    "/generationConfig/candidate_count",
    "/generation_config/candidateCount",
    "/generation_config/candidate_count",
];
/// Gemini's budget of thinking, in all of its spellings.
const GEMINI_THINKING: [&str; 8] = [
    "/generationConfig/thinkingConfig/thinkingBudget",
    "/generationConfig/thinkingConfig/thinking_budget",
    "/generationConfig/thinking_config/thinkingBudget",
    "/generationConfig/thinking_config/thinking_budget",
    "/generation_config/thinkingConfig/thinkingBudget",
    "/generation_config/thinkingConfig/thinking_budget",
    "/generation_config/thinking_config/thinkingBudget",
    "/generation_config/thinking_config/thinking_budget",
];

/// Tokens that the model may think for, which come out of its output. Only what the dialect knows:
/// another member would lift the bound for nothing.
fn thinking(request: &Request) -> u64 {
    let places: &[&str] = match request.dialect() {
        Dialect::AnthropicMessages => &["/thinking/budget_tokens"],
        Dialect::OpenaiChat => &[
            "/thinking/budget_tokens",
            "/reasoning/max_tokens",
            "/thinking_budget",
        ],
        Dialect::GeminiGenerate => &GEMINI_THINKING,
        _ => &[],
    };
    let off = request.parameter_json("/thinking/type").as_deref() == Some("\"disabled\"");
    let budgets = places.iter().filter_map(|at| request.parameter(at));
    budgets.filter(|_| !off).max().unwrap_or(0)
}

/// The most, what counts it, its name, and the status of a refusal.
type Limit = (Option<u64>, fn(&Request) -> u64, &'static str, u16);

impl Limits {
    /// True if nothing is limited.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks a request, and bounds its output. Cheap checks come first.
    pub(crate) fn check(&self, request: &mut Request) -> Option<Decision> {
        let most = |limit: Option<Most>| limit.map(|limit| limit.0);
        let count = |limit: Option<Count>| limit.map(|limit| limit.0);
        let bytes = self.bytes.map(|limit| limit.0);
        let limits: [Limit; 7] = [
            (bytes, Request::body_size, "bytes", 413),
            (
                most(self.messages),
                |r| r.messages().into(),
                "messages",
                400,
            ),
            (count(self.images), |r| r.images().into(), "images", 400),
            (count(self.tools), |r| r.tools().len().into(), "tools", 400),
            (most(self.choices), choices, "choices", 400),
            (most(self.depth), depth, "levels of nested JSON", 400),
            (most(self.tokens), Request::input_tokens, "tokens", 413),
        ];
        let over = limits.into_iter().find_map(|(limit, count, what, status)| {
            let (most, sent) = (limit?, count(request));
            (sent > most).then(|| too_much(status, what, most, sent))
        });
        over.or_else(|| self.output(request))
    }

    fn output(&self, request: &mut Request) -> Option<Decision> {
        let limit = self.output_tokens.as_ref()?;
        // Fewer tokens than the model may think for are no answer, and providers refuse them: it
        // gets those, and the usual for the answer.
        let room = |tokens: u64| match thinking(request) {
            thinking if thinking >= tokens => thinking.saturating_add(limit.default),
            _ => tokens,
        };
        // Each of its requests has a limit, and perhaps a budget of thinking, of its own: none is
        // put right unseen.
        if request.dialect() == Dialect::AnthropicBatches {
            let most = request.max_output_tokens();
            let sent = most.filter(|sent| *sent > limit.most)?;
            return Some(too_much(400, "output tokens", limit.most, sent));
        }
        match largest(request, &OUTPUT) {
            None => {
                let tokens = room(limit.default);
                request.set_max_output_tokens(tokens);
            }
            Some(sent) if sent > limit.most => match limit.over {
                Over::Clamp => {
                    let tokens = room(limit.most);
                    clamp(request, tokens);
                }
                Over::Refuse => return Some(too_much(400, "output tokens", limit.most, sent)),
            },
            Some(_) => {}
        }
        None
    }
}

/// Puts the bound in place of more, wherever the request has written one.
fn clamp(request: &mut Request, tokens: u64) {
    for at in OUTPUT {
        if largest(request, &[at]).is_some_and(|sent| sent > tokens)
            && request.set_parameter(at, &tokens).is_err()
        {
            request.set_max_output_tokens(tokens);
        }
    }
}

/// The largest number at these places; what is no number is more than any. A null counts as absent,
/// as providers have it.
fn largest(request: &Request, pointers: &[&str]) -> Option<u64> {
    let number = |json: String| {
        let json = json.trim().to_owned();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, as it should"
        )]
        (json != "null").then(|| {
            json.parse::<f64>()
                .map_or(u64::MAX, |number| number.ceil() as u64)
        })
    };
    pointers
        .iter()
        .filter_map(|pointer| request.parameter_json(pointer))
        .filter_map(number)
        .max()
}

fn choices(request: &Request) -> u64 {
    largest(request, &CHOICES).unwrap_or(1)
}

/// Levels of nested arrays and objects. Not the proxy's own count, which is 0 for what nests deeper
/// than the proxy reads.
fn depth(request: &Request) -> u64 {
    json::depth(&request.parameter_json("").unwrap_or_default())
}

fn too_much(status: u16, what: &str, most: u64, got: u64) -> Decision {
    let message = format!("the request has {got} {what} and may have {most}: send less");
    Refusal::new(status, message)
        .code("request_too_large")
        .into()
}
