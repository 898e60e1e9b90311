//! A guard that reads passages and does not declare which: it must not load.
use outrigger_sdk::{Decision, Policy, Request, export_policy};

#[derive(serde::Deserialize)]
struct Undeclared {}

impl Policy for Undeclared {
    fn on_request(&mut self, request: &mut Request) -> Decision {
        let mut passages = request.passages();
        match passages.any(|passage| passage.text.contains("secret")) {
            true => Decision::refuse(403, "a secret"),
            false => Decision::Forward,
        }
    }
}
export_policy!(Undeclared);
