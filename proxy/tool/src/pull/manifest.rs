//! The content of an artifact. Pure: bytes in, a bounded list of files with harmless names out.
//!
//! Two forms are read: what `oras push` writes (a layer per file, its name in
//! `org.opencontainers.image.title`), and the wasm artifact of the CNCF's guidance (config
//! `application/vnd.wasm.config.v0+json`, one layer `application/wasm` that may have no name). What
//! a title says is a file's name and nothing else: one that could lead anywhere refuses the whole
//! artifact.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Error;
use outrigger::signing::{Digest, LARGEST as LARGEST_SIGNATURE, is_name, unhex};

/// No manifest is larger, in bytes.
pub(super) const LARGEST: u64 = 1 << 20;
/// A policy, in bytes: what the sidecar takes.
const LARGEST_MODULE: u64 = 128 << 20;
/// Cases, in bytes: what the sidecar takes.
const LARGEST_CASES: u64 = 8 << 20;
/// All files of an artifact together, in bytes.
const LARGEST_SET: u64 = 512 << 20;
/// Files of an artifact.
const MOST: usize = 256;

/// The media types of manifests that are accepted.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
const WASM: &str = "application/wasm";
const TITLE: &str = "org.opencontainers.image.title";
/// Set by `oras push` where a folder was given.
const UNPACK: &str = "io.deis.oras.content.unpack";

/// The files of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) files: Vec<Entry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// `NAME.wasm`, `NAME.wasm.sig` or `NAME.cases.yaml`.
    pub(super) name: String,
    /// `NAME`.
    pub(super) policy: String,
    pub(super) kind: Kind,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// The role of a file beside a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Module,
    Signature,
    Cases,
}

impl Kind {
    const fn largest(self) -> u64 {
        match self {
            Self::Module => LARGEST_MODULE,
            Self::Signature => LARGEST_SIGNATURE,
            Self::Cases => LARGEST_CASES,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    layers: Option<Vec<Layer>>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

impl Manifest {
    /// Reads one. `short` names a policy that has no title.
    ///
    /// # Errors
    /// It is none, holds no policy, or a file that may not be.
    pub(super) fn read(bytes: &[u8], short: &str) -> Result<Self, Error> {
        let written: Written = serde_json::from_slice(bytes)
            .map_err(|error| Error::Manifest(format!("its manifest can't be read: {error}")))?;
        if written.manifests.is_some() || written.media_type.contains("index") {
            return Err(Error::Manifest(
                "it is an index of several; push a single manifest, or name one by its digest"
                    .into(),
            ));
        }
        if written.schema_version != 2 {
            return Err(Error::Manifest(
                "its manifest is not of schema version 2; push it with a newer tool".into(),
            ));
        }
        let layers = written.layers.unwrap_or_default();
        if layers.len() > MOST {
            return Err(Error::Manifest(format!("it has more than {MOST} files")));
        }
        let mut files = Vec::new();
        let mut names = BTreeSet::new();
        for layer in &layers {
            let Some(entry) = layer.entry(short)? else {
                continue;
            };
            if !names.insert(entry.name.clone()) {
                return Err(Error::Manifest(format!("it holds `{}` twice", entry.name)));
            }
            files.push(entry);
        }
        if files.iter().map(|entry| entry.size).sum::<u64>() > LARGEST_SET {
            return Err(Error::TooLarge {
                what: "the artifact".into(),
                most: LARGEST_SET,
            });
        }
        // A set that would leave the directory empty is a mistake more often than an intention.
        if !files.iter().any(|entry| entry.kind == Kind::Module) {
            return Err(Error::Manifest(
                "it holds no NAME.wasm; push one with `oras push REFERENCE NAME.wasm:application/wasm`".into(),
            ));
        }
        Ok(Self { files })
    }
}

impl Layer {
    /// The file; none for what is no policy's and harmless.
    fn entry(&self, short: &str) -> Result<Option<Entry>, Error> {
        let note = |key: &str| self.annotations.as_ref()?.get(key).map(String::as_str);
        let name = match note(TITLE) {
            Some(title) => title.to_owned(),
            None if self.media_type == WASM => format!("{short}.wasm"),
            None => return Ok(None),
        };
        let shown: String = name.chars().take(80).collect();
        if name.contains(['/', '\\', '\0']) || name.starts_with('.') || name.len() > 128 {
            return Err(Error::Manifest(format!(
                "a file in it is titled {shown:?}, which is no plain file's name; push from the folder that holds the files"
            )));
        }
        let Some((policy, kind)) = kind_of(&name) else {
            tracing::debug!(title = %shown, "left out: no policy's file");
            return Ok(None);
        };
        if !is_name(policy) {
            return Err(Error::Manifest(format!(
                "no policy can be called as {shown:?} says; write up to 64 letters, digits, `-`, `_` or `.`"
            )));
        }
        if note(UNPACK) == Some("true")
            || self.media_type.ends_with("gzip")
            || self.media_type.ends_with("zstd")
        {
            return Err(Error::Manifest(format!(
                "{shown:?} is a packed folder; push the files themselves"
            )));
        }
        let digest = self
            .digest
            .strip_prefix("sha256:")
            .and_then(unhex)
            .ok_or_else(|| Error::Manifest(format!("{shown:?} has no sha256 digest")))?;
        if self.size > kind.largest() {
            return Err(Error::TooLarge {
                what: name,
                most: kind.largest(),
            });
        }
        Ok(Some(Entry {
            policy: policy.to_owned(),
            kind,
            digest,
            size: self.size,
            name,
        }))
    }
}

fn kind_of(name: &str) -> Option<(&str, Kind)> {
    [
        (".wasm", Kind::Module),
        (".wasm.sig", Kind::Signature),
        (".cases.yaml", Kind::Cases),
    ]
    .into_iter()
    .find_map(|(end, kind)| Some((name.strip_suffix(end)?, kind)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn layer(title: &str, kind: &str, size: u64) -> serde_json::Value {
        serde_json::json!({
            "mediaType": kind, "size": size, "digest": format!("sha256:{}", "ab".repeat(32)),
            "annotations": { TITLE: title },
        })
    }

    fn read(layers: &[serde_json::Value]) -> Result<Manifest, String> {
        let text = serde_json::json!({ "schemaVersion": 2, "layers": layers }).to_string();
        Manifest::read(text.as_bytes(), "short").map_err(|error| error.to_string())
    }

    #[test]
    fn what_oras_and_wasm_tools_push_is_read() {
        let manifest = read(&[
            layer("a.wasm", "application/wasm", 10),
            layer("a.wasm.sig", "application/vnd.oci.image.layer.v1.tar", 10),
            layer("a.cases.yaml", "text/yaml", 10),
            layer("README.md", "text/markdown", 10),
        ])
        .unwrap();
        let found: Vec<_> = manifest
            .files
            .iter()
            .map(|e| (e.name.as_str(), e.policy.as_str(), e.kind))
            .collect();
        assert_eq!(
            found,
            [
                ("a.wasm", "a", Kind::Module),
                ("a.wasm.sig", "a", Kind::Signature),
                ("a.cases.yaml", "a", Kind::Cases),
            ]
        );
        let mut bare = layer("x", WASM, 5);
        bare["annotations"] = serde_json::Value::Null;
        assert_eq!(read(&[bare]).unwrap().files[0].name, "short.wasm");
    }

    #[test]
    fn a_title_that_could_lead_anywhere_refuses_the_whole_artifact() {
        for title in [
            "../a.wasm",
            "/etc/a.wasm",
            "a/b.wasm",
            "..",
            ".a.wasm",
            "..data/a.wasm",
            "..data",
            "a\\b.wasm",
            "a\0.wasm",
            ".",
            "/",
            "a b.wasm",
            "ä.wasm",
            &format!("{}.wasm", "a".repeat(65)),
            ".wasm",
            ".wasm.sig",
        ] {
            let error = read(&[layer("good.wasm", WASM, 1), layer(title, WASM, 1)]).unwrap_err();
            assert!(error.contains("none for policies"), "{title}: {error}");
        }
    }

    #[test]
    fn what_is_too_large_twice_packed_empty_or_an_index_is_refused() {
        let wasm = |size| layer("a.wasm", WASM, size);
        let packed = layer("a.wasm", "application/vnd.oci.image.layer.v1.tar+gzip", 1);
        for (layers, says) in [
            (vec![], "holds no NAME.wasm"),
            (vec![layer("a.wasm.sig", "x", 1)], "holds no NAME.wasm"),
            (vec![wasm(1), wasm(1)], "`a.wasm` twice"),
            (vec![packed], "packed folder"),
            (vec![wasm(LARGEST_MODULE + 1)], "a.wasm is larger"),
            (vec![wasm(u64::MAX)], "a.wasm is larger"),
            (
                vec![wasm(1), layer("a.wasm.sig", "x", 5000)],
                "a.wasm.sig is larger",
            ),
            (
                (0..5)
                    .map(|n| layer(&format!("p{n}.wasm"), WASM, LARGEST_MODULE))
                    .collect(),
                "the artifact is larger",
            ),
            (
                (0..257)
                    .map(|n| layer(&format!("p{n}.wasm"), WASM, 1))
                    .collect(),
                "more than 256 files",
            ),
        ] {
            let error = read(&layers).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
        for (text, says) in [
            ("", "can't be read"),
            ("{}", "can't be read"),
            (r#"{"schemaVersion":1,"layers":[]}"#, "schema version 2"),
            (r#"{"schemaVersion":2,"manifests":[]}"#, "index of several"),
        ] {
            let error = Manifest::read(text.as_bytes(), "x")
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let mut md5 = wasm(1);
        md5["digest"] = "md5:00".into();
        assert!(read(&[md5]).unwrap_err().contains("no sha256 digest"));
    }
}
