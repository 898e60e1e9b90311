//! OpenAI's listing: `{"object":"list","data":[…]}`, all of it at once.
//!
//! <https://platform.openai.com/docs/api-reference/models>. It has neither limits nor abilities;
//! `context_window` and `max_output_tokens` are what several gateways and their clients agree on.

use super::{Form, Model, joined, page::Names, word};
use crate::answer::Draft;

pub(super) static FORM: Form = Form {
    query: Names {
        limit: "",
        after: "",
        before: "",
        usual: usize::MAX,
        refuses_more: false,
    },
    one,
    page: |draft, page| {
        let draft = draft.raw(r#"{"object":"list","data":["#);
        joined(draft, page.models, one).raw("]}")
    },
};

fn one(draft: Draft, model: &Model<'_>) -> Draft {
    let mut draft = (draft.raw(r#"{"id":"#).text(model.name))
        .raw(r#","object":"model","created":0,"owned_by":"outrigger""#);
    for (name, limit) in [
        (r#","context_window":"#, model.window),
        (r#","max_output_tokens":"#, model.output),
    ] {
        if let Some(limit) = limit {
            draft = draft.raw(name).number(limit);
        }
    }
    if model.embeds {
        return draft.raw(r#","capabilities":{"embeddings":true}}"#);
    }
    let mut draft = draft.raw(r#","capabilities":{"embeddings":false"#);
    for (name, is) in [
        (r#","tools":"#, model.tools),
        (r#","images":"#, model.images),
        (r#","audio":"#, model.audio),
        (r#","files":"#, model.files),
        (r#","json_schema":"#, model.json_schema),
        (r#","reasoning":"#, model.reasons),
    ] {
        draft = draft.raw(name).raw(word(is));
    }
    draft.raw("}}")
}
