//! Numbers that count something.

/// The greatest number of digits that can't be too large for a `u64`.
const MOST_DIGITS: usize = 19;

/// Reads a number of few digits and nothing else, as counts nearly always are, from the beginning of
/// `rest`; returns it with its length.
#[inline]
pub(super) fn plain_count(rest: &[u8]) -> Option<(u64, usize)> {
    let (mut sum, mut length) = (0_u64, 0);
    for byte in rest.iter().take(MOST_DIGITS) {
        if !byte.is_ascii_digit() {
            break;
        }
        sum = sum * 10 + u64::from(byte - b'0');
        length += 1;
    }
    let is_longer = matches!(
        rest.get(length),
        None | Some(b'0'..=b'9' | b'.' | b'e' | b'E')
    );
    let is_padded = length > 1 && rest.first() == Some(&b'0');
    (length > 0 && !is_longer && !is_padded).then_some((sum, length))
}

/// Reads a JSON number as a count.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and what is negative was sorted out"
)]
pub(super) fn count(literal: &[u8]) -> Option<u64> {
    if (1..=MOST_DIGITS).contains(&literal.len())
        && let Some(sum) = literal.iter().try_fold(0, |sum: u64, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + u64::from(byte - b'0'))
        })
    {
        return Some(sum);
    }
    let number: f64 = match literal.first() {
        Some(b'0'..=b'9') => str::from_utf8(literal).ok()?.parse().ok()?,
        _ => return None,
    };
    (number >= 0.0).then(|| number.ceil() as u64)
}
