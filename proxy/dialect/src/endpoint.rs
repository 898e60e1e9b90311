//! Endpoints that no dialect describes: their names, and what their replies report of usage.
//!
//! Speech, transcriptions, edits of images, files, Gemini's own methods, listings: their bodies
//! pass as they come, and no policy is shown them. An [`Endpoint`] is the name under which such an
//! exchange is counted and logged, one of a closed set: no path is ever a name. Where the provider
//! reports usage in a reply of JSON or of events, a [`Reader`] finds it as the reply passes, in
//! bounded memory, and [`Requested`] finds the model that it is priced by. Sound and pictures are
//! not read.

use crate::{Dialect, address, recognise::labels};

mod figures;
mod lines;
mod model;
mod scan;
#[cfg(test)]
mod tests;

pub use figures::{Figures, Reader};
pub use model::{Progress, Requested};

/// One endpoint that no dialect describes, or a family of them.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint {
    name: &'static str,
    row: Option<&'static Row>,
}

/// The facts of an endpoint.
#[derive(Debug)]
struct Row {
    name: &'static str,
    place: Place,
    charge: Charge,
}

/// The part of a path by which an endpoint is known.
#[derive(Debug)]
enum Place {
    /// Segments that follow each other.
    Segments(&'static [&'static str]),
    /// Gemini's: the method behind the last colon.
    Method(&'static str),
}

/// The cost of a request to an endpoint.
#[derive(Debug)]
enum Charge {
    /// Nothing, or nothing by its size.
    Free,
    /// The report of its reply, if it has one.
    Reported(&'static Report),
}

/// The members of a reply that report usage.
#[derive(Debug)]
struct Report {
    /// The object of usage, a member of the reply or of an event.
    usage: &'static str,
    /// The dialect by whose rule its numbers add up.
    sums: Dialect,
    /// A list with an object for each image; empty where there is none.
    images: &'static str,
    /// The type of an event that completes one image; empty where there is none.
    image_event: &'static str,
    /// A number of seconds of sound; empty where there is none.
    seconds: &'static str,
    /// A number of tokens within the elements of a list; empty where there is none.
    tokens: &'static str,
    /// The model, a member of a request; empty in replies.
    model: &'static str,
}

/// A report of nothing.
const BLANK: Report = Report {
    usage: "",
    sums: Dialect::OpenaiImages,
    images: "",
    image_event: "",
    seconds: "",
    tokens: "",
    model: "",
};

/// `speech.audio.done` of a stream; what is not streamed is sound.
static SPEECH: Report = Report {
    usage: "usage",
    ..BLANK
};
/// Of a text, tokens or seconds in `usage`; the verbose form has the sound's `duration`.
static TRANSCRIPT: Report = Report {
    usage: "usage",
    seconds: "duration",
    ..BLANK
};
static IMAGES: Report = Report {
    usage: "usage",
    images: "data",
    image_event: "image_edit.completed",
    ..BLANK
};
static VECTORS: Report = Report {
    usage: "usageMetadata",
    sums: Dialect::GeminiGenerate,
    ..BLANK
};
/// Vertex: `predictions[].embeddings.statistics.token_count` of vectors.
static PREDICTIONS: Report = Report {
    tokens: "token_count",
    ..VECTORS
};
static NOTHING: Report = BLANK;

/// The endpoints that have names of their own; others go by [`labels`].
static ROWS: [Row; 13] = [
    called(
        "audio.speech",
        &["audio", "speech"],
        Charge::Reported(&SPEECH),
    ),
    called(
        "audio.transcriptions",
        &["audio", "transcriptions"],
        Charge::Reported(&TRANSCRIPT),
    ),
    called(
        "audio.translations",
        &["audio", "translations"],
        Charge::Reported(&TRANSCRIPT),
    ),
    called(
        "images.edits",
        &["images", "edits"],
        Charge::Reported(&IMAGES),
    ),
    called(
        "images.variations",
        &["images", "variations"],
        Charge::Reported(&IMAGES),
    ),
    called("videos", &["videos"], Charge::Reported(&NOTHING)),
    called("uploads", &["uploads"], Charge::Free),
    called("files", &["files"], Charge::Free),
    method("gemini.predict", "predict", Charge::Reported(&PREDICTIONS)),
    method(
        "gemini.predictLongRunning",
        "predictLongRunning",
        Charge::Reported(&NOTHING),
    ),
    method(
        "gemini.embedContent",
        "embedContent",
        Charge::Reported(&VECTORS),
    ),
    method(
        "gemini.batchEmbedContents",
        "batchEmbedContents",
        Charge::Reported(&VECTORS),
    ),
    method(
        "gemini.batchGenerateContent",
        "batchGenerateContent",
        Charge::Free,
    ),
];

/// Listings of models, unless a label says more.
const MODELS: Place = Place::Segments(&["models"]);

const fn called(name: &'static str, place: &'static [&'static str], charge: Charge) -> Row {
    Row {
        name,
        place: Place::Segments(place),
        charge,
    }
}

const fn method(name: &'static str, method: &'static str, charge: Charge) -> Row {
    Row {
        name,
        place: Place::Method(method),
        charge,
    }
}

impl Endpoint {
    /// The endpoint of a path, whatever is done there. A path that is spelt oddly is its family's
    /// at most.
    pub fn at(path: &str) -> Self {
        let bare = path.split(['?', '#']).next().unwrap_or_default();
        let segments: Vec<&str> = bare.split('/').filter(|s| !s.is_empty()).collect();
        if let Some(row) = ROWS.iter().find(|row| row.place.is_in(&segments)) {
            return Self {
                name: row.name,
                row: Some(row),
            };
        }
        let name = match labels::reason(&segments) {
            labels::ELSE if MODELS.is_in(&segments) => "models",
            labels::ELSE => "other",
            label => label,
        };
        Self { name, row: None }
    }

    /// Its name in metrics and logs, one of a closed set.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Reports whether providers charge for a request to it, whether their replies report that or
    /// not.
    pub fn is_charged(self) -> bool {
        self.report().is_some()
    }

    /// Reports whether the size of its replies says how many tokens they took: not of sound,
    /// pictures, files and vectors.
    pub const fn is_sized_in_tokens(self) -> bool {
        self.row.is_none()
    }

    /// The reader of a reply of JSON, or of events (`streaming`); none where such a reply reports
    /// nothing.
    pub fn reader(self, streaming: bool) -> Option<Reader> {
        let report = self.report().filter(|report| !report.usage.is_empty())?;
        Some(Reader::new(report, streaming))
    }

    /// The model in a path of Gemini's, decoded.
    pub fn model_in(self, path: &str) -> Option<String> {
        matches!(self.row?.place, Place::Method(_)).then(|| address::model_of(path))?
    }

    fn report(self) -> Option<&'static Report> {
        match self.row?.charge {
            Charge::Free => None,
            Charge::Reported(report) => Some(report),
        }
    }
}

impl Place {
    fn is_in(&self, segments: &[&str]) -> bool {
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        match self {
            Self::Segments(names) => {
                let mut windows = segments.windows(names.len());
                windows.any(|window| window.iter().zip(*names).all(|(a, b)| same(a, b)))
            }
            Self::Method(name) => {
                let last = segments.last().and_then(|last| last.rsplit_once(':'));
                last.is_some_and(|(_, method)| same(method, name))
            }
        }
    }
}
