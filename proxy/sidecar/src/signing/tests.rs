//! Cases that must be refused, a class at a time. Flips are exhaustive: every bit of a signature's
//! file, and a sample of a module's.
#![allow(clippy::unwrap_used, reason = "tests")]

use semver::Version;

use super::{key::KeyError, *};

const MODULE: &[u8] = b"\0asm\x01\0\0\0 a module";
const CASES: &[u8] = b"cases: []";

fn key() -> SecretKey {
    SecretKey::generate().unwrap().0
}

fn statement(name: &str, version: &str) -> Statement {
    Statement {
        policy: name.into(),
        version: Version::parse(version).unwrap(),
        sha256: digest(MODULE),
        cases: None,
    }
}

fn trust(signers: &[&SecretKey]) -> Trust {
    Trust {
        signers: signers.iter().map(|key| key.public()).collect(),
        require: true,
        rollback_guard: true,
    }
}

fn judge(
    trust: &Trust,
    name: &str,
    module: &[u8],
    signature: impl AsRef<[u8]>,
) -> Result<Option<Verified>, Refused> {
    trust.judge(&Subject {
        name,
        sha256: &digest(module),
        cases: None,
        signature: &Beside::File(signature.as_ref().into()),
        pin: None,
    })
}

#[test]
fn what_was_signed_verifies_and_tells_version_and_key() {
    let key = key();
    let signature = statement("probe", "1.2.0").sign(&key).to_string();
    let verified = judge(&trust(&[&key]), "probe", MODULE, &signature).unwrap();
    let (version, id) = (Version::new(1, 2, 0), key.public().id());
    assert_eq!(verified, Some(Verified { version, key: id }));
    // Tools that carry text may drop the last line's end, and nothing else.
    assert!(judge(&trust(&[&key]), "probe", MODULE, signature.trim_end()).is_ok());
    for other in [
        signature.replace('\n', "\r\n"),
        format!("{signature}\n"),
        format!(" {signature}"),
        format!("{signature}x: y\n"),
        signature.to_uppercase(),
    ] {
        assert!(
            judge(&trust(&[&key]), "probe", MODULE, &other).is_err(),
            "{other}"
        );
    }
}

#[test]
fn no_single_bit_of_a_signatures_file_can_be_flipped() {
    let key = key();
    let trust = trust(&[&key]);
    let mut with_cases = statement("probe", "1.2.0-rc.1+build.5");
    with_cases.cases = Some(digest(CASES));
    for statement in [statement("probe", "1.2.0"), with_cases] {
        let signature = statement.sign(&key).to_string().into_bytes();
        assert!(judge(&trust, "probe", MODULE, &signature).is_ok());
        for at in 0..signature.len() {
            for bit in 0..8 {
                let mut flipped = signature.clone();
                flipped[at] ^= 1 << bit;
                let passed = judge(&trust, "probe", MODULE, &flipped);
                assert!(passed.is_err(), "bit {bit} of byte {at}: {passed:?}");
            }
        }
    }
}

#[test]
fn no_single_bit_of_a_module_or_of_its_name_can_be_flipped() {
    let key = key();
    let trust = trust(&[&key]);
    let signature = statement("probe", "1.2.0")
        .sign(&key)
        .to_string()
        .into_bytes();
    for bit in 0..MODULE.len() * 8 {
        let mut flipped = MODULE.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(
            judge(&trust, "probe", &flipped, &signature),
            Err(Refused::Bytes { .. })
        ));
    }
    for name in ["qrobe", "probf", "Probe", "probe2", "prob", ""] {
        assert!(matches!(
            judge(&trust, name, MODULE, &signature),
            Err(Refused::Name { .. })
        ));
    }
}

#[test]
fn a_signature_cut_anywhere_empty_or_huge_is_none() {
    let key = key();
    let signature = statement("probe", "1.2.0").sign(&key).to_string();
    for end in 0..signature.len() - 1 {
        assert!(matches!(
            judge(&trust(&[&key]), "probe", MODULE, &signature[..end]),
            Err(Refused::Malformed { .. })
        ));
    }
    let huge = vec![b'a'; LARGEST as usize + 1];
    assert!(Signature::parse(&huge).is_err());
    let padded = format!("{signature}{}", " ".repeat(LARGEST as usize));
    assert!(Signature::parse(padded.as_bytes()).is_err());
}

#[test]
fn another_key_and_a_key_that_only_claims_an_id_are_distinguished() {
    let (ours, theirs) = (key(), key());
    let signature = statement("probe", "1.2.0").sign(&theirs).to_string();
    let Err(Refused::Unknown { key, signers, .. }) =
        judge(&trust(&[&ours]), "probe", MODULE, &signature)
    else {
        panic!("a stranger's signature");
    };
    assert_eq!(
        (key, signers),
        (theirs.public().id(), vec![ours.public().id()])
    );
    let posing = signature.replace(&theirs.public().id(), &ours.public().id());
    assert!(matches!(
        judge(&trust(&[&ours]), "probe", MODULE, &posing),
        Err(Refused::Forged { .. })
    ));
    assert!(judge(&trust(&[&ours, &theirs]), "probe", MODULE, &signature).is_ok());
}

#[test]
fn a_signature_of_another_policy_or_of_another_version_of_it_does_not_fit() {
    let key = key();
    let other = statement("other", "1.2.0").sign(&key).to_string();
    assert!(judge(&trust(&[&key]), "probe", MODULE, &other).is_err());
    // The signed version counts: once it is rewritten, the signature is invalid.
    let newer = statement("probe", "1.2.0")
        .sign(&key)
        .to_string()
        .replace("1.2.0", "9.0.0");
    assert!(matches!(
        judge(&trust(&[&key]), "probe", MODULE, &newer),
        Err(Refused::Forged { .. })
    ));
}

#[test]
fn cases_count_only_where_they_were_signed() {
    let key = key();
    let trust = trust(&[&key]);
    let with = |signed: Option<&[u8]>, found: Option<&[u8]>| {
        let mut statement = statement("probe", "1.2.0");
        statement.cases = signed.map(digest);
        let file = Beside::File(statement.sign(&key).to_string().into_bytes().into());
        trust.judge(&Subject {
            name: "probe",
            sha256: &digest(MODULE),
            cases: found.map(digest).as_ref(),
            signature: &file,
            pin: None,
        })
    };
    assert!(with(Some(CASES), Some(CASES)).is_ok());
    assert!(
        with(Some(CASES), None).is_ok(),
        "a delivery may leave them out"
    );
    assert!(matches!(
        with(None, Some(CASES)),
        Err(Refused::Cases { none: true, .. })
    ));
    assert!(matches!(
        with(Some(CASES), Some(b"x")),
        Err(Refused::Cases { none: false, .. })
    ));
}

#[test]
fn without_signers_nothing_is_required_and_without_require_only_what_is_there() {
    let key = key();
    let subject = |signature| Subject {
        name: "probe",
        sha256: &[0; 32],
        cases: None,
        signature,
        pin: None,
    };
    let (nothing, junk) = (Beside::Nothing, Beside::File((*b"junk").into()));
    let nobody = Trust::default();
    assert_eq!(nobody.judge(&subject(&junk)), Ok(None));
    let lenient = Trust {
        require: false,
        ..trust(&[&key])
    };
    assert_eq!(lenient.judge(&subject(&nothing)), Ok(None));
    assert!(lenient.judge(&subject(&junk)).is_err());
    assert!(matches!(
        trust(&[&key]).judge(&subject(&nothing)),
        Err(Refused::Unsigned { .. })
    ));
}

#[test]
fn a_pin_holds_with_and_without_signatures() {
    let (found, other) = (digest(MODULE), digest(CASES));
    for pin in [None, Some(&found), Some(&other)] {
        let judged = Trust::default().judge(&Subject {
            name: "probe",
            sha256: &found,
            cases: None,
            signature: &Beside::Nothing,
            pin,
        });
        assert_eq!(judged.is_ok(), pin != Some(&other));
    }
}

#[test]
fn an_older_version_is_refused_and_the_memory_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let of = |text: &str| Verified {
        version: Version::parse(text).unwrap(),
        key: String::new(),
    };
    let mut seen = Seen::open(folder.path());
    assert!(seen.judge("a", &of("1.0.0")).is_ok());
    seen.note([("a", &Version::new(1, 2, 0))]);
    let again = Seen::open(folder.path());
    for (version, ok) in [
        ("1.2.0", true),
        ("1.2.0+rebuilt", true),
        ("1.3.0-rc.1", true),
        ("1.10.0", true),
        ("1.2.0-rc.9", false),
        ("1.1.99", false),
        ("0.9.0", false),
    ] {
        assert_eq!(again.judge("a", &of(version)).is_ok(), ok, "{version}");
        assert!(again.judge("b", &of(version)).is_ok());
    }
    let message = again.judge("a", &of("1.1.0")).unwrap_err().to_string();
    assert!(
        message.contains("1.1.0 is older than 1.2.0") && message.contains("allow_rollback: true")
    );
    // The operator allowed it: from there on it counts as the newest.
    let mut again = again;
    again.note([("a", &Version::new(1, 1, 0))]);
    assert!(Seen::open(folder.path()).judge("a", &of("1.1.0")).is_ok());
    assert!(Seen::open(folder.path()).judge("a", &of("1.0.0")).is_err());
}

#[test]
fn a_memory_that_others_can_write_to_or_that_is_damaged_is_not_believed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let of = Verified {
        version: Version::new(1, 0, 0),
        key: String::new(),
    };
    Seen::open(folder.path()).note([("a", &Version::new(2, 0, 0))]);
    assert!(Seen::open(folder.path()).judge("a", &of).is_err());
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(Seen::open(folder.path()).judge("a", &of).is_ok());
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(folder.path().join("signed-versions.json"), "{").unwrap();
    assert!(Seen::open(folder.path()).judge("a", &of).is_ok());
}

#[test]
fn keys_read_back_and_openssls_form_is_read_too() {
    let (key, pem) = SecretKey::generate().unwrap();
    assert_eq!(SecretKey::from_pem(&pem).unwrap().public(), key.public());
    assert_eq!(
        PublicKey::parse(&key.public().to_string()),
        Ok(key.public())
    );
    // RFC 8410 §10.3, and its public half of §10.1 as the RFC's SubjectPublicKeyInfo ends.
    let rfc = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    assert_eq!(
        SecretKey::from_pem(rfc).unwrap().public().to_string(),
        "ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
    );
    for wrong in [
        "",
        "x",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
        &pem[..40],
    ] {
        assert_eq!(SecretKey::from_pem(wrong).err(), Some(KeyError::Private));
    }
    assert_eq!(PublicKey::parse_all(&pem), Err(KeyError::Secret));
    for wrong in [
        "ed25519:",
        "ed25519:AAAA",
        "rsa:AAAA",
        "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
    ] {
        assert_eq!(PublicKey::parse(wrong), Err(KeyError::Public), "{wrong}");
    }
    assert!(!format!("{key:?}").contains(pem.lines().nth(1).unwrap()));
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(bytes: Vec<u8>) {
        let _ = Signature::parse(&bytes);
    }

    #[test]
    fn what_reads_is_written_back_as_it_was(version in "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(-[a-z0-9.]{1,8})?", policy in "[a-zA-Z0-9._-]{1,70}") {
        let text = format!(
            "outrigger policy signature 1\npolicy: {policy}\nversion: {version}\nsha256: {}\nkey: ab\nsignature: {}==\n",
            "0".repeat(64), "A".repeat(86)
        );
        if let Ok(read) = Signature::parse(text.as_bytes()) {
            proptest::prop_assert_eq!(read.to_string(), text);
        }
    }
}
