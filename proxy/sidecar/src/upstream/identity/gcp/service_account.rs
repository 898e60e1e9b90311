//! A service account's key: a JWT that it signs (RS256), exchanged for an access token (RFC 7523
//! §2.1; "Using OAuth 2.0 for Server to Server Applications").

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::{
    client::{Client, read_file},
    credential::Issued,
    failure::Cause,
    token,
};

/// Life of the JWT, in seconds: the longest that Google takes.
const LIFE: u64 = 3600;

/// The parts of the file that are wanted.
#[derive(Deserialize)]
struct Account {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key_id: Option<String>,
    #[serde(deserialize_with = "super::super::wiped")]
    private_key: Zeroizing<String>,
    token_uri: String,
}

pub(super) async fn issue(
    client: &Client,
    file: &Path,
    scope: &str,
) -> Result<Issued, (&'static str, Cause)> {
    let failed = |cause| ("reading the service account", cause);
    let text = read_file(file).await.map_err(failed)?;
    let account = read(&text).map_err(failed)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let assertion = assertion(&account, scope, now.unwrap_or_default());
    let assertion = assertion.map_err(|cause| ("signing for the service account", cause))?;
    let failed = |cause| ("exchanging the assertion", cause);
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
    ];
    let answer = client.post_form(&account.token_uri, &fields).await;
    let body = answer.and_then(super::super::client::Answer::success);
    token::read(&body.map_err(failed)?).map_err(failed)
}

fn read(text: &str) -> Result<Account, Cause> {
    let malformed = |what| Cause::Malformed { what };
    let account: Account = serde_json::from_str(text)
        .map_err(|_| malformed("`client_email`, `private_key` and `token_uri`"))?;
    if account.kind != "service_account" {
        return Err(malformed("`type` (only `service_account` is read)"));
    }
    // The assertion is as good as a key for an hour: it does not travel in clear, except on the
    // machine itself.
    let is_safe = account.token_uri.starts_with("https://")
        || account.token_uri.starts_with("http://127.0.0.1:");
    is_safe.then_some(account).ok_or(malformed("`token_uri`"))
}

/// The JWT that stands for the account at `now`, the time since the Unix epoch.
fn assertion(account: &Account, scope: &str, now: Duration) -> Result<Zeroizing<String>, Cause> {
    let malformed = || Cause::Malformed {
        what: "`private_key`",
    };
    let der = PrivatePkcs8KeyDer::from_pem_slice(account.private_key.as_bytes());
    let der = der.map_err(|_| malformed())?;
    let key = KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| malformed())?;
    let head = serde_json::json!({ "alg": "RS256", "typ": "JWT", "kid": account.private_key_id });
    let claims = serde_json::json!({
        "iss": account.client_email,
        "scope": scope,
        "aud": account.token_uri,
        "iat": now.as_secs(),
        "exp": now.as_secs() + LIFE,
    });
    let [head, claims] = [head, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = [head, claims].join(".");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .map_err(|_| malformed())?;
    let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
    Ok(Zeroizing::new([signed, signature].join(".")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
