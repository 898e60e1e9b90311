//! Stand-ins for a secret: `${TOKEN}`, `<token>`, `xxxx`, `your-key-here`.

use super::makeup::Makeup;

/// Words that stand for a value, in small letters.
#[rustfmt::skip] // a table
const STANDINS: &[&[u8]] = &[
    b"example", b"changeme", b"change_me", b"change-me", b"changeit", b"your", b"placeholder", b"dummy", b"redacted", b"replace", b"xxxx", b"****", b"...", b"sample", b"fixme", b"foobar",
    b"_here", b"-here", b"tokenhere", b"keyhere", b"secrethere", b"goes-here", b"insert", b"enter-", b"enter_", b"\xe2\x80\xa6", b"\xe2\x80\xa2", b"abcdefghij", b"0123456789ab", b"qwertyuiop", b"notreal", b"not-a-real", b"######",
];

/// The bit of a small letter, by which most words are seen not to be in a value; 0 for others.
const fn letter(b: u8) -> u32 {
    if b.is_ascii_lowercase() {
        1 << (b - b'a')
    } else {
        0
    }
}

/// The letters of each of these words.
const STANDIN_LETTERS: [u32; STANDINS.len()] = {
    let mut all = [0; STANDINS.len()];
    let mut word = 0;
    while word < STANDINS.len() {
        let mut at = 0;
        while at < STANDINS[word].len() {
            all[word] |= letter(STANDINS[word][at]);
            at += 1;
        }
        word += 1;
    }
    all
};

/// True if the value stands for another: `${TOKEN}`, `<token>`, `xxxx`, `your-key-here`.
pub(super) fn is_placeholder(value: &[u8], makeup: &Makeup) -> bool {
    let (Some(&first), Some(&last)) = (value.first(), value.last()) else {
        return true;
    };
    let second = value.get(1).copied().unwrap_or(0);
    let opens = match first {
        b'$' => {
            second.is_ascii_alphabetic()
                && super::value::is_identifier(value.get(1..).unwrap_or_default())
                || matches!(second, b'{' | b'(' | b'$')
        }
        b'<' | b'{' | b'[' => matches!(last, b'>' | b'}' | b']'),
        b'%' | b'@' => last == first || second == b'(' || second == b'{' || value.len() < 4,
        b'#' => second == b'{',
        _ => false,
    };
    // `${{ … }}`, `{{ … }}` and the like anywhere.
    let templates = [b"{{".as_slice(), b"${", b"$(", b"<%", b"#{"];
    if opens
        || makeup.length >= 8 && makeup.distinct() <= 3
        || makeup.longest_run >= 5 && makeup.longest_run * 5 >= makeup.length * 2
    {
        return true;
    }
    if makeup.marks > 0 && templates.iter().any(|mark| contains(value, mark)) {
        return true;
    }
    let mut small = [0_u8; 96];
    let mut letters = 0;
    for (small, b) in small.iter_mut().zip(value) {
        *small = b.to_ascii_lowercase();
        letters |= letter(*small);
    }
    let small = small.get(..value.len().min(96)).unwrap_or_default();
    STANDINS
        .iter()
        .zip(STANDIN_LETTERS)
        .any(|(word, needed)| needed & !letters == 0 && contains(small, word))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    let Some((&first, rest)) = part.split_first() else {
        return true;
    };
    memchr::memchr_iter(first, text).any(|at| {
        text.get(at + 1..)
            .is_some_and(|text| text.starts_with(rest))
    })
}
