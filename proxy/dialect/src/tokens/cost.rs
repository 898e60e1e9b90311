//! The costs of the automaton's steps, in thousandths of a token, by mode where there are three. They
//! fall due at the character that shows that a token more is needed; what the bytes inside a
//! character cost is in `rows.rs`.
//!
//! Fitted to o200k's counts of 10,000 texts in 130 languages and of code, tables, identifiers,
//! markup, base64 and hex.

/// A word after a space.
pub(super) const WORD: [u16; 3] = [597, 530, 547];
pub(super) const WORD_ON_LINE: [u16; 3] = [897, 590, 897];
/// One sign before a word belongs to it; then its cost is here.
pub(super) const WORD_AFTER_SIGN: [u16; 3] = [1170, 889, 1230];
pub(super) const WORD_AFTER_SIGNS: u16 = 1614;
pub(super) const WORD_AFTER_UNDERSCORE: u16 = 1053;
pub(super) const WORD_AFTER_DIGIT: u16 = 1369;
/// A Latin word after another script.
pub(super) const WORD_AFTER_OTHER: u16 = 50;
/// The second letter of a word to the seventh and later.
pub(super) const LETTER: [[u16; 6]; 3] = [
    [0, 0, 0, 0, 0, 176],
    [0, 38, 0, 577, 0, 80],
    [135, 0, 193, 347, 100, 176],
];
/// A consonant after a consonant and after a vowel, a vowel after a consonant and after a vowel.
pub(super) const PAIR: [[u16; 4]; 3] = [[0, 0, 135, 0], [1, 0, 0, 0], [0, 180, 0, 224]];
/// j, k, q, v, w, x, y, z: rare where words are in the vocabulary.
pub(super) const RARE_LETTER: [u16; 3] = [490, 1159, 215];
/// A word that ends in a, i, o or u, as they do where Latin words are not English.
pub(super) const VOWEL_AT_END: [u16; 3] = [662, 148, 342];
/// A capital after one, two, or more small letters.
pub(super) const CAPITAL_INSIDE: [u16; 3] = [1580, 1129, 1172];
/// The second capital of a run, and each one more.
pub(super) const CAPITALS: [u16; 2] = [0, 310];
/// A small letter after one, two, or more capitals.
pub(super) const SMALL_AFTER_CAPITALS: [u16; 3] = [142, 1351, 413];
/// Ƃ to ˿, beside their cost as letters.
pub(super) const LATIN_OTHER: u16 = 316;
pub(super) const COMBINING: u16 = 1731;

pub(super) const DIGITS: u16 = 1428;
pub(super) const DIGITS_AFTER_SPACE: u16 = 1109;
pub(super) const DIGITS_AFTER_WORD: u16 = 737;
pub(super) const DIGITS_AFTER_THREE: u16 = 978;
pub(super) const NEWLINE: u16 = 1176;
pub(super) const NEWLINE_MORE: u16 = 20;
/// The second space of a run.
pub(super) const SPACES: u16 = 549;
pub(super) const SPACE_MORE: u16 = 16;
pub(super) const SPACE_AFTER_SIGN: u16 = 1081;
pub(super) const SPACE_AFTER_DIGITS: u16 = 961;
pub(super) const SIGN: u16 = 0;
pub(super) const SIGN_AFTER_SPACE: u16 = 0;
pub(super) const SIGN_ON_LINE: u16 = 310;
pub(super) const SIGN_AFTER_DIGITS: u16 = 504;
pub(super) const SIGN_SECOND: u16 = 138;
pub(super) const SIGN_MORE: u16 = 102;
/// A sign of Latin-1.
pub(super) const WIDE_SIGN: u16 = 1035;

pub(super) const CYRILLIC_WORD: [u16; 3] = [907, 207, 457];
pub(super) const CYRILLIC_LETTER: [u16; 3] = [30, 225, 176];
/// A space after a word.
pub(super) const CYRILLIC_END: [u16; 3] = [0, 211, 0];
pub(super) const ARABIC_WORD: [u16; 3] = [233, 81, 0];
pub(super) const ARABIC_LETTER: [u16; 3] = [154, 383, 368];
pub(super) const ARABIC_END: [u16; 3] = [303, 0, 0];
pub(super) const HAN_FIRST: [u16; 3] = [750, 1283, 161];
pub(super) const HAN: [u16; 3] = [604, 875, 1039];
/// The first letter of a word, and a later one.
pub(super) const GREEK: [u16; 2] = [512, 242];
pub(super) const HEBREW: [u16; 2] = [299, 282];
pub(super) const ARMENIAN: [u16; 2] = [442, 93];
pub(super) const HANGUL: [u16; 2] = [1083, 229];
pub(super) const HANGUL_END: u16 = 306;
/// A character after E1 that follows a space.
pub(super) const SOUTH_EAST_WORD: u16 = 0;
/// There are few, as Thai puts none between words.
pub(super) const THAI_SPACE: u16 = 251;
pub(super) const INDIC_END: u16 = 216;
pub(super) const MYANMAR_END: u16 = 246;
pub(super) const ETHIOPIC_END: u16 = 886;
/// Syriac, Thaana, NKo.
pub(super) const OTHER: u16 = 1990;
pub(super) const OTHER_END: u16 = 831;
