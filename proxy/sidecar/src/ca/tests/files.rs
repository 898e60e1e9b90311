//! Files on disk: modes, restarts, races, and the errors.

use std::{os::unix::fs::PermissionsExt, thread};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_key_is_its_owners_alone_and_what_apps_read_is_everybodys() {
    let pod = Pod::new();
    let ca = pod.open(&[OPENAI], day(0));
    assert_eq!(
        (mode(&pod.settings.directory), mode(&pod.key())),
        (0o700, 0o600)
    );
    assert_eq!(mode(&pod.settings.bundle), 0o755);
    for file in ca.app_files() {
        assert_eq!(mode(file), 0o644, "{}", file.display());
        assert!(!fs::read(file).unwrap().windows(7).any(|w| w == b"PRIVATE"));
    }
    let names = |directory: &Path| {
        let entries = fs::read_dir(directory).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&pod.settings.directory), set(&["ca.key"]));
    assert_eq!(
        names(&pod.settings.bundle),
        set(&["bundle.p12", "bundle.pem", "ca.pem"])
    );
}

#[test]
fn an_open_volume_and_an_open_key_are_closed_but_no_directory_with_others_files() {
    let pod = Pod::new();
    let directory = &pod.settings.directory;
    fs::create_dir(directory).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    pod.open(&[OPENAI], day(0));
    assert_eq!(mode(directory), 0o700);
    fs::set_permissions(pod.key(), fs::Permissions::from_mode(0o660)).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(directory.join("other"), "x").unwrap();
    pod.open(&[OPENAI], day(0));
    assert_eq!((mode(directory), mode(&pod.key())), (0o777, 0o600));
}

#[test]
fn a_restart_changes_no_byte_and_the_same_client_goes_on() {
    let pod = Pod::new();
    let ca = pod.open(&[OPENAI], day(0));
    let (roots, fingerprint) = (pod.roots(), ca.fingerprint());
    let files = || {
        let files = [
            pod.key(),
            pod.ca(),
            pod.settings.bundle.join("bundle.pem"),
            pod.settings.bundle.join("bundle.p12"),
        ];
        files.map(|file| {
            (
                fs::read(&file).unwrap(),
                fs::metadata(&file).unwrap().modified().unwrap(),
            )
        })
    };
    let before = files();
    drop(ca);
    let ca = pod.open(&[OPENAI], day(30));
    assert_eq!(files(), before);
    assert_eq!(ca.fingerprint(), fingerprint);
    serves(&roots, &ca, OPENAI, day(30)).unwrap();
}

#[test]
fn what_apps_read_is_written_again_where_it_is_missing_or_damaged_with_the_same_key() {
    let pod = Pod::new();
    let ca = pod.open(&[OPENAI], day(0));
    let (old, key) = (pod.roots(), fs::read(pod.key()).unwrap());
    for file in ["ca.pem", "bundle.pem", "bundle.p12"] {
        fs::remove_file(pod.settings.bundle.join(file)).unwrap();
        assert_ne!(renewed(&ca, day(1)), Renewal::Unchanged, "{file}");
        assert_eq!(renewed(&ca, day(1)), Renewal::Unchanged, "{file}");
    }
    for damaged in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        fs::write(pod.ca(), damaged).unwrap();
        let ca = pod.open(&[OPENAI], day(2));
        assert_eq!(fs::read(pod.key()).unwrap(), key);
        serves(&old, &ca, OPENAI, day(2)).unwrap();
        serves(&pod.roots(), &ca, OPENAI, day(2)).unwrap();
    }
}

#[test]
fn other_public_roots_are_taken_up_by_a_renewal() {
    let pod = Pod::new();
    let ca = pod.open(&[OPENAI], day(0));
    let roots = pod.settings.roots.as_ref().unwrap();
    fs::write(
        roots,
        bundle::pem_all(&webpki_root_certs::TLS_SERVER_ROOT_CERTS[..5]),
    )
    .unwrap();
    assert_eq!(renewed(&ca, day(0)), Renewal::Rewritten);
    assert_eq!(
        certificates(&pod.settings.bundle.join("bundle.pem")).len(),
        6
    );
    assert_eq!(renewed(&ca, day(0)), Renewal::Unchanged);
    fs::write(roots, "nothing").unwrap();
    let said = ca.renew(&set(&[OPENAI]), day(0)).unwrap_err().to_string();
    assert!(
        said.contains("roots.pem holds no PEM certificate") && said.contains("`ca.roots`"),
        "{said}"
    );
    assert_eq!(
        certificates(&pod.settings.bundle.join("bundle.pem")).len(),
        6
    );
}

#[test]
fn an_empty_file_counts_as_no_key_yet() {
    let pod = Pod::new();
    fs::create_dir_all(&pod.settings.directory).unwrap();
    fs::create_dir_all(&pod.settings.bundle).unwrap();
    fs::write(pod.key(), "").unwrap();
    fs::write(pod.ca(), "").unwrap();
    let ca = pod.open(&[OPENAI], day(0));
    serves(&pod.roots(), &ca, OPENAI, day(0)).unwrap();
    assert_eq!(mode(&pod.key()), 0o600);
}

#[test]
fn a_key_that_is_none_or_gone_is_an_error_and_never_replaced() {
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)
        .unwrap()
        .serialize_pem();
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)
        .unwrap()
        .serialize_pem();
    for (content, said) in [
        (Some("garbage"), "holds no private key in PEM"),
        (
            Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            "holds a key that is no ECDSA P-256 one",
        ),
        (Some(&p384), "holds a key that is no ECDSA P-256 one"),
        (Some(&ed25519), "holds a key that is no ECDSA P-256 one"),
        (Some(""), "a new key would break the apps"),
        (None, "a new key would break the apps"),
    ] {
        let pod = Pod::new();
        pod.open(&[OPENAI], day(0));
        let certificate = fs::read(pod.ca()).unwrap();
        match content {
            Some(text) => fs::write(pod.key(), text).unwrap(),
            None => fs::remove_file(pod.key()).unwrap(),
        }
        let message = pod.try_open(&[OPENAI], day(1)).unwrap_err().to_string();
        for part in [said, "ca.key", "ca.pem", "delete", "restart the pod"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(fs::read_to_string(pod.key()).ok().as_deref(), content);
        assert_eq!(fs::read(pod.ca()).unwrap(), certificate);
        // The remedy that the error names works.
        let _ = fs::remove_file(pod.key());
        fs::remove_file(pod.ca()).unwrap();
        pod.open(&[OPENAI], day(1));
    }
}

#[test]
fn certificates_of_another_pod_are_not_overwritten() {
    let (pod, other) = (Pod::new(), Pod::new());
    pod.open(&[OPENAI], day(0));
    other.open(&[OPENAI], day(0));
    let mixed = config::Ca {
        bundle: pod.settings.bundle.clone(),
        ..other.settings.clone()
    };
    let before = fs::read(pod.ca()).unwrap();
    let message = Authority::open(&mixed, &set(&[OPENAI]), day(0))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("was made with another key") && message.contains("ca.pem"),
        "{message}"
    );
    assert_eq!(fs::read(pod.ca()).unwrap(), before);
}

#[test]
fn places_that_can_not_be_used_are_named_with_the_reason_and_the_remedy() {
    let pod = Pod::new();
    let file = pod.at.path().join("file");
    fs::write(&file, "x").unwrap();
    let with = |directory: &Path, bundle: &Path| {
        let settings = config::Ca {
            directory: directory.into(),
            bundle: bundle.into(),
            ..pod.settings.clone()
        };
        Authority::open(&settings, &set(&[OPENAI]), day(0))
            .unwrap_err()
            .to_string()
    };
    let (key, apps) = (&pod.settings.directory, &pod.settings.bundle);
    for (message, place) in [
        (with(&file, apps), "/file: "),
        (
            with(&file.join("below"), apps),
            "/file/below: it is not a directory",
        ),
        (
            with(key, &file.join("below")),
            "/file/below: it is not a directory",
        ),
        (
            with(Path::new("/proc/outrigger"), apps),
            "can't make /proc/outrigger: ",
        ),
    ] {
        assert!(
            message.contains(place) && message.contains("mounted writable"),
            "{place}: {message}"
        );
    }
    assert!(with(key, key).contains("a directory each"));
    fs::create_dir_all(pod.key()).unwrap();
    let message = with(key, apps);
    assert!(
        message.contains("can't read") && message.contains("ca.key: it is a directory"),
        "{message}"
    );
}

#[test]
fn many_that_open_at_once_make_one_key_and_one_certificate() {
    let pod = Pod::new();
    let opened: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| pod.open(&[OPENAI], day(0))))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let prints: BTreeSet<String> = opened.iter().map(|ca| ca.fingerprint()).collect();
    assert_eq!(prints.len(), 1);
    for ca in &opened {
        serves(&pod.roots(), ca, OPENAI, day(0)).unwrap();
    }
}

#[test]
fn whoever_reads_while_it_is_renewed_finds_whole_files() {
    let pod = Pod::new();
    let ca = pod.open(&[OPENAI], day(0));
    thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            for n in 0..30 {
                let hosts = [set(&[OPENAI]), set(&[OPENAI, ANTHROPIC])];
                ca.renew(&hosts[n % 2], day(1)).unwrap();
            }
        });
        while !renewing.is_finished() {
            assert_eq!(
                certificates(&pod.settings.bundle.join("bundle.pem")).len(),
                4
            );
            let leaf = ca.leaf(OPENAI, day(1)).unwrap();
            accepts(&pod.roots(), &leaf, OPENAI, day(1)).unwrap();
        }
    });
}

#[test]
fn two_that_open_for_other_hosts_share_the_key() {
    let pod = Pod::new();
    let (one, other) = (pod.open(&[OPENAI], day(0)), pod.open(&[ANTHROPIC], day(0)));
    let roots = pod.roots();
    serves(&roots, &other, ANTHROPIC, day(0)).unwrap();
    assert!(serves(&roots, &one, OPENAI, day(0)).is_err());
    // The first takes its hosts up again with its next renewal, whoever was in between.
    one.renew(&set(&[OPENAI, ANTHROPIC]), day(0)).unwrap();
    serves(&pod.roots(), &one, OPENAI, day(0)).unwrap();
}

#[test]
fn nothing_that_is_printed_of_it_holds_the_key() {
    let pod = Pod::new();
    let ca = pod.open(&[OPENAI], day(0));
    let key = fs::read_to_string(pod.key()).unwrap();
    let printed = format!("{ca:?} {:?} {:?}", ca.key, ca.current.load());
    for line in key.lines() {
        assert!(!printed.contains(line));
    }
    fs::write(pod.key(), key.replace("BEGIN", "BEGUN")).unwrap();
    let message = format!("{:?}", pod.try_open(&[OPENAI], day(0)).unwrap_err());
    for line in key.lines().filter(|line| !line.starts_with('-')) {
        assert!(!message.contains(line));
    }
}
