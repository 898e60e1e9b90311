#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use super::{Lexicon, Never, Reading, Reason, agree, never};

const TRAPS: &str = include_str!("../../tests/data/traps.tsv");
const PARAPHRASES: &str = include_str!("../../tests/data/paraphrases.tsv");
const NEVER: &str = include_str!("../../tests/data/never.tsv");

fn rows<const COLUMNS: usize>(text: &'static str) -> Vec<[&'static str; COLUMNS]> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let cells = lines.map(|line| line.split('\t').collect::<Vec<_>>());
    cells.map(|cells| cells.try_into().unwrap()).collect()
}

fn compared(lexicon: &Lexicon, a: &str, b: &str) -> Result<(), Reason> {
    agree(
        &Reading::new(a, lexicon),
        &Reading::new(b, lexicon),
        lexicon,
    )
}

fn never_of(lexicon: &Lexicon, text: &str) -> Option<Never> {
    never(&Reading::new(text, lexicon), lexicon)
}

#[test]
fn no_trap_of_any_kind_or_language_is_taken_for_the_same_question() {
    let lexicon = Lexicon::new();
    let mut kinds = BTreeMap::<_, u32>::new();
    for [kind, language, a, b] in rows(TRAPS) {
        *kinds.entry(language).or_default() += 1;
        for (a, b) in [(a, b), (b, a)] {
            let refused = compared(&lexicon, a, b).is_err() || never_of(&lexicon, b).is_some();
            assert!(refused, "{kind}: {a} | {b}");
        }
    }
    assert_eq!(
        kinds.keys().copied().collect::<Vec<_>>(),
        ["de", "en", "es", "fr", "pt"]
    );
}

/// The share is what rules and words reach here, where they were made: a bound that they must not
/// lose, and no forecast.
#[test]
fn most_paraphrases_are_taken_for_the_same_question() {
    let lexicon = Lexicon::new();
    let rows = rows::<4>(PARAPHRASES);
    let same = rows.iter().filter(|[_, _, a, b]| {
        let left = [a, b].map(|text| never_of(&lexicon, text));
        compared(&lexicon, a, b).is_ok() && left == [None, None]
    });
    let (same, all) = (same.count(), rows.len());
    assert!(same * 100 >= all * 70, "{same} of {all}");
}

#[test]
fn a_question_is_the_same_as_itself_whatever_it_is() {
    let lexicon = Lexicon::new();
    let all = rows::<4>(TRAPS).into_iter().chain(rows(PARAPHRASES));
    for [_, _, a, _] in all {
        let same = compared(&lexicon, a, a);
        // nothing that is compared may be in it, "What is it?" say
        assert!(
            matches!(same, Ok(()) | Err(Reason::Nothing)),
            "{a}: {same:?}"
        );
    }
}

#[test]
fn the_order_of_two_questions_makes_no_difference() {
    let lexicon = Lexicon::new();
    for [_, _, a, b] in rows::<4>(PARAPHRASES).into_iter().chain(rows(TRAPS)) {
        let (one, other) = (compared(&lexicon, a, b), compared(&lexicon, b, a));
        assert_eq!(one.is_ok(), other.is_ok(), "{a} | {b}: {one:?}, {other:?}");
    }
}

#[test]
fn what_is_fresh_personal_or_an_order_to_act_is_never_answered_from_the_store() {
    let lexicon = Lexicon::new();
    for [reason, _, text] in rows(NEVER) {
        let found = never_of(&lexicon, text).map_or("-", |never| never.word());
        assert_eq!(found, reason, "{text}");
    }
}

#[test]
fn each_difference_is_named() {
    let lexicon = Lexicon::new();
    for (a, b, reason) in [
        ("Plan for 3 days", "Plan for 4 days", Reason::Number),
        (
            "What does E10 mean?",
            "What does E11 mean?",
            Reason::Identifier,
        ),
        ("Translate 'a'", "Translate 'b'", Reason::Quotation),
        ("Is it open?", "Isn't it open?", Reason::Negation),
        ("Rules in Texas", "Rules in Ohio", Reason::Name),
        ("Who built it?", "When was it built?", Reason::Interrogative),
        ("What is my name?", "What is your name?", Reason::Person),
        ("Enable cookies", "Disable cookies", Reason::Opposite),
        (
            "Where is the library?",
            "Wo ist die Bibliothek?",
            Reason::Language,
        ),
        ("Good bread", "Bread without salt", Reason::Negation),
        (
            "Is tea older than beer?",
            "Is beer older than tea?",
            Reason::Order,
        ),
        (
            "Can you ship it to Norway?",
            "How much is it to ship it to Norway?",
            Reason::Interrogative,
        ),
        (
            "May I pay before I collect the lamp?",
            "May I collect the lamp before I pay?",
            Reason::Order,
        ),
        (
            "Why do owls hoot?",
            "Why do owls hunt?",
            Reason::Substitution,
        ),
        ("Bake bread", "Bake rye bread", Reason::Addition),
        ("What is tea?", "What is beer?", Reason::Nothing),
    ] {
        let found = compared(&lexicon, a, b).unwrap_err();
        assert_eq!(found, reason, "{a} | {b}");
    }
    assert_eq!(
        compared(&lexicon, "Plan for 3 days", "Plan for three days"),
        Ok(())
    );
    assert_eq!(compared(&lexicon, "", ""), Err(Reason::Nothing));
    let long = "word ".repeat(100);
    assert_eq!(compared(&lexicon, &long, &long), Err(Reason::Long));
}

#[test]
fn any_text_is_compared_without_fault_and_in_linear_time() {
    let lexicon = Lexicon::new();
    for text in [
        "'",
        "\"`“",
        "++",
        "-",
        "--",
        "#",
        "$",
        "a'",
        "'a",
        "1,",
        ",1",
        "$$1",
        "R$",
        "٣ ٤",
        "ẞ İ ŉ",
        "\u{301}\u{301}",
        "a\0b",
        "((((",
        "1e999",
        "2FA",
        "2fa2fa",
        "://",
        "@",
        "%%%",
        "日本語の質問",
    ] {
        let _ = compared(&lexicon, text, text);
        let _ = never_of(&lexicon, text);
        let long = text.repeat(2048 / text.len());
        let _ = compared(&lexicon, &long, &long);
    }
}
