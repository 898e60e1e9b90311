//! `rerank`, as the embedded model writes it, with the members of Cohere's replies and of Jina's:
//! documents that share words with the query come first.

use serde_json::{Value, json};

use super::{conversation::list, embeddings::closeness, id, request::Request};

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let raw = |name: &str| request.raw.get(name);
    let query = raw("query").and_then(Value::as_str).unwrap_or_default();
    let scored = request.inputs.iter().map(|text| closeness(query, text));
    let mut order: Vec<(usize, f32)> = scored.enumerate().collect();
    // of equals the first
    order.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let most = raw("top_n")
        .or_else(|| raw("top_k"))
        .and_then(Value::as_u64);
    let most = most.and_then(|most| usize::try_from(most).ok());
    let documents: Vec<&Value> = list(raw("documents")).collect();
    let shows = raw("return_documents") == Some(&Value::Bool(true));
    let results = order
        .iter()
        .take(most.unwrap_or(order.len()))
        .map(|(index, score)| {
            let mut result = json!({"index": index, "relevance_score": score});
            if let Some(document) = documents.get(*index).filter(|_| shows) {
                result["document"] = match document {
                    Value::String(text) => json!({ "text": text }),
                    other => (*other).clone(),
                };
            }
            result
        });
    let tokens = request.input_tokens;
    json!({
        "id": id("rerank-"), "object": "list", "model": request.model, "results": results.collect::<Vec<_>>(),
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
    .to_string()
}
