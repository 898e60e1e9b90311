//! Keys, tokens, passwords and private-key blocks.
//!
//! Providers' keys are recognised by their prefix, from its last character backwards; other values
//! by the name that they are assigned to.

use super::text::{before, begins, byte, is_word};
use super::{Kind, Kinds, Span};

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

#[rustfmt::skip] // a table
const DASH: &[(&[u8], Tail)] = &[
    (b"sk-", Mixed(20)),
    (b"xoxb-", Token(20)), (b"xoxp-", Token(20)), (b"xoxa-", Token(20)), (b"xoxr-", Token(20)), (b"xoxs-", Token(20)), (b"xoxe-", Token(20)),
    (b"xoxc-", Token(20)), (b"xoxd-", Token(20)), (b"xapp-", Token(20)), (b"xoxe.xoxp-", Token(20)),
    (b"glpat-", Token(16)), (b"gldt-", Token(16)), (b"glptt-", Token(16)), (b"glrt-", Token(16)), (b"glcbt-", Token(16)), (b"glsoat-", Token(16)), (b"glft-", Token(16)), (b"glimt-", Token(16)), (b"glagent-", Token(16)),
    (b"pypi-", Token(40)), (b"pplx-", Token(32)), (b"xai-", Token(40)), (b"nvapi-", Token(40)), (b"tvly-", Token(20)), (b"jina_", Token(32)),
    (b"sq0csp-", Token(22)), (b"sq0atp-", Token(20)), (b"sq0idp-", Token(20)), (b"PMAK-", Token(40)), (b"tskey-", Token(16)), (b"CFPAT-", Token(30)),
    (b"GOCSPX-", Token(20)), (b"key-", Hex(32)), (b"AGE-SECRET-KEY-", Token(40)), (b"dp.pt.", Token(40)), (b"NRAK-", Token(20)), (b"sdk-", Hex(32)), (b"EZAK-", Token(40)), (b"LTAI-", Token(16)),
];
#[rustfmt::skip] // a table
const UNDERSCORE: &[(&[u8], Tail)] = &[
    (b"ghp_", Token(30)), (b"gho_", Token(30)), (b"ghu_", Token(30)), (b"ghs_", Token(30)), (b"ghr_", Token(30)), (b"github_pat_", Token(30)),
    (b"npm_", Token(30)), (b"hf_", Token(28)), (b"gsk_", Token(30)), (b"r8_", Token(30)),
    (b"sk_live_", Token(16)), (b"sk_test_", Token(16)), (b"rk_live_", Token(16)), (b"rk_test_", Token(16)), (b"pk_live_", Token(16)), (b"pk_test_", Token(16)),
    (b"whsec_", Token(20)), (b"dop_v1_", Hex(40)), (b"doo_v1_", Hex(40)), (b"dor_v1_", Hex(40)),
    (b"shpat_", Hex(32)), (b"shpss_", Hex(32)), (b"shpca_", Hex(32)), (b"shppa_", Hex(32)), (b"dckr_pat_", Token(20)), (b"dckr_oat_", Token(20)), (b"rubygems_", Hex(40)),
    (b"lin_api_", Token(30)), (b"figd_", Token(30)), (b"sntrys_", Token(40)), (b"sntryu_", Hex(40)), (b"sbp_", Hex(32)), (b"glc_", Token(30)), (b"glsa_", Token(30)),
    (b"phx_", Token(30)), (b"phc_", Token(30)), (b"ntn_", Token(30)), (b"secret_", Mixed(32)), (b"ops_", Token(60)), (b"ATATT3", Token(40)), (b"fw_", Mixed(22)), (b"tgp_v1_", Token(30)), (b"sk_", Mixed(24)), (b"key_", Mixed(24)),
    (b"pat_", Mixed(24)), (b"xkeysib_", Token(30)), (b"pscale_tkn_", Token(30)), (b"pscale_pw_", Token(30)), (b"nfp_", Token(30)), (b"vercel_", Token(24)), (b"esecret_", Token(20)), (b"sgp_", Hex(40)), (b"cio_", Token(30)), (b"re_", Mixed(24)),
];
#[rustfmt::skip] // a table
const DOT: &[(&[u8], Tail)] = &[(b"SG.", Dotted(40)), (b"hvs.", Token(24)), (b"hvb.", Token(24)), (b"hvr.", Token(24)), (b"ya29.", Dotted(30)), (b"dp.pt.", Token(30)), (b"sl.", Mixed(60)), (b"dt0c01.", Dotted(60)), (b"v1.0-", Hex(100))];

/// The set of the letters and digits beside the joiners of a table's prefixes: most words in front of a joiner end in another one.
const fn beside(table: &[(&[u8], Tail)]) -> u128 {
    let (mut set, mut row) = (0, 0);
    while row < table.len() {
        if let (&[.., beside, _], _) = table[row] {
            set |= 1 << beside;
        }
        row += 1;
    }
    set
}

const fn is_token(b: u8) -> bool {
    is_word(b) || b == b'-'
}

/// The composition of a run of characters.
#[derive(Default)]
struct Makeup {
    digits: usize,
    upper: usize,
    lower: usize,
    other: usize,
    /// A bit for each character, modulo 128.
    seen: u128,
}

impl Makeup {
    fn of(run: &[u8]) -> Self {
        let mut makeup = Self::default();
        for &b in run {
            match b {
                b'0'..=b'9' => makeup.digits += 1,
                b'A'..=b'Z' => makeup.upper += 1,
                b'a'..=b'z' => makeup.lower += 1,
                _ => makeup.other += 1,
            }
            makeup.seen |= 1 << (b & 0x7f);
        }
        makeup
    }
    fn distinct(&self) -> u32 {
        self.seen.count_ones()
    }
    fn letters(&self) -> usize {
        self.upper + self.lower
    }
}

fn span(start: usize, end: usize) -> Option<Span> {
    Some(Span {
        start,
        end,
        kind: Kind::Secret,
    })
}

/// The run from `at` of bytes that `belongs` accepts, at most `most` long; gives its end.
fn run(bytes: &[u8], at: usize, most: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let mut end = at;
    while end - at < most && belongs(byte(bytes, end)) {
        end += 1;
    }
    end
}

/// The key whose prefix ends with the `-`, `_` or `.` at `at`, or the key block that begins there.
pub(super) fn joined(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Secret) {
        return None;
    }
    let (table, beside) = match bytes[at] {
        b'-' => {
            if byte(bytes, at + 1) == b'-' && before(bytes, at, 1) != b'-' {
                return block(bytes, at);
            }
            (DASH, const { beside(DASH) })
        }
        b'_' => (UNDERSCORE, const { beside(UNDERSCORE) }),
        _ => (DOT, const { beside(DOT) }),
    };
    let last = before(bytes, at, 1);
    if !last.is_ascii_alphanumeric() || beside & 1 << last == 0 || !is_token(byte(bytes, at + 1)) {
        return None;
    }
    for &(prefix, tail) in table {
        let [.., beside, _] = prefix else { continue };
        if *beside != last || !bytes.get(..=at).is_some_and(|head| head.ends_with(prefix)) {
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

/// The longest part between dashes and underscores that holds a digit.
fn longest_word(key: &[u8]) -> usize {
    key.split(|b| matches!(b, b'-' | b'_'))
        .filter(|part| part.iter().any(u8::is_ascii_digit))
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0)
}

/// `-----BEGIN … PRIVATE KEY-----` to its end line, or as far as it looks like a key where that is missing.
fn block(bytes: &[u8], at: usize) -> Option<Span> {
    const LONGEST: usize = 32 * 1024;
    let head = bytes.get(at..(at + 64).min(bytes.len()))?;
    if !head.starts_with(b"-----BEGIN ") {
        return None;
    }
    let line = head.windows(5).skip(6).position(|w| w == b"-----")? + 6;
    let title = head.get(11..line)?;
    if !title.windows(11).any(|w| w == b"PRIVATE KEY") {
        return None;
    }
    // Headers (`Proc-Type: 4,ENCRYPTED`), base64 and line breaks, escaped or not; then five dashes.
    let body = at + line + 5;
    let inside = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'+' | b'/'
                    | b'='
                    | b'\n'
                    | b'\r'
                    | b'\t'
                    | b' '
                    | b'\\'
                    | b','
                    | b':'
                    | b'"'
                    | b'>'
                    | b'.'
            )
    };
    let mut end = run(bytes, body, LONGEST, inside);
    while byte(bytes, end) == b'-' && byte(bytes, end + 1) != b'-' && end - body < LONGEST {
        end = run(bytes, end + 1, LONGEST, inside); // a lone dash: `Proc-Type`
    }
    if bytes
        .get(end..)
        .is_some_and(|rest| rest.starts_with(b"-----END "))
    {
        let close = end + 9;
        let close = run(bytes, close, 48, |b| {
            b.is_ascii_uppercase() || b == b' ' || b.is_ascii_digit()
        });
        return span(at, run(bytes, close, 5, |b| b == b'-'));
    }
    while end > body && !bytes[end - 1].is_ascii_alphanumeric() && bytes[end - 1] != b'=' {
        end -= 1;
    }
    span(at, end)
}

/// Keys that begin with letters alone: `AKIA…`, `AIza…`, `eyJ….….…`. `at` is the rare letter in the middle.
pub(super) fn capital(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
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
        _ => None,
    }
}

use super::text::is_digit;

/// The evidence that the name before an assignment gives about the value.
#[derive(PartialEq)]
enum Name {
    Password,
    Key,
}

/// The value that follows the `=` or `:` at `at`, where the name before speaks of a secret.
pub(super) fn assigned(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Secret) || matches!(byte(bytes, at + 1), b':' | b'=' | b'/') {
        return None;
    }
    let mut name_end = at;
    while at - name_end < 6
        && matches!(
            before(bytes, name_end, 1),
            b' ' | b'"' | b'\'' | b'\\' | b'`'
        )
    {
        name_end -= 1;
    }
    let mut name_start = name_end;
    while name_end - name_start < 48
        && (is_word(before(bytes, name_start, 1))
            || matches!(before(bytes, name_start, 1), b'-' | b'.'))
    {
        name_start -= 1;
    }
    let name = name_of(bytes.get(name_start..name_end)?)?;
    let mut start = at + 1;
    if byte(bytes, start) == b'>' {
        start += 1;
    }
    let tight = start == at + 1;
    while byte(bytes, start) == b' ' && start - at < 6 {
        start += 1;
    }
    let tight = tight && start == at + 1;
    while byte(bytes, start) == b'\\' && start - at < 12 {
        start += 1;
    }
    let quote = byte(bytes, start);
    let quoted = matches!(quote, b'"' | b'\'' | b'`');
    if quoted {
        start += 1;
    }
    for scheme in [
        b"Bearer ".as_slice(),
        b"Basic ",
        b"bearer ",
        b"Token ",
        b"token ",
    ] {
        if bytes
            .get(start..)
            .is_some_and(|rest| rest.starts_with(scheme))
        {
            start += scheme.len();
        }
    }
    let belongs = |b: u8| match b {
        b'"' | b'\'' | b'`' | b'\\' | b' ' | b',' | b';' | b'<' | b'>' | b'(' | b')' | b'{'
        | b'}' | b'[' | b']' | b'&' | b'$' => {
            quoted
                && name == Name::Password
                && b != quote
                && !matches!(b, b'\\' | b'{' | b'<' | b' ')
        }
        _ => b > b' ' && b < 0x7f,
    };
    let end = run(bytes, start, 160, belongs);
    let long = end - start == 160;
    let closed = !quoted || long || matches!(byte(bytes, end), b'\\') || byte(bytes, end) == quote;
    let value = bytes.get(start..end)?;
    let makeup = Makeup::of(value);
    let fits = closed
        && match name {
            Name::Password => {
                (6..=128).contains(&value.len())
                    && (quoted
                        || tight && bytes[at] == b'='
                        || bytes[at] == b':' && byte(bytes, end) != b'(')
                    && makeup.digits > 0
                    && makeup.letters() > 0
                    && makeup.distinct() >= 5
            }
            Name::Key => {
                let plain = value.iter().all(|&b| {
                    is_token(b)
                        || matches!(
                            b,
                            b'+' | b'/'
                                | b'='
                                | b'.'
                                | b'~'
                                | b'!'
                                | b'@'
                                | b'#'
                                | b'%'
                                | b'^'
                                | b'*'
                        )
                });
                let words = longest_word(value) < 12 && makeup.upper * makeup.lower == 0;
                plain
                    && value.len() >= 16
                    && makeup.digits >= 2
                    && makeup.letters() >= 2
                    && makeup.distinct() >= 9
                    && !words
                    && !is_uuid(value)
                    && !value.starts_with(b"http")
                    && byte(bytes, end) != b'('
            }
        };
    fits.then(|| span(start, run(bytes, end, 4096, belongs)))?
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36 && [8, 13, 18, 23].iter().all(|&i| value[i] == b'-')
}

fn name_of(name: &[u8]) -> Option<Name> {
    if name.len() < 3 {
        return None;
    }
    let has = |at: usize, stem: &[u8]| {
        name.get(at..at + stem.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(stem))
    };
    (0..name.len()).find_map(|i| match name[i] | 0x20 {
        b'p' if has(i, b"passw")
            || has(i, b"passwd")
            || has(i, b"pwd")
            || has(i, b"passphrase") =>
        {
            Some(Name::Password)
        }
        b's' if has(i, b"senha") => Some(Name::Password),
        b'c' if has(i, b"contrase") => Some(Name::Password),
        b's' if has(i, b"secret") || has(i, b"signing_key") => Some(Name::Key),
        b't' if has(i, b"token") => Some(Name::Key),
        b'c' if has(i, b"credential") => Some(Name::Key),
        b'a' if has(i, b"api_key")
            || has(i, b"apikey")
            || has(i, b"api-key")
            || has(i, b"access_key")
            || has(i, b"accesskey")
            || has(i, b"access-key")
            || has(i, b"auth_key")
            || has(i, b"authorization")
            || has(i, b"accountkey") =>
        {
            Some(Name::Key)
        }
        b'p' if has(i, b"private_key") || has(i, b"privatekey") || has(i, b"private-key") => {
            Some(Name::Key)
        }
        b'e' if has(i, b"encryption_key") => Some(Name::Key),
        b'c' if has(i, b"client_key") => Some(Name::Key),
        _ => None,
    })
}

/// A Telegram bot's token, whose colon is at `at`: eight to ten digits, `:`, thirty-five characters from `AA` on.
pub(super) fn telegram(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Secret) || bytes.get(at + 1..at + 3) != Some(b"AA") {
        return None;
    }
    let digits = (1..=11)
        .take_while(|&back| is_digit(before(bytes, at, back)))
        .count();
    let end = run(bytes, at + 1, 48, is_token);
    ((8..=10).contains(&digits) && end - at == 36).then(|| span(at - digits, end))?
}
