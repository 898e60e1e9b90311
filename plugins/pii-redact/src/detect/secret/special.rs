//! Keys with a form of their own: JSON web tokens, bot tokens, webhooks, and those that a few
//! letters in their middle or at their end give away.

use super::makeup::Makeup;
use super::standin;
use super::{Kind, Kinds, Span, is_token, run, span};
use crate::detect::text::{before, begins, byte, is_digit};

fn by_chance(bytes: &[u8], start: usize, end: usize) -> bool {
    bytes.get(start..end).is_some_and(|key| {
        let makeup = Makeup::of(key);
        !standin::is_placeholder(key, &makeup)
            && makeup.distinct() >= 8
            && makeup.digits > 0
            && makeup.surprises(26)
    })
}

/// A JSON web token, `eyJ….….…`: two parts that are JSON, and a signature that may be missing.
/// `at` is the `e`.
pub(super) fn jwt(bytes: &[u8], at: usize) -> Option<Span> {
    if byte(bytes, at) != b'e'
        || byte(bytes, at + 1) != b'y'
        || !begins(bytes, at) && before(bytes, at, 1) != b'_'
    {
        return None;
    }
    let head = run(bytes, at, 2048, is_token);
    let body = run(bytes, head + 1, 16, |b| {
        is_token(b) || b == b'/' || b == b'\\'
    });
    if head - at < 12 || byte(bytes, head) != b'.' || body - head < 11 {
        // Grafana's older keys are one such part.
        let grafana = bytes.get(at..at + 8) == Some(b"eyJrIjoi") && head - at >= 40;
        return (grafana && byte(bytes, head) != b'.')
            .then(|| span(at, run(bytes, head, 3, |b| b == b'=')))?;
    }
    let mut end = run(bytes, body, 8192, |b| {
        is_token(b) || matches!(b, b'.' | b'/' | b'\\')
    });
    while matches!(before(bytes, end, 1), b'.' | b'\\') {
        end -= 1;
    }
    end = run(bytes, end, 2, |b| b == b'=');
    let makeup = Makeup::of(bytes.get(at..end.min(at + 200))?);
    (makeup.distinct() >= 12 && makeup.longest_run < 12).then(|| span(at, end))?
}

/// A Telegram bot's token, whose colon is at `at`: digits, `:`, thirty-five characters from `A` on.
pub(in crate::detect) fn telegram(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Secret) || byte(bytes, at + 1) != b'A' || !is_digit(before(bytes, at, 1)) {
        return None;
    }
    let digits = (1..=17)
        .take_while(|&back| is_digit(before(bytes, at, back)))
        .count();
    let end = run(bytes, at + 1, 48, is_token);
    let sure = byte(bytes, at + 2) == b'A'
        || bytes
            .get(at.saturating_sub(digits + 40)..at)?
            .windows(5)
            .any(|word| word.eq_ignore_ascii_case(b"teleg"));
    ((5..=16).contains(&digits)
        && end - at == 36
        && (sure && digits <= 16)
        && (digits >= 8 || byte(bytes, at + 2) != b'A')
        && by_chance(bytes, at + 1, end))
    .then(|| span(at - digits, end))?
}

/// The secret that the `-`, `_` or `.` at `at` may be inside of.
pub(super) fn joined(bytes: &[u8], at: usize) -> Option<Span> {
    match byte(bytes, at) {
        b'.' => match byte(bytes, at + 1) {
            _ if byte(bytes, at + 7) == b'.' && before(bytes, at, 23) != 0 => {
                discord_bot(bytes, at).or_else(|| hook(bytes, at))
            }
            b's' | b'c' | b'o' | b'z' | b'l' | b'w' => hook(bytes, at),
            b'a' if bytes.get(at + 1..at + 9) == Some(b"atlasv1.") => {
                let start = at.checked_sub(14)?;
                let end = run(bytes, at + 9, 80, |b| is_token(b) || b == b'=');
                let head = bytes.get(start..at)?;
                (end - at >= 60
                    && head.iter().all(u8::is_ascii_alphanumeric)
                    && begins(bytes, start)
                    && by_chance(bytes, at + 9, end))
                .then(|| span(start, end))?
            }
            b'0'..=b'9' | b'a'..=b'f' if before(bytes, at, 17) == b'p' => {
                // Airtable: `pat`, fourteen characters, a dot, sixty-four hexadecimal digits.
                let start = at - 17;
                let end = run(bytes, at + 1, 65, |b| b.is_ascii_hexdigit());
                (bytes.get(start..start + 3) == Some(b"pat")
                    && begins(bytes, start)
                    && end - at == 65)
                    .then(|| span(start, end))?
            }
            _ => authress(bytes, at),
        },
        // MaxMind: six characters, `_`, twenty-nine, `_mmk`.
        b'_' if bytes.get(at + 1..at + 4) == Some(b"mmk") => {
            let start = at.checked_sub(36)?;
            let key = bytes.get(start..at)?;
            (before(bytes, at, 30) == b'_'
                && key.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
                && by_chance(bytes, start, at))
            .then(|| span(start, at + 4))?
        }
        b'_' => sentry(bytes, at).or_else(|| sourcegraph(bytes, at)),
        _ => None,
    }
}

/// Sentry: `sntrys_`, JSON in base64, `_`, forty-three characters of base64.
fn sentry(bytes: &[u8], at: usize) -> Option<Span> {
    let start = at.checked_sub(6)?;
    if bytes.get(start..at + 4)? != b"sntrys_eyJ" || !begins(bytes, start) {
        return None;
    }
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let body = run(bytes, at + 1, 600, base64);
    let padded = run(bytes, body, 2, |b| b == b'=');
    let end = run(bytes, padded + 1, 44, base64);
    (byte(bytes, padded) == b'_' && end - padded == 44 && body - at > 60)
        .then(|| span(start, end))?
}

/// Sourcegraph: `sgp_`, sixteen hexadecimal digits, `_`, forty. `at` is the first `_`.
fn sourcegraph(bytes: &[u8], at: usize) -> Option<Span> {
    let start = at.checked_sub(3)?;
    let middle = run(bytes, at + 1, 17, |b| b.is_ascii_hexdigit());
    let end = run(bytes, middle + 1, 41, |b| b.is_ascii_hexdigit());
    (bytes.get(start..at) == Some(b"sgp")
        && begins(bytes, start)
        && middle == at + 17
        && byte(bytes, middle) == b'_'
        && end == middle + 41)
        .then(|| span(start, end))?
}

/// A Discord bot's token: an id in base64, six characters, the rest.
fn discord_bot(bytes: &[u8], at: usize) -> Option<Span> {
    let head = (1..=30)
        .take_while(|&back| before(bytes, at, back).is_ascii_alphanumeric())
        .count();
    let start = at - head;
    let end = run(bytes, at + 8, 48, is_token);
    let fits = (23..=28).contains(&head)
        && matches!(byte(bytes, start), b'M' | b'N' | b'O')
        && begins(bytes, start)
        && run(bytes, at + 1, 7, is_token) == at + 7
        && (27..=40).contains(&(end - at - 8))
        && by_chance(bytes, start, end);
    fits.then(|| span(start, end))?
}

/// Authress: `sc_`, an id, four to six characters, `acc_` or `acc-` and an id, the key, between dots.
fn authress(bytes: &[u8], at: usize) -> Option<Span> {
    let next = byte(bytes, at + 4);
    if bytes.get(at + 1..at + 4) != Some(b"acc") || !matches!(next, b'_' | b'-') {
        return None;
    }
    let head = (1..=48)
        .take_while(|&back| is_token(before(bytes, at, back)) || before(bytes, at, back) == b'.')
        .count();
    let start = at - head;
    let prefixes: [&[u8]; 4] = [b"sc_", b"ext_", b"scauth_", b"authress_"];
    let account = run(bytes, at + 5, 40, is_token);
    let end = run(bytes, account + 1, 160, |b| {
        is_token(b) || matches!(b, b'+' | b'/' | b'=')
    });
    let head = bytes.get(start..at)?;
    (byte(bytes, account) == b'.'
        && end - account > 30
        && prefixes.iter().any(|prefix| head.starts_with(prefix)))
    .then(|| span(start, end))?
}

/// A service's address that is a secret itself.
struct Hook {
    /// The address from a dot on, up to the secret part.
    stem: &'static [u8],
    /// Characters of the secret part, at least.
    least: usize,
}

#[rustfmt::skip] // a table
const HOOKS: &[Hook] = &[
    Hook { stem: b".slack.com/services/", least: 40 },
    Hook { stem: b".slack.com/workflows/", least: 40 },
    Hook { stem: b".slack.com/triggers/", least: 40 },
    Hook { stem: b".com/api/webhooks/", least: 60 },
    Hook { stem: b".webhook.office.com/webhookb2/", least: 80 },
    Hook { stem: b".office.com/webhook/", least: 80 },
    Hook { stem: b".office365.com/webhook/", least: 80 },
    Hook { stem: b".zapier.com/hooks/catch/", least: 12 },
    Hook { stem: b".logic.azure.com/workflows/", least: 60 },
    Hook { stem: b".logic.azure.com:443/workflows/", least: 60 },
    Hook { stem: b".com/open-apis/bot/v2/hook/", least: 30 },
];

/// The secret part of a webhook's address, with the stem's dot at `at`.
fn hook(bytes: &[u8], at: usize) -> Option<Span> {
    let rest = bytes.get(at..)?;
    let hook = HOOKS.iter().find(|hook| rest.starts_with(hook.stem))?;
    let start = at + hook.stem.len();
    let mut end = run(bytes, start, 400, |b| {
        is_token(b)
            || matches!(
                b,
                b'/' | b'@' | b'+' | b'.' | b'?' | b'=' | b'&' | b'%' | b'~'
            )
    });
    while matches!(before(bytes, end, 1), b'.' | b'/' | b'?') {
        end -= 1;
    }
    let path = bytes.get(start..end)?;
    let makeup = Makeup::of(path);
    let fits = path.len() >= hook.least
        && makeup.digits >= 4
        && makeup.distinct() >= 8
        && !standin::is_placeholder(path, &makeup);
    // The address as a whole is the secret: its host and scheme go along.
    let mut first = at;
    while at - first < 80 && (is_token(before(bytes, first, 1)) || before(bytes, first, 1) == b'.')
    {
        first -= 1;
    }
    for scheme in [b"https://".as_slice(), b"http://"] {
        if bytes.get(..first)?.ends_with(scheme) {
            first -= scheme.len();
            break;
        }
    }
    fits.then(|| span(first, end))?
}

/// Twilio: `SK` and thirty-two hexadecimal digits. `at` is the `S`.
pub(super) fn twilio(bytes: &[u8], at: usize) -> Option<Span> {
    let end = run(bytes, at + 2, 33, |b| b.is_ascii_hexdigit());
    (bytes.get(at..at + 2) == Some(b"SK")
        && end - at == 34
        && begins(bytes, at)
        && !is_token(byte(bytes, end))
        && by_chance(bytes, at + 2, end))
    .then(|| span(at, end))?
}

/// Azure: three characters, a digit, `Q~`, thirty-one to thirty-four characters. `at` is the digit.
pub(super) fn azure(bytes: &[u8], at: usize) -> Option<Span> {
    let start = at.checked_sub(3)?;
    let end = run(bytes, at + 3, 40, |b| {
        is_token(b) || matches!(b, b'.' | b'~')
    });
    let head = bytes.get(start..at)?;
    let closed = !matches!(before(bytes, start, 1), b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'~' | b'.' | b'-' | b'/');
    (byte(bytes, at + 1) == b'Q'
        && closed
        && head
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.'))
        && (31..=34).contains(&(end - at - 3))
        && by_chance(bytes, at + 3, end))
    .then(|| span(start, end))?
}

/// The signature of a shared access address: `sig=…`, base64 as a query has it. `at` is the `i`.
pub(super) fn signature(bytes: &[u8], at: usize) -> Option<Span> {
    if !matches!(before(bytes, at, 1), b's' | b'S')
        || !matches!(before(bytes, at, 2), b'&' | b'?' | b';')
    {
        return None;
    }
    let start = at + 3;
    let end = run(bytes, start, 200, |b| {
        is_token(b) || matches!(b, b'%' | b'+' | b'/' | b'=')
    });
    (end - start >= 40 && by_chance(bytes, start, end)).then(|| span(start, end))?
}
