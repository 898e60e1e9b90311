//! The automaton of the estimate: the steps between its states.
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
    class::{ALL, CLASSES, Class, Class as C, INSIDE},
    cost, rows,
    state::{self, base, capitals, digits, in_mode, is_space, letters, mode},
};

/// A step: the next state in the lower 7 bits, its cost in 128ths of a token above them. So the
/// index of the next step is one `and` and one `or` away.
pub(super) type Step = u16;

/// A token in the units of [`due`].
pub(super) const TOKEN: u64 = 128;

const STATE: u16 = 0x7f;
/// The most that a step can cost: four tokens, a byte each.
const MOST: u32 = 511;

static STEPS: [Step; 8192] = {
    let mut steps = [0; 8192];
    let mut from = 0;
    while from < state::COUNT {
        let mut at = 0;
        while at < ALL.len() {
            let (to, due) = step(from, ALL[at]);
            assert!(to < state::COUNT && ALL[at] as usize == at);
            let cost = (due as u32 * TOKEN as u32 + 500) / 1000;
            let cost = if cost < MOST { cost } else { MOST };
            steps[at * 128 + from as usize] = to as u16 | (cost as u16) << 7;
            at += 1;
        }
        from += 1;
    }
    steps
};

/// The step for a byte after the step `last`.
#[inline]
pub(super) fn look(last: Step, byte: u8) -> Step {
    let class = CLASSES[usize::from(byte)] & !STATE;
    STEPS[usize::from((last & STATE) | class) & 8191]
}

/// The cost of a step in 128ths of a token.
#[inline]
pub(super) fn due(step: Step) -> u32 {
    u32::from(step >> 7)
}

/// The script or content that a step leads into, as its place in [`super::Kind`].
#[inline]
pub(super) fn kind(step: Step) -> super::Kind {
    use super::Kind;
    let at = (step & STATE) as u8;
    match base(at) {
        _ if capitals(at) > 0 || digits(at) > 0 => Kind::Dense,
        state::CYRILLIC | state::CYRILLIC_LATER => Kind::Cyrillic,
        state::ARABIC | state::ARABIC_LATER => Kind::Alphabetic,
        state::HAN..=state::HAN_9 => Kind::Cjk,
        state::GREEK..=state::OTHER => Kind::Alphabetic,
        state::LEAD_E0..=state::ETHIOPIC => Kind::Indic,
        state::LEAD_E3..=state::HANGUL => Kind::Cjk,
        state::SYMBOL | state::LEAD_EF..=state::EMOJI => Kind::Symbols,
        _ => Kind::Latin,
    }
}

/// The next state and what is due, in thousandths of a token.
const fn step(from: u8, class: Class) -> (u8, u16) {
    if class as u8 >= C::At80 as u8 {
        return (inside(from, class), row_cost(from, class));
    }
    let mode = mode(from);
    let word_before = letters(from) > 0 || capitals(from) > 0;
    match class {
        C::Small | C::Vowel | C::Rare | C::T | C::H => small_letter(from, class),
        C::Latin1 | C::LatinA | C::LatinB | C::LatinOther => wide_letter(from, class),
        C::Capital if capitals(from) > 0 => {
            let count = capitals(from);
            let to = state::CAPITALS + if count < 3 { count + 1 } else { 3 };
            let due = cost::CAPITALS[if count == 1 { 0 } else { 1 }];
            (in_mode(to, mode), due)
        }
        C::Capital if letters(from) > 0 => {
            let count = letters(from) as usize;
            let due = cost::CAPITAL_INSIDE[if count < 3 { count - 1 } else { 2 }];
            (state::CAPITALS + 1, due)
        }
        C::Capital => (in_mode(state::CAPITALS + 1, mode), word(from, mode)),
        C::Digit => {
            let (to, due) = match digits(from) {
                count @ 1..=2 => (count + 1, 0),
                3 => (1, cost::DIGITS_AFTER_THREE),
                _ if word_before => (1, cost::DIGITS_AFTER_WORD),
                _ if is_space(from) => (1, cost::DIGITS_AFTER_SPACE),
                _ => (1, cost::DIGITS),
            };
            (in_mode(state::DIGITS + to, mode), due)
        }
        C::Space => match base(from) {
            state::SPACE => (state::SPACES, cost::SPACES),
            state::SPACES => (state::SPACES, cost::SPACE_MORE),
            _ => (in_mode(state::SPACE, mode), space(from)),
        },
        C::Newline => match base(from) {
            state::START => (from, cost::NEWLINE_MORE),
            _ => (in_mode(state::START, mode), cost::NEWLINE),
        },
        C::Sign => sign(from, in_mode(state::SIGN, mode)),
        C::Underscore => sign(from, state::UNDERSCORE),
        C::LatinSigns => (in_mode(state::SIGN, mode), cost::WIDE_SIGN),
        C::Combining if word_before => (from, cost::COMBINING),
        C::Combining => (in_mode(state::SIGN, mode), cost::COMBINING),
        C::Greek => alphabet(from, state::GREEK, cost::GREEK),
        C::Hebrew => alphabet(from, state::HEBREW, cost::HEBREW),
        C::Armenian => alphabet(from, state::ARMENIAN, cost::ARMENIAN),
        C::Cyrillic | C::CyrillicLater | C::CyrillicExtended => {
            let mode = if class as u8 == C::CyrillicExtended as u8 {
                2
            } else {
                mode
            };
            let to = match class {
                C::CyrillicLater => state::CYRILLIC_LATER,
                _ => state::CYRILLIC,
            };
            let due = match base(from) {
                state::CYRILLIC | state::CYRILLIC_LATER => cost::CYRILLIC_LETTER,
                _ => cost::CYRILLIC_WORD,
            };
            (in_mode(to, mode), due[mode as usize])
        }
        C::Arabic | C::ArabicLater | C::ArabicExtended | C::ArabicExtendedLater => {
            let mode = match class {
                C::ArabicExtended | C::ArabicExtendedLater if mode == 0 => 1,
                _ => mode,
            };
            let to = match class {
                C::ArabicExtendedLater if mode == 2 => state::ARABIC_EXTENDED_2,
                C::ArabicExtendedLater => state::ARABIC_EXTENDED,
                C::ArabicLater => in_mode(state::ARABIC_LATER, mode),
                _ => in_mode(state::ARABIC, mode),
            };
            let due = match base(from) {
                state::ARABIC | state::ARABIC_LATER => cost::ARABIC_LETTER,
                state::ARABIC_EXTENDED | state::ARABIC_EXTENDED_2 => cost::ARABIC_LETTER,
                _ => cost::ARABIC_WORD,
            };
            (to, due[mode as usize])
        }
        C::OtherTwo => (state::OTHER, cost::OTHER),
        C::Indic => (state::LEAD_E0, 0),
        C::SouthEast if is_space(from) => (state::LEAD_E1, cost::SOUTH_EAST_WORD),
        C::SouthEast => (state::LEAD_E1, 0),
        C::Signs => (state::LEAD_E2, 0),
        C::Kana => (state::LEAD_E3, 0),
        C::Han | C::Han7 | C::Han8 | C::Han9 => {
            let due = match base(from) {
                state::HAN => cost::HAN,
                _ => cost::HAN_FIRST,
            };
            let to = match class {
                C::Han7 => state::HAN_7,
                C::Han8 => state::HAN_8,
                C::Han9 => state::HAN_9,
                _ => state::HAN,
            };
            (in_mode(to, mode), due[mode as usize])
        }
        C::OtherThree => (state::LEAD_EA, 0),
        C::Hangul => alphabet(from, state::HANGUL, cost::HANGUL),
        C::FullWidth => (state::LEAD_EF, 0),
        _ => (state::LEAD_F0, 0),
    }
}

/// A letter of ASCII that is small.
const fn small_letter(from: u8, class: Class) -> (u8, u16) {
    let mode = mode(from);
    if base(from) == state::T && class as u8 == C::H as u8 {
        return (state::SMALL + 2, cost::LETTER[0][0]);
    }
    let vowel = class as u8 == C::Vowel as u8;
    let (count, mut due) = next_letter(from, mode);
    if letters(from) > 0 {
        let pair = 2 * vowel as usize + state::ends_in_vowel(from) as usize;
        due += cost::PAIR[mode as usize][pair];
    }
    if class as u8 == C::Rare as u8 {
        due += cost::RARE_LETTER[mode as usize];
    }
    let to = match class {
        C::T if count == 1 && is_space(from) => state::T,
        C::Vowel => state::VOWEL + count,
        _ => state::SMALL + count,
    };
    (in_mode(to, mode), due)
}

/// The first byte of a Latin letter that has two.
const fn wide_letter(from: u8, class: Class) -> (u8, u16) {
    let before = mode(from);
    let mode = match class {
        C::Latin1 if before == 0 => 1,
        C::Latin1 => before,
        _ => 2,
    };
    let due = match capitals(from) {
        0 => next_letter(from, mode).1,
        _ => 0,
    };
    let late = (letters(from) > 3) as u8;
    match class {
        C::Latin1 if mode == 1 => (state::LATIN_1_EARLY + late, due),
        C::Latin1 => (state::LATIN_1_EARLY_2 + late, due),
        C::LatinA => (state::LATIN_A_EARLY + late, due),
        C::LatinB => (state::LATIN_B_EARLY + late, due),
        _ => {
            let count = match letters(from) {
                state::LETTERS => state::LETTERS,
                count => count + 1,
            };
            let mode = if before == 0 { 1 } else { before };
            let to = in_mode(state::SMALL + count, mode);
            (to, due + cost::LATIN_OTHER)
        }
    }
}

/// The number of a small letter in its word, and what it costs.
const fn next_letter(from: u8, mode: u8) -> (u8, u16) {
    match (capitals(from), letters(from)) {
        (0, 0) => (1, word(from, mode)),
        (0, count) => {
            let due = cost::LETTER[mode as usize][count as usize - 1];
            (
                if count < state::LETTERS {
                    count + 1
                } else {
                    count
                },
                due,
            )
        }
        (count, _) => (count + 1, cost::SMALL_AFTER_CAPITALS[count as usize - 1]),
    }
}

/// The first letter of a word.
const fn word(from: u8, mode: u8) -> u16 {
    let mode = mode as usize;
    match base(from) {
        state::START => cost::WORD_ON_LINE[mode],
        state::SIGN => cost::WORD_AFTER_SIGN[mode],
        state::SIGNS => cost::WORD_AFTER_SIGNS,
        state::UNDERSCORE => cost::WORD_AFTER_UNDERSCORE,
        _ if is_space(from) => cost::WORD[mode],
        _ if digits(from) > 0 => cost::WORD_AFTER_DIGIT,
        _ => cost::WORD_AFTER_OTHER,
    }
}

/// The first space of a run.
const fn space(from: u8) -> u16 {
    let mode = mode(from) as usize;
    match base(from) {
        state::SIGN | state::SIGNS | state::UNDERSCORE => cost::SPACE_AFTER_SIGN,
        state::CYRILLIC | state::CYRILLIC_LATER => cost::CYRILLIC_END[mode],
        state::ARABIC | state::ARABIC_LATER => cost::ARABIC_END[mode],
        state::HANGUL => cost::HANGUL_END,
        state::THAI => cost::THAI_SPACE,
        state::INDIC => cost::INDIC_END,
        state::ETHIOPIC => cost::ETHIOPIC_END,
        state::MYANMAR => cost::MYANMAR_END,
        state::OTHER => cost::OTHER_END,
        _ if state::ends_in_vowel(from) => cost::VOWEL_AT_END[mode],
        _ if digits(from) > 0 => cost::SPACE_AFTER_DIGITS,
        _ => 0,
    }
}

const fn sign(from: u8, first: u8) -> (u8, u16) {
    let plain = first != state::UNDERSCORE;
    match base(from) {
        state::SIGN | state::UNDERSCORE => (state::SIGNS, cost::SIGN_SECOND),
        state::SIGNS => (state::SIGNS, cost::SIGN_MORE),
        _ if is_space(from) => (first, cost::SIGN_AFTER_SPACE),
        state::START if plain => (first, cost::SIGN_ON_LINE),
        _ if digits(from) > 0 && plain => (first, cost::SIGN_AFTER_DIGITS),
        _ => (first, cost::SIGN),
    }
}

/// A letter of a script that has one state; it costs less inside a word than at its beginning.
const fn alphabet(from: u8, to: u8, [word, letter]: [u16; 2]) -> (u8, u16) {
    (to, if from == to { letter } else { word })
}

/// The state after a byte that continues a character.
const fn inside(from: u8, class: Class) -> u8 {
    let mode = mode(from);
    match base(from) {
        state::LATIN_1_EARLY..=state::LATIN_1_LATE_2 => {
            let run = match class {
                C::AtA6 => state::SMALL,
                _ if (class as u8) < C::AtA0 as u8 => state::SMALL,
                _ => state::VOWEL,
            };
            // ä, å, ø, ù
            let mode = if matches!(class, C::AtA4 | C::AtB8) {
                2
            } else {
                mode
            };
            in_mode(run + letters(from), mode)
        }
        // đ is Vietnamese
        state::LATIN_A_EARLY | state::LATIN_A_LATE if matches!(class, C::At90) => {
            in_mode(letters(from), 1)
        }
        state::LATIN_A_EARLY..=state::LATIN_B_LATE => in_mode(letters(from), 2),
        state::CYRILLIC_LATER if mode == 0 && matches!(class, C::At92 | C::At9a | C::At9e) => {
            in_mode(state::CYRILLIC_LATER, 1)
        }
        at @ (state::HAN_7 | state::HAN_8 | state::HAN_9) => {
            let traditional = match at {
                state::HAN_7 => matches!(class, C::AtB4 | C::AtB6),
                state::HAN_8 => matches!(class, C::AtA8 | C::AtAa | C::AtB2 | C::AtBa),
                _ => matches!(class, C::At88 | C::At8e | C::At90 | C::AtAc | C::AtB2),
            };
            let simplified = match at {
                state::HAN_7 => matches!(class, C::AtBa),
                state::HAN_8 => matches!(class, C::AtAe | C::AtB0 | C::AtB4),
                _ => matches!(class, C::At9a | C::AtB8),
            };
            let mode = match mode {
                1 => 1,
                _ if traditional => 2,
                _ if simplified => 0,
                mode => mode,
            };
            in_mode(state::HAN, mode)
        }
        state::ARABIC_EXTENDED | state::ARABIC_EXTENDED_2 => {
            let urdu = matches!(class, C::At81 | C::At90 | C::At92);
            in_mode(state::ARABIC, if urdu { 2 } else { mode })
        }
        state::LEAD_E0 => match class {
            C::AtA4 => state::DEVANAGARI,
            C::AtA6 => state::BENGALI,
            C::AtA8 | C::AtAa => state::GUJARATI,
            C::AtAe => state::TAMIL,
            C::AtB0 | C::AtB2 | C::AtB4 => state::TELUGU,
            C::AtB8 => state::THAI,
            _ => state::INDIC,
        },
        state::LEAD_E1 => match class {
            C::At80 | C::At81 => state::MYANMAR,
            C::At83 => state::GEORGIAN,
            C::At9e => state::INDIC,
            C::AtB8 | C::AtBa => in_mode(state::SMALL + 3, 1),
            C::AtBc => state::OTHER,
            _ => state::ETHIOPIC,
        },
        state::LEAD_E2 | state::LEAD_E3 if matches!(class, C::At80) => state::SIGN,
        state::LEAD_E2 => state::SYMBOL,
        state::LEAD_E3 => state::KANA,
        state::LEAD_EA if class as u8 >= C::AtB0 as u8 => state::HANGUL,
        state::LEAD_EA => state::OTHER,
        state::LEAD_EF if class as u8 >= C::AtB8 as u8 => state::SIGN,
        state::LEAD_EF => state::OTHER,
        state::LEAD_F0 => state::EMOJI,
        _ => from,
    }
}

/// The cost of a byte that continues a character, by the state before it and its class.
const fn row_cost(from: u8, class: Class) -> u16 {
    let row: &[u16; INSIDE] = match base(from) {
        state::LATIN_1_EARLY..=state::LATIN_1_LATE_2 => &rows::LATIN_1,
        state::LATIN_A_EARLY | state::LATIN_A_LATE => &rows::LATIN_A,
        state::LATIN_B_EARLY | state::LATIN_B_LATE => &rows::LATIN_B,
        state::CYRILLIC => &rows::CYRILLIC_0,
        state::CYRILLIC_LATER => &rows::CYRILLIC_1,
        state::GREEK => &rows::GREEK,
        state::HEBREW => &rows::HEBREW,
        state::ARMENIAN => &rows::ARMENIAN,
        state::ARABIC => &rows::ARABIC_8,
        state::ARABIC_LATER => &rows::ARABIC_9,
        state::ARABIC_EXTENDED | state::ARABIC_EXTENDED_2 => &rows::ARABIC_B,
        state::HAN_7 => &rows::HAN_7,
        state::HAN_8 => &rows::HAN_8,
        state::HAN_9 => &rows::HAN_9,
        state::LEAD_E0 => &rows::LEAD_E0,
        state::DEVANAGARI => &rows::DEVANAGARI,
        state::BENGALI => &rows::BENGALI,
        state::GUJARATI => &rows::GUJARATI,
        state::TAMIL => &rows::TAMIL,
        state::TELUGU => &rows::TELUGU,
        state::INDIC => &rows::INDIC,
        state::THAI => &rows::THAI,
        state::LEAD_E1 => &rows::LEAD_E1,
        state::MYANMAR => &rows::MYANMAR,
        state::GEORGIAN => &rows::GEORGIAN,
        state::ETHIOPIC => &rows::ETHIOPIC,
        state::LEAD_E2 => &rows::LEAD_E2,
        state::LEAD_E3 => &rows::LEAD_E3,
        state::KANA => &rows::KANA,
        state::LEAD_EA => &rows::LEAD_EA,
        state::LEAD_EF => &rows::LEAD_EF,
        state::LEAD_F0 => &rows::LEAD_F0,
        _ => return 0,
    };
    row[class as usize - C::At80 as usize]
}
