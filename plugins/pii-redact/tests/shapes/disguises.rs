//! Ways to write a value so that its bytes are others.

use super::values::Random;

pub const DISGUISES: &[&str] = &[
    "full-width", "mathematical", "zero-width", "soft hyphen", "no-break space", "double space", "entities", "hex entities", "percent", "\\u escapes",
    "\\\\u escapes", "Markdown", "line break", "spaced out", "(at)", "[at]", " at  dot ", "\\n escaped break",
    "quoted line", "lookalike", " arroba  ponto ",
];

/// The value in disguise; `None` where it has nothing to disguise so.
pub fn disguise(disguise: &str, text: &str, random: &mut Random) -> Option<String> {
    let each = |f: &dyn Fn(char) -> String| Some(text.chars().map(f).collect::<String>());
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let middle = |with: &str| {
        let half = text.char_indices().filter(|(_, c)| c.is_ascii_alphanumeric()).nth(text.len() / 2)?.0;
        Some(format!("{}{with}{}", &text[..half], &text[half..]))
    };
    let gap = |with: &str| {
        let at = text.find(' ').filter(|_| digits > 6)?;
        Some(format!("{}{with}{}", &text[..at], &text[at + 1..]))
    };
    let mail = |at: &str, dot: &str| {
        let (name, host) = text.split_once('@')?;
        Some(format!("{name}{at}{}", host.replace('.', dot)))
    };
    match disguise {
        "full-width" => each(&|c| char::from_u32(if c.is_ascii_graphic() { u32::from(c) + 0xfee0 } else { u32::from(c) }).unwrap_or(c).to_string()),
        "mathematical" => {
            let set = random.below(5) as u32;
            each(&|c| {
                let code = match c {
                    '0'..='9' => 0x1d7ce + set * 10 + u32::from(c) - 48,
                    'A'..='Z' => 0x1d400 + u32::from(c) - 65,
                    'a'..='z' => 0x1d41a + u32::from(c) - 97,
                    _ => u32::from(c),
                };
                char::from_u32(code).unwrap_or(c).to_string()
            })
        }
        "zero-width" => each(&|c| format!("{c}\u{200b}")).map(|text| text.trim_end_matches('\u{200b}').to_owned()),
        "soft hyphen" => middle("\u{ad}"),
        "no-break space" => text.contains(' ').then(|| text.replace(' ', "\u{a0}")),
        "double space" => gap("  "),
        "entities" => each(&|c| format!("&#{};", u32::from(c))),
        "hex entities" => each(&|c| if c.is_ascii_digit() || c == '@' { format!("&#x{:x};", u32::from(c)) } else { c.into() }),
        "percent" => each(&|c| if c.is_ascii_alphabetic() { c.into() } else { format!("%{:02X}", u32::from(c)) }),
        "\\u escapes" => each(&|c| format!("\\u{:04x}", u32::from(c))),
        "\\\\u escapes" => each(&|c| if c.is_ascii_digit() || c == '@' { format!("\\\\\\\\u{:04x}", u32::from(c)) } else { c.into() }),
        "Markdown" => text.contains(['.', '-', '_', '+', '(']).then(|| {
            text.chars().map(|c| if ".-_+()".contains(c) { format!("\\{c}") } else { c.into() }).collect()
        }),
        "line break" => gap("\n"),
        "\\n escaped break" => gap("\\n"),
        "quoted line" => gap("\r\n> "),
        "lookalike" => {
            let (at, letter) = text.char_indices().find_map(|(at, c)| Some((at, looks_like(c)?)))?;
            text.contains(['@']).then(|| format!("{}{letter}{}", &text[..at], &text[at + 1..]))
        }
        " arroba  ponto " => mail(" arroba ", " ponto "),
        "spaced out" => (digits > 10 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.chars().map(String::from).collect::<Vec<_>>().join(" ")),
        "(at)" => mail(" (at) ", "."),
        "[at]" => mail("[at]", "[dot]"),
        _ => mail(" at ", " dot "),
    }
}

/// The Cyrillic letter that a Latin one looks like.
fn looks_like(c: char) -> Option<char> {
    let pairs = [('a', 'а'), ('e', 'е'), ('o', 'о'), ('p', 'р'), ('c', 'с'), ('x', 'х')];
    pairs.into_iter().find(|(latin, _)| *latin == c).map(|(_, other)| other)
}
