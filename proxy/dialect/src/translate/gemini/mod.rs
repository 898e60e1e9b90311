//! `gemini.generate`, read and written for translation:
//! <https://ai.google.dev/api/generate-content>.
//!
//! Its calls have no ids, or its apps leave them out; its parts are whole where others come in
//! pieces; its stream has no mark of its end. What differs is in the heads of the files.

mod config;
mod contents;
mod finish;
mod media;
mod pair;
mod parts;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
mod schema;
#[cfg(test)]
mod tests;
mod thinking;
mod tools;
mod walk;

use super::format::Format;
pub(super) use request_write::model_path;
pub(super) use schema::with_json_schemas;

/// Its row in the table of wire formats.
pub(super) static FORMAT: Format = Format {
    read_request: Some(request_read::read),
    write_request: request_write::write,
    reader: |context| Box::new(reply_read::Reader::new(context)),
    writer: Some(|context| Box::new(reply_write::Writer::new(context))),
};

/// Reports whether an address names a file that Google has: of its Files API, or in its storage.
fn is_file(uri: &str) -> bool {
    let hosted = uri.strip_prefix("https://generativelanguage.googleapis.com/");
    uri.starts_with("gs://")
        || uri.starts_with("files/")
        || hosted.is_some_and(|path| path.contains("files/"))
}

/// The generation of a model of the Gemini family, such as 2 of `gemini-2.5-flash`; `None` of
/// others.
fn generation(model: &str) -> Option<u32> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let rest = name.strip_prefix("gemini-")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
