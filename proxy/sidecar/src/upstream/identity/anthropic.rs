//! Anthropic's workload identity federation: the cluster's token is an assertion (RFC 7523) that a
//! federation rule matches ("WIF reference", platform.claude.com).

use super::{
    client::{Client, read_file},
    credential::Issued,
    failure::Cause,
    token,
};
use crate::config::identity::Anthropic;

/// Beta that a request with such a token has to name.
const OAUTH: &str = "oauth-2025-04-20";
/// Betas of the exchange itself.
const EXCHANGE: &str = "oauth-2025-04-20,oidc-federation-2026-04-01";

/// Gets a credential; an error comes with the step that failed.
pub(super) async fn issue(anthropic: &Anthropic) -> Result<Issued, (&'static str, Cause)> {
    let client = Client::new().map_err(super::SETUP)?;
    let assertion = read_file(&anthropic.file).await;
    let assertion = assertion.map_err(|cause| ("reading the token", cause))?;
    let failed = |cause| ("exchanging the token", cause);
    let mut fields = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
        ("federation_rule_id", anthropic.federation_rule.as_str()),
        ("organization_id", anthropic.organization.as_str()),
        ("service_account_id", anthropic.service_account.as_str()),
    ];
    fields.extend(
        anthropic
            .workspace
            .as_deref()
            .map(|id| ("workspace_id", id)),
    );
    let headers = [("anthropic-beta", EXCHANGE)];
    let answer = client.post_json(&anthropic.url, &headers, &fields).await;
    let body = answer.map_err(failed)?.success().map_err(failed)?;
    Ok(token::read(&body).map_err(failed)?.with_beta(OAUTH))
}
