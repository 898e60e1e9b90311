//! Lists of numbers that are characters: hexadecimal, binary, decimal; and Morse code.

use super::runs::hex;

/// Fewer characters hide no instruction.
const SHORTEST: usize = 12;

/// Letters and digits in Morse code.
const MORSE: &[(&str, char)] = &[
    (".-", 'a'),
    ("-...", 'b'),
    ("-.-.", 'c'),
    ("-..", 'd'),
    (".", 'e'),
    ("..-.", 'f'),
    ("--.", 'g'),
    ("....", 'h'),
    ("..", 'i'),
    (".---", 'j'),
    ("-.-", 'k'),
    (".-..", 'l'),
    ("--", 'm'),
    ("-.", 'n'),
    ("---", 'o'),
    (".--.", 'p'),
    ("--.-", 'q'),
    (".-.", 'r'),
    ("...", 's'),
    ("-", 't'),
    ("..-", 'u'),
    ("...-", 'v'),
    (".--", 'w'),
    ("-..-", 'x'),
    ("-.--", 'y'),
    ("--..", 'z'),
    (".-.-.-", '.'),
    ("--..--", ','),
    ("..--..", '?'),
    ("-----", '0'),
    (".----", '1'),
    ("..---", '2'),
    ("...--", '3'),
    ("....-", '4'),
    (".....", '5'),
    ("-....", '6'),
    ("--...", '7'),
    ("---..", '8'),
    ("----.", '9'),
];

/// A way to write a character as a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hex,
    Binary,
    Decimal,
    Morse,
}

const KINDS: [Kind; 4] = [Kind::Hex, Kind::Binary, Kind::Decimal, Kind::Morse];

impl Kind {
    fn read(self, token: &[u8]) -> Option<char> {
        match self {
            Self::Hex => {
                let digits = token.strip_prefix(b"0x").unwrap_or(token);
                match digits {
                    [high, low] => drawn(u32::from(hex(*high)? << 4 | hex(*low)?)),
                    _ => None,
                }
            }
            Self::Binary if token.len() >= 7 => number(token, 2),
            Self::Decimal if token.len() <= 3 => number(token, 10),
            Self::Binary | Self::Decimal => None,
            Self::Morse => match token {
                b"/" | b"|" => Some(' '),
                _ if !token.iter().all(|byte| matches!(byte, b'.' | b'-')) => None,
                _ => {
                    let known = |(code, _): &&(&str, char)| code.as_bytes() == token;
                    MORSE.iter().find(known).map(|(_, letter)| *letter)
                }
            },
        }
    }
}

fn number(token: &[u8], base: u32) -> Option<char> {
    let text = std::str::from_utf8(token).ok()?;
    drawn(u32::from_str_radix(text, base).ok()?)
}

fn drawn(code: u32) -> Option<char> {
    char::from_u32(code).filter(|c| c.is_ascii_graphic() || *c == ' ' || *c == '\n')
}

/// True if a token of numbers or of Morse code may have the byte.
const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'.' | b'-' | b'/' | b'|')
}

/// Shows the text of each list that is long enough.
pub(super) fn each(text: &str, found: &mut impl FnMut(String)) {
    let mut lists: [String; 4] = Default::default();
    let mut listed = false;
    for token in text
        .as_bytes()
        .split(|byte| byte.is_ascii_whitespace() || *byte == b',')
    {
        // Between two separators, and around the list.
        let token = token.trim_ascii();
        if token.is_empty() {
            continue;
        }
        // Words are most of a text: they end a list, and no table is searched for them.
        if token.len() > 8 || !token.iter().all(|byte| is_digit(*byte)) {
            if listed {
                lists.iter_mut().for_each(|list| end(list, found));
                listed = false;
            }
            continue;
        }
        listed = true;
        for (kind, list) in KINDS.iter().zip(&mut lists) {
            match kind.read(token) {
                Some(c) => list.push(c),
                None if list.is_empty() => {}
                None => end(list, found),
            }
        }
    }
    lists.iter_mut().for_each(|list| end(list, found));
}

fn end(list: &mut String, found: &mut impl FnMut(String)) {
    let text = std::mem::take(list);
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    // Years and sizes are no letters; Morse code has all of its own.
    if text.len() >= SHORTEST && letters * 2 > text.len() && text.contains(' ') {
        found(text);
    }
}
