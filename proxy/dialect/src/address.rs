//! The values that stand in a path instead of the body: Gemini's model, whether it streams, and the
//! caller's key.
//!
//! `…/models/MODEL:METHOD?alt=sse&key=KEY`. All other dialects say these things in the body or in
//! headers, and their paths are never touched. A path that nobody edits leaves as it came; an edit
//! replaces the collection and the model and nothing else, so versions, projects and queries stay.
//! A model may hold slashes: an app names `upstream/model` here as it does elsewhere.

use std::borrow::Cow;

use super::Dialect;

/// The values that a path gives for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a> {
    /// The model, decoded; `tunedModels/x` in other collections than `models`.
    pub model: Cow<'a, str>,
    /// True if the reply is requested as server-sent events.
    pub streaming: bool,
    /// True if the reply is requested piece by piece, but without `alt=sse`: it is one JSON array,
    /// which nobody can read before its end.
    pub listed: bool,
    /// The range of the collection and the model.
    place: std::ops::Range<usize>,
}

/// Collections in which models are.
const COLLECTIONS: [&str; 3] = ["/models/", "/tunedModels/", "/endpoints/"];

/// The methods of a model whose bodies are read.
pub(crate) const METHODS: [&str; 3] = ["generateContent", "streamGenerateContent", "countTokens"];

/// Reads the address in a path and query; `None` where the dialect keeps none there, or it names no
/// model.
pub fn read(dialect: Dialect, path: &str) -> Option<Address<'_>> {
    if !dialect.features().is_addressed {
        return None;
    }
    let (bare, query) = split(path);
    let (before, method) = split_method(bare)?;
    if !METHODS.contains(&method) {
        return None; // servers of these are exact about case
    }
    let (start, begin) = place(before)?;
    let model = decode(before.get(begin..)?);
    let piecewise = method == "streamGenerateContent";
    let is_events = |pair| matches!(&*decode(pair), "alt=sse" | "$alt=sse");
    let events = query.split('&').any(is_events);
    is_name(&model).then_some(Address {
        model,
        streaming: piecewise && events,
        listed: piecewise && !events,
        place: start..before.len(),
    })
}

/// The offsets of the collection and of the model in a path up to its method.
fn place(before: &str) -> Option<(usize, usize)> {
    let (start, collection) = COLLECTIONS
        .iter()
        .filter_map(|name| Some((before.find(name)? + 1, *name)))
        .min()?;
    let begin = match collection {
        "/models/" => start + collection.len() - 1,
        _ => start,
    };
    Some((start, begin))
}

/// The model in a path of any method of Gemini's, decoded.
pub(crate) fn model_of(path: &str) -> Option<String> {
    let (before, _) = split_method(split(path).0)?;
    let (_, begin) = place(before)?;
    let model = decode(before.get(begin..)?).into_owned();
    is_name(&model).then_some(model)
}

/// Reports whether every server finds the same model in a path of Gemini's: escapes stand in the
/// model's name alone.
pub(crate) fn is_exact(path: &str) -> bool {
    let (bare, _) = split(path);
    let address = read(Dialect::GeminiGenerate, path);
    let address = address.filter(|address| !address.model.contains(ODD));
    let before = address.and_then(|address| bare.get(..address.place.start));
    before.is_some_and(|before| {
        let before = before.strip_prefix('/').unwrap_or(before);
        let odd = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'%' | b'\\' | b';');
        let mut segments = before.strip_suffix('/').unwrap_or(before).split('/');
        !before.bytes().any(odd)
            && (before.is_empty() || segments.all(|segment| !matches!(segment, "" | "." | "..")))
    })
}

/// The characters that no model's name contains, once decoded: a server that reads it as a part of
/// the path would find another name.
const ODD: [char; 5] = ['%', '\\', ';', '?', '#'];

/// The part before the last colon, and the method after it. Some clients escape the colon.
fn split_method(bare: &str) -> Option<(&str, &str)> {
    let escaped = bare.rfind("%3A").max(bare.rfind("%3a"));
    let (at, length) = match (bare.rfind(':'), escaped) {
        (Some(colon), Some(escaped)) if escaped > colon => (escaped, 3),
        (None, Some(escaped)) => (escaped, 3),
        (colon, _) => (colon?, 1),
    };
    Some((bare.get(..at)?, bare.get(at + length..)?))
}

/// The same path with another model; `None` where there is no place for one, or the name could lead
/// elsewhere (`..`, an empty segment).
pub(crate) fn with_model(dialect: Dialect, path: &str, model: &str) -> Option<String> {
    let place = read(dialect, path)?.place;
    if !is_name(model) {
        return None;
    }
    let mut out = String::with_capacity(path.len() + model.len());
    out.push_str(path.get(..place.start)?);
    if !COLLECTIONS
        .iter()
        .any(|name| model.starts_with(name.trim_start_matches('/')))
    {
        out.push_str("models/");
    }
    encode(model, &mut out);
    out.push_str(path.get(place.end..)?);
    Some(out)
}

/// Reports whether a model's name is safe as a part of a path.
pub(super) fn is_name(model: &str) -> bool {
    model
        .split('/')
        .all(|segment| !matches!(segment, "" | "." | ".."))
}

/// The key in a path's query, undecoded: a credential wherever `key=` is one (Gemini).
pub fn key(path: &str) -> Option<&str> {
    let mut pairs = split(path).1.split('&');
    pairs.find_map(|pair| pair.strip_prefix("key="))
}

/// The path without [`key`], for those who may not see it and for upstreams that get the
/// operator's.
pub fn without_key(path: &str) -> Cow<'_, str> {
    if key(path).is_none() {
        return Cow::Borrowed(path);
    }
    let (bare, query) = split(path);
    let mut out = bare.to_owned();
    let kept = query.split('&').filter(|pair| !pair.starts_with("key="));
    for (index, pair) in kept.enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.push_str(pair);
    }
    Cow::Owned(out)
}

fn split(path: &str) -> (&str, &str) {
    path.split_once('?').unwrap_or((path, ""))
}

/// Undoes percent-encoding (RFC 3986 §2.1); what is not UTF-8 then, or was none, stays as it is.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *byte == b'%');
        let digits = digits.and_then(|digits| str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    match String::from_utf8(bytes) {
        Ok(decoded) => Cow::Owned(decoded),
        Err(_) => Cow::Borrowed(text),
    }
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' => {
                out.push(char::from(byte));
            }
            _ => {
                let hex = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
                out.push('%');
                out.push(hex(byte >> 4).to_ascii_uppercase());
                out.push(hex(byte & 15).to_ascii_uppercase());
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const GEMINI: Dialect = Dialect::GeminiGenerate;

    #[test]
    fn model_and_streaming_are_read_from_any_base_url() {
        for (path, model, streaming, listed) in [
            (
                "/v1beta/models/gemini-2.5-pro:generateContent",
                "gemini-2.5-pro",
                false,
                false,
            ),
            (
                "/v1beta/models/m:streamGenerateContent?alt=sse",
                "m",
                true,
                false,
            ),
            (
                "/v1beta/models/m:streamGenerateContent?key=k&alt=sse",
                "m",
                true,
                false,
            ),
            (
                "/v1beta/models/m:streamGenerateContent?key=k",
                "m",
                false,
                true,
            ),
            ("/models/m:generateContent?alt=sse", "m", false, false),
            (
                "/v1beta/models/gemini/pro:generateContent",
                "gemini/pro",
                false,
                false,
            ),
            (
                "/v1beta/models/gemini%2Fpro:generateContent",
                "gemini/pro",
                false,
                false,
            ),
            (
                "/v1/projects/p/locations/l/publishers/google/models/m:countTokens",
                "m",
                false,
                false,
            ),
            (
                "/v1beta/tunedModels/t-1:generateContent",
                "tunedModels/t-1",
                false,
                false,
            ),
        ] {
            let found = read(GEMINI, path).unwrap();
            assert_eq!(
                (&*found.model, found.streaming, found.listed),
                (model, streaming, listed),
                "{path}"
            );
        }
        for path in [
            "/v1beta/models/:generateContent",
            "/v1beta/m:generateContent",
            "/models/m",
            "",
        ] {
            assert_eq!(read(GEMINI, path), None, "{path}");
        }
        assert_eq!(
            read(Dialect::OpenaiChat, "/models/m:generateContent"),
            None,
            "other dialects keep nothing there"
        );
    }

    #[test]
    fn another_model_changes_its_own_place_only_and_reads_back() {
        for (path, model, expected) in [
            (
                "/v1beta/models/fast:streamGenerateContent?alt=sse&key=k",
                "gemini-2.5-pro",
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=k",
            ),
            (
                "/v1/projects/models-p/models/up/m:generateContent",
                "n",
                "/v1/projects/models-p/models/n:generateContent",
            ),
            (
                "/v1beta/tunedModels/t:generateContent",
                "m",
                "/v1beta/models/m:generateContent",
            ),
            (
                "/v1beta/models/m:generateContent",
                "tunedModels/t",
                "/v1beta/tunedModels/t:generateContent",
            ),
            (
                "/v1beta/models/m:generateContent",
                "a b?c#d:e%é",
                "/v1beta/models/a%20b%3Fc%23d%3Ae%25%C3%A9:generateContent",
            ),
        ] {
            let out = with_model(GEMINI, path, model).unwrap();
            assert_eq!(out, expected);
            assert_eq!(read(GEMINI, &out).unwrap().model, model);
        }
    }

    #[test]
    fn a_model_can_not_lead_out_of_its_collection() {
        for model in ["", ".", "..", "a/../../files", "a//b", "/a", "a/"] {
            let path = "/v1beta/models/m:generateContent";
            assert_eq!(with_model(GEMINI, path, model), None, "{model}");
        }
    }

    #[test]
    fn a_key_in_the_query_is_found_and_taken_out_alone() {
        for (path, found, without) in [
            ("/m:g", None, "/m:g"),
            ("/m:g?alt=sse", None, "/m:g?alt=sse"),
            ("/m:g?monkey=1", None, "/m:g?monkey=1"),
            ("/m:g?key=abc", Some("abc"), "/m:g"),
            ("/m:g?key=abc&alt=sse", Some("abc"), "/m:g?alt=sse"),
            ("/m:g?a=1&key=abc&b=2&key=d", Some("abc"), "/m:g?a=1&b=2"),
        ] {
            assert_eq!(key(path), found);
            assert_eq!(without_key(path), without);
        }
    }
}
