//! Scores the detector on shapes of text with values of every kind, on text without any, and on
//! values in disguise: all of it generated, the labels by construction. Prints the table of the
//! README with `cargo test -p pii-redact --test shapes -- --nocapture`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests"
)]

#[rustfmt::skip] // tables
#[path = "shapes/carriers.rs"]
mod carriers;
#[rustfmt::skip]
#[path = "shapes/clean.rs"]
mod clean;
#[rustfmt::skip]
#[path = "shapes/disguises.rs"]
mod disguises;
#[rustfmt::skip]
#[path = "shapes/values.rs"]
mod values;

use std::collections::BTreeMap;

use pii_redact::detect::{Kind, Kinds, Span, scan};
use values::Random;

/// The share that was found of the values of one kind, or in one context.
#[derive(Default)]
struct Score {
    values: usize,
    /// Found, as what they are.
    found: usize,
    /// Covered to the last letter and digit, by whatever finding.
    covered: usize,
    /// Findings, and those among them that are right.
    findings: usize,
    right: usize,
}

impl Score {
    fn f2(&self) -> f64 {
        let precision = self.right as f64 / self.findings.max(1) as f64;
        let recall = self.found as f64 / self.values.max(1) as f64;
        5.0 * precision * recall / (4.0 * precision + recall).max(f64::MIN_POSITIVE)
    }
    fn covered(&self) -> f64 {
        self.covered as f64 / self.values.max(1) as f64
    }
}

fn found(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    scan(text, Kinds::ALL, &mut spans);
    spans
}

fn overlap(one: (usize, usize), other: (usize, usize)) -> usize {
    one.1.min(other.1).saturating_sub(one.0.max(other.0))
}

fn is_covered(text: &str, spans: &[Span], start: usize, end: usize) -> bool {
    text.char_indices()
        .filter(|(at, c)| (start..end).contains(at) && c.is_alphanumeric())
        .all(|(at, _)| {
            spans
                .iter()
                .any(|span| (span.start..span.end).contains(&at))
        })
}

#[test]
fn values_in_every_shape_are_found() {
    let mut random = Random(0x5eed_0001);
    let (mut kinds, mut contexts) = (
        BTreeMap::<&str, Score>::new(),
        BTreeMap::<&str, Score>::new(),
    );
    let mut missed = Vec::new();
    for round in 0..carriers::CONTEXTS.len() * 120 {
        let document = carriers::document(
            carriers::CONTEXTS[round % carriers::CONTEXTS.len()],
            &mut random,
        );
        let spans = found(&document.text);
        for &(start, end, kind) in &document.spans {
            let hit = spans.iter().any(|span| {
                span.kind == kind
                    && overlap((span.start, span.end), (start, end)) * 2 >= end - start
            });
            let covered = is_covered(&document.text, &spans, start, end);
            for score in [
                kinds.entry(kind.label()).or_default(),
                contexts.entry(document.context).or_default(),
            ] {
                score.values += 1;
                score.found += usize::from(hit);
                score.covered += usize::from(covered);
            }
            if !hit || !covered {
                let from = document.text.floor_char_boundary(start.saturating_sub(30));
                let to = document
                    .text
                    .ceil_char_boundary((end + 12).min(document.text.len()));
                missed.push(format!(
                    "{} {}: {:?}",
                    document.context,
                    kind.label(),
                    &document.text[from..to]
                ));
            }
        }
        for span in &spans {
            let right = document.spans.iter().any(|&(start, end, kind)| {
                let shorter = (end - start).min(span.end - span.start);
                kind == span.kind && overlap((span.start, span.end), (start, end)) * 2 >= shorter
            });
            for score in [
                kinds.entry(span.kind.label()).or_default(),
                contexts.entry(document.context).or_default(),
            ] {
                score.findings += 1;
                score.right += usize::from(right);
            }
            if !right {
                let from = document
                    .text
                    .floor_char_boundary(span.start.saturating_sub(30));
                missed.push(format!(
                    "WRONG {} {}: {:?}",
                    document.context,
                    span.kind.label(),
                    &document.text[from..span.end]
                ));
            }
        }
    }
    println!("| kind or context | values | F2 | covered |\n|---|---|---|---|");
    for (name, score) in kinds.iter().chain(&contexts) {
        println!(
            "| {name} | {} | {:.3} | {:.3} |",
            score.values,
            score.f2(),
            score.covered()
        );
    }
    for line in missed.iter().take(if std::env::var_os("MISSED").is_some() {
        400
    } else {
        0
    }) {
        println!("{line}");
    }
    for (name, score) in kinds.iter().filter(|(_, score)| score.values > 0) {
        let least = if *name == Kind::Phone.label() {
            0.93
        } else {
            0.97
        };
        assert!(score.f2() >= least && score.covered() >= 0.98, "{name}");
    }
    for (name, score) in &contexts {
        assert!(score.covered() >= 0.95, "{name}");
    }
}

#[test]
fn text_without_personal_data_is_left_alone() {
    let mut random = Random(0x5eed_0002);
    let (mut wrong, mut size) = (0, 0);
    println!("| text without personal data | false spans in 100 KB |\n|---|---|");
    for kind in clean::KINDS {
        let text = clean::text(kind, 50_000, &mut random);
        let spans = found(&text);
        let spans: Vec<_> = spans.iter().filter(|span| span.kind != Kind::Ip).collect();
        println!(
            "| {kind} | {:.1} |",
            spans.len() as f64 * 1e5 / text.len() as f64
        );
        if std::env::var_os("MISSED").is_some() {
            for span in spans.iter().take(12) {
                let from = text.floor_char_boundary(span.start.saturating_sub(40));
                println!("  {}: {:?}", span.kind.label(), &text[from..span.end]);
            }
        }
        wrong += spans.len();
        size += text.len();
    }
    let rate = wrong as f64 * 1e5 / size as f64;
    println!("| all | {rate:.2} |");
    assert!(rate <= 2.0, "{rate}");
}

#[test]
fn values_in_disguise_are_found() {
    let mut random = Random(0x5eed_0003);
    let (mut all, mut seen) = (0u32, 0u32);
    println!("| disguise | values | covered |\n|---|---|---|");
    for disguise in disguises::DISGUISES {
        let (mut values, mut covered) = (0u32, 0u32);
        for round in 0..40 * values::KINDS.len() {
            let kind = values::KINDS[round % values::KINDS.len()];
            let sentence = carriers::sentence(kind, &mut random);
            let plain = values::value(kind, &mut random).text;
            let Some(value) = disguises::disguise(disguise, &plain, &mut random) else {
                continue;
            };
            let (before, after) = sentence.split_once("{}").unwrap();
            let text = format!("{before}{value}{after}");
            values += 1;
            let hidden = is_covered(
                &text,
                &found(&text),
                before.len(),
                before.len() + value.len(),
            );
            covered += u32::from(hidden);
            if !hidden && std::env::var_os("MISSED").is_some() {
                println!("  {disguise} {}: {text:?}", kind.label());
            }
        }
        println!(
            "| {disguise} | {values} | {:.3} |",
            f64::from(covered) / f64::from(values.max(1))
        );
        all += values;
        seen += covered;
    }
    let share = f64::from(seen) / f64::from(all);
    println!("| all | {all} | {share:.3} |");
    assert!(share >= 0.9, "{share}");
}
