//! A fuzzer that every machine has: seeded mutation of examples, led by what the target says it
//! saw.
//!
//! A target takes bytes, panics where an invariant does not hold, and returns a number for the kind
//! of path that they took. Inputs that give a number never seen before are kept and mutated
//! further, so the search goes deeper than blind mutation without instrumented builds. Runs are the
//! same for the same seed up to where the clock ends them. `make fuzz` runs the targets longer,
//! each from another seed.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant},
};

/// Bytes that mean something to a parser of JSON, events or HTTP.
const TELLING: &[u8] = b"{}[],:\"\\u0d8/nrtbf \t\r\n-+.eE019;%\x00\x1f\x7f\xef\xbb\xbf\xc3\xffdata";

/// A source of choices that gives the same ones for the same seed.
pub struct Chance(pub u64);

impl Chance {
    /// A number less than `count`; 0 where that is 0.
    pub fn below(&mut self, count: usize) -> usize {
        // Knuth's MMIX constants
        self.0 = (self.0)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count.max(1)
    }

    /// True once in `count` times.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Runs a target for `OUTRIGGER_FUZZ_SECONDS` (10 by default) from `OUTRIGGER_FUZZ_SEED` (1).
#[expect(
    clippy::disallowed_methods,
    reason = "it is the wall clock that ends it"
)]
#[expect(clippy::print_stdout, reason = "a failure is reported with its input")]
pub fn run(examples: &[&[u8]], target: impl Fn(&[u8], &mut Chance) -> u64) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let limit = Duration::from_secs(number("OUTRIGGER_FUZZ_SECONDS").unwrap_or(10));
    let seed = number("OUTRIGGER_FUZZ_SEED").unwrap_or(1);
    let (mut chance, begun) = (Chance(seed), Instant::now());
    let mut corpus: Vec<Vec<u8>> = examples.iter().map(|example| example.to_vec()).collect();
    let (mut seen, mut tries) = (HashSet::new(), 0_u64);
    while begun.elapsed() < limit {
        tries += 1;
        let input = mutate(&corpus, &mut chance);
        let cuts = chance.0;
        let ran = catch_unwind(AssertUnwindSafe(|| target(&input, &mut Chance(cuts))));
        match ran {
            Ok(path) if seen.len() < 4096 && seen.insert(path) => corpus.push(input),
            Ok(_) => {}
            Err(panic) => {
                let text = String::from_utf8_lossy(&input);
                println!("seed {seed}, try {tries}, choices {cuts}: {text:?} {input:?}");
                resume_unwind(panic);
            }
        }
    }
    assert!(
        seen.len() > 1,
        "after {tries} tries every input took the same path"
    );
    println!("{tries} tries, {} paths", seen.len());
}

fn mutate(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let any = |chance: &mut Chance| {
        let example = corpus.get(chance.below(corpus.len()));
        example.cloned().unwrap_or_default()
    };
    let telling = |chance: &mut Chance| {
        let byte = TELLING.get(chance.below(TELLING.len()));
        byte.copied().unwrap_or(0)
    };
    let mut input = any(chance);
    for _ in 0..=chance.below(6) {
        let at = chance.below(input.len() + 1);
        let end = (at + chance.below(12)).min(input.len());
        match chance.below(7) {
            0 => input.insert(at, telling(chance)),
            1 => drop(input.drain(at..end)),
            2 => {
                let piece: Vec<u8> = input.get(at..end).unwrap_or_default().to_vec();
                let to = chance.below(input.len() + 1);
                drop(input.splice(to..to, piece));
            }
            3 => {
                let other = any(chance);
                let from = chance.below(other.len() + 1);
                let piece = other
                    .get(from..(from + 24).min(other.len()))
                    .unwrap_or_default();
                drop(input.splice(at..end, piece.iter().copied()));
            }
            4 => input.truncate(at.max(1)),
            5 if at < input.len() => input[at] = telling(chance),
            _ if at < input.len() => input[at] ^= 1 << chance.below(8),
            _ => {}
        }
    }
    input.truncate(4096);
    input
}
