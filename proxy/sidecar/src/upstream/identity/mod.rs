//! Identity of the pod: credentials that are no key in a configuration, but are issued for a while
//! to whoever runs here: by a cloud's metadata service, or for a token that the cluster mounts.
//!
//! [`Identity`] keeps one credential fresh ([`refresh`]). Each source is a file, and a row of
//! [`name`] and [`issue`]; it returns what was issued, or the step that failed. A [`Credential`]
//! puts itself on a request, as a header or as a signature ([`sigv4`]), which comes last of all and
//! is made anew for each attempt. Where requests for credentials go to: [`client`].

use std::sync::Arc;

use bytes::BytesMut;
use http::Request;
use http_body_util::{BodyExt, Limited};
use parking_lot::Mutex;

use super::{Payload, SendError};
use crate::config;

mod anthropic;
mod aws;
mod azure;
mod client;
mod credential;
mod failure;
mod gcp;
mod openai;
mod refresh;
pub mod sigv4;
#[cfg(test)]
mod tests;
mod token;

pub use credential::Credential;
pub use failure::{Cause, IdentityFailure};
pub use refresh::Identity;
use refresh::{Issuing, Outcome};

/// Largest body that is collected to be signed, in bytes, where it would pass as it comes.
const LARGEST_SIGNED: usize = 32 << 20;
/// Identities beyond which those that no worker uses are forgotten.
const MOST: usize = 64;

/// The identities of the process. They outlive generations: a reload fetches nothing anew.
#[derive(Clone, Default)]
pub struct Identities(Arc<Mutex<Vec<Known>>>);

/// An identity, and what it was configured as.
pub(super) type Known = (Arc<config::Identity>, Arc<Identity>);

impl Identities {
    /// Finds or makes the identity of a configuration.
    pub fn of(&self, wanted: &Arc<config::Identity>) -> Arc<Identity> {
        let mut known = self.0.lock();
        if let Some((_, identity)) = known.iter().find(|(config, _)| config == wanted) {
            return Arc::clone(identity);
        }
        if known.len() >= MOST {
            known.retain(|(_, identity)| Arc::strong_count(identity) > 1);
        }
        let identity = Arc::new(identity(wanted));
        known.push((Arc::clone(wanted), Arc::clone(&identity)));
        identity
    }
}

fn identity(config: &Arc<config::Identity>) -> Identity {
    let aws = match &**config {
        config::Identity::Aws(aws) => Some(aws.clone()),
        config::Identity::Gcp(_)
        | config::Identity::Azure(_)
        | config::Identity::Anthropic(_)
        | config::Identity::Openai(_) => None,
    };
    let of = Arc::clone(config);
    Identity::new(name(config), aws, move || -> Issuing {
        let config = Arc::clone(&of);
        Box::pin(async move { issue(&config).await })
    })
}

/// The source's name, with what it chose among its own, for logs.
const fn name(config: &config::Identity) -> &'static str {
    match config {
        config::Identity::Aws(aws) => aws::name(&aws.source),
        config::Identity::Gcp(gcp) => gcp::name(gcp),
        config::Identity::Azure(_)
        | config::Identity::Anthropic(_)
        | config::Identity::Openai(_) => config.name(),
    }
}

/// Gets a credential from its source.
async fn issue(config: &config::Identity) -> Outcome {
    match config {
        config::Identity::Aws(aws) => aws::issue(&aws.source).await,
        config::Identity::Gcp(gcp) => gcp::issue(gcp).await,
        config::Identity::Azure(azure) => azure::issue(azure).await,
        config::Identity::Anthropic(anthropic) => anthropic::issue(anthropic).await,
        config::Identity::Openai(openai) => openai::issue(openai).await,
    }
}

/// Reads a text that is wiped from memory when it is dropped.
fn wiped<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<zeroize::Zeroizing<String>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(zeroize::Zeroizing::new)
}

/// A client that can't be set up.
const SETUP: fn(Cause) -> (&'static str, Cause) = |cause| ("setting up", cause);

/// Puts an identity's credential on a request, without a wait; returns the request as it was where
/// there is something to wait for: a credential, or a body that has to be signed.
///
/// # Errors
/// The request can't be signed.
pub(super) fn authenticate_now(
    identity: &Arc<Identity>,
    mut request: Request<Payload>,
) -> Result<Result<Request<Payload>, Request<Payload>>, SendError> {
    let Some(credential) = identity.try_current() else {
        return Ok(Err(request));
    };
    match request.body() {
        Payload::Whole(bytes) => {
            let bytes = bytes.clone();
            request = apply(&credential, request, &bytes)?;
        }
        Payload::Stream(_) if credential.signs() => return Ok(Err(request)),
        Payload::Stream(_) => request = apply(&credential, request, b"")?,
    }
    Ok(Ok(request))
}

/// Puts an identity's credential on a request. A body that has to be signed is collected.
///
/// # Errors
/// There is no credential, or the body broke off or is too large to be signed.
pub(super) async fn authenticate(
    identity: &Arc<Identity>,
    request: Request<Payload>,
) -> Result<Request<Payload>, SendError> {
    let credential = identity.credential().await;
    let credential = credential.map_err(SendError::Credentials)?;
    let (head, body) = request.into_parts();
    let body = match body {
        Payload::Stream(stream) if credential.signs() => {
            let mut whole = BytesMut::new();
            let mut stream = Limited::new(stream, LARGEST_SIGNED);
            while let Some(frame) = stream.frame().await {
                if let Ok(data) = frame.map_err(SendError::Body)?.into_data() {
                    whole.extend_from_slice(&data);
                }
            }
            Payload::Whole(whole.freeze())
        }
        body => body,
    };
    let signed = match &body {
        Payload::Whole(bytes) => bytes.clone(),
        Payload::Stream(_) => bytes::Bytes::new(),
    };
    apply(&credential, Request::from_parts(head, body), &signed)
}

fn apply(
    credential: &Credential,
    request: Request<Payload>,
    body: &[u8],
) -> Result<Request<Payload>, SendError> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let (mut head, payload) = request.into_parts();
    let applied = credential.apply(&mut head, body, now.unwrap_or_default().as_secs());
    applied.map_err(|_| {
        SendError::Credentials(IdentityFailure {
            identity: "signature",
            step: "signing the request",
            cause: Cause::Setup,
        })
    })?;
    Ok(Request::from_parts(head, payload))
}
