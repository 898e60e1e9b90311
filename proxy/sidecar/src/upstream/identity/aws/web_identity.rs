//! IAM roles for service accounts: STS's `AssumeRoleWithWebIdentity`, which needs no signature.

use std::{path::Path, time::Duration};

use super::{
    super::{
        client::{Client, read_file},
        credential::Issued,
        failure::Cause,
    },
    element, keys_until, wall_now,
};

pub(super) async fn issue(
    client: &Client,
    file: &Path,
    role: &str,
    session: &str,
    url: &str,
) -> Result<Issued, (&'static str, Cause)> {
    let token = read_file(file)
        .await
        .map_err(|cause| ("reading the token", cause))?;
    let failed = |cause| ("assuming the role", cause);
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", &token),
    ];
    let answer = client.post_form(url, &fields).await.map_err(failed)?;
    let body = answer.success().map_err(failed)?;
    read(&body, wall_now()).map_err(failed)
}

/// Reads STS's answer, XML of which the four texts of `Credentials` are what is wanted.
fn read(body: &[u8], now: Duration) -> Result<Issued, Cause> {
    let malformed = |what| Cause::Malformed { what };
    let xml = str::from_utf8(body).map_err(|_| malformed("xml"))?;
    let part = |name, what| element(xml, name).ok_or(malformed(what));
    let id = part("AccessKeyId", "`AccessKeyId`")?;
    let secret = part("SecretAccessKey", "`SecretAccessKey`")?;
    let token = part("SessionToken", "`SessionToken`")?;
    let expiration = part("Expiration", "`Expiration`")?;
    keys_until(id, secret, Some(token), expiration, now)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_assumed_roles_keys_live_until_their_expiration() {
        let xml = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n\
             <AssumeRoleWithWebIdentityResult><Credentials><SessionToken>T+/=</SessionToken>\
             <SecretAccessKey>S</SecretAccessKey><Expiration>2026-11-30T01:00:00Z</Expiration>\
             <AccessKeyId>ASIA</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>\
             </AssumeRoleWithWebIdentityResponse>";
        let now = Duration::from_secs(1_795_996_800);
        let life = read(xml.as_bytes(), now).unwrap().life();
        assert_eq!(life, Some(Duration::from_secs(3600)));
        for name in [
            "AccessKeyId",
            "SecretAccessKey",
            "SessionToken",
            "Expiration",
        ] {
            let without = xml.replace(name, "Other");
            let cause = read(without.as_bytes(), now).err().unwrap();
            assert!(matches!(cause, Cause::Malformed { what } if what.contains(name)));
        }
    }
}
