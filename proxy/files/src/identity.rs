//! `identity:` of an upstream as written.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Optional, Text};

/// An identity as written.
#[derive(Debug)]
pub enum WrittenIdentity {
    /// Its source alone: the rest is in the environment.
    From(Text),
    /// The source, and what is not in the environment. Boxed, as most upstreams have none.
    Full(Box<IdentityEntry>),
}

/// A source of credentials. A key that is left out comes from the variable that the source's own
/// clients read, or has their default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityEntry {
    /// `aws`, `gcp`, `azure`, `anthropic` or `openai`.
    pub from: Text,
    /// `aws`: the region that requests are signed for. Default: the one that the URL's host names,
    /// else `AWS_REGION` or `AWS_DEFAULT_REGION`.
    #[serde(default)]
    pub region: Optional<Text>,
    /// `aws`: the service that requests are signed for. Default: `bedrock-mantle` where the URL's
    /// host names that, else `bedrock`.
    #[serde(default)]
    pub service: Optional<Text>,
    /// `gcp`: the JSON file of a service account. Default `GOOGLE_APPLICATION_CREDENTIALS`, else the
    /// metadata server.
    #[serde(default)]
    pub file: Optional<Text>,
    /// `gcp` with a file, `azure`: the scope of the tokens. Default
    /// `https://www.googleapis.com/auth/cloud-platform`, `https://ai.azure.com/.default`.
    #[serde(default)]
    pub scope: Optional<Text>,
    /// `azure`, `anthropic`, `openai`: the file of the cluster's token, which is read anew for each
    /// credential. Default `AZURE_FEDERATED_TOKEN_FILE`, `ANTHROPIC_IDENTITY_TOKEN_FILE`.
    #[serde(default)]
    pub token: Optional<Text>,
    /// `azure`, `anthropic`, `openai`: the endpoint that exchanges it. Default: the provider's own;
    /// for `azure` by `AZURE_AUTHORITY_HOST` and the tenant.
    #[serde(default)]
    pub token_url: Optional<Text>,
    /// `azure`: the id of the application or the managed identity. Default `AZURE_CLIENT_ID`.
    #[serde(default)]
    pub client: Optional<Text>,
    /// `azure`: the id of the tenant. Default `AZURE_TENANT_ID`.
    #[serde(default)]
    pub tenant: Optional<Text>,
    /// `anthropic`: the id of the federation rule. Default `ANTHROPIC_FEDERATION_RULE_ID`.
    #[serde(default)]
    pub federation_rule: Optional<Text>,
    /// `anthropic`: the id of the organization. Default `ANTHROPIC_ORGANIZATION_ID`.
    #[serde(default)]
    pub organization: Optional<Text>,
    /// `anthropic`, `openai`: the id of the service account. Default
    /// `ANTHROPIC_SERVICE_ACCOUNT_ID`.
    #[serde(default)]
    pub service_account: Optional<Text>,
    /// `anthropic`: the id of the workspace, where the rule is for several. Default
    /// `ANTHROPIC_WORKSPACE_ID`, else none.
    #[serde(default)]
    pub workspace: Optional<Text>,
    /// `openai`: the id of the workload identity provider.
    #[serde(default)]
    pub identity_provider: Optional<Text>,
}

impl<'de> Deserialize<'de> for WrittenIdentity {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenIdentity;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a source of credentials like `aws`, or a map with it under `from`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenIdentity, E> {
                Ok(WrittenIdentity::From(Text(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenIdentity, A::Error> {
                let full = IdentityEntry::deserialize(MapAccessDeserializer::new(entries))?;
                Ok(WrittenIdentity::Full(Box::new(full)))
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenIdentity {
    fn schema_name() -> Cow<'static, str> {
        "WrittenIdentity".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let full = generator.subschema_for::<IdentityEntry>();
        json_schema!({ "anyOf": [{ "type": "string" }, full] })
    }
}
