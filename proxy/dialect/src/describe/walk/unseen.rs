//! Content that no policy is shown: counted under the name of its kind.

use super::{
    Form, Walk, Walked,
    values::{content, holds_no_text, inside, url_kind},
};
use crate::{
    Place,
    describe::shape::{Exempt, Slot, is_base64, is_word},
    json::{Cursor, Kind},
};

impl<'a> Walk<'a> {
    /// Counts a value that no policy is shown because there is no text in it. A value that does not
    /// look like that is shown.
    pub(super) fn opaque(
        &mut self,
        exempt: Exempt,
        cursor: &mut Cursor<'a>,
        rest: Place,
    ) -> Walked {
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
    pub(super) fn media(
        &mut self,
        kind: Option<Exempt>,
        cursor: &mut Cursor<'a>,
        rest: Place,
    ) -> Walked {
        let text = cursor.text()?;
        let content = content(self.bytes, &text);
        let bytes = content.len() as u64;
        let hidden = is_base64(&content);
        match url_kind(&content).filter(|_| hidden).or(kind) {
            Some(kind) => {
                self.count_unseen(kind, bytes);
                self.found.media.push((kind, text.range.clone()));
            }
            None => {
                self.media.bytes += bytes;
                self.media.range = (text.range.start, text.range.end);
            }
        }
        if !hidden {
            self.leaf(text, Form::Text, Slot::Is(rest), false);
        }
        Ok(())
    }

    pub(super) fn reference(
        &mut self,
        kind: Exempt,
        cursor: &mut Cursor<'a>,
        rest: Place,
    ) -> Walked {
        let text = cursor.text()?;
        let content = content(self.bytes, &text);
        let hidden = is_word(&content);
        self.count_unseen(kind, content.len() as u64);
        if !hidden {
            self.leaf(text, Form::Text, Slot::Is(rest), false);
        }
        Ok(())
    }

    pub(super) fn count_unseen(&mut self, kind: Exempt, bytes: u64) {
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
