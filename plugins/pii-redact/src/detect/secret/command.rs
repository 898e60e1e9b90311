//! Passwords that commands are given: `curl -u user:password`, `mysql -ppassword`.

use super::name::{Class, Found};
use super::value::{self, Place};
use super::{Span, read, run, span};
use crate::detect::text::{before, byte};

/// The user and password that `-u` or `--user` gives to curl and its like. `at` is the dash.
pub(super) fn user(bytes: &[u8], at: usize) -> Option<Span> {
    if !matches!(before(bytes, at, 1), b' ' | b'-' | b'\n' | b'\t') {
        return None;
    }
    let rest = bytes.get(at + 1..)?;
    let flags = [b"u ".as_slice(), b"user ", b"user="];
    let flag = flags.iter().find(|flag| rest.starts_with(flag))?;
    let start = read::blanks(bytes, at + 1 + flag.len());
    // The command is on this line or a few before it.
    let near = bytes.get(start.saturating_sub(600)..start)?;
    let commands = [b"curl".as_slice(), b"http", b"wget", b"xh "];
    if !commands.iter().any(|command| holds(near, command)) {
        return None;
    }
    let end = word_end(bytes, start);
    let both = bytes.get(start..end)?;
    let colon = start + both.iter().position(|b| *b == b':')?;
    let (start, end) = unquoted(bytes, start, colon, end);
    let secret = bytes.get(start..end)?;
    let inner = secret
        .strip_prefix(b"{")
        .and_then(|inner| inner.strip_suffix(b"}"));
    let inner = inner.filter(|inner| inner.len() > 6).unwrap_or(secret);
    value::is_secret(inner, Class::Password, Place::Tight).then(|| span(start, end))?
}

/// The end of the shell's word at `start`, whose parts may be quoted.
fn word_end(bytes: &[u8], start: usize) -> usize {
    const LONGEST: usize = 256;
    let (mut end, mut open) = (start, None);
    while end - start < LONGEST {
        match (byte(bytes, end), open) {
            (b'\n' | 0, _) | (0..=b' ' | b'\\' | b'`', None) => break,
            (b, Some(quote)) if b == quote => open = None,
            (b @ (b'"' | b'\''), None) => {
                // One that is not closed belongs to the text around.
                let rest = bytes.get(end + 1..).unwrap_or_default();
                if !rest.iter().take(LONGEST).any(|other| *other == b) {
                    break;
                }
                open = Some(b);
            }
            _ => {}
        }
        end += 1;
    }
    end
}

/// The secret part of `user:password`: the password, or a user without one, which is a key.
fn unquoted(bytes: &[u8], start: usize, colon: usize, end: usize) -> (usize, usize) {
    let quote = |b: u8| matches!(b, b'"' | b'\'');
    let trim = |mut start: usize, mut end: usize| {
        while start < end && quote(byte(bytes, start)) {
            start += 1;
        }
        while end > start && quote(before(bytes, end, 1)) {
            end -= 1;
        }
        (start, end)
    };
    match trim(colon + 1, end) {
        (start, end) if start < end => (start, end),
        _ => trim(start, colon),
    }
}

fn holds(text: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(text, word).is_some()
}

/// A command, and its flag for a password.
struct Command {
    name: &'static [u8],
    flag: u8,
    /// True where the password follows without a space.
    attached: bool,
}

#[rustfmt::skip] // a table
const COMMANDS: &[Command] = &[
    Command { name: b"mysql", flag: b'p', attached: true },
    Command { name: b"mariadb", flag: b'p', attached: true },
    Command { name: b"7z ", flag: b'p', attached: true },
    Command { name: b"unrar ", flag: b'p', attached: true },
    Command { name: b"sshpass", flag: b'p', attached: true },
    Command { name: b"sshpass", flag: b'p', attached: false },
    Command { name: b"mongo", flag: b'p', attached: false },
    Command { name: b" login", flag: b'p', attached: false },
    Command { name: b"sqlcmd", flag: b'P', attached: false },
    Command { name: b"bcp ", flag: b'P', attached: false },
    Command { name: b"zip ", flag: b'P', attached: false },
    Command { name: b"redis-cli", flag: b'a', attached: false },
];

/// The password that a command's `-p`, `-P` or `-a` gives. `at` is the space before the dash.
pub(super) fn flag(bytes: &[u8], at: usize) -> Option<Span> {
    const LINE: usize = 120;
    let flag = byte(bytes, at + 2);
    let attached = byte(bytes, at + 3) != b' ';
    let head = bytes.get(at.saturating_sub(LINE)..at)?;
    let line = head.rsplit(|b| *b == b'\n').next()?;
    let fits = |command: &&Command| {
        command.flag == flag && command.attached == attached && holds(line, command.name)
    };
    COMMANDS.iter().find(fits)?;
    let start = read::blanks(bytes, at + 3);
    let name = Found {
        start: at,
        end: start,
        class: Class::Password,
        alone: true,
    };
    read::literal(bytes, start, &name, Place::Quoted)
        .or_else(|| read::bare(bytes, start, &name, Place::Tight, false))
}

/// `IDENTIFIED BY 'v'`, with the cue in the first word.
pub(super) fn identified_by(bytes: &[u8], at: usize) -> Option<Span> {
    let start = at.checked_sub(7)?;
    let is = |at: usize, word: &[u8]| {
        bytes
            .get(at..at + word.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    if !is(start, b"identified ") {
        return None;
    }
    // `IDENTIFIED WITH plugin BY`
    let mut next = read::blanks(bytes, start + 10);
    for _ in 0..4 {
        let end = run(bytes, next, 32, |b| b.is_ascii_alphanumeric() || b == b'_');
        let by = is(next, b"by ") || is(next, b"as ");
        next = read::blanks(bytes, end);
        if by {
            if is(next, b"password ") {
                next = read::blanks(bytes, next + 9);
            }
            let name = Found {
                start,
                end: next,
                class: Class::Password,
                alone: true,
            };
            return read::literal(bytes, next, &name, Place::Quoted);
        }
    }
    None
}

/// `machine … login … password v`, of `.netrc`.
pub(super) fn netrc(bytes: &[u8], name: &Found, at: usize) -> Option<Span> {
    let near = bytes.get(name.start.saturating_sub(96)..name.start)?;
    (name.alone && name.class == Class::Password && holds(near, b"login "))
        .then(|| read::bare(bytes, at, name, Place::Tight, false))?
}

/// The token behind `Bearer`, wherever it stands.
pub(super) fn bearer(bytes: &[u8], at: usize) -> Option<Span> {
    let word = bytes.get(at..at + 7)?;
    if !word.eq_ignore_ascii_case(b"bearer ") || before(bytes, at, 1).is_ascii_alphanumeric() {
        return None;
    }
    let name = Found {
        start: at,
        end: at + 6,
        class: Class::Token,
        alone: true,
    };
    read::bare(
        bytes,
        read::blanks(bytes, at + 6),
        &name,
        Place::Tight,
        false,
    )
    .filter(|found| found.end - found.start >= 16)
}
