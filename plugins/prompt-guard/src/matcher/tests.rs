#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn hits(patterns: &[&str], text: &str) -> Vec<Hit> {
    let nodes: Vec<Node> = patterns
        .iter()
        .map(|pattern| Node::parse(pattern).unwrap())
        .collect();
    let patterns = Patterns::new(&nodes).unwrap();
    let (mut matcher, mut all) = (Matcher::default(), Vec::new());
    for (at, c) in text.char_indices() {
        matcher.feed(&patterns, c, at, &mut |hit| all.push(hit));
    }
    matcher.finish(&patterns, text.len(), &mut |hit| all.push(hit));
    all
}

/// The parts of a pattern, in the syntax that both sides know.
fn written() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        "[abc]",
        Just(".".to_owned()),
        Just("[ab]".to_owned()),
        Just("[^a]".to_owned()),
        Just("\\b".to_owned()),
        Just("\\d".to_owned()),
        Just("^".to_owned()),
        Just("$".to_owned()),
        Just("\\W".to_owned()),
    ];
    atom.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|nodes| nodes.concat()),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("(?:{one}|{other})")),
            (
                inner,
                prop_oneof![
                    Just("*"),
                    Just("+"),
                    Just("?"),
                    Just("{2}"),
                    Just("{1,3}"),
                    Just("{2,}")
                ]
            )
                .prop_map(|(node, count)| format!("(?:{node}){count}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn it_finds_a_match_exactly_where_an_established_engine_does(pattern in written(), text in "[abc1 \n]{0,12}") {
        let Ok(node) = Node::parse(&pattern) else { return Ok(()) };
        let theirs = regex_lite::Regex::new(&pattern).unwrap();
        let found = hits(&[&pattern], &text);
        prop_assert_eq!(!found.is_empty(), theirs.is_match(&text), "{} {:?}", pattern, node);
        if let Some(first) = theirs.find(&text) {
            prop_assert_eq!(found.iter().map(|hit| hit.start).min(), Some(first.start()));
        }
    }

    #[test]
    fn no_text_that_calls_itself_a_pattern_breaks_it(pattern in "\\PC{0,20}", text in "\\PC{0,20}") {
        if let Ok(node) = Node::parse(&pattern) {
            let patterns = Patterns::new(&[node]).unwrap();
            let mut matcher = Matcher::default();
            for (at, c) in text.char_indices() {
                matcher.feed(&patterns, c, at, &mut |_| {});
            }
        }
    }
}

#[test]
fn patterns_know_neither_case_nor_accents() {
    for (pattern, text) in [
        ("(?i)GEHEIM", "geheim"),
        ("Código", "codigo"),
        ("[A-Z]{3}-[0-9]+", "x abc-1"),
        ("[äß]x", "sx"),
        ("[一-龥]", "文"),
    ] {
        assert_eq!(hits(&[pattern], text).len(), 1, "{pattern}");
    }
}

#[test]
fn several_patterns_are_distinguished() {
    let found = hits(&["ab", "b+c", "x$"], "abbc x");
    let of = |pattern| {
        found
            .iter()
            .filter(|hit| hit.pattern == pattern)
            .map(|hit| (hit.start, hit.end))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (of(0), of(1), of(2)),
        (vec![(0, 2)], vec![(1, 4)], vec![(5, 6)])
    );
}

#[test]
fn what_may_be_under_way_is_known_and_what_is_not_is_forgotten() {
    let patterns = Patterns::new(&[Node::parse("secret (word|thing)").unwrap()]).unwrap();
    let mut matcher = Matcher::default();
    let oldest = |matcher: &mut Matcher, from: usize, text: &str| {
        for (at, c) in text.char_indices() {
            matcher.feed(&patterns, c, from + at, &mut |_| {});
        }
        matcher.oldest()
    };
    assert_eq!(oldest(&mut matcher, 0, "a sec"), Some(2));
    assert_eq!(oldest(&mut matcher, 5, "ond"), None);
    assert_eq!(oldest(&mut matcher, 8, " secret wo"), Some(9));
}

#[test]
fn a_pattern_that_would_explode_elsewhere_stays_linear() {
    let text = "a".repeat(20_000);
    assert!(hits(&["(a*)*b", "(a|aa)+$x", "(a?){50}a{50}b"], &text).is_empty());
}

#[test]
fn what_is_not_understood_is_refused_with_what_to_write() {
    for (pattern, said) in [
        ("", "empty"),
        ("a*", "empty"),
        ("^$", "empty"),
        ("(a", "not closed"),
        ("a)", "closes nothing"),
        ("[a", "not closed"),
        ("a{2", "{2,5}"),
        ("a{5,2}", "{2,5}"),
        ("*a", "repeats nothing"),
        ("(?=a)", "look-around"),
        (r"\pL", "not understood"),
        ("[[:alpha:]]", "not understood"),
        ("[z-a]", "turn them round"),
        ("[à-ü]", "without accents"),
        ("a\\", "ends in"),
    ] {
        let error = Node::parse(pattern).unwrap_err();
        assert!(error.contains(said), "{pattern}: {error}");
    }
    let large = Node::parse("((a{1000}){1000}){1000}").unwrap();
    assert!(Patterns::new(&[large]).unwrap_err().contains("too large"));
}
