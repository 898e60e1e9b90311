//! Vectors of texts: the request of `openai.embeddings` for them, and its reply.
//!
//! Servers take and send more than this. What is written here is what all of them take (OpenAI,
//! Ollama, vLLM, TEI, llama.cpp): a list of texts, and no `encoding_format`, whose default is
//! numbers everywhere. What is read is checked: a reply that lacks a vector, or has one of another
//! length, is no reply.
//!
//! Source: <https://platform.openai.com/docs/api-reference/embeddings/create>.

use crate::{
    Dialect, Malformed, Usage,
    json::{Kind, outlined::Cursor, quote},
    usage,
};

/// The most numbers of a vector.
pub const MOST_DIMENSIONS: usize = 4096;

/// The reply to a request for vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// The vectors in the order of the texts: of one length, which is 1 at least and
    /// [`MOST_DIMENSIONS`] at most, and of finite numbers.
    pub vectors: Vec<Vec<f32>>,
    /// The usage, where it is reported.
    pub usage: Option<Usage>,
}

/// Writes the body of a request for the vectors of texts, of so many numbers where the model is to
/// shorten them.
pub fn request(model: &str, texts: &[impl AsRef<str>], dimensions: Option<u32>) -> Vec<u8> {
    let length: usize = texts.iter().map(|text| text.as_ref().len() + 8).sum();
    let mut out = Vec::with_capacity(length + model.len() + 64);
    out.extend_from_slice(br#"{"model":"#);
    quote(model, &mut out);
    out.extend_from_slice(br#","input":["#);
    for (n, text) in texts.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        quote(text.as_ref(), &mut out);
    }
    out.push(b']');
    if let Some(dimensions) = dimensions {
        out.extend_from_slice(format!(r#","dimensions":{dimensions}"#).as_bytes());
    }
    out.push(b'}');
    out
}

/// Reads the reply to a request for the vectors of so many texts.
///
/// # Errors
/// It is none, or not a vector for each text; the vectors differ in length, are too long, or have
/// something in them that is no finite number.
pub fn read(reply: &[u8], texts: usize) -> Result<Vectors, Malformed> {
    let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); texts];
    let (mut usage, mut has_data) = (None, false);
    let mut cursor = Cursor::new(reply);
    cursor.object(|key, cursor| match &*key.bytes() {
        b"data" if has_data => Err(Malformed::new("`data` stands twice", cursor.at())),
        b"data" => {
            has_data = true;
            cursor.array(|at, cursor| one(reply, at, cursor, &mut vectors))
        }
        b"usage" => {
            let mut read = Usage::default();
            usage::read(cursor.inlined(), Dialect::OpenaiEmbeddings, &mut read)?;
            usage = (read.input > 0).then_some(read);
            Ok(())
        }
        _ => cursor.skip().map(drop),
    })?;
    cursor.end()?;
    let dimensions = vectors.first().map_or(0, Vec::len);
    if vectors.iter().any(|vector| vector.is_empty()) {
        return Err(Malformed::new("a text has no vector", reply.len()));
    }
    match vectors.iter().all(|vector| vector.len() == dimensions) {
        true => Ok(Vectors { vectors, usage }),
        false => Err(Malformed::new("vectors differ in length", reply.len())),
    }
}

/// Reads the vector at a place of the list, which is its text's where it has no `index`.
fn one(
    reply: &[u8],
    at: usize,
    cursor: &mut Cursor<'_>,
    vectors: &mut [Vec<f32>],
) -> Result<(), Malformed> {
    let (mut index, mut numbers) = (Some(at), None);
    cursor.object(|key, cursor| match &*key.bytes() {
        b"index" => {
            let read = cursor.integer()?;
            index = read.and_then(|index| usize::try_from(index).ok());
            Ok(())
        }
        b"embedding" => {
            numbers = Some(self::numbers(reply, cursor)?);
            Ok(())
        }
        _ => cursor.skip().map(drop),
    })?;
    let place = index.and_then(|index| vectors.get_mut(index));
    match (place, numbers) {
        (Some(place), Some(numbers)) if place.is_empty() => {
            *place = numbers;
            Ok(())
        }
        (_, None) => Err(Malformed::new("a vector is missing", cursor.at())),
        (Some(_), Some(_)) => Err(Malformed::new("a text has two vectors", cursor.at())),
        (None, Some(_)) => Err(Malformed::new("a vector is of no text", cursor.at())),
    }
}

fn numbers(reply: &[u8], cursor: &mut Cursor<'_>) -> Result<Vec<f32>, Malformed> {
    if cursor.kind()? != Kind::Array {
        return Err(Malformed::new("a vector is no list", cursor.at()));
    }
    let mut numbers = Vec::new();
    cursor.array(|_, cursor| {
        if numbers.len() >= MOST_DIMENSIONS {
            return Err(Malformed::new("a vector is too long", cursor.at()));
        }
        let at = cursor.at();
        // What JSON has besides (`null`, a text) is no number to Rust either.
        let number = reply
            .get(cursor.skip()?)
            .and_then(|text| str::from_utf8(text).ok());
        let number = number.and_then(|text| text.parse().ok());
        match number.filter(|number: &f32| number.is_finite()) {
            Some(number) => numbers.push(number),
            None => return Err(Malformed::new("a finite number is expected", at)),
        }
        Ok(())
    })?;
    Ok(numbers)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
