//! Looks at single bytes and their neighbours. All look-ups are total: outside of the text there is
//! a zero byte.

/// The byte at `at`, or 0 outside of the text.
#[inline]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The byte `back` places before `at`, or 0 before the text.
#[inline]
pub(super) fn before(bytes: &[u8], at: usize, back: usize) -> u8 {
    at.checked_sub(back).map_or(0, |i| byte(bytes, i))
}

/// `0` to `9`.
#[inline]
pub(super) const fn is_digit(b: u8) -> bool {
    b.is_ascii_digit()
}

/// A letter, a digit or `_`: what a number or a key may not touch.
#[inline]
pub(super) const fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Length of the JSON escape that ends just before `at` (`\n`, `\u00e9`, with any number of
/// backslashes counted as one), without the backslashes; 0 where there is none.
pub(super) fn escape_before(bytes: &[u8], at: usize) -> usize {
    if matches!(before(bytes, at, 1), b'n' | b't' | b'r' | b'b' | b'f')
        && before(bytes, at, 2) == b'\\'
    {
        return 1;
    }
    let hex = (1..=4).all(|back| before(bytes, at, back).is_ascii_hexdigit());
    if hex && before(bytes, at, 5) == b'u' && before(bytes, at, 6) == b'\\' {
        5
    } else {
        0
    }
}

/// True if a word may begin at `at`: the byte before is no letter, digit or `_`, or it belongs to a
/// JSON or percent escape.
pub(super) fn begins(bytes: &[u8], at: usize) -> bool {
    let previous = before(bytes, at, 1);
    if !is_word(previous) {
        return true;
    }
    escape_before(bytes, at) > 0
        || before(bytes, at, 3) == b'%'
            && previous.is_ascii_hexdigit()
            && before(bytes, at, 2).is_ascii_hexdigit()
}

/// True if what begins at `at` hangs on a longer code to its left: `SKU-123`, `v1.2`, `a.5`.
pub(super) fn hangs_left(bytes: &[u8], at: usize) -> bool {
    matches!(before(bytes, at, 1), b'-' | b'.' | b'+' | b'#')
        && is_word(before(bytes, at, 2))
        && escape_before(bytes, at - 1) == 0
}

/// True if what ends before `at` goes on as a longer code to its right: `123-B`, `1.2.3`, `5x`; a
/// sentence may follow its full stop without a space.
pub(super) fn goes_on(bytes: &[u8], at: usize) -> bool {
    let next = byte(bytes, at);
    let after = byte(bytes, at + 1);
    is_word(next)
        || matches!(next, b'-' | b'@') && is_word(after)
        || next == b'.' && is_digit(after)
}

/// One past the last byte of the digit run at `at`.
pub(super) fn digits_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while is_digit(byte(bytes, end)) {
        end += 1;
    }
    end
}

/// The character at `at` with JSON's `\uXXXX` resolved, whatever the number of backslashes, and its
/// length in bytes. Other escapes read as a backslash.
pub(super) fn unescaped(bytes: &[u8], at: usize) -> (u32, usize) {
    let first = byte(bytes, at);
    if first != b'\\' {
        return (u32::from(first), 1);
    }
    let mut i = at;
    while byte(bytes, i) == b'\\' && i - at < 8 {
        i += 1;
    }
    if byte(bytes, i) == b'u'
        && let Some(code) = bytes.get(i + 1..i + 5).and_then(hex4)
    {
        return (code, i + 5 - at);
    }
    (u32::from(first), 1)
}

/// The length of an `@` that is written as `\u0040` or `%40` at `at`; 0 where there is none.
pub(super) fn escaped_at_sign(bytes: &[u8], at: usize) -> usize {
    if byte(bytes, at) == b'%' {
        return if bytes.get(at + 1..at + 3) == Some(b"40") {
            3
        } else {
            0
        };
    }
    if before(bytes, at, 1) == b'\\' {
        return 0; // the first backslash of the run was looked at already
    }
    match unescaped(bytes, at) {
        (0x40, length) if length > 1 => length,
        _ => 0,
    }
}

/// Four hexadecimal digits as a number.
pub(super) fn hex4(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |code, &b| Some(code * 16 + char::from(b).to_digit(16)?))
}
