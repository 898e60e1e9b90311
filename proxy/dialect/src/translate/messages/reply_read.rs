//! Replies of `anthropic.messages`, read.
use super::super::{
    event::Sink,
    format::{ReadReply, ReplyContext},
};
use crate::Malformed;
pub(super) struct Reader;
impl Reader {
    pub(super) fn new(_: ReplyContext) -> Self {
        Self
    }
}
impl ReadReply for Reader {
    fn read_event(&mut self, _: &[u8], _: &[u8], _: &mut dyn Sink) -> Result<(), Malformed> {
        Ok(())
    }
    fn read_whole(&mut self, _: &[u8], _: &mut dyn Sink) -> Result<(), Malformed> {
        Ok(())
    }
}
