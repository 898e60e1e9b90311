//! The walk: one pass over a document by its description. Leaves come in the order of the document
//! and never overlap.

mod discriminators;
mod unseen;
mod values;

use std::ops::Range;

use super::shape::{Count, Exempt, Level, Member, Rule, Shape, Slot, is_word};
use crate::{
    Malformed, NO_MESSAGE, Place,
    json::{Cursor, Key, Kind, Text},
};
use discriminators::{Media, SEALED, Said, TYPED};
use values::{content, is_conversation, is_numbers, key_text};

pub(crate) use values::takes;

/// The form in which a leaf stands in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string literal, quotes included.
    Text,
    /// A member's name, quotes included.
    Key,
    /// A whole value that policies read and write as JSON source.
    Json,
}

/// A string, or a whole value, that policies may be shown.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// Its bytes, quotes included.
    pub range: Range<usize>,
    /// True if there is a backslash in it.
    pub escaped: bool,
    /// The form in which it stands there.
    pub form: Form,
    /// True if its text is JSON source.
    pub json: bool,
    /// The place that it belongs to.
    pub place: Place,
    /// The message it is in, [`NO_MESSAGE`] where in none.
    pub message: u32,
    /// True if its place depends on a member of an enclosing object.
    pending: bool,
}

/// The findings of a walk.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The leaves, in the order of the document.
    pub leaves: Vec<Leaf>,
    /// Elements of the conversation. None where there are several conversations.
    pub messages: Vec<Range<usize>>,
    /// The conversation's array; `None` where there is none, or it is no array.
    pub conversation: Option<Range<usize>>,
    /// Messages of the requests within the document.
    pub numbered: u32,
    /// A conversation or an input was there, whatever its form.
    pub has_input: bool,
    /// Tools and output formats, each as a whole.
    pub definitions: Vec<Range<usize>>,
    /// Images.
    pub images: u32,
    /// Tools.
    pub tools: u32,
    /// Bytes of what no policy can be shown, by kind.
    pub unseen: Vec<(Exempt, u64)>,
    /// Those of it that are one medium each: its kind, and where its content or address stands.
    pub media: Vec<(Exempt, Range<usize>)>,
}

/// Reads a document that is one object of `shape`. `role` is the place of text that nothing gives
/// one.
///
/// # Errors
/// It is no JSON object, something follows it, a string that is read is not UTF-8, a key that
/// matters occurs twice in one object, or there are two conversations.
pub(crate) fn walk(bytes: &[u8], shape: &'static Shape, role: Place) -> Result<Found, Malformed> {
    let mut walk = Walk::new(bytes, role, false);
    let mut cursor = Cursor::new(bytes);
    walk.object(shape, &mut cursor)?;
    cursor.end()?;
    Ok(walk.found)
}

/// Reads a reply or an event, which is what `rule` takes, from byte `at` on. A key that occurs
/// twice is no error: both are read.
///
/// # Errors
/// It is no JSON, something follows it, or a string that is read is not UTF-8.
pub(crate) fn walk_reply(bytes: &[u8], at: usize, rule: &'static Rule) -> Result<Found, Malformed> {
    let mut walk = Walk::new(bytes, Place::Assistant, true);
    let mut cursor = Cursor::lenient(bytes, at);
    walk.value(rule, &mut cursor, Place::Other)?;
    cursor.end()?;
    Ok(walk.found)
}

struct Walk<'a> {
    bytes: &'a [u8],
    found: Found,
    /// The place of [`Slot::Role`]; `None` while a discriminator may still give it.
    role: Option<Place>,
    /// True if no discriminator changes it.
    fixed: bool,
    /// A reply: a key may occur twice, and what may be signed counts as signed.
    is_reply: bool,
    /// True inside a request within the document.
    within: bool,
    message: u32,
    media: Media,
    /// Leaves whose place is open.
    pending: usize,
}

type Walked = Result<(), Malformed>;

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], role: Place, is_reply: bool) -> Self {
        Self {
            bytes,
            found: Found::default(),
            role: Some(role),
            fixed: false,
            is_reply,
            within: false,
            message: NO_MESSAGE,
            media: Media::default(),
            pending: 0,
        }
    }

    fn object(&mut self, shape: &'static Shape, cursor: &mut Cursor<'a>) -> Walked {
        if !shape.scoped {
            let mut seen = 0;
            return cursor
                .object(|key, value| self.member(shape, &mut seen, key, value, &mut None));
        }
        self.scope(shape, cursor)
    }

    fn member(
        &mut self,
        shape: &'static Shape,
        seen: &mut u64,
        key: Key<'a>,
        value: &mut Cursor<'a>,
        said: &mut Option<Said>,
    ) -> Walked {
        let Some((number, member)) = shape.find(&key.bytes()) else {
            // shown whatever it looks like: nobody knows what an unknown member is for
            self.utf8(&key.range())?;
            self.leaf(key_text(&key), Form::Key, Slot::Is(shape.rest), false);
            return self.unexpected(value, shape.rest);
        };
        self.once(member, number, seen, &key)?;
        match (&member.rule, said) {
            (Rule::Tag, Some(said)) => self.tag(shape, value, said),
            (Rule::MediaType, _) => self.media_type(value, shape.rest),
            (Rule::Signature, Some(said)) => self.signature(value, shape.rest, said),
            (rule, _) => self.value(rule, value, shape.rest),
        }
    }

    /// Refuses two members of one name where readers that take the first and readers that take the
    /// last would differ in what they read.
    fn once(&self, member: &Member, number: usize, seen: &mut u64, key: &Key<'_>) -> Walked {
        let bit = 1 << number;
        if *seen & bit != 0 && !self.is_reply && !member.may_repeat() {
            return Err(Malformed::new(
                "a key occurs twice in one object",
                key.range().start,
            ));
        }
        *seen |= bit;
        Ok(())
    }

    fn value(&mut self, rule: &'static Rule, cursor: &mut Cursor<'a>, rest: Place) -> Walked {
        let kind = cursor.kind()?;
        match (rule, kind) {
            (Rule::Text(slot), Kind::String) => self.text(cursor, *slot, false),
            (Rule::Json(slot), Kind::String) => self.text(cursor, *slot, true),
            (Rule::Json(slot), _) => self.source(cursor, *slot),
            (Rule::Word, Kind::String) => {
                let text = cursor.text()?;
                self.word(text, rest);
                Ok(())
            }
            (Rule::Plain, Kind::Number | Kind::Boolean) => cursor.skip().map(drop),
            (Rule::Media(kind), Kind::String) => self.media(Some(*kind), cursor, rest),
            (Rule::AnyMedia, Kind::String) => self.media(None, cursor, rest),
            (Rule::Reference(kind), Kind::String) => self.reference(*kind, cursor, rest),
            (Rule::Opaque(exempt), _) => self.opaque(*exempt, cursor, rest),
            (Rule::Signature, _) => self.opaque(Exempt::SignedReasoning, cursor, rest),
            (Rule::Signed, Kind::String) if self.is_reply => {
                let text = cursor.text()?;
                self.utf8(&text.range)?;
                self.count_unseen(Exempt::SignedReasoning, text.range.len() as u64 - 2);
                Ok(())
            }
            (Rule::Signed, Kind::String) => self.text(cursor, Slot::Seal, false),
            (Rule::Numbers, Kind::Number | Kind::Array) if is_numbers(cursor) => {
                self.found.has_input = true;
                let range = cursor.skip()?;
                self.count_unseen(Exempt::Tokens, range.len() as u64);
                Ok(())
            }
            (Rule::Object(shape), Kind::Object) => self.object(shape, cursor),
            (Rule::Document(shape), Kind::Object) => self.document(shape, cursor),
            (Rule::Map(rule), Kind::Object) => cursor.object(|key, value| {
                let text = key_text(&key);
                if !is_word(&content(self.bytes, &text)) {
                    self.utf8(&text.range)?;
                    self.leaf(text, Form::Key, Slot::Is(rest), false);
                }
                self.value(rule, value, rest)
            }),
            (Rule::List(level, rule), Kind::Array) => self.list(*level, rule, cursor, rest),
            (Rule::OneOf(rules), _) => {
                let fits = |rule: &&Rule| {
                    takes(rule, kind) && (!matches!(rule, Rule::Numbers) || is_numbers(cursor))
                };
                match rules.iter().find(fits) {
                    Some(rule) => self.value(rule, cursor, rest),
                    None if kind != Kind::Null && rules.iter().any(is_conversation) => {
                        self.no_conversation(cursor)
                    }
                    None => self.unexpected(cursor, rest),
                }
            }
            (Rule::First(rule), _) => {
                self.found.has_input |= kind != Kind::Null;
                self.message = self.found.numbered;
                self.value(rule, cursor, rest)?;
                self.message = NO_MESSAGE;
                Ok(())
            }
            (Rule::As(place, rule), _) => self.within(*place, false, rule, cursor, rest),
            (Rule::Always(place, rule), _) => self.within(*place, true, rule, cursor, rest),
            (Rule::Same(rule), _) => self.value(rule, cursor, rest),
            (Rule::Counted(count, rule), _) => {
                match count {
                    Count::Tools => self.found.tools += u32::from(kind != Kind::Null),
                    Count::Images => self.found.images += u32::from(kind != Kind::Null),
                }
                self.value(rule, cursor, rest)
            }
            (Rule::Definition(rule), _) => {
                let start = cursor.at();
                self.value(rule, cursor, rest)?;
                self.found.definitions.push(start..cursor.at());
                Ok(())
            }
            (rule, _) if is_conversation(rule) => self.no_conversation(cursor),
            (Rule::Model, Kind::String) if self.within => {
                let text = cursor.text()?;
                self.word(text, rest);
                Ok(())
            }
            (Rule::Model, Kind::String) => cursor.text().map(drop),
            _ => self.unexpected(cursor, rest),
        }
    }

    /// A request within the document.
    fn document(&mut self, shape: &'static Shape, cursor: &mut Cursor<'a>) -> Walked {
        let (within, at) = (std::mem::replace(&mut self.within, true), cursor.at());
        self.found.has_input = false;
        self.object(shape, cursor)?;
        if !self.found.has_input {
            return Err(Malformed::new("a conversation is missing", at));
        }
        self.within = within;
        let messages = std::mem::take(&mut self.found.messages).len();
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.found.numbered = self.found.numbered.saturating_add(messages);
        self.found.conversation = None;
        Ok(())
    }

    /// A conversation in a form that no reader of the dialect takes for one.
    fn no_conversation(&self, cursor: &Cursor<'_>) -> Walked {
        Err(Malformed::new("a conversation is expected", cursor.at()))
    }

    fn within(
        &mut self,
        place: Place,
        fixed: bool,
        rule: &'static Rule,
        cursor: &mut Cursor<'a>,
        rest: Place,
    ) -> Walked {
        let (role, was) = (self.role.replace(place), self.fixed);
        self.fixed |= fixed;
        self.value(rule, cursor, rest)?;
        (self.role, self.fixed) = (role, was);
        Ok(())
    }

    fn list(
        &mut self,
        level: Level,
        rule: &'static Rule,
        cursor: &mut Cursor<'a>,
        rest: Place,
    ) -> Walked {
        let start = cursor.at();
        if level == Level::Plain {
            return cursor.array(|_, value| self.value(rule, value, rest));
        }
        if level == Level::Message && self.found.conversation.is_some() {
            return Err(Malformed::new("there are two conversations", start));
        }
        self.found.has_input = true;
        cursor.array(|index, value| {
            let kind = value.kind()?;
            let start = value.at();
            if level == Level::Message && !takes(rule, kind) {
                return Err(Malformed::new("a message is expected", start));
            }
            self.message = u32::try_from(index).map_or(NO_MESSAGE, |index| {
                self.found.numbered.saturating_add(index)
            });
            self.value(rule, value, rest)?;
            if level == Level::Message {
                self.found.messages.push(start..value.at());
            }
            Ok(())
        })?;
        self.message = NO_MESSAGE;
        if level == Level::Message {
            self.found.conversation = Some(start..cursor.at());
        }
        Ok(())
    }

    /// Takes a value that no rule takes. Every `match` on rules ends here: what could hold text is
    /// yielded, never passed over.
    fn unexpected(&mut self, cursor: &mut Cursor<'a>, rest: Place) -> Walked {
        match cursor.kind()? {
            Kind::String => {
                let text = cursor.text()?;
                if text.range.len() > 2 {
                    self.leaf(text, Form::Text, Slot::Is(rest), false);
                }
                Ok(())
            }
            Kind::Object | Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {
                self.source(cursor, Slot::Is(rest))
            }
        }
    }

    fn text(&mut self, cursor: &mut Cursor<'a>, slot: Slot, json: bool) -> Walked {
        let text = cursor.text()?;
        self.leaf(text, Form::Text, slot, json);
        Ok(())
    }

    fn source(&mut self, cursor: &mut Cursor<'a>, slot: Slot) -> Walked {
        if matches!(cursor.kind()?, Kind::Boolean | Kind::Null) {
            return cursor.skip().map(drop);
        }
        let range = cursor.skip()?;
        self.utf8(&range)?;
        let source = self.bytes.get(range.clone()).unwrap_or_default();
        if range.len() > 2 || source.first().is_some_and(u8::is_ascii_digit) {
            let escaped = memchr::memchr(b'\\', source).is_some();
            self.leaf(Text { range, escaped }, Form::Json, slot, true);
        }
        Ok(())
    }

    fn utf8(&self, range: &Range<usize>) -> Walked {
        match self.bytes.get(range.clone()).map(str::from_utf8) {
            Some(Ok(_)) => Ok(()),
            _ => Err(Malformed::new("a string is not UTF-8", range.start)),
        }
    }

    fn word(&mut self, text: Text, rest: Place) {
        if text.range.len() > 2 && !is_word(&content(self.bytes, &text)) {
            self.leaf(text, Form::Text, Slot::Is(rest), false);
        }
    }

    fn leaf(&mut self, text: Text, form: Form, slot: Slot, json: bool) {
        let (place, pending) = match (slot, self.role) {
            (Slot::Is(place), _) => (place, false),
            (Slot::Role, Some(place)) => (place, false),
            (Slot::Role, None) => (Place::User, true),
            (Slot::Type, _) => (TYPED, true),
            (Slot::Seal, _) => (SEALED, true),
        };
        self.pending += usize::from(pending);
        self.found.leaves.push(Leaf {
            range: text.range,
            escaped: text.escaped,
            form,
            json,
            place,
            message: self.message,
            pending,
        });
    }
}
