//! `openai.chat`, read and written for translation.

use super::format::Format;

/// Its row in the table of wire formats.
pub(super) static FORMAT: Format = Format {
    read_request: None,
    write_request: |_, _, _| {
        Err(super::Refused::new(
            "model",
            "is not reached by this version",
        ))
    },
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
