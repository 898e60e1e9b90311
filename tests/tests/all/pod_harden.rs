//! Hardening, as far as it can be seen from outside: no dumps, no privileges, files and ports given
//! up, and everything still works.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use outrigger_tests::sidecar::policy;
use outrigger_tests::{Sidecar, Upstream, eventually, replies, wire};

use super::config;

/// The kernel's Landlock, as the sidecar found it.
fn abi(sidecar: &Sidecar) -> u64 {
    let reported = sidecar.metric("outrigger_landlock_abi", &[]);
    let line = sidecar.log_line(&["\"landlock\"", "enforced"]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    #[allow(clippy::cast_precision_loss, reason = "a small number")]
    let logged = line["abi"].as_u64().unwrap() as f64;
    assert!((reported - logged).abs() < 0.5, "{reported} {line}");
    if line["abi"] == 0 {
        eprintln!("NOT TESTED: this kernel has no Landlock");
    }
    line["abi"].as_u64().unwrap()
}

fn status(sidecar: &Sidecar, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", sidecar.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.unwrap_or_else(|| panic!("no {field}"))
        .trim_start_matches(':')
        .trim()
        .to_owned()
}

#[test]
fn pod_a_sidecar_leaves_no_core_and_gains_no_privilege() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let limits = fs::read_to_string(format!("/proc/{}/limits", sidecar.pid())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert_eq!(core.split_whitespace().nth(5), Some("0"), "{core}");
    assert_eq!(status(&sidecar, "NoNewPrivs"), "1");
    // The figures about itself are still there.
    assert!(sidecar.metric("process_resident_memory_bytes", &[]) > 1e6);
}

#[test]
fn pod_a_sidecar_runs_as_its_own_user_without_capabilities_and_with_all_that_it_needs() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT TESTED: needs root, to become another user");
        return;
    }
    let upstream = Upstream::always(replies::json_body("{ \"a\":1.0 }"));
    // As a ConfigMap is mounted: not the user's, read-only, a symbolic link that is swapped.
    let volume = tempfile::tempdir().unwrap();
    let at = |name: &str| volume.path().join(name);
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(at("..1")).unwrap();
    fs::copy(policy("noop"), at("..1").join("noop.wasm")).unwrap();
    symlink("..1", at("..data")).unwrap();
    symlink("..data/noop.wasm", at("noop.wasm")).unwrap();
    let cache = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(cache.path(), Some(13370), Some(13370)).unwrap();
    let port = upstream.address.port();
    let yaml = format!(
        "harden: {{ landlock: auto }}\nupstreams:\n  openai: {{ dialect: openai, url: \"http://localhost:{port}/v1\" }}\npolicies: {{ directory: \"{}\", cache: \"{}\", poll: 1s, chain: [{{ use: noop }}] }}\n",
        volume.path().display(),
        cache.path().display(),
    );
    let setpriv = [
        "setpriv",
        "--reuid=13370",
        "--regid=13370",
        "--clear-groups",
        "--bounding-set=-all",
        "--no-new-privs",
    ];
    let sidecar = Sidecar::start_under(&setpriv, &yaml);
    abi(&sidecar);
    assert_eq!(
        status(&sidecar, "Uid").split_whitespace().next(),
        Some("13370")
    );
    assert_eq!(status(&sidecar, "CapEff"), "0000000000000000");
    assert_eq!(status(&sidecar, "CapBnd"), "0000000000000000");
    // Not dumpable: /proc's files about it are root's, so another process of its user can't attach.
    let owner = fs::metadata(format!("/proc/{}/maps", sidecar.pid()))
        .unwrap()
        .uid();
    assert_eq!(owner, 0);
    // Compiled by a child, kept in the cache, and an upstream found by name.
    assert!(cache.path().read_dir().unwrap().count() >= 2);
    let reply = sidecar.post("/v1/chat/completions", "{\"model\":\"m\",\"messages\":[]}");
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (200, "{ \"a\":1.0 }")
    );
    // A ConfigMap's update is taken up, and its policy compiled.
    let before = sidecar.generation();
    fs::create_dir(at("..2")).unwrap();
    // The same with a custom section at its end: another file, so it is compiled anew.
    let mut next = fs::read(policy("noop")).unwrap();
    next.extend([0, 5, 1, b'x', 1, 2, 3]);
    fs::write(at("..2").join("noop.wasm"), next).unwrap();
    symlink("..2", at("..new")).unwrap();
    fs::rename(at("..new"), at("..data")).unwrap();
    fs::remove_dir_all(at("..1")).unwrap();
    eventually("the swapped policy serves", || {
        sidecar.generation() > before
    });
    assert!(sidecar.metric("process_resident_memory_bytes", &[]) > 1e6);
}

#[test]
fn pod_a_reload_that_needs_what_was_given_up_is_refused_as_a_whole_and_says_so() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let other = Upstream::always(replies::json_body("{}"));
    let plain = config(&upstream, "");
    let sidecar = Sidecar::start(&plain);
    if abi(&sidecar) < 4 {
        return;
    }
    let before = sidecar.generation();
    sidecar.reconfigure(&config(&other, ""));
    let said = sidecar.log_line(&["it needs a restart", "port"]);
    assert!(said.contains(&other.address.port().to_string()), "{said}");
    assert_eq!(sidecar.generation(), before);
    let reported = wire::get(sidecar.admin, "/generation").json();
    assert!(
        reported["last_error"].as_str().unwrap().contains("restart"),
        "{reported}"
    );
    // A secret in a directory that was not named looks like missing permissions; the remedy is
    // reported all the same.
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("key"), "sk-1").unwrap();
    let keyed = plain.replace(
        "dialect: openai,",
        &format!(
            "dialect: openai, key: \"file:{}/key\",",
            elsewhere.path().display()
        ),
    );
    sidecar.reconfigure(&keyed);
    sidecar.log_line(&["configuration not reloaded", "permission is denied"]);
    sidecar.log_line(&["configuration not reloaded", "restart to have others"]);
    assert_eq!(sidecar.generation(), before);
    // A configuration that stays within these bounds is still taken up.
    sidecar.reconfigure(&format!("drain: 5s\n{plain}"));
    eventually("a reload within bounds", || sidecar.generation() > before);
    let reply = sidecar.post("/v1/chat/completions", "{\"model\":\"m\",\"messages\":[]}");
    assert_eq!((reply.status, other.count()), (200, 0));
}

#[test]
fn pod_landlock_can_be_left_off() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let plain = config(&upstream, "");
    let sidecar = Sidecar::start(&format!("harden: {{ landlock: \"off\" }}\n{plain}"));
    assert!(sidecar.metric("outrigger_landlock_abi", &[]).abs() < 0.5);
    let other = Upstream::always(replies::json_body("{}"));
    let before = sidecar.generation();
    sidecar.reconfigure(&format!(
        "harden: {{ landlock: \"off\" }}\n{}",
        config(&other, "")
    ));
    eventually("a new port", || sidecar.generation() > before);
    assert_eq!(
        sidecar
            .post("/v1/chat/completions", "{\"model\":\"m\"}")
            .status,
        200
    );
    assert_eq!(other.count(), 1);
}
