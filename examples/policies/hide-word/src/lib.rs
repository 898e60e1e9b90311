//! hide-word: hides a word from the model, and shows it again in the reply.
//!
//! A policy's fields are its configuration, and each exchange works on a copy of its own.
use outrigger_sdk::{
    Decision, Delta, HoldBack, Hooks, Places, Policy, Refusal, ReplyHead, Request,
};
use outrigger_sdk::{beginning_of, export_policy};

/// The policy's `config:` in `outrigger.yaml`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HideWord {
    /// The word that the model must not see.
    hide: String,
    /// The text that it sees instead.
    show: String,
    /// The end of the reply, as long as it may be the beginning of `show`.
    #[serde(skip)]
    hold_back: HoldBack,
}

impl Policy for HideWord {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY);
    const READS: Places = Places::SYSTEM.union(Places::USER).union(Places::ASSISTANT);
    const REWRITES: Places = Places::ASSISTANT;

    fn on_request(&mut self, request: &mut Request) -> Decision {
        request.edit_passages(|passage| {
            passage
                .text
                .contains(&self.hide)
                .then(|| passage.text.replace(&self.hide, &self.show))
        });
        Decision::Forward
    }

    fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        for delta in deltas {
            self.hold_back
                .apply(delta, |text| beginning_of(text, &self.show));
            if delta.text().contains(&self.show) {
                delta.replace(delta.text().replace(&self.show, &self.hide));
            }
        }
        Ok(())
    }
}
export_policy!(HideWord);

#[cfg(test)]
mod tests {
    use outrigger_sdk::{Place, bench::Bench};
    use serde_json::json;

    use super::*;

    fn bench() -> Result<Bench<HideWord>, String> {
        Bench::new(json!({ "hide": "Apollo", "show": "<project>" }))
    }

    #[test]
    fn the_word_does_not_go_up() -> Result<(), String> {
        let sent = bench()?.request(Request::chat("gpt-5").user("How is Apollo?"));
        assert_eq!(sent.decision, Decision::Forward);
        let body = sent.request.body_json();
        assert_eq!(body["messages"][0]["content"], "How is <project>?");
        Ok(())
    }

    /// The bench cuts the reply at every position: a stream may.
    #[test]
    fn the_word_comes_back_however_the_reply_is_cut() -> Result<(), String> {
        let request = Request::chat("gpt-5").user("How is Apollo?");
        let reply = bench()?.reply(&request, Place::Assistant, "<project> is <pro> <project>");
        assert_eq!(reply, Ok("Apollo is <pro> Apollo".to_owned()));
        Ok(())
    }
}
