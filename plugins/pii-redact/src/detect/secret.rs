//! Keys, tokens, passwords and private-key blocks.
//!
//! Three ways lead to a secret. Providers' keys are recognised by their form ([`providers`]).
//! Other values are found by the name that they are assigned to: [`cues`] finds places where a
//! word may speak of a secret, [`name`] reads the name around it by its parts, [`form`] goes from
//! the name to the value, in the ways that languages, formats and sentences have, and [`value`]
//! judges it: chance or words, a placeholder or not. And some forms need no name: passwords in
//! addresses, webhooks, key blocks.

use super::text::{begins, byte, is_word};
use super::{Kind, Kinds, Span};

mod block;
mod command;
mod cues;
mod form;
mod known;
mod makeup;
mod manifest;
mod name;
mod operator;
mod prefixed;
mod prose;
mod providers;
mod read;
mod service;
mod special;
mod standin;
mod url;
mod value;
mod words;

pub(super) use prefixed::joined;
pub(super) use special::telegram;
pub(super) use url::is_password;

const fn is_token(b: u8) -> bool {
    is_word(b) || b == b'-'
}

fn span(start: usize, end: usize) -> Option<Span> {
    (start < end).then_some(Span {
        start,
        end,
        kind: Kind::Secret,
    })
}

/// The run from `at` of bytes that `belongs` accepts, at most `most` long; gives its end.
fn run(bytes: &[u8], at: usize, most: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take(most).take_while(|b| belongs(**b)).count()
}

/// The value of a name that is a service's alone, whose `=` or `:` is at `at`.
pub(super) fn assigned(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    kinds
        .has(Kind::Secret)
        .then(|| service::assigned(bytes, at))?
}

/// Goes through the cues of a text.
pub(super) struct Secrets<'t> {
    bytes: &'t [u8],
    /// `None` where secrets are not looked for.
    cues: Option<cues::Cues<'t>>,
    /// Behind the last cue that was looked at, or the name around it.
    at: usize,
    manifests: manifest::Manifests,
}

impl<'t> Secrets<'t> {
    pub(super) fn new(bytes: &'t [u8], kinds: Kinds) -> Self {
        Self {
            bytes,
            cues: kinds.has(Kind::Secret).then(|| cues::Cues::new(bytes)),
            at: 0,
            manifests: manifest::Manifests::default(),
        }
    }

    /// The secret of the first cue in `from..end` that has one. It may lie behind `end`.
    #[inline]
    pub(super) fn find(&mut self, from: usize, end: usize) -> Option<Span> {
        let cues = self.cues.as_mut()?;
        self.at = self.at.max(from);
        if self.manifests.inside() {
            let value = self.manifests.next(self.bytes);
            self.at = self.at.max(self.manifests.end().min(self.bytes.len()));
            if value.is_some() {
                return value;
            }
        }
        while self.at < end {
            let Some(at) = cues.next(self.at, end) else {
                self.at = end;
                break;
            };
            self.at = at + 1;
            let Some(cue) = cues::cue(self.bytes, at) else {
                continue;
            };
            if &cue == b"ta:" {
                self.manifests.enter(self.bytes, at);
                if self.manifests.inside() {
                    return self.find(from, end);
                }
            }
            if let Some(span) = of_cue(self.bytes, at, cue, &mut self.at) {
                return Some(span);
            }
        }
        None
    }
}

/// The secret that the cue at `at` leads to; `next` becomes the end of the name around it.
fn of_cue(bytes: &[u8], at: usize, cue: [u8; 3], next: &mut usize) -> Option<Span> {
    match &cue {
        b"://" => url::password(bytes, at),
        b"-u " | b"-us" => command::user(bytes, at),
        b" -p" | b" -a" => command::flag(bytes, at),
        b"ied" => command::identified_by(bytes, at),
        b"ig=" => special::signature(bytes, at),
        b"eyj" => special::jwt(bytes, at),
        b"bea" if byte(bytes, at + 3) | 0x20 == b'r' => command::bearer(bytes, at),
        [b'0'..=b'9', b'q', b'~'] => special::azure(bytes, at),
        [b's', b'k', b'0'..=b'9' | b'a'..=b'f'] => special::twilio(bytes, at),
        b"api"
            if begins(bytes, at.saturating_sub(1)) && byte(bytes, at.saturating_sub(1)) == b'd' =>
        {
            prefixed::lettered(bytes, at, cue)
        }
        b"key" | b"cre" | b"tok" | b"pas" | b"pwd" | b"psw" | b"mdp" | b"api" | b"egr" | b"enh"
        | b"chl" | b"enn" | b"ehe" | b"lav" | b"hav" | b"uth" | b"ras" | b"eto" => {
            match name::read(bytes, at) {
                Ok(name) => {
                    *next = name.end;
                    form::value_of(bytes, &name)
                }
                Err(end) => {
                    *next = end.max(at + 1);
                    None
                }
            }
        }
        _ => prefixed::lettered(bytes, at, cue),
    }
}
