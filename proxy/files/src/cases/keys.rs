//! The keys of an exchange, declared once for a case of one and for a step of several.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Case, CaseAnswer, CaseFailure, CaseHead, CaseOutcome, CaseTarget, CaseVector, DialectName,
    Expect, ExpectCall, ExpectMetric, Headers, HoldReply, Moment, Period, PlaceName, Wanted,
};

/// Declares the two structs that have these keys, and how one completes the other.
macro_rules! exchange_keys {
    ($($(#[$about:meta])* $key:ident: $kind:ty,)*) => {
        /// One exchange of a case. A key that it does not have is its case's.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Step {
            $($(#[$about])* pub $key: Option<$kind>,)*
        }

        /// Exchanges and their expected results: a single one, or `steps`. Beside `steps`, the keys
        /// of an exchange stand for those that a step does not have.
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(rename = "Case")]
        pub(super) struct WrittenCase {
            /// A sentence that is true where the case passes.
            name: String,
            /// The configuration of this case alone.
            config: Option<Value>,
            /// Time at which it begins. It stands still but for `advance` and the `delay` of
            /// answers. Default: the file's, else the present.
            clock: Option<Moment>,
            /// Exchanges, one after the other, against one store and one clock. Left out: the case
            /// is one exchange.
            #[schemars(length(min = 1))]
            steps: Option<Vec<Step>>,
            $($(#[$about])* $key: Option<$kind>,)*
        }

        impl WrittenCase {
            /// Completes what it does not say by what the file says.
            pub(super) fn completed(self, file: &Step, clock: Option<Moment>) -> Case {
                let own = Step { $($key: self.$key,)* }.or(file);
                let listed = self.steps.as_ref().is_some_and(|steps| !steps.is_empty());
                let steps = match self.steps {
                    Some(steps) if listed => steps.into_iter().map(|step| step.or(&own)).collect(),
                    _ => vec![own],
                };
                Case {
                    name: self.name,
                    config: self.config,
                    clock: self.clock.or(clock),
                    steps,
                    listed,
                }
            }
        }

        impl Step {
            /// Takes from `wider` what it does not say itself.
            fn or(self, wider: &Self) -> Self {
                Self { $($key: self.$key.or_else(|| wider.$key.clone()),)* }
            }
        }
    };
}

exchange_keys! {
    /// Time that passes before the exchange.
    advance: Period,
    /// Name of a dialect that is read. Default `openai.chat`.
    dialect: DialectName,
    /// Path and query. Default: the dialect's usual path.
    path: String,
    /// The request's headers.
    headers: Headers,
    /// Tags that the host found, or that policies before this one set.
    tags: BTreeMap<String, String>,
    /// The request's body.
    request: Value,
    /// Time that the exchange may take. Default: it has no end.
    deadline: Period,
    /// The targets that the request's model stands for. Default: none is known.
    targets: Vec<CaseTarget>,
    /// Answers to the policy's calls: the first that fits a call answers it. A call that none fits
    /// is denied.
    fetch: Vec<CaseAnswer>,
    /// True if the stores (`limits`, `values`, `replies`) can't be reached. Default false.
    stores_fail: bool,
    /// Vectors of texts that the policy has embedded. All other texts have vectors of 256 numbers,
    /// near to each other where words and parts of words are shared.
    vectors: BTreeMap<String, CaseVector>,
    /// True if the embedder can't be reached. Default false.
    embedder_fails: bool,
    /// The policy's decision. Default: it forwards.
    expect: Expect,
    /// The body that goes upstream, equal as JSON.
    expect_request: Value,
    /// Headers that go upstream; null for one that does not.
    expect_headers: BTreeMap<String, Wanted>,
    /// Tags after the policy's decision; null for one that is not there.
    expect_tags: BTreeMap<String, Wanted>,
    /// Headers that the policy adds to the app's reply; null for one that it does not.
    expect_reply_headers: BTreeMap<String, Wanted>,
    /// The targets that the policy prefers, in their order.
    expect_prefer: Vec<String>,
    /// The targets that the policy excludes, in any order.
    expect_exclude: Vec<String>,
    /// The target that gets a copy.
    expect_mirror: String,
    /// The time to which the policy shortens the exchange.
    expect_deadline: Period,
    /// Parts of replies that attempts bring, in their order, before the failures: the policy holds
    /// them.
    hold_reply: Vec<HoldReply>,
    /// Failures after the request was forwarded, one after the other.
    failures: Vec<CaseFailure>,
    /// The head of the model's reply.
    reply_head: CaseHead,
    /// The model's text, piece by piece: run as given, as one piece, and character by character.
    reply: Vec<String>,
    /// The place of that text. Default `assistant`.
    reply_place: PlaceName,
    /// The text that the app reads.
    expect_reply: String,
    /// The code with which the policy ends the reply.
    expect_reply_refused: String,
    /// The exchange's end, by which reservations are settled and the policy's end hook is called.
    /// Default: what became of it, with 10 input and 5 output tokens where it was forwarded.
    outcome: CaseOutcome,
    /// The calls that the policy made in this exchange, all of them, in their order.
    expect_fetch: Vec<ExpectCall>,
    /// Metrics that the policy has counted since the case began, as `name` or, with labels,
    /// `name{label="value"}`: a number for a counter (0: never counted) or a gauge, a list of the
    /// values for a histogram.
    expect_metrics: BTreeMap<String, ExpectMetric>,
    /// Texts that the policy has logged in this exchange: each is part of a line.
    expect_log: Vec<String>,
}
