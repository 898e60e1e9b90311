//! `anthropic.messages`, read and written for translation.

use super::format::Format;

mod reply_read;
mod reply_whole;
mod reply_write;
mod request_read;
mod request_write;
#[cfg(test)]
mod tests;

/// Its row in the table of wire formats.
pub(super) static FORMAT: Format = Format {
    read_request: Some(request_read::read),
    write_request: request_write::write,
    reader: |context| Box::new(reply_read::Reader::new(context)),
    writer: Some(|context| match context.stream {
        true => Box::new(reply_write::Stream::new(context)),
        false => Box::new(reply_whole::Whole::new(context)),
    }),
};
