//! `openai.responses`, read and written for translation.

use super::format::Format;

mod path;
mod request_read;
mod request_write;
#[cfg(test)]
mod tests;

/// Its row in the table of wire formats.
pub(super) static FORMAT: Format = Format {
    read_request: Some(request_read::read),
    write_request: request_write::write,
    reader: |_| Box::new(Nothing),
    writer: None,
};

struct Nothing;

impl super::format::ReadReply for Nothing {
    fn read_event(
        &mut self,
        _: &[u8],
        _: &[u8],
        _: &mut dyn super::event::Sink,
    ) -> Result<(), crate::Malformed> {
        Ok(())
    }
    fn read_whole(
        &mut self,
        _: &[u8],
        _: &mut dyn super::event::Sink,
    ) -> Result<(), crate::Malformed> {
        Ok(())
    }
}
