//! The forms in which languages and formats assign a value to a name: where the value begins, and
//! what ends it.
//!
//! `name = "v"`, `:=`, `?=`, `=>`, `name: string = "v"`, `["name"] = "v"`, `set("name", "v")`,
//! `name("v")`, `--name v`, `<name>v</name>`, `key="name" value="v"`, `"name": "n", "value": "v"`,
//! `IDENTIFIED BY 'v'`, `name is v`.

use super::name::{Class, Found};
use super::value::Place;
use super::{Span, name, run, span, value};
use crate::detect::text::{before, byte};

/// Bytes of a value that are looked at before it is taken for one.
const TASTE: usize = 256;
const LONGEST: usize = 4096;

const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}
const fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// One past the blanks at `at`, ten at most.
fn blanks(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, 10, is_blank)
}

/// One past the white space at `at`; escaped line breaks count.
fn space(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while end - at < 80 {
        match byte(bytes, end) {
            b' ' | b'\t' | b'\n' | b'\r' => end += 1,
            b'\\' if matches!(byte(bytes, end + 1), b'n' | b'r' | b't') => end += 2,
            _ => break,
        }
    }
    end
}

/// The value that is assigned to a name.
pub(super) fn value_of(bytes: &[u8], name: &Found) -> Option<Span> {
    let opened = opening(bytes, name.start);
    let closed = run(bytes, name.end, 10, |b| {
        is_quote(b) || matches!(b, b'\\' | b']' | b')' | b'*')
    });
    let mut at = closed;
    if closed > name.end
        && byte(bytes, at - 1) == b'\\'
        && matches!(byte(bytes, at), b'n' | b'r' | b't')
    {
        at -= 1; // the backslash of a line break
    }
    let quoted = (name.end..at).any(|at| is_quote(byte(bytes, at)));
    let behind = blanks(bytes, at);
    match byte(bytes, behind) {
        b'=' | b':' | b'?' | b'+' | b'|' | b'.' | b'<' | b'-' | b'>' => {
            if opened == Opening::Tag && byte(bytes, at) == b'>' {
                return element(bytes, at + 1, name);
            }
            if let Some(span) = assigned(bytes, at, name) {
                return Some(span);
            }
            if byte(bytes, behind) == b'>' || byte(bytes, behind) == b'<' {
                return paired(bytes, behind, name).or_else(|| {
                    (quoted && byte(bytes, behind) == b'>')
                        .then(|| element(bytes, behind + 1, name))?
                });
            }
            None
        }
        b',' if quoted => {
            let next = space(bytes, behind + 1);
            literal(bytes, next, name, Place::Quoted).or_else(|| paired(bytes, behind, name))
        }
        b'(' if !quoted => literal(bytes, blanks(bytes, behind + 1), name, Place::Quoted),
        b'/' | b'v' | b'V' | b',' | b'\n' | b'\r' | b'\\' | b'{'
            if quoted || pairs(bytes, name.start) =>
        {
            paired(bytes, behind, name)
        }
        _ if behind > at || opened == Opening::Flag => spaced(bytes, name, opened, behind),
        _ => None,
    }
}

/// What stands before a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// `<name`
    Tag,
    /// `--name`, `-name`
    Flag,
    Other,
}

fn opening(bytes: &[u8], start: usize) -> Opening {
    match (before(bytes, start, 1), before(bytes, start, 2)) {
        (b'<', _) | (b':', b'a'..=b'z')
            if (1..=24).find_map(|back| match before(bytes, start, back) {
                b'<' => Some(true),
                b'a'..=b'z' | b':' => None,
                _ => Some(false),
            }) == Some(true) =>
        {
            Opening::Tag
        }
        (b'-', b' ' | b'-' | b'"' | b'\'' | 0 | b'\n' | b',' | b'[') => Opening::Flag,
        // Docker's `ENV name value`, and shells that set so.
        (b' ', b'V' | b'v') if is_command(bytes, start) => Opening::Flag,
        _ => Opening::Other,
    }
}

/// True for `ENV ` or `setenv ` at the beginning of a line that the name at `start` is on.
fn is_command(bytes: &[u8], start: usize) -> bool {
    let head = bytes.get(..start).unwrap_or_default();
    [b"ENV ".as_slice(), b"setenv ", b"SetEnv "]
        .iter()
        .any(|command| {
            head.strip_suffix(*command).is_some_and(|head| {
                head.last()
                    .is_none_or(|b| matches!(b, b'\n' | b' ' | b'\t'))
            })
        })
}

/// True if the name is itself a value: of `name:` or `key=`, so that its own value may be the next one.
fn pairs(bytes: &[u8], start: usize) -> bool {
    let mut at = start;
    while start - at < 6 && matches!(before(bytes, at, 1), b' ' | b'"' | b'\'' | b'\\') {
        at -= 1;
    }
    if !matches!(before(bytes, at, 1), b':' | b'=') {
        return false;
    }
    let ends = |word: &[u8]| {
        bytes.get(..at - 1).is_some_and(|head| {
            let head = head.strip_suffix(b"\"").unwrap_or(head);
            let head = head.strip_suffix(b"\\").unwrap_or(head);
            head.len() >= word.len()
                && head
                    .get(head.len() - word.len()..)
                    .is_some_and(|tail| tail.eq_ignore_ascii_case(word))
        })
    };
    ends(b"name") || ends(b"key") || ends(b"Variable")
}

/// The value behind the operator that begins at `at`, blanks before it included.
fn assigned(bytes: &[u8], at: usize, name: &Found) -> Option<Span> {
    let start = blanks(bytes, at);
    let mut end = run(bytes, start, 4, |b| {
        matches!(
            b,
            b'=' | b':' | b'?' | b'+' | b'|' | b'.' | b'<' | b'-' | b'>'
        )
    });
    let operator = bytes.get(start..end)?;
    let operator = match operator {
        [b'=' | b':', b'-' | b'.' | b'<' | b'+', ..] => operator.get(..1)?,
        [b'=' | b':', b'=', b'-' | b'.' | b'+'] => operator.get(..2)?,
        _ => operator,
    };
    end = start + operator.len();
    let only_quoted = match operator {
        b"=" | b":" | b":=" | b"::=" | b":::=" | b"?=" | b"??=" | b"||=" | b"|=" | b"=>"
        | b"->" | b"<-" | b".=" | b"+=" | b":-" | b"?:" => false,
        // A row of a table.
        b"|" if before(bytes, start, 1) == b' ' && byte(bytes, end) == b' ' => false,
        b"==" | b"===" | b"!==" | b"::" | b"||" | b"??" => true,
        _ => return None,
    };
    if operator == b":" && bytes.get(end..end + 2) == Some(b"//") {
        return None;
    }
    let mut from = blanks(bytes, end);
    let tight = from == at + operator.len() && operator == b"=";
    if operator == b":" && !is_quote(byte(bytes, from)) {
        if let Some(equals) = type_end(bytes, from) {
            from = blanks(bytes, equals + 1);
            return literal(bytes, from, name, Place::Quoted);
        }
        from = block_scalar(bytes, from);
    }
    if byte(bytes, from) == b'[' || (byte(bytes, from) == b'{' && byte(bytes, from + 1) == b'"') {
        from = space(bytes, from + 1);
        return literal(bytes, from, name, Place::Quoted);
    }
    if let Some(found) = literal(bytes, from, name, Place::Quoted) {
        return Some(found);
    }
    if only_quoted || quote_at(bytes, from).is_some() {
        return None;
    }
    bare(
        bytes,
        from,
        name,
        if tight { Place::Tight } else { Place::Loose },
        operator == b":",
    )
}

/// The `=` behind a type: `name: &'static str = "v"`.
fn type_end(bytes: &[u8], at: usize) -> Option<usize> {
    let end = run(bytes, at, 40, |b| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'<' | b'>'
                    | b'&'
                    | b'\''
                    | b' '
                    | b'_'
                    | b'?'
                    | b'.'
                    | b'['
                    | b']'
                    | b':'
                    | b'*'
                    | b'|'
            )
    });
    (end > at
        && byte(bytes, end) == b'='
        && matches!(byte(bytes, end + 1), b' ' | b'"' | b'\'')
        && before(bytes, end, 1) == b' ')
        .then_some(end)
}

/// One past YAML's sign of a block, its line break and the blanks behind it.
fn block_scalar(bytes: &[u8], at: usize) -> usize {
    if !matches!(byte(bytes, at), b'|' | b'>') {
        return at;
    }
    let end = run(bytes, at, 3, |b| matches!(b, b'|' | b'>' | b'-' | b'+'));
    let next = space(bytes, end);
    if next > blanks(bytes, end) { next } else { at }
}

/// The quote of a literal that begins at `at`, with its prefix, and the backslashes before the quote.
fn quote_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut start = at;
    if matches!(
        byte(bytes, start),
        b'r' | b'b' | b'f' | b'u' | b'L' | b'@' | b'N' | b'c'
    ) && matches!(byte(bytes, start + 1), b'"' | b'\'' | b'#')
    {
        start += 1;
    }
    if byte(bytes, start) == b'#' && byte(bytes, start + 1) == b'"' {
        start += 1;
    }
    let quote = run(bytes, start, 8, |b| b == b'\\');
    is_quote(byte(bytes, quote)).then_some((quote, quote - start))
}

/// Calls that give their literal unchanged: `Some("v")`.
const WRAPPERS: &[&[u8]] = &[
    b"Some",
    b"from",
    b"new",
    b"String",
    b"str",
    b"Secret",
    b"SecretStr",
    b"SecretString",
    b"SecureString",
    b"Password",
    b"bytes",
    b"b64decode",
    b"encode",
    b"toString",
    b"trim",
];

/// The quoted value at `at`.
fn literal(bytes: &[u8], at: usize, name: &Found, place: Place) -> Option<Span> {
    let mut at = at;
    if byte(bytes, at).is_ascii_alphabetic() {
        let end = run(bytes, at, 32, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b' ')
        });
        if byte(bytes, end) == b'(' {
            let called = bytes.get(at..end)?;
            let last = called.rsplit(|b| !b.is_ascii_alphanumeric()).next()?;
            if WRAPPERS.contains(&last) {
                at = end + 1;
            }
        }
    }
    let (quote, slashes) = quote_at(bytes, at)?;
    let mark = byte(bytes, quote);
    let start = quote + 1;
    // Triple quotes.
    let start = if byte(bytes, start) == mark && byte(bytes, start + 1) == mark {
        start + 2
    } else {
        start
    };
    let ends = |at: usize| {
        let b = byte(bytes, at);
        b < b' '
            || b == mark
                && (0..=slashes)
                    .all(|back| (before(bytes, at, back + 1) == b'\\') == (back < slashes))
            || b == b'\\' && slashes == 0 && matches!(byte(bytes, at + 1), b'n' | b'r')
            || slashes > 0
                && b == b'\\'
                && run(bytes, at, 8, |b| b == b'\\') - at == slashes
                && byte(bytes, at + slashes) == mark
    };
    let mut end = start;
    while end - start < LONGEST && !ends(end) {
        end += 1;
    }
    let start = start + scheme(bytes, start);
    let end = end.max(start);
    // A value that goes through a connection string keeps to its own part of it.
    judged(bytes, start, end, name.class, place)
}

fn judged(bytes: &[u8], start: usize, end: usize, class: Class, place: Place) -> Option<Span> {
    let taste = bytes.get(start..end.min(start + TASTE))?;
    value::is_secret(taste, class, place).then(|| span(start, end))?
}

/// The length of an authentication scheme, with its space: `Bearer `.
fn scheme(bytes: &[u8], at: usize) -> usize {
    let end = run(bytes, at, 12, |b| b.is_ascii_alphabetic() || b == b'-');
    let word = bytes.get(at..end).unwrap_or_default();
    let known: [&[u8]; 10] = [
        b"bearer",
        b"basic",
        b"token",
        b"api-token",
        b"apikey",
        b"bot",
        b"key",
        b"sso-key",
        b"apitoken",
        b"negotiate",
    ];
    let known = known.iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    if known && byte(bytes, end) == b' ' {
        blanks(bytes, end) - at
    } else {
        0
    }
}

/// The value without quotes at `at`.
fn bare(bytes: &[u8], at: usize, name: &Found, place: Place, colon: bool) -> Option<Span> {
    let start = at + scheme(bytes, at);
    let password = name.class == Class::Password;
    let ends = |at: usize| match byte(bytes, at) {
        0..=b' ' | b'"' | b'\'' | b'`' | b';' | b'<' | 0x7f => true,
        b'\\' => {
            !byte(bytes, at + 1).is_ascii_alphanumeric()
                || matches!(byte(bytes, at + 1), b'n' | b'r' | b't' | b'u')
        }
        b'>' | b'[' | b']' | b'{' | b'}' | b'&' | b'(' | b')' => {
            !password
                || place != Place::Tight && matches!(byte(bytes, at), b')' | b']' | b'}')
                || byte(bytes, at) == b'&' && is_parameter(bytes, at + 1)
        }
        b',' => {
            !password
                || matches!(byte(bytes, at + 1), 0..=b' ' | b'"' | b'\'')
                || is_parameter(bytes, at + 1)
        }
        _ => false,
    };
    let mut end = start;
    while end - start < LONGEST && !ends(end) {
        end += 1;
    }
    // What follows shows that this was code.
    if place == Place::Loose && matches!(byte(bytes, end), b'(' | b'[' | b'{') && end > start {
        return None;
    }
    // A bracket without its other half closes something around.
    let opens = bytes.get(start..end)?.contains(&b'(');
    let whole = end;
    while end > start
        && (matches!(before(bytes, end, 1), b'.' | b',' | b':' | b'\\')
            || !opens && before(bytes, end, 1) == b')')
    {
        end -= 1;
    }
    if whole - end >= 3 || bytes.get(end..end + 3) == Some("…".as_bytes()) {
        return None; // cut short: `ghp_a1b2…`
    }
    let taste = bytes.get(start..end.min(start + TASTE))?;
    if !colon
        && place == Place::Loose
        && byte(bytes, end) == b';'
        && value::is_identifier(taste)
        && name.class == Class::Password
    {
        return None; // `password = pw2;`
    }
    if is_screaming(taste) {
        return None;
    }
    judged(bytes, start, end, name.class, place)
}

/// `MY_TOKEN_2`: the name of a variable.
fn is_screaming(value: &[u8]) -> bool {
    value
        .iter()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
        && value.contains(&b'_')
        && value.iter().filter(|b| b.is_ascii_digit()).count() * 3 < value.len()
}

/// True for `name=` or `name:` at `at`: another parameter.
fn is_parameter(bytes: &[u8], at: usize) -> bool {
    let end = run(bytes, at, 32, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
    });
    end > at && matches!(byte(bytes, end), b'=' | b':')
}

/// The text of the element that begins at `at`.
fn element(bytes: &[u8], at: usize, name: &Found) -> Option<Span> {
    let mut start = space(bytes, at);
    if bytes.get(start..)?.starts_with(b"<![CDATA[") {
        start += 9;
    }
    let mut end = run(bytes, start, LONGEST, |b| b != b'<');
    if byte(bytes, end) != b'<' {
        return None;
    }
    if before(bytes, end, 3) == b']' && before(bytes, end, 1) == b'>' {
        end -= 3;
    }
    while end > start && matches!(before(bytes, end, 1), b' ' | b'\t' | b'\n' | b'\r') {
        end -= 1;
    }
    judged(bytes, start, end, name.class, Place::Quoted)
}

/// Names of the place where the value of a pair stands.
const VALUES: &[&[u8]] = &[
    b"value",
    b"val",
    b"string",
    b"default",
    b"content",
    b"secret",
    b"stringvalue",
    b"defaultvalue",
    b"plaintext",
];

/// The value of a pair, of whose first half the name was the value: `"name": "n", "value": "v"`.
fn paired(bytes: &[u8], at: usize, name: &Found) -> Option<Span> {
    let mut next = at;
    // The end of the first half: quotes, a comma, a closing tag.
    for _ in 0..4 {
        next = space(bytes, next);
        match byte(bytes, next) {
            b',' | b';' | b'>' | b'"' | b'\'' | b'-' | b'{' => next += 1,
            b'<' | b'/' => {
                next += 1;
                if before(bytes, next, 1) == b'/' || byte(bytes, next) == b'/' {
                    next = run(bytes, next, 40, |b| b != b'>' && b != b'\n');
                    if byte(bytes, next) != b'>' {
                        return None;
                    }
                    next += 1;
                }
            }
            _ => {}
        }
        let word = run(bytes, next, 8, |b| is_quote(b) || b == b'\\');
        let end = run(bytes, word, 16, |b| b.is_ascii_alphanumeric() || b == b'_');
        if end == word {
            continue;
        }
        let found = bytes.get(word..end)?;
        if !VALUES.iter().any(|value| found.eq_ignore_ascii_case(value)) {
            return None;
        }
        let close = run(bytes, end, 8, |b| is_quote(b) || b == b'\\');
        return match byte(bytes, blanks(bytes, close)) {
            b'>' => element(bytes, blanks(bytes, close) + 1, name),
            b':' | b'=' => assigned(bytes, close, name),
            _ => None,
        };
    }
    None
}

/// What follows a name and a space: a quoted value, the value of a flag, a sentence.
fn spaced(bytes: &[u8], name: &Found, opened: Opening, at: usize) -> Option<Span> {
    if opened == Opening::Flag {
        return literal(bytes, at, name, Place::Quoted)
            .or_else(|| bare(bytes, at, name, Place::Tight, false))
            .filter(|found| byte(bytes, found.start) != b'-');
    }
    if quote_at(bytes, at).is_some() && before(bytes, at, 1) == b' ' {
        // `pass` is a verb, too.
        let verb = name.end - name.start == 4 && byte(bytes, name.end - 1) | 0x20 == b's';
        return (!verb).then(|| literal(bytes, at, name, Place::Quoted))?;
    }
    // `var x string = "v"`, `password to: "v"`
    let end = run(bytes, at, 24, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'*' | b'[' | b']' | b'.')
    });
    if end > at
        && byte(bytes, end) == b' '
        && matches!(byte(bytes, end + 1), b'=')
        && byte(bytes, end + 2) == b' '
    {
        return literal(bytes, blanks(bytes, end + 2), name, Place::Quoted);
    }
    let rest = bytes.get(at..)?;
    if rest.starts_with(b"or ") {
        return literal(bytes, at + 3, name, Place::Quoted);
    }
    if rest.starts_with(b"-p") && bytes.get(name.start..name.end) == Some(b"sshpass") {
        let value = blanks(bytes, at + 2);
        return literal(bytes, value, name, Place::Quoted)
            .or_else(|| bare(bytes, value, name, Place::Tight, false));
    }
    if before(bytes, at, 1) == b'\t' {
        return bare(bytes, at, name, Place::Loose, true);
    }
    super::prose::said(bytes, name, at).or_else(|| netrc(bytes, name, at))
}

/// `machine … login … password v`
fn netrc(bytes: &[u8], name: &Found, at: usize) -> Option<Span> {
    let near = bytes.get(name.start.saturating_sub(96)..name.start)?;
    let has = |word: &[u8]| near.windows(word.len()).any(|part| part == word);
    (name.alone
        && name.class == Class::Password
        && has(b"login ")
        && (has(b"machine ") || has(b"\n")))
    .then(|| bare(bytes, at, name, Place::Tight, false))?
}

/// `IDENTIFIED BY 'v'`, with the cue in the first word.
pub(super) fn identified_by(bytes: &[u8], at: usize) -> Option<Span> {
    let start = at.checked_sub(7)?;
    let word = bytes.get(start..start + 10)?;
    if !word.eq_ignore_ascii_case(b"identified") {
        return None;
    }
    // `IDENTIFIED WITH plugin BY`
    let mut next = blanks(bytes, start + 10);
    for _ in 0..4 {
        let end = run(bytes, next, 32, |b| b.is_ascii_alphanumeric() || b == b'_');
        let word = bytes.get(next..end)?;
        next = blanks(bytes, end);
        if word.eq_ignore_ascii_case(b"by") || word.eq_ignore_ascii_case(b"as") {
            if bytes
                .get(next..next + 8)
                .is_some_and(|word| word.eq_ignore_ascii_case(b"password"))
            {
                next = blanks(bytes, next + 8);
            }
            let name = Found {
                start,
                end: next,
                class: Class::Password,
                alone: true,
            };
            return literal(bytes, next, &name, Place::Quoted);
        }
    }
    None
}

/// What `-u` or `--user` gives to curl and its like: `user:password`. `at` is the dash.
pub(super) fn user(bytes: &[u8], at: usize) -> Option<Span> {
    if !matches!(before(bytes, at, 1), b' ' | b'-' | b'\n' | b'\t') {
        return None;
    }
    let mut start = match bytes.get(at + 1..)? {
        [b'u', ..] if byte(bytes, at + 2) == b' ' => at + 3,
        rest if rest.starts_with(b"user ") || rest.starts_with(b"user=") => at + 6,
        _ => return None,
    };
    start = blanks(bytes, start);
    // The command, on this line or a few before it.
    let near = bytes.get(start.saturating_sub(600)..start)?;
    let commands: [&[u8]; 4] = [b"curl", b"http", b"wget", b"xh "];
    if !commands
        .iter()
        .any(|command| near.windows(command.len()).any(|part| part == *command))
    {
        return None;
    }
    let quote = byte(bytes, start);
    let quoted = is_quote(quote);
    let start = start + usize::from(quoted);
    let mut end = start;
    let mut open = quoted.then_some(quote);
    while end - start < 256 {
        match (byte(bytes, end), open) {
            (b, Some(quote)) if b == quote => open = None,
            (b'"' | b'\'', None)
                if matches!(before(bytes, end, 1), b':') || byte(bytes, end + 1) == b':' =>
            {
                open = Some(byte(bytes, end))
            }
            (0..=b' ' | b'"' | b'\'' | b'\\' | b'`', None) | (b'\n' | 0, _) => break,
            _ => {}
        }
        end += 1;
    }
    while end > start && is_quote(before(bytes, end, 1)) {
        end -= 1;
    }
    let both = bytes.get(start..end)?;
    let colon = start + both.iter().position(|b| *b == b':')?;
    // All before an empty password is the secret: a token as the user.
    let (mut start, mut end) = if colon + 1 == end {
        (start, colon)
    } else {
        (colon + 1, end)
    };
    while start < end && is_quote(byte(bytes, start)) {
        start += 1;
    }
    while end > start && is_quote(before(bytes, end, 1)) {
        end -= 1;
    }
    let secret = bytes.get(start..end)?;
    let braced = secret.starts_with(b"{") && secret.len() > 8;
    let inner = if braced {
        secret
            .strip_prefix(b"{")?
            .strip_suffix(b"}")
            .unwrap_or(secret)
    } else {
        secret
    };
    value::is_secret(inner, Class::Password, Place::Tight).then(|| span(start, end))?
}

/// A form's own name for a value that has none: what `Authorization:` would have.
pub(super) fn bearer(bytes: &[u8], at: usize) -> Option<Span> {
    let word = bytes.get(at..at + 7)?;
    if !word.eq_ignore_ascii_case(b"bearer ") || before(bytes, at, 1).is_ascii_alphanumeric() {
        return None;
    }
    let start = blanks(bytes, at + 6);
    let name = Found {
        start: at,
        end: at + 6,
        class: Class::Token,
        alone: true,
    };
    bare(bytes, start, &name, Place::Tight, false).filter(|found| found.end - found.start >= 16)
}

/// The value of a name that is a service's alone: `cloudflare: "v"`. `at` is the `=` or `:`.
pub(super) fn of_service(bytes: &[u8], at: usize) -> Option<Span> {
    // Most values are too short, or have other characters: look at the value first.
    let mut start = run(bytes, at, 4, |b| matches!(b, b'=' | b':' | b'>'));
    start = run(bytes, start, 8, |b| {
        is_blank(b) || is_quote(b) || b == b'\\'
    });
    let end = run(bytes, start, TASTE, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
    });
    if end - start < 16
        || !matches!(
            byte(bytes, end),
            0..=b' ' | b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'}' | b')' | b'&' | b'\\'
        )
    {
        return None;
    }
    let mut name_end = at;
    while at - name_end < 6
        && matches!(
            before(bytes, name_end, 1),
            b' ' | b'"' | b'\'' | b'\\' | b':' | b'?'
        )
    {
        name_end -= 1;
    }
    let value = bytes.get(start..end)?;
    if !value.iter().any(u8::is_ascii_digit)
        || !name::is_of_service(bytes, name_end)
        || !value::is_of_service(value)
    {
        return None;
    }
    span(start, end)
}
