//! An incremental scanner of one JSON document after another, for the few members that report
//! usage.
//!
//! It keeps the object of usage, a name and a number at a time, and checks nothing: a reply that is
//! no JSON object is not looked at any further, and numbers of a malformed one are read where a
//! well-formed one has them.

use super::{Figures, Report};
use crate::{
    Usage,
    json::{Cursor, unescape_literal},
    usage::{self, Report as Reported},
};

/// Bytes kept of an object of usage; a larger one is not read. Providers write 200 to 600.
const OBJECT: usize = 4 << 10;
/// Bytes kept of a string. Names of members and models are shorter.
const WORD: usize = 256;
/// Bytes kept of a number.
const NUMBER: usize = 32;
/// The most seconds that one request is believed to have sent: four months.
const MOST_SECONDS: u64 = 10_000_000;

/// The containers around `token_count`: reply, list, prediction, vector, statistics.
const TOKENS_DEPTH: u32 = 5;

/// Scans documents.
#[derive(Debug)]
pub(super) struct Scanner {
    wanted: &'static Report,
    depth: u32,
    in_string: bool,
    /// True if the last byte was a backslash.
    escape: bool,
    /// The last string, as far as it was kept, escapes unresolved.
    word: Vec<u8>,
    /// The member whose value is at hand.
    member: Member,
    /// The number at hand, where it is wanted.
    number: Vec<u8>,
    /// The object of usage, while the scanner is in it.
    object: Option<Vec<u8>>,
    /// True within the list of images.
    in_images: bool,
    /// True where nothing of the document at hand is of concern any more.
    is_over: bool,
    usage: Option<Usage>,
    tokens: u64,
    images: u64,
    seconds: u64,
    model: Option<String>,
}

/// A member by its name and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Other,
    Usage,
    Images,
    Type,
    Seconds,
    Tokens,
    Model,
}

impl Scanner {
    pub(super) fn new(wanted: &'static Report) -> Self {
        Self {
            wanted,
            depth: 0,
            in_string: false,
            escape: false,
            word: Vec::new(),
            member: Member::Other,
            number: Vec::new(),
            object: None,
            in_images: false,
            is_over: false,
            usage: None,
            tokens: 0,
            images: 0,
            seconds: 0,
            model: None,
        }
    }

    /// Begins another document; what was found stays.
    pub(super) fn begin(&mut self) {
        self.depth = 0;
        self.in_string = false;
        self.escape = false;
        self.member = Member::Other;
        self.object = None;
        self.in_images = false;
        self.is_over = false;
    }

    pub(super) fn figures(&self) -> Figures {
        let counted = Usage {
            input: self.tokens,
            ..Usage::default()
        };
        Figures {
            usage: self.usage.or((self.tokens > 0).then_some(counted)),
            images: self.images,
            audio_seconds: self.seconds,
        }
    }

    /// The model, where it was found.
    pub(super) fn take_model(&mut self) -> Option<String> {
        self.model.take()
    }

    /// Reports whether the document at hand is over, or none that can be read.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes the bytes that pass.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over {
            let taken = match self.in_string {
                true => self.within_string(rest),
                false => self.between(rest),
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Takes what belongs to a string; returns how many bytes.
    fn within_string(&mut self, bytes: &[u8]) -> usize {
        let escaped = usize::from(std::mem::take(&mut self.escape));
        let rest = bytes.get(escaped..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
            self.keep_string(bytes);
            return bytes.len();
        };
        let taken = escaped + found + 1;
        let ends = rest.get(found) == Some(&b'"');
        self.keep_string(bytes.get(..taken - usize::from(ends)).unwrap_or_default());
        if ends {
            self.keep(b"\"");
            self.in_string = false;
            self.end_string();
        } else {
            self.escape = true;
        }
        taken
    }

    fn keep_string(&mut self, bytes: &[u8]) {
        let room = (WORD + 1).saturating_sub(self.word.len());
        let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.word.extend_from_slice(kept);
        self.keep(bytes);
    }

    /// Keeps what belongs to the object of usage.
    fn keep(&mut self, bytes: &[u8]) {
        if let Some(object) = &mut self.object {
            match object.len() + bytes.len() <= OBJECT {
                true => object.extend_from_slice(bytes),
                false => self.object = None,
            }
        }
    }

    fn end_string(&mut self) {
        if self.depth != 1 || self.word.len() > WORD {
            return;
        }
        match self.member {
            Member::Type if self.word == self.wanted.image_event.as_bytes() => self.images += 1,
            Member::Model => self.model = Some(unescape_literal(&self.word)),
            Member::Other
            | Member::Usage
            | Member::Images
            | Member::Type
            | Member::Seconds
            | Member::Tokens => {}
        }
    }

    /// Takes what stands before the next sign of structure, and that; returns how many bytes.
    fn between(&mut self, bytes: &[u8]) -> usize {
        let is_sign = |byte: &u8| matches!(byte, b'"' | b':' | b',' | b'{' | b'}' | b'[' | b']');
        let found = bytes.iter().position(is_sign);
        let (plain, sign) = bytes.split_at(found.unwrap_or(bytes.len()));
        let is_blank = || plain.trim_ascii().is_empty();
        if self.depth == 0 && !(is_blank() && matches!(sign.first(), None | Some(b'{'))) {
            self.is_over = true;
            return bytes.len();
        }
        if matches!(self.member, Member::Seconds | Member::Tokens)
            && self.number.len() + plain.len() <= NUMBER
        {
            self.number.extend_from_slice(plain);
        }
        let Some(sign) = sign.first() else {
            self.keep(plain);
            return plain.len();
        };
        if *sign == b'{' && self.depth == 1 && self.member == Member::Usage {
            self.object = Some(Vec::new());
        }
        let taken = plain.len() + 1;
        self.keep(bytes.get(..taken).unwrap_or_default());
        match sign {
            b'"' => {
                self.in_string = true;
                self.word.clear();
            }
            b':' => self.member = self.named(),
            b',' => self.end_number(),
            b'{' | b'[' => self.open(*sign),
            _ => self.close(),
        }
        taken
    }

    /// The member that was just named.
    fn named(&self) -> Member {
        let wanted = self.wanted;
        let is = |name: &str| !name.is_empty() && self.word == name.as_bytes();
        match self.depth {
            1 if is(wanted.usage) => Member::Usage,
            1 if is(wanted.images) => Member::Images,
            1 if is(wanted.seconds) => Member::Seconds,
            1 if is(wanted.model) => Member::Model,
            1 if is("type") => Member::Type,
            TOKENS_DEPTH if is(wanted.tokens) => Member::Tokens,
            _ => Member::Other,
        }
    }

    fn open(&mut self, bracket: u8) {
        self.depth = self.depth.saturating_add(1);
        if bracket == b'[' && self.depth == 2 && self.member == Member::Images {
            self.in_images = true;
        } else if bracket == b'{' && self.depth == 3 && self.in_images {
            self.images += 1;
        }
        self.member = Member::Other;
    }

    fn close(&mut self) {
        self.end_number();
        self.depth = self.depth.saturating_sub(1);
        self.in_images &= self.depth > 1;
        self.is_over = self.depth == 0;
        if self.depth == 1
            && let Some(object) = self.object.take()
        {
            self.read_usage(&object);
        }
    }

    fn end_number(&mut self) {
        let member = std::mem::replace(&mut self.member, Member::Other);
        let number = std::mem::take(&mut self.number);
        let count = |number: &[u8]| Cursor::new(number).count().ok().flatten();
        match (member, count(&number)) {
            (Member::Seconds, Some(seconds)) => self.note_seconds(seconds),
            (Member::Tokens, Some(tokens)) if tokens <= usage::MOST => {
                self.tokens = self.tokens.saturating_add(tokens).min(usage::MOST);
            }
            _ => {}
        }
    }

    fn note_seconds(&mut self, seconds: u64) {
        if seconds <= MOST_SECONDS {
            self.seconds = seconds;
        }
    }

    /// Reads the object of usage: tokens, or `{"type":"duration","seconds":…}`.
    fn read_usage(&mut self, object: &[u8]) {
        let mut usage = self.usage.unwrap_or_default();
        let read = usage::read(
            &mut Cursor::lenient(object, 0),
            self.wanted.sums,
            &mut usage,
        );
        if matches!(read, Ok(Reported::Prompt | Reported::Output)) {
            self.usage = Some(usage);
        }
        let mut seconds = None;
        let read = Cursor::lenient(object, 0).object_or_skip(|key, cursor| {
            if key.is("seconds") {
                seconds = cursor.count()?;
            }
            Ok(())
        });
        if read.is_err() {
            return;
        }
        if let Some(seconds) = seconds {
            self.note_seconds(seconds);
        }
    }
}
