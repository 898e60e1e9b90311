//! Google's access tokens: of the metadata server, or for a service account's key.

mod service_account;

use super::{client::Client, credential::Issued, failure::Cause, token};
use crate::config::identity::Gcp;

/// The source's name, for logs.
pub(super) const fn name(source: &Gcp) -> &'static str {
    match source {
        Gcp::Metadata { .. } => "gcp/metadata",
        Gcp::ServiceAccount { .. } => "gcp/service_account",
    }
}

/// Gets a credential; an error comes with the step that failed.
pub(super) async fn issue(source: &Gcp) -> Result<Issued, (&'static str, Cause)> {
    let client = Client::new().map_err(super::SETUP)?;
    match source {
        Gcp::Metadata { url } => {
            let failed = |cause| ("asking the metadata server for a token", cause);
            let base = url.trim_end_matches('/');
            let url = format!("{base}/computeMetadata/v1/instance/service-accounts/default/token");
            let headers = [("metadata-flavor", "Google")];
            let answer = client.get(&url, &headers).await.map_err(failed)?;
            let body = answer.success().map_err(failed)?;
            token::read(&body).map_err(failed)
        }
        Gcp::ServiceAccount { file, scope } => service_account::issue(&client, file, scope).await,
    }
}
