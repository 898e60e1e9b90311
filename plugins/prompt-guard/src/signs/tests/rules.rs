//! Each rule, heading and mark fires on what it is about: none is dead.

use std::collections::BTreeMap;

use super::{Origin, Scan, Tables};
use crate::signs::table::IMPERATIVE;

/// The first words of each class, as they are written.
fn words() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in include_str!("../../../data/words.txt").lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            None | Some("#") => {}
            Some(class) => all.entry(class).or_default().extend(words),
        }
    }
    all
}

/// Every text of one word of each class, of the first few of each.
fn texts(needs: &[&str], words: &BTreeMap<&str, Vec<&str>>) -> Vec<String> {
    let mut texts = vec![String::new()];
    for need in needs {
        let classes = need.split('|').map(|class| match class {
            IMPERATIVE => "ACT",
            class => class,
        });
        let choice: Vec<&str> = classes
            .flat_map(|class| words[class].iter().take(4).copied())
            .collect();
        texts = texts
            .iter()
            .flat_map(|text| choice.iter().map(move |word| format!("{text} {word}")))
            .take(4096)
            .collect();
    }
    texts
}

#[test]
fn every_rule_fires_on_its_words_in_their_order() {
    let (rules, words) = (include_str!("../../../data/rules.txt"), words());
    let (list, marks) = (include_str!("../../../data/words.txt"), "");
    for rule in rules
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let tables = Tables::parse(list, rule, marks, &[]);
        let (line, end) = match rule.strip_prefix("heading ") {
            None => (rule, ""),
            Some(line) => (line, ":"),
        };
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let mention = fields[0] == "mention";
        let needs: Vec<&str> = fields[if mention { 2 } else { 4 }..]
            .iter()
            .copied()
            .filter(|need| *need != "-" && !need.starts_with('!'))
            .collect();
        let fires = texts(&needs, &words).iter().any(|text| {
            let text = format!("{text}{end}");
            if mention {
                let mut scan = Scan::new(Origin::Data);
                scan.text(&tables, &text);
                scan.finish(&tables);
                return scan.about.is_noted();
            }
            [Origin::Data, Origin::User].iter().any(|origin| {
                let found = Scan::whole(&tables, &text, *origin);
                found.signs().any(|sign| sign.name() == fields[0])
            })
        });
        assert!(fires, "{rule}");
    }
}

#[test]
fn every_mark_fires_on_its_example() {
    let marks: Vec<&str> = include_str!("../../../data/marks.txt")
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .collect();
    let examples = include_str!("../../../tests/data/marks.tsv");
    assert_eq!(examples.lines().count(), marks.len());
    for (mark, example) in marks.iter().zip(examples.lines()) {
        let tables = Tables::parse("", "", mark, &[]);
        let (yes, no) = example.split_once('\t').unwrap_or((example, ""));
        let score = |text: &str| Scan::whole(&tables, text, Origin::Reply).score;
        assert!(score(yes) > 0, "{mark}: {yes}");
        assert_eq!(score(no), 0, "{mark}: {no}");
    }
}
