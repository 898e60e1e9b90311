//! Over real directories, with the real kernel's events.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, io::Write, os::unix::fs::symlink};

use tempfile::TempDir;

use super::*;

/// Long enough that no test passes by the poll.
const NO_POLL: Duration = Duration::from_secs(3600);
/// Longest time from a rename to the change. Typically it is 300 ms.
const PROMPT: Duration = Duration::from_millis(700);

fn wasm(content: &str) -> Vec<u8> {
    [b"\0asm\x01\0\0\0", content.as_bytes()].concat()
}

fn in_directory(directory: &TempDir) -> Paths {
    Paths {
        directory: Some(directory.path().to_owned()),
        ..Paths::default()
    }
}

/// Starts on the present files, and waits until the directories are watched.
fn start(paths: Paths, poll: Duration) -> (Observer, mpsc::Receiver<Change>) {
    let seen = Scan::take(&paths, &Scan::default()).unwrap();
    let (observer, mut changes) = Observer::start(paths, poll, seen).unwrap();
    observer.nudge();
    let first = next(&mut changes, Duration::from_secs(10)).unwrap();
    assert!(first.requested && !first.config && !first.policies);
    (observer, changes)
}

fn next(changes: &mut mpsc::Receiver<Change>, within: Duration) -> Option<Change> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(within, changes.recv())
            .await
            .ok()
            .flatten()
    })
}

/// Names and contents, to compare.
fn contents(change: &Change) -> Vec<(&str, Vec<u8>)> {
    change
        .files
        .values()
        .map(|f| (f.name.as_str(), f.read().unwrap_or_default()))
        .collect()
}

fn rename_into(directory: &Path, name: &str, bytes: &[u8]) {
    let made = directory.join(format!(".{name}.part"));
    fs::write(&made, bytes).unwrap();
    fs::rename(made, directory.join(name)).unwrap();
}

#[test]
fn a_renamed_file_is_reported_promptly_with_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let (_observer, mut changes) = start(in_directory(&directory), NO_POLL);
    for content in ["one", "two"] {
        rename_into(directory.path(), "a.wasm", &wasm(content));
        let renamed = Instant::now();
        let change = next(&mut changes, Duration::from_secs(10)).unwrap();
        assert!(renamed.elapsed() < PROMPT, "{:?}", renamed.elapsed());
        assert!(change.policies && !change.config && !change.requested);
        assert_eq!(contents(&change), [("a", wasm(content))]);
    }
    fs::remove_file(directory.path().join("a.wasm")).unwrap();
    assert_eq!(
        contents(&next(&mut changes, Duration::from_secs(10)).unwrap()),
        []
    );
}

#[test]
fn a_config_maps_swap_is_one_change() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let publish = |version: &str, content: &str| {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("a.wasm"), wasm(content)).unwrap();
        fs::write(at(version).join("b.wasm"), wasm("same")).unwrap();
        symlink(version, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
    };
    publish("..2026_a", "one");
    symlink("..data/a.wasm", at("a.wasm")).unwrap();
    symlink("..data/b.wasm", at("b.wasm")).unwrap();
    let (_observer, mut changes) = start(in_directory(&directory), NO_POLL);

    publish("..2026_b", "two");
    let swapped = Instant::now();
    fs::remove_dir_all(at("..2026_a")).unwrap();
    let change = next(&mut changes, Duration::from_secs(10)).unwrap();
    assert!(swapped.elapsed() < PROMPT, "{:?}", swapped.elapsed());
    assert_eq!(contents(&change), [("a", wasm("two")), ("b", wasm("same"))]);
    assert_eq!(
        next(&mut changes, Duration::from_secs(1)),
        None,
        "reported once"
    );
}

#[test]
fn a_file_that_is_still_being_copied_is_left_alone_until_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    rename_into(directory.path(), "a.wasm", &wasm("old"));
    let (_observer, mut changes) = start(in_directory(&directory), NO_POLL);
    let whole = wasm(&"x".repeat(20_000));
    let mut file = fs::File::create(directory.path().join("a.wasm")).unwrap();
    for part in whole.chunks(300) {
        file.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(12)); // 0.8 s in all, beyond the patience with a burst
    }
    drop(file);
    let change = next(&mut changes, Duration::from_secs(10)).unwrap();
    assert!(
        contents(&change) == [("a", whole)],
        "a half-written file was reported"
    );
}

#[test]
fn a_file_that_never_holds_still_does_not_hold_up_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let paths = in_directory(&directory);
    rename_into(directory.path(), "busy.wasm", &wasm("old"));
    let before = Scan::take(&paths, &Scan::default()).unwrap().policies["busy"].clone();
    let (_observer, mut changes) = start(paths, NO_POLL);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (stop, path) = (Arc::clone(&stop), directory.path().join("busy.wasm"));
        move || {
            let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(b"more").unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    rename_into(directory.path(), "new.wasm", &wasm("new"));
    let change = next(&mut changes, Duration::from_secs(20)).unwrap();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(change.files["busy"], before);
    assert_eq!(change.files["new"].read().unwrap(), wasm("new"));
}

#[test]
fn what_is_no_policy_is_reported_with_the_reason_or_ignored() {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("empty.wasm", b"".as_slice()),
        ("text.wasm", b"#!/bin/sh"),
        (".hidden.wasm", b"\0asm"),
        ("..data.wasm", b"\0asm"),
        ("a.wasm.tmp", b"\0asm"),
        ("a.cwasm", b"\x7fELF"),
        ("a.cases.yaml", b"cases: []"),
        ("fine.wasm", b"\0asm"),
    ] {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    fs::create_dir(directory.path().join("directory.wasm")).unwrap();
    symlink("/no/such", directory.path().join("dangling.wasm")).unwrap();
    let scan = Scan::take(&in_directory(&directory), &Scan::default()).unwrap();
    let found: Vec<_> = scan
        .policies
        .values()
        .map(|f| (f.name.as_str(), f.content.is_ok()))
        .collect();
    assert_eq!(found, [("empty", false), ("fine", true), ("text", false)]);
    let why = scan.policies["text"].content.clone().unwrap_err();
    assert!(why.contains("outrigger policy build"), "{why}");
}

#[test]
fn a_file_that_changed_since_it_was_hashed_is_not_read_as_what_it_was() {
    let directory = tempfile::tempdir().unwrap();
    rename_into(directory.path(), "a.wasm", &wasm("one"));
    let scan = Scan::take(&in_directory(&directory), &Scan::default()).unwrap();
    assert_eq!(scan.policies["a"].read().unwrap(), wasm("one"));
    assert_eq!(
        crate::signing::hex(scan.policies["a"].content.as_ref().unwrap()).len(),
        64
    );
    rename_into(directory.path(), "a.wasm", &wasm("two"));
    assert!(scan.policies["a"].read().is_err());
}

#[test]
fn a_replacement_of_the_same_length_and_time_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let paths = in_directory(&directory);
    let old = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    let put = |content: &str| {
        let made = directory.path().join("made");
        fs::write(&made, wasm(content)).unwrap();
        fs::File::options()
            .write(true)
            .open(&made)
            .unwrap()
            .set_times(old)
            .unwrap();
        fs::rename(made, directory.path().join("a.wasm")).unwrap();
    };
    put("one");
    let first = Scan::take(&paths, &Scan::default()).unwrap();
    put("two");
    assert!(Scan::take(&paths, &first).unwrap().policies_differ(&first));
}

#[test]
fn the_configuration_and_its_secrets_are_watched_by_content() {
    let directory = tempfile::tempdir().unwrap();
    let (config, secret) = (
        directory.path().join("outrigger.yaml"),
        directory.path().join("key"),
    );
    fs::write(&config, "drain: 1s").unwrap();
    fs::write(&secret, "one").unwrap();
    let paths = Paths {
        config: Some(config.clone()),
        besides: vec![secret.clone()],
        directory: None,
        signed: false,
    };
    let (_observer, mut changes) = start(paths, NO_POLL);

    fs::write(&config, "drain: 2s").unwrap();
    let change = next(&mut changes, Duration::from_secs(10)).unwrap();
    assert!(change.config && !change.policies);
    rename_into(directory.path(), "key", b"two");
    assert!(next(&mut changes, Duration::from_secs(10)).unwrap().config);
    fs::write(&config, "drain: 2s").unwrap(); // touched, not changed
    fs::write(directory.path().join("unrelated"), "x").unwrap();
    assert_eq!(next(&mut changes, Duration::from_secs(1)), None);
}

#[test]
fn without_events_the_poll_finds_it() {
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().join("deep/er");
    fs::create_dir_all(&real).unwrap();
    // A symbolic link to a symbolic link: the swap happens where nothing is watched.
    symlink(&real, directory.path().join("deep/link")).unwrap();
    let other = directory.path().join("deep/other");
    fs::create_dir(&other).unwrap();
    rename_into(&other, "a.wasm", &wasm("one"));
    fs::create_dir(directory.path().join("top")).unwrap();
    symlink("../deep/link", directory.path().join("top/policies")).unwrap();
    let paths = Paths {
        directory: Some(directory.path().join("top/policies")),
        ..Paths::default()
    };
    let (_observer, mut changes) = start(paths, Duration::from_millis(300));
    symlink(&other, directory.path().join("deep/link2")).unwrap();
    fs::rename(
        directory.path().join("deep/link2"),
        directory.path().join("deep/link"),
    )
    .unwrap();
    assert_eq!(
        contents(&next(&mut changes, Duration::from_secs(10)).unwrap()),
        [("a", wasm("one"))]
    );
    // and the directory that is there now is watched
    rename_into(&other, "a.wasm", &wasm("two"));
    assert_eq!(
        contents(&next(&mut changes, Duration::from_secs(10)).unwrap()),
        [("a", wasm("two"))]
    );
}

#[test]
fn a_directory_that_vanishes_unloads_nothing_and_is_taken_up_when_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let policies = directory.path().join("policies");
    fs::create_dir(&policies).unwrap();
    rename_into(&policies, "a.wasm", &wasm("one"));
    let paths = Paths {
        directory: Some(policies.clone()),
        ..Paths::default()
    };
    let (observer, mut changes) = start(paths, Duration::from_millis(200));
    fs::rename(&policies, directory.path().join("away")).unwrap();
    assert_eq!(next(&mut changes, Duration::from_secs(1)), None);
    observer.nudge();
    let requested = next(&mut changes, Duration::from_secs(10)).unwrap();
    assert!(requested.requested && !requested.policies && requested.files.contains_key("a"));
    fs::create_dir(&policies).unwrap();
    rename_into(&policies, "b.wasm", &wasm("two"));
    let change = std::iter::repeat_with(|| next(&mut changes, Duration::from_secs(10)).unwrap())
        .find(|c| c.files.contains_key("b"));
    assert_eq!(contents(&change.unwrap()), [("b", wasm("two"))]);
}

#[test]
fn repointed_it_watches_the_new_directory_and_not_the_old_one() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (observer, mut changes) = start(in_directory(&old), NO_POLL);
    observer.repoint(in_directory(&new), NO_POLL);
    std::thread::sleep(Duration::from_millis(500));
    rename_into(old.path(), "a.wasm", &wasm("old"));
    assert_eq!(next(&mut changes, Duration::from_secs(1)), None);
    rename_into(new.path(), "b.wasm", &wasm("new"));
    assert_eq!(
        contents(&next(&mut changes, Duration::from_secs(10)).unwrap()),
        [("b", wasm("new"))]
    );
}

#[test]
fn a_busy_receiver_finds_the_last_state_and_not_every_step() {
    let directory = tempfile::tempdir().unwrap();
    let (_observer, mut changes) = start(in_directory(&directory), NO_POLL);
    for n in 0..4 {
        rename_into(directory.path(), "a.wasm", &wasm(&n.to_string()));
        std::thread::sleep(Duration::from_millis(450));
    }
    let changes_sent: Vec<_> =
        std::iter::from_fn(|| next(&mut changes, Duration::from_secs(1))).collect();
    assert!(changes_sent.len() <= 3, "{}", changes_sent.len());
    assert_eq!(contents(changes_sent.last().unwrap()), [("a", wasm("3"))]);
}
