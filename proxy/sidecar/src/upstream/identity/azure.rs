//! Entra's workload identity: the cluster's token is the client's assertion (Microsoft identity
//! platform, "client credentials flow with a federated credential").

use super::{
    client::{Client, read_file},
    credential::Issued,
    failure::Cause,
    token,
};
use crate::config::identity::Azure;

/// Gets a credential; an error comes with the step that failed.
pub(super) async fn issue(azure: &Azure) -> Result<Issued, (&'static str, Cause)> {
    let client = Client::new().map_err(super::SETUP)?;
    let assertion = read_file(&azure.file).await;
    let assertion = assertion.map_err(|cause| ("reading the token", cause))?;
    let failed = |cause| ("exchanging the token", cause);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", azure.client.as_str()),
        ("scope", azure.scope.as_str()),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", assertion.as_str()),
    ];
    let answer = client
        .post_form(&azure.url, &fields)
        .await
        .map_err(failed)?;
    token::read(&answer.success().map_err(failed)?).map_err(failed)
}
