//! `outrigger inject`, `uninject` and `webhook`, the binary as it is run: pipes, exit codes, golden
//! files, another YAML reader's opinion.
//!
//! `OUTRIGGER_BLESS=1` writes the golden files anew. `{version}` in them stands for the version of
//! the binary.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use outrigger_tests::sidecar::{binary, free_address};
use rustix::process::{Pid, Signal, kill_process};

/// Runs the binary with this on its standard input.
fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn right(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input.as_bytes());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn version() -> String {
    let said = right(&["--version"], "");
    said.trim().rsplit(' ').next().unwrap().to_owned()
}

/// The golden files: name, and the manifest that goes in.
fn golden() -> Vec<(PathBuf, String)> {
    let folder = outrigger_tests::root().join("tests/data/inject");
    let mut all: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(".in.yaml"))
        .collect();
    all.sort();
    assert!(all.len() >= 10, "{all:?}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    all.into_iter().map(read).collect()
}

#[test]
fn inject_writes_what_the_golden_files_hold() {
    let version = version();
    for (path, manifest) in golden() {
        let out = PathBuf::from(path.to_str().unwrap().replace(".in.yaml", ".out.yaml"));
        let said = right(&["inject"], &manifest).replace(&version, "{version}");
        if std::env::var_os("OUTRIGGER_BLESS").is_some() {
            fs::write(&out, &said).unwrap();
        }
        let expected = fs::read_to_string(&out).unwrap();
        assert_eq!(
            said,
            expected,
            "{}: OUTRIGGER_BLESS=1 writes it anew",
            out.display()
        );
    }
}

#[test]
fn inject_twice_is_once_and_uninject_gives_the_original() {
    for (path, manifest) in golden() {
        let once = right(&["inject"], &manifest);
        assert_eq!(
            right(&["inject", "-f", "-"], &once),
            once,
            "{}",
            path.display()
        );
        let back = right(&["uninject"], &once);
        assert_eq!(back, manifest, "{}", path.display());
    }
}

#[test]
fn what_inject_writes_validates_for_every_supported_kubernetes() {
    let folder = tempfile::tempdir().unwrap();
    let mut folders = Vec::new();
    for (path, manifest) in golden() {
        for mode in ["transparent", "forward-proxy", "base-url"] {
            // The namespace that one of them holds takes no other mode.
            if mode == "transparent" && path.ends_with("documents.in.yaml") {
                continue;
            }
            let injected = right(&["inject", "--mode", mode], &manifest);
            let restored = right(&["uninject"], &injected);
            let name = path.file_stem().unwrap().to_str().unwrap();
            let one = folder.path().join(format!("{name}-{mode}"));
            fs::create_dir(&one).unwrap();
            fs::write(one.join("injected.yaml"), injected).unwrap();
            fs::write(one.join("original.yaml"), &manifest).unwrap();
            fs::write(one.join("restored.yaml"), restored).unwrap();
            folders.push(one);
        }
    }
    let output = Command::new("python3")
        .arg(outrigger_tests::root().join("tests/clients/injected.py"))
        .args(folders)
        .env("PYTHONPATH", outrigger_tests::target().join("python"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    if said.contains("NOT VALIDATED") {
        eprintln!("{said}");
    }
}

#[test]
fn a_mistake_is_exit_code_2_and_not_a_byte_of_output() {
    let good = &golden()[0].1;
    let bad = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostNetwork: true, containers: [{name: a}]}\n";
    let stream = format!("{good}\n---\n{bad}");
    for (arguments, input, says) in [
        (&["inject"][..], stream.as_bytes(), "Pod/p (document"),
        (&["inject"], b"a: [", "document 1, line"),
        (&["inject"], b"\xff", "line 1 is not UTF-8"),
        (&["uninject"], b"a: 1", "is no Kubernetes object"),
        (
            &["inject", "-f", "/nowhere/a.yaml"],
            b"",
            "can't read /nowhere/a.yaml",
        ),
        (&["inject", "--mode", "x"], b"", "`x` is no mode"),
        (
            &["inject", "--config", "A B"],
            b"",
            "--config: `A B` is no name",
        ),
        (&["inject", "--policies", "oci://x"], b"", "is no reference"),
    ] {
        let output = run(arguments, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn what_is_left_as_it_was_is_named_and_is_exit_code_3() {
    let good = &golden()[0].1;
    let bad = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostNetwork: true, containers: [{name: a}]}\n";
    let stream = format!("{good}\n---\n{bad}");
    let output = run(&["inject", "--keep-going"], stream.as_bytes());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.starts_with("outrigger: left as it was: Pod/p (document ")
            && said.contains("hostNetwork"),
        "{said}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with(&format!("---\n{bad}")), "{text}");
    assert!(text.contains("outrigger.dev/injected"));
    assert_eq!(right(&["inject", "--skip", "Pod/p"], &stream), text);
}

#[test]
fn notes_go_to_standard_error_and_the_manifest_alone_to_standard_output() {
    let output = run(&["inject"], b"apiVersion: v1\nkind: Service\n");
    assert_eq!(output.stdout, b"apiVersion: v1\nkind: Service\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        said,
        "outrigger: note: no pod is in the manifest: nothing was injected\n"
    );
}

/// A certificate for localhost, by the `openssl` of the machine; none where it has none.
fn certificate(folder: &Path) -> Option<()> {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "tls.key",
            "-out",
            "tls.crt",
        ])
        .current_dir(folder)
        .output()
        .ok()?;
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    Some(())
}

#[test]
fn the_webhook_serves_until_it_is_told_to_end() {
    let folder = tempfile::tempdir().unwrap();
    if certificate(folder.path()).is_none() {
        eprintln!("NOT TESTED: the webhook's process, for want of openssl");
        return;
    }
    fs::write(
        folder.path().join("defaults.yaml"),
        "mode: base-url\nimage: here/outrigger:1\n",
    )
    .unwrap();
    let address = free_address();
    let mut webhook = Command::new(binary())
        .args([
            "webhook",
            "--listen",
            &address.to_string(),
            "--cert",
            "tls.crt",
            "--key",
            "tls.key",
        ])
        .args(["--config-defaults", "defaults.yaml", "--linger", "0"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let url = |path: &str| format!("https://localhost:{}{path}", address.port());
    let curl = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command
            .args(["-sS", "--cacert", "tls.crt", "--max-time", "10"])
            .args(arguments);
        command.current_dir(folder.path()).output().unwrap()
    };
    outrigger_tests::eventually("it is ready", || {
        curl(&["-f", &url("/readyz")]).status.success()
    });
    let review = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"7","kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"n","operation":"CREATE","object":{"metadata":{"name":"p"},"spec":{"containers":[{"name":"a"}]}}}}"#;
    let said = curl(&[
        "-H",
        "content-type: application/json",
        "-d",
        review,
        &url("/mutate?timeout=5s"),
    ]);
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(
        (&said["response"]["uid"], &said["response"]["allowed"]),
        (&"7".into(), &true.into())
    );
    assert_eq!(said["response"]["patchType"], "JSONPatch");
    kill_process(Pid::from_child(&webhook), Signal::TERM).unwrap();
    assert_eq!(webhook.wait().unwrap().code(), Some(0));
}

#[test]
fn a_webhook_without_a_usable_certificate_or_defaults_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("tls.crt"), "x").unwrap();
    fs::write(at("tls.key"), "x").unwrap();
    fs::write(at("bad.yaml"), "mod: x\n").unwrap();
    for (cert, more, code, says) in [
        ("none.crt", vec![], 1, "can't read"),
        ("tls.crt", vec![], 1, "tls.crt holds no certificate in PEM"),
        (
            "tls.crt",
            vec!["--config-defaults".to_owned(), at("bad.yaml")],
            2,
            "mod: not known; there are mode",
        ),
    ] {
        let (cert, key, address) = (at(cert), at("tls.key"), free_address().to_string());
        let mut arguments = vec![
            "webhook", "--listen", &address, "--cert", &cert, "--key", &key,
        ];
        arguments.extend(more.iter().map(String::as_str));
        let output = run(&arguments, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(says), "{says}: {said}");
    }
}
