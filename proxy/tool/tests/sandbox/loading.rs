//! Tests of loading: what loads, what is refused and in which words, and the cache.

use std::os::unix::fs::PermissionsExt;

use sandbox::LoadError;

use super::*;

const REFUSAL: &str = "`behaviour` \"x\" is\nnot known";

fn refused(source: Source) -> LoadError {
    loader().load(source).err().expect("refused")
}

#[test]
fn configure_and_describe_that_misbehave_refuse_the_policy() {
    let error = refused(source(r#"{"configure":"error"}"#));
    assert_eq!(error, LoadError::Configuration(REFUSAL.into()));
    for hook in ["configure", "describe"] {
        for (how, label) in [
            ("loop", "cpu_time"),
            ("trap", "trap"),
            ("grow", "memory"),
            ("recursion", "trap"),
            ("log", "trap"),
        ] {
            match refused(source(&format!(r#"{{"{hook}":"{how}"}}"#))) {
                LoadError::Fault(fault) => assert_eq!(fault.label(), label, "{how} at {hook}"),
                other => panic!("{how} at {hook}: {other}"),
            }
        }
    }
    assert!(loader().load(source("{}")).is_ok());
}

#[test]
fn what_is_used_and_not_declared_is_refused_in_words() {
    for (name, config, says) in [
        ("undeclared-reads", "{}", "declares no place to read"),
        ("undeclared-hook", "{}", "add `Hooks::END` to HOOKS"),
        (
            "undeclared-hook",
            r#"{"counts":true}"#,
            "implements and does not declare",
        ),
    ] {
        let error = refused(Source {
            bytes: file(&format!("{name}.wasm")),
            ..source(config)
        });
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
}

#[tokio::test]
async fn any_configuration_arrives_as_it_was_written() {
    let config = "{ \"request\": \"echo_config\", \"x\": \"q\\\"uote \\\\ \\u0041 é😀 {n}\",\n\t\"y\": 'z' }";
    let policy = load(config);
    let (_, decision) = ask(&policy, "hi").await.1.unwrap();
    assert_eq!(decision, Decision::Reply(config.into()));
    assert_eq!(policy.info().not_snapshotted, None);
}

#[test]
fn a_capability_must_be_granted_and_is_named_where_it_is_not() {
    let capable = |grants| Source {
        grants,
        ..source("{}")
    };
    let error = refused(capable(Grants::default()));
    assert_eq!(error, LoadError::Ungranted("fetch".into()));
    assert!(error.to_string().contains("`fetch`"), "{error}");
    let half = Grants::default().with_hosts(&FETCH, ["granted.example"]);
    let error = refused(capable(half));
    assert_eq!(error, LoadError::Ungranted("values".into()));
    let policy = load("{}");
    assert_eq!(
        policy.info().imports,
        [
            "clock", "exchange", "fetch", "log", "metrics", "random", "values"
        ]
    );
}

/// The file with a string put in the place of another of the same length.
fn patched(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let (mut bytes, mut at) = (file("unruly.wasm"), 0);
    let find = |bytes: &[u8]| bytes.windows(from.len()).position(|w| w == from.as_bytes());
    while let Some(found) = find(&bytes[at..]) {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    assert!(at > 0, "`{from}` is in the file");
    bytes
}

#[test]
fn a_policy_for_another_version_is_refused_with_the_way_to_rebuild_it() {
    let bytes = patched("@0.4.0", "@0.9.0");
    let error = refused(Source {
        bytes,
        ..source("{}")
    })
    .to_string();
    assert!(error.contains("0.9.0"), "{error}");
    assert!(
        error.contains("rebuild it with outrigger-sdk 0.4"),
        "{error}"
    );
}

#[test]
fn an_import_that_nobody_offers_is_refused_by_its_name() {
    let other = "wasi:sockets/tcp@0.2.0000000";
    let bytes = patched("outrigger:policy/clock@0.4.0", other);
    let error = refused(Source {
        bytes,
        ..source("{}")
    });
    assert_eq!(error, LoadError::Unknown(other.into()));
}

#[test]
fn a_file_of_two_versions_is_refused() {
    // 0.3's is linked to the same functions, and is another contract all the same.
    let bytes = patched(
        "outrigger:policy/clock@0.4.0",
        "outrigger:policy/clock@0.3.0",
    );
    let error = refused(Source {
        bytes,
        ..source("{}")
    });
    assert_eq!(error.label(), "version");
    assert!(error.to_string().contains("clock@0.3.0"), "{error}");
}

#[test]
fn a_place_that_the_host_does_not_know_refuses_the_policy_and_a_star_is_every_place() {
    let error = refused(source(r#"{"reads":"hologram"}"#)).to_string();
    assert!(
        error.contains("`reads` lists the place `hologram`"),
        "{error}"
    );
    assert!(error.contains("user, assistant"), "{error}");
    for (place, expected) in [
        ("*", Places::ALL),
        ("other", Places::NONE.with(Place::Other)),
    ] {
        let policy = load(&format!(r#"{{"reads":"{place}"}}"#));
        assert_eq!(policy.manifest().reads, expected, "{place}");
    }
    assert_eq!(load("{}").info().contract, Version::V0_4);
}

/// The file with a tag for exceptions in it, of the module's first type without results.
fn with_a_tag() -> Vec<u8> {
    use wasmparser::{Parser, Payload};
    let mut bytes = file("unruly.wasm");
    let (mut plain, mut behind) = (None, None);
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::TypeSection(types) => {
                plain = types
                    .into_iter_err_on_gc_types()
                    .position(|of| of.unwrap().results().is_empty());
            }
            Payload::MemorySection(memories) => behind = Some(memories.range().end),
            _ => {}
        }
    }
    let kind = u8::try_from(plain.unwrap()).unwrap();
    assert!(kind < 0x80);
    let behind = behind.unwrap();
    bytes.splice(behind..behind, [13, 3, 1, 0, kind]);
    bytes
}

#[test]
fn a_policy_that_uses_a_proposal_beyond_the_list_is_refused_by_its_name() {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_outrigger-tool"));
    // It is said before that the file is no policy at all.
    let shared = b"\0asm\x01\0\0\0\x05\x04\x01\x03\x01\x01".to_vec();
    let error = |compiler, bytes: &[u8]| {
        let loader = Loader::new(Options::default(), None, compiler, Host::none()).unwrap();
        let bytes = bytes.to_vec();
        loader
            .load(Source {
                bytes,
                ..source("{}")
            })
            .err()
    };
    for compiler in [Compiler::InProcess, Compiler::Child(program)] {
        for (bytes, proposal) in [(&with_a_tag(), "exceptions"), (&shared, "threads")] {
            let error = error(compiler.clone(), bytes);
            assert_eq!(error, Some(LoadError::Proposals(proposal.into())));
        }
        assert_eq!(
            error(compiler, b"\0asm\x01\0\0\0"),
            Some(LoadError::NotAPolicy)
        );
    }
    // Without the program that has the validator the file's lack is reason enough.
    let missing = Compiler::Child("/no/such/program".into());
    assert_eq!(error(missing, &shared), Some(LoadError::NotAPolicy));
    let error = sandbox::introduced(&shared).err();
    assert_eq!(error, Some(LoadError::Proposals("threads".into())));
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused_and_harms_nobody() {
    let whole = file("unruly.wasm");
    for n in (0..whole.len()).step_by(whole.len() / 40) {
        let bytes = whole[..n].to_vec();
        let error = refused(Source {
            bytes,
            ..source("{}")
        });
        let plain = matches!(error, LoadError::Malformed(_) | LoadError::NotAPolicy);
        assert!(plain, "{n}: {error}");
    }
}

#[test]
fn the_second_load_comes_from_the_cache_and_a_damaged_file_is_made_anew() {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("cache");
    let load = || {
        let cache = Some(cache.clone());
        let loader = Loader::new(Options::default(), cache, Compiler::InProcess, Host::none());
        let source = source(r#"{"request":"edit"}"#);
        loader.unwrap().load(source).unwrap()
    };
    assert!(!load().info().cached);
    assert!(load().info().cached);

    let code = fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "cwasm"))
        .unwrap();
    let whole = fs::read(&code).unwrap();
    let mut bent = whole.clone();
    bent[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &bent, b""] {
        // Replaced, not overwritten: an instance may have it mapped.
        fs::remove_file(&code).unwrap();
        fs::write(&code, damaged).unwrap();
        assert!(!load().info().cached, "damage is noticed");
        assert_eq!(fs::read(&code).unwrap().len(), whole.len(), "and mended");
        assert!(load().info().cached);
    }
}

#[test]
fn another_configuration_is_another_image() {
    let (one, other) = (load(r#"{"x":"1"}"#), load(r#"{"x":"2"}"#));
    assert!(!one.info().cached && !other.info().cached);
    assert!(load(r#"{"x":"1"}"#).info().cached);
}

#[test]
fn without_a_cache_a_policy_is_compiled_into_memory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cache = Some(file.path().join("no-directory"));
    let loader = Loader::new(Options::default(), cache, Compiler::InProcess, Host::none()).unwrap();
    for _ in 0..2 {
        assert!(!loader.load(source("{}")).unwrap().info().cached);
    }
}

#[test]
fn a_child_compiles_with_the_same_outcome_with_and_without_a_cache() {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_outrigger-tool"));
    let home = tempfile::tempdir().unwrap();
    for cache in [Some(home.path().join("cache")), None] {
        let compiler = Compiler::Child(program.clone());
        let loader = Loader::new(Options::default(), cache, compiler, Host::none()).unwrap();
        let policy = loader.load(source(r#"{"request":"refuse"}"#)).unwrap();
        assert_eq!(policy.info().not_snapshotted, None);
        assert_eq!(policy.manifest().version, "0.1.0");
        let error = loader.load(source(r#"{"configure":"error"}"#)).err();
        assert_eq!(error, Some(LoadError::Configuration(REFUSAL.into())));
        let loader = loader.load_time(Duration::from_millis(200));
        let error = loader.load(source(r#"{"configure":"loop"}"#)).err();
        assert_eq!(error, Some(LoadError::Fault(Fault::CpuTime)));
    }
    let gone = Compiler::Child("/no/such/program".into());
    let loader = Loader::new(Options::default(), None, gone, Host::none()).unwrap();
    let error = loader.load(source("{}")).err();
    assert!(matches!(error, Some(LoadError::Compile(_))), "{error:?}");
}

#[test]
fn functions_compiled_ahead_are_not_compiled_again_and_the_code_is_the_same() {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_outrigger-tool"));
    let home = tempfile::tempdir().unwrap();
    let ahead = home.path().join("functions");
    let path = sandbox::precompile(&file("unruly.wasm"), &ahead).unwrap();
    // How many functions are compiled, and the code that they are in.
    let load = |compiler: &Compiler| {
        let cache = tempfile::tempdir().unwrap();
        let place = Some(cache.path().to_owned());
        let loader = Loader::new(Options::default(), place, compiler.clone(), Host::none());
        let loader = loader.unwrap().functions_from(ahead.clone());
        let policy = loader.load(source(r#"{"request":"edit"}"#)).unwrap();
        let code = fs::read_dir(cache.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|e| e == "cwasm"));
        (policy.info().functions, fs::read(code.unwrap()).unwrap())
    };
    let child = Compiler::Child(program);
    let (few, code) = load(&child);
    assert!(load(&Compiler::InProcess) == (few, code.clone()));

    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let (all, same) = load(&child);
    assert!(few * 4 < all, "{few} of {all}");
    assert!(code == same);

    // A file that was changed, that is another policy's, or that others may write to: as if it
    // were not there.
    let mut bent = whole.clone();
    bent[whole.len() / 2] ^= 1;
    let other = sandbox::precompile(&file("probe.wasm"), &ahead).unwrap();
    for (bytes, mode) in [(bent, 0o644), (whole, 0o666)] {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(load(&child) == (all, code.clone()), "{mode:o}");
    }
    fs::rename(other, &path).unwrap();
    let (most, same) = load(&child);
    assert!(most > few && same == code, "{most} of {all}");
}

/// The file as a component with something in it that can't be snapshotted: a component in the
/// component, with a module in it.
fn unsnapshottable() -> Vec<u8> {
    let mut component = wit_component::ComponentEncoder::default()
        .module(&file("unruly.wasm"))
        .and_then(|mut encoder| encoder.encode())
        .unwrap();
    let (module, inner) = (b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0");
    component.extend([4, 8 + 2 + 8]);
    component.extend(inner);
    component.extend([1, 8]);
    component.extend(module);
    component
}

#[tokio::test]
async fn a_component_that_cannot_be_snapshotted_is_configured_in_each_instance_and_says_so() {
    let load = |config: &str| {
        loader().load(Source {
            bytes: unsnapshottable(),
            ..source(config)
        })
    };
    let policy = load(r#"{"request":"echo_config","reply":"upper"}"#).unwrap();
    let reason = policy.info().not_snapshotted.clone().unwrap();
    assert!(reason.contains("nested components"), "{reason}");
    for _ in 0..3 {
        let (instance, decision) = ask(&policy, "hi").await.1.unwrap();
        let config = r#"{"request":"echo_config","reply":"upper"}"#;
        assert_eq!(decision, Decision::Reply(config.into()));
        let (_, texts) = instance.on_reply(head(), vec![delta("a")]).await.unwrap();
        assert_eq!(texts.unwrap(), [Some("200A".to_owned())]);
    }
    let again = load(r#"{"request":"echo_config","reply":"upper"}"#).unwrap();
    assert!(again.info().cached && again.info().not_snapshotted.is_some());

    let error = load(r#"{"configure":"error"}"#).err();
    assert_eq!(error, Some(LoadError::Configuration(REFUSAL.into())));
    let error = load(r#"{"configure":"loop"}"#).err();
    assert_eq!(error, Some(LoadError::Fault(Fault::CpuTime)));
}
