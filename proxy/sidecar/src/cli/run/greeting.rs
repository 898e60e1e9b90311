//! The lines for the person at the terminal once everything serves.

use std::{io::Write, time::Duration};

use route::Family;
use tracing::info;

use crate::config::Config;

/// Tells where it listens and what to try. On standard error: standard output is the log's.
pub(super) fn greet(config: &Config, took: Duration) {
    let ready_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let policies = config.policies.chain.len();
    let forward_proxy = config.listen.forward_proxy.map(tracing::field::display);
    let transparent = &config.listen.transparent;
    info!(base_url = %config.base_url, forward_proxy, ?transparent, admin = %config.admin, workers = config.workers, policies, ready_ms, "serving");
    // A closed standard error is nobody who could read it.
    let _ = std::io::stderr().write_all(greeting(config).as_bytes());
}

fn greeting(config: &Config) -> String {
    let (base, admin) = (config.base_url, config.admin);
    let openai = config.upstream_of(Family::Openai);
    let alias = config
        .models
        .iter()
        .find(|(_, alias)| {
            let mut targets = alias.targets.iter();
            targets.any(|of| openai.is_some_and(|u| u.name == of.target.upstream))
        })
        .map(|(alias, _)| alias);
    let model = alias.map_or("gpt-5-mini", String::as_str);
    let try_it = match openai {
        Some(upstream) => {
            let key = if upstream.has_own_credentials()
                || matches!(upstream.kind, crate::config::Kind::Embedded)
            {
                ""
            } else {
                " -H \"authorization: Bearer $OPENAI_API_KEY\""
            };
            format!(
                "curl -N http://{base}/v1/chat/completions -H 'content-type: application/json'{key} -d '{{\"model\":\"{model}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Write to ana@example.com\"}}]}}'"
            )
        }
        None => format!("curl http://{admin}/readyz"),
    };
    format!(
        "\nOutrigger serves on http://{base} (apps: OPENAI_BASE_URL=http://{base}/v1, ANTHROPIC_BASE_URL=http://{base})\n\
         health, metrics and policies on http://{admin}\n\ntry:\n  {try_it}\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_has_a_line_to_try_that_fits_the_configuration() {
        let greeting = |yaml: &str| greeting(&crate::config::tests::read(yaml));
        let embedded = greeting("upstreams: { demo: { kind: embedded } }");
        assert!(embedded.contains("curl -N http://127.0.0.1:4141/v1/chat/completions"));
        assert!(!embedded.contains("OPENAI_API_KEY"));
        assert!(greeting("").contains("Bearer $OPENAI_API_KEY"));
        assert!(
            greeting("models: { fast: { targets: [openai/gpt-5] } }").contains(r#""model":"fast""#)
        );
        let one = "upstreams: { anthropic: { dialect: anthropic, url: 'http://a' } }";
        assert!(greeting(one).contains("curl http://127.0.0.1:4190/readyz"));
    }
}
