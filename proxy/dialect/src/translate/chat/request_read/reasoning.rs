//! The reasoning of an earlier reply, as it comes back.

use super::super::super::{
    form::Part,
    loss::Refused,
    opaque::{Opaque, OpaqueKind},
    read::{elements, members},
    text::Text,
};
use crate::json::outlined::Cursor;

/// One entry of `reasoning_details`: of our own, or in the spelling of OpenRouter and LiteLLM.
#[derive(Default)]
pub(super) struct Detail<'a> {
    text: Option<Text<'a>>,
    opaque: Option<Opaque<'a>>,
    /// Bytes of `reasoning_content` that it signs.
    length: Option<u64>,
}

pub(super) fn details_of<'a>(
    mut cursor: Cursor<'a>,
    doc: &'a [u8],
) -> Result<Vec<Detail<'a>>, Refused> {
    let mut details = Vec::new();
    elements(&mut cursor, |_, cursor| {
        let mut detail = Detail::default();
        members(cursor, |key, cursor| {
            match &*key.bytes() {
                b"text" | b"thinking" | b"summary" => {
                    detail.text = Text::read_or_skip(cursor, doc)?
                }
                b"signature" => {
                    let text = Text::read_or_skip(cursor, doc)?;
                    detail.opaque = text.map(|text| Opaque::read(OpaqueKind::Signature, text));
                }
                b"data" => {
                    let text = Text::read_or_skip(cursor, doc)?;
                    detail.opaque = text.map(|text| Opaque::read(OpaqueKind::Encrypted, text));
                }
                b"length" => detail.length = cursor.count()?,
                _ => {}
            }
            Ok(())
        })?;
        details.push(detail);
        Ok(())
    })?;
    Ok(details)
}

/// Puts the reasoning of a message together again: its text in one piece, and what signs which part
/// of it.
pub(super) fn restore_reasoning<'a>(
    text: Option<&Text<'a>>,
    details: Vec<Detail<'a>>,
    parts: &mut Vec<Part<'a>>,
) {
    let whole = text.map(Text::decode);
    let whole = whole.as_deref().unwrap_or_default();
    let mut at = 0_usize;
    let mut has_text = false;
    for detail in details {
        let own = match (detail.text, detail.length) {
            (None, Some(length)) => {
                let end = usize::try_from(length)
                    .ok()
                    .and_then(|length| at.checked_add(length));
                let own = end.and_then(|end| whole.get(at..end));
                at = end.unwrap_or(usize::MAX).min(whole.len());
                own.filter(|own| !own.is_empty())
                    .map(|own| Text::plain(own.to_owned()))
            }
            (own, _) => {
                has_text |= own.is_some();
                own
            }
        };
        if own.is_some() || detail.opaque.is_some() {
            parts.push(Part::Reasoning {
                text: own,
                opaque: detail.opaque,
            });
        }
    }
    if has_text {
        return;
    }
    let rest = match at {
        0 => text.cloned(),
        _ => whole.get(at..).map(|rest| Text::plain(rest.to_owned())),
    };
    if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
        parts.push(Part::Reasoning {
            text: Some(rest),
            opaque: None,
        });
    }
}
