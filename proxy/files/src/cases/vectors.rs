//! Vectors of texts, as a case gives them.

use std::{borrow::Cow, sync::Arc};

use policy::Vector;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

/// A vector that a case gives to a text, scaled to the length 1.
#[derive(Debug, Clone)]
pub struct CaseVector(pub Arc<Vector>);

impl CaseVector {
    /// The name of the embedder of cases.
    pub const EMBEDDER: &'static str = "cases/words";
}

impl<'de> Deserialize<'de> for CaseVector {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let numbers = Vec::<f32>::deserialize(d)?;
        let vector = Vector::new(Self::EMBEDDER.into(), numbers);
        let vector = vector.ok_or_else(|| {
            D::Error::custom("has no direction; write numbers of which one is not 0")
        })?;
        Ok(Self(Arc::new(vector)))
    }
}

impl JsonSchema for CaseVector {
    fn schema_name() -> Cow<'static, str> {
        "CaseVector".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": { "type": "number" }, "minItems": 1 })
    }
}
