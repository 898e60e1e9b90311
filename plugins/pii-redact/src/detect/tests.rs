//! The detector as a whole: what is found, what is left alone, and that no text is too much for it.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{Kind, Kinds, Span, scan};

mod disguises;
mod numbers;
mod secrets;

fn found(text: &str) -> Vec<(Kind, &str)> {
    let mut spans = Vec::new();
    scan(text, Kinds::ALL, &mut spans);
    spans
        .iter()
        .map(|span| (span.kind, &text[span.start..span.end]))
        .collect()
}

#[track_caller]
fn finds(text: &str, expected: &[(Kind, &str)]) {
    assert_eq!(found(text), expected, "in {text:?}");
}

#[test]
fn addresses_are_found_in_every_writing_of_their_at_sign() {
    finds(
        "Write to ana.silva+x@mail.co.uk.",
        &[(Kind::Email, "ana.silva+x@mail.co.uk")],
    );
    finds(r#"{"a":"\nana@x.com\n"}"#, &[(Kind::Email, "ana@x.com")]);
    finds(
        r#"{"a":"{\"e\":\"\\nana\\u0040x.com\"}"}"#,
        &[(Kind::Email, r"ana\\u0040x.com")],
    );
    finds(
        r#""joão@uni-köln.de" "jo\u00e3o\u0040x.de""#,
        &[
            (Kind::Email, "joão@uni-köln.de"),
            (Kind::Email, r"jo\u00e3o\u0040x.de"),
        ],
    );
    finds("?mail=ana%40x.com&b", &[(Kind::Email, "ana%40x.com")]);
    finds(
        "5511987654321@x.com",
        &[(Kind::Email, "5511987654321@x.com")],
    );
}

#[test]
fn what_only_looks_like_an_address_is_left_alone() {
    for text in [
        "git@github.com:a/b.git",
        "lodash@4.17.21",
        "logo@2x.png",
        "@app.route",
        "a@b",
        "x@localhost",
        "@@@",
        "a@.com",
        "react@18.2.0-rc.beta",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn secrets_are_found_by_prefix_by_name_and_as_blocks() {
    // Put together here, so that no scanner takes this file for a leak.
    let tail = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
    for prefix in [
        "sk-",
        "sk-proj-",
        "sk-ant-api03-",
        "ghp_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "sk_live_",
        "npm_",
        "hf_",
        "gsk_",
    ] {
        let key = format!("{prefix}{tail}");
        finds(&format!("key={key}  # x"), &[(Kind::Secret, &key)]);
        finds(&format!(r#"{{\"k\":\"{key}\"}}"#), &[(Kind::Secret, &key)]);
    }
    let (amazon, google) = (
        format!("AKIA{}", "ABCDEFGH12345678"),
        format!("AIza{}", &tail[..35]),
    );
    finds(
        &format!("{amazon} {google}"),
        &[(Kind::Secret, &amazon), (Kind::Secret, &google)],
    );
    let token = format!("eyJ{0}.eyJ{0}.{0}", &tail[..24]);
    finds(&format!("Bearer {token}."), &[(Kind::Secret, &token)]);
    let block = format!(
        "-----BEGIN RSA {}-----\n{tail}\n-----END RSA {}-----",
        "PRIVATE KEY", "PRIVATE KEY"
    );
    finds(&format!("a\n{block}\nb"), &[(Kind::Secret, &block)]);
    let cut = format!("-----BEGIN {}-----\\n{tail}", "PRIVATE KEY");
    finds(&cut, &[(Kind::Secret, &cut)]);
    let aws = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYa4B9c2D8e1";
    finds(
        &format!("aws_secret_access_key = {aws}"),
        &[(Kind::Secret, aws)],
    );
    finds("db_password: 'hunter2!'", &[(Kind::Secret, "hunter2!")]);
    finds(
        "postgres://app:s3cr3t@db.internal:5432/x",
        &[(Kind::Secret, "s3cr3t")],
    );
}

#[test]
fn code_and_hashes_are_no_secrets() {
    for text in [
        "sk-learn-is-a-typo-of-scikit-learn",
        "token = get_token(user.id)",
        "password: str = Field()",
        "max_tokens: 4096",
        "commit 935c04efb26798b6d7c91ce65f6dbad1f324ae92",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "const TOKEN: &str = \"your-token-here\";",
        "-----BEGIN CERTIFICATE-----",
        "access_token: response.access_token",
        "well-known snake_case_name e.g.",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn only_the_listed_kinds_are_found() {
    let mut spans = Vec::new();
    scan(
        "ana@x.com 203.0.113.7",
        Kinds::NONE.with(Kind::Ip),
        &mut spans,
    );
    assert_eq!(
        spans,
        [Span {
            start: 10,
            end: 21,
            kind: Kind::Ip
        }]
    );
}

#[test]
fn a_placeholder_holds_nothing_to_find() {
    let mut vault = crate::placeholder::Vault::new(b"key");
    for n in 0..2000 {
        for &kind in Kind::ALL {
            finds(
                &format!("token={}", vault.issue(kind.label(), &n.to_string(), 0)),
                &[],
            );
        }
    }
}

/// Text that sends every scanner as far as it goes, again and again. Unoptimised, what is linear
/// takes well under a second; what is quadratic would take minutes.
#[test]
fn no_text_takes_more_than_linear_time() {
    let key = format!("-----BEGIN {}-----\n", "PRIVATE KEY");
    let units = [
        "1",
        "1 ",
        "@",
        "a@",
        "a@a.",
        "sk-",
        "sk-a1",
        "xoxb-xoxb-",
        "a:",
        "::",
        "1:",
        "1.1.1.1.",
        "eyJ",
        "eyJ-",
        "eyJa.",
        key.as_str(),
        "\\",
        "\\u0040",
        "%40",
        "AKIA",
        "token=",
        "\"token\":\"a",
        "1-",
        "(1)",
        "DE12",
        "a.b@",
        "_",
        "12.345.678/",
        "é1",
        "-----BEGIN ",
    ];
    let mut spans = Vec::new();
    for unit in units {
        let text = unit.repeat((1 << 16) / unit.len());
        spans.clear();
        // Not timed: a scanner that looked back over all of it would take minutes for one of these.
        scan(&text, Kinds::ALL, &mut spans);
        assert!(spans.iter().all(|span| span.end <= text.len()), "{unit:?}");
    }
}

#[test]
fn an_address_ends_where_a_character_begins() {
    for after in ["”", "—", "…", "😀", "√", "›", "ā", "\u{e000}"] {
        let text = format!("“ana.souza@example.com{after} and more");
        let mut spans = Vec::new();
        scan(&text, Kinds::ALL, &mut spans);
        let found: Vec<_> = spans
            .iter()
            .map(|span| text.get(span.start..span.end))
            .collect();
        let name = match after {
            "ā" => "ana.souza@example.comā", // a letter
            _ => "ana.souza@example.com",
        };
        assert_eq!(found, [Some(name)], "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_ordered_findings_on_character_boundaries(text in r#"([a-z0-9@.:/\\"%+() -]|\\u00|[é√😀]|sk-|eyJ|DE12|-----BEGIN ){0,80}"#) {
        let mut spans = Vec::new();
        scan(&text, Kinds::ALL, &mut spans);
        let mut end = 0;
        for span in spans {
            prop_assert!(span.start >= end && span.start < span.end);
            prop_assert!(text.get(span.start..span.end).is_some());
            end = span.end;
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let mut spans = Vec::new();
        scan(&text, Kinds::ALL, &mut spans);
    }

    #[test]
    fn a_value_between_other_words_is_covered_whole(before in "[aeouvxy ]{0,20}[ (\"=]", after in "[ ),;\"][a-z ]{0,20}", at in 0usize..6) {
        let value = ["ana@x.com", "4111111111111111", "529.982.247-25", "DE89370400440532013000", "203.0.113.7", "+55 11 98765-4321"][at];
        let text = format!("{before}{value}{after}");
        let mut spans = Vec::new();
        scan(&text, Kinds::ALL, &mut spans);
        prop_assert_eq!(spans.len(), 1, "{}", text);
        prop_assert_eq!(text.get(spans[0].start..spans[0].end).unwrap(), value);
    }
}
