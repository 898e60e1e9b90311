//! EKS Pod Identity and ECS: an agent on the node gives out a role's keys for a token, whose file
//! is read anew each time, as it is replaced every few hours.

use super::{
    super::{
        client::{Client, read_file},
        credential::Issued,
        failure::Cause,
    },
    read_json, wall_now,
};
use crate::config::identity::Authorization;

pub(super) async fn issue(
    client: &Client,
    url: &str,
    authorization: Option<&Authorization>,
) -> Result<Issued, (&'static str, Cause)> {
    let token = match authorization {
        Some(Authorization::File(file)) => {
            let token = read_file(file).await;
            Some(token.map_err(|cause| ("reading the token", cause))?)
        }
        Some(Authorization::Text(token)) => Some(token.reveal().to_owned().into()),
        None => None,
    };
    let failed = |cause| ("asking the agent for keys", cause);
    let headers: Vec<_> = (token.iter())
        .map(|token| ("authorization", token.as_str()))
        .collect();
    let answer = client.get(url, &headers).await.map_err(failed)?;
    let body = answer.success().map_err(failed)?;
    read_json(&body, wall_now()).map_err(failed)
}
