//! Keys, signed policies, and modules that differ only in their version.

use std::path::{Path, PathBuf};

use crate::sidecar::{policy, run_to_end};

/// A signer: `NAME.key` and `NAME.pub` in a folder.
pub struct Signer {
    /// The secret key's file.
    pub key: PathBuf,
    /// The public key's file.
    pub public: PathBuf,
    /// The public key's id, as messages show it.
    pub id: String,
}

impl Signer {
    /// Makes a pair.
    pub fn new(folder: &Path, name: &str) -> Self {
        let (code, output) = run_to_end(&["policy", "keygen", "--out", name], folder, &[]);
        assert_eq!(code, Some(0), "{output}");
        let id = output.split("is key ").nth(1).unwrap()[..16].to_owned();
        Self {
            key: folder.join(format!("{name}.key")),
            public: folder.join(format!("{name}.pub")),
            id,
        }
    }

    /// The signature of a module under a name, with these cases beside it.
    pub fn sign_with(&self, name: &str, module: &[u8], cases: Option<&str>) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let wasm = folder.path().join(format!("{name}.wasm"));
        std::fs::write(&wasm, module).unwrap();
        if let Some(cases) = cases {
            std::fs::write(folder.path().join(format!("{name}.cases.yaml")), cases).unwrap();
        }
        let key = self.key.display().to_string();
        let wasm = wasm.display().to_string();
        let arguments = ["policy", "sign", &wasm, "--key", &key, "--name", name];
        let (code, output) = run_to_end(&arguments, folder.path(), &[]);
        assert_eq!(code, Some(0), "{output}");
        std::fs::read(format!("{wasm}.sig")).unwrap()
    }

    /// The signature of a module under a name.
    pub fn sign(&self, name: &str, module: &[u8]) -> Vec<u8> {
        self.sign_with(name, module, None)
    }
}

/// The policy `probe` as a module that says another version of itself, `MAJOR.0.0`, and has another
/// hash for each `build`.
pub fn probe(major: u8, build: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(policy("probe")).unwrap();
    let own = env!("CARGO_PKG_VERSION").as_bytes();
    assert_eq!(own.len(), 5, "the workspace's version is of the form 1.2.3");
    let spots: Vec<usize> = (1..bytes.len() - own.len())
        // The contract's version, which may be the same, stands behind an `@`.
        .filter(|at| bytes[*at..].starts_with(own) && bytes[at - 1] != b'@')
        .collect();
    assert_eq!(spots.len(), 1, "the version stands in the module once");
    bytes[spots[0]..spots[0] + 5].copy_from_slice(format!("{major}.0.0").as_bytes());
    bytes.extend_from_slice(&[0, 5, 3, b'v', b'a', b'r', build]); // a custom section
    bytes
}
