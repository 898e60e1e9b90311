//! Listings of models: the aliases that the caller may use, and what they can do.
//!
//! An app that calls Outrigger by its own address is shown the aliases and nothing else, if any are
//! configured; a single model that is no alias is the upstream's to describe, as its name is a
//! wire. An app that dialled a provider is shown what the provider has: it knows of no alias.
//!
//! An alias can do what any of its targets can, as an exchange goes to a target that takes it: its
//! window and its output are the greatest that are known. A target counts where its conditions
//! hold for the caller's tags, and where it speaks the caller's dialects or is translated for; an
//! alias without one is not listed. Copies and trials count for nothing.

use bytes::Bytes;
use dialect::{
    Dialect,
    describe::Provider,
    models::{self, BadPage, Listing, Model},
    request::Body as RequestBody,
    translate::takes::ReasoningForm,
};
use http::{HeaderValue, Method, Request, Response, header};
use policy::{ByHost, Call};
use route::{AliasRow, Family, ModelFacts, conditions_hold};

use super::{
    Reply, Worker,
    attempt::Transport,
    generation::{Generation, family},
    path_of,
    places::Properties,
    refusals::note_refusal,
    render::call,
    settle::ExchangeGuard,
};
use crate::refusal::{Code, Refusal};

impl<T: Transport> Worker<T> {
    /// Answers a listing of models; `None` where it is the upstream's, or the request is none.
    pub(super) fn list_models<B>(
        &self,
        request: &Request<B>,
        guard: &mut ExchangeGuard,
    ) -> Option<Result<Reply, Refusal>> {
        let generation = &guard.generation;
        let is_dialled = request.extensions().get::<ByHost>().is_some();
        if generation.table.aliases().is_empty() || is_dialled || request.method() != Method::GET {
            return None;
        }
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.uri = request.uri().clone();
        parts.headers = request.headers().clone();
        let path = path_of(&parts).to_owned();
        let usual = match family(Dialect::Other, &parts.headers) {
            Family::Anthropic => Provider::Anthropic,
            Family::Gemini => Provider::Google,
            Family::Openai | Family::Every => Provider::Openai,
        };
        let listing = models::read(&path, usual)?;
        let alias = match listing.one.as_deref() {
            Some(name) => Some(generation.table.alias(name)?),
            None => None,
        };
        if let Err(draining) = self.refuse_while_draining() {
            return Some(Err(draining));
        }
        let caller = call(
            parts,
            RequestBody::wire(Dialect::Other, Bytes::new()),
            guard,
        );
        let written = write(&listing, alias, generation, &caller);
        Some(Ok(written.map_or_else(
            |refusal| refused(&refusal, listing.provider, guard),
            |body| Reply::Whole(answer(body.into())),
        )))
    }
}

/// Writes the listing for this caller.
fn write(
    listing: &Listing<'_>,
    alias: Option<&AliasRow>,
    generation: &Generation,
    caller: &Call,
) -> Result<Vec<u8>, Refusal> {
    let model = |row| described(row, listing.provider, generation, caller);
    if let Some(row) = alias {
        let closed = || {
            let message = format!("the model `{}` is not available to this caller", row.name);
            Refusal::new(Code::NoUpstream, message)
        };
        return Ok(listing.write_one(&model(row).ok_or_else(closed)?));
    }
    let all: Vec<_> = generation
        .table
        .aliases()
        .iter()
        .filter_map(model)
        .collect();
    let bad = |bad: BadPage| Refusal::new(Code::BadRequest, bad.to_string());
    listing.write_page(&all).map_err(bad)
}

/// An alias, by its targets that are this caller's; `None` where none is.
fn described<'g>(
    row: &'g AliasRow,
    provider: Provider,
    generation: &'g Generation,
    caller: &Call,
) -> Option<Model<'g>> {
    let properties = Properties(caller, &generation.config);
    let terms = generation.config.models.get(&*row.name);
    let translates = terms.is_none_or(|terms| terms.translate);
    let open = (row.targets.iter()).filter(|of| conditions_hold(&of.conditions, &properties));
    let targets = open.filter_map(|of| generation.table.target(of.target));
    // its own dialects, where the upstream has the model in them, or any by translation
    let spoken_to = targets.filter(|row| {
        let served = |dialect| {
            row.facts
                .endpoints
                .is_none_or(|some| some.contains(dialect))
        };
        let upstream = generation.table.upstream_of(row);
        upstream.is_some_and(|upstream| {
            let own = |dialect: Dialect| dialect.provider() == Some(provider) && served(dialect);
            translates && upstream.translates || upstream.offers.iter().any(own)
        })
    });
    let facts = spoken_to.map(|row| row.facts);
    united(&row.name, facts)
}

/// The model that can do what any of these can. An ability of which nothing is known is one.
fn united(name: &str, facts: impl Iterator<Item = ModelFacts>) -> Option<Model<'_>> {
    facts
        .map(|facts| of_one(name, &facts))
        .reduce(|one, other| Model {
            name,
            window: one.window.max(other.window),
            output: one.output.max(other.output),
            embeds: one.embeds && other.embeds,
            tools: one.tools || other.tools,
            images: one.images || other.images,
            audio: one.audio || other.audio,
            files: one.files || other.files,
            json_schema: one.json_schema || other.json_schema,
            reasons: one.reasons || other.reasons,
            efforts: one.efforts.or(other.efforts),
        })
}

fn of_one<'n>(name: &'n str, facts: &ModelFacts) -> Model<'n> {
    let takes = facts.taken();
    let serves = |dialect| facts.endpoints.is_none_or(|some| some.contains(dialect));
    let generates = [
        Dialect::OpenaiChat,
        Dialect::OpenaiResponses,
        Dialect::OpenaiCompletions,
        Dialect::AnthropicMessages,
    ];
    let embeds = facts.endpoints.is_some() && !generates.into_iter().any(serves);
    Model {
        name,
        window: facts.window,
        output: facts.output,
        embeds: embeds && serves(Dialect::OpenaiEmbeddings),
        tools: facts.tools.unwrap_or(true),
        images: facts.images.unwrap_or(true),
        audio: facts.audio.unwrap_or(true),
        files: facts.files.unwrap_or(true),
        json_schema: !takes.refuses_json_schema,
        // what is given nothing may reason all the same; then nobody can say how much
        reasons: takes.reasoning != ReasoningForm::None,
        efforts: takes.efforts,
    }
}

fn answer(body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Refuses in the shape of the listing's provider: no dialect is one of listings.
fn refused(refusal: &Refusal, provider: Provider, guard: &mut ExchangeGuard) -> Reply {
    note_refusal(&mut guard.record, refusal);
    let dialect = match provider {
        Provider::Openai => Dialect::OpenaiChat,
        Provider::Anthropic => Dialect::AnthropicMessages,
        Provider::Google => Dialect::GeminiGenerate,
    };
    Reply::Whole(refusal.answer(dialect).map(Bytes::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use route::Endpoints;

    fn fold(facts: &[ModelFacts]) -> Option<Model<'static>> {
        united("m", facts.iter().copied())
    }

    #[test]
    fn an_alias_can_do_what_any_of_its_targets_can() {
        let small = ModelFacts {
            window: Some(8000),
            output: Some(4000),
            tools: Some(true),
            images: Some(false),
            audio: Some(false),
            files: Some(false),
            ..ModelFacts::of("gpt-4o-mini")
        };
        let large = ModelFacts {
            window: Some(200_000),
            output: None,
            tools: Some(false),
            images: Some(true),
            audio: Some(false),
            ..ModelFacts::of("claude-opus-4-7")
        };
        let both = fold(&[small, large]).unwrap_or_else(|| of_one("", &small));
        assert_eq!((both.window, both.output), (Some(200_000), Some(4000)));
        assert_eq!(
            (both.tools, both.images, both.audio, both.files),
            (true, true, false, true)
        );
        assert!(both.reasons && both.json_schema && !both.embeds);
        assert_eq!(
            both.efforts.names().collect::<Vec<_>>().join(" "),
            "low medium high xhigh max"
        );
        assert!(!of_one("m", &small).reasons);
        assert_eq!(fold(&[]), None);
    }

    #[test]
    fn an_alias_embeds_where_none_of_its_targets_writes() {
        let embeds = ModelFacts::of("text-embedding-3-small");
        assert!(of_one("m", &embeds).embeds);
        assert!(!of_one("m", &ModelFacts::UNKNOWN).embeds);
        assert!(!of_one("m", &ModelFacts::of("gpt-5-pro")).embeds);
        let gemini = Endpoints::default().with(Dialect::GeminiGenerate);
        let gemini = ModelFacts {
            endpoints: Some(gemini),
            ..ModelFacts::UNKNOWN
        };
        assert!(!of_one("m", &gemini).embeds);
        let both = fold(&[embeds, ModelFacts::UNKNOWN]);
        assert_eq!(both.map(|both| both.embeds), Some(false));
    }
}
