//! The table of words: which classes each belongs to.
//!
//! A sign is a combination of classes of words near each other, not a sentence: an attack is
//! reworded more easily than it does without a verb of ignoring and the thing to be ignored. The
//! words are in `data/words.txt`, a class a line. The table is made while the policy is configured
//! and is part of its image; looking a word up costs a multiplication a letter.

use std::collections::BTreeMap;

use crate::fold::folded;

/// The number of a class: a bit of a [`Mask`].
pub(crate) type Class = u8;
/// A set of classes. Masks are only looked at where a word is in the table.
pub(crate) type Mask = u128;
/// The most classes there may be.
pub(crate) const CLASSES: usize = 128;

/// Classes whose words, rotated by 13 or written backwards, betray that the text around them is.
const TELLTALE: &[&str] = &[
    "IGNORE", "PRIOR", "ORDERS", "REVEAL", "HIDDEN", "SYSTEM", "SEND", "SECRET", "BOUNDS",
];
/// The class of words that are of a telltale class when rotated by 13.
pub(crate) const ROTATED: &str = "ROTATED";
/// The same, when read backwards.
pub(crate) const BACKWARDS: &str = "BACKWARDS";
/// Shorter words mean something else when they are turned round.
const TELLING: usize = 6;

/// Places in the table: a power of two, more than twice as many as there are words.
const PLACES: usize = 8192;

/// All words: a table by their hashes, small enough to stay in few pages of an instance's memory.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Hashes of words, 0 where there is none; a taken place is stepped over.
    hashes: Vec<u32>,
    /// The index in `sets` of each place's word.
    which: Vec<u16>,
    /// Sets of classes that occur.
    sets: Vec<Mask>,
    /// The classes' names, in the order of their numbers.
    names: Vec<String>,
}

impl Table {
    /// Reads a list of words: a class and its words on each line; `#` begins a comment. Further
    /// `names` are classes that have no words of their own.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Self {
        let mut table = Self {
            hashes: vec![0; PLACES],
            which: vec![0; PLACES],
            sets: Vec::new(),
            names: Vec::new(),
        };
        for name in names.iter().chain(&[ROTATED, BACKWARDS]) {
            table.number(name);
        }
        let (mut all, mut turned): (BTreeMap<String, Mask>, _) = (BTreeMap::new(), Vec::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_ascii_whitespace();
            let Some(name) = words.next() else { continue };
            let class = 1 << table.number(name);
            for word in words {
                let word = folded(word).replace('-', "");
                if TELLTALE.contains(&name) && word.len() >= TELLING && word.is_ascii() {
                    turned.push((rotated(&word), ROTATED));
                    turned.push((word.chars().rev().collect(), BACKWARDS));
                }
                *all.entry(word).or_default() |= class;
            }
        }
        for (word, name) in turned {
            let class = 1 << table.number(name);
            if !all.contains_key(&word) || all.get(&word) == Some(&class) {
                all.insert(word, class);
            }
        }
        for (word, set) in all {
            table.insert(&word, set);
        }
        table
    }

    fn insert(&mut self, word: &str, set: Mask) {
        let mut whole = Word::default();
        word.chars().for_each(|letter| whole.take(letter));
        let known = self.sets.iter().position(|known| *known == set);
        let which = known.unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        });
        let free = places(whole.hash).find(|place| self.hashes.get(*place) == Some(&0));
        if let (Some(place), Ok(which)) = (free, u16::try_from(which))
            && let (Some(slot), Some(own)) = (self.hashes.get_mut(place), self.which.get_mut(place))
        {
            *slot = whole.hash;
            *own = which;
        }
    }

    /// The number of a class, a new one if nobody named it before.
    fn number(&mut self, name: &str) -> Class {
        self.class(name).unwrap_or_else(|| {
            self.names.push(name.into());
            u8::try_from(self.names.len() - 1).unwrap_or(u8::MAX)
        })
    }

    /// The number of a class that words have.
    pub(crate) fn class(&self, name: &str) -> Option<Class> {
        let at = self.names.iter().position(|known| known == name)?;
        u8::try_from(at).ok()
    }

    /// The sets of classes that words have, by their numbers.
    pub(crate) fn sets(&self) -> &[Mask] {
        &self.sets
    }

    /// The number of the set of classes that a word has.
    pub(crate) fn find(&self, word: Word) -> Option<u16> {
        if word.strange || word.length == 0 || word.length > LONGEST {
            return None;
        }
        for place in places(word.hash) {
            match self.hashes.get(place) {
                Some(hash) if *hash == word.hash => return self.which.get(place).copied(),
                Some(0) | None => return None,
                Some(_) => {}
            }
        }
        None
    }
}

/// A word of Latin letters, rotated by 13.
pub(crate) fn rotated(text: &str) -> String {
    let rotate = |c: char| match c {
        'a'..='m' | 'A'..='M' => char::from(c as u8 + 13),
        'n'..='z' | 'N'..='Z' => char::from(c as u8 - 13),
        _ => c,
    };
    text.chars().map(rotate).collect()
}

/// The places where a word may stand, the likeliest first.
fn places(hash: u32) -> impl Iterator<Item = usize> {
    (0..PLACES).map(move |step| (hash as usize ^ hash as usize >> 16).wrapping_add(step) % PLACES)
}

/// A word under way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Word {
    /// Hash of the letters so far, 32-bit FNV-1a.
    hash: u32,
    /// It has a character that is no letter.
    strange: bool,
    /// Letters so far.
    pub(crate) length: u32,
}

impl Word {
    /// Takes a letter, folded; `'\0'` makes it a word that is not in the table.
    #[inline]
    pub(crate) fn take(&mut self, letter: char) {
        match letter {
            'a'..='z' => self.hash = hashed(self.hash, letter as u8),
            '\0' => self.strange = true,
            _ => {
                let [low, high, astral, _] = (letter as u32).to_le_bytes();
                self.hash = hashed(hashed(self.hash, low), high);
                if astral > 0 {
                    self.hash = hashed(self.hash, astral);
                }
            }
        }
        self.length = self.length.saturating_add(1);
    }

    /// Takes the ASCII letters that a text begins with, in either case, and digits as those that
    /// they pass for; returns how many. Of what is longer than any word only the end is looked for.
    #[inline]
    pub(crate) fn take_all(&mut self, text: &[u8]) -> usize {
        let mut letters = text.iter().map(|byte| LETTERS[usize::from(*byte)]);
        let short = (LONGEST + 1).saturating_sub(self.length) as usize;
        let mut length = 0;
        for letter in letters
            .by_ref()
            .take(short)
            .take_while(|letter| *letter != CUT)
        {
            match letter {
                STRANGE => self.strange = true,
                _ => self.hash = hashed(self.hash, letter),
            }
            length += 1;
        }
        if length == short {
            length += letters.take_while(|letter| *letter != CUT).count();
        }
        self.length = self
            .length
            .saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        length
    }
}

/// Ends a word.
const CUT: u8 = 0;
/// A character that is part of a word, and no letter: `'\0'` of [`Word::take`].
const STRANGE: u8 = 1;
/// The letter that each ASCII character is read as.
const LETTERS: [u8; 256] = {
    let mut letters = [CUT; 256];
    let mut byte = 0;
    while byte < 128 {
        letters[byte] = match byte as u8 {
            digit @ b'0'..=b'9' => match digit_as_letter(digit) {
                Some(letter) => letter,
                None => STRANGE,
            },
            letter if letter.is_ascii_alphabetic() => letter.to_ascii_lowercase(),
            _ => CUT,
        };
        byte += 1;
    }
    letters
};

/// The letter that a digit passes for. A number becomes no word by it.
pub(crate) const fn digit_as_letter(digit: u8) -> Option<u8> {
    Some(match digit {
        b'0' => b'o',
        b'1' => b'i',
        b'3' => b'e',
        b'4' => b'a',
        b'5' => b's',
        b'7' => b't',
        b'8' => b'b',
        b'9' => b'g',
        _ => return None,
    })
}

/// No word has more letters.
const LONGEST: u32 = 24;

#[inline]
const fn hashed(hash: u32, letter: u8) -> u32 {
    // The offset basis stands before the first letter, so that an empty word's hash is 0.
    (hash ^ letter as u32 ^ 0x811c_9dc5).wrapping_mul(0x0100_0193)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = include_str!("../data/words.txt");

    fn table() -> Table {
        Table::parse(WORDS, &[])
    }

    fn classes(table: &Table, word: &str) -> Vec<String> {
        let mut walk = Word::default();
        folded(word).chars().for_each(|letter| walk.take(letter));
        let mask = table
            .find(walk)
            .map_or(0, |set| table.sets()[usize::from(set)]);
        let named = (0..table.names.len()).filter(|class| mask >> class & 1 == 1);
        named.map(|class| table.names[class].clone()).collect()
    }

    #[test]
    fn whole_words_have_their_classes_and_their_parts_none() {
        let table = table();
        assert_eq!(classes(&table, "Ignore"), ["IGNORE"]);
        for none in ["ignor", "ignoreme", "xignore", "日ignore", "", "ign\0re"] {
            assert_eq!(classes(&table, none), [""; 0], "{none}");
        }
        let several = classes(&table, "systemanweisungen");
        for class in ["PRIOR", "ORDERS", "HIDDEN"] {
            assert!(several.iter().any(|has| has == class), "{class}");
        }
    }

    #[test]
    fn words_of_other_scripts_are_words_too() {
        let table = table();
        for word in [
            "инструкции",
            "ігноруй",
            "निर्देशों",
            "تجاهل",
            "οδηγίες",
            "ההוראות",
        ] {
            assert_ne!(classes(&table, word), [""; 0], "{word}");
        }
    }

    #[test]
    fn words_turned_round_betray_it() {
        let table = table();
        assert_eq!(classes(&table, "cerivbhf"), [ROTATED]);
        assert_eq!(classes(&table, "snoitcurtsni"), [BACKWARDS]);
        assert_eq!(rotated(&rotated("Ignore, please")), "Ignore, please");
    }

    #[test]
    fn every_word_is_found_with_all_its_classes() {
        let table = table();
        assert!(table.names.len() <= CLASSES);
        for line in WORDS.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_ascii_whitespace();
            let Some(class) = words.next() else { continue };
            for word in words {
                let written = word.replace('-', "");
                assert!(written.chars().count() <= LONGEST as usize, "{word}");
                assert!(
                    classes(&table, &written).iter().any(|has| has == class),
                    "{class} {word}"
                );
            }
        }
        // No two words share a hash.
        let mut hashes: Vec<u32> = table.hashes.iter().copied().filter(|h| *h != 0).collect();
        let taken = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(taken, hashes.len());
        assert!(taken * 2 < PLACES, "{taken}");
    }
}
