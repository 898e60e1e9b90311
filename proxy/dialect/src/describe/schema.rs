//! JSON Schema, as tools and output formats use it in every dialect.

use super::shape::{Rule, WORDS, list, shape, text};
use crate::Place::ToolDefinition;

shape! {
    /// `enum`, `default`, `const`, `examples` and whatever else a schema may hold is text that the
    /// app wrote: it is the rest.
    SCHEMA, ToolDefinition, [];
    "description" => text(ToolDefinition), "title" => text(ToolDefinition),
    "type" => WORDS, "format" => Rule::Word, "$ref" => Rule::Word, "$schema" => Rule::Word, "$id" => Rule::Word,
    "properties" => Rule::Map(&NESTED), "patternProperties" => Rule::Map(&NESTED), "$defs" => Rule::Map(&NESTED),
    "definitions" => Rule::Map(&NESTED), "dependentSchemas" => Rule::Map(&NESTED),
    "items" => Rule::Same(&NESTED), "additionalProperties" => Rule::Same(&NESTED), "not" => Rule::Same(&NESTED),
    "if" => Rule::Same(&NESTED), "then" => Rule::Same(&NESTED), "else" => Rule::Same(&NESTED), "contains" => Rule::Same(&NESTED),
    "propertyNames" => Rule::Same(&NESTED), "unevaluatedProperties" => Rule::Same(&NESTED),
    "prefixItems" => list(&NESTED),
    "anyOf" | "any_of" => list(&NESTED), "oneOf" | "one_of" => list(&NESTED), "allOf" | "all_of" => list(&NESTED),
    "required" => WORDS, "propertyOrdering" | "property_ordering" => WORDS,
    "minimum" => Rule::Plain, "maximum" => Rule::Plain, "exclusiveMinimum" => Rule::Plain, "exclusiveMaximum" => Rule::Plain,
    "multipleOf" => Rule::Plain, "minLength" | "min_length" => Rule::Plain, "maxLength" | "max_length" => Rule::Plain,
    "minItems" | "min_items" => Rule::Plain, "maxItems" | "max_items" => Rule::Plain, "uniqueItems" => Rule::Plain,
    "minProperties" => Rule::Plain, "maxProperties" => Rule::Plain, "nullable" => Rule::Plain, "deprecated" => Rule::Plain,
    "strict" => Rule::Plain, "readOnly" => Rule::Plain, "writeOnly" => Rule::Plain,
}
/// A schema, or `true` and `false`.
static NESTED: Rule = Rule::OneOf(&[Rule::Object(&SCHEMA), Rule::Plain]);
