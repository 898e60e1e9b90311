//! Gemini's listing, in pages whose token is the last model's name:
//! <https://ai.google.dev/api/models>.

use super::{Form, Model, joined, page::Names, word};
use crate::answer::Draft;

pub(super) static FORM: Form = Form {
    query: Names {
        limit: "pageSize",
        after: "pageToken",
        before: "",
        usual: 50,
        refuses_more: false,
    },
    one,
    page: |draft, page| {
        let draft = joined(draft.raw(r#"{"models":["#), page.models, one).raw("]");
        match page.models.last().filter(|_| page.has_more) {
            Some(last) => draft.raw(r#","nextPageToken":"#).text(last.name).raw("}"),
            None => draft.raw("}"),
        }
    },
};

fn one(draft: Draft, model: &Model<'_>) -> Draft {
    let path = ["models/", model.name].concat();
    let draft = draft
        .raw(r#"{"name":"#)
        .text(&path)
        .raw(r#","version":"","displayName":"#);
    let mut draft = draft.text(model.name);
    for (name, limit) in [
        (r#","inputTokenLimit":"#, model.window),
        (r#","outputTokenLimit":"#, model.output),
    ] {
        if let Some(limit) = limit {
            draft = draft.raw(name).number(limit);
        }
    }
    let methods = match model.embeds {
        true => r#"["embedContent","batchEmbedContents"]"#,
        false => r#"["generateContent","streamGenerateContent","countTokens"]"#,
    };
    let draft = draft.raw(r#","supportedGenerationMethods":"#).raw(methods);
    draft
        .raw(r#","thinking":"#)
        .raw(word(model.reasons && !model.embeds))
        .raw("}")
}
