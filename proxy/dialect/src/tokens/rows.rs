//! The costs of the bytes that continue a character, in thousandths of a token: a row for each state
//! that has them, a column for each class from `At80` to `AtBc`.
//!
//! A byte-level vocabulary has an entry for the characters and pairs that were frequent where it was
//! trained; a character that it has not is one to three tokens, one for each byte at most. So the
//! rows of the second byte of three (`LEAD_…`) are the tokens of a character by block of Unicode
//! (<https://www.unicode.org/Public/UCD/latest/ucd/Blocks.txt>), and the rows of the last byte tell
//! the frequent letters of the script from the rare ones. Fitted with those in `cost.rs`; two
//! tokens, or three of four bytes, where no text was at hand.

use super::class::INSIDE;

type Row = [u16; INSIDE];

/// Letters of Latin-1, beside their cost as letters.
pub(super) const LATIN_1: Row = [
    110, 299, 50, 50, 50, 50, 50, 435, 50, 50, 50, 158, 50, 348, 632, 468, 1076, 1191, 654, 589,
    50, 972, 1385, 458,
];

/// Ā to Ŀ: beside their cost as letters.
pub(super) const LATIN_A: Row = [
    50, 818, 238, 50, 219, 50, 50, 1331, 601, 50, 657, 50, 502, 50, 208, 50, 616, 50, 50, 216, 50,
    50, 50, 352,
];

/// ŀ to ſ: beside their cost as letters.
pub(super) const LATIN_B: Row = [
    50, 50, 50, 288, 209, 50, 829, 50, 223, 50, 756, 562, 50, 50, 978, 583, 50, 331, 617, 82, 50,
    50, 50, 350,
];

/// Ѐ to п.
pub(super) const CYRILLIC_0: Row = [
    0, 55, 0, 80, 525, 98, 998, 469, 540, 637, 351, 828, 390, 391, 0, 99, 747, 327, 248, 68, 68,
    323, 16, 0,
];

/// р to я, and the letters that Russian has not.
pub(super) const CYRILLIC_1: Row = [
    31, 0, 245, 515, 0, 0, 0, 88, 621, 241, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// Greek.
pub(super) const GREEK: Row = [
    0, 95, 233, 163, 137, 131, 189, 421, 94, 66, 90, 0, 76, 14, 0, 0, 452, 0, 449, 50, 205, 0, 176,
    88,
];

/// Hebrew.
pub(super) const HEBREW: Row = [
    0, 0, 0, 0, 0, 0, 301, 198, 77, 0, 10, 0, 594, 107, 78, 0, 0, 358, 658, 5, 0, 0, 0, 0,
];

/// Armenian.
pub(super) const ARMENIAN: Row = [
    0, 0, 56, 381, 1309, 344, 72, 312, 152, 773, 244, 341, 0, 376, 0, 1316, 0, 0, 798, 0, 0, 0, 0,
    522,
];

/// Arabic after D8.
pub(super) const ARABIC_8: Row = [
    38, 183, 16, 442, 0, 0, 194, 823, 123, 83, 383, 871, 0, 0, 194, 179, 134, 0, 0, 0, 239, 40, 0,
    379,
];

/// Arabic after D9, the vowel marks among them.
pub(super) const ARABIC_9: Row = [
    322, 52, 0, 64, 397, 1242, 661, 267, 0, 83, 209, 13, 13, 13, 76, 0, 0, 15, 0, 0, 0, 229, 83,
    439,
];

/// Arabic after DB.
pub(super) const ARABIC_B: Row = [
    0, 0, 0, 0, 0, 965, 977, 1237, 71, 5, 510, 26, 2, 0, 0, 0, 0, 362, 166, 10, 17, 83, 0, 0,
];

/// Han after E7, beside the cost of a character; so are the next two.
pub(super) const HAN_7: Row = [
    7, 779, 38, 117, 379, 5, 76, 0, 414, 1, 0, 551, 0, 450, 130, 266, 130, 28, 0, 336, 0, 99, 0, 44,
];

/// Han after E8.
pub(super) const HAN_8: Row = [
    172, 265, 0, 564, 387, 39, 58, 225, 95, 61, 480, 0, 48, 290, 0, 428, 0, 0, 548, 0, 1, 80, 170,
    0,
];

/// Han after E9.
pub(super) const HAN_9: Row = [
    77, 656, 44, 0, 67, 5, 0, 0, 39, 44, 0, 68, 0, 41, 0, 43, 17, 8, 16, 6, 4, 50, 120, 67,
];

/// By script: Devanagari at A4, Bengali A6, Gurmukhi A8, Gujarati AA, Oriya AC, Tamil AE, Telugu
/// B0, Kannada B2, Malayalam B4, Sinhala B6, Thai B8, Lao BA, Tibetan BC.
pub(super) const LEAD_E0: Row = [
    600, 600, 600, 600, 600, 600, 600, 600, 600, 600, 600, 153, 225, 434, 254, 924, 267, 296, 257,
    187, 394, 243, 1723, 1365,
];

/// Devanagari, beside the cost by script; so are the next ones.
pub(super) const DEVANAGARI: Row = [
    308, 143, 1212, 244, 0, 0, 81, 0, 363, 833, 809, 663, 304, 746, 409, 273, 111, 0, 870, 104,
    871, 0, 0, 134,
];

/// Bengali.
pub(super) const BENGALI: Row = [
    130, 0, 429, 0, 180, 0, 0, 750, 466, 263, 730, 0, 0, 0, 717, 74, 0, 0, 953, 0, 246, 247, 0, 105,
];

/// Gurmukhi and Gujarati.
pub(super) const GUJARATI: Row = [
    545, 0, 0, 0, 300, 0, 29, 0, 142, 521, 418, 0, 0, 0, 521, 355, 0, 653, 671, 0, 64, 111, 0, 147,
];

/// Tamil.
pub(super) const TAMIL: Row = [
    0, 122, 1, 215, 0, 0, 5, 0, 62, 423, 0, 0, 0, 410, 263, 0, 140, 0, 0, 315, 0, 43, 0, 0,
];

/// Telugu, Kannada, Malayalam.
pub(super) const TELUGU: Row = [
    0, 0, 308, 0, 230, 350, 0, 201, 130, 0, 542, 18, 0, 562, 403, 428, 571, 88, 0, 275, 291, 292,
    916, 0,
];

/// Oriya, Sinhala, Lao, Tibetan, Khmer.
pub(super) const INDIC: Row = [
    0, 17, 43, 292, 275, 0, 0, 0, 624, 105, 116, 76, 0, 205, 229, 134, 186, 222, 69, 417, 522, 408,
    1, 329,
];

/// Thai.
pub(super) const THAI: Row = [
    0, 322, 74, 0, 0, 186, 18, 459, 0, 250, 234, 0, 269, 169, 0, 35, 5, 0, 0, 428, 0, 0, 0, 0,
];

/// By script: Myanmar at 80, Georgian 83, Hangul Jamo 84, Ethiopic 88, Cherokee 8E, Canadian
/// syllabics 90, Khmer 9E, Mongolian A0, Vietnamese B8 and BA.
pub(super) const LEAD_E1: Row = [
    341, 2204, 198, 2000, 1807, 2808, 2816, 2706, 2646, 405, 2000, 2004, 2000, 2833, 2002, 2000,
    2000, 2000, 2000, 2003, 2000, 2122, 334, 1998,
];

/// Myanmar, beside the cost by script; so are the next ones.
pub(super) const MYANMAR: Row = [
    368, 872, 0, 0, 0, 22, 210, 272, 928, 678, 427, 0, 32, 0, 0, 0, 0, 0, 998, 318, 0, 0, 0, 0,
];

/// Georgian.
pub(super) const GEORGIAN: Row = [
    0, 0, 0, 0, 0, 0, 0, 328, 0, 369, 179, 0, 0, 569, 0, 129, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// Ethiopic, and what else E1 leads to.
pub(super) const ETHIOPIC: Row = [
    36, 231, 169, 321, 504, 173, 96, 399, 33, 18, 102, 55, 133, 140, 150, 163, 195, 30, 104, 201,
    99, 49, 55, 170,
];

/// General punctuation at 80, arrows, boxes, dingbats, Tifinagh.
pub(super) const LEAD_E2: Row = [
    792, 2027, 1986, 1997, 2078, 2071, 2016, 1125, 250, 2062, 2000, 2007, 2000, 2000, 2000, 2020,
    2000, 2001, 2000, 2936, 2000, 2003, 2000, 2004,
];

/// Ideographic marks at 80, kana at 81 and 83.
pub(super) const LEAD_E3: Row = [
    962, 260, 390, 600, 625, 604, 608, 612, 601, 602, 609, 611, 606, 608, 608, 614, 609, 604, 612,
    609, 612, 600, 602, 604,
];

/// Kana, beside the cost before.
pub(super) const KANA: Row = [
    0, 172, 0, 495, 549, 0, 138, 0, 0, 0, 0, 124, 139, 582, 305, 0, 514, 0, 525, 76, 36, 108, 0, 0,
];

/// Scripts of few, and Hangul from B0 on.
pub(super) const LEAD_EA: Row = [
    2277, 2294, 2282, 3033, 3426, 2375, 2595, 2520, 2000, 2015, 2000, 2000, 2939, 2000, 2689, 2549,
    2885, 1308, 1701, 2135, 1916, 1560, 1996, 1958,
];

/// Presentation forms, the variation selector at B8, full-width forms from BC on.
pub(super) const LEAD_EF: Row = [
    2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2049, 2009, 2004, 2000, 2000,
    2000, 2000, 2000, 2000, 2071, 1771, 2000, 1850,
];

/// Emoji at 9E, mathematical letters at 9A, rare Han from A0 on, ancient and rare scripts.
pub(super) const LEAD_F0: Row = [
    3000, 3000, 3000, 3000, 3000, 3000, 3990, 3000, 3008, 1931, 3359, 3086, 3134, 3070, 3044, 3007,
    3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000,
];
