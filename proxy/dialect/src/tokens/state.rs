//! The states of the automaton, which say what the bytes before were.
//!
//! Most of them come in three modes, by what the text has shown of its language so far, as the same
//! letters cost different vocabularies differently. Mode 0 is English, code, Russian, simplified
//! Chinese, Arabic, or not known. Mode 1 follows letters of Latin-1 (Western and Northern Europe),
//! Cyrillic letters that Russian has not, Arabic letters that Arabic has not, kana. Mode 2 follows
//! letters of Latin Extended-A (Central Europe, Turkish), extended Cyrillic, letters of Urdu,
//! traditional Chinese. A mode ends where English or code shows: a word that begins with `th`, a
//! capital inside a word, an underscore, two signs in a row.

/// The states of one mode. Letters, letters that end in a vowel, capitals and digits have their
/// number added.
pub(super) const START: u8 = 0;
pub(super) const SMALL: u8 = 0;
pub(super) const VOWEL: u8 = 6;
/// The letters of a word that are counted.
pub(super) const LETTERS: u8 = 6;
/// A word that is `t` so far.
pub(super) const T: u8 = 13;
pub(super) const CAPITALS: u8 = 13;
pub(super) const DIGITS: u8 = 16;
pub(super) const SPACE: u8 = 20;
pub(super) const SIGN: u8 = 21;
pub(super) const CYRILLIC: u8 = 22;
pub(super) const CYRILLIC_LATER: u8 = 23;
pub(super) const ARABIC: u8 = 24;
pub(super) const ARABIC_LATER: u8 = 25;
pub(super) const HAN: u8 = 26;
/// After E7, E8, E9.
pub(super) const HAN_7: u8 = 27;
pub(super) const HAN_8: u8 = 28;
pub(super) const HAN_9: u8 = 29;

/// The number of states of a mode.
const MODE: u8 = 30;
const MODES: u8 = 3;

/// The states without a mode, or whose mode is in their name.
///
/// After the first byte of a letter of Latin-1, early and late in a word, in mode 1 and 2.
pub(super) const LATIN_1_EARLY: u8 = 90;
pub(super) const LATIN_1_LATE: u8 = 91;
pub(super) const LATIN_1_EARLY_2: u8 = 92;
pub(super) const LATIN_1_LATE_2: u8 = 93;
/// After C4 and C5.
pub(super) const LATIN_A_EARLY: u8 = 94;
pub(super) const LATIN_A_LATE: u8 = 95;
pub(super) const LATIN_B_EARLY: u8 = 96;
pub(super) const LATIN_B_LATE: u8 = 97;
pub(super) const SPACES: u8 = 98;
pub(super) const SIGNS: u8 = 99;
pub(super) const UNDERSCORE: u8 = 100;
pub(super) const GREEK: u8 = 101;
pub(super) const HEBREW: u8 = 102;
/// After DB, in mode 1 and 2.
pub(super) const ARABIC_EXTENDED: u8 = 103;
pub(super) const ARABIC_EXTENDED_2: u8 = 104;
pub(super) const ARMENIAN: u8 = 105;
pub(super) const OTHER: u8 = 106;
/// After E0.
pub(super) const LEAD_E0: u8 = 107;
pub(super) const DEVANAGARI: u8 = 108;
pub(super) const BENGALI: u8 = 109;
/// Gurmukhi and Gujarati.
pub(super) const GUJARATI: u8 = 110;
pub(super) const TAMIL: u8 = 111;
/// Telugu, Kannada, Malayalam.
pub(super) const TELUGU: u8 = 112;
/// Oriya, Sinhala, Lao, Tibetan, Khmer.
pub(super) const INDIC: u8 = 113;
pub(super) const THAI: u8 = 114;
/// After E1.
pub(super) const LEAD_E1: u8 = 115;
pub(super) const MYANMAR: u8 = 116;
pub(super) const GEORGIAN: u8 = 117;
/// Ethiopic, and what else E1 leads to.
pub(super) const ETHIOPIC: u8 = 118;
pub(super) const LEAD_E2: u8 = 119;
pub(super) const SYMBOL: u8 = 120;
pub(super) const LEAD_E3: u8 = 121;
pub(super) const KANA: u8 = 122;
pub(super) const LEAD_EA: u8 = 123;
pub(super) const HANGUL: u8 = 124;
/// After EE or EF.
pub(super) const LEAD_EF: u8 = 125;
pub(super) const LEAD_F0: u8 = 126;
pub(super) const EMOJI: u8 = 127;
pub(super) const COUNT: u8 = 128;

/// The state without its mode.
pub(super) const fn base(state: u8) -> u8 {
    if state < MODE * MODES {
        state % MODE
    } else {
        state
    }
}

pub(super) const fn mode(state: u8) -> u8 {
    match state {
        LATIN_1_EARLY | LATIN_1_LATE | ARABIC_EXTENDED | KANA => 1,
        LATIN_1_EARLY_2..=LATIN_B_LATE | ARABIC_EXTENDED_2 => 2,
        _ if state < MODE * MODES => state / MODE,
        _ => 0,
    }
}

/// A state that has modes, in one of them.
pub(super) const fn in_mode(base: u8, mode: u8) -> u8 {
    base + mode * MODE
}

/// The letters so far of a word of small ones, as far as they are counted; 0 elsewhere.
pub(super) const fn letters(state: u8) -> u8 {
    match state {
        LATIN_1_EARLY | LATIN_1_EARLY_2 | LATIN_A_EARLY | LATIN_B_EARLY => 3,
        LATIN_1_LATE | LATIN_1_LATE_2 | LATIN_A_LATE | LATIN_B_LATE => LETTERS,
        _ => match base(state) {
            at @ 1..=VOWEL => at,
            T => 1,
            at if at > VOWEL && at < T => at - VOWEL,
            _ => 0,
        },
    }
}

pub(super) const fn ends_in_vowel(state: u8) -> bool {
    let base = base(state);
    base > VOWEL && base < T
}

/// The capitals so far, up to 3.
pub(super) const fn capitals(state: u8) -> u8 {
    match base(state) {
        at if at > CAPITALS && at <= DIGITS => at - CAPITALS,
        _ => 0,
    }
}

/// The digits so far of a group of three.
pub(super) const fn digits(state: u8) -> u8 {
    match base(state) {
        at if at > DIGITS && at < SPACE => at - DIGITS,
        _ => 0,
    }
}

pub(super) const fn is_space(state: u8) -> bool {
    base(state) == SPACE || state == SPACES
}
