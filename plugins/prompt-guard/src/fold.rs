//! Text as it reads rather than as it is written: lower case, without accents, look-alikes as the
//! letter they pass for, invisible characters gone.
//!
//! Every character is folded by itself, so a text folds the same however a stream cuts it. Signs
//! and patterns alike are compared with folded text; what was invisible is distinguished by
//! [`Unseen`], for hiding is a sign of its own.

/// The result of folding a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folded {
    /// One character, most of the time.
    One(char),
    /// A ligature, `ß`.
    Two(char, char),
    /// A character that is not drawn.
    Nothing(Unseen),
    /// A tag character: not drawn, and a letter to the model all the same.
    Tag(char),
}

/// Kinds of characters that are not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// Zero-width spaces and joiners, soft hyphens.
    ZeroWidth,
    /// Turns the direction of writing by force. Marks and isolates, which ordinary text needs, are
    /// not counted.
    Override,
    /// Variation selectors: one behind an emoji is ordinary, a run of them carries data.
    Selector,
    /// Accents that stand by themselves, directional marks, controls: nothing to see in them.
    Mark,
}

/// Folds one character.
#[inline]
pub(crate) fn fold(c: char) -> Folded {
    if c.is_ascii() {
        return match c {
            'A'..='Z' => Folded::One(c.to_ascii_lowercase()),
            '\r' | '\u{b}' | '\u{c}' => Folded::One('\n'),
            '\t' => Folded::One(' '),
            '\0'..='\u{9}' | '\u{e}'..='\u{1f}' | '\u{7f}' => Folded::Nothing(Unseen::Mark),
            _ => Folded::One(c),
        };
    }
    beyond_ascii(c)
}

fn beyond_ascii(c: char) -> Folded {
    use Folded::{Nothing, One, Two};
    match c {
        '\u{85}' | '\u{2028}' | '\u{2029}' => One('\n'),
        '\u{ad}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2064}'
        | '\u{feff}'
        | '\u{180e}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{3164}' => Nothing(Unseen::ZeroWidth),
        '\u{202d}' | '\u{202e}' => Nothing(Unseen::Override),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Nothing(Unseen::Selector),
        '\u{e0020}'..='\u{e007e}' => match char::from_u32(c as u32 - 0xe0000) {
            Some(c) => Folded::Tag(c.to_ascii_lowercase()),
            None => Nothing(Unseen::Mark),
        },
        '\u{300}'..='\u{36f}'
        | '\u{80}'..='\u{9f}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{061c}'
        | '\u{202a}'..='\u{202c}'
        | '\u{2066}'..='\u{2069}'
        | '\u{e0001}'
        | '\u{e007f}' => Nothing(Unseen::Mark),
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            One(' ')
        }
        // Full-width forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => match char::from_u32(c as u32 - 0xfee0) {
            Some(c) => One(c.to_ascii_lowercase()),
            None => One(c),
        },
        // Mathematical letters: 13 alphabets of 52, then digits.
        '\u{1d400}'..='\u{1d6a3}' => One(letter((c as u32 - 0x1d400) % 26)),
        '\u{1d7ce}'..='\u{1d7ff}' => {
            One(char::from_digit((c as u32 - 0x1d7ce) % 10, 10).unwrap_or(c))
        }
        '\u{24b6}'..='\u{24e9}' => One(letter((c as u32 - 0x24b6) % 26)),
        '\u{1f130}'..='\u{1f189}' => One(letter((c as u32 - 0x1f130) % 32 % 26)),
        // Vietnamese, whose letters have two accents.
        '\u{1ea0}'..='\u{1eb7}' => One('a'),
        '\u{1eb8}'..='\u{1ec7}' => One('e'),
        '\u{1ec8}'..='\u{1ecb}' => One('i'),
        '\u{1ecc}'..='\u{1ee3}' | 'ơ' | 'Ơ' => One('o'),
        '\u{1ee4}'..='\u{1ef1}' | 'ư' | 'Ư' => One('u'),
        '\u{1ef2}'..='\u{1ef9}' => One('y'),
        'ț' | 'Ț' => One('t'),
        'ș' | 'Ș' => One('s'),
        // Capitals as small as small letters, and letters above the line.
        'ᴀ' | 'ᵃ' | 'ₐ' => One('a'),
        'ʙ' | 'ᵇ' => One('b'),
        'ᴄ' | 'ᶜ' => One('c'),
        'ᴅ' | 'ᵈ' => One('d'),
        'ᴇ' | 'ᵉ' | 'ₑ' | 'ℯ' | 'ℰ' => One('e'),
        'ꜰ' | 'ᶠ' | 'ℱ' => One('f'),
        'ɢ' | 'ᵍ' | 'ℊ' => One('g'),
        'ʜ' | 'ʰ' | 'ₕ' | 'ℎ' | 'ℋ'..='ℍ' => One('h'),
        'ɪ' | 'ⁱ' | 'ᵢ' | 'ℐ' | 'ℑ' => One('i'),
        'ᴊ' | 'ʲ' | 'ⱼ' => One('j'),
        'ᴋ' | 'ᵏ' | 'ₖ' => One('k'),
        'ʟ' | 'ˡ' | 'ₗ' | 'ℒ' | 'ℓ' => One('l'),
        'ᴍ' | 'ᵐ' | 'ₘ' | 'ℳ' => One('m'),
        'ɴ' | 'ⁿ' | 'ₙ' | 'ℕ' => One('n'),
        'ᴏ' | 'ᵒ' | 'ₒ' | 'ℴ' => One('o'),
        'ᴘ' | 'ᵖ' | 'ₚ' | 'ℙ' => One('p'),
        'ꞯ' | 'ℚ' => One('q'),
        'ʀ' | 'ʳ' | 'ᵣ' | 'ℛ'..='ℝ' => One('r'),
        'ꜱ' | 'ˢ' | 'ₛ' => One('s'),
        'ᴛ' | 'ᵗ' | 'ₜ' => One('t'),
        'ᴜ' | 'ᵘ' | 'ᵤ' => One('u'),
        'ᴠ' | 'ᵛ' | 'ᵥ' => One('v'),
        'ᴡ' | 'ʷ' => One('w'),
        'ˣ' | 'ₓ' => One('x'),
        'ʏ' | 'ʸ' => One('y'),
        'ᴢ' | 'ᶻ' | 'ℤ' => One('z'),
        'ß' | 'ẞ' => Two('s', 's'),
        'æ' | 'Æ' => Two('a', 'e'),
        'œ' | 'Œ' => Two('o', 'e'),
        'ﬁ' => Two('f', 'i'),
        'ﬂ' => Two('f', 'l'),
        '‘' | '’' | '‹' | '›' | 'ʼ' | '´' => One('\''),
        '“' | '”' | '„' | '«' | '»' | '「' | '」' | '『' | '』' => One('"'),
        '‐'..='―' | '−' => One('-'),
        _ => One(letter_like(c)),
    }
}

fn letter(number: u32) -> char {
    char::from_u32('a' as u32 + number).unwrap_or('a')
}

/// Letters with accents, and those of other alphabets that are drawn as Latin ones are. Words of
/// those alphabets bend alike in the text and in what it is compared with.
fn letter_like(c: char) -> char {
    match c {
        'à'..='å'
        | 'À'..='Å'
        | 'ā'
        | 'ă'
        | 'ą'
        | 'Ā'
        | 'Ă'
        | 'Ą'
        | 'ª'
        | 'а'
        | 'А'
        | 'α'
        | 'Α'
        | 'ɑ' => 'a',
        'в' | 'В' | 'β' | 'Β' => 'b',
        'ç' | 'Ç' | 'ć' | 'Ć' | 'č' | 'Č' | 'с' | 'С' | 'ϲ' => 'c',
        'ď' | 'đ' | 'Đ' | 'ԁ' => 'd',
        'è'..='ë'
        | 'È'..='Ë'
        | 'ē'
        | 'ė'
        | 'ę'
        | 'ě'
        | 'Ę'
        | 'Ě'
        | 'е'
        | 'Е'
        | 'ё'
        | 'Ё'
        | 'ε'
        | 'Ε' => 'e',
        'ğ' | 'Ğ' | 'ɡ' => 'g',
        'һ' | 'н' | 'Н' | 'Η' => 'h',
        'ì'..='ï' | 'Ì'..='Ï' | 'ī' | 'į' | 'İ' | 'ı' | 'і' | 'І' | 'ї' | 'Ї' | 'ι' | 'Ι' => {
            'i'
        }
        'ј' | 'Ј' => 'j',
        'к' | 'К' | 'κ' | 'Κ' => 'k',
        'ł' | 'Ł' | 'ӏ' | 'Ӏ' => 'l',
        'м' | 'М' | 'Μ' => 'm',
        'ñ' | 'Ñ' | 'ń' | 'Ń' | 'ň' | 'Ν' | 'η' => 'n',
        'ò'..='ö' | 'Ò'..='Ö' | 'ø' | 'Ø' | 'ő' | 'Ő' | 'º' | 'о' | 'О' | 'ο' | 'Ο' => {
            'o'
        }
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ř' | 'Ř' | 'г' | 'Г' => 'r',
        'ś' | 'Ś' | 'š' | 'Š' | 'ş' | 'Ş' | 'ѕ' | 'Ѕ' => 's',
        'ť' | 'ţ' | 'т' | 'Т' | 'τ' | 'Τ' => 't',
        'ù'..='ü' | 'Ù'..='Ü' | 'ū' | 'ů' | 'ű' | 'Ű' | 'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'ý' | 'ÿ' | 'Ý' | 'у' | 'У' | 'Υ' => 'y',
        'ź' | 'ż' | 'ž' | 'Ź' | 'Ż' | 'Ž' | 'Ζ' => 'z',
        // The rest of Cyrillic and Greek, so that a capital does not evade a sign.
        'А'..='Я' | 'Α'..='Ω' => char::from_u32(c as u32 + 32).map_or(c, letter_like),
        _ => c,
    }
}

/// Folds a text: for what text is compared with.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match fold(c) {
            Folded::One(c) | Folded::Tag(c) => out.push(c),
            Folded::Two(a, b) => out.extend([a, b]),
            Folded::Nothing(_) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_accents_and_invisible_characters_fold_away() {
        for (written, reads) in [
            ("IGNORE", "ignore"),
            ("ｉｇｎｏｒｅ", "ignore"),
            ("іgnоrе", "ignore"), // Cyrillic і, о, е
            ("ig\u{200b}no\u{ad}re", "ignore"),
            ("𝐢𝐠𝐧𝐨𝐫𝐞 𝗂𝗀𝗇𝗈𝗋𝖾", "ignore ignore"),
            (
                "Instruções, anweisungen für größere",
                "instrucoes, anweisungen fur grossere",
            ),
            ("\u{e0069}\u{e0067}", "ig"),
            ("a\u{a0}b\u{3000}c\td", "a b c d"),
            (
                "ɪɢɴᴏʀᴇ ᴀʟʟ ʀᴜʟᴇꜱ, ⁱᵍⁿᵒʳᵉ, ℐℊ𝓃ℴ𝓇ℯ",
                "ignore all rules, ignore, ignore",
            ),
        ] {
            assert_eq!(folded(written), reads, "{written}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing_more() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let once = folded(&c.to_string());
            assert_eq!(folded(&once), once, "{c:?}");
        }
    }
}
