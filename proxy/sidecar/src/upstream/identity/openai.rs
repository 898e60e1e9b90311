//! OpenAI's workload identity federation: a token exchange (RFC 8693) with the ids of the provider
//! and the service account beside the cluster's token ("Workload identity token exchange",
//! developers.openai.com).

use super::{
    client::{Client, read_file},
    credential::Issued,
    failure::Cause,
    token,
};
use crate::config::identity::Openai;

/// Gets a credential; an error comes with the step that failed.
pub(super) async fn issue(openai: &Openai) -> Result<Issued, (&'static str, Cause)> {
    let client = Client::new().map_err(super::SETUP)?;
    let subject = read_file(&openai.file).await;
    let subject = subject.map_err(|cause| ("reading the token", cause))?;
    let failed = |cause| ("exchanging the token", cause);
    let fields = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token", subject.as_str()),
        ("identity_provider_id", openai.provider.as_str()),
        ("service_account_id", openai.service_account.as_str()),
    ];
    let answer = client.post_json(&openai.url, &[], &fields).await;
    let body = answer.map_err(failed)?.success().map_err(failed)?;
    token::read(&body).map_err(failed)
}
