//! Escapes of URLs, of source code and of HTML: stretches that hold some are read without them.

use super::runs::hex;

/// Fewer escapes in a stretch are ordinary.
const FEWEST: usize = 3;
/// The most bytes between two escapes of a stretch, and before and behind it.
const NEAR: usize = 24;

/// Shows each stretch as it reads.
pub(super) fn each(text: &str, found: &mut impl FnMut(String)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Of the stretch so far: its beginning, what it reads, where the last escape ended, how many.
    let mut stretch: Option<(String, usize, usize)> = None;
    while let Some(next) = next_escape(bytes, at) {
        let (place, end, c) = next;
        if let Some((read, last, count)) = stretch.take_if(|(_, last, _)| place - *last > NEAR) {
            finish(text, read, last, count, found);
        }
        match &mut stretch {
            None => {
                let begin = word_begin(bytes, place);
                let mut read = String::new();
                read.push_str(text.get(begin..place).unwrap_or_default());
                read.push(c);
                stretch = Some((read, end, 1));
            }
            Some((read, last, count)) => {
                read.push_str(text.get(*last..place).unwrap_or_default());
                read.push(c);
                *last = end;
                *count += 1;
            }
        }
        at = end;
    }
    if let Some((read, last, count)) = stretch {
        finish(text, read, last, count, found);
    }
}

fn finish(text: &str, mut read: String, last: usize, count: usize, found: &mut impl FnMut(String)) {
    if count < FEWEST {
        return;
    }
    let rest = text.get(last..).unwrap_or_default();
    read.extend(rest.chars().take(NEAR).take_while(|c| *c != '\n'));
    found(read);
}

/// The beginning of the word that ends at `place`, as far back as a stretch reaches.
fn word_begin(bytes: &[u8], place: usize) -> usize {
    let mut begin = place;
    while begin > 0
        && place - begin < NEAR
        && bytes
            .get(begin - 1)
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
    {
        begin -= 1;
    }
    begin
}

/// The next escape from `at` on: its place, its end, and the character.
fn next_escape(bytes: &[u8], mut at: usize) -> Option<(usize, usize, char)> {
    loop {
        let rest = bytes.get(at..)?;
        at += rest
            .iter()
            .position(|byte| matches!(byte, b'%' | b'\\' | b'&'))?;
        let rest = bytes.get(at..)?;
        let read = match rest {
            [b'%', high, low, ..] => pair(*high, *low).map(|c| (3, c)),
            [b'\\', b'x' | b'X', high, low, ..] => pair(*high, *low).map(|c| (4, c)),
            [b'\\', b'u' | b'U', digits @ ..] => code(digits, 16, 4).map(|(used, c)| (used + 2, c)),
            [b'&', b'#', b'x' | b'X', digits @ ..] => {
                closed(digits, 16).map(|(used, c)| (used + 3, c))
            }
            [b'&', b'#', digits @ ..] => closed(digits, 10).map(|(used, c)| (used + 2, c)),
            _ => None,
        };
        match read {
            Some((used, c)) => return Some((at, at + used, c)),
            None => at += 1,
        }
    }
}

fn pair(high: u8, low: u8) -> Option<char> {
    // Letters of several bytes are not put together: what they spell is read as it stands.
    Some(char::from(hex(high)? << 4 | hex(low)?)).filter(char::is_ascii)
}

/// So many digits at most; how many there were.
fn code(digits: &[u8], base: u32, most: usize) -> Option<(usize, char)> {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(base);
    let used = digits.iter().take(most).take_while(is_digit).count();
    let text = std::str::from_utf8(digits.get(..used)?).ok()?;
    let c = char::from_u32(u32::from_str_radix(text, base).ok()?)?;
    Some((used, c))
}

fn closed(digits: &[u8], base: u32) -> Option<(usize, char)> {
    let (used, c) = code(digits, base, 6)?;
    (digits.get(used) == Some(&b';')).then_some((used + 1, c))
}
