//! The walk: one pass over a document by its description. Leaves come in the order of the document
//! and never overlap.

use std::{borrow::Cow, ops::Range};

use super::shape::{Count, Exempt, Level, Member, Rule, Says, Shape, Slot, is_base64, is_word};
use crate::{
    Malformed, NO_MESSAGE, Place,
    json::{Cursor, Key, Kind, Text},
};

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
}

/// Reads a document that is one object of `shape`. `role` is the place of text that nothing gives
/// one.
///
/// # Errors
/// It is no JSON object, something follows it, a string that is read is not UTF-8, a key that
/// matters occurs twice in one object, or there are two conversations.
pub(crate) fn walk(bytes: &[u8], shape: &'static Shape, role: Place) -> Result<Found, Malformed> {
    let mut walk = Walk {
        bytes,
        found: Found::default(),
        role: Some(role),
        fixed: false,
        is_reply: false,
        within: false,
        message: NO_MESSAGE,
        media: Media::default(),
        pending: 0,
    };
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
    let mut walk = Walk {
        bytes,
        found: Found::default(),
        role: Some(Place::Assistant),
        fixed: false,
        is_reply: true,
        within: false,
        message: NO_MESSAGE,
        media: Media::default(),
        pending: 0,
    };
    let mut cursor = Cursor::lenient(bytes, at);
    walk.value(rule, &mut cursor, Place::Other)?;
    cursor.end()?;
    Ok(walk.found)
}

/// Media of the object that is being read, whose kind its discriminator gives.
#[derive(Debug, Clone, Copy, Default)]
struct Media {
    bytes: u64,
    kind: Option<Exempt>,
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
    fn object(&mut self, shape: &'static Shape, cursor: &mut Cursor<'a>) -> Walked {
        if !shape.scoped {
            let mut seen = 0;
            return cursor
                .object(|key, value| self.member(shape, &mut seen, key, value, &mut None));
        }
        self.scope(shape, cursor)
    }

    /// An object whose discriminators speak for what is in it.
    fn scope(&mut self, shape: &'static Shape, cursor: &mut Cursor<'a>) -> Walked {
        let (first, outer, pending) = (self.found.leaves.len(), self.role, self.pending);
        let media = shape.owns_media().then(|| std::mem::take(&mut self.media));
        let gives_role = shape
            .tags
            .iter()
            .any(|(_, says)| matches!(says, Says::Role(_)));
        if gives_role && !self.fixed {
            self.role = None;
        }
        let (mut seen, mut said) = (0, Some(Said::default()));
        cursor.object(|key, value| self.member(shape, &mut seen, key, value, &mut said))?;
        let said = said.unwrap_or_default();
        if self.pending > pending {
            self.settle(first, said.role.or(outer), &said, shape.rest);
        }
        self.role = outer;
        if let Some(outer) = media {
            let own = std::mem::replace(&mut self.media, outer);
            self.count_unseen(own.kind.unwrap_or(Exempt::File), own.bytes);
            self.found.images += u32::from(own.kind == Some(Exempt::Image));
        }
        Ok(())
    }

    /// Gives leaves whose place is open theirs. Without a `role`, an object further out decides it.
    fn settle(&mut self, first: usize, role: Option<Place>, said: &Said, rest: Place) {
        let (bytes, media) = (self.bytes, &mut self.media);
        let (mut at, mut pending, mut sealed) = (0, self.pending, 0);
        self.found.leaves.retain_mut(|leaf| {
            at += 1;
            if at <= first || !leaf.pending {
                return true;
            }
            if leaf.place == SEALED && !said.signed {
                pending -= 1;
                leaf.pending = false;
                return true;
            } else if leaf.place == SEALED {
                pending -= 1;
                sealed += leaf.range.len().saturating_sub(2) as u64;
                return false;
            } else if leaf.place == TYPED && said.text {
                leaf.place = Place::User;
            } else if leaf.place == TYPED {
                let text = Text {
                    range: leaf.range.clone(),
                    escaped: leaf.escaped,
                };
                let content = content(bytes, &text);
                media.bytes += content.len() as u64;
                pending -= 1;
                (leaf.place, leaf.pending) = (rest, false);
                return !is_base64(&content);
            }
            if let Some(role) = role {
                pending -= 1;
                (leaf.place, leaf.pending) = (role, false);
            }
            true
        });
        self.pending = pending;
        self.count_unseen(Exempt::SignedReasoning, sealed);
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
            return Err(Malformed {
                what: "a key occurs twice in one object",
                at: key.range().start,
            });
        }
        *seen |= bit;
        Ok(())
    }

    fn tag(&mut self, shape: &'static Shape, value: &mut Cursor<'a>, said: &mut Said) -> Walked {
        let word = match value.kind()? {
            Kind::String => {
                let text = value.text()?;
                self.word(text.clone(), shape.rest);
                text.decode(self.bytes)
            }
            Kind::Boolean => Cow::Borrowed(match value.boolean()? {
                Some(true) => "true",
                _ => "false",
            }),
            Kind::Object | Kind::Array | Kind::Number | Kind::Null => {
                return self.unexpected(value, shape.rest);
            }
        };
        match shape.tags.iter().find(|(known, _)| *known == word) {
            Some((_, Says::Role(place))) if !self.fixed => {
                said.role = Some(*place);
                self.role = Some(*place);
            }
            Some((_, Says::Text)) => said.text = true,
            Some((_, Says::Media(kind))) => self.media.kind = Some(*kind),
            Some((_, Says::Role(_))) | None => {}
        }
        Ok(())
    }

    fn signature(&mut self, value: &mut Cursor<'a>, rest: Place, said: &mut Said) -> Walked {
        if value.kind()? == Kind::String {
            let inside = content(self.bytes, &{ *value }.text()?);
            said.signed = !inside.is_empty() && is_base64(&inside);
        }
        self.opaque(Exempt::SignedReasoning, value, rest)
    }

    fn media_type(&mut self, value: &mut Cursor<'a>, rest: Place) -> Walked {
        if value.kind()? != Kind::String {
            return self.unexpected(value, rest);
        }
        let text = value.text()?;
        let name = text.decode(self.bytes).to_ascii_lowercase();
        self.media.kind = Some(match name.split('/').next() {
            Some("image") => Exempt::Image,
            Some("audio") => Exempt::Audio,
            _ => Exempt::File,
        });
        self.word(text, rest);
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
            return Err(Malformed {
                what: "a conversation is missing",
                at,
            });
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
        Err(Malformed {
            what: "a conversation is expected",
            at: cursor.at(),
        })
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
            return Err(Malformed {
                what: "there are two conversations",
                at: start,
            });
        }
        self.found.has_input = true;
        cursor.array(|index, value| {
            let kind = value.kind()?;
            let start = value.at();
            if level == Level::Message && !takes(rule, kind) {
                return Err(Malformed {
                    what: "a message is expected",
                    at: start,
                });
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
            _ => Err(Malformed {
                what: "a string is not UTF-8",
                at: range.start,
            }),
        }
    }

    fn word(&mut self, text: Text, rest: Place) {
        if text.range.len() > 2 && !is_word(&content(self.bytes, &text)) {
            self.leaf(text, Form::Text, Slot::Is(rest), false);
        }
    }

    /// Counts a value that no policy is shown because there is no text in it. A value that does not
    /// look like that is shown.
    fn opaque(&mut self, exempt: Exempt, cursor: &mut Cursor<'a>, rest: Place) -> Walked {
        let start = *cursor;
        let (range, is_opaque) = match cursor.kind()? {
            Kind::String => {
                let text = cursor.text()?;
                let is_opaque = is_base64(&content(self.bytes, &text));
                (text.range, is_opaque)
            }
            Kind::Object | Kind::Array => {
                let range = cursor.skip()?;
                let source = self.bytes.get(range.clone()).unwrap_or_default();
                let is_opaque = exempt == Exempt::Logprobs || holds_no_text(source);
                (range, is_opaque)
            }
            Kind::Number | Kind::Boolean | Kind::Null => return self.unexpected(cursor, rest),
        };
        if !is_opaque {
            *cursor = start;
            return self.unexpected(cursor, rest);
        }
        self.utf8(&range)?;
        // an empty one hides nothing
        if range.len() > 2 {
            self.count_unseen(exempt, inside(self.bytes, &range).len() as u64);
        }
        Ok(())
    }

    /// Media of this kind, or of the one that its surroundings give.
    fn media(&mut self, kind: Option<Exempt>, cursor: &mut Cursor<'a>, rest: Place) -> Walked {
        let text = cursor.text()?;
        let content = content(self.bytes, &text);
        let bytes = content.len() as u64;
        let hidden = is_base64(&content);
        match url_kind(&content).filter(|_| hidden).or(kind) {
            Some(kind) => self.count_unseen(kind, bytes),
            None => self.media.bytes += bytes,
        }
        if !hidden {
            self.leaf(text, Form::Text, Slot::Is(rest), false);
        }
        Ok(())
    }

    fn reference(&mut self, kind: Exempt, cursor: &mut Cursor<'a>, rest: Place) -> Walked {
        let text = cursor.text()?;
        let content = content(self.bytes, &text);
        let hidden = is_word(&content);
        self.count_unseen(kind, content.len() as u64);
        if !hidden {
            self.leaf(text, Form::Text, Slot::Is(rest), false);
        }
        Ok(())
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

    fn count_unseen(&mut self, kind: Exempt, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let unseen = &mut self.found.unseen;
        match unseen.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, sum)) => *sum += bytes,
            None => unseen.push((kind, bytes)),
        }
    }
}

/// Marks a pending leaf whose slot is [`Slot::Type`]; it has no other meaning while the leaf is
/// pending.
const TYPED: Place = Place::Other;

/// The same for [`Slot::Seal`].
const SEALED: Place = Place::Reasoning;

/// The discriminators of an object that were read so far.
#[derive(Default)]
struct Said {
    role: Option<Place>,
    text: bool,
    signed: bool,
}

fn key_text(key: &Key<'_>) -> Text {
    Text {
        range: key.range(),
        escaped: key.is_escaped(),
    }
}

/// The content of a literal, unescaped: escapes must not change whether it looks like a word or
/// like base64.
fn content<'a>(bytes: &'a [u8], text: &Text) -> Cow<'a, [u8]> {
    match text.escaped {
        true => Cow::Owned(text.decode(bytes).into_owned().into_bytes()),
        false => Cow::Borrowed(inside(bytes, &text.range)),
    }
}

/// The kind of content in a `data:` URL whose media type is no image: the member around it does not
/// decide then.
fn url_kind(url: &[u8]) -> Option<Exempt> {
    let is = |name: &[u8]| {
        let start = url.get(5..5 + name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    match url.get(..5)?.eq_ignore_ascii_case(b"data:") && !is(b"image/") {
        true if is(b"audio/") => Some(Exempt::Audio),
        true => Some(Exempt::File),
        false => None,
    }
}

/// Reports whether all strings of a value look like base64.
fn holds_no_text(source: &[u8]) -> bool {
    let mut done = 0;
    while let Some(at) = memchr::memchr(b'"', source.get(done..).unwrap_or_default()) {
        match Cursor::starting(source, done + at).text() {
            Ok(text) if is_base64(&content(source, &text)) => done = text.range.end,
            _ => return false,
        }
    }
    true
}

/// The source between the quotes of a literal; all of another value.
fn inside<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    let all = bytes.get(range.clone()).unwrap_or_default();
    match all {
        [b'"', inside @ .., b'"'] => inside,
        all => all,
    }
}

/// Reports whether a value that is no list of messages makes the whole request none.
fn is_conversation(rule: &Rule) -> bool {
    matches!(rule, Rule::List(Level::Message, _))
}

/// Reports whether the next value is a number, or lists of nothing but numbers, three deep at most.
/// Ends at the first value that is none.
fn is_numbers(cursor: &Cursor<'_>) -> bool {
    fn look(cursor: &mut Cursor<'_>, depth: u8) -> Walked {
        match cursor.kind()? {
            Kind::Number => cursor.skip().map(drop),
            Kind::Array if depth < 3 => cursor.array(|_, value| look(value, depth + 1)),
            Kind::Object | Kind::Array | Kind::String | Kind::Boolean | Kind::Null => {
                Err(Malformed {
                    what: "a number is expected",
                    at: cursor.at(),
                })
            }
        }
    }
    let mut cursor = *cursor;
    let start = cursor.at();
    let is_list = cursor.kind() == Ok(Kind::Array);
    look(&mut cursor, 0).is_ok() && (!is_list || cursor.at() > start + 2)
}

/// Reports whether a rule takes a value of this kind.
pub(crate) fn takes(rule: &Rule, kind: Kind) -> bool {
    match rule {
        Rule::Text(_)
        | Rule::Word
        | Rule::Model
        | Rule::Media(_)
        | Rule::AnyMedia
        | Rule::Reference(_)
        | Rule::MediaType => kind == Kind::String,
        Rule::Json(_) => true,
        Rule::Plain => matches!(kind, Kind::Number | Kind::Boolean | Kind::Null),
        Rule::Opaque(_) => matches!(kind, Kind::String | Kind::Object | Kind::Array),
        Rule::Signature | Rule::Signed => kind == Kind::String,
        Rule::Numbers => matches!(kind, Kind::Number | Kind::Array),
        Rule::Tag => matches!(kind, Kind::String | Kind::Boolean),
        Rule::Object(_) | Rule::Document(_) | Rule::Map(_) => kind == Kind::Object,
        Rule::List(..) => kind == Kind::Array,
        Rule::OneOf(rules) => rules.iter().any(|rule| takes(rule, kind)),
        Rule::First(rule)
        | Rule::As(_, rule)
        | Rule::Always(_, rule)
        | Rule::Same(rule)
        | Rule::Counted(_, rule)
        | Rule::Definition(rule) => takes(rule, kind),
    }
}
