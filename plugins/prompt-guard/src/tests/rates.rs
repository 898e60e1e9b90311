//! The rates at which ordinary texts are flagged and attacks are not, over the texts in
//! `tests/data`.

use outrigger_sdk::{Decision, Dialect, Request};
use serde_json::json;

use super::{from_tool, guard};

/// A request with a text in a place of the test data.
fn placed(place: &str, text: &str) -> Request {
    match place {
        "user" => Request::chat("m").user(text),
        "tool_result" => from_tool(text),
        "tool_definition" => {
            let tool =
                json!({ "type": "function", "function": { "name": "f", "description": text } });
            let messages = json!([{ "role": "user", "content": "hi" }]);
            Request::from_json(
                Dialect::OpenaiChat,
                json!({ "model": "m", "messages": messages, "tools": [tool] }),
            )
        }
        other => panic!("no place `{other}`"),
    }
}

/// The lines of a data file that are flagged, and how many there are.
fn flagged(data: &str) -> (Vec<String>, usize) {
    let places = json!(["user", "tool_result", "tool_definition"]);
    let bench = guard(json!({ "signs": { "places": places } }));
    let lines: Vec<(&str, String)> = data
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(place, text)| (place, text.replace("\\n", "\n")))
        .collect();
    let flagged = lines.iter().filter_map(|(place, text)| {
        let exchange = bench.request(placed(place, text));
        let tags =
            ["guard_score", "guard_signs"].map(|tag| exchange.request.tag(tag).unwrap_or_default());
        (exchange.decision != Decision::Forward)
            .then(|| format!("{} {} {place}: {text}", tags[0], tags[1]))
    });
    (flagged.collect(), lines.len())
}

#[test]
fn ordinary_requests_pass_nearly_all() {
    let (flagged, all) = flagged(include_str!("../../tests/data/benign.tsv"));
    let lines = flagged.join("\n");
    assert!(
        all >= 100 && flagged.len() * 50 <= all,
        "{} of {all}\n{lines}",
        flagged.len()
    );
}

/// Lines of a data file that are not flagged, and how many lines there are.
fn missed(data: &str) -> (Vec<String>, usize) {
    let (flagged, all) = flagged(data);
    let texts = data
        .lines()
        .map(|line| line.split_once('\t').unwrap().1.replace("\\n", "\n"));
    (
        texts
            .filter(|text| !flagged.iter().any(|found| found.ends_with(text.as_str())))
            .collect(),
        all,
    )
}

#[test]
fn known_attacks_are_flagged_nearly_all() {
    let (missed, all) = missed(include_str!("../../tests/data/attacks.tsv"));
    let lines = missed.join("\n");
    assert!(
        missed.len() * 8 <= all,
        "{} of {all}\n{lines}",
        missed.len()
    );
}

/// Texts that were written after the weights and have not changed them since: what to expect of new
/// ones.
#[test]
fn texts_that_nobody_tuned_for_are_classified_mostly() {
    let (missed, attacks) = missed(include_str!("../../tests/data/unseen-attacks.tsv"));
    let (flagged, benign) = flagged(include_str!("../../tests/data/unseen-benign.tsv"));
    assert!(missed.len() * 3 <= attacks, "{} of {attacks}", missed.len());
    assert!(
        flagged.len() * 10 <= benign,
        "{} of {benign}",
        flagged.len()
    );
}

/// Texts that look like attacks and are none: lessons, reports, tutorials, runbooks, mails. Half of
/// them were not looked at while the rules were made.
#[test]
fn look_alikes_pass_nearly_all() {
    let rows = include_str!("../../tests/data/look-alikes.tsv").lines();
    let rows: Vec<String> = rows
        .map(|row| {
            row.split_once('\t')
                .unwrap()
                .1
                .replacen("data\t", "tool_result\t", 1)
        })
        .collect();
    let (flagged, all) = flagged(&rows.join("\n"));
    let lines = flagged.join("\n");
    assert!(
        flagged.len() * 20 <= all,
        "{} of {all}\n{lines}",
        flagged.len()
    );
}
