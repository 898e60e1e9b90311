//! A question, cut into words, numbers, identifiers and quotations.

use super::stem;

/// Something that a question consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// Digits, without what groups them.
    Number(String),
    /// Letters mixed with digits, addresses, paths, versions; signs of currencies and the like.
    Identifier(String),
}

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// In lower case.
    pub(super) lower: String,
    /// Without accents, too.
    pub(super) folded: String,
    /// True if it begins with a capital in the midst of a sentence, and is no acronym.
    pub(super) capital: bool,
    /// True if it begins a sentence.
    pub(super) first: bool,
}

/// The tokens of a text, and what it quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) list: Vec<Token>,
    /// Text between quotation marks or backticks.
    pub(super) quotes: Vec<String>,
}

/// Signs that are units: of money, shares, degrees, numbers of things.
const UNITS: [char; 8] = ['$', '€', '£', '¥', '%', '#', '°', '‰'];

/// Names that are small words as well, but for their capitals.
const SMALL_WORDS: [&str; 2] = ["US", "IT"];

const QUOTES: [(char, char); 7] = [
    ('"', '"'),
    ('`', '`'),
    ('“', '”'),
    ('„', '“'),
    ('«', '»'),
    ('‘', '’'),
    ('\'', '\''),
];

/// Cuts a text into tokens.
pub(super) fn tokens(text: &str) -> Tokens {
    let mut tokens = Tokens {
        quotes: quotes(text),
        list: Vec::new(),
    };
    let mut first = true;
    let shouted = !text.contains(char::is_lowercase);
    for chunk in text.split_whitespace() {
        let ends = chunk.ends_with(['.', '!', '?', ':', ';']);
        let before = tokens.list.len();
        let bare = chunk.trim_matches(|c: char| !c.is_alphanumeric());
        match SMALL_WORDS.contains(&bare) && !shouted {
            true => tokens.list.push(Token::Identifier(bare.to_lowercase())),
            false => read(chunk, first, &mut tokens.list),
        }
        first = ends || (first && tokens.list.len() == before);
    }
    // A text in which most words have capitals says nothing by them.
    let (mut words, mut capitals) = (0, 0);
    for token in &tokens.list {
        if let Token::Word(word) = token {
            words += usize::from(word.lower.len() > 3);
            capitals += usize::from(word.capital && word.lower.len() > 3);
        }
    }
    if capitals * 2 > words {
        for token in &mut tokens.list {
            if let Token::Word(word) = token {
                word.capital = false;
            }
        }
    }
    tokens
}

fn read(chunk: &str, first: bool, list: &mut Vec<Token>) {
    let bare = chunk.trim_matches(|c: char| {
        !c.is_alphanumeric() && !UNITS.contains(&c) && !matches!(c, '@' | '/' | '_' | '-' | '+')
    });
    let option = bare.starts_with('-') && bare.len() > 1;
    let bare = bare.trim_matches(['-', '_']);
    let bare = match bare.strip_suffix("++") {
        Some(_) => bare, // `C++`
        None => bare.trim_matches('+'),
    };
    if bare.is_empty() {
        return;
    }
    let marked = bare.ends_with(['+', '#']) && bare.starts_with(char::is_alphabetic);
    if marked || (option && bare.starts_with(char::is_alphabetic)) {
        list.push(Token::Identifier(bare.to_lowercase()));
        return;
    }
    if bare.contains('@') || bare.contains("://") || bare.starts_with('/') || bare.contains('_') {
        let identifier = bare.trim_matches('/').to_lowercase();
        list.push(Token::Identifier(identifier));
        return;
    }
    if bare.bytes().any(|byte| byte.is_ascii_digit()) {
        number(bare, first, list);
        return;
    }
    // `config.yaml`, `example.com`, `std::fs`: one word each side is no sentence's end
    if bare.contains("::") || inner_dot(bare) {
        list.push(Token::Identifier(bare.to_lowercase()));
        return;
    }
    words(bare, first, list);
}

/// True if a point stands between two longer words: `e.g.` and `U.S.` are none.
fn inner_dot(text: &str) -> bool {
    let mut parts = text.split('.');
    parts.clone().count() > 1 && parts.all(|part| part.chars().count() > 1)
}

fn number(chunk: &str, first: bool, list: &mut Vec<Token>) {
    let mut rest = chunk;
    // "R$100", "#12", "$5"
    if let Some(at) = rest.find(UNITS).filter(|at| *at <= 2) {
        let sign = rest.get(at..).and_then(|sign| sign.chars().next());
        let end = at + sign.map_or(1, char::len_utf8);
        let (unit, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if unit != "#" {
            list.push(Token::Identifier(unit.to_lowercase()));
        }
        rest = behind;
    }
    let digits = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
        .unwrap_or(rest.len());
    let (value, behind) = rest.split_at_checked(digits).unwrap_or((rest, ""));
    let behind = behind.trim_start_matches('-');
    let letters = behind.chars().all(char::is_alphabetic);
    let plain = value.bytes().any(|byte| byte.is_ascii_digit());
    if plain && (behind.is_empty() || (letters && behind.chars().count() <= 4)) {
        if stem::fold(&rest.to_lowercase()) == "2fa" {
            words("2fa", first, list);
            return;
        }
        list.push(Token::Number(value_of(value)));
        if !behind.is_empty() {
            words(behind, false, list);
        }
    } else if plain && behind.chars().all(|c| UNITS.contains(&c)) {
        list.push(Token::Number(value_of(value)));
        list.push(Token::Identifier(behind.to_owned()));
    } else {
        list.push(Token::Identifier(rest.to_lowercase()));
    }
}

/// A number without what groups its digits: `1,000` and `1.000` are 1000, `1.50` is not 150.
fn value_of(text: &str) -> String {
    let text = text.trim_matches(['.', ',']);
    let mut groups = text.split(['.', ',']);
    let head = groups.next().unwrap_or_default();
    let grouped = (1..=3).contains(&head.len()) && groups.clone().all(|group| group.len() == 3);
    if grouped && head != "0" {
        return text.replace(['.', ','], "");
    }
    text.replace(',', ".")
}

fn words(chunk: &str, mut first: bool, list: &mut Vec<Token>) {
    for part in chunk.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’') {
        let mut rest = part;
        while !rest.is_empty() {
            let (word, behind) = rest.split_once(['\'', '’']).unwrap_or((rest, ""));
            // `don't` is one word, `what's` and `l'heure` are two
            let tail = behind.to_lowercase();
            let (word, behind) = match tail.as_str() {
                "t" => (format!("{word}t"), ""),
                _ => (word.to_owned(), behind),
            };
            rest = behind;
            if word.is_empty() {
                continue;
            }
            let lower = word.to_lowercase();
            let upper = word.chars().next().is_some_and(char::is_uppercase);
            let acronym = word.chars().nth(1).is_some_and(char::is_uppercase);
            // `plan B`, `vitamin C`; small letters alone are left to the reading
            if upper && !first && word.chars().count() == 1 && word != "I" {
                list.push(Token::Identifier(lower));
                continue;
            }
            let folded = stem::fold(&lower);
            let capital = upper && !first && !acronym && lower.chars().count() > 1;
            list.push(Token::Word(Word {
                lower,
                folded,
                capital,
                first,
            }));
            first = false;
        }
    }
}

fn quotes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = ' ';
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let opens = QUOTES
            .iter()
            .find(|(open, _)| *open == c && !before.is_alphanumeric());
        before = c;
        let Some((_, close)) = opens else { continue };
        let inside = text.get(at + c.len_utf8()..).unwrap_or_default();
        let end = inside.char_indices().find(|(end, c)| {
            let behind = inside.get(end + c.len_utf8()..).unwrap_or_default();
            c == close && !behind.starts_with(char::is_alphanumeric)
        });
        let Some((end, _)) = end else {
            continue;
        };
        let quote = inside.get(..end).unwrap_or_default();
        found.push(quote.trim().to_lowercase());
        while chars
            .next()
            .is_some_and(|(place, _)| place < at + c.len_utf8() + end)
        {}
        before = *close;
    }
    found.sort();
    found
}
