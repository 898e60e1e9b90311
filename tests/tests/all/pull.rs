//! `outrigger pull`: what a registry has is put in place whole or not at all, and whatever goes
//! wrong leaves the last good set.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use outrigger_tests::registry::{Artifact, PASSWORD, Registry, Scripted, USER, answer, digest};
use outrigger_tests::replies::{self, Api};
use outrigger_tests::sidecar::{binary, run_to_end};
use outrigger_tests::signing::{Signer, probe};
use outrigger_tests::{Seen, Sidecar, Step, Upstream, eventually, wire};
use rustix::process::{Pid, Signal, kill_process};

/// Content that pull has no opinion about.
const A: &[u8] = b"\0asm a";
const B: &[u8] = b"\0asm b";

/// The files that a watcher sees, by name.
fn files(into: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(into) else {
        return BTreeMap::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .map(|name| {
            (
                name.clone(),
                std::fs::read(into.join(name)).unwrap_or_default(),
            )
        })
        .collect()
}

fn set(files: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    files
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect()
}

/// A directory to pull into, and where keys are.
struct Place {
    folder: tempfile::TempDir,
    into: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("policies");
        Self { folder, into }
    }

    fn arguments<'a>(&'a self, url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let host = url[6..].split('/').next().unwrap();
        let into = self.into.to_str().unwrap();
        let mut arguments = vec!["pull", url, "--into", into, "--plain-http", host];
        arguments.extend(more);
        arguments
    }

    /// Pulls once: exit code and all output.
    fn once(&self, url: &str, more: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
        let mut arguments = self.arguments(url, more);
        arguments.push("--once");
        let (code, output) = run_to_end(&arguments, self.folder.path(), environment);
        assert!(
            !output.contains(PASSWORD) && !output.contains("t0ken-canary"),
            "a secret is told: {output}"
        );
        (code.unwrap_or(-1), output)
    }

    /// Goes on pulling.
    fn follow(&self, url: &str, more: &[&str], environment: &[(&str, &str)]) -> Following {
        let mut child = Command::new(binary())
            .args(self.arguments(url, more))
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let log = Arc::<Mutex<String>>::default();
        let (out, shared) = (child.stdout.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                *shared.lock().unwrap() += &(line + "\n");
            }
        });
        Following { child, log }
    }
}

/// A pull that goes on; killed when it is dropped.
struct Following {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Following {
    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends it SIGTERM, and waits for its end.
    fn end(&mut self) -> (ExitStatus, Duration) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        let begun = Instant::now();
        kill_process(pid, Signal::TERM).unwrap();
        (self.child.wait().unwrap(), begun.elapsed())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn pull_from_a_real_registry_a_moved_tag_is_swapped_in_under_a_sidecar() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let place = Place::new();
    let team = Signer::new(place.folder.path(), "team");
    let key = team.public.display().to_string();
    let artifact = |major, build| {
        let module = probe(major, build);
        let signature = team.sign("probe", &module);
        Artifact::of(&[("probe.wasm", &module), ("probe.wasm.sig", &signature)])
    };
    let url = format!("oci://{}/team/policies:stable", registry.address);
    let known = [
        ("OUTRIGGER_REGISTRY_USER", USER),
        ("OUTRIGGER_REGISTRY_PASSWORD", PASSWORD),
    ];

    let (code, output) = place.once(&url, &[], &[]);
    assert!(
        code == 1 && output.contains("OUTRIGGER_REGISTRY_USER"),
        "{output}"
    );
    let (code, output) = place.once(
        &url,
        &[],
        &[known[0], ("OUTRIGGER_REGISTRY_PASSWORD", "wrong")],
    );
    assert!(
        code == 1 && output.contains("refuses these credentials"),
        "{output}"
    );
    let (code, output) = place.once(&url, &[], &known);
    assert!(
        code == 1 && output.contains("check name and tag"),
        "{output}"
    );

    let first = artifact(2, 0);
    registry.push("team/policies", "stable", &first);
    // A docker config.json says the same as the variables.
    let config = serde_json::json!({ "auths": { registry.address.to_string(): { "auth": "cHVsbGVyOnMzY3JldC1jYW5hcnk=" } } });
    let config_file = place.folder.path().join("config.json");
    std::fs::write(&config_file, config.to_string()).unwrap();
    let (code, output) = place.once(
        &url,
        &["--auth-file", config_file.to_str().unwrap(), "--key", &key],
        &[],
    );
    assert!(
        code == 0 && output.contains("not pinned") && output.contains(&first.digest()[7..]),
        "{output}"
    );
    assert_eq!(files(&place.into).len(), 2);

    let upstream = Upstream::always(replies::json_body(&Api::Chat.whole("Hello")));
    let at = place.folder.path().display();
    let origin = upstream.address;
    let sidecar = Sidecar::start(&format!(
        "workers: 1\nupstreams:\n  openai: {{ dialect: openai, url: \"http://{origin}/v1\" }}\npolicies:\n  directory: {at}/policies\n  cache: {at}/cache\n  signers: [\"file:{key}\"]\n  chain: [{{ \"use\": probe, config: {{ upper: true }} }}]\n"
    ));
    let serving = || wire::get(sidecar.admin, "/policies").json()[0]["version"].clone();
    let mut following = place.follow(&url, &["--every", "1s", "--key", &key], &known);
    assert_eq!(serving(), "2.0.0");
    for major in [3, 4] {
        let before = sidecar.generation();
        registry.push("team/policies", "stable", &artifact(major, 0));
        eventually("the moved tag serves", || {
            serving() == format!("{major}.0.0").as_str()
        });
        assert_eq!(sidecar.generation(), before + 1, "one swap, one generation");
        let reply = sidecar.post(
            Api::Chat.path(),
            Api::Chat.ask("m", "hi", false).to_string(),
        );
        assert!(reply.text().contains("HELLO"), "{}", reply.text());
    }
    // Somebody may push there, and has no key.
    registry.push(
        "team/policies",
        "stable",
        &Artifact::of(&[("probe.wasm", &probe(5, 0))]),
    );
    eventually("it is told", || {
        following.log().contains("no probe.wasm.sig")
    });
    assert_eq!(serving(), "4.0.0");
    assert!(!sidecar.log().contains("keeping"), "{}", sidecar.log());
    assert!(!following.log().contains(PASSWORD));
    let (status, took) = following.end();
    assert!(
        status.success() && took < Duration::from_secs(1),
        "{status} after {took:?}"
    );
    assert_eq!(files(&place.into).len(), 2, "what was pulled stays");
}

#[test]
fn pull_signs_in_with_a_token_and_takes_no_credentials_along_a_redirect() {
    let artifact = Artifact::of(&[("a.wasm", A)]);
    let elsewhere = Scripted::start(artifact.clone());
    let registry = Scripted::start(artifact);
    let (own, other) = (registry.server.address, elsewhere.server.address);
    registry.lie(move |seen| {
        if seen.path().starts_with("/token?") {
            return Some(answer(seen, "200 OK", &[], b"{\"token\":\"t0ken-canary\"}"));
        }
        if seen.header("authorization") != Some("Bearer t0ken-canary") {
            let challenge = format!("www-authenticate: Bearer realm=\"http://{own}/token\",service=\"s p\",scope=\"repository:team/policies:pull\"");
            return Some(answer(seen, "401 Unauthorized", &[&challenge], b"{}"));
        }
        let blob = seen.path().contains("/blobs/");
        let to = format!("location: http://{other}{}", seen.path());
        blob.then(|| answer(seen, "307 Temporary Redirect", &[&to], b""))
    });
    for (environment, basic) in [
        (vec![], None),
        (
            vec![
                ("OUTRIGGER_REGISTRY_USER", USER),
                ("OUTRIGGER_REGISTRY_PASSWORD", PASSWORD),
            ],
            Some("Basic cHVsbGVyOnMzY3JldC1jYW5hcnk="),
        ),
    ] {
        let place = Place::new();
        let (code, output) = place.once(&registry.url(), &[], &environment);
        assert_eq!(code, 0, "{output}");
        assert_eq!(files(&place.into), set(&[("a.wasm", A)]));
        let token = registry
            .server
            .seen()
            .into_iter()
            .rfind(|s| s.path().starts_with("/token?"))
            .unwrap();
        assert!(
            token
                .path()
                .contains("scope=repository%3Ateam%2Fpolicies%3Apull")
                && token.path().contains("service=s+p"),
            "{}",
            token.path()
        );
        assert_eq!(token.header("authorization"), basic);
    }
    let followed = elsewhere.server.seen();
    assert_eq!(followed.len(), 2);
    assert!(
        followed
            .iter()
            .all(|seen| seen.header("authorization").is_none())
    );
    // A registry that sends in circles, or out of the web, is left.
    for to in [
        "location: /v2/again",
        "location: file:///etc/passwd",
        "x: y",
    ] {
        let place = Place::new();
        registry.lie(move |seen| Some(answer(seen, "302 Found", &[to], b"")));
        let (code, output) = place.once(&registry.url(), &[], &[]);
        assert!(code == 1 && output.contains("sends elsewhere"), "{output}");
    }
}

#[test]
fn pull_keeps_the_last_good_set_whatever_the_registry_sends() {
    type Lie = Box<dyn Fn(&Seen) -> Option<Vec<Step>> + Send + Sync>;
    let registry = Scripted::start(Artifact::of(&[("a.wasm", A), ("b.wasm", B)]));
    let place = Place::new();
    let good = set(&[("a.wasm", A), ("b.wasm", B)]);
    assert_eq!(place.once(&registry.url(), &[], &[]).0, 0);
    assert_eq!(files(&place.into), good);

    let blobs = |bytes: Vec<Step>| -> Lie {
        Box::new(move |seen| seen.path().contains("/blobs/").then(|| bytes.clone()))
    };
    let all = |status: &'static str| -> Lie {
        Box::new(move |seen| Some(answer(seen, status, &[], b"{}")))
    };
    let next = [("a.wasm", &b"\0asm next"[..]), ("c.wasm", b"\0asm c")];
    let head = |length: usize| {
        Step::Send(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes())
    };
    let chunked = Step::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec());
    let megabyte = replies::chunk(&vec![b'x'; 1 << 20]);
    let manifest = |text: String| -> Lie {
        Box::new(move |seen| {
            seen.path()
                .contains("/manifests/")
                .then(|| answer(seen, "200 OK", &[], text.as_bytes()))
        })
    };
    let titled = |title: &str| {
        String::from_utf8(Artifact::of(&[("good.wasm", A), (title, B)]).manifest).unwrap()
    };
    let forged = |seen: &Seen| {
        let bytes = if seen.path().contains("/manifests/") {
            return None;
        } else {
            b"\0asm neXt"
        };
        Some(answer(seen, "200 OK", &[], bytes))
    };
    let cases: Vec<(&str, Lie)> = vec![
        ("a.wasm has sha256", Box::new(forged)),
        (
            "is larger than the 9 bytes",
            blobs(vec![head(4 << 30), Step::Hold]),
        ),
        (
            "is larger than the 9 bytes",
            blobs(vec![
                chunked.clone(),
                Step::Flood {
                    piece: megabyte.clone(),
                    pieces: 4096,
                },
            ]),
        ),
        (
            "a.wasm is shorter",
            blobs(vec![head(5), Step::Send(b"\0asm ".to_vec())]),
        ),
        (
            "the answer broke off",
            blobs(vec![head(9), Step::Send(b"\0as".to_vec()), Step::Close]),
        ),
        (
            "the answer broke off",
            blobs(vec![head(9), Step::Send(b"\0as".to_vec()), Step::Reset]),
        ),
        ("answers 500", all("500 Internal Server Error")),
        ("answers 503", all("503 Service Unavailable")),
        ("wants fewer questions", all("429 Too Many Requests")),
        ("check name and tag", all("404 Not Found")),
        ("neither `Basic` nor `Bearer`", all("401 Unauthorized")),
        (
            "the manifest is larger",
            Box::new(move |seen| {
                let steps = vec![
                    chunked.clone(),
                    Step::Flood {
                        piece: megabyte.clone(),
                        pieces: 4096,
                    },
                ];
                (seen.head.starts_with("GET ") && seen.path().contains("/manifests/"))
                    .then_some(steps)
            }),
        ),
        ("can't be read", manifest("{".into())),
        (
            "index of several",
            manifest(r#"{"schemaVersion":2,"manifests":[]}"#.into()),
        ),
        (
            "holds no NAME.wasm",
            manifest(String::from_utf8(Artifact::of(&[]).manifest).unwrap()),
        ),
        (
            "no plain file's name",
            manifest(titled("../../escaped.wasm")),
        ),
        (
            "no plain file's name",
            manifest(titled("/tmp/escaped.wasm")),
        ),
        ("no plain file's name", manifest(titled("..data"))),
        ("no policy can be called", manifest(titled("a\nb.wasm"))),
        ("`good.wasm` twice", manifest(titled("good.wasm"))),
    ];
    registry.serve(Artifact::of(&next));
    for (expected, lie) in cases {
        registry.lie(lie);
        let (code, said) = place.once(&registry.url(), &[], &[]);
        assert!(
            code == 1 && said.contains(expected),
            "{expected}: {code} {said}"
        );
        assert_eq!(files(&place.into), good, "{expected}");
        let left = std::fs::read_dir(&place.into).unwrap().flatten();
        let left = left.filter(|e| e.file_name().to_string_lossy().starts_with("..partial"));
        assert_eq!(left.count(), 0, "{expected}: nothing half is left");
    }
    assert!(
        !Path::new("/tmp/escaped.wasm").exists()
            && !place.folder.path().join("escaped.wasm").exists()
    );

    registry.lie(|_| None);
    assert_eq!(place.once(&registry.url(), &[], &[]).0, 0);
    assert_eq!(
        files(&place.into),
        set(&next),
        "and what left the artifact is gone"
    );
    // A policy's file that somebody else put there is not taken over.
    std::fs::write(place.into.join("d.wasm"), "mine").unwrap();
    registry.serve(Artifact::of(&[("d.wasm", A)]));
    let (code, said) = place.once(&registry.url(), &[], &[]);
    assert!(
        code == 1 && said.contains("d.wasm") && said.contains("was not pulled"),
        "{said}"
    );
    assert_eq!(std::fs::read(place.into.join("d.wasm")).unwrap(), b"mine");
}

#[test]
fn pull_of_a_digest_takes_that_alone_and_asks_nobody_once_it_is_there() {
    let (first, second) = (
        Artifact::of(&[("a.wasm", A)]),
        Artifact::of(&[("a.wasm", B)]),
    );
    let registry = Scripted::start(second.clone());
    let place = Place::new();
    let pinned = format!("{}:stable@{}", registry.url(), first.digest());
    let (code, output) = place.once(&pinned, &[], &[]);
    assert!(
        code == 1
            && output.contains("the manifest has sha256")
            && output.contains(&second.digest()[7..]),
        "{output}"
    );
    assert!(files(&place.into).is_empty() && !output.contains("not pinned"));

    registry.serve(first);
    let mut following = place.follow(&pinned, &["--every", "1s"], &[]);
    eventually("it is there", || {
        files(&place.into) == set(&[("a.wasm", A)])
    });
    let calls = registry.server.count();
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(registry.server.count(), calls, "nobody is asked");
    // A file that vanishes, or changes, is healed; a symbolic link needs no registry for that.
    std::fs::remove_file(place.into.join("a.wasm")).unwrap();
    eventually("the link is back", || {
        files(&place.into) == set(&[("a.wasm", A)])
    });
    assert_eq!(registry.server.count(), calls);
    std::fs::write(place.into.join("a.wasm"), B).unwrap(); // through the symlink
    eventually("the content is back", || {
        files(&place.into) == set(&[("a.wasm", A)])
    });
    assert!(registry.server.count() > calls);
    assert!(following.end().0.success());
}

#[test]
fn pull_that_is_killed_in_the_middle_leaves_a_whole_set_and_one_that_waits_ends_at_once() {
    let (first, second) = (
        [("a.wasm", A), ("b.wasm", B)],
        [("a.wasm", B), ("c.wasm", A)],
    );
    let registry = Scripted::start(Artifact::of(&first));
    let place = Place::new();
    assert_eq!(place.once(&registry.url(), &[], &[]).0, 0);
    registry.serve(Artifact::of(&second));
    // The first blob comes, the second stops in the middle.
    let slow = digest(A);
    registry.lie(move |seen| {
        let begun = Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n\0as".to_vec());
        seen.path()
            .ends_with(&slow)
            .then(|| vec![begun, Step::Hold])
    });
    let left = || {
        let listed = std::fs::read_dir(&place.into).unwrap().flatten();
        let mut partial =
            listed.filter(|e| e.file_name().to_string_lossy().starts_with("..partial"));
        partial.any(|e| {
            e.path()
                .join("c.wasm")
                .metadata()
                .is_ok_and(|m| m.len() == 3)
        })
    };
    let begins = || {
        registry
            .server
            .seen()
            .iter()
            .filter(|s| s.path().ends_with(&digest(A)))
            .count()
    };
    let mut begun = begins();
    let mut in_the_middle = || {
        eventually("it is in the middle", || begins() > begun && left());
        begun = begins();
    };
    for _ in 0..3 {
        let following = place.follow(&registry.url(), &["--every", "1s"], &[]);
        in_the_middle();
        drop(following); // kill -9
        assert!(left(), "nobody cleaned up");
        assert_eq!(files(&place.into), set(&first));
    }
    let mut following = place.follow(&registry.url(), &["--every", "1s"], &[]);
    in_the_middle();
    let (status, took) = following.end();
    assert!(
        status.success() && took < Duration::from_secs(1),
        "{status} after {took:?}"
    );
    assert!(!left(), "told to end, it cleans up");
    assert_eq!(files(&place.into), set(&first));

    registry.lie(|_| None);
    assert_eq!(place.once(&registry.url(), &[], &[]).0, 0);
    assert_eq!(files(&place.into), set(&second));
    let hidden = std::fs::read_dir(&place.into).unwrap().flatten();
    let hidden = hidden.filter(|e| e.file_name().to_string_lossy().starts_with(".."));
    assert_eq!(
        hidden.count(),
        2,
        "the pointer and its set, and nothing left over"
    );
}

#[test]
fn pull_goes_on_through_an_outage_and_waits_longer_between_attempts() {
    let registry = Scripted::start(Artifact::of(&[("a.wasm", A)]));
    let place = Place::new();
    registry.lie(|seen| Some(answer(seen, "500 Internal Server Error", &[], b"")));
    let mut following = place.follow(&registry.url(), &["--every", "1s"], &[]);
    eventually("three attempts", || registry.server.count() >= 3);
    assert!(
        following.log().matches("not pulled").count() >= 2,
        "{}",
        following.log()
    );
    registry.lie(|_| None);
    eventually("it heals by itself", || files(&place.into).len() == 1);
    // From then on only a tag's digest is requested, and nothing is fetched.
    eventually("it goes on", || {
        registry.server.last().head.starts_with("HEAD ")
    });
    assert!(following.end().0.success());
}

#[test]
fn pull_says_which_argument_is_wrong() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("key"), "x").unwrap();
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let into = place.into.to_str().unwrap();
        let arguments = [&["pull"], arguments, &["--into", into, "--once"]].concat();
        run_to_end(&arguments, place.folder.path(), environment)
    };
    for (arguments, expected) in [
        (vec!["registry.example/p"], "does not begin with `oci://`"),
        (
            vec!["oci://registry.example/p", "--every", "soon"],
            "--every",
        ),
        (
            vec!["oci://registry.example/p", "--every", "10ms"],
            "shorter than 1s",
        ),
        (
            vec!["oci://registry.example/p", "--plain-http", "other.example"],
            "has no effect",
        ),
        (
            vec!["oci://registry.example/p", "--key", "key"],
            "is no public key",
        ),
        (
            vec!["oci://registry.example/p", "--key", "none.pub"],
            "none.pub",
        ),
        (
            vec!["oci://registry.example/p", "--roots", "key"],
            "certificate",
        ),
    ] {
        let (code, said) = run(&arguments, &[]);
        assert!(
            code == Some(2) && said.contains(expected),
            "{arguments:?}: {code:?} {said}"
        );
    }
    let (code, said) = run(
        &["oci://registry.example/p"],
        &[("OUTRIGGER_REGISTRY_USER", "a")],
    );
    assert!(
        code == Some(2) && said.contains("set both, or neither"),
        "{said}"
    );
    // As servers without TLS answer its first bytes.
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("oci://{}/p", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in plain.incoming().map_while(Result::ok) {
            let _ = std::io::Read::read(&mut stream, &mut [0; 2048]);
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (code, said) = run(&[&url], &[]);
    assert!(
        code == Some(1) && said.contains("name it with `--plain-http`"),
        "{said}"
    );
    // A directory that Kubernetes fills is not one to pull into.
    std::fs::create_dir_all(&place.into).unwrap();
    std::os::unix::fs::symlink("..2026_01_01", place.into.join("..data")).unwrap();
    let (code, said) = run(&["oci://registry.example/p"], &[]);
    assert!(code == Some(2) && said.contains("emptyDir"), "{said}");
}
