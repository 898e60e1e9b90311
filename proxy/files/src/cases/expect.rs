//! Expected results of an exchange.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use policy::Denial;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_json::Value;

/// A policy's decision.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expect {
    /// Forwards the request.
    #[default]
    Forward,
    /// Refuses the request.
    Refuse(ExpectRefusal),
    /// Answers with this text.
    Reply(String),
    /// Serves the reply that an earlier step left in the store.
    Serve,
}

/// The parts of an expected refusal that a case names.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectRefusal {
    /// Its status.
    pub status: Option<u16>,
    /// Its code.
    pub code: Option<String>,
    /// Its text.
    pub message: Option<String>,
    /// Milliseconds to wait.
    pub retry_after_ms: Option<u32>,
}

impl ExpectRefusal {
    /// Reports whether a refusal has every part that is named.
    pub fn fits(&self, denial: &Denial) -> bool {
        let status = self.status.is_none_or(|status| status == denial.status);
        let code = self.code.as_ref().is_none_or(|code| *code == denial.code);
        let message = (self.message.as_ref()).is_none_or(|text| *text == denial.message);
        let wait = self.retry_after_ms.is_none() || self.retry_after_ms == denial.retry_after_ms;
        status && code && message && wait
    }
}

/// A policy's decision about a failure.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExpectRescue {
    /// Lets it pass.
    #[default]
    Forward,
    /// Refuses.
    Refuse(ExpectRefusal),
    /// Answers with this text.
    Reply(String),
    /// Has these targets tried.
    TryNow(Vec<String>),
}

/// A policy's verdict about a reply that it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExpectVerdict {
    /// Has it sent.
    #[default]
    Accept,
    /// Waits for more of it.
    Wait,
    /// Rejects it with this code.
    Reject(String),
}

/// A call that the policy made; what is left out may be anything.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectCall {
    /// Its URL.
    pub url: Option<String>,
    /// Its method.
    pub method: Option<String>,
    /// Headers of it; null for one that it does not have.
    pub headers: BTreeMap<String, Wanted>,
    /// Its body: a text as it is, all else equal as JSON.
    pub body: Option<Value>,
}

/// An expected value; none, written as null, where there is to be none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Wanted(pub Option<String>);

impl JsonSchema for Wanted {
    fn schema_name() -> Cow<'static, str> {
        "Wanted".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "const": null }] })
    }
}

/// The expected value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectMetric {
    /// The sum of a counter, or the value of a gauge.
    Value(f64),
    /// The values that a histogram recorded, in their order.
    Recorded(Vec<f64>),
}

impl<'de> Deserialize<'de> for ExpectMetric {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ExpectMetric;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a list of the numbers that a histogram recorded")
            }
            fn visit_f64<E: Error>(self, v: f64) -> Result<ExpectMetric, E> {
                Ok(ExpectMetric::Value(v))
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<ExpectMetric, E> {
                self.visit_f64(v as f64)
            }
            fn visit_i64<E: Error>(self, v: i64) -> Result<ExpectMetric, E> {
                self.visit_f64(v as f64)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ExpectMetric, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(ExpectMetric::Recorded(all))
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for ExpectMetric {
    fn schema_name() -> Cow<'static, str> {
        "ExpectMetric".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "number" }, { "type": "array", "items": { "type": "number" } }] })
    }
}
