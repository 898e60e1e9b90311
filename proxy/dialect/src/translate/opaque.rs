//! Reasoning that its provider alone can read, and the tag that says whose it is.
//!
//! Signatures, encrypted reasoning and thought signatures hold at the provider that made them, and
//! often for one account only. What is handed out across a translation therefore carries its
//! origin in front; what comes back goes home only. Untagged, it is of the caller's own dialect,
//! and no target of another dialect can read it.

use std::borrow::Cow;

use super::{base64, text::Text};

/// The beginning of every tag.
const TAG: &str = "outrigger1-";
/// The beginning of every tag, in base64.
const TAG_IN_BASE64: &str = "b3V0cmlnZ2VyMS";
/// Hexadecimal digits of an origin.
const ORIGIN: usize = 8;

/// The provider and account by which reasoning was made: a hash of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin(pub u32);

/// Reasoning that its provider alone can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opaque<'a> {
    /// Its origin; `None` where it carries no tag.
    pub origin: Option<Origin>,
    /// Its form at the origin.
    pub kind: OpaqueKind,
    /// It, without the tag.
    pub data: Text<'a>,
}

/// The form of opaque reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpaqueKind {
    /// Anthropic's `signature` of a thinking text.
    Signature,
    /// Anthropic's `redacted_thinking`.
    Redacted,
    /// OpenAI's `encrypted_content` of a reasoning item.
    Encrypted,
    /// Google's `thoughtSignature` of the part that follows.
    Thought,
}

impl OpaqueKind {
    const ALL: [(Self, char); 4] = [
        (Self::Signature, 's'),
        (Self::Redacted, 'r'),
        (Self::Encrypted, 'e'),
        (Self::Thought, 't'),
    ];

    fn letter(self) -> char {
        let mut all = Self::ALL.into_iter();
        all.find(|(kind, _)| *kind == self)
            .map_or('s', |(_, letter)| letter)
    }
}

impl<'a> Opaque<'a> {
    /// Reads what a caller sends back: `kind` is the form of its place, which counts where there is
    /// no tag.
    pub(crate) fn read(kind: OpaqueKind, text: Text<'a>) -> Self {
        let tagged = parse(&unwrapped(text.decode())).map(|(origin, kind, data)| Opaque {
            origin: Some(origin),
            kind,
            data: Text::Plain(Cow::Owned(data.to_owned())),
        });
        tagged.unwrap_or(Self {
            origin: None,
            kind,
            data: text,
        })
    }

    /// Reasoning that a provider made.
    pub(crate) fn of(origin: Origin, kind: OpaqueKind, data: Text<'a>) -> Self {
        Self {
            origin: Some(origin),
            kind,
            data,
        }
    }

    /// It with its tag, as a caller is given it.
    pub(crate) fn tagged(&self) -> Text<'static> {
        let origin = self.origin.map_or(0, |origin| origin.0);
        let letter = self.kind.letter();
        let data = self.data.decode();
        Text::plain(format!("{TAG}{origin:08x}{letter}-{data}"))
    }

    /// The same in base64, for members that are bytes in their API's description: its SDKs decode
    /// what they are given, and encode it again, perhaps in the other alphabet. It is read as any
    /// tag.
    pub(crate) fn tagged_in_base64(&self) -> Text<'static> {
        Text::plain(base64::encode_url_safe(self.tagged().decode().as_bytes()))
    }

    /// The data that goes home, where it is of this origin and form.
    pub(crate) fn at_home(&self, origin: Origin, kind: OpaqueKind) -> Option<&Text<'a>> {
        (self.origin == Some(origin) && self.kind == kind).then_some(&self.data)
    }
}

/// The text of a tag that is in base64; any other as it is.
fn unwrapped(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.starts_with(TAG_IN_BASE64) {
        return text;
    }
    let bytes = base64::decode(&text);
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(tagged) => Cow::Owned(tagged),
        None => text,
    }
}

/// Takes a tag apart.
fn parse(text: &str) -> Option<(Origin, OpaqueKind, &str)> {
    let rest = text.strip_prefix(TAG)?;
    let (origin, rest) = rest.split_at_checked(ORIGIN)?;
    let origin = Origin(u32::from_str_radix(origin, 16).ok()?);
    let letter = rest.chars().next()?;
    let data = rest.strip_prefix(letter)?.strip_prefix('-')?;
    let mut kinds = OpaqueKind::ALL.into_iter();
    let (kind, _) = kinds.find(|(_, one)| *one == letter)?;
    Some((origin, kind, data))
}

/// Reports whether a text carries a tag of ours.
pub fn is_tagged(text: &str) -> bool {
    parse(&unwrapped(Cow::Borrowed(text))).is_some()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_out_goes_home_and_nowhere_else() {
        let (home, other) = (Origin(0x00c0_ffee), Origin(1));
        let made = Opaque::of(home, OpaqueKind::Thought, Text::plain("EqoB+/="));
        let back = Opaque::read(OpaqueKind::Signature, made.tagged());
        assert_eq!(back.data.decode(), "EqoB+/=");
        assert!(back.at_home(home, OpaqueKind::Thought).is_some());
        assert!(back.at_home(other, OpaqueKind::Thought).is_none());
        assert!(back.at_home(home, OpaqueKind::Signature).is_none());
        assert!(is_tagged(&made.tagged().decode()));
    }

    #[test]
    fn a_tag_survives_sdks_that_decode_and_encode_it() {
        let (home, kind) = (Origin(7), OpaqueKind::Signature);
        let made = Opaque::of(home, kind, Text::plain("a+/b=="));
        let wrapped = made.tagged_in_base64().decode().into_owned();
        let again = base64::encode(&base64::decode(&wrapped).unwrap());
        for text in [&wrapped, &again, &again.replace('=', "")] {
            let back = Opaque::read(OpaqueKind::Thought, Text::plain(&**text));
            let data = back
                .at_home(home, kind)
                .map(|data| data.decode().into_owned());
            assert_eq!(data.as_deref(), Some("a+/b=="), "{text}");
            assert!(is_tagged(text));
        }
    }

    #[test]
    fn what_carries_no_tag_has_no_home() {
        for text in [
            "",
            "EqoB",
            "outrigger1-",
            "outrigger1-00c0ffee",
            "outrigger1-00c0ffeex-a",
            "outrigger1-00c0ffgés-a",
        ] {
            let read = Opaque::read(OpaqueKind::Signature, Text::plain(text));
            assert_eq!(read.origin, None, "{text}");
            assert!(!is_tagged(text));
        }
    }
}
