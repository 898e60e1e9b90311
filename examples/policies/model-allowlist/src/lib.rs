//! Refuses a request whose model is not on the list.
use outrigger_sdk::{Decision, Policy, Request, export_policy};

/// The policy's `config:` in `outrigger.yaml`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelAllowlist {
    models: std::collections::BTreeSet<String>,
}

impl Policy for ModelAllowlist {
    fn on_request(&mut self, request: &mut Request) -> Decision {
        match request.model() {
            Some(m) if !self.models.contains(m) => {
                Decision::refuse(403, format!("`{m}` is not listed"))
            }
            _ => Decision::Forward,
        }
    }
}
export_policy!(ModelAllowlist);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_models_go_on() {
        let mut policy = ModelAllowlist {
            models: ["a".into()].into(),
        };
        assert_eq!(
            policy.on_request(&mut Request::chat("a")),
            Decision::Forward
        );
        assert_eq!(
            policy.on_request(&mut Request::chat("b")),
            Decision::refuse(403, "`b` is not listed")
        );
    }
}
