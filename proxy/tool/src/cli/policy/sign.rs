//! `outrigger policy keygen`, `sign` and `verify`. Nothing that a secret key consists of is
//! printed.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use semver::Version;
use zeroize::Zeroizing;

use outrigger::signing::{
    Beside, Digest, LARGEST, PublicKey, SecretKey, Statement, Subject, Trust, digest, hex,
};

use super::replace;

/// No key's file is larger, in bytes.
const LARGEST_KEY: u64 = 16 << 10;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Keygen {
    /// Writes NAME.key and NAME.pub; neither may be there yet.
    #[arg(long, value_name = "NAME")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Sign {
    /// The policy.
    wasm: PathBuf,
    /// The secret key: what `keygen` wrote, or another Ed25519 key in PKCS#8 PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The name that is signed. Default: the policy's own, which must be the file's.
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Verify {
    /// The policy; its signature stands beside it as FILE.wasm.sig.
    wasm: PathBuf,
    /// A public key's file, or `ed25519:…` itself. May be given several times: one of them must
    /// have signed.
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<String>,
}

pub(super) fn keygen(arguments: &Keygen) -> Result<String, String> {
    let (secret_path, public_path) = (
        with_suffix(&arguments.out, "key"),
        with_suffix(&arguments.out, "pub"),
    );
    if let Some(there) = [&secret_path, &public_path]
        .into_iter()
        .find(|p| p.exists())
    {
        return Err(format!(
            "{} is there already, and a key is never written over; choose another name",
            there.display()
        ));
    }
    let (key, pem) = SecretKey::generate().map_err(|why| format!("the key {why}"))?;
    let public = key.public();
    create(&secret_path, pem.as_bytes(), 0o600)?;
    create(&public_path, format!("{public}\n").as_bytes(), 0o644)?;
    Ok(format!(
        "{} signs; keep it where only signing can read it\n{} is key {}: under `policies.signers` write `{public}`",
        secret_path.display(),
        public_path.display(),
        public.id(),
    ))
}

pub(super) fn sign(arguments: &Sign) -> Result<String, String> {
    let path = &arguments.wasm;
    let stem = stem(path)?;
    let text = Zeroizing::new(read_text(&arguments.key)?);
    let key = SecretKey::from_pem(&text).map_err(|why| at(&arguments.key, why))?;
    let bytes = fs::read(path).map_err(|error| at(path, error))?;
    let (own, version) = sandbox::introduced(&bytes).map_err(|error| at(path, error))?;
    let name = arguments.name.as_ref().unwrap_or(&own);
    if *name != stem {
        return Err(format!(
            "{}: would be signed as `{name}` and is named `{stem}`, and a signed policy serves under the signed name only; rename it {name}.wasm, or give `--name {stem}`",
            path.display()
        ));
    }
    let version = Version::parse(&version).map_err(|_| {
        format!(
            "{}: says that it is version `{version}`, which can't be compared; write one like 1.2.0 in its Cargo.toml",
            path.display()
        )
    })?;
    let cases = cases_of(path)?;
    let statement = Statement {
        policy: name.clone(),
        version: version.clone(),
        sha256: digest(&bytes),
        cases,
    };
    let with = if cases.is_some() {
        " with its cases"
    } else {
        ""
    };
    let (sha256, id) = (hex(&statement.sha256), key.public().id());
    let signature = statement.sign(&key).to_string();
    let out = signature_path(path);
    replace(&out, signature.as_bytes())?;
    Ok(format!(
        "{}: {name} {version}{with}, sha256 {sha256}, signed by key {id}",
        out.display()
    ))
}

pub(super) fn verify(arguments: &Verify) -> Result<String, String> {
    let path = &arguments.wasm;
    let name = stem(path)?;
    let trust = Trust {
        signers: keys(&arguments.keys)?,
        require: true,
        rollback_guard: false,
    };
    let bytes = fs::read(path).map_err(|error| at(path, error))?;
    let sha256 = digest(&bytes);
    let signature = read_signature(&signature_path(path));
    let cases = cases_of(path)?;
    let judged = trust.judge(&Subject {
        name: &name,
        sha256: &sha256,
        cases: cases.as_ref(),
        signature: &signature,
        pin: None,
    });
    match judged {
        Ok(Some(verified)) => Ok(format!(
            "{}: {name} {}, sha256 {}, signed by key {}",
            path.display(),
            verified.version,
            hex(&sha256),
            verified.key
        )),
        Ok(None) => Err(at(path, "is not signed")), // signatures are required: never
        Err(why) => Err(at(path, why)),
    }
}

/// Public keys of files, or written out.
pub(in crate::cli) fn keys(written: &[String]) -> Result<Vec<PublicKey>, String> {
    let mut keys = Vec::new();
    for text in written {
        if text.starts_with("ed25519:") {
            keys.push(PublicKey::parse(text).map_err(|why| format!("--key {why}"))?);
        } else {
            let path = Path::new(text);
            let text = Zeroizing::new(read_text(path)?);
            keys.extend(PublicKey::parse_all(&text).map_err(|why| at(path, why))?);
        }
    }
    Ok(keys)
}

fn at(path: &Path, why: impl std::fmt::Display) -> String {
    format!("{}: {why}", path.display())
}

/// `NAME` of `…/NAME.wasm`.
fn stem(path: &Path) -> Result<String, String> {
    let name = path.file_name().and_then(|name| name.to_str());
    match name.and_then(|name| name.strip_suffix(".wasm")) {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(at(path, "is not named NAME.wasm, as a policy must be")),
    }
}

/// `NAME.key` of `NAME`; a dot in the name is the name's.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(suffix);
    path.into()
}

fn signature_path(module: &Path) -> PathBuf {
    with_suffix(module, "sig")
}

fn read_signature(path: &Path) -> Beside {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|f| f.take(LARGEST + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => Beside::File(bytes.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Beside::Nothing,
        Err(error) => Beside::Unusable(format!("can't be read: {error}")),
    }
}

/// The digest of `NAME.cases.yaml`, where it stands beside the module.
fn cases_of(module: &Path) -> Result<Option<Digest>, String> {
    let path = module.with_extension("cases.yaml");
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(digest(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(&path, error)),
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST_KEY).read_to_string(&mut text))
        .map_err(|error| at(path, error))?;
    Ok(text)
}

/// Writes a file that is not there yet.
fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| at(path, error))
}
