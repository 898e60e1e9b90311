//! Reads a name by its parts (`spring.datasource.adminPassword`, `STRIPE_API_KEY`, `clé API`) and
//! says how surely what is assigned to it is a secret.
//!
//! A name is a noun (`password`, `token`, `key` …, in five languages), what qualifies it before, and
//! what may come behind. A `key` alone means little, `api_key` much, and `public_key` or
//! `token_count` are no secrets.

use super::words::Words;
use crate::detect::text::{before, byte, escape_before, unescaped};

/// The evidence that a name gives, from the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A password: short and made by a person, perhaps.
    Password,
    /// A key or token: made by a machine.
    Token,
    /// Something that is a key or token at times.
    Weak,
}

/// A name in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) class: Class,
    /// True if nothing but the noun stands there: `password`.
    pub(super) alone: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Noun {
    Password,
    Token,
    Key,
    /// The plural of others.
    Loose,
    /// `API`, a noun where `clé` stands before it.
    Api,
}

const LONGEST: usize = 72;
const PARTS: usize = 16;

/// A name in small letters without accents, cut into its parts.
struct Parts {
    text: [u8; LONGEST],
    ends: [u8; PARTS],
    count: usize,
}

impl Parts {
    fn get(&self, at: usize) -> &[u8] {
        let end = |at: usize| self.ends.get(at).map_or(0, |end| usize::from(*end));
        let start = at.checked_sub(1).map_or(0, end);
        self.text.get(start..end(at)).unwrap_or_default()
    }
    fn before(&self, at: usize) -> impl Iterator<Item = &[u8]> {
        (0..at.min(self.count)).map(|at| self.get(at))
    }
    fn after(&self, at: usize) -> impl Iterator<Item = &[u8]> {
        (at + 1..self.count).map(|at| self.get(at))
    }
}

#[rustfmt::skip] // a table
static PASSWORDS: Words = Words::of(&[
    "password", "passwd", "passwort", "passphrase", "passcode", "pwd", "pswd", "psw", "senha", "contrasena", "contrasenya", "kennwort", "mdp",
]);
#[rustfmt::skip] // a table
static TOKENS: Words = Words::of(&["token", "secret", "segredo", "secreto", "geheimnis", "jeton", "apikey", "credential", "credencial", "bearer", "authtoken", "authorization", "credentials", "creds"]);
#[rustfmt::skip] // a table
static KEYS: Words = Words::of(&["key", "schlussel", "schluessel", "chave", "clave", "cle"]);
#[rustfmt::skip] // a table
static LOOSE: Words = Words::of(&["tokens", "secrets", "keys", "passwords"]);
#[rustfmt::skip] // a table
static AUTHS: Words = Words::of(&["auth", "oauth", "dockerauth", "basicauth"]);

/// Words that `pass` may be a part of: `dbpass`.
#[rustfmt::skip] // a table
static PASS_OF: Words = Words::of(&["db", "my", "sql", "mysql", "smtp", "ftp", "ssh", "root", "admin", "mail", "email", "ldap", "redis", "pg", "user", "auth", "http", "proxy", "wifi", "key", "store", "login", "palavra", "rabbit", "mongo", "postgres"]);

/// Words that make a `key` a secret: `apikey`, `access_key`.
#[rustfmt::skip] // a table
static QUALIFIERS: Words = Words::of(&[
    "api", "access", "secret", "private", "priv", "auth", "encryption", "encrypt", "decryption", "crypt", "crypto", "signing", "sign", "account", "app", "application", "master",
    "license", "licence", "client", "service", "shared", "server", "admin", "storage", "deploy", "ssh", "webhook", "session", "jwt", "hmac", "aes", "rsa", "bot", "write", "read",
    "integration", "subscription", "consumer", "merchant", "gateway", "live", "prod", "production", "staging", "env", "root", "backup", "cipher", "security", "sas", "site", "project", "maps", "model", "llm", "ingest", "insert", "ingestion", "zugangs", "zugriffs", "zugriff", "acesso", "acceso", "acces", "privada", "privee", "seguridad", "secreta", "secrete", "secreto", "recovery", "activation", "user", "dev", "org", "tenant", "cloud", "global", "origin", "personal", "universal", "identity", "reference",
]);
/// Words that make it no secret.
#[rustfmt::skip] // a table
static HARMLESS: Words = Words::of(&[
    "public", "pub", "primary", "foreign", "natural", "sort", "partition", "bucket", "cache", "hot", "idx", "index", "schema", "sequence", "object", "row", "column", "map", "dict", "hash", "lookup", "group", "unique", "composite", "translation", "x509", "issuer", "event", "field", "json", "range", "query", "param", "metadata", "label", "tag", "routing", "registry", "s3", "etag", "csrf", "xsrf", "page", "next", "prev", "previous", "continuation", "cursor", "eos", "bos", "pad", "unk", "sep", "mask", "cancellation", "sync", "publishable", "idempotency", "dedup", "answer", "i18n", "host", "press", "palabra", "palavra", "known", "pagination", "authenticity", "antiforgery", "forgery", "no", "not", "non", "without", "publica", "primaria", "estrangeira", "foranea", "type", "is", "has", "use", "with", "max", "min", "num", "total", "prompt", "completion", "input", "output", "cached", "reasoning",
]);
/// The same as a word of its own before a noun: `public key`.
#[rustfmt::skip] // a table
static HARMLESS_WORDS: Words = Words::of(&["public", "primary", "foreign", "sort", "partition", "cache", "index", "csrf", "page", "next", "cancellation", "routing", "unique", "composite", "palabra", "palavra", "publishable", "continuation", "hash", "map"]);
/// Nouns of languages that qualify them from behind: `senha_banco`.
#[rustfmt::skip] // a table
static ROMANCE: Words = Words::of(&["senha", "contrasena", "contrasenya", "clave", "chave", "cle", "mdp", "passe", "segredo", "secreto", "jeton"]);
/// Words that may stand behind the noun of any secret.
#[rustfmt::skip] // a table
static SUFFIXES: Words = Words::of(&[
    "value", "val", "string", "str", "base", "b", "hex", "raw", "plain", "plaintext", "text", "env", "prod", "production", "dev", "test", "staging", "live", "old", "new", "current", "default", "var", "main", "backup", "master", "root", "admin", "user", "db", "database", "app", "api", "key", "data", "confirm", "confirmation", "again", "repeat", "alt", "temp", "tmp", "initial", "bootstrap", "secret", "token", "local", "first", "second", "primary", "secondary", "wifi", "internal", "remote", "sandbox", "example", "do", "not", "commit", "auth", "v", "x", "y", "de", "passe", "acesso", "acceso", "acces", "api", "zugang", "bot", "service", "client",
]);
/// Words that make it something about a secret, not the secret.
#[rustfmt::skip] // a table
static ABOUT: Words = Words::of(&[
    "id", "ids", "name", "names", "file", "files", "filename", "path", "dir", "url", "uri", "urls", "type", "types", "length", "len", "size", "count", "limit", "limits", "field", "fields", "label", "labels", "expiry", "expires", "expiration", "expired", "exp", "ttl", "age", "version", "ver", "algorithm", "alg", "algo", "endpoint", "policy", "policies", "rotation", "vault", "store", "ring", "board", "pair", "pairs", "code", "word", "words", "down", "up", "pressed", "press", "event", "events", "provider", "manager", "service_name", "index", "idx", "format", "regex", "pattern", "prefix", "suffix", "usage", "budget", "selector", "mesh", "meshing", "frame", "frames", "stone", "alias", "ref", "reference", "source", "audience", "issuer", "scope", "scopes", "status", "state", "error", "errors", "message", "hint", "help", "description", "desc", "title", "placeholder", "validator", "required", "enabled", "valid", "invalid", "changed", "reset", "link", "form", "class", "style", "icon", "input", "output", "handler", "callback", "func", "fn", "method", "param", "params", "header", "headers", "column", "table", "set", "map", "list", "spec", "template", "signature", "fingerprint", "hash", "thumbprint", "usages", "derivation", "iterations", "strength", "settings", "config", "options", "option", "chars", "charset", "alphabet", "server", "tool", "page", "screen", "view", "model", "schema", "kind", "group", "owner", "created", "updated", "at", "date", "time", "per", "arn", "region", "location", "distance", "bindings", "binding", "by", "less", "safe", "ish", "ize", "izer", "holder", "mount", "mounts", "volume", "sha", "checksum", "digest",
]);

/// The noun that a part ends in, and what stands before it in the same part.
fn noun(part: &[u8]) -> Option<(Noun, &[u8])> {
    if let Some(head) = PASSWORDS.head(part) {
        return Some((Noun::Password, head));
    }
    if let Some(head) = part
        .strip_suffix(b"passe")
        .or_else(|| part.strip_suffix(b"pass"))
        && (head.is_empty() || PASS_OF.has(head))
    {
        return Some((Noun::Password, head));
    }
    if let Some(head) = TOKENS.head(part) {
        return Some((Noun::Token, head));
    }
    if let Some(head) = KEYS.head(part) {
        let compound = head.is_empty() || QUALIFIERS.has(head) || part.ends_with(b"ssel");
        return compound.then_some((Noun::Key, head));
    }
    if AUTHS.has(part) {
        return Some((Noun::Token, b""));
    }
    if LOOSE.has(part) {
        return Some((Noun::Loose, b""));
    }
    (part == b"api").then_some((Noun::Api, b""))
}

/// The letter without its accent, in small; 0 for what is no letter of these languages.
fn plain(code: u32) -> u8 {
    match code {
        0xe0..=0xe5 | 0xc0..=0xc5 => b'a',
        0xe7 | 0xc7 => b'c',
        0xe8..=0xeb | 0xc8..=0xcb => b'e',
        0xec..=0xef | 0xcc..=0xcf => b'i',
        0xf1 | 0xd1 => b'n',
        0xf2..=0xf6 | 0xd2..=0xd6 => b'o',
        0xf9..=0xfc | 0xd9..=0xdc => b'u',
        _ => 0,
    }
}

const fn belongs(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

/// The name around the cue at `at`: first byte and one past the last.
pub(super) fn bounds(bytes: &[u8], at: usize) -> (usize, usize) {
    let mut start = at;
    while at - start < LONGEST {
        let last = before(bytes, start, 1);
        if escape_before(bytes, start) == 1 && last != b'\\' {
            break;
        }
        if belongs(last) {
            // Two dashes begin a flag.
            if last == b'-' && before(bytes, start, 2) == b'-' {
                break;
            }
            start -= 1;
        } else if (0x80..0xc0).contains(&last) && before(bytes, start, 2) == 0xc3 {
            start -= 2;
        } else {
            break;
        }
    }
    while start < at && !byte(bytes, start).is_ascii_alphanumeric() && byte(bytes, start) < 0x80 {
        start += 1;
    }
    let mut end = at;
    while end - at < LONGEST {
        let next = byte(bytes, end);
        if belongs(next) {
            end += 1;
        } else if next == 0xc3 {
            end += 2;
        } else if next == b'\\' {
            let (code, length) = unescaped(bytes, end);
            if length < 6 || plain(code) == 0 {
                break;
            }
            end += length;
        } else {
            break;
        }
    }
    while end > at && matches!(before(bytes, end, 1), b'.' | b'-' | b'_') {
        end -= 1;
    }
    (start, end.min(bytes.len()))
}

fn parts(bytes: &[u8], start: usize, end: usize) -> Option<Parts> {
    let mut parts = Parts {
        text: [0; LONGEST],
        ends: [0; PARTS],
        count: 0,
    };
    // The last bytes count: what is assigned hangs on them.
    let mut at = start.max(end.saturating_sub(LONGEST));
    let (mut length, mut part_start, mut last) = (0_usize, 0_usize, b'_');
    let close = |parts: &mut Parts, length: usize, part_start: &mut usize| {
        if length > *part_start && parts.count < PARTS {
            parts.ends[parts.count] = u8::try_from(length).unwrap_or(u8::MAX);
            parts.count += 1;
            *part_start = length;
        }
    };
    while at < end {
        let b = byte(bytes, at);
        let (letter, width, class) = match b {
            b'a'..=b'z' => (b, 1, b'a'),
            b'A'..=b'Z' => (b | 0x20, 1, b'A'),
            b'0'..=b'9' => (b, 1, b'0'),
            b'\\' => {
                let (code, width) = unescaped(bytes, at);
                (plain(code), width, b'a')
            }
            0xc3 => (plain(u32::from(byte(bytes, at + 1) & 0x3f) | 0xc0), 2, b'a'),
            _ => (0, 1, b'_'),
        };
        let acronym_ends = class == b'A'
            && last == b'A'
            && byte(bytes, at + 1).is_ascii_lowercase()
            && byte(bytes, at + 2).is_ascii_lowercase();
        let new = match (last, class) {
            (_, b'_') | (b'a', b'A') | (b'a' | b'A', b'0') | (b'0', b'a' | b'A') => true,
            _ => acronym_ends,
        };
        if new {
            close(&mut parts, length, &mut part_start);
        }
        if class != b'_' && letter != 0 {
            *parts.text.get_mut(length)? = letter;
            length += 1;
        }
        last = class;
        at += width;
    }
    close(&mut parts, length, &mut part_start);
    (parts.count > 0).then_some(parts)
}

/// Calls `each` with the words before `at` that single spaces join to it, nearest first, at most so
/// many, until it returns true; gives the place of that one.
fn words_before(
    bytes: &[u8],
    at: usize,
    most: usize,
    each: impl Fn(&[u8]) -> bool,
) -> Option<usize> {
    let mut end = at;
    for _ in 0..most {
        if before(bytes, end, 1) != b' ' {
            return None;
        }
        end -= 1;
        let mut start = end;
        let inside = |b: u8| b.is_ascii_alphabetic() || b >= 0x80 || b == b'\'';
        while end - start < 16 && inside(before(bytes, start, 1)) {
            start -= 1;
        }
        if start == end {
            return None;
        }
        let word = parts(bytes, start, end)?;
        if (0..word.count).any(|at| each(word.get(at))) {
            return Some(start);
        }
        end = start;
    }
    None
}

/// Reads the name around the cue at `at`; gives its end too where it is none.
pub(super) fn read(bytes: &[u8], at: usize) -> Result<Found, usize> {
    let (mut start, end) = bounds(bytes, at);
    // Java's `-Dname=`.
    let define = byte(bytes, start) == b'D' && before(bytes, start, 1) == b'-';
    if define && before(bytes, start, 2) != b'-' && start < at {
        start += 1;
    }
    find(bytes, start, end).ok_or(end)
}

fn find(bytes: &[u8], start: usize, end: usize) -> Option<Found> {
    let name = parts(bytes, start, end)?;
    // The last noun decides; `API` is one only where there is no other.
    let nouns = |api: bool| {
        let mut places = (0..name.count).rev();
        places.find_map(|place| {
            let (noun, head) = noun(name.get(place))?;
            (api || noun != Noun::Api).then_some((place, noun, head))
        })
    };
    let (place, noun, head) = nouns(false).or_else(|| nouns(true))?;
    // In Romance languages what qualifies a noun follows it.
    let romance = ROMANCE.has(name.get(place));
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let about = name.after(place).any(|part| ABOUT.has(part));
    let known = name
        .after(place)
        .all(|part| digits(part) || SUFFIXES.has(part) || romance);
    let harmless = || {
        HARMLESS.has(head)
            || name.before(place).any(|part| HARMLESS.has(part))
            || place == 0
                && words_before(bytes, start, 1, |word| HARMLESS_WORDS.has(word)).is_some()
    };
    let found = |class, start| {
        Some(Found {
            start,
            end,
            class,
            alone: name.count == 1 && head.is_empty(),
        })
    };
    if about {
        return None;
    }
    match noun {
        Noun::Password => {
            let last = name.before(place).last().unwrap_or_default();
            if matches!(
                last,
                b"no" | b"is" | b"has" | b"show" | b"hide" | b"reset" | b"forgot" | b"use"
            ) {
                return None;
            }
            found(if known { Class::Password } else { Class::Token }, start)
        }
        Noun::Token if harmless() => None,
        Noun::Token => found(Class::Token, start),
        Noun::Loose if harmless() => None,
        Noun::Loose => found(Class::Weak, start),
        Noun::Key if harmless() => None,
        Noun::Key => {
            if QUALIFIERS.has(head)
                || !head.is_empty()
                || name
                    .before(place)
                    .any(|part| QUALIFIERS.has(part) || super::service::is_one(part))
                || name
                    .after(place)
                    .any(|part| QUALIFIERS.has(part) || super::service::is_one(part))
            {
                return found(Class::Token, start);
            }
            if place == 0
                && let Some(start) = words_before(bytes, start, 3, |word| {
                    QUALIFIERS.has(word) || super::service::is_one(word)
                })
            {
                return found(Class::Token, start);
            }
            found(
                if name.get(place) == b"clave" {
                    Class::Password
                } else {
                    Class::Weak
                },
                start,
            )
        }
        Noun::Api => {
            let key = |word: &[u8]| matches!(word, b"cle" | b"clave" | b"chave" | b"key");
            let start = words_before(bytes, start, 3, key).filter(|_| place == 0)?;
            found(Class::Token, start)
        }
    }
}

/// True if the name that ends at `end` has the name of a service as one of its parts, and no part
/// that makes it something else.
pub(super) fn is_of_service(bytes: &[u8], end: usize) -> bool {
    let mut start = end;
    while end - start < 48 && belongs(before(bytes, start, 1)) && escape_before(bytes, start) == 0 {
        start -= 1;
    }
    let Some(name) = (start < end).then(|| parts(bytes, start, end)).flatten() else {
        return false;
    };
    let mut all = (0..name.count).map(|at| name.get(at));
    all.any(super::service::is_one)
        && !(0..name.count).any(|at| {
            ABOUT.has(name.get(at)) && !matches!(name.get(at), b"id") || HARMLESS.has(name.get(at))
        })
}
