//! Symbols: what a piece of a text means to a placeholder, however it is written.
//!
//! A letter is a letter in either case, in full width, as a mathematical one, as `%45`, `\u0045` or
//! `&#69;`. What a model may put between or around a placeholder's own letters has a class of its
//! own; the rest is [`Symbol::Other`].

/// The meaning of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A letter or digit, in lower case.
    Letter(u8),
    Underscore,
    /// A hyphen or dash.
    Hyphen,
    /// Other punctuation that may stand for the underscore.
    Separator,
    /// White space of any width, and line breaks.
    Space,
    /// It takes no room: zero-width characters, soft hyphens, marks of direction.
    Invisible,
    /// Markdown's emphasis or code.
    Mark,
    Open(Bracket),
    Close(Bracket),
    Other,
}

/// A bracket, whichever width it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket {
    Square,
    Curly,
    Round,
    Angle,
}

/// The writing of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Writing {
    #[default]
    Plain,
    /// Behind so many backslashes, as a JSON escape or one of Markdown's.
    Backslashes(usize),
    /// Percent-encoded (RFC 3986 §2.1), the percent sign perhaps once more.
    Percent,
    /// A character reference of HTML, its ampersand perhaps once more.
    Reference,
}

/// One symbol of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) symbol: Symbol,
    /// Bytes of it.
    pub(super) length: usize,
    pub(super) writing: Writing,
}

/// Backslashes before an escaped character that are put up with: a line break of JSON four strings
/// deep has eight.
const BACKSLASHES: usize = 8;
/// Letters of the longest name in [`NAMES`], and digits of the longest number.
const NAME: usize = 7;
/// Bytes of the longest piece: `%25F0%259D%2590%2580`.
#[cfg(test)]
pub(super) const LONGEST_PIECE: usize = 20;

/// The character references that have a meaning here, of those in the HTML standard (§13.5).
const NAMES: [(&str, char); 29] = [
    ("lsqb", '['),
    ("lbrack", '['),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lt", '<'),
    ("gt", '>'),
    ("nbsp", '\u{a0}'),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("lowbar", '_'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("ndash", '-'),
    ("mdash", '-'),
    ("shy", '\u{ad}'),
    ("zwj", '\u{200d}'),
    ("zwnj", '\u{200c}'),
    ("ast", '*'),
    ("grave", '`'),
    ("sol", '/'),
];

/// The value of an escape's bytes.
enum Decoded {
    /// This character, up to this byte.
    Char(char, usize),
    /// No escape.
    Not,
    /// The text ends before it is decided.
    Open,
}

/// Reads the piece at `at`, a character's boundary before the end of `text`; `None` where the text
/// ends before it is decided, unless it is `whole`.
pub(super) fn piece(text: &str, at: usize, whole: bool) -> Option<Piece> {
    let bytes = text.as_bytes();
    let (decoded, writing) = match bytes.get(at) {
        Some(b'\\') => backslashes(text, at),
        Some(b'%') => (percent(bytes, at), Writing::Percent),
        Some(b'&') => (reference(bytes, at), Writing::Reference),
        _ => {
            let c = text.get(at..).and_then(|rest| rest.chars().next());
            let (symbol, length) = c.map_or((Symbol::Other, 1), |c| (fold(c), c.len_utf8()));
            let writing = Writing::Plain;
            return Some(Piece {
                symbol,
                length,
                writing,
            });
        }
    };
    match decoded {
        Decoded::Char(c, end) => Some(Piece {
            symbol: fold(c),
            length: end - at,
            writing,
        }),
        Decoded::Open if !whole => None,
        Decoded::Not | Decoded::Open => Some(Piece {
            symbol: Symbol::Other,
            length: 1,
            writing: Writing::Plain,
        }),
    }
}

fn backslashes(text: &str, at: usize) -> (Decoded, Writing) {
    let bytes = text.as_bytes();
    let run = bytes.iter().skip(at).take(BACKSLASHES + 1);
    let run = run.take_while(|&&b| b == b'\\').count();
    let end = at + run;
    let decoded = match bytes.get(end) {
        _ if run > BACKSLASHES => Decoded::Not,
        None => Decoded::Open,
        Some(b'u') if bytes.get(end + 1) == Some(&b'{') => braced(bytes, end + 2),
        Some(b'u') => hexadecimal(bytes, end + 1, 4),
        Some(b'x') => hexadecimal(bytes, end + 1, 2),
        Some(b'n' | b'r' | b't') => Decoded::Char(' ', end + 1),
        Some(b) if b.is_ascii_punctuation() || b.is_ascii_whitespace() => {
            Decoded::Char(char::from(*b), end + 1)
        }
        Some(_) => Decoded::Not,
    };
    (decoded, Writing::Backslashes(run))
}

/// Exactly so many hexadecimal digits.
fn hexadecimal(bytes: &[u8], at: usize, digits: usize) -> Decoded {
    let mut value = 0;
    for i in at..at + digits {
        let Some(&b) = bytes.get(i) else {
            return Decoded::Open;
        };
        let Some(digit) = char::from(b).to_digit(16) else {
            return Decoded::Not;
        };
        value = value << 4 | digit;
    }
    char::from_u32(value).map_or(Decoded::Not, |c| Decoded::Char(c, at + digits))
}

/// Hexadecimal digits up to a brace, as JavaScript and Rust write them.
fn braced(bytes: &[u8], at: usize) -> Decoded {
    let rest = bytes.get(at..).unwrap_or_default().iter().take(NAME);
    let digits = rest.take_while(|b| b.is_ascii_hexdigit()).count();
    match (bytes.get(at + digits), hexadecimal(bytes, at, digits)) {
        (None, _) => Decoded::Open,
        (Some(b'}'), Decoded::Char(c, end)) => Decoded::Char(c, end + 1),
        _ => Decoded::Not,
    }
}

/// One character of UTF-8, each byte of it percent-encoded.
fn percent(bytes: &[u8], at: usize) -> Decoded {
    // `%255B`: the percent sign was encoded, too.
    let sign: &[u8] = match bytes.get(at + 1..) {
        Some([b'2', b'5', ..]) => b"%25",
        _ => b"%",
    };
    let (mut character, mut length, mut end) = ([0; 4], 1, at);
    let mut i = 0;
    while i < length {
        for wanted in sign {
            match bytes.get(end) {
                None => return Decoded::Open,
                Some(b) if b == wanted => end += 1,
                Some(_) => return Decoded::Not,
            }
        }
        let byte = match hexadecimal(bytes, end, 2) {
            Decoded::Char(c, after) => {
                end = after;
                u8::try_from(c).unwrap_or_default()
            }
            undecided => return undecided,
        };
        if i == 0 {
            length = match byte {
                ..0x80 => 1,
                0xc0..0xe0 => 2,
                0xe0..0xf0 => 3,
                0xf0..0xf8 => 4,
                _ => return Decoded::Not,
            };
        }
        if let Some(place) = character.get_mut(i) {
            *place = byte;
        }
        i += 1;
    }
    let decoded = character.get(..length).map(str::from_utf8);
    match decoded.and_then(|text| text.ok()?.chars().next()) {
        Some(c) => Decoded::Char(c, end),
        None => Decoded::Not,
    }
}

fn reference(bytes: &[u8], at: usize) -> Decoded {
    let mut begin = at + 1;
    // `&amp;#91;`: the ampersand was written as one, too.
    let ampersand = b"amp;";
    let rest = bytes.get(begin..).unwrap_or_default();
    if rest.starts_with(ampersand) {
        begin += ampersand.len();
    } else if ampersand.starts_with(rest) {
        return Decoded::Open;
    }
    let rest = bytes.get(begin..).unwrap_or_default();
    let (digits, radix) = match rest {
        [] | [b'#'] => return Decoded::Open,
        [b'#', b'x' | b'X', digits @ ..] => (digits, 16),
        [b'#', digits @ ..] => (digits, 10),
        _ => (rest, 36),
    };
    let is_part = |b: &&u8| char::from(**b).is_digit(radix);
    let count = digits.iter().take(NAME + 1).take_while(is_part).count();
    let Some(written) = digits.get(..count).filter(|_| count <= NAME) else {
        return Decoded::Not;
    };
    match digits.get(count) {
        None => return Decoded::Open,
        Some(b';') => {}
        Some(_) => return Decoded::Not,
    }
    let written = str::from_utf8(written).unwrap_or_default();
    let c = match radix {
        36 => NAMES.iter().find(|(name, _)| *name == written).map(|n| n.1),
        radix => u32::from_str_radix(written, radix)
            .ok()
            .and_then(char::from_u32),
    };
    let end = bytes.len() - digits.len() + count + 1;
    c.map_or(Decoded::Not, |c| Decoded::Char(c, end))
}

/// The meaning of a character.
fn fold(c: char) -> Symbol {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Symbol::Letter((c as u8).to_ascii_lowercase()),
        '_' => Symbol::Underscore,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' => Symbol::Hyphen,
        ':' | '.' | '#' | '/' | '+' | '=' => Symbol::Separator,
        ' ' | '\t' | '\n' | '\r' => Symbol::Space,
        '*' | '`' | '~' => Symbol::Mark,
        '[' | '【' | '〔' | '〖' | '⟦' => Symbol::Open(Bracket::Square),
        ']' | '】' | '〕' | '〗' | '⟧' => Symbol::Close(Bracket::Square),
        '{' => Symbol::Open(Bracket::Curly),
        '}' => Symbol::Close(Bracket::Curly),
        '(' => Symbol::Open(Bracket::Round),
        ')' => Symbol::Close(Bracket::Round),
        '<' | '〈' | '⟨' => Symbol::Open(Bracket::Angle),
        '>' | '〉' | '⟩' => Symbol::Close(Bracket::Angle),
        _ if c.is_ascii() => Symbol::Other,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => Symbol::Invisible,
        '\u{ff01}'..='\u{ff5e}' => {
            // Full width: the same order as ASCII's.
            let ascii = u32::from(c) - 0xff01 + 0x21;
            fold(u8::try_from(ascii).map_or('?', char::from))
        }
        '\u{1d400}'..='\u{1d6a3}' => {
            // Mathematical: alphabets of 26 capitals and 26 small letters, one after the other.
            let letter = (u32::from(c) - 0x1d400) % 26;
            Symbol::Letter(b'a' + u8::try_from(letter).unwrap_or_default())
        }
        '\u{1d7ce}'..='\u{1d7ff}' => {
            let digit = (u32::from(c) - 0x1d7ce) % 10;
            Symbol::Letter(b'0' + u8::try_from(digit).unwrap_or_default())
        }
        _ if c.is_whitespace() => Symbol::Space,
        _ => Symbol::Other,
    }
}
