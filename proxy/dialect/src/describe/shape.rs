//! The vocabulary in which a dialect is described: shapes of objects, and a rule for each member.
//!
//! Two principles make the walk total and a single pass:
//! - A value's *structure* follows from its key and its JSON kind alone. A discriminator (`role`,
//!   `type`) decides only which *place* strings have, so it may stand behind them: open places are
//!   filled in when the object closes.
//! - What no rule takes is yielded under the shape's `rest`. The only strings that are not are
//!   control words that look like one, and the [`Exempt`] kinds, which are counted.

use crate::Place;

/// A kind of content that no policy is shown. Each has a name in coverage, and an effect under
/// `on_unseen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exempt {
    /// Pixels, or where they are to be fetched from.
    Image,
    /// Sound.
    Audio,
    /// Any other file: its content, its id or its address.
    File,
    /// Token ids and vectors instead of text.
    Tokens,
    /// Reasoning under a signature or encrypted, and the signatures: an edit makes the provider
    /// refuse the next request.
    SignedReasoning,
    /// Content that a provider encrypted for itself: search results, compacted conversations.
    Encrypted,
    /// The tokens of a reply's text once more, with their probabilities. They go where the text was
    /// edited.
    Logprobs,
}

impl Exempt {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Image,
        Self::Audio,
        Self::File,
        Self::Tokens,
        Self::SignedReasoning,
        Self::Encrypted,
        Self::Logprobs,
    ];

    /// The name in coverage and in `on_unseen`, and whether a policy that lets nothing unseen pass
    /// refuses it where the operator names no effect of its own. Images and what only the provider
    /// can read pass: the one was always let through, the other came from the provider and goes
    /// back to it.
    pub const fn facts(self) -> (&'static str, bool) {
        match self {
            Self::Image => ("image", false),
            Self::Audio => ("audio", true),
            Self::File => ("file", true),
            Self::Tokens => ("tokens", true),
            Self::SignedReasoning => ("signed_reasoning", false),
            Self::Encrypted => ("encrypted", false),
            Self::Logprobs => ("logprobs", false),
        }
    }

    /// The name in coverage.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Reports whether unseen content of the kind called `name` may hold a prompt, so that
    /// `on_unseen: block` refuses it. Unknown kinds do.
    pub fn blocks(name: &str) -> bool {
        Self::named(name).is_none_or(|kind| kind.facts().1)
    }
}

/// The place of a string, or the source that decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The given place.
    Is(Place),
    /// The one that the nearest enclosing discriminator gives.
    Role,
    /// Text where this object's own discriminator says [`Says::Text`], media everywhere else.
    Type,
    /// Reasoning, unless this object's own signature seals it.
    Seal,
}

/// The meaning of a list's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Messages of the conversation: they are numbered, and may be dropped.
    Message,
    /// Inputs that are answered each on its own: they are numbered.
    Input,
    /// Nothing that is counted.
    Plain,
}

/// The things that are counted in passing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Tools that the model is offered.
    Tools,
    /// Images.
    Images,
}

/// The rule by which a value is read.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// A string is a passage.
    Text(Slot),
    /// A string is a passage that holds JSON source; any other value is one passage that *is* JSON
    /// source, keys and numbers included.
    Json(Slot),
    /// A word of the API's own, an id, a name of a tool or a model. It is no text while it looks
    /// like one: see [`is_word`].
    Word,
    /// The model. Policies have it as the request's model, whatever it looks like.
    Model,
    /// A number, `true`, `false`: holds no text.
    Plain,
    /// A string that is base64 or a `data:` URL, of this kind; another string is an address, which
    /// is a passage besides.
    Media(Exempt),
    /// The same where the kind follows from the enclosing object's discriminator or media type.
    AnyMedia,
    /// A string that names content which the provider has.
    Reference(Exempt),
    /// Content that is no text and is not shown: a string that is base64, an object or a list with
    /// no other strings in it. Token probabilities have some; those are the reply's text once more.
    Opaque(Exempt),
    /// The signature, in base64, of this object's [`Rule::Signed`] strings.
    Signature,
    /// The model's reasoning: a passage, unless a signature in the same object seals it. In a
    /// stream the signature comes behind, so in a reply it counts as sealed.
    Signed,
    /// Numbers, or a list of nothing but numbers.
    Numbers,
    /// The discriminator of this object.
    Tag,
    /// A media type: gives the kind of this object's [`Rule::AnyMedia`].
    MediaType,
    /// An object.
    Object(&'static Shape),
    /// An object that is a request of its own: it has its own conversation, whose messages are
    /// numbered on from the one before, and a model that is no more than a word.
    Document(&'static Shape),
    /// An object with free keys, which are names.
    Map(&'static Rule),
    /// A list.
    List(Level, &'static Rule),
    /// The first that takes the value's JSON kind.
    OneOf(&'static [Rule]),
    /// A single input or message: number 0.
    First(&'static Rule),
    /// A rule within which [`Slot::Role`] is this place.
    As(Place, &'static Rule),
    /// A rule within which [`Slot::Role`] is this place whatever a discriminator says.
    Always(Place, &'static Rule),
    /// A rule that has a name, since it occurs more than once or within itself.
    Same(&'static Rule),
    /// Counts the value unless it is null.
    Counted(Count, &'static Rule),
    /// Tools and output formats, whose tokens are counted as a whole.
    Definition(&'static Rule),
}

/// A string with the place of its surroundings is a passage.
pub(crate) const TEXT: Rule = Rule::Text(Slot::Role);
/// A list of [`Rule::Word`]s.
pub(crate) const WORDS: Rule = Rule::OneOf(&[Rule::Word, Rule::List(Level::Plain, &Rule::Word)]);

/// A string is a passage in `place`.
pub(crate) const fn text(place: Place) -> Rule {
    Rule::Text(Slot::Is(place))
}

/// JSON source in `place`, as a string or as it is.
pub(crate) const fn json(place: Place) -> Rule {
    Rule::Json(Slot::Is(place))
}

/// A list of `rule`.
pub(crate) const fn list(rule: &'static Rule) -> Rule {
    Rule::List(Level::Plain, rule)
}

/// The meaning of a discriminator's value.
pub(crate) enum Says {
    /// The place of strings inside whose slot is [`Slot::Role`].
    Role(Place),
    /// Strings whose slot is [`Slot::Type`] are text.
    Text,
    /// The kind of the object's media.
    Media(Exempt),
}

/// A member of an object.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    /// Spellings of one and the same member: two of them in an object are one key twice.
    pub keys: &'static [&'static str],
    /// The rule by which its value is read.
    pub rule: Rule,
}

impl Member {
    /// Reports whether it may occur twice in an object: it does not matter which of the two counts,
    /// as both are shown or neither contains text.
    pub(crate) const fn may_repeat(&self) -> bool {
        matches!(self.rule, Rule::Plain | Rule::Word) && self.keys.len() == 1
    }
}

/// An object.
pub(crate) struct Shape {
    /// The members that are known.
    pub members: &'static [Member],
    /// The meanings of its discriminators' values.
    pub tags: &'static [(&'static str, Says)],
    /// The place of what no rule names.
    pub rest: Place,
    /// True if it is a message, part or block of its own: discriminators in it speak for it, and
    /// media in it have its kind.
    pub scoped: bool,
    slots: [(u8, u8); SLOTS],
}

/// The slots of the hash table, of which at most half are taken.
const SLOTS: usize = 256;

const fn hash(key: &[u8]) -> usize {
    let n = key.len();
    let sample =
        key[0] as u32 | (key[n - 1] as u32) << 8 | (key[n / 2] as u32) << 16 | (n as u32) << 24;
    (sample.wrapping_mul(0x9e37_79b1) >> 24) as usize
}

impl Shape {
    /// Makes the table of keys, at compile time.
    pub(crate) const fn new(
        members: &'static [Member],
        tags: &'static [(&'static str, Says)],
        rest: Place,
    ) -> Self {
        assert!(
            members.len() <= 64,
            "a bit per member tells keys that occur twice"
        );
        let mut slots = [(u8::MAX, 0); SLOTS];
        let (mut scoped, mut m, mut keys) = (!tags.is_empty(), 0, 0);
        while m < members.len() {
            scoped |= matches!(members[m].rule, Rule::MediaType | Rule::Signed);
            let mut k = 0;
            while k < members[m].keys.len() {
                let mut slot = hash(members[m].keys[k].as_bytes());
                while slots[slot].0 != u8::MAX {
                    slot = (slot + 1) % SLOTS;
                }
                slots[slot] = (m as u8, k as u8);
                (k, keys) = (k + 1, keys + 1);
            }
            m += 1;
        }
        assert!(keys <= SLOTS / 2, "lookups end at a free slot");
        Self {
            members,
            tags,
            rest,
            scoped,
            slots,
        }
    }

    /// Reports whether media in it have the kind that it gives, and not one from an object further
    /// out.
    pub(crate) fn owns_media(&self) -> bool {
        let is_media = |(_, says): &(&str, Says)| matches!(says, Says::Media(_));
        self.tags.iter().any(is_media)
            || (self.members.iter()).any(|member| matches!(member.rule, Rule::MediaType))
    }

    /// The member of this decoded key, to the letter, and its number.
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Option<(usize, &'static Member)> {
        if key.is_empty() {
            return None;
        }
        let mut slot = hash(key);
        loop {
            let (m, k) = self.slots.get(slot)?;
            let member = self.members.get(usize::from(*m))?;
            let spelling = member.keys.get(usize::from(*k))?;
            if spelling.as_bytes() == key {
                return Some((usize::from(*m), member));
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

/// The members of one object that are those of two descriptions, for a document that is either.
/// `N` is the number of both.
pub(crate) const fn joined<const N: usize>(
    one: &'static [Member],
    other: &'static [Member],
) -> [Member; N] {
    assert!(one.len() + other.len() == N, "`N` is the number of both");
    let (mut members, mut at) = ([one[0]; N], 0);
    while at < N {
        members[at] = match at < one.len() {
            true => one[at],
            false => other[at - one.len()],
        };
        at += 1;
    }
    members
}

/// Reports whether raw bytes look like a word of an API, an id or a name: at most 128 letters,
/// digits and `_.:/+-$|`, and a letter among them where there are more than six. Cards, phones and
/// identity numbers have no letter; addresses and sentences have other characters.
pub(crate) fn is_word(raw: &[u8]) -> bool {
    const WORD: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = (byte as u8).is_ascii_alphanumeric()
                || matches!(
                    byte as u8,
                    b'_' | b'.' | b':' | b'/' | b'+' | b'-' | b'$' | b'|'
                );
            byte += 1;
        }
        table
    };
    raw.len() <= 128
        && raw.iter().all(|byte| WORD[usize::from(*byte)])
        && (raw.len() <= 6 || raw.iter().any(u8::is_ascii_alphabetic))
}

/// Reports whether raw bytes look like base64, in either alphabet, or a `data:` URL of it.
pub(crate) fn is_base64(raw: &[u8]) -> bool {
    let raw = match raw.strip_prefix(b"data:") {
        None => raw,
        Some(url) => {
            let head = url.get(..url.len().min(128)).unwrap_or_default();
            match memchr::memmem::find(head, b";base64,") {
                Some(comma) if head.get(..comma).is_some_and(is_media_type) => {
                    url.get(comma + 8..).unwrap_or_default()
                }
                _ => return false,
            }
        }
    };
    let plain = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(*byte, b'+' | b'/' | b'=' | b'-' | b'_')
    };
    // without a branch per byte, so that it is vectorised
    raw.chunks(64)
        .all(|chunk| chunk.iter().fold(true, |all, byte| all & plain(byte)))
}

fn is_media_type(raw: &[u8]) -> bool {
    raw.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/+-.;= _\"".contains(byte))
}

/// Declares a shape:
/// `shape! { NAME, rest, ["word" = Says]; "key" => rule, "either" | "spelling" => rule }`.
macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, $rest:ident, [$($word:literal = $says:expr),* $(,)?];
     $($($key:literal)|+ => $rule:expr),* $(,)?) => {
        $(#[$doc])*
        pub(crate) static $name: $crate::describe::shape::Shape = {
            use $crate::describe::shape::{Member, Says, Shape};
            static MEMBERS: &[Member] = &[$(Member { keys: &[$($key),+], rule: $rule }),*];
            const TAGS: &[(&str, Says)] = &[$(($word, $says)),*];
            Shape::new(MEMBERS, TAGS, $crate::Place::$rest)
        };
    };
}
pub(crate) use shape;
