//! `models:` and `model_facts:` as written.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::{
    Count, Dollars, Named, Number, OneOrMore, Optional, Share, Size, Span, Switch, Text, Weight,
};
use crate::scalars::VARIABLE;

/// An alias: a name that apps use for a model, and what is tried behind it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// `upstream/model` each, or `{ target: upstream/model, weight: 10, where: { region: eu } }`.
    pub targets: Vec<WrittenTarget>,
    /// The order in which they are tried: `fallback` (the default, as they stand), `weighted`,
    /// `cheapest`, `fastest` or `least_busy`.
    #[serde(default)]
    pub strategy: Optional<WrittenStrategy>,
    /// The part of an exchange that keeps it at one target where `weighted` or a canary shares them
    /// out: `conversation` (the default), `caller`, or the name of a tag.
    #[serde(default)]
    pub sticky: Optional<Text>,
    /// Attempts of one exchange, the first among them: 1 to 10. Default 3.
    #[serde(default)]
    pub attempts: Optional<Count>,
    /// Time of a whole exchange, waits, attempts and reply included; a caller's header
    /// `x-outrigger-timeout` may shorten it. Left out: `10m` for waits and attempts, and none for a
    /// reply under way.
    #[serde(default)]
    pub deadline: Optional<Span>,
    /// Most that an exchange may cost at a target, in US dollars and by estimate: a dearer target is
    /// left out.
    #[serde(default)]
    pub max_usd: Optional<Dollars>,
    /// Bounds of what follows a failure.
    #[serde(default)]
    pub retry: Optional<Retry>,
    /// Effect of having no target left that is not limited: `refuse` (the default), `{ queue: {} }`
    /// or `{ degrade: ALIAS }`.
    #[serde(default)]
    pub limited: Optional<WrittenLimited>,
    /// Second attempts at another account, beside first ones that are slow. Left out: none.
    #[serde(default)]
    pub hedge: Optional<Hedge>,
    /// A target on trial, which is given up by itself where it does worse than the others.
    #[serde(default)]
    pub canary: Optional<Canary>,
    /// A target that is sent copies of exchanges; the app sees nothing of its replies.
    #[serde(default)]
    pub shadow: Optional<Shadow>,
    /// `off`: targets that do not speak the caller's dialect are left out. Default `on`: requests
    /// and replies are translated for them.
    #[serde(default)]
    pub translate: Optional<Switch>,
    /// True if a target is left out where a translation would leave something of the request out,
    /// even what only costs or tastes different. Default false: that is counted.
    #[serde(default)]
    pub strict: Optional<bool>,
}

/// A target as written.
#[derive(Debug)]
pub enum WrittenTarget {
    /// `upstream/model`.
    Name(Text),
    /// `{ target: upstream/model, … }`.
    Full(Box<TargetEntry>),
}

/// A target, and when it is one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetEntry {
    /// `upstream/model`.
    pub target: TargetName,
    /// Its part of the exchanges where the strategy is `weighted`; 0: only where others fail.
    /// Default 1.
    #[serde(default)]
    pub weight: Optional<Weight>,
    /// Tags that an exchange must carry to be sent there, with a value or a list of values each.
    #[serde(default, rename = "where")]
    pub conditions: Optional<Named<OneOrMore>>,
}

/// `upstream/model`.
#[derive(Debug)]
pub struct TargetName(pub Text);

/// Bounds of what follows a failure.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Retries as a share of the alias' exchanges. Default `20%`.
    pub share: Optional<Share>,
    /// Retries a second besides. Default 3.
    pub per_second: Optional<Number>,
    /// Retries of calls that the provider may have done and may bill, as a share of the alias'
    /// exchanges; `0%`: none of them. Default `2%`.
    pub maybe_done: Optional<Share>,
    /// Longest wait for a target that says when it can be tried again; one that says more is left
    /// for another. Default `5s`.
    pub wait: Optional<Span>,
    /// True if a request that a provider's content filter refuses is tried at another. Default
    /// false.
    pub content_filter: Optional<bool>,
}

/// The order of targets as written.
#[derive(Debug)]
pub enum WrittenStrategy {
    /// One word.
    Word(Text),
    /// A list: there is one strategy.
    Several,
}

/// Effect of having no target left that is not limited, as written.
#[derive(Debug)]
pub enum WrittenLimited {
    /// `refuse`.
    Word(Text),
    /// `{ queue: … }` or `{ degrade: … }`.
    Form(Box<LimitedForm>),
}

/// Effect of having no target left that is not limited.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct LimitedForm {
    /// Exchanges wait, within these bounds; `{}` for the defaults.
    pub queue: Optional<Queue>,
    /// The alias whose targets are tried instead.
    pub degrade: Optional<Text>,
}

/// Bounds of an alias' queue.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// Exchanges in it. Default 1000.
    pub exchanges: Optional<Count>,
    /// Bytes of their bodies together. Default `64MiB`.
    pub bytes: Optional<Size>,
    /// Estimated tokens of them together. Default 1000000.
    pub tokens: Optional<Count>,
    /// Longest wait of one. Default `10s`.
    pub wait: Optional<Span>,
    /// The tag among whose values it is fair. Default `tenant`.
    pub tenant: Optional<Text>,
    /// The tag that says `high`, `normal` or `low`. Default `priority`.
    pub priority: Optional<Text>,
}

/// Bounds of second attempts beside slow first ones.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hedge {
    /// Their share of exchanges, and of money: `10%` at most. Default `2%`.
    pub share: Optional<Share>,
    /// The least wait before one, and the wait until it is known when 95 % of the target's replies
    /// have begun. Default `2s`.
    pub delay: Optional<Span>,
}

/// A target on trial. A control of the same size is taken from the alias' other exchanges.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// `upstream/model`; none of `targets`.
    pub target: TargetName,
    /// Its share of exchanges: `50%` at most. Default `5%`.
    #[serde(default)]
    pub share: Optional<Share>,
    /// Tags that an exchange must carry to be sent there, with a value or a list of values each.
    #[serde(default, rename = "where")]
    pub conditions: Optional<Named<OneOrMore>>,
}

/// A target that is sent copies.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["target", "usd_per_day"]))]
pub struct Shadow {
    /// `upstream/model`; none of `targets`.
    pub target: TargetName,
    /// Share of exchanges that are copied. Default `1%`.
    #[serde(default)]
    pub share: Optional<Share>,
    /// Most that the copies of a day may cost, in US dollars. It has no default.
    #[serde(default)]
    pub usd_per_day: Optional<Dollars>,
    /// Tags that an exchange must carry to be copied, with a value or a list of values each.
    #[serde(default, rename = "where")]
    pub conditions: Optional<Named<OneOrMore>>,
}

/// Facts about a model, which go before those of the built-in tables.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelFacts {
    /// Tokens of input and output together.
    pub window: Optional<Count>,
    /// Most tokens of output.
    pub output: Optional<Count>,
    /// True if it can be given tools.
    pub tools: Optional<bool>,
    /// True if it reads images.
    pub images: Optional<bool>,
    /// True if it hears audio.
    pub audio: Optional<bool>,
    /// True if it reads other files, such as PDF documents.
    pub files: Optional<bool>,
    /// Dialects in which it is served, such as `openai.chat`.
    pub endpoints: Optional<Vec<Text>>,
    /// The name under which the built-in tables know it, where its own is another: that of a
    /// deployment, say. What is written here goes before what they say.
    pub like: Optional<Text>,
    /// All that it refuses of a translated request, as `[temperature, top_p]`; `[]`: nothing.
    pub refuses: Optional<Vec<Text>>,
    /// The means by which a translated request says how much it is to reason.
    pub reasoning: Option<ReasoningFacts>,
    /// True if the reasoning that it wrote goes back to it with each of its turns.
    pub wants_reasoning_back: Optional<bool>,
    /// The role of its instructions: `system`, `developer`, or `none`, where they stand in the
    /// user's first text.
    pub system_role: Optional<Text>,
    /// The member of `openai.chat` for its most tokens of output: `max_tokens` or
    /// `max_completion_tokens`.
    pub max_field: Optional<Text>,
    /// Schemas of tools that it takes: `json_schema`, or `openapi`, Gemini's subset of it.
    pub tool_schemas: Optional<Text>,
}

/// The means by which a translated request says how much a model is to reason.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReasoningFacts {
    /// `none` (it can't be steered), `effort`, `budget` or `adaptive`. Default `effort`, or `budget`
    /// where there is one.
    pub form: Optional<Text>,
    /// The efforts that it takes, such as `[low, medium, high]`. Left out: all.
    pub efforts: Optional<Vec<Text>>,
    /// The least budget that it takes, in tokens. Default 1024.
    pub least_tokens: Optional<Count>,
    /// The greatest budget that it takes, in tokens.
    pub most_tokens: Optional<Count>,
    /// True if it can be kept from reasoning. Default true; of the form `effort`, true if `none` is
    /// one of `efforts`.
    pub can_be_off: Optional<bool>,
    /// True if it reasons where a request says nothing of it. Default false.
    pub by_default: Optional<bool>,
}

impl<'de> Deserialize<'de> for WrittenTarget {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenTarget;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`upstream/model`, or a map with it under `target`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenTarget, E> {
                Ok(WrittenTarget::Name(Text(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenTarget, A::Error> {
                let entry = TargetEntry::deserialize(MapAccessDeserializer::new(entries))?;
                Ok(WrittenTarget::Full(entry.into()))
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenTarget {
    fn schema_name() -> Cow<'static, str> {
        "WrittenTarget".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = TargetName::json_schema(generator);
        let full = generator.subschema_for::<TargetEntry>();
        json_schema!({ "anyOf": [name, full] })
    }
}

impl<'de> Deserialize<'de> for TargetName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Text::deserialize(d).map(Self)
    }
}

impl JsonSchema for TargetName {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": format!("^[^/]+/.|{VARIABLE}"), "examples": ["openai/gpt-5-mini"] })
    }
}

impl<'de> Deserialize<'de> for WrittenStrategy {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenStrategy;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one word")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenStrategy, E> {
                Ok(WrittenStrategy::Word(Text(v.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<WrittenStrategy, A::Error> {
                IgnoredAny::deserialize(SeqAccessDeserializer::new(items))?;
                Ok(WrittenStrategy::Several)
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenStrategy {
    fn schema_name() -> Cow<'static, str> {
        "Strategy".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = route::Strategy::ALL.map(route::Strategy::name);
        json_schema!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": VARIABLE }] })
    }
}

impl<'de> Deserialize<'de> for WrittenLimited {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenLimited;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`refuse`, `{ queue: {} }` or `{ degrade: ALIAS }`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenLimited, E> {
                Ok(WrittenLimited::Word(Text(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenLimited, A::Error> {
                let form = LimitedForm::deserialize(MapAccessDeserializer::new(entries))?;
                Ok(WrittenLimited::Form(form.into()))
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenLimited {
    fn schema_name() -> Cow<'static, str> {
        "WrittenLimited".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let form = generator.subschema_for::<LimitedForm>();
        json_schema!({ "anyOf": [{ "enum": ["refuse"] }, { "type": "string", "pattern": VARIABLE }, form] })
    }
}
