//! Anthropic's listing, in pages: <https://docs.claude.com/en/api/models-list>.
//!
//! Claude Code reads `context_window` besides; the API's own is `max_input_tokens`.

use super::{Form, Model, joined, number, page::Names, word};
use crate::answer::Draft;

pub(super) static FORM: Form = Form {
    query: Names {
        limit: "limit",
        after: "after_id",
        before: "before_id",
        usual: 20,
        refuses_more: true,
    },
    one,
    page: |draft, page| {
        let draft = joined(draft.raw(r#"{"data":["#), page.models, one);
        let draft = (draft.raw(r#"],"has_more":"#).raw(word(page.has_more))).raw(r#","first_id":"#);
        let draft = name(draft, page.models.first()).raw(r#","last_id":"#);
        name(draft, page.models.last()).raw("}")
    },
};

fn name(draft: Draft, model: Option<&Model<'_>>) -> Draft {
    match model {
        Some(model) => draft.text(model.name),
        None => draft.raw("null"),
    }
}

fn one(draft: Draft, model: &Model<'_>) -> Draft {
    let draft = draft.raw(r#"{"type":"model","id":"#).text(model.name);
    let draft = draft.raw(r#","display_name":"#).text(model.name);
    let draft =
        draft.raw(r#","created_at":"1970-01-01T00:00:00Z","line":null,"lifecycle":"active""#);
    let draft = draft.raw(r#","deprecated_at":null,"retires_at":null,"max_input_tokens":"#);
    let draft = number(draft, model.window).raw(r#","max_tokens":"#);
    let draft = number(draft, model.output);
    let draft = match model.window {
        Some(window) => draft.raw(r#","context_window":"#).number(window),
        None => draft,
    };
    capabilities(draft.raw(r#","capabilities":"#), model).raw("}")
}

/// Writes all capabilities that the SDKs know. Batches, citations and what runs at the provider
/// are no alias's.
fn capabilities(draft: Draft, model: &Model<'_>) -> Draft {
    let supported = |draft: Draft, name: &str, is: bool| {
        let draft = draft.raw("\"").raw(name).raw(r#"":{"supported":"#);
        draft.raw(word(is)).raw("}")
    };
    let draft = supported(draft.raw("{"), "batch", false).raw(",");
    let draft = supported(draft, "citations", false).raw(",");
    let draft = supported(draft, "code_execution", false);
    let draft = draft.raw(r#","context_management":{"supported":false,"clear_thinking_20251015":null,"clear_tool_uses_20250919":null,"compact_20260112":null},"effort":{"#);
    let takes = |name: &str| model.efforts.names().any(|effort| effort == name);
    let draft = ["low", "medium", "high", "xhigh", "max"]
        .into_iter()
        .fold(draft, |draft, name| {
            supported(draft, name, takes(name)).raw(",")
        });
    let any = !model.efforts.is_empty();
    let draft = draft.raw(r#""supported":"#).raw(word(any)).raw("},");
    let draft = supported(draft, "image_input", model.images).raw(",");
    let draft = supported(draft, "pdf_input", model.files).raw(",");
    let draft = supported(draft, "structured_outputs", model.json_schema);
    let draft = draft
        .raw(r#","thinking":{"supported":"#)
        .raw(word(model.reasons))
        .raw(r#","types":{"#);
    let draft = supported(draft, "adaptive", model.reasons).raw(",");
    supported(draft, "enabled", model.reasons).raw("}}}")
}
