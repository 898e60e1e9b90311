//! The keys of one object, each once.

use crate::dialect::{Malformed, json::Key};

/// The keys of one object that were read so far. Two members of one name are an error: parsers differ in which of them counts, so
/// a policy might be shown another text than the model.
#[derive(Default)]
pub(super) struct Seen(u64);

impl Seen {
    /// Which of `names` (64 at most) the key is; `""` where none.
    pub(super) fn name(
        &mut self,
        key: &Key<'_>,
        names: &[&'static str],
    ) -> Result<&'static str, Malformed> {
        let Some(index) = names.iter().position(|name| key.is(name)) else {
            return Ok("");
        };
        self.once(key, index)?;
        Ok(names.get(index).copied().unwrap_or_default())
    }

    /// The same where names have two spellings, `maxTokens` and `max_tokens`; both in one object are twice the same key. Returns the
    /// first.
    pub(super) fn either(
        &mut self,
        key: &Key<'_>,
        names: &[(&'static str, &'static str)],
    ) -> Result<&'static str, Malformed> {
        let is = |(camel, snake): &(&str, &str)| key.is(camel) || key.is(snake);
        let Some(index) = names.iter().position(is) else {
            return Ok("");
        };
        self.once(key, index)?;
        Ok(names.get(index).map_or("", |(camel, _)| *camel))
    }

    fn once(&mut self, key: &Key<'_>, index: usize) -> Result<(), Malformed> {
        if self.0 & 1 << index != 0 {
            let at = key.range().start;
            let what = "a key occurs twice in one object";
            return Err(Malformed { what, at });
        }
        self.0 |= 1 << index;
        Ok(())
    }
}
