//! The figures of a whole reply, without its texts: the usage that it reports, and the reason why
//! it ended.
//!
//! A reply that nobody rewrites is read for these two alone, which is a third of the work of
//! reading it for its texts as well. What a member means is decided as in the readers of the texts;
//! a test compares the two over documents of every kind. That a text has to be UTF-8 is checked
//! here once for the whole reply. What is skipped may be of an odd type: the readers of texts stop
//! there, and these find what follows.

use super::{
    format, gemini,
    plan::{index, narrow},
    read::without_mark,
};
use crate::{
    Dialect, Malformed, Usage,
    json::{Cursor, Kind, Text},
    usage::{self, Report, Tier},
};

/// The figures of one reply, as far as they were read.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// The usage that the provider reported.
    pub(crate) usage: Option<Usage>,
    /// The reason why the model stopped, as the dialect spells it.
    pub(crate) finish: Option<String>,
}

/// The function that finds the figures of one document.
pub(super) type Find = fn(&mut Reader<'_>, &mut Cursor<'_>) -> Result<(), Malformed>;

/// Reads the figures of a whole reply. Of one that is malformed further on, what was found up to
/// there counts. `None` where only the reader of its texts can tell: it is no JSON, not UTF-8, or
/// its dialect has no such function.
pub(crate) fn figures(dialect: Dialect, doc: &[u8]) -> Option<Figures> {
    let find = format::of(dialect).figures?;
    let bare = without_mark(doc);
    let is_json = matches!(bare.trim_ascii_start().first(), Some(b'{' | b'['));
    if !is_json || str::from_utf8(doc).is_err() {
        return None;
    }
    let mut reader = Reader {
        dialect,
        doc,
        figures: Figures::default(),
        tier: None,
    };
    let mut cursor = Cursor::lenient(doc, doc.len() - bare.len());
    // Malformed further on: what was found counts.
    let _ = find(&mut reader, &mut cursor);
    Some(reader.figures)
}

/// The figures of a document that is being read.
pub(super) struct Reader<'d> {
    dialect: Dialect,
    doc: &'d [u8],
    figures: Figures,
    /// The tier, where it stands beside the usage.
    tier: Option<Tier>,
}

impl Reader<'_> {
    pub(super) fn read_usage(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let mut usage = self.figures.usage.unwrap_or_default();
        if usage::read(cursor, self.dialect, &mut usage)? != Report::Blank {
            usage.details.tier = self.tier.unwrap_or(usage.details.tier);
            self.figures.usage = Some(usage);
        }
        Ok(())
    }

    /// As the readers of texts do.
    fn read_tier(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        self.tier = Tier::named(cursor.source()?).or(self.tier);
        if let (Some(tier), Some(usage)) = (self.tier, &mut self.figures.usage) {
            usage.details.tier = tier;
        }
        Ok(())
    }

    fn note_finish(&mut self, reason: &Text) {
        self.figures.finish = Some(reason.decode(self.doc).into_owned());
    }

    /// Notes why a choice ended; the first choice's reason is the reply's.
    fn note_finish_of(&mut self, choice: u32, reason: Option<&Text>) {
        if let Some(reason) = reason.filter(|_| choice == 0 || self.figures.finish.is_none()) {
            self.note_finish(reason);
        }
    }
}

/// Of chats and of completions.
pub(super) fn chat(reader: &mut Reader<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    cursor.object(|key, cursor| {
        if key.is("choices") {
            cursor.array_or_skip(|_, cursor| choice(reader, cursor))?;
        } else if key.is("usage") {
            reader.read_usage(cursor)?;
        } else if key.is("service_tier") {
            reader.read_tier(cursor)?;
        }
        Ok(())
    })
}

fn choice(reader: &mut Reader<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    let (mut number, mut finish) = (0, None);
    cursor.object(|key, cursor| {
        if key.is("index") {
            number = index(cursor)?;
        } else if key.is("finish_reason") {
            // some servers write "" for null
            finish = (cursor.text_or_skip()?).filter(|reason| reason.range.len() > 2);
        }
        Ok(())
    })?;
    reader.note_finish_of(number, finish.as_ref());
    Ok(())
}

/// Of Anthropic's messages.
pub(super) fn message(reader: &mut Reader<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if cursor.kind()? != Kind::Object {
        return Ok(());
    }
    cursor.object(|key, cursor| {
        if key.is("usage") {
            return reader.read_usage(cursor);
        }
        if key.is("stop_reason")
            && let Some(reason) = cursor.text_or_skip()?
        {
            reader.note_finish(&reason);
        }
        Ok(())
    })
}

/// Of the Responses API.
pub(super) fn response(reader: &mut Reader<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if cursor.kind()? != Kind::Object {
        return Ok(());
    }
    let (mut status, mut reason) = (None, None);
    cursor.object(|key, cursor| {
        if key.is("usage") {
            return reader.read_usage(cursor);
        }
        if key.is("service_tier") {
            return reader.read_tier(cursor);
        }
        if key.is("status") {
            status = cursor.text_or_skip()?;
        } else if key.is("incomplete_details") && cursor.kind()? == Kind::Object {
            cursor.object(|key, cursor| {
                if key.is("reason") {
                    reason = cursor.text_or_skip()?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    if let Some(finish) = reason.or(status) {
        reader.note_finish(&finish);
    }
    Ok(())
}

/// Of Gemini: one document, or a list of them.
pub(super) fn chunks(reader: &mut Reader<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    match cursor.kind()? == Kind::Array {
        true => cursor.array(|_, cursor| chunk(reader, cursor)),
        false => chunk(reader, cursor),
    }
}

fn chunk(reader: &mut Reader<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    cursor.object(|key, cursor| {
        let kind = cursor.kind()?;
        if key.is("candidates") && kind == Kind::Array {
            cursor.array(|position, cursor| match cursor.kind()? == Kind::Object {
                true => candidate(reader, cursor, position),
                false => Ok(()),
            })?;
        } else if key.is("usageMetadata") {
            reader.read_usage(cursor)?;
        } else if key.is("promptFeedback") && kind == Kind::Object {
            cursor.object(|key, cursor| {
                if key.is("blockReason")
                    && let Some(reason) = cursor.text_or_skip()?
                {
                    reader.note_finish(&reason);
                }
                Ok(())
            })?;
        }
        Ok(())
    })
}

fn candidate(
    reader: &mut Reader<'_>,
    cursor: &mut Cursor<'_>,
    position: usize,
) -> Result<(), Malformed> {
    let (mut number, mut finish) = (narrow(position), None);
    cursor.object(|key, cursor| {
        if key.is("index") {
            number = index(cursor)?;
        } else if key.is("finishReason") {
            finish = cursor.text_or_skip()?;
        }
        Ok(())
    })?;
    let finish = finish.filter(|reason| gemini::is_reason(reader.doc, reason));
    reader.note_finish_of(number, finish.as_ref());
    Ok(())
}

/// Of interactions.
pub(super) fn interaction(
    reader: &mut Reader<'_>,
    cursor: &mut Cursor<'_>,
) -> Result<(), Malformed> {
    if cursor.kind()? != Kind::Object {
        return Ok(());
    }
    let mut status = None;
    cursor.object(|key, cursor| {
        if key.is("usage") {
            return reader.read_usage(cursor);
        }
        if key.is("status") {
            status = cursor.text_or_skip()?;
        }
        Ok(())
    })?;
    if let Some(status) = status {
        reader.note_finish(&status);
    }
    Ok(())
}

/// Of lists of vectors, which are as large as replies get.
pub(super) fn vectors(reader: &mut Reader<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    cursor.object(|key, cursor| match key.is("usage") {
        true => reader.read_usage(cursor),
        false => cursor.pass(),
    })
}
