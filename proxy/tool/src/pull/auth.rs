//! Authentication at a registry: anonymous, by name and password, or by a token that a token server
//! gives for either.
//!
//! Credentials are read anew for each sign-in, as a mounted secret may be rotated; they are wiped
//! when they were used.

use std::{fmt, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use zeroize::Zeroizing;

use super::Error;

/// Sources of credentials.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// A docker config.json, or a Secret of type `kubernetes.io/dockerconfigjson`.
    pub file: Option<PathBuf>,
    /// Credentials to use if the file has none for the registry.
    pub given: Option<Credentials>,
}

/// A name and a password.
#[derive(Clone)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The secret.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(credentials)")
    }
}

impl Login {
    /// Credentials for a registry, where there are any.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn for_registry(&self, registry: &str) -> Result<Option<Credentials>, Error> {
        let Some(path) = &self.file else {
            return Ok(self.given.clone());
        };
        let text = std::fs::read_to_string(path).map_err(Error::disk(path))?;
        let text = Zeroizing::new(text);
        let found = in_docker_config(&text, registry)
            .map_err(|why| Error::Setup(format!("{}: {why}", path.display())))?;
        Ok(found.or_else(|| self.given.clone()))
    }
}

/// The entry of a docker config.json. Never quotes it.
fn in_docker_config(text: &str, registry: &str) -> Result<Option<Credentials>, &'static str> {
    let file: serde_json::Value =
        serde_json::from_str(text).map_err(|_| "is no JSON; give a docker config.json")?;
    let Some(auths) = file.get("auths").and_then(serde_json::Value::as_object) else {
        return Err(
            "has no `auths`; write the registry's credentials there, as `docker login` does without a helper",
        );
    };
    // `https://registry/v1/` is how Docker once wrote it, and still writes its own.
    let host = |key: &str| {
        let key = key.strip_prefix("https://").unwrap_or(key);
        let key = key.strip_prefix("http://").unwrap_or(key);
        key.split('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let hub = ["docker.io", "index.docker.io", "registry-1.docker.io"];
    let same = |key: &str| {
        let key = host(key);
        key == registry || (hub.contains(&registry) && hub.contains(&key.as_str()))
    };
    let Some((_, entry)) = auths.iter().find(|(key, _)| same(key)) else {
        return Ok(None);
    };
    let word = |key: &str| entry.get(key).and_then(serde_json::Value::as_str);
    if let (Some(user), Some(password)) = (word("username"), word("password")) {
        return Ok(Some(Credentials {
            user: user.to_owned(),
            password: Zeroizing::new(password.to_owned()),
        }));
    }
    let Some(auth) = word("auth").filter(|auth| !auth.is_empty()) else {
        return Err(
            "names the registry without `auth`; write user and password there, as no helper and no identity token is used",
        );
    };
    let wrong = "has an `auth` that is no user and password in base64";
    let bytes = Zeroizing::new(BASE64.decode(auth).map_err(|_| wrong)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong)?;
    let (user, password) = text.split_once(':').ok_or(wrong)?;
    Ok(Some(Credentials {
        user: user.to_owned(),
        password: Zeroizing::new(password.to_owned()),
    }))
}

/// The scheme that a 401 demands. RFC 9110 §11.6.1; the token flow is the distribution project's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads the header `www-authenticate`; a token is preferred to a password.
    pub(super) fn read<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut basic = None;
        for header in headers {
            let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
            if scheme.eq_ignore_ascii_case("bearer") {
                let parameters = parameters(rest);
                let get = |key: &str| {
                    let mut all = parameters.iter();
                    let found = all.find(|(k, _)| k.eq_ignore_ascii_case(key));
                    found.map(|(_, value)| value.clone())
                };
                return Some(Self::Bearer {
                    realm: get("realm")?,
                    service: get("service"),
                    scope: get("scope"),
                });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            }
        }
        basic
    }
}

/// `key="value",key=value`; a comma may stand inside quotes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches([' ', ',']).to_owned();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((key, value.trim().to_owned()));
        rest = after;
    }
    found
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn challenges_of_real_registries_are_read() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        assert_eq!(
            Challenge::read([hub].into_iter()),
            Some(Challenge::Bearer {
                realm: "https://auth.docker.io/token".into(),
                service: Some("registry.docker.io".into()),
                scope: Some("repository:a/b:pull,push".into()),
            })
        );
        let both = [r#"Basic realm="x""#, r#"bearer realm=https://t.example/t"#];
        assert!(matches!(
            Challenge::read(both.into_iter()),
            Some(Challenge::Bearer { service: None, .. })
        ));
        assert_eq!(
            Challenge::read(["Basic realm=\"R\""].into_iter()),
            Some(Challenge::Basic)
        );
        for odd in [
            "",
            "Negotiate",
            "Bearer",
            "Bearer realm",
            "Bearer service=\"x",
        ] {
            assert_eq!(Challenge::read([odd].into_iter()), None, "{odd}");
        }
    }

    #[test]
    fn a_docker_config_is_read_in_each_of_its_forms_and_never_quoted() {
        let of = |text: &str, registry: &str| {
            in_docker_config(text, registry)
                .map(|found| found.map(|c| (c.user, c.password.to_string())))
        };
        let pair = |user: &str, word: &str| Ok(Some((user.to_owned(), word.to_owned())));
        // user:pa:ss
        let auth = r#"{"auths":{"r.example:5000":{"auth":"dXNlcjpwYTpzcw=="},"https://index.docker.io/v1/":{"username":"u","password":"w"}}}"#;
        assert_eq!(of(auth, "r.example:5000"), pair("user", "pa:ss"));
        assert_eq!(of(auth, "docker.io"), pair("u", "w"));
        assert_eq!(of(auth, "r.example"), Ok(None));
        for wrong in [
            "canary",
            r#"{"credsStore":"canary"}"#,
            r#"{"auths":{"r.example":{"auth":"canary!"}}}"#,
            r#"{"auths":{"r.example":{"auth":"Y2FuYXJ5"}}}"#,
            r#"{"auths":{"r.example":{"identitytoken":"canary"}}}"#,
        ] {
            let error = of(wrong, "r.example").unwrap_err();
            assert!(
                !error.contains("canary") && !error.contains("Y2FuYXJ5"),
                "{error}"
            );
        }
    }
}
