//! The detector as a whole: what is found, what is left alone, and that no text is too much for it.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

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
fn cards_need_an_issuer_a_length_and_a_check_digit() {
    for card in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "3782-822463-10005",
        "5555555555554444",
        "6362970000457013",
        "6062828888666688",
        "30569309025904",
    ] {
        finds(&format!("card {card}."), &[(Kind::Card, card)]);
    }
    for text in [
        "4111111111111112",
        "1111111111111117",
        "SKU-4111-1111-1111-1111",
        "4111111111111111-a",
        "0000000000000000",
        "x4111111111111111",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn brazilian_numbers_need_their_check_digits() {
    finds(
        "CPF 529.982.247-25, 52998224725, 529982247-25",
        &[
            (Kind::Cpf, "529.982.247-25"),
            (Kind::Cpf, "52998224725"),
            (Kind::Cpf, "529982247-25"),
        ],
    );
    finds("CPF 529.982.247-26 111.111.111-11", &[]);
    finds(
        "11.222.333/0001-81 11222333000181",
        &[
            (Kind::Cnpj, "11.222.333/0001-81"),
            (Kind::Cnpj, "11222333000181"),
        ],
    );
    finds(
        r"CNPJ 12.ABC.345/01DE-35 e 12.ABC.345\/01DE-35, CNPJ 12ABC34501DE35",
        &[
            (Kind::Cnpj, "12.ABC.345/01DE-35"),
            (Kind::Cnpj, r"12.ABC.345\/01DE-35"),
            (Kind::Cnpj, "12ABC34501DE35"),
        ],
    );
}

#[test]
fn ibans_need_their_country_s_length_and_mod_97() {
    for iban in [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "BR1800360305000010009795493C1",
        "NO9386011117947",
    ] {
        finds(&format!("IBAN:{iban}, reference 5"), &[(Kind::Iban, iban)]);
        finds(&format!(r"\n{iban}\n"), &[(Kind::Iban, iban)]);
    }
    finds(
        "DE89370400440532013001 DE8937040044053201300 XX89370400440532013000",
        &[],
    );
}

#[test]
fn other_countries_identifiers_are_found() {
    finds(
        "SSN 536-22-1234, 536 22 1234; SKU-536-22-1234-B; 666-22-1234; 000-12-3456; 900-12-3456",
        &[(Kind::Ssn, "536-22-1234"), (Kind::Ssn, "536 22 1234")],
    );
    finds(
        "NI AB123456C and AB 12 34 56 C, not GB123456C",
        &[(Kind::UkNino, "AB123456C"), (Kind::UkNino, "AB 12 34 56 C")],
    );
    finds(
        "12345678Z X1234567L 12345678A",
        &[(Kind::EsDni, "12345678Z"), (Kind::EsDni, "X1234567L")],
    );
    finds(
        "Steuer-ID 86095742719, 86 095 742 719; Protocolo 86095742719",
        &[
            (Kind::DeTax, "86095742719"),
            (Kind::DeTax, "86 095 742 719"),
        ],
    );
    finds(
        "NIF 123456789 RSSMRA85T10A562S 1 85 05 78 006 084 91",
        &[
            (Kind::PtNif, "123456789"),
            (Kind::ItCf, "RSSMRA85T10A562S"),
            (Kind::FrNir, "1 85 05 78 006 084 91"),
        ],
    );
}

#[test]
fn ip_addresses_are_no_versions_sections_or_fingerprints() {
    finds(
        "from 203.0.113.7:8080, [2001:db8::1]:443 and 2a02:8071:1:2:3:4:5:6.",
        &[
            (Kind::Ip, "203.0.113.7"),
            (Kind::Ip, "2001:db8::1"),
            (Kind::Ip, "2a02:8071:1:2:3:4:5:6"),
        ],
    );
    finds("::ffff:10.1.2.3", &[(Kind::Ip, "::ffff:10.1.2.3")]);
    for text in [
        "v1.2.3.4",
        "version 1.2.3.4",
        "x==1.2.3.4",
        "1.2.3.4.5",
        "256.1.1.1",
        "127.0.0.1",
        "0.0.0.0",
        "::1",
        "a::b",
        "std::fmt",
        "12:34:56",
        "00:1b:44:11:3a:b7",
        "AA:BB:CC:DD:EE:FF:00:11",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn telephone_numbers_are_found_in_their_countries_forms() {
    for phone in [
        "+1 212-555-0100",
        "(212) 555-0100",
        "212-555-0100",
        "212.555.0100",
        "1-212-555-0100",
        "+12125550100",
        "+1 (212) 555-0100",
        "(11) 98765-4321",
        "11 98765-4321",
        "+55 11 98765-4321",
        "+5511987654321",
        "(21) 2345-6789",
        "+55 (21) 2345-6789",
        "020 7946 0958",
        "07700 900123",
        "+44 20 7946 0958",
        "+44 (0)20 7946 0958",
        "07700900123",
        "030 123456",
        "030/1234567",
        "0151 23456789",
        "+49 30 123456",
        "+4915123456789",
        "01 23 45 67 89",
        "01.23.45.67.89",
        "+33 1 23 45 67 89",
        "0033 1 23 45 67 89",
        "612 34 56 78",
        "612 345 678",
        "+34 612 345 678",
        "912 345 678",
        "21 234 5678",
        "+351 912 345 678",
    ] {
        finds(&format!("Call {phone}, or write."), &[(Kind::Phone, phone)]);
    }
    finds("ligue 11987654321", &[(Kind::Phone, "11987654321")]);
    finds(r"Ll\u00e1mame al 612345678", &[(Kind::Phone, "612345678")]);
}

#[test]
fn other_numbers_are_no_telephones() {
    for text in [
        "order 2125550100",
        "2125550100",
        "2024-01-15",
        "2014-10-17T01:46:05Z",
        "1700000000",
        "R$ 413.854,95",
        "250 000 000",
        "978-3-16-148410-0",
        "Boston, MA 02110-1301",
        "1 2 3 4 5 6 7 8 9 10 11",
        "3.1415926535",
        "0123456789",
        "7b1c4e8a-0542-4da4-85ea-054c2d5fbdf2",
        "100-200-3000",
        "Pedido 4711667688498608",
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
    let aws = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1";
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
        for kind in Kind::ALL {
            finds(
                &format!("token={}", vault.issue(kind.label(), &n.to_string())),
                &[],
            );
        }
    }
}

/// Text that sends every scanner as far as it goes, again and again. Unoptimised, what is linear takes well under a second; what
/// is quadratic would take minutes.
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
    fn a_value_between_other_words_is_covered_whole(before in "[a-z ]{0,20}[ (\"=]", after in "[ ),;\"][a-z ]{0,20}", at in 0usize..6) {
        let value = ["ana@x.com", "4111111111111111", "529.982.247-25", "DE89370400440532013000", "203.0.113.7", "+55 11 98765-4321"][at];
        let text = format!("{before}{value}{after}");
        let mut spans = Vec::new();
        scan(&text, Kinds::ALL, &mut spans);
        prop_assert_eq!(spans.len(), 1, "{}", text);
        prop_assert_eq!(text.get(spans[0].start..spans[0].end).unwrap(), value);
    }
}
