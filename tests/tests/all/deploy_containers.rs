//! The image, built as the Dockerfile's last stage builds it, in pods that `outrigger inject` made:
//! real containers, one network namespace, an app that knows of nothing.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use outrigger_tests::internet::Internet;
use outrigger_tests::kubelet::{IMAGE, Kubelet};
use outrigger_tests::netns::{PROVIDER, Pod, Side, output_of};
use outrigger_tests::sidecar::{TOOL, binary, policy};
use outrigger_tests::{Upstream, root};

/// A client that knows the provider's name alone, or the base URL that its SDK would take.
const APP: &str = r#"
import json, os, urllib.request
base = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
body = {"model": "m", "messages": [{"role": "user", "content": "mail ann@example.org"}]}
request = urllib.request.Request(base + "/chat/completions", json.dumps(body).encode(),
    {"content-type": "application/json", "authorization": "Bearer sk-app"})
with urllib.request.urlopen(request, timeout=20) as reply:
    print(json.loads(reply.read())["choices"][0]["message"]["content"])
"#;

/// Answers with the user's own words.
fn echo(seen: &serde_json::Value) -> Vec<u8> {
    let words = &seen["messages"][0]["content"];
    let body = serde_json::json!({
        "id": "c1", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": "stop"}]
    })
    .to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Puts what the Dockerfile's last stage copies into a folder, with a Containerfile that says what
/// that stage says, from nothing but the libraries that the programs link.
fn context(folder: &Path) {
    let out = folder.join("out");
    for name in ["policies", "functions", "cache"] {
        fs::create_dir_all(out.join(name)).unwrap();
    }
    fs::copy(policy("pii-redact"), out.join("policies/pii-redact.wasm")).unwrap();
    let sidecar = binary();
    let mut libraries = String::new();
    for program in [&sidecar, &sidecar.with_file_name(TOOL)] {
        let to = out.join(program.file_name().unwrap());
        // Symbols of a debug build are most of it, and would be copied four times.
        let stripped = Command::new("strip")
            .arg("-o")
            .arg(&to)
            .arg(program)
            .status();
        if !stripped.is_ok_and(|status| status.success()) {
            fs::copy(program, &to).unwrap();
        }
        let linked = Command::new("ldd").arg(program).output().unwrap();
        libraries += &String::from_utf8(linked.stdout).unwrap();
    }
    for path in libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        let to = folder.join("libraries").join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
    let dockerfile = fs::read_to_string(root().join("deploy/Dockerfile")).unwrap();
    let (_, last) = dockerfile.rsplit_once("\nFROM ").unwrap();
    let (_, last) = last.split_once('\n').unwrap();
    let own = last.replace("--from=build ", "").replace(" /out/", " out/");
    fs::write(
        folder.join("Containerfile"),
        format!("FROM scratch\nCOPY libraries /\n{own}"),
    )
    .unwrap();
}

/// A pod as its team writes it: an image, a command, and the folders that hold this machine's
/// Python.
fn manifest(mode: &str) -> String {
    let mounts = ["usr", "lib", "lib64"];
    let folders = mounts.map(|name| format!("  - {{name: {name}, hostPath: {{path: /{name}}}}}\n"));
    let inside =
        mounts.map(|name| format!("    - {{name: {name}, mountPath: /{name}, readOnly: true}}\n"));
    let script = APP.trim().replace('\n', "\n      ");
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {mode}}}\nspec:\n  hostAliases: [{{ip: {}, hostnames: [api.openai.com]}}]\n  containers:\n  - name: app\n    image: {IMAGE}\n    command: [/usr/bin/python3, -c]\n    args:\n    - |\n      {script}\n    securityContext: {{runAsUser: 1000, runAsGroup: 1000, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}\n    volumeMounts:\n{}  volumes:\n{}",
        PROVIDER[0],
        inside.concat(),
        folders.concat()
    )
}

fn injected(mode: &str) -> String {
    let mut child = Command::new(binary())
        .args(["inject", "--mode", mode, "--image", IMAGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), manifest(mode).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_app_that_knows_of_nothing_is_served_by_the_image_beside_it() {
    let Some(kubelet) = Kubelet::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    context(folder.path());
    if !kubelet.build(folder.path()) {
        return;
    }
    for mode in ["base-url", "transparent"] {
        let Some(pod) = Pod::start() else {
            return;
        };
        let internet = Internet::start();
        let provider =
            Upstream::start(|seen, _| vec![outrigger_tests::Step::Send(echo(&seen.json()))]);
        let https = pod.listen(Side::Internet, SocketAddr::new(PROVIDER[0], 443));
        internet.serve(https, &["api.openai.com"], provider.address);
        let maps = tempfile::tempdir().unwrap();
        let config = maps.path().join("outrigger");
        fs::create_dir(&config).unwrap();
        fs::write(config.join("roots.pem"), internet.roots()).unwrap();
        fs::write(config.join("outrigger.yaml"), "workers: 1\nlog: { format: json }\nlisten: { reach: [203.0.113.0/24] }\nupstreams:\n  openai: { dialect: openai, url: https://api.openai.com/v1, roots: /etc/outrigger/config/roots.pem }\npolicies:\n  directory: /usr/share/outrigger/policies\n  cache: /var/cache/outrigger\n  chain: [{ use: pii-redact, config: { detect: [email], mode: tokenize } }]\n").unwrap();

        let running = kubelet.pod(&pod, &injected(mode), maps.path());
        let (code, said) = output_of(&running.app());
        let log = running.log("outrigger");
        assert_eq!(
            (code, said.trim()),
            (Some(0), "mail ann@example.org"),
            "{mode}: {log}"
        );
        let seen = provider.last();
        assert_eq!(seen.path(), "/v1/chat/completions");
        assert!(
            !seen.json().to_string().contains("ann@example.org"),
            "{}",
            seen.json()
        );
        assert_eq!(seen.key(), "sk-app", "the app's own");

        // Nobody's account, no capability, no way to get one, a filter on system calls.
        for (line, is) in [
            ("Uid", "13370 13370 13370 13370"),
            ("CapEff", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
        ] {
            assert_eq!(running.status("outrigger", line), is, "{line}");
        }
        let (code, log) = running.end("outrigger");
        assert_eq!(code, "0", "{log}");
        assert!(!log.contains("ann@example.org"), "{log}");
    }
}
