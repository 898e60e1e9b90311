//! Signed policies: what must not serve does not, at start and at a reload, and what is refused
//! leaves the former module in force.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::sidecar::run_to_end;
use outrigger_tests::signing::{Signer, probe};
use outrigger_tests::{Sidecar, Upstream, eventually, registry, wire};

/// A folder with keys, a policy directory and a cache of its own.
struct Place {
    folder: tempfile::TempDir,
    team: Signer,
    upstream: Upstream,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        let team = Signer::new(folder.path(), "team");
        let upstream = Upstream::always(replies::json_body(&Api::Chat.whole("Hello")));
        Self {
            folder,
            team,
            upstream,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("policies").join(name)
    }

    /// Replaces a file by a rename.
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(".new"), bytes).unwrap();
        std::fs::rename(self.path(".new"), self.path(name)).unwrap();
    }

    fn put_signed(&self, module: &[u8]) {
        self.put("probe.wasm.sig", self.team.sign("probe", module));
        self.put("probe.wasm", module);
    }

    /// The configuration, with more in the chain's entry and in `policies`.
    fn config(&self, entry: &str, policies: &str) -> String {
        let at = self.folder.path().display();
        let origin = self.upstream.address;
        format!(
            "workers: 1\nupstreams:\n  openai: {{ dialect: openai, url: \"http://{origin}/v1\" }}\npolicies:\n  directory: {at}/policies\n  cache: {at}/cache\n  signers: [\"file:{at}/team.pub\"]\n{policies}  chain: [{{ \"use\": probe, config: {{ upper: true }}{entry} }}]\n"
        )
    }

    /// Runs `run` and `check` to their end: both must refuse, with the same words.
    fn refused(&self, config: &str, words: &[&str]) {
        let file = self.folder.path().join("outrigger.yaml");
        let listen = "listen: { base_url: \"127.0.0.1:0\" }\nadmin: \"127.0.0.1:0\"\n";
        std::fs::write(&file, format!("{listen}{config}")).unwrap();
        for command in ["check", "run"] {
            let arguments = [command, "--config", "outrigger.yaml"];
            let (code, output) = run_to_end(&arguments, self.folder.path(), &[]);
            assert_eq!(code, Some(2), "{command}: {output}");
            for word in words {
                assert!(
                    output.contains(word),
                    "{command} does not say `{word}`: {output}"
                );
            }
        }
    }

    fn start(&self, entry: &str) -> Sidecar {
        Sidecar::start(&self.config(entry, ""))
    }
}

fn policies(sidecar: &Sidecar) -> serde_json::Value {
    wire::get(sidecar.admin, "/policies").json()[0].clone()
}

fn serves(sidecar: &Sidecar) {
    let reply = sidecar.post(
        Api::Chat.path(),
        Api::Chat.ask("m", "hi", false).to_string(),
    );
    assert!(
        reply.status == 200 && reply.text().contains("HELLO"),
        "{}",
        reply.text()
    );
}

fn sha256(path: &Path) -> String {
    registry::digest(&std::fs::read(path).unwrap())[7..].to_owned()
}

#[test]
fn signed_keys_signatures_and_verdicts_on_the_command_line() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let at = place.folder.path();
    let secret = std::fs::read_to_string(&place.team.key).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    assert_eq!(
        place.team.key.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let run = |arguments: &[&str]| {
        let (code, output) = run_to_end(arguments, at, &[]);
        assert!(!output.contains(secret), "the key is told: {output}");
        (code, output)
    };
    let (code, output) = run(&["policy", "keygen", "--out", "team"]);
    assert!(
        code == Some(2) && output.contains("never written over"),
        "{output}"
    );

    let module = probe(1, 0);
    std::fs::write(at.join("probe.wasm"), &module).unwrap();
    std::fs::write(at.join("other.wasm"), &module).unwrap();
    let (code, output) = run(&["policy", "sign", "other.wasm", "--key", "team.key"]);
    assert!(
        code == Some(2) && output.contains("named `other`") && output.contains("--name other"),
        "{output}"
    );
    let (code, output) = run(&["policy", "sign", "probe.wasm", "--key", "team.pub"]);
    assert!(
        code == Some(2) && output.contains("no Ed25519 key"),
        "{output}"
    );
    let (code, output) = run(&["policy", "sign", "probe.wasm", "--key", "team.key"]);
    assert!(
        code == Some(0) && output.contains("probe 1.0.0") && output.contains(&place.team.id),
        "{output}"
    );

    let stranger = Signer::new(at, "stranger");
    let verify = |keys: &[&str]| {
        let mut arguments = vec!["policy", "verify", "probe.wasm"];
        keys.iter().for_each(|key| arguments.extend(["--key", key]));
        run(&arguments)
    };
    assert_eq!(verify(&["team.pub"]).0, Some(0));
    assert_eq!(verify(&["stranger.pub", "team.pub"]).0, Some(0));
    let (code, output) = verify(&["stranger.pub"]);
    assert!(
        code == Some(2) && output.contains(&place.team.id) && output.contains(&stranger.id),
        "{output}"
    );
    let (code, output) = verify(&["team.key"]);
    assert!(
        code == Some(2) && output.contains("is a secret key"),
        "{output}"
    );
    let mut flipped = module.clone();
    flipped[module.len() / 2] ^= 1;
    std::fs::write(at.join("probe.wasm"), flipped).unwrap();
    let (code, output) = verify(&["team.pub"]);
    assert!(
        code == Some(2) && output.contains("the file was changed"),
        "{output}"
    );
    std::fs::write(at.join("text.wasm"), "no module").unwrap();
    let (code, output) = run(&["policy", "sign", "text.wasm", "--key", "team.key"]);
    assert!(
        code == Some(2) && output.contains("not a valid wasm file"),
        "{output}"
    );
}

#[test]
fn signed_at_start_what_does_not_hold_ends_the_process_with_a_sentence() {
    let place = Place::new();
    let stranger = Signer::new(place.folder.path(), "stranger");
    let (module, other) = (probe(2, 0), probe(2, 1));
    let good = place.team.sign("probe", &module);
    let plain = place.config("", "");
    place.put("probe.wasm", &module);
    let team = place.team.id.as_str();
    place.refused(&plain, &["`probe`", "no probe.wasm.sig", "policy sign"]);
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 4;
        bytes
    };
    let at = |word: &[u8]| wire::find(&good, word).unwrap() + word.len();
    let cases: Vec<(Vec<u8>, Vec<&str>)> = vec![
        (
            stranger.sign("probe", &module),
            vec![&stranger.id, team, "policies.signers"],
        ),
        (
            place.team.sign("probe", &other),
            vec!["of two builds", team],
        ),
        (
            place.team.sign("impostor", &module),
            vec!["signed by key", "as `impostor`", team],
        ),
        (flipped(&good, at(b"policy: ")), vec!["does not hold", team]),
        (
            flipped(&good, at(b"version: ")),
            vec!["does not hold", team],
        ),
        (
            // Another digit, or none.
            flipped(&good, at(b"sha256: ")),
            vec!["probe.wasm.sig"],
        ),
        (flipped(&good, at(b"signature: ")), vec!["probe.wasm.sig"]),
        (
            good[..good.len() / 2].to_vec(),
            vec!["damaged or cut short"],
        ),
        (Vec::new(), vec!["it is empty"]),
        (vec![b'x'; 100 << 20], vec!["larger than any signature"]),
        (b"\0\xff\xfe".to_vec(), vec!["it is no text"]),
    ];
    for (signature, words) in cases {
        place.put("probe.wasm.sig", signature);
        place.refused(&plain, &words);
    }
    place.put("probe.wasm.sig", &good);
    place.put("probe.wasm", flipped(&module, module.len() / 2));
    place.refused(&plain, &["the file was changed", team]);

    // A pin holds besides.
    place.put("probe.wasm", &module);
    let pin = format!(", sha256: {}", "ab".repeat(32));
    place.refused(&place.config(&pin, ""), &["the chain pins abab"]);
    // Cases that nobody signed are not run.
    place.put("probe.cases.yaml", "cases: [{ name: a, request: {} }]");
    place.refused(&plain, &["probe.cases.yaml was not signed"]);
    std::fs::remove_file(place.path("probe.cases.yaml")).unwrap();
    // Without signers, signatures can't be required.
    let at = place.folder.path().display().to_string();
    let nobody = place.config("", "  require_signed: true\n");
    let nobody = nobody.replace(&format!("  signers: [\"file:{at}/team.pub\"]\n"), "");
    place.refused(&nobody, &["policies.require_signed", "policies.signers"]);

    let pin = format!(", sha256: {}", sha256(&place.path("probe.wasm")));
    let sidecar = place.start(&pin);
    serves(&sidecar);
    assert_eq!(policies(&sidecar)["signed_by"], *team);
    let (code, output) = run_to_end(
        &[
            "check",
            "--config",
            &sidecar
                .folder
                .path()
                .join("outrigger.yaml")
                .display()
                .to_string(),
        ],
        place.folder.path(),
        &[],
    );
    assert!(
        code == Some(0) && output.contains("1 of them signed"),
        "{output}"
    );
}

#[test]
fn signed_compiled_code_is_never_taken_from_the_directory() {
    let place = Place::new();
    place.put_signed(&probe(2, 7));
    drop(place.start(""));
    let compiled = std::fs::read_dir(place.folder.path().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "cwasm"))
        .expect("the code cache holds what was compiled");
    // The proxy's own compiled code, under a policy's name, without and with a pin that names it.
    std::fs::copy(compiled, place.path("probe.wasm")).unwrap();
    place.refused(&place.config("", ""), &["is not WebAssembly"]);
    let pin = format!(", sha256: {}", sha256(&place.path("probe.wasm")));
    let unsigned = place.config(&pin, "  require_signed: false\n");
    place.refused(&unsigned, &["is not WebAssembly"]);
    let _ = std::fs::remove_file(place.path("probe.wasm"));
    place.put("probe.cwasm", b"\x7fELF");
    let file = place.folder.path().join("outrigger.yaml");
    std::fs::write(&file, place.config("", "")).unwrap();
    let arguments = ["run", "--config", "outrigger.yaml"];
    let (code, output) = run_to_end(&arguments, place.folder.path(), &[]);
    assert!(
        code == Some(2) && output.contains("there is no `probe.wasm`"),
        "{output}"
    );
}

#[test]
fn signed_at_a_reload_what_does_not_hold_leaves_the_former_module_and_is_told_everywhere() {
    let place = Place::new();
    let first = probe(2, 0);
    place.put_signed(&first);
    let sidecar = place.start("");
    let (generation, serving) = (sidecar.generation(), policies(&sidecar)["sha256"].clone());
    let failures = || sidecar.metric("outrigger_plugin_load_failures_total", &["probe"]);

    // Somebody who can write to the directory, and has no key.
    place.put("probe.wasm", probe(2, 1));
    sidecar.log_line(&["probe", "of two builds", "keeping the former one"]);
    let policy = policies(&sidecar);
    assert_eq!(policy["sha256"], serving);
    assert!(
        policy["reason"].as_str().unwrap().contains(&place.team.id),
        "{policy}"
    );
    assert!(failures() >= 1.0);
    assert_eq!(sidecar.generation(), generation);
    serves(&sidecar);
    std::fs::remove_file(place.path("probe.wasm.sig")).unwrap();
    sidecar.log_line(&["probe", "no probe.wasm.sig", "keeping the former one"]);
    serves(&sidecar);
    let arguments = [
        "check",
        "--config",
        &sidecar
            .folder
            .path()
            .join("outrigger.yaml")
            .display()
            .to_string(),
    ];
    let (code, output) = run_to_end(&arguments, place.folder.path(), &[]);
    assert!(
        code == Some(2) && output.contains("no probe.wasm.sig"),
        "{output}"
    );

    // Signed at last: the signature alone is a change.
    place.put("probe.wasm.sig", place.team.sign("probe", &probe(2, 1)));
    eventually("it is taken up", || sidecar.generation() > generation);
    let policy = policies(&sidecar);
    assert!(
        policy["sha256"] != serving && policy["reason"].is_null(),
        "{policy}"
    );
    serves(&sidecar);
    assert!(sidecar.is_ready());
}

#[test]
fn signed_files_that_come_one_after_the_other_are_one_change_and_no_alarm() {
    let place = Place::new();
    place.put_signed(&probe(2, 0));
    let sidecar = place.start("");
    for (build, module_first) in [(1, true), (2, false), (3, true)] {
        let (before, module) = (sidecar.generation(), probe(2, build));
        let signature = place.team.sign("probe", &module);
        if module_first {
            place.put("probe.wasm", &module);
        } else {
            place.put("probe.wasm.sig", &signature);
        }
        std::thread::sleep(Duration::from_millis(900));
        assert_eq!(sidecar.generation(), before, "half a change is none");
        if module_first {
            place.put("probe.wasm.sig", &signature);
        } else {
            place.put("probe.wasm", &module);
        }
        eventually("the whole is taken up", || sidecar.generation() > before);
        assert_eq!(sidecar.generation(), before + 1);
        assert_eq!(
            policies(&sidecar)["sha256"],
            sha256(&place.path("probe.wasm")).as_str()
        );
    }
    assert!(!sidecar.log().contains("keeping"), "{}", sidecar.log());
    assert!(sidecar.metric("outrigger_plugin_load_failures_total", &[]) < 1.0);
}

#[test]
fn signed_an_older_version_serves_only_where_the_operator_says_so() {
    let place = Place::new();
    place.put_signed(&probe(2, 0));
    let sidecar = place.start("");
    let version = || policies(&sidecar)["version"].as_str().unwrap().to_owned();
    place.put_signed(&probe(3, 0));
    eventually("3.0.0 serves", || version() == "3.0.0");
    // Validly signed, and replayed.
    place.put_signed(&probe(2, 0));
    sidecar.log_line(&[
        "version 2.0.0 is older than 3.0.0",
        "allow_rollback: true",
        "keeping the former one",
    ]);
    assert_eq!(version(), "3.0.0");
    serves(&sidecar);
    drop(sidecar);
    // It is remembered where the cache is.
    place.refused(
        &place.config("", ""),
        &["version 2.0.0 is older than 3.0.0"],
    );

    let sidecar = place.start(", allow_rollback: true");
    assert_eq!(policies(&sidecar)["version"], "2.0.0");
    // Where the operator went back, the word that allowed it can be taken away; further back is
    // refused again.
    sidecar.reconfigure(&place.config("", ""));
    place.put_signed(&probe(1, 0));
    sidecar.log_line(&["version 1.0.0 is older than 2.0.0"]);
    assert_eq!(policies(&sidecar)["version"], "2.0.0");
    drop(sidecar);
    place.put_signed(&probe(2, 0));
    drop(place.start(""));
    // A signature can't claim a version that the module does not say of itself.
    let module = probe(4, 0);
    let older = String::from_utf8(place.team.sign("probe", &module)).unwrap();
    place.put("probe.wasm", &module);
    place.put("probe.wasm.sig", older.replace("version: 4", "version: 9"));
    place.refused(&place.config("", ""), &["does not hold"]);
}

#[test]
fn signed_cases_run_with_the_policy_that_they_were_signed_with() {
    let place = Place::new();
    let (module, ask) = (probe(2, 0), Api::Chat.ask("m", "hi", false));
    let cases = |reply: &str| {
        format!(
            "config: {{ upper: true }}\ncases:\n- {{ name: upper, request: {ask}, reply: [ok], expect_reply: {reply} }}\n"
        )
    };
    place.put("probe.cases.yaml", cases("OK"));
    place.put("probe.wasm", &module);
    place.put(
        "probe.wasm.sig",
        place.team.sign_with("probe", &module, Some(&cases("OK"))),
    );
    let sidecar = place.start("");
    serves(&sidecar);
    // Somebody without a key can't make the policy run what they write, nor make it fail to load
    // for good.
    place.put("probe.cases.yaml", cases("other"));
    sidecar.log_line(&["probe.cases.yaml is not the one that was signed", "keeping"]);
    place.put("probe.cases.yaml", cases("OK"));
    eventually("all is well again", || {
        policies(&sidecar)["reason"].is_null()
    });
    let failing = place
        .team
        .sign_with("probe", &module, Some(&cases("other")));
    place.put("probe.wasm.sig", failing);
    place.put("probe.cases.yaml", cases("other"));
    sidecar.log_line(&["1 of its cases fail", "keeping"]);
    serves(&sidecar);
}

#[test]
fn signed_swaps_under_load_with_a_third_of_them_forged_lose_nothing() {
    let place = Place::new();
    let good: Vec<(Vec<u8>, Vec<u8>)> = (0..4)
        .map(|build| probe(2, build))
        .map(|module| (module.clone(), place.team.sign("probe", &module)))
        .collect();
    place.put_signed(&good[0].0);
    let sidecar = place.start("");
    let known: Vec<String> = good
        .iter()
        .map(|(m, _)| registry::digest(m)[7..].to_owned())
        .collect();
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let first = sidecar.generation();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                serves(&sidecar);
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Every third one that is whole is waited for; all others are swapped again before anybody
        // can say whether they were read.
        for number in 0..60_usize {
            let (mut module, mut signature) = good[number % good.len()].clone();
            let forged = number % 10;
            match forged {
                0 => module[number * 97 % 80_000 + 8] ^= 1 << (number % 8),
                4 => signature[number * 7 % 250] ^= 1 << (number % 7),
                7 => signature.truncate(number * 3),
                _ => {}
            }
            place.put("probe.wasm.sig", &signature);
            place.put("probe.wasm", &module);
            let serving = || policies(&sidecar)["sha256"].as_str().unwrap().to_owned();
            if number % 3 == 0 && ![0, 4, 7].contains(&forged) {
                eventually("a signed one serves", || {
                    serving() == known[number % good.len()]
                });
            }
            std::thread::sleep(Duration::from_millis(20));
            let serving = serving();
            assert!(
                known.contains(&serving),
                "an unsigned module serves: {serving}"
            );
        }
        stop.store(true, Ordering::Relaxed);
    });
    place.put("probe.wasm", &good[1].0);
    place.put("probe.wasm.sig", &good[1].1);
    eventually("the last one serves", || {
        policies(&sidecar)["sha256"] == known[1].as_str()
    });
    assert!(served.load(Ordering::Relaxed) > 30 && sidecar.generation() > first + 10);
}
