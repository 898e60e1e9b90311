//! The cuts that a stream may make in a text.

use std::fmt;

use crate::{Delta, Place};

/// Pieces of one text, in batches: what one call shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut(Vec<Vec<String>>);

impl Cut {
    /// The batches as deltas of one channel; the last one is marked.
    pub(super) fn deltas(&self, place: Place) -> Vec<Vec<Delta>> {
        let batches = self.0.len();
        let delta = |batch: usize, at: usize, pieces: &[String]| {
            let last = batch + 1 == batches && at + 1 == pieces.len();
            Delta::new(0, place, pieces[at].as_str(), last)
        };
        self.0
            .iter()
            .enumerate()
            .map(|(batch, pieces)| {
                (0..pieces.len())
                    .map(|at| delta(batch, at, pieces))
                    .collect()
            })
            .collect()
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// All cuts: in two at every position (in two calls, and in one), by characters, with an end of its
/// own, and at random.
pub(super) fn every(text: &str) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for (at, _) in text.char_indices().skip(1) {
        let (one, two) = text.split_at(at);
        cuts.push(Cut(vec![vec![one.into()], vec![two.into()]]));
        cuts.push(Cut(vec![vec![one.into(), two.into()]]));
    }
    let characters = || text.chars().map(String::from);
    cuts.push(Cut(characters()
        .chain([String::new()])
        .map(|piece| vec![piece])
        .collect()));
    cuts.push(Cut(vec![characters().chain([String::new()]).collect()]));
    cuts.push(Cut(vec![vec![text.into()], vec![String::new()]]));
    cuts.push(Cut(vec![vec![String::new()], vec![text.into()]]));
    cuts.extend((1..=32).map(|seed| at_random(text, seed)));
    cuts
}

/// Pieces of 1 to 8 characters, 1 to 5 to a call.
fn at_random(text: &str, seed: u64) -> Cut {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        1 + state % bound
    };
    let mut batches = vec![Vec::new()];
    let (mut room, mut piece, mut length) = (random(5), String::new(), random(8));
    for character in text.chars() {
        piece.push(character);
        length -= 1;
        if length == 0 {
            if room == 0 {
                batches.push(Vec::new());
                room = random(5);
            }
            room -= 1;
            batches
                .last_mut()
                .into_iter()
                .for_each(|batch| batch.push(std::mem::take(&mut piece)));
            length = random(8);
        }
    }
    batches
        .last_mut()
        .into_iter()
        .for_each(|batch| batch.push(std::mem::take(&mut piece)));
    Cut(batches)
}

/// Several texts, a character of each in turn, a channel each.
pub(super) fn in_turns(texts: &[&str], place: Place) -> Vec<Vec<Delta>> {
    let longest = texts
        .iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0);
    (0..=longest)
        .map(|turn| {
            let piece = |(channel, text): (u32, &&str)| {
                let count = text.chars().count();
                let piece: String = text.chars().skip(turn).take(1).collect();
                (turn <= count).then(|| Delta::new(channel, place, piece, turn == count))
            };
            (0..).zip(texts).filter_map(piece).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cut_loses_text_and_each_ends_once() {
        for text in ["", "a", "Grüße 👋 an alle, die das hier lesen"] {
            for cut in every(text) {
                let deltas: Vec<Delta> = cut.deltas(Place::User).concat();
                let joined: String = deltas.iter().map(Delta::text).collect();
                assert_eq!(joined, text);
                let ends: Vec<bool> = deltas.iter().map(Delta::last).collect();
                assert_eq!(
                    ends.iter().position(|last| *last),
                    Some(deltas.len() - 1),
                    "{cut}"
                );
            }
        }
    }

    #[test]
    fn every_position_between_two_characters_is_cut() {
        let cuts = every("aüb");
        for pieces in [["a", "üb"], ["aü", "b"]] {
            assert!(cuts.contains(&Cut(pieces.map(|piece| vec![piece.to_owned()]).to_vec())));
        }
    }

    #[test]
    fn turns_hold_every_text_and_end_each_once() {
        let deltas = in_turns(&["abc", "", "x"], Place::Assistant).concat();
        for (channel, text) in (0..).zip(["abc", "", "x"]) {
            let of: Vec<&Delta> = deltas
                .iter()
                .filter(|delta| delta.channel() == channel)
                .collect();
            assert_eq!(
                of.iter().map(|delta| delta.text()).collect::<String>(),
                text
            );
            assert_eq!(of.iter().filter(|delta| delta.last()).count(), 1);
        }
    }
}
