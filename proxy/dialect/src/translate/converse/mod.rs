//! Amazon Bedrock's Converse, written and read for translation: no caller speaks it.
//!
//! It is one format for the models of many makers, which take what is their own in
//! `additionalModelRequestFields`: see [`family`]. The documents:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>.

use super::format::Format;

mod family;
mod reply_read;
mod request_write;
#[cfg(test)]
mod tests;

/// Its row in the table of wire formats.
pub(super) static FORMAT: Format = Format {
    read_request: None,
    write_request: request_write::write,
    reader: |context| Box::new(reply_read::Reader::new(&context)),
    writer: None,
};
