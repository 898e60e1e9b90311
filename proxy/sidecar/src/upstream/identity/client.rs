//! Requests for credentials: HTTP to the addresses that an identity's own documentation names.
//!
//! These are the only requests of Outrigger's own that may go to a link-local address, where clouds
//! have their metadata services; a policy's `fetch` never does ([`crate::upstream::side`]). Where
//! they go comes from the configuration and the environment, never from an exchange. Neither
//! redirects nor proxies are followed. A client lives for one credential: one is needed every hour
//! or so, and nothing of it outlives the worker that makes it.

use std::{path::Path, time::Duration};

use reqwest::{Request, Url};
use zeroize::Zeroizing;

use super::failure::Cause;
use crate::{config::io_words, upstream::connect::tls};

/// Longest time of one request.
pub(super) const STEP_TIME: Duration = Duration::from_secs(5);
/// Largest answer, and largest file, in bytes. Tokens are a few KiB.
pub(super) const LARGEST: usize = 64 << 10;

/// A client of one attempt to get a credential.
pub(super) struct Client(reqwest::Client);

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// It is none; with the code that the body names.
    pub(super) fn success(self) -> Result<Zeroizing<Vec<u8>>, Cause> {
        match self.status {
            200..=299 => Ok(self.body),
            status => Err(Cause::Status {
                status,
                code: code_of(&self.body),
            }),
        }
    }
}

impl Client {
    /// Makes a client.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub(super) fn new() -> Result<Self, Cause> {
        let tls = tls(None).map_err(|_| Cause::Setup)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(1)
            .build();
        client.map(Self).map_err(|_| Cause::Setup)
    }

    /// Gets `url`, with these headers.
    pub(super) async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, Cause> {
        self.send(reqwest::Method::GET, url, headers, Zeroizing::default())
            .await
    }

    /// Puts nothing to `url`, with these headers.
    pub(super) async fn put(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, Cause> {
        self.send(reqwest::Method::PUT, url, headers, Zeroizing::default())
            .await
    }

    /// Posts a form to `url`.
    pub(super) async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, Cause> {
        let mut body = Zeroizing::new(String::new());
        for (name, value) in fields {
            let separator = if body.is_empty() { "" } else { "&" };
            let value = Zeroizing::new(super::sigv4::encode(value, b""));
            body.extend([separator, name, "=", &value]);
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let body = Zeroizing::new(body.as_bytes().to_vec());
        self.send(reqwest::Method::POST, url, &form, body).await
    }

    /// Posts a JSON object of texts to `url`.
    pub(super) async fn post_json(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Result<Answer, Cause> {
        let object = crate::ordered::map(fields.iter().copied());
        let body = serde_json::to_vec(&object).map_err(|_| Cause::Setup)?;
        let headers = [&[("content-type", "application/json")], headers].concat();
        let method = reqwest::Method::POST;
        self.send(method, url, &headers, Zeroizing::new(body)).await
    }

    async fn send(
        &self,
        method: reqwest::Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Answer, Cause> {
        let url = Url::parse(url).map_err(|_| Cause::Setup)?;
        let port = url.port_or_known_default().unwrap_or_default();
        let host = format!("{}:{port}", url.host_str().unwrap_or_default());
        let mut request = self.0.request(method, url).body(body.to_vec());
        for (name, value) in headers {
            let mut value = reqwest::header::HeaderValue::from_str(value)
                .map_err(|_| Cause::Malformed { what: "token" })?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        let request = request.build().map_err(|_| Cause::Setup)?;
        let answered = tokio::time::timeout(STEP_TIME, self.receive(request, host));
        answered.await.unwrap_or(Err(Cause::Timeout(STEP_TIME)))
    }

    async fn receive(&self, request: Request, host: String) -> Result<Answer, Cause> {
        let connect = |_| Cause::Connect { host: host.clone() };
        let mut reply = self.0.execute(request).await.map_err(connect)?;
        let status = reply.status().as_u16();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = reply
            .chunk()
            .await
            .map_err(|_| Cause::Broken { host: host.clone() })?
        {
            if body.len() + chunk.len() > LARGEST {
                return Err(Cause::TooLarge { limit: LARGEST });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

/// Reads a file of text, without white space at its end: each time anew, as tokens are replaced.
///
/// # Errors
/// It can't be read, is empty, or is larger than [`LARGEST`].
pub(super) async fn read_file(path: &Path) -> Result<Zeroizing<String>, Cause> {
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let mut text = Zeroizing::new(String::new());
        let file = std::fs::File::open(owned)?;
        file.take(LARGEST as u64 + 1).read_to_string(&mut text)?;
        Ok::<_, std::io::Error>(text)
    });
    let failed = |reason: String| Cause::File {
        path: path.to_owned(),
        reason,
    };
    let text = read.await.map_err(|_| Cause::Abandoned)?;
    let text = text.map_err(|error| failed(io_words(&error)))?;
    if text.len() > LARGEST {
        return Err(Cause::TooLarge { limit: LARGEST });
    }
    match text.trim() {
        "" => Err(failed("it is empty".into())),
        trimmed => Ok(Zeroizing::new(trimmed.to_owned())),
    }
}

/// The code of an error's body: AWS's in XML or JSON, OAuth's. Only what looks like a code, so that
/// nothing else of an answer gets into a log.
fn code_of(body: &[u8]) -> Option<String> {
    let text = str::from_utf8(body).ok()?;
    let code = match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) => ["error", "code", "Code", "__type"]
            .into_iter()
            .find_map(|name| {
                let found = json.get(name)?;
                let inner = |name: &str| found.get(name).and_then(serde_json::Value::as_str);
                let text = found.as_str().or_else(|| inner("code"));
                Some(text.or_else(|| inner("type"))?.to_owned())
            })?,
        Err(_) => super::aws::element(text, "Code")?.to_owned(),
    };
    let is_code = code.len() <= 64
        && (code.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errors_code_is_read_and_nothing_else_of_it() {
        for (body, code) in [
            (
                r#"{"error":"invalid_grant","error_description":"canary"}"#,
                Some("invalid_grant"),
            ),
            (
                r#"{"type":"error","error":{"type":"authentication_error","message":"canary"}}"#,
                Some("authentication_error"),
            ),
            (
                r#"{"code":"AssumeRoleUnauthorizedAccess","message":"canary"}"#,
                Some("AssumeRoleUnauthorizedAccess"),
            ),
            (
                "<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>",
                Some("InvalidIdentityToken"),
            ),
            (r#"{"error":"token canary is bad"}"#, None),
            ("canary", None),
            ("", None),
        ] {
            assert_eq!(code_of(body.as_bytes()).as_deref(), code, "{body}");
        }
    }
}
