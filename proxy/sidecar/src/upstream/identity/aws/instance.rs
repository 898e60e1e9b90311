//! The instance's metadata service, version 2 alone: a session's token first, then the role's name,
//! then its keys. A request without the token (version 1) is never made.

use super::{
    super::{client::Client, credential::Issued, failure::Cause, sigv4::encode},
    read_json, wall_now,
};

/// Life of a session of this service, in seconds. It is used at once.
const SESSION: &str = "60";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

pub(super) async fn issue(client: &Client, url: &str) -> Result<Issued, (&'static str, Cause)> {
    let text = |body: &[u8], what| match str::from_utf8(body).map(str::trim) {
        Ok(text) if !text.is_empty() && text.len() <= 1024 => Ok(text.to_owned()),
        _ => Err(Cause::Malformed { what }),
    };
    let base = url.trim_end_matches('/');

    let failed = |cause| ("beginning a session of the metadata service", cause);
    let life = [("x-aws-ec2-metadata-token-ttl-seconds", SESSION)];
    let session = client.put(&format!("{base}/latest/api/token"), &life).await;
    let session = session.and_then(super::super::client::Answer::success);
    let session = session
        .and_then(|body| text(&body, "token"))
        .map_err(failed)?;
    let session = zeroize::Zeroizing::new(session);
    let headers = [("x-aws-ec2-metadata-token", session.as_str())];

    let failed = |cause| ("asking for the instance's role", cause);
    let role = client.get(&format!("{base}{ROLES}"), &headers).await;
    let role = role.and_then(super::super::client::Answer::success);
    let role = role.and_then(|body| text(&body, "role")).map_err(failed)?;
    let role = role.lines().next().unwrap_or_default();

    let failed = |cause| ("asking for the role's keys", cause);
    let url = format!("{base}{ROLES}{}", encode(role, b"+=,@"));
    let answer = client.get(&url, &headers).await.map_err(failed)?;
    let body = answer.success().map_err(failed)?;
    read_json(&body, wall_now()).map_err(failed)
}
