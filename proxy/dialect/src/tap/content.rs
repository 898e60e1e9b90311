//! Estimates what a reply says, from its bytes alone: the strings under the key that holds a dialect's texts are fed to a running
//! estimate as they pass, escapes resolved. Neither kept nor checked.
//!
//! What the model did not write stands under keys of its own (`role`, `id`, `signature` …) and is left out; a key that nobody knows yet
//! counts, since too much is told from too little more easily at the end of a month.

use super::watch::{Needle, Seek};
use crate::tokens::Running;

/// Deeper values are given up.
const DEPTH: u32 = 64;

/// Keys whose strings no model wrote.
const APART: [&[u8]; 20] = [
    b"annotations",
    b"call_id",
    b"cited_text",
    b"data",
    b"encrypted_content",
    b"encrypted_index",
    b"finish_reason",
    b"id",
    b"index",
    b"mimeType",
    b"obfuscation",
    b"phase",
    b"role",
    b"signature",
    b"status",
    b"stop_reason",
    b"stop_sequence",
    b"thoughtSignature",
    b"type",
    b"url",
];
/// Longer than any of them.
const KEY: usize = 24;

/// What a reply says, as it passes.
pub(super) struct Content {
    seek: Seek,
    written: Running,
    /// A value under the key is under way.
    inside: bool,
    level: u32,
    /// A bit a level: whether it is an object.
    objects: u64,
    /// A string that begins now is a key.
    before_key: bool,
    string: Option<Literal>,
    escape: Escape,
    key: [u8; KEY],
    key_length: usize,
    apart: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Literal {
    Key,
    Value,
}

#[derive(Clone, Copy)]
enum Escape {
    No,
    Backslash,
    /// Digits so far, and their value.
    Unicode(u8, u32),
}

impl Content {
    pub(super) fn new(key: &'static Needle) -> Self {
        Self {
            seek: Seek::new(key, b"{[\""),
            written: Running::default(),
            inside: false,
            level: 0,
            objects: 0,
            before_key: false,
            string: None,
            escape: Escape::No,
            key: [0; KEY],
            key_length: 0,
            apart: false,
        }
    }

    pub(super) fn tokens(&self) -> u64 {
        self.written.tokens()
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if !self.inside {
                let Some(at) = self.seek.find(rest) else {
                    return;
                };
                rest = rest.get(at..).unwrap_or_default();
                (self.level, self.objects, self.before_key) = (0, 0, false);
                (self.string, self.escape, self.apart) = (None, Escape::No, false);
                self.inside = true;
            }
            let taken = match (self.string, self.escape) {
                (None, _) => self.between(rest),
                (Some(string), Escape::No) => self.within(rest, string),
                (Some(string), _) => self.escaped(rest, string),
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Takes what stands between strings; returns how many bytes.
    fn between(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'"' => {
                    self.string = Some(match self.before_key {
                        true => Literal::Key,
                        false => Literal::Value,
                    });
                    self.key_length = 0;
                    return at + 1;
                }
                b'{' | b'[' => {
                    self.before_key = *byte == b'{';
                    self.objects = self.objects << 1 | u64::from(self.before_key);
                    self.level += 1;
                    self.inside = self.level < DEPTH;
                }
                b'}' | b']' => {
                    self.objects >>= 1;
                    self.level = self.level.saturating_sub(1);
                    self.inside = self.level > 0;
                }
                b',' => self.before_key = self.objects & 1 == 1,
                b':' => self.before_key = false,
                _ => {}
            }
            if !self.inside {
                return at + 1;
            }
        }
        bytes.len()
    }

    fn within(&mut self, bytes: &[u8], string: Literal) -> usize {
        let end = memchr::memchr2(b'"', b'\\', bytes);
        let run = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        self.say(run, string);
        match end.and_then(|end| bytes.get(end)) {
            Some(b'\\') => self.escape = Escape::Backslash,
            Some(_) => {
                if string == Literal::Key {
                    let key = self.key.get(..self.key_length).unwrap_or_default();
                    self.apart = APART.contains(&key);
                }
                self.string = None;
                self.inside = self.level > 0;
            }
            None => {}
        }
        run.len() + usize::from(end.is_some())
    }

    fn escaped(&mut self, bytes: &[u8], string: Literal) -> usize {
        let Some(byte) = bytes.first() else { return 0 };
        self.escape = match (self.escape, byte) {
            (Escape::Backslash, b'u') => Escape::Unicode(0, 0),
            (Escape::Unicode(count, value), _) => {
                let digit = char::from(*byte).to_digit(16).unwrap_or(0);
                let value = value << 4 | digit;
                if count < 3 {
                    Escape::Unicode(count + 1, value)
                } else {
                    // of a pair of surrogates the second adds nothing; the first stands for any emoji
                    let letter = match value {
                        0xd800..=0xdbff => Some('\u{1f600}'),
                        value => char::from_u32(value),
                    };
                    if let Some(letter) = letter {
                        self.say(letter.encode_utf8(&mut [0; 4]).as_bytes(), string);
                    }
                    Escape::No
                }
            }
            (_, byte) => {
                let byte = match byte {
                    b'n' | b'r' => b'\n',
                    b't' | b'b' | b'f' => b'\t',
                    other => *other,
                };
                self.say(&[byte], string);
                Escape::No
            }
        };
        1
    }

    fn say(&mut self, run: &[u8], string: Literal) {
        match string {
            Literal::Value if !self.apart => self.written.feed(run),
            Literal::Value => {}
            Literal::Key => {
                let free = self.key.get_mut(self.key_length..).unwrap_or_default();
                for (to, from) in free.iter_mut().zip(run) {
                    *to = *from;
                }
                // a key that is longer is none of those that are looked for
                self.key_length = (self.key_length + run.len()).min(KEY);
            }
        }
    }
}
