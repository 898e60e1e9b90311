//! The model that a request names, found as the request's body passes.
//!
//! It is only wanted to price what the reply reports: the body is sent on whatever is found. Apps
//! write it first or soon, in JSON or as a field of a form; what comes later than [`ROOM`] is not
//! looked for, and its reply has no price.

use http::{HeaderMap, header};

use super::{BLANK, Report, scan::Scanner};

/// Bytes of a body that are looked at.
const ROOM: usize = 64 << 10;
/// Bytes kept of a form. SDKs write fields before files.
const PART: usize = 16 << 10;
/// Longer names of models are none.
const LONGEST: usize = 256;

static MODEL: Report = Report {
    model: "model",
    ..BLANK
};

/// Looks for the model in the first bytes of a request's body.
#[derive(Debug)]
pub struct Requested {
    form: Form,
    /// Bytes that may still be looked at.
    room: usize,
}

#[derive(Debug)]
enum Form {
    Json(Box<Scanner>),
    Parts(Parts),
}

/// The progress after a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It may still come.
    Open,
    /// The model.
    Found(String),
    /// It is not there, or comes too late.
    Over,
}

impl Requested {
    /// Looks for the model of a request with these headers; `None` where it is in a form that
    /// nobody here knows, or encoded.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(header::CONTENT_ENCODING) {
            return None;
        }
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let form = match essence {
            json if json.eq_ignore_ascii_case("application/json") => {
                Form::Json(Box::new(Scanner::new(&MODEL)))
            }
            form if form.eq_ignore_ascii_case("multipart/form-data") => {
                Form::Parts(Parts::default())
            }
            _ => return None,
        };
        Some(Self { form, room: ROOM })
    }

    /// Takes the bytes that pass.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        let bytes = bytes.get(..self.room).unwrap_or(bytes);
        self.room -= bytes.len();
        let progress = match &mut self.form {
            Form::Json(scanner) => {
                scanner.push(bytes);
                match scanner.take_model() {
                    Some(model) => named(model),
                    None if scanner.is_over() => Progress::Over,
                    None => Progress::Open,
                }
            }
            Form::Parts(parts) => parts.push(bytes),
        };
        match progress == Progress::Open && self.room == 0 {
            true => Progress::Over,
            false => progress,
        }
    }
}

fn named(model: String) -> Progress {
    let is_name = !model.is_empty() && model.len() <= LONGEST;
    match is_name && !model.contains(char::is_control) {
        true => Progress::Found(model),
        false => Progress::Over,
    }
}

/// A form, part by part (RFC 7578, RFC 2046 §5.1).
#[derive(Debug, Default)]
struct Parts {
    kept: Vec<u8>,
    /// The delimiter, once the first line is here.
    delimiter: Option<Vec<u8>>,
    /// The offset before which no delimiter begins.
    scanned: usize,
}

impl Parts {
    fn push(&mut self, bytes: &[u8]) -> Progress {
        self.kept.extend_from_slice(bytes);
        let Some(delimiter) = &self.delimiter else {
            return self.begin();
        };
        loop {
            let rest = self.kept.get(self.scanned..).unwrap_or_default();
            let Some(found) = memchr::memmem::find(rest, delimiter) else {
                let sure = self.kept.len().saturating_sub(delimiter.len());
                self.scanned = self.scanned.max(sure);
                return match self.kept.len() > PART {
                    true => Progress::Over,
                    false => Progress::Open,
                };
            };
            let end = self.scanned + found;
            let part = self.kept.get(..end).unwrap_or_default();
            if let Some(model) = model_of(part) {
                return named(model);
            }
            self.kept.drain(..end + delimiter.len());
            self.scanned = 0;
        }
    }

    /// Takes the first line: `--BOUNDARY`.
    fn begin(&mut self) -> Progress {
        let Some(end) = memchr::memmem::find(&self.kept, b"\r\n") else {
            // RFC 2046 allows 70 characters.
            return match self.kept.len() > 128 {
                true => Progress::Over,
                false => Progress::Open,
            };
        };
        let line = self.kept.get(..end).unwrap_or_default();
        if !line.starts_with(b"--") {
            return Progress::Over;
        }
        self.delimiter = Some([b"\r\n", line].concat());
        self.kept.drain(..end);
        self.push(b"")
    }
}

/// The value of a part that is the field `model`.
fn model_of(part: &[u8]) -> Option<String> {
    const BLANK_LINE: &[u8] = b"\r\n\r\n";
    let end = memchr::memmem::find(part, BLANK_LINE)?;
    let (head, value) = part.split_at_checked(end)?;
    let head = str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let disposition = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let mut parameters = disposition.split(';').map(str::trim);
    let is_model = |parameter: &str| matches!(parameter, "name=\"model\"" | "name=model");
    let is_named = parameters.any(is_model) && !disposition.contains("filename");
    let value = str::from_utf8(value.get(BLANK_LINE.len()..)?).ok()?;
    is_named.then(|| value.trim().to_owned())
}
