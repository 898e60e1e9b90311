//! Manifests and blobs from one repository of one registry. OCI distribution specification 1.1, the
//! pulling half.
//!
//! Nothing that comes is longer than it may be: a manifest is bounded, a blob has the size that the
//! manifest says. Credentials go to the registry and to the token server that it names, never along
//! a redirect: blobs are often elsewhere, behind signed URLs.

use std::{fs::File, io::Write, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderValue, Method, StatusCode, header};
use reqwest::{Client, Response, Url};
use ring::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::{
    Error, Login, Reference,
    auth::{Challenge, Credentials},
    finish,
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
    tag_or_digest: String,
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
            tag_or_digest: reference.tag_or_digest(),
            plain_http,
            login,
            authorization: None,
        })
    }

    /// Requests the digest that the tag points to, without the manifest. `None` if the registry
    /// does not say.
    pub(super) async fn head(&mut self) -> Result<Option<Digest>, Error> {
        let path = format!("manifests/{}", self.tag_or_digest);
        let reply = match self.fetch(Method::HEAD, &path).await {
            Ok(reply) => reply,
            Err(Error::Status {
                status: 405 | 501, ..
            }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let digest = reply.headers().get("docker-content-digest");
        Ok(digest
            .and_then(|value| value.to_str().ok()?.strip_prefix("sha256:"))
            .and_then(unhex))
    }

    /// Fetches the manifest.
    pub(super) async fn manifest(&mut self) -> Result<Vec<u8>, Error> {
        let path = format!("manifests/{}", self.tag_or_digest);
        let reply = self.fetch(Method::GET, &path).await?;
        let mut manifest = Vec::new();
        receive(reply, &self.name, "the manifest", LARGEST, |piece| {
            manifest.extend_from_slice(piece);
            Ok(())
        })
        .await?;
        Ok(manifest)
    }

    /// Fetches a file into `path`, which is not there yet.
    pub(super) async fn blob(&mut self, entry: &Entry, path: &Path) -> Result<(), Error> {
        let digits = outrigger::signing::hex(&entry.digest);
        let reply = self
            .fetch(Method::GET, &format!("blobs/sha256:{digits}"))
            .await?;
        let mut file = File::create_new(path).map_err(Error::disk(path))?;
        let mut hash = Context::new(&SHA256);
        let received = receive(reply, &self.name, &entry.name, entry.size, |piece| {
            hash.update(piece);
            file.write_all(piece).map_err(Error::disk(path))
        })
        .await?;
        if received < entry.size {
            return Err(Error::TooShort {
                what: entry.name.clone(),
            });
        }
        let found = finish(hash);
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
    async fn fetch(&mut self, method: Method, path: &str) -> Result<Response, Error> {
        let url = self
            .base
            .join(path)
            .map_err(|_| Error::Redirect("that is no URL"))?;
        let mut reply = self.send(&method, url.clone(), true).await?;
        if reply.status() == StatusCode::UNAUTHORIZED {
            let sent = self.sign_in(&reply).await?;
            reply = self.send(&method, url.clone(), true).await?;
            if matches!(reply.status().as_u16(), 401 | 403) {
                self.authorization = None;
                return Err(Error::unauthorized(self.name.clone(), sent));
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
            status => {
                let what = format!("{} {path}", self.repository);
                Err(Error::status(what, status.as_u16()))
            }
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
            .ok_or_else(|| Error::Challenge("is neither `Basic` nor `Bearer`"))?;
        let login = self.login.for_registry(&self.name)?;
        self.authorization = Some(match challenge {
            Challenge::Basic => match &login {
                Some(login) => basic(login)?,
                None => return Err(Error::unauthorized(self.name.clone(), false)),
            },
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.repository));
                let mut url =
                    Url::parse(&realm).map_err(|_| Error::Challenge("names no token server"))?;
                self.may_go(&url)?;
                url.query_pairs_mut().append_pair("scope", &scope);
                if let Some(service) = service {
                    url.query_pairs_mut().append_pair("service", &service);
                }
                self.token(url, login.as_ref()).await?
            }
        });
        Ok(login.is_some())
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
            401 | 403 => return Err(Error::unauthorized(server, login.is_some())),
            status => return Err(Error::status("a token".to_owned(), status)),
        }
        let mut text = Zeroizing::new(Vec::new());
        receive(reply, &server, "a token", LARGEST_TOKEN, |piece| {
            text.extend_from_slice(piece);
            Ok(())
        })
        .await?;
        let none = || Error::Challenge("ends without a token");
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

/// Passes a body's pieces on as they come, up to `most` bytes. Returns the number of bytes.
async fn receive(
    mut reply: Response,
    host: &str,
    what: &str,
    most: u64,
    mut pass_on: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<u64, Error> {
    let too_large = || Error::TooLarge {
        what: what.to_owned(),
        most,
    };
    if reply.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut received = 0;
    while let Some(piece) = reply.chunk().await.map_err(|e| Error::of(host, &e))? {
        received += piece.len() as u64;
        if received > most {
            return Err(too_large());
        }
        pass_on(&piece)?;
    }
    Ok(received)
}
