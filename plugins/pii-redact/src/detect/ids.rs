//! Identifiers that mix letters and digits: IBAN, alphanumeric CNPJ, NINO, DNI and NIE, codice
//! fiscale.

use super::context::{Topic, near_topic};
use super::text::{before, begins, byte, goes_on, hangs_left, is_digit, is_word};
use super::{Kind, Kinds, Span, check};

/// The identifier around the digit run from `start` to `run`.
pub(super) fn around(bytes: &[u8], start: usize, run: usize, kinds: Kinds) -> Option<Span> {
    let previous = before(bytes, start, 1);
    if previous.is_ascii_alphabetic() {
        let found = iban(bytes, start, run, kinds)
            .or_else(|| nino(bytes, start, start.checked_sub(2)?, kinds))
            .or_else(|| nie(bytes, start, run, kinds))
            .or_else(|| codice_fiscale(bytes, start, run, kinds));
        if found.is_some() {
            return found;
        }
    }
    if previous == b' '
        && run - start == 2
        && before(bytes, start, 2).is_ascii_uppercase()
        && let Some(from) = start.checked_sub(3)
        && let Some(found) = nino(bytes, start, from, kinds)
    {
        return Some(found);
    }
    if matches!(previous, b'-' | b' ')
        && run - start == 7
        && let Some(from) = start.checked_sub(2)
        && let Some(found) = nie_from(bytes, from, start, run, kinds)
    {
        return Some(found);
    }
    dni(bytes, start, run, kinds).or_else(|| cnpj_bare(bytes, start, kinds))
}

/// Two letters, then the rest of the country's length, with single spaces or dashes between.
fn iban(bytes: &[u8], start: usize, run: usize, kinds: Kinds) -> Option<Span> {
    let from = start.checked_sub(2)?;
    if !kinds.has(Kind::Iban) || run < start + 2 || !begins(bytes, from) {
        return None;
    }
    let length = check::iban_length(bytes[from], bytes[from + 1])?;
    let mut iban = [0u8; 34];
    let (mut at, mut n) = (from, 0);
    let mut end = from;
    while n < length {
        let b = byte(bytes, at);
        if b.is_ascii_alphanumeric() {
            *iban.get_mut(n)? = b;
            n += 1;
            at += 1;
            end = at;
        } else if matches!(b, b' ' | b'-' | b'.')
            && n > 0
            && byte(bytes, at + 1).is_ascii_alphanumeric()
        {
            at += 1;
        } else if b == 0xc2
            && byte(bytes, at + 1) == 0xa0
            && byte(bytes, at + 2).is_ascii_alphanumeric()
        {
            at += 2;
        } else {
            return None;
        }
    }
    (!is_word(byte(bytes, end)) && check::mod97(iban.get(..length)?)).then_some(Span {
        start: from,
        end,
        kind: Kind::Iban,
    })
}

/// `AB123456C` or `AB 12 34 56 C`; the letters begin at `from`, the digits at `start`.
fn nino(bytes: &[u8], start: usize, from: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::UkNino)
        || !begins(bytes, from)
        || hangs_left(bytes, from)
        || !check::nino_prefix(bytes[from], bytes[from + 1])
    {
        return None;
    }
    let (mut at, mut digits) = (start, 0);
    while digits < 6 {
        if is_digit(byte(bytes, at)) {
            digits += 1;
            at += 1;
        } else if matches!(byte(bytes, at), b' ' | b'-')
            && digits > 0
            && digits % 2 == 0
            && is_digit(byte(bytes, at + 1))
        {
            at += 1;
        } else {
            return None;
        }
    }
    if matches!(byte(bytes, at), b' ' | b'-') {
        at += 1;
    }
    let suffix = byte(bytes, at);
    // In lower case, a run of nine without any sign of intention is more often a hash than a
    // person.
    let cased = bytes[from].is_ascii_uppercase() == suffix.is_ascii_uppercase()
        && bytes[from].is_ascii_uppercase();
    (cased && matches!(suffix, b'A'..=b'D') && !goes_on(bytes, at + 1)).then_some(Span {
        start: from,
        end: at + 1,
        kind: Kind::UkNino,
    })
}

/// `X1234567L`.
fn nie(bytes: &[u8], start: usize, run: usize, kinds: Kinds) -> Option<Span> {
    nie_from(bytes, start.checked_sub(1)?, start, run, kinds)
}

fn nie_from(bytes: &[u8], from: usize, start: usize, run: usize, kinds: Kinds) -> Option<Span> {
    let lead = match byte(bytes, from).to_ascii_uppercase() {
        b'X' => 0,
        b'Y' => 1,
        b'Z' => 2,
        _ => return None,
    };
    if !kinds.has(Kind::EsDni)
        || run - start != 7
        || !begins(bytes, from)
        || hangs_left(bytes, from)
    {
        return None;
    }
    lettered(bytes, from, start, run, lead * 10_000_000)
}

/// `12345678Z` or `12345678-Z`, also with dots.
fn dni(bytes: &[u8], start: usize, run: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::EsDni) || !begins(bytes, start) || hangs_left(bytes, start) {
        return None;
    }
    if run - start == 8 {
        return lettered(bytes, start, start, run, 0);
    }
    // 12.345.678-Z
    let dotted = run - start == 2
        && byte(bytes, start + 2) == b'.'
        && byte(bytes, start + 6) == b'.'
        && bytes
            .get(start + 3..start + 6)?
            .iter()
            .chain(bytes.get(start + 7..start + 10)?)
            .all(u8::is_ascii_digit);
    if dotted {
        lettered(bytes, start, start, start + 10, 0)
    } else {
        None
    }
}

fn lettered(bytes: &[u8], from: usize, digits: usize, run: usize, base: u32) -> Option<Span> {
    let number = bytes
        .get(digits..run)?
        .iter()
        .filter(|b| b.is_ascii_digit())
        .fold(base, |n, &b| n * 10 % 100_000_000 + u32::from(b - b'0'));
    let number = if base > 0 {
        base + number % 10_000_000
    } else {
        number
    };
    let at = if matches!(byte(bytes, run), b'-' | b' ') {
        run + 1
    } else {
        run
    };
    let letter = byte(bytes, at);
    let fits = letter.is_ascii_uppercase()
        || at == run && letter.is_ascii_lowercase() && !letter.is_ascii_hexdigit();
    (fits && !goes_on(bytes, at + 1) && check::spanish_letter(number, letter)).then_some(Span {
        start: from,
        end: at + 1,
        kind: Kind::EsDni,
    })
}

/// Six letters, two digits, a letter, two digits, a letter, three digits, a letter; digits may be
/// letters where two people share a code.
fn codice_fiscale(bytes: &[u8], start: usize, run: usize, kinds: Kinds) -> Option<Span> {
    let from = start.checked_sub(6)?;
    let code = bytes.get(from..from + 16)?;
    let shape = run - start == 2
        && code[..6].iter().all(u8::is_ascii_alphabetic)
        && matches!(code[8].to_ascii_uppercase(), b'A'..=b'E' | b'H' | b'L' | b'M' | b'P' | b'R'..=b'T')
        && code[11].is_ascii_alphabetic()
        && code[15].is_ascii_alphabetic()
        && code.iter().all(u8::is_ascii_alphanumeric);
    (kinds.has(Kind::ItCf)
        && shape
        && begins(bytes, from)
        && !is_word(byte(bytes, from + 16))
        && check::codice_fiscale(code))
    .then_some(Span {
        start: from,
        end: from + 16,
        kind: Kind::ItCf,
    })
}

/// The formatted CNPJ whose slash is at `at`, with letters in it: `12.ABC.345/01DE-35`. Digits
/// alone are found as a number.
pub(super) fn cnpj_around(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    let at = if before(bytes, at, 1) == b'\\' {
        at - 1
    } else {
        at
    };
    let slash = if byte(bytes, at) == b'\\' { 2 } else { 1 };
    let from = at.checked_sub(10)?;
    let end = at + slash + 7;
    if !kinds.has(Kind::Cnpj)
        || !begins(bytes, from)
        || hangs_left(bytes, from)
        || goes_on(bytes, end)
    {
        return None;
    }
    if bytes[from + 2] != b'.' || bytes[from + 6] != b'.' || byte(bytes, at + slash + 4) != b'-' {
        return None;
    }
    let mut characters = [0u8; 14];
    let parts = bytes[from..at].iter().chain(bytes.get(at + slash..end)?);
    let parts = parts.filter(|&&b| b != b'.' && b != b'-');
    for (place, &b) in characters.iter_mut().zip(parts) {
        *place = b;
    }
    check::cnpj(&characters).then_some(Span {
        start: from,
        end,
        kind: Kind::Cnpj,
    })
}

/// Fourteen capitals and digits without separators: two check digits, and no word before that
/// speaks of a thing. `start` is any digit run's begin in it.
fn cnpj_bare(bytes: &[u8], start: usize, kinds: Kinds) -> Option<Span> {
    let capital = |b: u8| b.is_ascii_uppercase() || is_digit(b);
    let mut from = start;
    while start - from < 14 && capital(before(bytes, from, 1)) {
        from -= 1;
    }
    let end = from + 14;
    let fits = kinds.has(Kind::Cnpj)
        && from < start
        && begins(bytes, from)
        && !goes_on(bytes, end)
        && bytes.get(from..end).is_some_and(check::cnpj);
    let thing = || matches!(near_topic(bytes, from), Some(Topic::Thing | Topic::Hash));
    (fits && !thing()).then_some(Span {
        start: from,
        end,
        kind: Kind::Cnpj,
    })
}
