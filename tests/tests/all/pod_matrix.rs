//! Clients in each mode: the matrix of the README, tried. An exception that is documented there is
//! checked as well, so that the table is right in both directions.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use outrigger_tests::netns::{PROVIDER, PROXY, Pod, Side};
use outrigger_tests::{App, Sidecar};
use rustix::process::Signal;
use serde_json::Value;

const BASE: &str = "http://127.0.0.1:4141";
const PROXIED: &str = "http://127.0.0.1:4142";

/// A pod whose sidecar answers for three providers itself. None of them is in its internet: an
/// answer can only be the sidecar's.
struct Beside {
    pod: Pod,
    sidecar: Sidecar,
    bundle: PathBuf,
}

impl Beside {
    fn start() -> Option<Self> {
        let pod = Pod::start()?;
        for name in [
            "api.openai.com",
            "api.anthropic.com",
            "generativelanguage.googleapis.com",
        ] {
            pod.hosts(Side::Pod, &format!("{} {name}", PROVIDER[0]));
        }
        let [key, bundle] = ["key", "shared"].map(|name| pod.folder.path().join(name));
        for folder in [&key, &bundle] {
            std::fs::create_dir(folder).unwrap();
            std::os::unix::fs::chown(folder, Some(PROXY), Some(PROXY)).unwrap();
        }
        let config = format!(
            "listen:
  base_url: 127.0.0.1:4141
  forward_proxy: 127.0.0.1:4142
  transparent: [127.0.0.1:15001, \"[::1]:15006\"]
admin: 127.0.0.1:4190
log: {{ format: json }}
ca: {{ directory: {}, bundle: {} }}
upstreams:
  model: {{ kind: embedded, hosts: [api.openai.com, api.anthropic.com, generativelanguage.googleapis.com] }}
",
            key.display(),
            bundle.display()
        );
        let [base, admin] = [4141, 4190].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let sidecar = pod.sidecar(&config, base, admin);
        Some(Self {
            pod,
            sidecar,
            bundle,
        })
    }

    /// A client's process in the pod, with what the injector would set. Root's, as the clone may be
    /// in a folder that is root's alone; the rules know only the proxy's own user.
    fn client(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.pod.command(Side::Pod, 0, program.as_ref());
        let bundle = self.bundle.join("bundle.pem");
        for variable in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
            command.env(variable, &bundle);
        }
        command
            .env("NODE_EXTRA_CA_CERTS", self.bundle.join("ca.pem"))
            .env("NODE_USE_ENV_PROXY", "1")
            .env("PYTHONPATH", outrigger_tests::target().join("python"))
            .env("OUTRIGGER_NPM", outrigger_tests::target().join("npm"));
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(variable);
            command.env_remove(variable.to_lowercase());
        }
        command
    }

    /// Every client's outcome.
    fn outcomes(&self, base: Option<&str>, proxy: Option<&str>) -> Vec<(String, String)> {
        let clients = outrigger_tests::root().join("tests/clients");
        let mut python = self.client("python3");
        python.arg(clients.join("matrix.py"));
        let mut node = self.client("node");
        node.arg(clients.join("matrix.mjs"));
        let mut curl = self.client("curl");
        let url = format!(
            "{}/v1/chat/completions",
            base.unwrap_or("https://api.openai.com")
        );
        let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
        curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--max-time",
            "10",
            &url,
        ]);
        curl.args(["--header", "content-type: application/json", "--data", body]);
        for command in [&mut python, &mut node] {
            command.args(base);
        }
        let there = outrigger_tests::target()
            .join("npm/node_modules/openai")
            .exists();
        let running = [Some(python), there.then_some(node), Some(curl)].map(|command| {
            let mut command = command?;
            for variable in ["HTTPS_PROXY", "https_proxy"] {
                command.envs(proxy.map(|proxy| (variable, proxy)));
            }
            let piped = std::process::Stdio::piped;
            Some(command.stdout(piped()).stderr(piped()).spawn().unwrap())
        });
        if !there {
            eprintln!("NOT TESTED: clients in Node, which is not installed");
        }
        let said = running.map(|child| Some(child?.wait_with_output().unwrap()));
        let mut outcomes = Vec::new();
        for output in said.iter().take(2).flatten() {
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            let outcome: Value =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}{errors}"));
            let each = outcome.as_object().unwrap().iter();
            outcomes.extend(
                each.map(|(name, outcome)| (name.clone(), outcome.as_str().unwrap().into())),
            );
        }
        let curl = said[2].as_ref().unwrap();
        let finished =
            curl.status.success() && String::from_utf8_lossy(&curl.stdout).contains("[DONE]");
        let outcome = if finished {
            "ok".into()
        } else {
            String::from_utf8_lossy(&curl.stderr).into_owned()
        };
        outcomes.push(("curl".into(), outcome));
        outcomes
    }

    fn served(&self, mode: &str) -> f64 {
        let labels = [format!("mode=\"{mode}\"")];
        self.pod.inside(Side::Pod, 0, || {
            self.sidecar
                .metric("outrigger_connections_total", &[&labels[0]])
        })
    }
}

/// Clients that a mode leaves out; the README says so, and what to do.
fn exceptions(mode: &str) -> Vec<&'static str> {
    if mode != "forward_proxy" {
        return Vec::new();
    }
    // aiohttp reads the environment only with `trust_env`; Node does from version 24 on, by
    // NODE_USE_ENV_PROXY.
    let node = Command::new("node").arg("--version").output();
    let version = node.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|n| n.parse::<u32>().ok());
    match major {
        Some(24..) => vec!["aiohttp"],
        _ => vec!["aiohttp", "node_openai", "node_fetch"],
    }
}

#[test]
fn pod_every_client_works_in_every_mode_or_is_a_documented_exception() {
    let Some(beside) = Beside::start() else {
        return;
    };
    for (mode, base, proxy) in [
        ("base_url", Some(BASE), None),
        ("forward_proxy", None, Some(PROXIED)),
        ("transparent", None, None),
    ] {
        if mode == "transparent" {
            let (code, said) = beside.pod.rules(&["--install"]);
            assert_eq!(code, Some(0), "{said}");
        }
        let before = beside.served(mode);
        let exceptions = exceptions(mode);
        let outcomes = beside.outcomes(base, proxy);
        for (client, outcome) in &outcomes {
            let excepted = exceptions.contains(&client.as_str());
            assert_eq!(
                outcome == "ok",
                !excepted,
                "{client} by {mode}: {outcome}\n{outcomes:#?}"
            );
        }
        let least = outcomes.len() - exceptions.len();
        let connections = beside.served(mode) - before;
        assert!(
            connections >= least as f64,
            "{connections} connections came by {mode}"
        );
    }
}

#[test]
fn pod_clients_go_on_after_a_kill_because_the_ca_is_still_the_one_they_trust() {
    let Some(mut beside) = Beside::start() else {
        return;
    };
    let (code, said) = beside.pod.rules(&["--install"]);
    assert_eq!(code, Some(0), "{said}");
    let app = App::start(beside.client("python3"), &[]);
    app.goes_on(3, "before");
    let trusted = std::fs::read(beside.bundle.join("ca.pem")).unwrap();
    beside.sidecar.signal(Signal::KILL);
    beside.sidecar.wait();
    beside.pod.start_again(&mut beside.sidecar);
    app.goes_on(3, "after a kill");
    app.saw_nothing_but_lost_connections();
    let now = std::fs::read(beside.bundle.join("ca.pem")).unwrap();
    assert!(
        now == trusted,
        "the CA is still the one that was there before"
    );
}
