//! The word that somebody may have meant by one that is none.

/// Returns the candidate that `word` was probably meant to be: a few letters away, or with a part
/// more or less (`api_key`, `key`). None where nothing is near.
pub(crate) fn near<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(word);
    let most = (wanted.len() / 3).clamp(1, 2);
    let judged = candidates.filter_map(|candidate| {
        let known = plain(candidate);
        // Letters in another order are one slip, however many they are.
        let distance = match is_anagram(&wanted, &known) {
            true => usize::from(wanted != known),
            false => distance(&wanted, &known),
        };
        let is_part =
            parts(word).any(|part| part == candidate) || parts(candidate).any(|part| part == word);
        match distance <= most && distance < wanted.len() {
            true => Some((distance, candidate)),
            false => is_part.then_some((most + 1, candidate)),
        }
    });
    let nearest = judged.min_by_key(|(distance, _)| *distance)?;
    Some(nearest.1)
}

/// `on_error`, `on-error` and `onError` are one word.
fn plain(word: &str) -> Vec<char> {
    let letters = word.chars().filter(|c| !matches!(c, '_' | '-'));
    letters.take(64).map(|c| c.to_ascii_lowercase()).collect()
}

fn is_anagram(a: &[char], b: &[char]) -> bool {
    let sorted = |letters: &[char]| {
        let mut letters = letters.to_vec();
        letters.sort_unstable();
        letters
    };
    a.len() == b.len() && sorted(a) == sorted(b)
}

fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split(['_', '-']).filter(|part| part.len() > 2)
}

/// The number of letters to insert, remove or replace (Levenshtein).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, left) in a.iter().enumerate() {
        let mut diagonal = n;
        let mut before = n + 1;
        for (right, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = n + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_near_by_letters_or_by_a_part() {
        let words = [
            "use",
            "config",
            "on_error",
            "on_unseen",
            "key",
            "keys",
            "targets",
        ];
        for (word, meant) in [
            ("onerror", Some("on_error")),
            ("on-eror", Some("on_error")),
            ("api_key", Some("key")),
            ("target", Some("targets")),
            ("confg", Some("config")),
            ("us", Some("use")),
            ("kye", Some("key")),
            ("workers", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(near(word, words.into_iter()), meant, "{word}");
        }
    }

    #[test]
    fn distances_are_letters_to_change() {
        let between = |a: &str, b: &str| {
            distance(
                &a.chars().collect::<Vec<_>>(),
                &b.chars().collect::<Vec<_>>(),
            )
        };
        for (a, b, letters) in [
            ("", "", 0),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(between(a, b), letters, "{a} {b}");
            assert_eq!(between(b, a), letters, "{b} {a}");
        }
    }
}
