#![expect(clippy::unwrap_used, reason = "tests")]

use outrigger_sdk::Place;

use super::*;

fn passage(text: &str, json: bool) -> Passage {
    Passage {
        id: 0,
        place: Place::User,
        message: 0,
        text: text.into(),
        json,
    }
}

fn found(text: &str, value: &str, label: &str) -> Found {
    let start = text.find(value).unwrap();
    Found {
        start,
        end: start + value.len(),
        label: label.into(),
    }
}

#[test]
fn a_kinds_name_becomes_a_label_that_fits_a_placeholder() {
    for (name, expected) in [
        ("PERSON", "PERSON"),
        ("US_DRIVER_LICENSE", "US_DRIVER"),
        ("Date of birth", "DATE_OF"),
        ("organizationname", "ORGANIZATIO"),
        ("_x2_", "X"),
    ] {
        assert_eq!(label(name).unwrap(), expected, "{name}");
    }
    assert_eq!(label("42_"), None);
}

#[test]
fn placeholders_and_masks_are_known_whoever_wrote_them() {
    let text =
        "[[EMAIL_7f3a2c]] [[[CARD_6tzqsyfi]] [[UK_NINO]] [[x]] [[Email_7f3a2c]] [[PIN_1]] [[é [[";
    let all: Vec<&str> = placeholders(text).map(|range| &text[range]).collect();
    assert_eq!(
        all,
        ["[[EMAIL_7f3a2c]]", "[[CARD_6tzqsyfi]]", "[[UK_NINO]]"]
    );
}

#[test]
fn what_is_hidden_comes_back_and_json_stays_json() {
    let mut redactor =
        Redactor::tokenizing(Some("a key of some length"), LaterReplies::Refuse).unwrap();
    let text = r#"{"who":"José \"Zé\" Núñez","n":41}"#;
    let hidden = redactor.replace(
        &passage(text, true),
        &[
            found(text, r#"José \"Zé\" Núñez"#, "PERSON"),
            found(text, "41", "AGE"),
        ],
    );
    let value: serde_json::Value = serde_json::from_str(&hidden).unwrap();
    assert!(value["who"].as_str().unwrap().starts_with("[[PERSON_"));
    assert!(value["n"].as_str().unwrap().starts_with("[[AGE_"));
    let mut delta = Delta::new(0, Place::Assistant, value["who"].as_str().unwrap(), true);
    redactor.restore(&mut delta);
    assert_eq!(delta.text(), "José \"Zé\" Núñez");
}

#[test]
fn placeholders_are_those_of_pii_redact_with_the_same_key() {
    let key = "a key of some length";
    let text = "Ana: ana@x.com";
    let mut redactor = Redactor::tokenizing(Some(key), LaterReplies::Refuse).unwrap();
    let hidden = redactor.replace(&passage(text, false), &[found(text, "ana@x.com", "EMAIL")]);
    let mut vault = Vault::new(key.as_bytes());
    assert_eq!(
        hidden,
        format!("Ana: {}", vault.issue("EMAIL", "ana@x.com", 0))
    );
}

#[test]
fn a_mask_is_for_good_and_a_short_key_is_refused() {
    let text = "Ana";
    let mut redactor = Redactor::masking();
    let hidden = redactor.replace(&passage(text, false), &[found(text, "Ana", "PERSON")]);
    assert_eq!(
        (hidden.as_str(), redactor.restores()),
        ("[[PERSON]]", false)
    );
    assert!(Redactor::tokenizing(Some("short"), LaterReplies::Refuse).is_err());
}
