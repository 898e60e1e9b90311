//! OCI registries: the real one of the package `docker-registry`, and a scripted one that lies as a
//! test wants.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use crate::{Seen, Step, Upstream, eventually, sidecar::free_address, wire};

/// The user of a registry that requires one.
pub const USER: &str = "puller";
/// The password of that user: a canary, which no output may show.
pub const PASSWORD: &str = "s3cret-canary";
/// The same, as htpasswd keeps it.
const HTPASSWD: &str = "puller:$2b$04$g90H3NSWvP7MK0Z.QrQgLuNz3kFpFSQgt8EJmlTVI9JvI/OBqn/Nu\n";

/// `sha256:HEX` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// Files as `oras push` makes a manifest of them.
#[derive(Debug, Clone, Default)]
pub struct Artifact {
    /// The manifest.
    pub manifest: Vec<u8>,
    /// Blobs by digest.
    pub blobs: BTreeMap<String, Vec<u8>>,
}

impl Artifact {
    /// Makes an artifact with these files.
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        let mut blobs: BTreeMap<String, Vec<u8>> = files
            .iter()
            .map(|(_, bytes)| (digest(bytes), bytes.to_vec()))
            .collect();
        blobs.insert(digest(b"{}"), b"{}".to_vec());
        let layers: Vec<_> = files
            .iter()
            .map(|(title, bytes)| {
                serde_json::json!({
                    "mediaType": "application/wasm", "digest": digest(bytes), "size": bytes.len(),
                    "annotations": { "org.opencontainers.image.title": title },
                })
            })
            .collect();
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": digest(b"{}"), "size": 2 },
            "layers": layers,
        });
        Self {
            manifest: manifest.to_string().into_bytes(),
            blobs,
        }
    }

    /// The manifest's digest.
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }
}

/// A running `docker-registry`; killed when it is dropped.
pub struct Registry {
    /// The address that it listens on.
    pub address: SocketAddr,
    _folder: tempfile::TempDir,
    child: Child,
}

impl Registry {
    /// Starts one that wants [`USER`] and [`PASSWORD`]. None, said loudly, where the package is not
    /// installed.
    pub fn start() -> Option<Self> {
        let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
        let at = folder.path().display();
        std::fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        let config = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {at}/data }} }}\nhttp: {{ addr: \"{address}\" }}\nauth: {{ htpasswd: {{ realm: tests, path: {at}/htpasswd }} }}\n"
        );
        std::fs::write(folder.path().join("config.yml"), config).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(folder.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            eprintln!("SKIPPED: no docker-registry; install that package, or run tests/setup.sh");
            return None;
        };
        let registry = Self {
            address,
            _folder: folder,
            child,
        };
        eventually("docker-registry answers", || {
            std::net::TcpStream::connect(address).is_ok()
        });
        Some(registry)
    }

    /// Pushes an artifact under a tag, as `oras push` does.
    pub fn push(&self, repository: &str, tag: &str, artifact: &Artifact) {
        for (digest, bytes) in &artifact.blobs {
            let begun = self.call("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
            assert_eq!(begun.status, 202, "{}", begun.text());
            let location = begun.header("location").unwrap();
            let path = &location[location.find("/v2/").unwrap()..];
            let path = format!("{path}&digest={digest}");
            let done = self.call("PUT", &path, "application/octet-stream", bytes);
            assert_eq!(done.status, 201, "{}", done.text());
        }
        let done = self.call(
            "PUT",
            &format!("/v2/{repository}/manifests/{tag}"),
            "application/vnd.oci.image.manifest.v1+json",
            &artifact.manifest,
        );
        assert_eq!(done.status, 201, "{}", done.text());
    }

    fn call(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> wire::Reply {
        // "puller:s3cret-canary"
        let headers = [
            "authorization: Basic cHVsbGVyOnMzY3JldC1jYW5hcnk=".to_owned(),
            format!("content-type: {kind}"),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        wire::call(self.address, &wire::request(method, path, &headers, body))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers instead of the scripted registry, where it has something to say.
type Lie = dyn Fn(&Seen) -> Option<Vec<Step>> + Send + Sync;

/// A registry that serves one artifact under every tag, and lies.
pub struct Scripted {
    /// The server that it is made of; [`Upstream::seen`] has the requests that came.
    pub server: Upstream,
    artifact: Arc<Mutex<Artifact>>,
    lie: Arc<Mutex<Arc<Lie>>>,
}

impl Scripted {
    /// Starts one.
    pub fn start(artifact: Artifact) -> Self {
        let artifact = Arc::new(Mutex::new(artifact));
        let lie: Arc<Mutex<Arc<Lie>>> = Arc::new(Mutex::new(Arc::new(|_| None)));
        let (shared, lies) = (Arc::clone(&artifact), Arc::clone(&lie));
        let server = Upstream::start(move |seen, _| {
            let lie = Arc::clone(&lies.lock().unwrap());
            lie(seen).unwrap_or_else(|| honest(seen, &shared.lock().unwrap()))
        });
        Self {
            server,
            artifact,
            lie,
        }
    }

    /// Moves every tag.
    pub fn serve(&self, artifact: Artifact) {
        *self.artifact.lock().unwrap() = artifact;
    }

    /// Lies from now on.
    pub fn lie(&self, lie: impl Fn(&Seen) -> Option<Vec<Step>> + Send + Sync + 'static) {
        *self.lie.lock().unwrap() = Arc::new(lie);
    }

    /// `oci://…/team/policies`, without tag.
    pub fn url(&self) -> String {
        format!("oci://{}/team/policies", self.server.address)
    }
}

fn honest(seen: &Seen, artifact: &Artifact) -> Vec<Step> {
    let name = seen.path().rsplit('/').next().unwrap_or_default();
    let found = match seen.path() {
        path if path.contains("/manifests/") => Some(&artifact.manifest),
        path if path.contains("/blobs/") => artifact.blobs.get(name),
        _ => None,
    };
    match found {
        Some(bytes) => answer(
            seen,
            "200 OK",
            &[&format!("docker-content-digest: {}", digest(bytes))],
            bytes,
        ),
        None => answer(seen, "404 Not Found", &[], b"{}"),
    }
}

/// One answer; without its body where only the head was requested.
pub fn answer(seen: &Seen, status: &str, headers: &[&str], body: &[u8]) -> Vec<Step> {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    if !seen.head.starts_with("HEAD ") {
        bytes.extend_from_slice(body);
    }
    vec![Step::Send(bytes)]
}
