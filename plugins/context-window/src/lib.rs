//! Keeps a conversation inside a budget of tokens: what is oldest goes, and what is left is a
//! conversation that every provider accepts.
//!
//! A request under its budget is not touched, not even read. One that is over it is shortened by
//! what loses nothing ([`compact`], notes for what is said twice), then cut ([`window`]). The app
//! sends the whole conversation in every turn and nothing is remembered here: the cut is a function
//! of the conversation, made so that it stays where it is while the conversation grows.

mod compact;
mod conversation;
mod weight;
mod window;

mod config;

use outrigger_sdk::{Decision, Policy, Refusal, Request, export_policy, metrics};

use config::{Config, WhenTooLong};
use window::{Plan, Window};

/// The policy: its configuration.
#[derive(Debug, serde::Deserialize)]
#[serde(try_from = "Config")]
pub struct ContextWindow(Config);

impl Policy for ContextWindow {
    fn on_request(&mut self, request: &mut Request) -> Decision {
        let Self(config) = self;
        let Some(budget) = config.budget(request.model()) else {
            return Decision::Forward;
        };
        // A count is of what there is, not of what would be sent.
        let path = request.path();
        let path = path.split('?').next().unwrap_or_default();
        if path.ends_with("/count_tokens") || path.ends_with("/input_tokens") {
            return Decision::Forward;
        }
        let total = request.input_tokens();
        if total <= budget {
            return Decision::Forward;
        }
        match shorten(request, &config.window(budget), total) {
            tokens if tokens > budget && config.when_too_long == WhenTooLong::Refuse => {
                let message = format!(
                    "the request has {tokens} tokens that can't be left out and may have {budget}: send a shorter message"
                );
                Refusal::new(400, message).code("context_too_long").into()
            }
            _ => Decision::Forward,
        }
    }
}
export_policy!(ContextWindow);

/// Makes the request fit; returns its tokens, which are more than the budget only where nothing
/// more can go.
fn shorten(request: &mut Request, window: &Window, total: u64) -> u64 {
    let Some(pointer) = conversation::pointer(request.dialect()) else {
        return total;
    };
    let Some(json) = request.parameter_json(pointer) else {
        return total;
    };
    // The request's weight without its messages gives theirs in the host's own measure.
    if request.set_parameter_json(pointer, "[]").is_err() {
        return total;
    }
    let plan = Plan::new(&json, *window, total.saturating_sub(request.input_tokens()));
    let (mut tokens, mut wrong, mut next) = (total, 0, plan.fit(total, 0));
    while let Some(fitted) = next {
        if request.set_parameter_json(pointer, &fitted.json).is_err() {
            break;
        }
        // The host has the last word: where it counts more, it takes a cut more.
        tokens = request.input_tokens();
        if tokens <= window.budget || fitted.least {
            metrics::count("shortened", u64::from(fitted.json != json));
            metrics::count("messages_dropped", fitted.dropped as u64);
            metrics::count("compactions_kept", fitted.compactions as u64);
            metrics::count("tokens_saved", total.saturating_sub(tokens));
            return tokens;
        }
        wrong += tokens.saturating_sub(fitted.tokens);
        next = plan.fit(total + wrong, fitted.cut + 1);
    }
    // Nothing could be done: as it was.
    let _ = request.set_parameter_json(pointer, &json);
    tokens
}

#[cfg(test)]
mod tests;
