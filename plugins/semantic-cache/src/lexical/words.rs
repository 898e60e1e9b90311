//! The table of words: which classes each belongs to, in which language.
//!
//! The words are in `data/words.txt`. The table is made while the policy is configured, and is part
//! of its image.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
};

use super::{Language, stem};

const WORDS: &str = include_str!("../../data/words.txt");
/// Words of a phrase.
pub(super) const LONGEST: usize = 4;

/// The part that a word plays in a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Weak,
    Mine,
    Ask,
    Negation,
    Direction,
    Degree,
    Action,
    Thing,
    Generic,
    Number,
    Fresh,
    /// Its price is fresh.
    Market,
    Record,
    Effect,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "function" => Self::Function,
            "weak" => Self::Weak,
            "mine" => Self::Mine,
            "ask" => Self::Ask,
            "negation" => Self::Negation,
            "direction" => Self::Direction,
            "degree" => Self::Degree,
            "action" => Self::Action,
            "thing" => Self::Thing,
            "generic" => Self::Generic,
            "number" => Self::Number,
            "fresh" => Self::Fresh,
            "market" => Self::Market,
            "record" => Self::Record,
            "effect" => Self::Effect,
            _ => return None,
        })
    }

    /// True for a word that names something: it counts in each of its forms, not in one alone.
    pub(super) const fn names(self) -> bool {
        matches!(
            self,
            Self::Degree | Self::Action | Self::Thing | Self::Generic | Self::Record
        )
    }
}

/// One class that a word belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) language: Language,
    pub(super) kind: Kind,
    pub(super) name: &'static str,
}

/// FNV-1a. The table is fixed, so nobody can fill it with words that collide, and a question's words
/// are looked up a hundred times.
#[derive(Debug, Clone)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Table = HashMap<String, Vec<Class>, BuildHasherDefault<Fnv>>;

/// All words.
#[derive(Debug, Clone)]
pub struct Lexicon {
    /// By the word as it is written, and without accents; phrases with `_`.
    exact: Table,
    /// By the word's stem, for each language.
    stems: [Table; Language::ALL.len()],
    /// First words of phrases.
    begins: HashSet<String, BuildHasherDefault<Fnv>>,
}

impl Default for Lexicon {
    fn default() -> Self {
        Self::new()
    }
}

impl Lexicon {
    /// Makes the table. It takes milliseconds: once, while a policy is configured.
    pub fn new() -> Self {
        let mut lexicon = Self {
            exact: Table::default(),
            stems: Default::default(),
            begins: HashSet::default(),
        };
        let rows: Vec<(&str, Class)> = WORDS.lines().flat_map(row).collect();
        for (word, class) in &rows {
            lexicon.add((*word).to_owned(), *class);
            if let Some((first, _)) = word.split_once('_') {
                lexicon.begins.insert(stem::fold(first));
            }
        }
        for (word, class) in rows {
            let folded = stem::fold(word);
            // an accent may tell two words apart: `où`, and `ou`
            let taken = lexicon
                .exact
                .get(&folded)
                .is_some_and(|known| known.iter().any(|known| known.language == class.language));
            if class.kind.names() && !word.contains('_') {
                let stem = stem::stem(&folded, class.language).to_owned();
                if let Some(stems) = lexicon.stems.get_mut(class.language as usize) {
                    put(stems.entry(stem).or_default(), class);
                }
            }
            if folded != word && (!taken || class.kind.names()) {
                lexicon.add(folded, class);
            }
        }
        lexicon
    }

    fn add(&mut self, word: String, class: Class) {
        put(self.exact.entry(word).or_default(), class);
    }

    /// The classes of a word or phrase as it is written, in all languages.
    pub(super) fn exact(&self, word: &str) -> &[Class] {
        self.exact.get(word).map_or(&[], Vec::as_slice)
    }

    /// The classes of a word by its stem.
    pub(super) fn stem(&self, stem: &str, language: Language) -> &[Class] {
        let stems = self.stems.get(language as usize);
        let classes = stems.and_then(|stems| stems.get(stem));
        classes.map_or(&[], Vec::as_slice)
    }

    /// True if a phrase begins with this folded word.
    pub(super) fn begins(&self, word: &str) -> bool {
        self.begins.contains(word)
    }
}

fn put(classes: &mut Vec<Class>, class: Class) {
    if !classes.contains(&class) {
        classes.push(class);
    }
}

/// The words of one line, `KIND CLASS`, and for each language its name, a colon and words.
fn row(line: &'static str) -> impl Iterator<Item = (&'static str, Class)> {
    let mut parts = line.split_whitespace();
    let kind = parts.next().and_then(Kind::named);
    let name = parts.next().unwrap_or_default();
    let mut language = Language::English;
    parts.filter_map(move |part| {
        if let Some(code) = part.strip_suffix(':') {
            language = Language::of(code)?;
            return None;
        }
        let kind = kind?;
        Some((
            part,
            Class {
                language,
                kind,
                name,
            },
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_table_is_read_whole() {
        for line in WORDS.lines() {
            if line.is_empty() || line.starts_with('#') {
                assert_eq!(row(line).count(), 0, "{line}");
                continue;
            }
            let parts: Vec<&str> = line.split_whitespace().skip(2).collect();
            let codes = parts.iter().filter(|part| part.ends_with(':')).count();
            assert!(codes > 0 && parts[0].ends_with(':'), "{line}");
            assert_eq!(row(line).count(), parts.len() - codes, "{line}");
            for (word, _) in row(line) {
                assert!(word.split('_').count() <= LONGEST, "{word}");
                assert_eq!(word.to_lowercase(), word);
            }
        }
    }
}
