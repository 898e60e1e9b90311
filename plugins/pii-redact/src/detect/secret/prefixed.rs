//! Providers' keys: by their prefix, from its last character backwards.

use super::{Kind, Kinds, Makeup, Span, block::block, is_token, longest_word, run, span};
use crate::detect::text::{before, begins, byte, is_digit};

/// The form of a provider's key after its prefix.
#[derive(Clone, Copy)]
enum Tail {
    /// Letters, digits, `_` and `-`: at least so many, with a digit and a letter.
    Token(usize),
    /// The same, with dots.
    Dotted(usize),
    /// Hexadecimal digits, at least so many.
    Hex(usize),
    /// As `Token`, and both cases or nothing but hexadecimal digits: prefixes that words share.
    Mixed(usize),
}

use Tail::{Dotted, Hex, Mixed, Token};

// In each table, a prefix comes before those that it ends in.
#[rustfmt::skip] // a table
const DASH: &[(&[u8], Tail)] = &[
    (b"sk-", Mixed(20)),
    (b"xoxe.xoxp-", Token(20)), (b"xoxb-", Token(20)), (b"xoxp-", Token(20)), (b"xoxa-", Token(20)), (b"xoxr-", Token(20)), (b"xoxs-", Token(20)), (b"xoxe-", Token(20)),
    (b"xoxc-", Token(20)), (b"xoxd-", Token(20)), (b"xapp-", Token(20)),
    (b"glpat-", Token(16)), (b"gldt-", Token(16)), (b"glptt-", Token(16)), (b"glrt-", Token(16)), (b"glcbt-", Token(16)), (b"glsoat-", Token(16)), (b"glft-", Token(16)), (b"glimt-", Token(16)), (b"glagent-", Token(16)),
    (b"pypi-", Token(40)), (b"pplx-", Token(32)), (b"xai-", Token(40)), (b"nvapi-", Token(40)), (b"tvly-", Token(20)),
    (b"sq0csp-", Token(22)), (b"sq0atp-", Token(20)), (b"sq0idp-", Token(20)), (b"PMAK-", Token(40)), (b"tskey-", Token(16)), (b"CFPAT-", Token(30)),
    (b"GOCSPX-", Token(20)), (b"key-", Hex(32)), (b"AGE-SECRET-KEY-", Token(40)), (b"NRAK-", Token(20)), (b"sdk-", Hex(32)), (b"EZAK-", Token(40)), (b"LTAI-", Token(16)), (b"v1.0-", Mixed(100)),
];
#[rustfmt::skip] // a table
const UNDERSCORE: &[(&[u8], Tail)] = &[
    (b"ghp_", Token(30)), (b"gho_", Token(30)), (b"ghu_", Token(30)), (b"ghs_", Token(30)), (b"ghr_", Token(30)), (b"github_pat_", Token(30)),
    (b"npm_", Token(30)), (b"hf_", Token(28)), (b"gsk_", Token(30)), (b"r8_", Token(30)),
    (b"sk_live_", Token(16)), (b"sk_test_", Token(16)), (b"rk_live_", Token(16)), (b"rk_test_", Token(16)), (b"pk_live_", Token(16)), (b"pk_test_", Token(16)),
    (b"whsec_", Token(20)), (b"dop_v1_", Hex(40)), (b"doo_v1_", Hex(40)), (b"dor_v1_", Hex(40)),
    (b"shpat_", Hex(32)), (b"shpss_", Hex(32)), (b"shpca_", Hex(32)), (b"shppa_", Hex(32)), (b"dckr_pat_", Token(20)), (b"dckr_oat_", Token(20)), (b"rubygems_", Hex(40)),
    (b"lin_api_", Token(30)), (b"figd_", Token(30)), (b"sntrys_", Token(40)), (b"sntryu_", Hex(40)), (b"sbp_", Hex(32)), (b"glc_", Token(30)), (b"glsa_", Token(30)),
    (b"phx_", Token(30)), (b"phc_", Token(30)), (b"ntn_", Token(30)), (b"secret_", Mixed(32)), (b"ops_", Token(60)), (b"fw_", Mixed(22)), (b"tgp_v1_", Token(30)), (b"sk_", Mixed(24)), (b"key_", Mixed(24)),
    (b"pat_", Mixed(24)), (b"xkeysib_", Token(30)), (b"pscale_tkn_", Token(30)), (b"pscale_pw_", Token(30)), (b"nfp_", Token(30)), (b"vercel_", Token(24)), (b"esecret_", Token(20)), (b"sgp_", Hex(40)), (b"cio_", Token(30)), (b"re_", Mixed(24)), (b"jina_", Token(32)),
];
#[rustfmt::skip] // a table
const DOT: &[(&[u8], Tail)] = &[(b"SG.", Dotted(40)), (b"hvs.", Token(24)), (b"hvb.", Token(24)), (b"hvr.", Token(24)), (b"ya29.", Dotted(30)), (b"dp.pt.", Token(30)), (b"sl.", Mixed(60)), (b"dt0c01.", Dotted(60))];

/// The beginning of an Atlassian API token, which ends in no joiner.
const ATLASSIAN: &[u8] = b"ATATT3xFfGF0";

/// The rows of a table by the letter or digit beside the joiner: most words in front of a joiner
/// end in one that no prefix has, and the others share it with few.
struct ByLast<const ROWS: usize> {
    /// One more than the first row of each; 0: none has it.
    first: [u8; 128],
    /// The same for the row after each.
    next: [u8; ROWS],
}

impl<const ROWS: usize> ByLast<ROWS> {
    const fn of(table: &[(&[u8], Tail)], joiner: u8) -> Self {
        let mut rows = Self {
            first: [0; 128],
            next: [0; ROWS],
        };
        let mut row = ROWS;
        while row > 0 {
            if let (&[.., beside, last], _) = table[row - 1] {
                assert!(last == joiner, "a prefix in the table of another joiner");
                rows.next[row - 1] = rows.first[beside as usize];
                rows.first[beside as usize] = row as u8;
            }
            row -= 1;
        }
        rows
    }
}

static DASHES: ByLast<{ DASH.len() }> = ByLast::of(DASH, b'-');
static UNDERSCORES: ByLast<{ UNDERSCORE.len() }> = ByLast::of(UNDERSCORE, b'_');
static DOTS: ByLast<{ DOT.len() }> = ByLast::of(DOT, b'.');

/// The key whose prefix ends with the `-`, `_` or `.` at `at`, or the key block that begins there.
pub(in crate::detect) fn joined(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Secret) || !is_token(byte(bytes, at + 1)) {
        return None;
    }
    let (table, first, next): (_, _, &[u8]) = match bytes[at] {
        b'-' => {
            if byte(bytes, at + 1) == b'-' && before(bytes, at, 1) != b'-' {
                return block(bytes, at);
            }
            (DASH, &DASHES.first, &DASHES.next)
        }
        b'_' => (UNDERSCORE, &UNDERSCORES.first, &UNDERSCORES.next),
        _ => (DOT, &DOTS.first, &DOTS.next),
    };
    let mut row = *first.get(usize::from(before(bytes, at, 1)))?;
    while let Some(at_row) = usize::from(row).checked_sub(1) {
        let (prefix, tail) = table[at_row];
        row = next[at_row];
        if !bytes.get(..=at).is_some_and(|head| head.ends_with(prefix)) {
            continue;
        }
        let start = at + 1 - prefix.len();
        let hangs = before(bytes, start, 1) == b'-' && prefix.len() < 5;
        if !begins(bytes, start) && before(bytes, start, 1) != b'_' || hangs {
            continue;
        }
        if let Some(end) = tail_end(bytes, at + 1, tail) {
            return span(start, end);
        }
    }
    None
}

/// One past the key whose tail begins at `at`, where it is one.
fn tail_end(bytes: &[u8], at: usize, tail: Tail) -> Option<usize> {
    // The first bytes decide; what passes is then taken to its end.
    const TASTE: usize = 160;
    const LONGEST: usize = 4096;
    let (least, belongs): (usize, fn(u8) -> bool) = match tail {
        Token(n) | Mixed(n) => (n, is_token),
        Dotted(n) => (n, |b| is_token(b) || b == b'.'),
        Hex(n) => (n, |b| b.is_ascii_hexdigit()),
    };
    let mut end = run(bytes, at, TASTE, belongs);
    while end > at && matches!(bytes[end - 1], b'.') {
        end -= 1;
    }
    let key = bytes.get(at..end)?;
    if key.len() < least {
        return None;
    }
    let makeup = Makeup::of(key);
    let random =
        makeup.digits > 0 && makeup.letters() > 0 || makeup.upper >= 5 && makeup.lower >= 5;
    let varied = random && makeup.distinct() >= 8;
    let fits = match tail {
        Mixed(_) => {
            varied
                && makeup.digits >= 2
                && (makeup.upper > 0 && makeup.lower > 0
                    || key.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-')
                    || longest_word(key) >= 16)
        }
        _ => varied,
    };
    fits.then(|| run(bytes, end, LONGEST, is_token))
}

/// Keys that begin with letters alone: `AKIA…`, `AIza…`, `eyJ….….…`, `ATATT3xFfGF0…`. `at` is the
/// rare letter in the middle.
pub(in crate::detect) fn capital(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Secret) {
        return None;
    }
    match (bytes[at], before(bytes, at, 1)) {
        (b'K' | b'S', b'A') if byte(bytes, at + 1) == b'I' && byte(bytes, at + 2) == b'A' => {
            let start = at - 1;
            let end = run(bytes, start + 4, 17, |b| {
                b.is_ascii_uppercase() || is_digit(b)
            });
            (begins(bytes, start) && end - start == 20 && !is_token(byte(bytes, end)))
                .then(|| span(start, end))?
        }
        (b'z', b'I') if before(bytes, at, 2) == b'A' && byte(bytes, at + 1) == b'a' => {
            let start = at - 2;
            let end = run(bytes, start + 4, 64, is_token);
            let key = Makeup::of(bytes.get(start + 4..end)?);
            (begins(bytes, start) && end - start >= 35 && key.distinct() >= 10)
                .then(|| span(start, end))?
        }
        (b'J', b'y') if before(bytes, at, 2) == b'e' => {
            let start = at - 2;
            if !begins(bytes, start) {
                return None;
            }
            let head = run(bytes, start, 512, is_token);
            let body = run(bytes, head + 1, 16, is_token);
            if head - start < 10 || byte(bytes, head) != b'.' || body - head < 11 {
                return None;
            }
            let mut end = run(bytes, body, 8192, |b| is_token(b) || b == b'.');
            while bytes[end - 1] == b'.' {
                end -= 1;
            }
            span(start, end)
        }
        (b'G', b'f') => {
            let start = at.checked_sub(b"ATATT3xFf".len())?;
            let key = start + ATLASSIAN.len();
            if bytes.get(start..key)? != ATLASSIAN || !begins(bytes, start) {
                return None;
            }
            let end = tail_end(bytes, key, Token(40))?;
            // A checksum: `=`, eight digits.
            let sum = run(bytes, end + 1, 8, |b| b.is_ascii_hexdigit());
            let summed = byte(bytes, end) == b'=' && sum == end + 9;
            span(start, if summed { sum } else { end })
        }
        _ => None,
    }
}

/// A Telegram bot's token, whose colon is at `at`: eight to ten digits, `:`, thirty-five characters
/// from `AA` on.
pub(in crate::detect) fn telegram(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Secret) || bytes.get(at + 1..at + 3) != Some(b"AA") {
        return None;
    }
    let digits = (1..=11)
        .take_while(|&back| is_digit(before(bytes, at, back)))
        .count();
    let end = run(bytes, at + 1, 48, is_token);
    ((8..=10).contains(&digits) && end - at == 36).then(|| span(at - digits, end))?
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::detect::scan;

    /// The secrets in a text, whatever else is in it.
    fn secrets(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        scan(text, Kinds::ALL, &mut spans);
        spans.retain(|span| span.kind == Kind::Secret);
        let texts = spans.iter().map(|span| &text[span.start..span.end]);
        texts.collect()
    }

    #[test]
    fn a_key_of_each_row_is_found_whole() {
        for (prefix, tail) in DASH.iter().chain(UNDERSCORE).chain(DOT) {
            let prefix = std::str::from_utf8(prefix).unwrap();
            let (some, length) = match *tail {
                Token(length) | Dotted(length) | Mixed(length) => ("a1B2c3D4e5F6g7H8i9", length),
                Hex(length) => ("1a2b3c4d5e6f708192", length),
            };
            let tail: String = some.chars().cycle().take(length).collect();
            let key = format!("{prefix}{tail}");
            assert_eq!(secrets(&format!("It is {key}, I think.")), [&key]);
            let short = format!("It is {prefix}{}, I think.", &tail[..12]);
            assert!(secrets(&short).is_empty(), "{short}");
        }
    }

    #[test]
    fn a_key_whose_parts_are_joined_is_found_whole() {
        let hex = |length: usize| -> String { "3f9a0b7c".chars().cycle().take(length).collect() };
        let origin = format!("v1.0-{}-{}", hex(24), hex(146));
        assert_eq!(secrets(&format!("key: {origin}\n")), [&origin]);
        let tail = "a1B2c3D4-5F6g7H8i9J0_1L2m3N4o5P6q7R8s9T0u1V2";
        let atlassian = format!("ATATT3xFfGF0{tail}=4D5E6F70");
        assert_eq!(secrets(&format!("at {atlassian}, or")), [&atlassian]);
        let bare = format!("ATATT3xFfGF0{tail}");
        assert_eq!(secrets(&format!(r#"{{"a":"\n{bare}"}}"#)), [&bare]);
        assert!(secrets(&format!("XATATT3xFfGF0{}", &tail[..30])).is_empty());
        assert!(secrets("GfGF0").is_empty() && secrets("fG").is_empty());
    }
}
