//! `oci://REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST]`: what is pulled. Pure.

use std::{fmt, str::FromStr};

use super::Error;
use outrigger::signing::{Digest, hex, unhex};

/// One artifact of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `host` or `host:port`.
    pub registry: String,
    /// `team/policies`.
    pub repository: String,
    /// None where a digest alone is named.
    pub tag: Option<String>,
    /// The digest it is pinned to.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Returns the reference to request manifests by: the digest, where there is one, as the tag
    /// may have moved.
    pub(super) fn tag_or_digest(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("sha256:{}", hex(digest)),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// The repository's last part: a policy's name, where an artifact's only file has none.
    pub(super) fn short_name(&self) -> &str {
        self.repository
            .rsplit_once('/')
            .map_or(&self.repository, |(_, last)| last)
    }

    /// Host of the registry's API: Docker Hub's is not the one in its name.
    pub(super) fn host(&self) -> &str {
        match self.registry.as_str() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            host => host,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@sha256:{}", hex(digest)),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::Reference(format!(
                "`{text}` {why}; write `oci://REGISTRY/REPOSITORY:TAG` or `oci://REGISTRY/REPOSITORY@sha256:DIGEST`"
            ))
        };
        let rest = text
            .strip_prefix("oci://")
            .ok_or_else(|| wrong("does not begin with `oci://`"))?;
        let (rest, digest) = match rest.split_once('@') {
            None => (rest, None),
            Some((rest, digest)) => {
                let digits = digest.strip_prefix("sha256:");
                let digest = digits
                    .and_then(unhex)
                    .ok_or_else(|| wrong("has something behind `@` that is no sha256 digest"))?;
                (rest, Some(digest))
            }
        };
        let (registry, path) = rest
            .split_once('/')
            .ok_or_else(|| wrong("names no repository"))?;
        let authority: http::uri::Authority = registry
            .parse()
            .map_err(|_| wrong("names no registry's host"))?;
        if authority.host().is_empty() || registry.contains('@') || registry.ends_with(':') {
            return Err(wrong("names no registry's host"));
        }
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !repository.split('/').all(is_part) || repository.len() > 255 {
            return Err(wrong(
                "has a repository that no registry can have (lower-case letters, digits, `.`, `_`, `-`, parts between `/`)",
            ));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("has a tag that no registry can have"));
        }
        Ok(Self {
            registry: registry.to_ascii_lowercase(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

/// A part of a repository's name: what the distribution specification allows, and a little more,
/// but nothing that is no file's name.
fn is_part(part: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    part.bytes().all(|b| letter(b) || b"._-".contains(&b))
        && part.bytes().next().is_some_and(letter)
        && part.bytes().last().is_some_and(letter)
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b".-".contains(&b))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn references_read_and_write_as_they_are_written() {
        let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        for text in [
            "oci://registry.example/policies".to_owned(),
            "oci://registry.example:5000/team/policies:stable".to_owned(),
            format!("oci://127.0.0.1:5000/p@sha256:{digest}"),
            format!("oci://[::1]:5000/p:v1.2-3@sha256:{digest}"),
        ] {
            let read: Reference = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        let both: Reference = format!("oci://r.example/a/b:t@sha256:{digest}")
            .parse()
            .unwrap();
        assert_eq!(
            (both.tag_or_digest(), both.short_name()),
            (format!("sha256:{digest}"), "b")
        );
        let hub: Reference = "oci://docker.io/team/p".parse().unwrap();
        assert_eq!(
            (hub.host(), hub.tag_or_digest().as_str()),
            ("registry-1.docker.io", "latest")
        );
    }

    #[test]
    fn what_is_no_reference_is_refused_with_what_to_write() {
        for text in [
            "registry.example/policies:1",
            "https://registry.example/policies",
            "oci://registry.example",
            "oci:///policies",
            "oci://registry.example/",
            "oci://registry.example/a//b",
            "oci://registry.example/../b",
            "oci://registry.example/Team/p",
            "oci://user:word@registry.example/p",
            "oci://registry.example/p:",
            "oci://registry.example/p:a b",
            "oci://registry.example/p:.hidden",
            "oci://registry.example/p@sha256:12",
            "oci://registry.example/p@sha512:12",
            "oci://registry.example/p@",
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains("write `oci://"), "{text}: {error}");
        }
    }
}
