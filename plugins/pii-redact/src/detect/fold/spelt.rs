//! An `@` or a `.` that is spelt out: in brackets (`(at)`, `[dot]`), or in plain words, in English,
//! Portuguese, Spanish, French and German (`ana arroba x ponto com`).

use super::super::text::byte;

/// The words for the signs, and the signs themselves.
const SIGNS: &[(&[u8], char)] = &[
    (b"arroba", '@'),
    (b"arobase", '@'),
    (b"klammeraffe", '@'),
    (b"\xc3\xa4t", '@'),
    (b"at", '@'),
    (b"@", '@'),
    (b"dot", '.'),
    (b"ponto", '.'),
    (b"punto", '.'),
    (b"point", '.'),
    (b"punkt", '.'),
    (b".", '.'),
];

/// Words behind an `at` of a sentence: `look at the dot`.
const ARTICLES: &[&[u8]] = &[
    b"the", b"a", b"an", b"this", b"that", b"each", b"every", b"any", b"one", b"my", b"your",
    b"his", b"her", b"its", b"our", b"their", b"which", b"what", b"another", b"some",
];

/// Ends of domains that are no country's, of those that most addresses have.
#[rustfmt::skip] // a table
const ENDS: &[&[u8]] = &[
    b"academy", b"aero", b"agency", b"app", b"arpa", b"asia", b"bank", b"berlin", b"bio", b"biz", b"blog", b"cat", b"cloud", b"club", b"com", b"company",
    b"coop", b"design", b"dev", b"digital", b"edu", b"email", b"eus", b"example", b"finance", b"gal", b"global", b"gmbh", b"gov", b"group", b"health", b"info",
    b"int", b"invalid", b"jobs", b"law", b"legal", b"life", b"live", b"local", b"ltd", b"media", b"mil", b"mobi", b"museum", b"name", b"net", b"network", b"news",
    b"online", b"org", b"paris", b"pro", b"school", b"services", b"shop", b"site", b"social", b"software", b"solutions", b"space", b"store", b"studio", b"systems",
    b"team", b"tech", b"tel", b"test", b"travel", b"website", b"work", b"works", b"world", b"xyz",
];

/// The `@` or `.` that is spelt out at `at` or stands in brackets there, with the blanks around it,
/// and the bytes that it takes.
pub(super) fn read(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let mut i = blanks(bytes, at, 3);
    let blank = i > at;
    // Most blanks are followed by something else.
    if !matches!(
        byte(bytes, i) | 0x20,
        b'a' | b'd' | b'p' | b'k' | b'(' | b'[' | b'{' | b'<' | b'>' | 0xe3
    ) {
        return None;
    }
    let closing = match byte(bytes, i) {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        b'<' => b'>',
        _ => 0,
    };
    i += usize::from(closing != 0);
    while closing != 0 && byte(bytes, i) == b' ' {
        i += 1;
    }
    let (c, length) = sign(bytes, i)?;
    let word = bytes.get(i..i + length)?;
    i += length;
    if closing == 0 {
        // A bare word must stand by itself, and an `at` means nothing without a domain behind it:
        // of words alone, unless it has no other meaning.
        let lone = blank && length > 1 && byte(bytes, i) == b' ';
        if !lone || c == '@' && !domain_follows(bytes, i, word.len() > 2 && word != b"\xc3\xa4t") {
            return None;
        }
    } else {
        while byte(bytes, i) == b' ' {
            i += 1;
        }
        if byte(bytes, i) != closing {
            return None;
        }
        i += 1;
    }
    while byte(bytes, i) == b' ' && i - at < 24 {
        i += 1;
    }
    let joins = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80;
    (joins(byte(bytes, i))
        && at
            .checked_sub(1)
            .is_some_and(|before| joins(byte(bytes, before))))
    .then_some((c, i - at))
}

fn blanks(bytes: &[u8], at: usize, most: usize) -> usize {
    let mut i = at;
    while byte(bytes, i) == b' ' && i - at < most {
        i += 1;
    }
    i
}

/// An `at`, `dot` or the like, or the sign itself.
fn sign(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    SIGNS
        .iter()
        .find(|(word, _)| {
            bytes
                .get(at..at + word.len())
                .is_some_and(|text| text.eq_ignore_ascii_case(word))
        })
        .map(|&(word, c)| (c, word.len()))
}

/// True if labels with a `dot` of any spelling between them follow the blank at `at`, or, where
/// `plain` will do, with a full stop; and the last ends domains.
fn domain_follows(bytes: &[u8], at: usize, plain: bool) -> bool {
    let mut i = blanks(bytes, at, 3);
    let mut dots = 0;
    loop {
        let from = i;
        let is_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b >= 0x80;
        while i - from < 64 && is_label(byte(bytes, i)) {
            i += 1;
        }
        let label = bytes.get(from..i).unwrap_or_default();
        let article = |article: &&[u8]| article.eq_ignore_ascii_case(label);
        if label.is_empty() || dots == 0 && ARTICLES.iter().any(article) {
            return false;
        }
        let full_stop = plain && byte(bytes, i) == b'.' && is_label(byte(bytes, i + 1));
        let next = match read(bytes, i) {
            Some(('.', length)) => length,
            _ if full_stop => 1,
            _ => return dots > 0 && ends_domains(label),
        };
        dots += 1;
        i += next;
    }
}

/// True for a country's two letters, and the ends that most addresses have.
fn ends_domains(label: &[u8]) -> bool {
    let is_country = label.len() == 2 && label.iter().all(u8::is_ascii_alphabetic);
    is_country || ENDS.iter().any(|end| end.eq_ignore_ascii_case(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_in_words_are_read_with_the_blanks_around_them() {
        for (text, c) in [
            ("a(at)x", '@'),
            ("a (at) x", '@'),
            ("a[at]x", '@'),
            ("a[@]x", '@'),
            ("a {AT} x", '@'),
            ("a at x dot com", '@'),
            ("a arroba x ponto com ponto br", '@'),
            ("a arroba x.com.br, please", '@'),
            ("a arobase x point fr", '@'),
            ("a at x Punkt de", '@'),
            ("a ät x Punkt de", '@'),
            ("a dot x", '.'),
            ("a(dot)x", '.'),
            ("a[.]x", '.'),
            ("a [dot] x", '.'),
            ("a ponto x", '.'),
        ] {
            let (sign, length) = read(text.as_bytes(), 1).unwrap_or_default();
            assert_eq!((sign, &text[1 + length..2 + length]), (c, "x"), "{text}");
        }
        for text in [
            "a at x.com",
            "a at x",
            "a(b)",
            "a (attic) x",
            "a. x",
            "a @ x",
            "a dots x",
            "adot x",
            "a at the dot on",
            "a at figure dot product",
            "a arroba x quilos",
        ] {
            assert_eq!(read(text.as_bytes(), 1), None, "{text}");
        }
    }

    #[test]
    fn the_ends_of_domains_are_in_order() {
        assert!(ENDS.is_sorted());
    }
}
