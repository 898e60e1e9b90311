//! Objects that have discriminators, which may stand behind the strings that they decide on: open
//! places are filled in when the object closes.

use std::borrow::Cow;

use super::{Walk, Walked, values::content};
use crate::{
    Place,
    describe::shape::{Exempt, Says, Shape, is_base64},
    json::{Cursor, Kind, Text},
};

/// Marks a pending leaf whose slot is [`Slot::Type`](crate::describe::shape::Slot::Type); it has no other meaning while the leaf is
/// pending.
pub(super) const TYPED: Place = Place::Other;

/// The same for [`Slot::Seal`](crate::describe::shape::Slot::Seal).
pub(super) const SEALED: Place = Place::Reasoning;

/// The discriminators of an object that were read so far.
#[derive(Default)]
pub(super) struct Said {
    role: Option<Place>,
    text: bool,
    signed: bool,
}

/// Media of the object that is being read, whose kind its discriminator gives.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Media {
    pub(super) bytes: u64,
    /// The bytes in which the last of it stands.
    pub(super) range: (usize, usize),
    kind: Option<Exempt>,
}

impl<'a> Walk<'a> {
    /// An object whose discriminators speak for what is in it.
    pub(super) fn scope(&mut self, shape: &'static Shape, cursor: &mut Cursor<'a>) -> Walked {
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
            let kind = own.kind.unwrap_or(Exempt::File);
            self.count_unseen(kind, own.bytes);
            if own.bytes > 0 {
                self.found.media.push((kind, own.range.0..own.range.1));
            }
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
                media.range = (text.range.start, text.range.end);
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

    pub(super) fn tag(
        &mut self,
        shape: &'static Shape,
        value: &mut Cursor<'a>,
        said: &mut Said,
    ) -> Walked {
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

    pub(super) fn signature(
        &mut self,
        value: &mut Cursor<'a>,
        rest: Place,
        said: &mut Said,
    ) -> Walked {
        if value.kind()? == Kind::String {
            let inside = content(self.bytes, &{ *value }.text()?);
            said.signed = !inside.is_empty() && is_base64(&inside);
        }
        self.opaque(Exempt::SignedReasoning, value, rest)
    }

    pub(super) fn media_type(&mut self, value: &mut Cursor<'a>, rest: Place) -> Walked {
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
}
