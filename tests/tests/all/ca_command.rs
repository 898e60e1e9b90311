//! `outrigger ca`, as a person or an init container runs it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use outrigger_tests::sidecar::{self, run_to_end};

const HOST: [&str; 7] = [
    "ca",
    "--host",
    "api.openai.com",
    "--directory",
    "key",
    "--bundle",
    "apps",
];

fn ca(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    run_to_end(&[&HOST, more].concat(), folder, &[])
}

fn fingerprint(said: &str) -> String {
    said.lines()
        .find_map(|line| line.strip_prefix("fingerprint"))
        .unwrap_or_else(|| panic!("{said}"))
        .to_owned()
}

#[test]
fn ca_makes_it_once_and_then_tells_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = ca(folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "key/ca.key",
        "apps/ca.pem",
        "apps/bundle.pem",
        "apps/bundle.p12",
        "api.openai.com",
        "expires",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let key = fs::read(folder.path().join("key/ca.key")).unwrap();
    let (_, again) = ca(folder.path(), &[]);
    assert_eq!(fingerprint(&said), fingerprint(&again));
    assert_eq!(fs::read(folder.path().join("key/ca.key")).unwrap(), key);
    let (_, printed) = ca(folder.path(), &["--print"]);
    assert_eq!(
        printed,
        fs::read_to_string(folder.path().join("apps/ca.pem")).unwrap()
    );
    let roots = fs::read_to_string(folder.path().join("apps/bundle.pem")).unwrap();
    assert!(roots.starts_with(&printed) && roots.matches("BEGIN CERTIFICATE").count() > 100);
}

#[test]
fn ca_takes_hosts_and_places_from_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "upstreams:\n  a: { dialect: openai, url: 'https://llm.example.com/v1' }\nca: { directory: k, bundle: b }\n";
    fs::write(folder.path().join("o.yaml"), yaml).unwrap();
    let (code, said) = run_to_end(&["ca", "--config", "o.yaml"], folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("llm.example.com") && !said.contains("openai"));
    assert!(folder.path().join("b/ca.pem").is_file());
    // Another host in the configuration: another certificate, the same key.
    let key = fs::read(folder.path().join("k/ca.key")).unwrap();
    fs::write(
        folder.path().join("o.yaml"),
        yaml.replace("llm.example", "other.example"),
    )
    .unwrap();
    let (_, next) = run_to_end(&["ca", "--config", "o.yaml"], folder.path(), &[]);
    assert_ne!(fingerprint(&said), fingerprint(&next));
    assert_eq!(fs::read(folder.path().join("k/ca.key")).unwrap(), key);
}

#[test]
fn ca_env_is_read_by_a_shell_and_names_files_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("it's a place");
    fs::create_dir(&folder).unwrap();
    let (_, lines) = ca(&folder, &["--env"]);
    let shell = Command::new("sh")
        .args(["-c", &format!("{lines}exec env")])
        .env("JAVA_TOOL_OPTIONS", "-Dmine=1")
        .output()
        .unwrap();
    let environment = String::from_utf8(shell.stdout).unwrap();
    for name in [
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "AWS_CA_BUNDLE",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "NODE_EXTRA_CA_CERTS",
    ] {
        let line = environment
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")))
            .unwrap_or_else(|| panic!("{name}: {environment}"));
        let own = name == "NODE_EXTRA_CA_CERTS";
        let file = folder.join(if own {
            "apps/ca.pem"
        } else {
            "apps/bundle.pem"
        });
        assert_eq!((Path::new(line), file.is_file()), (&*file, true));
    }
    assert!(environment.contains("JAVA_TOOL_OPTIONS=-Dmine=1 -Djavax.net.ssl.trustStore="));
}

#[test]
fn many_processes_at_once_make_one_key_and_one_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let started: Vec<_> = (0..8)
        .map(|_| {
            let mut command = Command::new(sidecar::binary());
            command.args(HOST).current_dir(folder.path());
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let prints: BTreeSet<String> = started
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .map(|done| fingerprint(&String::from_utf8(done.stdout).unwrap()))
        .collect();
    assert_eq!(prints.len(), 1, "{prints:?}");
    let left = fs::read_dir(folder.path().join("key")).unwrap().count();
    assert_eq!(left, 1, "the key and nothing else");
}

#[test]
fn ca_killed_at_any_moment_leaves_what_the_next_one_goes_on_from_with_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key/ca.key");
    let mut seen = BTreeSet::new();
    for n in 0..40 {
        // Another host each time, so that there is always something to write.
        let mut command = Command::new(sidecar::binary());
        command
            .args(HOST)
            .args(["--host", &format!("h{n}.example")]);
        let mut child = command
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(n));
        child.kill().unwrap();
        child.wait().unwrap();
        seen.extend(fs::read(&key).ok());
    }
    let (code, said) = ca(folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    seen.insert(fs::read(&key).unwrap());
    assert_eq!(seen.len(), 1, "one key, whole whenever it was there");
    let left = fs::read_dir(folder.path().join("key")).unwrap().count();
    assert_eq!(left, 1, "the key and nothing else");
}

#[test]
fn ca_refuses_what_it_can_not_do_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    ca(folder.path(), &[]);
    let key = folder.path().join("key/ca.key");
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0").unwrap();
    for (arguments, code, said) in [
        (&HOST[..], 1, "ca.key holds no private key in PEM"),
        (&["ca", "--host", "10.0.0.1"], 2, "`10.0.0.1` is no host"),
        (
            &["ca", "--host", "a.com", "--directory", "d", "--bundle", "d"],
            2,
            "a directory each",
        ),
        (&["ca"], 2, "--config <FILE>"),
    ] {
        let (ended, output) = run_to_end(arguments, folder.path(), &[]);
        assert_eq!(ended, Some(code), "{output}");
        assert!(
            output.contains(said) && !output.contains("c2VjcmV0"),
            "{said}: {output}"
        );
        assert!(!output.contains("panicked"), "{output}");
    }
    assert!(fs::read_to_string(&key).unwrap().contains("c2VjcmV0"));
}

/// As the sidecar's user, on volumes that are another's.
#[test]
fn a_volume_that_the_sidecars_user_may_not_use_is_told_with_owner_and_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::metadata(folder.path()).unwrap().uid() == 0;
    if !root || Command::new("setpriv").arg("--version").output().is_err() {
        eprintln!("SKIPPED: needs root and setpriv; volumes of another user are not tried");
        return;
    }
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    open(folder.path());
    // The binary may lie where only root comes.
    let binary = sidecar::put_into(folder.path());
    let run = || -> Output {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "13370", "--regid", "13370", "--clear-groups"]);
        command.arg(&binary).args(HOST).current_dir(folder.path());
        command.output().unwrap()
    };
    let stderr = |done: &Output| String::from_utf8_lossy(&done.stderr).into_owned();

    // A volume that it may not write.
    let (key, apps) = (folder.path().join("key"), folder.path().join("apps"));
    fs::create_dir(&key).unwrap();
    let done = run();
    let said = stderr(&done);
    assert_eq!(done.status.code(), Some(1), "{said}");
    for part in [
        "can't make apps: permission is denied",
        "belongs to uid 0 and this process is uid 13370",
        "`outrigger-ca`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    fs::create_dir(&apps).unwrap();
    chown(&apps, Some(13370), None).unwrap();
    let said = stderr(&run());
    assert!(
        said.contains("can't write key/ca.key: permission is denied"),
        "{said}"
    );

    // A key that it may not read: as it was after the attempt.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(key.join("ca.key"), "another's").unwrap();
    fs::set_permissions(key.join("ca.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let said = stderr(&run());
    assert!(
        said.contains("can't read key/ca.key: permission is denied; it belongs to uid 0"),
        "{said}"
    );
    assert_eq!(fs::read(key.join("ca.key")).unwrap(), b"another's");

    // As Kubernetes mounts an emptyDir: root's, open to all.
    fs::remove_file(key.join("ca.key")).unwrap();
    let done = run();
    assert!(done.status.success(), "{}", stderr(&done));
    let facts = fs::metadata(key.join("ca.key")).unwrap();
    assert_eq!((facts.uid(), facts.mode() & 0o777), (13370, 0o600));
}
