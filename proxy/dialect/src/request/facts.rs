//! The facts of a body that the exchange itself needs: model, streaming, and whether the stream
//! reports its usage. One unchecked walk over the members; of a Gemini request nothing, since its
//! path has all that.

use std::{ops::Range, sync::Arc};

use super::batch::Batch;

use crate::{
    Dialect, Kind as CallKind, Malformed, address,
    json::{Cursor, Kind, Text},
};

/// The facts of every body.
#[derive(Clone, Default)]
pub(super) struct Facts {
    pub(super) model: Option<Model>,
    /// The range of its literal.
    pub(super) place: Option<Range<usize>>,
    pub(super) stream: bool,
    /// The work that it causes at the provider.
    pub(super) kind: CallKind,
    /// True if the reply is made after the answer, and fetched later.
    pub(super) background: bool,
    /// True if the reply is requested as one array of pieces (Gemini).
    pub(super) listed: bool,
    /// The requests of a batch.
    pub(super) batch: Option<Arc<Batch>>,
    /// True if the model is another than the path's.
    pub(super) moved: bool,
    pub(super) ambiguous: bool,
    /// True if the members could not be walked to their end.
    malformed: bool,
    options: Options,
}

#[derive(Clone)]
pub(super) enum Model {
    At(Range<usize>),
    Decoded(Arc<str>),
}

/// The change that makes a stream report its usage.
#[derive(Clone, Default)]
enum Options {
    /// No change: usage is requested already, or it is not known where to request it.
    #[default]
    Leave,
    /// Replaces the range by the text.
    Replace(Range<usize>, &'static str),
}

impl Facts {
    pub(super) fn find(dialect: Dialect, bytes: &[u8]) -> Self {
        if dialect.features().is_addressed {
            return Self::default();
        }
        let row = dialect.description();
        if row.is_some_and(|row| row.batch_of.is_some()) {
            return Self::of(Batch::find(bytes));
        }
        let (mut facts, mut models, mut streams) = (Self::default(), 0, 0);
        let (mut options, mut given, mut stream_end) = (Options::Leave, 0, 0);
        // malformed further on: what was found counts
        let walked = Cursor::new(bytes).object(|key, value| {
            if key.is("model") {
                models += 1;
                let text = value.text_or_skip()?;
                facts.model = text.as_ref().map(|text| Model::read(text, bytes));
                facts.place = text.map(|text| text.range);
            } else if key.is("stream") {
                streams += 1;
                facts.stream = value.boolean()?.unwrap_or(false);
                stream_end = value.at();
            } else if key.is("background") {
                facts.background = value.boolean()?.unwrap_or(false);
            } else if key.is("stream_options") {
                given += 1;
                options = Options::read(value)?;
            } else {
                value.pass()?;
            }
            Ok(())
        });
        facts.ambiguous = models > 1 || streams > 1;
        facts.malformed = walked.is_err();
        let features = dialect.features();
        facts.stream &= features.has_stream;
        facts.background &= features.has_background;
        if features.has_stream_options && facts.stream && facts.certain() {
            facts.options = match given {
                0 => Options::Replace(
                    stream_end..stream_end,
                    r#","stream_options":{"include_usage":true}"#,
                ),
                1 => options,
                _ => Options::Leave,
            };
        }
        facts
    }

    /// The facts of a batch.
    fn of(batch: Batch) -> Self {
        Self {
            model: batch.model.clone(),
            kind: CallKind::Batch,
            ambiguous: batch.ambiguous,
            malformed: batch.malformed,
            batch: Some(Arc::new(batch)),
            ..Self::default()
        }
    }

    /// Adds the facts of a path. Only Gemini's has some.
    pub(super) fn at(&mut self, dialect: Dialect, path: &str) {
        self.kind = CallKind::of(dialect, path);
        if let Some(address) = address::read(dialect, path) {
            self.model = Some(Model::Decoded(address.model.into()));
            self.stream = address.streaming;
            self.listed = address.listed;
        }
    }

    /// Reports whether the place of the model is its only one.
    pub(super) fn certain(&self) -> bool {
        !self.ambiguous && !self.malformed
    }

    /// The range and the text to put there, so that the stream reports its usage; `None` where
    /// nothing is to be done.
    pub(super) fn usage_request(&self) -> Option<(Range<usize>, &'static str)> {
        match &self.options {
            Options::Leave => None,
            Options::Replace(range, with) => Some((range.clone(), *with)),
        }
    }

    /// The facts of the body in which the range `replaced` has become the request for usage.
    pub(super) fn with_usage_requested(&self, replaced: &Range<usize>, length: usize) -> Self {
        let mut facts = self.clone();
        facts.options = Options::Leave;
        let moved = |range: &mut Range<usize>| {
            if range.start >= replaced.end {
                *range = range.start + length - replaced.len()..range.end + length - replaced.len();
            }
        };
        facts.place.iter_mut().for_each(moved);
        if let Some(Model::At(range)) = &mut facts.model {
            moved(range);
        }
        facts
    }

    /// The same facts of the body in which the model's literal has become another, of which `model`
    /// is the text.
    pub(super) fn with_model(&self, place: &Range<usize>, literal: usize, model: &str) -> Self {
        let end = place.start + literal;
        let mut facts = self.clone();
        facts.model = Some(match literal == model.len() + 2 {
            true => Model::At(place.start + 1..end - 1),
            false => Model::Decoded(model.into()),
        });
        facts.place = Some(place.start..end);
        if let Options::Replace(range, _) = &mut facts.options
            && range.start >= place.end
        {
            *range = range.start + literal - place.len()..range.end + literal - place.len();
        }
        facts
    }
}

impl Model {
    /// Its name, in the body where it was found.
    pub(super) fn text<'a>(&'a self, bytes: &'a [u8]) -> Option<&'a str> {
        match self {
            Self::At(range) => str::from_utf8(bytes.get(range.clone())?).ok(),
            Self::Decoded(text) => Some(text),
        }
    }

    pub(super) fn read(text: &Text, bytes: &[u8]) -> Self {
        match text.escaped {
            true => Self::Decoded(text.decode(bytes).into()),
            false => Self::At(text.range.start + 1..text.range.end - 1),
        }
    }
}

impl Options {
    /// Reads `stream_options`.
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        match cursor.kind()? {
            Kind::Null => Ok(Self::Replace(cursor.skip()?, r#"{"include_usage":true}"#)),
            Kind::Object => {
                let inside = cursor.at() + 1;
                let (mut include, mut others, mut requested) = (None, false, false);
                cursor.object(|key, value| {
                    if key.is("include_usage") {
                        value.kind()?;
                        let start = value.at();
                        requested = value.boolean()? == Some(true);
                        include = Some(start..value.at());
                    }
                    others = true;
                    Ok(())
                })?;
                Ok(match include {
                    _ if requested => Self::Leave,
                    Some(range) => Self::Replace(range, "true"),
                    None if others => Self::Replace(inside..inside, r#""include_usage":true,"#),
                    None => Self::Replace(inside..inside, r#""include_usage":true"#),
                })
            }
            Kind::Array | Kind::String | Kind::Number | Kind::Boolean => {
                cursor.skip()?;
                Ok(Self::Leave)
            }
        }
    }
}
