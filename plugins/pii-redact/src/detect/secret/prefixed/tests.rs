use super::super::providers::Alphabet;
use super::*;
use crate::detect::scan;

/// The secrets in a text, whatever else is in it.
fn secrets(text: &str) -> Vec<&str> {
    let mut spans = Vec::new();
    scan(text, Kinds::ALL, &mut spans);
    spans.retain(|span| span.kind == Kind::Secret);
    let texts = spans.iter().map(|span| &text[span.start..span.end]);
    texts.collect()
}

fn rows() -> impl Iterator<Item = &'static Row> {
    let lettered = LETTERS.iter().map(|(_, _, row)| row);
    DASH.iter().chain(UNDERSCORE).chain(DOT).chain(lettered)
}

/// A key such as the row describes: characters by a small generator, so that each run is the same.
fn key(row: &Row, length: u16, seed: u64) -> String {
    let characters: Vec<u8> = (b'!'..=b'~')
        .filter(|b| row.alphabet.has(*b) && b.is_ascii_alphanumeric())
        .collect();
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    let mut body: Vec<u8> = (0..length)
        .map(|_| characters[next() % characters.len()])
        .collect();
    // Chance leaves few keys without a digit.
    for digit in body.iter_mut().skip(1).step_by(6) {
        *digit = b'2' + u8::try_from(next() % 8).unwrap();
    }
    if row.prefix.starts_with(b"sk-ant-a") {
        body.splice(body.len() - 2.., *b"AA");
    }
    if row.alphabet == Alphabet::Hex {
        body.make_ascii_lowercase();
    }
    format!(
        "{}{}",
        std::str::from_utf8(row.prefix).unwrap(),
        String::from_utf8(body).unwrap()
    )
}

#[test]
fn a_key_of_each_row_is_found_whole_bare_and_assigned() {
    for row in rows() {
        for length in [row.least, row.most.min(row.least + 40)] {
            for seed in 0..8 {
                let key = key(row, length, seed + u64::from(length));
                for (before, after) in [
                    ("It is ", ", I think."),
                    ("", ""),
                    ("export X=", "\n"),
                    ("API_KEY=\"", "\""),
                    (r#"{"a":"\n"#, r#"\n"}"#),
                    (r#"{\"token\":\""#, r#"\"}"#),
                    ("<value>", "</value>"),
                    ("(", ")"),
                ] {
                    let text = format!("{before}{key}{after}");
                    assert_eq!(secrets(&text), [&key], "{} in {text}", row.kind);
                }
            }
        }
    }
}

#[test]
fn what_is_too_short_or_stands_for_a_key_is_none() {
    for row in rows() {
        let prefix = std::str::from_utf8(row.prefix).unwrap();
        let length = usize::from(row.least);
        for body in [
            "x".repeat(length),
            "X".repeat(length),
            "0".repeat(length),
            "your-key-here".into(),
            "a1b2c".into(),
            String::new(),
        ] {
            let text = format!("It is {prefix}{body}, I think.");
            assert!(secrets(&text).is_empty(), "{} in {text}", row.kind);
        }
    }
}

#[test]
fn a_prefix_stands_before_those_that_it_ends_in() {
    for table in [DASH, UNDERSCORE, DOT] {
        for (at, row) in table.iter().enumerate() {
            let hidden = table
                .iter()
                .take(at)
                .find(|earlier| row.prefix.ends_with(earlier.prefix));
            assert!(
                hidden.is_none(),
                "{} hides {}",
                hidden.unwrap().kind,
                row.kind
            );
        }
    }
}

#[test]
fn no_row_repeats_another() {
    let mut seen = std::collections::BTreeSet::new();
    for row in rows() {
        assert!(seen.insert(row.prefix), "{}", row.kind);
        assert!(row.least <= row.most && row.least >= 10, "{}", row.kind);
    }
    assert!(seen.len() > 200);
}
