//! Listings of models: which one a request wants, and the answer in its provider's shape.
//!
//! `GET …/models` and `GET …/models/MODEL` have the same path at OpenAI and at Anthropic, whose
//! clients send `anthropic-version`; Gemini's has a version of its own. Paths of other resources
//! that end so (Vertex AI's publishers, Azure's deployments) are none.
//!
//! The shapes are those that the official SDKs parse: every field that their types require is
//! there. What is not known is null, or 1970 where a date must be; what other gateways' clients
//! read besides (`context_window`) comes after it.

mod anthropic;
mod gemini;
mod openai;
mod page;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::{address, answer::Draft, describe::Provider, translate::takes::Efforts};
pub use page::BadPage;
use page::Query;

/// A model, as far as listings tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model<'a> {
    /// The name by which it is called.
    pub name: &'a str,
    /// Tokens of its context.
    pub window: Option<u64>,
    /// Tokens that it generates at most.
    pub output: Option<u64>,
    /// It makes vectors instead of texts.
    pub embeds: bool,
    /// It is given tools.
    pub tools: bool,
    /// It is given images.
    pub images: bool,
    /// It is given sound.
    pub audio: bool,
    /// It is given documents.
    pub files: bool,
    /// It writes by a JSON schema.
    pub json_schema: bool,
    /// It reasons.
    pub reasons: bool,
    /// The efforts of reasoning that it takes by name.
    pub efforts: Efforts,
}

/// A request for a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<'a> {
    /// The provider in whose shape it is answered.
    pub provider: Provider,
    /// The one model that it wants; `None`: all of them.
    pub one: Option<Cow<'a, str>>,
    query: Query<'a>,
}

/// The form of a provider's listings.
struct Form {
    /// The names of its paging in a query.
    query: page::Names,
    /// One model.
    one: fn(Draft, &Model<'_>) -> Draft,
    /// A page of them.
    page: fn(Draft, &page::Page<'_>) -> Draft,
}

/// The form of a provider's listings.
const fn form(provider: Provider) -> &'static Form {
    match provider {
        Provider::Openai => &openai::FORM,
        Provider::Anthropic => &anthropic::FORM,
        Provider::Google => &gemini::FORM,
    }
}

/// Reads the path and the query of a `GET`; `None` where it is for something else than a listing.
/// It is `usual`'s where the path does not say whose it is.
pub fn read(path: &str, usual: Provider) -> Option<Listing<'_>> {
    let (bare, query) = path.split_once('?').unwrap_or((path, ""));
    let (provider, one) = resource(bare.strip_prefix('/')?, usual)?;
    let query = Query::of(query, &form(provider).query);
    Some(Listing {
        provider,
        one,
        query,
    })
}

/// The provider of a path, and the model in it.
fn resource(path: &str, usual: Provider) -> Option<(Provider, Option<Cow<'_, str>>)> {
    let (base, one) = match path.split_once("models/") {
        Some((base, one)) => (base, Some(one)),
        None => (path.strip_suffix("models")?, None),
    };
    let provider = match base.strip_suffix('/') {
        // Gemini's own spelling of versions, and its endpoint for OpenAI's clients.
        Some("v1beta" | "v1alpha" | "gemini/v1beta" | "google/v1beta") => Provider::Google,
        Some("v1beta/openai" | "openai/v1" | "openai") => Provider::Openai,
        Some("anthropic" | "anthropic/v1") => Provider::Anthropic,
        Some("v1") => usual,
        Some(_) => return None,
        None if base.is_empty() => usual,
        None => return None,
    };
    let one = match one {
        Some("") => None,
        // a method, not a model
        Some(one) if one.contains(':') && provider == Provider::Google => return None,
        Some(one) => Some(address::decode(one)),
        None => None,
    };
    Some((provider, one))
}

impl Listing<'_> {
    /// Writes the one model that it wants.
    pub fn write_one(&self, model: &Model<'_>) -> Vec<u8> {
        (form(self.provider).one)(Draft::new(), model).0
    }

    /// Writes the page of `models` that it wants.
    ///
    /// # Errors
    /// Its query wants a page that there can't be.
    pub fn write_page(&self, models: &[Model<'_>]) -> Result<Vec<u8>, BadPage> {
        let form = form(self.provider);
        let page = self.query.page(models, &form.query)?;
        Ok((form.page)(Draft::new(), &page).0)
    }
}

/// Writes values with commas between them.
fn joined<T>(draft: Draft, all: &[T], write: impl Fn(Draft, &T) -> Draft) -> Draft {
    let commas = all.iter().enumerate();
    commas.fold(draft, |draft, (at, one)| {
        write(if at == 0 { draft } else { draft.raw(",") }, one)
    })
}

/// Writes a number, or null.
fn number(draft: Draft, number: Option<u64>) -> Draft {
    match number {
        Some(number) => draft.number(number),
        None => draft.raw("null"),
    }
}

/// JSON's word.
const fn word(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}
