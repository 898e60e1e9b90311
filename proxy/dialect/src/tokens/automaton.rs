//! The automaton of the estimate: its states, and the steps between them.
//!
//! It follows the splits that tokenizers of OpenAI's family make before they look into a
//! vocabulary (<https://github.com/openai/tiktoken>, `o200k_base`): words with the space or sign
//! before them, capitals inside a word, groups of three digits, runs of signs with the newlines
//! behind them.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "classes are of bytes, and most steps treat most of them alike"
)]

use super::{
    class::{ALL, CLASSES, Class, Class as C},
    cost,
};

/// The states, which say what the bytes before were. Letters, letters that end in a vowel, capitals
/// and digits have their number added, up to 7, 7, 3 and 3.
mod state {
    pub(super) const START: u8 = 0;
    pub(super) const SMALL: u8 = 0;
    pub(super) const SMALL_LAST: u8 = 7;
    pub(super) const VOWEL: u8 = 7;
    pub(super) const VOWEL_FIRST: u8 = 8;
    pub(super) const VOWEL_LAST: u8 = 14;
    pub(super) const CAPITALS: u8 = 14;
    pub(super) const CAPITALS_FIRST: u8 = 15;
    pub(super) const CAPITALS_LAST: u8 = 17;
    /// After the first byte of a letter of Latin-1, early and late in a word.
    pub(super) const LATIN_EARLY: u8 = 18;
    pub(super) const LATIN_LATE: u8 = 19;
    pub(super) const DIGITS_FIRST: u8 = 20;
    pub(super) const DIGITS_LAST: u8 = 22;
    pub(super) const SPACE: u8 = 23;
    pub(super) const SPACES: u8 = 24;
    pub(super) const SIGN: u8 = 25;
    pub(super) const SIGNS: u8 = 26;
    pub(super) const UNDERSCORE: u8 = 27;
    pub(super) const CYRILLIC: u8 = 28;
    pub(super) const CYRILLIC_LATER: u8 = 29;
    pub(super) const CYRILLIC_EXTENDED: u8 = 30;
    pub(super) const GREEK: u8 = 31;
    pub(super) const HEBREW: u8 = 32;
    pub(super) const ARABIC: u8 = 33;
    pub(super) const ARABIC_EXTENDED: u8 = 34;
    pub(super) const OTHER: u8 = 35;
    /// After E0.
    pub(super) const INDIC: u8 = 36;
    pub(super) const DEVANAGARI: u8 = 37;
    pub(super) const INDIC_OTHER: u8 = 38;
    pub(super) const THAI: u8 = 39;
    /// After E1.
    pub(super) const SOUTH_EAST: u8 = 40;
    /// After E2.
    pub(super) const SIGNS_LEAD: u8 = 41;
    pub(super) const SYMBOL: u8 = 42;
    /// After E3.
    pub(super) const KANA_LEAD: u8 = 43;
    pub(super) const KANA: u8 = 44;
    pub(super) const HAN: u8 = 45;
    pub(super) const HAN_8: u8 = 46;
    pub(super) const HAN_9: u8 = 47;
    /// After EA.
    pub(super) const THREE_LEAD: u8 = 48;
    pub(super) const HANGUL: u8 = 49;
    /// After EE or EF.
    pub(super) const WIDE_LEAD: u8 = 50;
    pub(super) const EMOJI: u8 = 51;
    pub(super) const COUNT: u8 = 52;
}

/// A step: the next state in bits 6 to 11, its cost in 256ths of a token above them. So the index of
/// the next step is one `and` and one `or` away.
pub(super) type Step = u32;

const STATE: u32 = 0x0fc0;

static STEPS: [Step; 4096] = {
    let mut steps = [0; 4096];
    let mut from = 0;
    while from < state::COUNT {
        let mut at = 0;
        while at < ALL.len() {
            let (to, due) = step(from, ALL[at]);
            assert!(to < state::COUNT && ALL[at] as usize == at);
            let cost = (due as u32 * 256 + 500) / 1000;
            steps[from as usize * 64 + at] = ((to as u32) << 6) | (cost << 12);
            at += 1;
        }
        from += 1;
    }
    steps
};

/// The step for a byte after the step `last`.
#[inline]
pub(super) fn look(last: Step, byte: u8) -> Step {
    STEPS[((last & STATE) | u32::from(CLASSES[usize::from(byte)] & 63)) as usize]
}

/// The cost of a step in 256ths of a token.
#[inline]
pub(super) fn due(step: Step) -> u32 {
    step >> 12
}

/// The script or content that a step leads into, as its place in [`super::Kind`].
#[inline]
pub(super) fn kind(step: Step) -> super::Kind {
    use super::Kind;
    match ((step & STATE) >> 6) as u8 {
        state::CAPITALS_FIRST..=state::CAPITALS_LAST | state::DIGITS_FIRST..=state::DIGITS_LAST => {
            Kind::Dense
        }
        state::CYRILLIC..=state::CYRILLIC_EXTENDED => Kind::Cyrillic,
        state::GREEK..=state::OTHER => Kind::Alphabetic,
        state::INDIC..=state::SOUTH_EAST => Kind::Indic,
        state::KANA_LEAD..=state::HANGUL => Kind::Cjk,
        state::SYMBOL | state::WIDE_LEAD | state::EMOJI => Kind::Symbols,
        _ => Kind::Latin,
    }
}

const fn is_small(from: u8) -> bool {
    from > state::SMALL && from <= state::VOWEL_LAST
}

/// The letters so far of a word of small ones.
const fn letters(from: u8) -> u8 {
    if from > state::SMALL_LAST {
        from - state::VOWEL
    } else {
        from - state::SMALL
    }
}

const fn is_digits(from: u8) -> bool {
    from >= state::DIGITS_FIRST && from <= state::DIGITS_LAST
}

const fn is_space(from: u8) -> bool {
    from == state::SPACE || from == state::SPACES
}

const fn is_word(from: u8) -> bool {
    is_small(from) || (from >= state::CAPITALS_FIRST && from <= state::CAPITALS_LAST)
}

/// The next state and what is due.
const fn step(from: u8, class: Class) -> (u8, u16) {
    if class as u8 >= C::At80 as u8 {
        return inside(from, class);
    }
    // a letter of Latin-1 that was cut off
    let from = match from {
        state::LATIN_EARLY => state::SMALL + 3,
        state::LATIN_LATE => state::SMALL_LAST,
        from => from,
    };
    match class {
        C::Small | C::LatinExtended | C::LatinOther => {
            let (to, due) = small(from, state::SMALL);
            let more = match class {
                C::LatinExtended => cost::LATIN_EXTENDED,
                C::LatinOther => cost::LATIN_OTHER,
                _ => 0,
            };
            (to, due + more)
        }
        C::Vowel => small(from, state::VOWEL),
        C::Rare => {
            let (to, due) = small(from, state::SMALL);
            (to, due + cost::RARE_LETTER)
        }
        C::Latin1 => {
            let due = match from {
                state::CAPITALS_FIRST..=state::CAPITALS_LAST => 0,
                _ => small(from, state::SMALL).1,
            };
            match is_small(from) && letters(from) > 3 {
                true => (state::LATIN_LATE, due),
                false => (state::LATIN_EARLY, due),
            }
        }
        C::Capital => match from {
            state::CAPITALS_FIRST..=state::CAPITALS_LAST => {
                let count = from - state::CAPITALS;
                let more = cost::CAPITALS[if count == 1 { 0 } else { 1 }];
                (
                    state::CAPITALS + if count < 3 { count + 1 } else { 3 },
                    more,
                )
            }
            _ if is_small(from) => {
                let count = letters(from) as usize;
                let more = cost::CAPITAL_INSIDE[if count < 3 { count - 1 } else { 2 }];
                (state::CAPITALS_FIRST, more)
            }
            _ => (state::CAPITALS_FIRST, word(from)),
        },
        C::Digit => match from {
            state::DIGITS_FIRST..state::DIGITS_LAST => (from + 1, 0),
            state::DIGITS_LAST => (state::DIGITS_FIRST, cost::DIGITS_AFTER_THREE),
            _ if is_word(from) => (state::DIGITS_FIRST, cost::DIGITS_AFTER_WORD),
            _ if is_space(from) => (state::DIGITS_FIRST, cost::DIGITS_AFTER_SPACE),
            _ => (state::DIGITS_FIRST, cost::DIGITS),
        },
        C::Space => match from {
            state::SPACE => (state::SPACES, cost::SPACES),
            state::SPACES => (state::SPACES, cost::SPACE_MORE),
            _ => (state::SPACE, space(from)),
        },
        C::Newline => match from {
            state::START => (state::START, cost::NEWLINE_MORE),
            _ => (state::START, cost::NEWLINE),
        },
        C::Sign => sign(from, state::SIGN),
        C::Underscore => sign(from, state::UNDERSCORE),
        C::LatinSigns => (state::SIGN, cost::WIDE_SIGN),
        C::Combining if is_word(from) => (from, cost::COMBINING),
        C::Combining => (state::SIGN, cost::COMBINING),
        C::Greek => alphabet(from, state::GREEK, cost::GREEK_WORD, cost::GREEK_LETTER),
        C::Cyrillic | C::CyrillicLater | C::CyrillicExtended => {
            let inside = from >= state::CYRILLIC && from <= state::CYRILLIC_EXTENDED;
            let due = match inside {
                true => cost::CYRILLIC_LETTER,
                false => cost::CYRILLIC_WORD,
            };
            match class {
                C::Cyrillic => (state::CYRILLIC, due),
                C::CyrillicLater => (state::CYRILLIC_LATER, due),
                _ => (state::CYRILLIC_EXTENDED, due + cost::CYRILLIC_EXTENDED),
            }
        }
        C::Hebrew => alphabet(from, state::HEBREW, cost::HEBREW_WORD, cost::HEBREW_LETTER),
        C::Arabic | C::ArabicExtended => {
            let inside = from == state::ARABIC || from == state::ARABIC_EXTENDED;
            let due = match inside {
                true => cost::ARABIC_LETTER,
                false => cost::ARABIC_WORD,
            };
            match class {
                C::Arabic => (state::ARABIC, due),
                _ => (state::ARABIC_EXTENDED, due + cost::ARABIC_EXTENDED),
            }
        }
        C::OtherTwo => (state::OTHER, cost::OTHER),
        C::Indic => (state::INDIC, 0),
        C::SouthEast => (state::SOUTH_EAST, 0),
        C::Signs => (state::SIGNS_LEAD, 0),
        C::Kana => (state::KANA_LEAD, 0),
        C::Han | C::Han8 | C::Han9 => {
            let due = match from {
                state::HAN..=state::HAN_9 => cost::HAN,
                _ => cost::HAN_FIRST,
            };
            match class {
                C::Han8 => (state::HAN_8, due),
                C::Han9 => (state::HAN_9, due),
                _ => (state::HAN, due),
            }
        }
        C::OtherThree => (state::THREE_LEAD, 0),
        C::Hangul => (state::HANGUL, cost::HANGUL),
        C::FullWidth => (state::WIDE_LEAD, 0),
        _ => (state::EMOJI, cost::EMOJI),
    }
}

/// A small Latin letter; `to` is the run that it counts in.
const fn small(from: u8, to: u8) -> (u8, u16) {
    match from {
        state::CAPITALS_FIRST..=state::CAPITALS_LAST => {
            let count = (from - state::CAPITALS_FIRST) as usize;
            (to + 2, cost::SMALL_AFTER_CAPITALS[count])
        }
        _ if is_small(from) => match letters(from) {
            4 => (to + 5, cost::FIFTH_LETTER),
            7 => (to + 7, cost::LETTER_BEYOND_SEVEN),
            count => (to + count + 1, 0),
        },
        _ => (to + 1, word(from)),
    }
}

/// The first letter of a word.
const fn word(from: u8) -> u16 {
    match from {
        state::START => cost::WORD_ON_LINE,
        state::SIGN => cost::WORD_AFTER_SIGN,
        state::SIGNS => cost::WORD_AFTER_SIGNS,
        state::UNDERSCORE => cost::WORD_AFTER_UNDERSCORE,
        _ if is_space(from) => cost::WORD,
        _ if is_digits(from) => cost::WORD_AFTER_DIGIT,
        _ => cost::WORD_AFTER_OTHER,
    }
}

/// The first space of a run.
const fn space(from: u8) -> u16 {
    match from {
        state::SIGN | state::SIGNS | state::UNDERSCORE => cost::SPACE_AFTER_SIGN,
        state::VOWEL_FIRST..=state::VOWEL_LAST => cost::VOWEL_AT_END,
        state::CYRILLIC => cost::CYRILLIC_END,
        state::HEBREW => cost::HEBREW_END,
        state::HANGUL => cost::HANGUL_END,
        state::THAI => cost::THAI_SPACE,
        _ if is_digits(from) => cost::SPACE_AFTER_DIGITS,
        _ => 0,
    }
}

const fn sign(from: u8, first: u8) -> (u8, u16) {
    match from {
        state::SIGN | state::UNDERSCORE => (state::SIGNS, cost::SIGN_SECOND),
        state::SIGNS => (state::SIGNS, cost::SIGN_MORE),
        _ if is_space(from) => (first, cost::SIGN_AFTER_SPACE),
        state::START if first == state::SIGN => (first, cost::SIGN_ON_LINE),
        _ if is_digits(from) && first == state::SIGN => (first, cost::SIGN_AFTER_DIGITS),
        _ => (first, cost::SIGN),
    }
}

const fn alphabet(from: u8, to: u8, word: u16, letter: u16) -> (u8, u16) {
    (to, if from == to { letter } else { word })
}

/// A byte after the first of its character.
const fn inside(from: u8, class: Class) -> (u8, u16) {
    match (from, class) {
        (state::LATIN_EARLY | state::LATIN_LATE, _) => {
            let run = match class {
                C::At80 | C::At81 | C::At90 | C::AtA6 => state::SMALL,
                _ => state::VOWEL,
            };
            let due = match class {
                C::AtA4 | C::AtB8 => cost::LATIN_1_RARE,
                C::At90 | C::AtA8 | C::AtAc | C::AtB6 | C::AtBa => cost::LATIN_1,
                _ => 0,
            };
            let letters = if from == state::LATIN_EARLY { 3 } else { 7 };
            (run + letters, due)
        }
        (state::CYRILLIC_LATER, C::At90) => (from, cost::CYRILLIC_NOT_RUSSIAN),
        (state::INDIC, _) => match class {
            C::AtA4 => (state::DEVANAGARI, cost::DEVANAGARI),
            C::AtA6 => (state::INDIC_OTHER, cost::BENGALI),
            C::AtA8 => (state::INDIC_OTHER, cost::GUJARATI),
            C::AtAc => (state::INDIC_OTHER, cost::TAMIL),
            C::AtB0 => (state::INDIC_OTHER, cost::TELUGU),
            C::AtB6 => (state::INDIC_OTHER, cost::SINHALA),
            C::AtB8 => (state::THAI, cost::THAI),
            _ => (state::INDIC_OTHER, cost::LAO),
        },
        (state::SOUTH_EAST, C::At80 | C::At81) => (state::INDIC_OTHER, cost::MYANMAR),
        (state::SOUTH_EAST, C::AtB8 | C::AtBa) => (state::SMALL + 3, cost::VIETNAMESE),
        (state::SOUTH_EAST, C::At90) => (state::INDIC_OTHER, cost::KHMER),
        (state::SOUTH_EAST, _) => (state::INDIC_OTHER, cost::OTHER),
        (state::SIGNS_LEAD | state::KANA_LEAD, C::At80) => (state::SIGN, cost::WIDE_SIGN),
        (state::SIGNS_LEAD, _) => (state::SYMBOL, cost::SYMBOL),
        (state::KANA_LEAD, _) => (state::KANA, cost::KANA),
        (state::HAN_8, C::At81 | C::AtA8) => (state::HAN, cost::HAN_TRADITIONAL_ONLY),
        (state::HAN_8, C::At80 | C::AtA0 | C::AtB0) => (state::HAN, cost::HAN_TRADITIONAL),
        (state::HAN_9, C::At90 | C::AtA6 | C::AtB6) => (state::HAN, cost::HAN_TRADITIONAL),
        (state::HAN_8 | state::HAN_9, _) => (state::HAN, 0),
        (state::THREE_LEAD, C::AtB0 | C::AtB6 | C::AtB8 | C::AtBa) => (state::HANGUL, cost::HANGUL),
        (state::THREE_LEAD, _) => (state::OTHER, cost::OTHER),
        (state::WIDE_LEAD, C::AtB8) => (state::SIGN, cost::VARIATION),
        (state::WIDE_LEAD, C::AtBa) => (state::SIGN, cost::FULL_WIDTH),
        (state::WIDE_LEAD, _) => (state::OTHER, cost::OTHER),
        _ => (from, 0),
    }
}
