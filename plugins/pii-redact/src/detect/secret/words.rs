//! Lists of words that a part of a name is looked up in.

/// Words in small letters.
pub(super) struct Words {
    words: &'static [&'static str],
    /// For each first letter a bit for every length of its words: most parts need no comparison.
    lengths: [u32; 26],
    /// A bit for each last letter.
    last: u32,
}

impl Words {
    pub(super) const fn of(words: &'static [&'static str]) -> Self {
        let (mut lengths, mut last, mut at) = ([0; 26], 0, 0);
        while at < words.len() {
            let word = words[at].as_bytes();
            assert!(word.len() < 32, "a word");
            lengths[(word[0] - b'a') as usize] |= 1 << word.len();
            last |= 1 << (word[word.len() - 1] & 31);
            at += 1;
        }
        Self {
            words,
            lengths,
            last,
        }
    }

    /// True if `part` is one of the words.
    pub(super) fn has(&self, part: &[u8]) -> bool {
        let Some(first) = part.first() else {
            return false;
        };
        let lengths = self.lengths.get(usize::from(first.wrapping_sub(b'a')));
        part.len() < 32
            && lengths.is_some_and(|lengths| lengths >> part.len() & 1 == 1)
            && self.words.iter().any(|word| {
                let word = word.as_bytes();
                word.len() == part.len() && word.first() == Some(first) && word == part
            })
    }

    /// The text before the word that `part` ends in.
    pub(super) fn head<'p>(&self, part: &'p [u8]) -> Option<&'p [u8]> {
        let last = part.last()?;
        if self.last >> (last & 31) & 1 == 0 {
            return None;
        }
        self.words.iter().find_map(|word| {
            let word = word.as_bytes();
            (word.last() == Some(last)).then(|| part.strip_suffix(word))?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_its_words_and_their_compounds_and_no_other() {
        static WORDS: Words = Words::of(&["token", "key"]);
        assert!(WORDS.has(b"token") && WORDS.has(b"key"));
        assert!(
            !WORDS.has(b"") && !WORDS.has(b"tokem") && !WORDS.has(b"keys") && !WORDS.has(b"9ey")
        );
        assert_eq!(WORDS.head(b"authtoken"), Some(&b"auth"[..]));
        assert_eq!((WORDS.head(b"tokens"), WORDS.head(b"")), (None, None));
    }
}
