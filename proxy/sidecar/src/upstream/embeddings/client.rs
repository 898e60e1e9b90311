//! Sends the embedder's requests: over connections of its own, or to the embedded model.

use std::error::Error;

use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, Limited};
use sandbox::capabilities::Work;

use crate::{
    config::Upstream,
    upstream::{Connection, Inbound, Payload, Pool, SendError},
};

/// Most bytes of a reply: sixteen vectors of 4096 numbers, each of twenty letters.
const LARGEST: usize = 2 << 20;

/// The answer to a request.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Sends requests: a [`Pool`], or what a test puts in its place.
pub(super) trait Client: Send + Sync {
    /// Sends one request, and reads its reply; a failure is described without address and text.
    fn post<'a>(
        &'a self,
        upstream: &'a Upstream,
        head: Parts,
        body: Bytes,
    ) -> Work<'a, Result<Reply, String>>;
}

impl Client for Pool {
    fn post<'a>(
        &'a self,
        upstream: &'a Upstream,
        head: Parts,
        body: Bytes,
    ) -> Work<'a, Result<Reply, String>> {
        Work::later(async move {
            let mut over = Connection::Kept;
            let reply = loop {
                let request = Request::from_parts(head.clone(), Payload::Whole(body.clone()));
                match self.send(upstream, request, over).await {
                    Err(SendError::Stale(_)) if over == Connection::Kept => over = Connection::New,
                    sent => break sent.map_err(|error| error.to_string())?,
                }
            };
            read(reply).await
        })
    }
}

async fn read(reply: Response<Inbound>) -> Result<Reply, String> {
    let (head, body) = reply.into_parts();
    let body = Limited::new(body, LARGEST).collect().await;
    let body =
        body.map_err(|error: Box<dyn Error + Send + Sync>| match error
            .is::<http_body_util::LengthLimitError>(
        ) {
            true => format!("the reply is larger than {LARGEST} bytes"),
            false => "the reply broke off".to_owned(),
        })?;
    Ok(Reply {
        status: head.status,
        body: body.to_bytes(),
    })
}
