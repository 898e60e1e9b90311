//! The costs of the automaton's steps, in thousandths of a token. They fall due at the character that
//! shows that a token more is needed.
//!
//! Fitted to o200k's counts of 7,000 texts in 60 languages and of code, tables, identifiers, base64
//! and hex.

/// A word after a space.
pub(super) const WORD: u16 = 640;
pub(super) const WORD_ON_LINE: u16 = 1128;
/// One sign before a word belongs to it; then its cost is here.
pub(super) const WORD_AFTER_SIGN: u16 = 1135;
pub(super) const WORD_AFTER_SIGNS: u16 = 1621;
pub(super) const WORD_AFTER_UNDERSCORE: u16 = 1168;
pub(super) const WORD_AFTER_DIGIT: u16 = 1590;
/// A Latin word after another script.
pub(super) const WORD_AFTER_OTHER: u16 = 241;
pub(super) const FIFTH_LETTER: u16 = 229;
pub(super) const LETTER_BEYOND_SEVEN: u16 = 258;
/// j, k, q, v, w, x, y, z: rare where words are in the vocabulary.
pub(super) const RARE_LETTER: u16 = 450;
/// A word that ends in a, i, o or u, as they do where Latin words are not English.
pub(super) const VOWEL_AT_END: u16 = 433;
/// A capital after one, two, or more small letters.
pub(super) const CAPITAL_INSIDE: [u16; 3] = [1421, 837, 1253];
/// The second capital of a run, and each one more.
pub(super) const CAPITALS: [u16; 2] = [175, 246];
/// A small letter after one, two, or more capitals.
pub(super) const SMALL_AFTER_CAPITALS: [u16; 3] = [123, 1573, 770];
/// ä, å, ø, ù: beside their cost as letters, as all below.
pub(super) const LATIN_1_RARE: u16 = 1186;
/// è, é, ê, ì, í, ö, ú, ü, ß; the other letters of Latin-1 cost nothing more.
pub(super) const LATIN_1: u16 = 726;
pub(super) const LATIN_EXTENDED: u16 = 1006;
pub(super) const LATIN_OTHER: u16 = 936;
pub(super) const VIETNAMESE: u16 = 100;
pub(super) const COMBINING: u16 = 1619;

pub(super) const DIGITS: u16 = 1179;
pub(super) const DIGITS_AFTER_SPACE: u16 = 899;
pub(super) const DIGITS_AFTER_WORD: u16 = 489;
pub(super) const DIGITS_AFTER_THREE: u16 = 969;
pub(super) const NEWLINE: u16 = 1168;
pub(super) const NEWLINE_MORE: u16 = 35;
/// The second space of a run.
pub(super) const SPACES: u16 = 413;
pub(super) const SPACE_MORE: u16 = 20;
pub(super) const SPACE_AFTER_SIGN: u16 = 1026;
pub(super) const SPACE_AFTER_DIGITS: u16 = 1180;
pub(super) const SIGN: u16 = 20;
pub(super) const SIGN_AFTER_SPACE: u16 = 0;
pub(super) const SIGN_ON_LINE: u16 = 394;
pub(super) const SIGN_AFTER_DIGITS: u16 = 775;
pub(super) const SIGN_SECOND: u16 = 150;
pub(super) const SIGN_MORE: u16 = 150;

pub(super) const CYRILLIC_WORD: u16 = 218;
pub(super) const CYRILLIC_LETTER: u16 = 180;
/// A letter that Russian has not: Ukrainian, Belarusian, Serbian.
pub(super) const CYRILLIC_NOT_RUSSIAN: u16 = 1535;
pub(super) const CYRILLIC_EXTENDED: u16 = 144;
/// A space after one of the first 48 letters, most vowels among them.
pub(super) const CYRILLIC_END: u16 = 888;
pub(super) const GREEK_WORD: u16 = 726;
pub(super) const GREEK_LETTER: u16 = 325;
pub(super) const HEBREW_WORD: u16 = 422;
pub(super) const HEBREW_LETTER: u16 = 279;
pub(super) const HEBREW_END: u16 = 794;
pub(super) const ARABIC_WORD: u16 = 535;
pub(super) const ARABIC_LETTER: u16 = 305;
/// Persian and Urdu.
pub(super) const ARABIC_EXTENDED: u16 = 63;

pub(super) const DEVANAGARI: u16 = 356;
pub(super) const BENGALI: u16 = 408;
pub(super) const GUJARATI: u16 = 413;
pub(super) const TAMIL: u16 = 343;
/// Telugu, Kannada, Malayalam.
pub(super) const TELUGU: u16 = 459;
pub(super) const SINHALA: u16 = 622;
pub(super) const THAI: u16 = 355;
/// There are few, as Thai puts none between words.
pub(super) const THAI_SPACE: u16 = 1956;
pub(super) const LAO: u16 = 1936;
/// Myanmar and Georgian.
pub(super) const MYANMAR: u16 = 410;
pub(super) const KHMER: u16 = 626;
/// Characters of scripts that have no other row.
pub(super) const OTHER: u16 = 600;

pub(super) const HAN_FIRST: u16 = 1058;
pub(super) const HAN: u16 = 695;
/// Parts of the code where traditional forms are.
pub(super) const HAN_TRADITIONAL: u16 = 699;
pub(super) const HAN_TRADITIONAL_ONLY: u16 = 2688;
pub(super) const KANA: u16 = 618;
pub(super) const HANGUL: u16 = 473;
pub(super) const HANGUL_END: u16 = 744;
/// General punctuation, guillemets, ideographic marks.
pub(super) const WIDE_SIGN: u16 = 268;
pub(super) const FULL_WIDTH: u16 = 294;
/// Arrows, boxes, dingbats.
pub(super) const SYMBOL: u16 = 250;
pub(super) const EMOJI: u16 = 1794;
/// U+FE0F, which makes a symbol an emoji.
pub(super) const VARIATION: u16 = 2621;
