//! The collector of traces: batches are posted to the one address that OpenTelemetry's variables
//! name. Neither redirects nor proxies are followed; one connection is kept.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use reqwest::Url;

use super::connect::{SetupError, tls};
use crate::{
    config::Traces,
    telemetry::trace::{Answer, Collector},
};

/// Most bytes of an answer that are read: a count, and a sentence that nobody reads.
const LARGEST: usize = 4 << 10;

/// A collector that speaks OTLP over HTTP.
pub struct OtlpCollector {
    client: reqwest::Client,
    url: Url,
}

/// The reason why there is no client of a collector.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// Its roots can't be used.
    #[error(transparent)]
    Roots(#[from] SetupError),
    /// The client could not be set up.
    #[error("the client of the collector could not be set up")]
    Client,
}

impl OtlpCollector {
    /// Makes a client, without a connection yet.
    ///
    /// # Errors
    /// TLS can't be set up, or the roots have gone since they were read.
    pub fn new(traces: &Traces) -> Result<Self, CollectorError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &traces.headers {
            let value = HeaderValue::from_str(value.reveal());
            let mut value = value.map_err(|_| CollectorError::Client)?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        headers.insert(header::CONTENT_TYPE, protobuf);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(traces.roots.as_deref().map(Path::new))?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("outrigger/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .pool_max_idle_per_host(1)
            .build();
        Ok(Self {
            client: client.map_err(|_| CollectorError::Client)?,
            url: Url::parse(&traces.endpoint).map_err(|_| CollectorError::Client)?,
        })
    }
}

impl Collector for OtlpCollector {
    async fn post(&self, batch: Bytes) -> Result<Answer, String> {
        let sending = self.client.post(self.url.clone()).body(batch).send();
        let mut reply = sending.await.map_err(|error| words(&error).to_owned())?;
        let status = reply.status().as_u16();
        let retry_after = reply.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        // What broke off says nothing; the status is there.
        while let Ok(Some(chunk)) = reply.chunk().await {
            if body.len() + chunk.len() > LARGEST {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            body: body.into(),
        })
    }
}

/// The kind of an error: its own text has the address in it.
fn words(error: &reqwest::Error) -> &'static str {
    match error {
        _ if error.is_connect() => "no connection to the collector",
        _ => "the collector gave no valid answer",
    }
}
