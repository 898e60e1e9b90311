//! A policy that shows the end-to-end tests what texts are to the embedder: it answers with the
//! cosine of each line of the last message and its first.
use outrigger_sdk::{
    Decision, Hooks, Places, Policy, Request, abi::outrigger::policy::embeddings, export_policy,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Embeds {}

impl Policy for Embeds {
    const HOOKS: Hooks = Hooks::REQUEST;
    const READS: Places = Places::USER;

    fn on_request(&mut self, request: &mut Request) -> Decision {
        let text = request.last_user().text();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let embedder = embeddings::embedder().unwrap_or_else(|| "none".to_owned());
        let answer = match embeddings::embed(&lines) {
            Ok(ids) => {
                let vectors: Vec<Vec<f32>> = ids.into_iter().map(embeddings::vector).collect();
                let first = vectors.first().cloned().unwrap_or_default();
                let cosines = vectors.iter().map(|vector| cosine(&first, vector));
                let cosines: Vec<String> = cosines.map(|cosine| format!("{cosine:.3}")).collect();
                format!("{embedder} {} {}", first.len(), cosines.join(" "))
            }
            Err(embeddings::Error::Unavailable) => format!("{embedder} unavailable"),
            Err(embeddings::Error::Invalid(why)) => format!("{embedder} invalid: {why}"),
        };
        Decision::reply(answer)
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(x, y)| x * y).sum()
}

export_policy!(Embeds);
