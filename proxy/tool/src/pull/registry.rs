//! Manifests and blobs from one repository of one registry. OCI distribution specification 1.1, the
//! pulling half.
//!
//! Nothing that comes is longer than it may be: a manifest is bounded, a blob has the size that the manifest says. Credentials go to the registry
//! and to the token server that it names, never along a redirect: blobs are often elsewhere, behind signed URLs.

use std::{fs::File, io::Write, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderValue, Method, StatusCode, header};
use reqwest::{Client, Response, Url};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    Error, Login, Reference,
    auth::{Challenge, Credentials},
    manifest::{ACCEPT, Entry, LARGEST},
};
use outrigger::{
    signing::{Digest, unhex},
    upstream::connect::tls,
};

/// Time until a connection with TLS is made.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest silence between bytes.
const SILENCE: Duration = Duration::from_secs(30);
/// Redirects in a row.
const REDIRECTS: usize = 5;
/// A token server's answer, in bytes.
const LARGEST_TOKEN: u64 = 64 << 10;

/// The client of one repository.
pub(super) struct Registry {
    client: Client,
    /// `https://HOST/v2/REPOSITORY/`.
    base: Url,
    /// The registry's name, as errors call it, and as credentials are looked up.
    name: String,
    repository: String,
    /// The tag or digest.
    asked: String,
    plain_http: bool,
    login: Login,
    /// The header that the last sign-in gave.
    authorization: Option<HeaderValue>,
}

impl Registry {
    /// Makes a client without connections.
    ///
    /// # Errors
    /// The roots can't be read.
    pub(super) fn new(
        reference: &Reference,
        plain_http: bool,
        roots: Option<&Path>,
        login: Login,
    ) -> Result<Self, Error> {
        let setup = |why: &dyn std::fmt::Display| Error::Setup(why.to_string());
        let client = Client::builder()
            .tls_backend_preconfigured(tls(roots).map_err(|why| setup(&why))?)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(5)) // rounds are further apart
            .user_agent(concat!("outrigger/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| setup(&"the client could not be set up"))?;
        let scheme = if plain_http { "http" } else { "https" };
        let (host, repository) = (reference.host(), &reference.repository);
        let base = Url::parse(&format!("{scheme}://{host}/v2/{repository}/"))
            .map_err(|_| setup(&"the registry's host can't be part of a URL"))?;
        Ok(Self {
            client,
            base,
            name: reference.registry.clone(),
            repository: repository.clone(),
            asked: reference.asked(),
            plain_http,
            login,
            authorization: None,
        })
    }

    /// Requests the digest that the tag points to, without the manifest. `None` if the registry
    /// does not say.
    pub(super) async fn head(&mut self) -> Result<Option<Digest>, Error> {
        let path = format!("manifests/{}", self.asked);
        let reply = match self.ask(Method::HEAD, &path).await {
            Ok(reply) => reply,
            Err(Error::Status {
                status: 405 | 501, ..
            }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let told = reply.headers().get("docker-content-digest");
        Ok(told
            .and_then(|value| value.to_str().ok()?.strip_prefix("sha256:"))
            .and_then(unhex))
    }

    /// Fetches the manifest.
    pub(super) async fn manifest(&mut self) -> Result<Vec<u8>, Error> {
        let path = format!("manifests/{}", self.asked);
        let reply = self.ask(Method::GET, &path).await?;
        bounded(reply, &self.name, "the manifest", LARGEST).await
    }

    /// Fetches a file into `path`, which is not there yet.
    pub(super) async fn blob(&mut self, entry: &Entry, path: &Path) -> Result<(), Error> {
        let digits = outrigger::signing::hex(&entry.digest);
        let mut reply = self
            .ask(Method::GET, &format!("blobs/sha256:{digits}"))
            .await?;
        let too_large = || Error::TooLarge {
            what: entry.name.clone(),
            most: entry.size,
        };
        if reply
            .content_length()
            .is_some_and(|length| length > entry.size)
        {
            return Err(too_large());
        }
        let mut file = File::create_new(path).map_err(Error::disk(path))?;
        let (mut hash, mut left) = (Sha256::new(), entry.size);
        while let Some(chunk) = reply.chunk().await.map_err(|e| Error::of(&self.name, &e))? {
            left = left.checked_sub(chunk.len() as u64).ok_or_else(too_large)?;
            hash.update(&chunk);
            file.write_all(&chunk).map_err(Error::disk(path))?;
        }
        if left > 0 {
            return Err(Error::TooShort {
                what: entry.name.clone(),
            });
        }
        let found: Digest = hash.finalize().into();
        if found != entry.digest {
            return Err(Error::Digest {
                what: entry.name.clone(),
                wanted: entry.digest,
                found,
            });
        }
        Ok(())
    }

    /// Sends a request; signs in where that is wanted and sends it again; follows redirects.
    async fn ask(&mut self, method: Method, path: &str) -> Result<Response, Error> {
        let url = self
            .base
            .join(path)
            .map_err(|_| Error::Redirect("that is no URL"))?;
        let mut reply = self.send(&method, url.clone(), true).await?;
        if reply.status() == StatusCode::UNAUTHORIZED {
            let known = self.sign_in(&reply).await?;
            reply = self.send(&method, url.clone(), true).await?;
            if matches!(reply.status().as_u16(), 401 | 403) {
                self.authorization = None;
                let host = self.name.clone();
                return Err(Error::Unauthorized { host, known });
            }
        }
        let mut at = url;
        for _ in 0..REDIRECTS {
            if !reply.status().is_redirection() {
                return self.checked(reply, path);
            }
            let to = reply.headers().get(header::LOCATION);
            let to = to
                .and_then(|to| at.join(to.to_str().ok()?).ok())
                .ok_or(Error::Redirect("does not say where"))?;
            self.may_go(&to)?;
            reply = self.send(&method, to.clone(), false).await?;
            at = to;
        }
        Err(Error::Redirect("each place sends on to another"))
    }

    async fn send(&self, method: &Method, url: Url, signed: bool) -> Result<Response, Error> {
        let mut request = self.client.request(method.clone(), url);
        if let Some(authorization) = self.authorization.as_ref().filter(|_| signed) {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        // Blobs don't care.
        let request = request.header(header::ACCEPT, ACCEPT);
        request.send().await.map_err(|e| Error::of(&self.name, &e))
    }

    fn checked(&self, reply: Response, path: &str) -> Result<Response, Error> {
        match reply.status() {
            StatusCode::OK => Ok(reply),
            status => Err(Error::Status {
                what: format!("{} {path}", self.repository),
                status: status.as_u16(),
            }),
        }
    }

    /// TLS is not left behind, and nobody is sent to another scheme.
    fn may_go(&self, to: &Url) -> Result<(), Error> {
        match to.scheme() {
            "https" => Ok(()),
            "http" if self.plain_http => Ok(()),
            "http" => Err(Error::Redirect("to plain http, which is not gone to")),
            _ => Err(Error::Redirect("to what is no web address")),
        }
    }

    /// Answers a 401's challenge. Returns whether credentials were sent.
    async fn sign_in(&mut self, reply: &Response) -> Result<bool, Error> {
        self.authorization = None;
        let headers = reply.headers().get_all(header::WWW_AUTHENTICATE);
        let challenge = Challenge::read(headers.iter().filter_map(|value| value.to_str().ok()))
            .ok_or_else(|| Error::Challenge("is neither `Basic` nor `Bearer`".into()))?;
        let login = self.login.for_registry(&self.name)?;
        let known = login.is_some();
        let host = self.name.clone();
        self.authorization = Some(match challenge {
            Challenge::Basic => match &login {
                Some(login) => basic(login)?,
                None => return Err(Error::Unauthorized { host, known }),
            },
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.repository));
                let mut url = Url::parse(&realm)
                    .map_err(|_| Error::Challenge("names no token server".into()))?;
                self.may_go(&url)?;
                url.query_pairs_mut().append_pair("scope", &scope);
                if let Some(service) = service {
                    url.query_pairs_mut().append_pair("service", &service);
                }
                self.token(url, login.as_ref()).await?
            }
        });
        Ok(known)
    }

    async fn token(&self, url: Url, login: Option<&Credentials>) -> Result<HeaderValue, Error> {
        let server = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.client.get(url);
        if let Some(login) = login {
            request = request.header(header::AUTHORIZATION, basic(login)?);
        }
        let reply = request.send().await.map_err(|e| Error::of(&server, &e))?;
        match reply.status().as_u16() {
            200 => {}
            401 | 403 => {
                let (host, known) = (server, login.is_some());
                return Err(Error::Unauthorized { host, known });
            }
            status => {
                let what = "a token".to_owned();
                return Err(Error::Status { what, status });
            }
        }
        let text = bounded(reply, &server, "a token", LARGEST_TOKEN).await?;
        let text = Zeroizing::new(text);
        let none = || Error::Challenge("ends without a token".into());
        let answer: serde_json::Value = serde_json::from_slice(&text).map_err(|_| none())?;
        let token = ["token", "access_token"]
            .into_iter()
            .find_map(|key| answer.get(key)?.as_str())
            .ok_or_else(none)?;
        secret(&Zeroizing::new(format!("Bearer {token}")))
    }
}

fn basic(login: &Credentials) -> Result<HeaderValue, Error> {
    let pair = Zeroizing::new(format!("{}:{}", login.user, &*login.password));
    secret(&Zeroizing::new(format!(
        "Basic {}",
        BASE64.encode(pair.as_bytes())
    )))
}

fn secret(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Error::Setup("the registry's credentials hold what no header can".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn bounded(mut reply: Response, host: &str, what: &str, most: u64) -> Result<Vec<u8>, Error> {
    let too_large = || Error::TooLarge {
        what: what.to_owned(),
        most,
    };
    if reply.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(|e| Error::of(host, &e))? {
        if (bytes.len() + chunk.len()) as u64 > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
