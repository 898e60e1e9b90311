//! Losses: fields that a target's dialect or model can't carry. They are refused by name where the
//! meaning would change, dropped and counted where only cost or taste would.

/// The end of a field that can't be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The request is refused, as its meaning would change.
    Refuse,
    /// It is left out and counted, as only cost or taste changes.
    Drop,
}

/// The reason why a request can't be translated. Names a field and never quotes its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {why}")]
pub struct Refused {
    /// The field, as the caller's dialect calls it.
    pub field: String,
    /// The rest of a sentence that begins with the field.
    pub why: &'static str,
    /// True if the body would be refused by its own dialect, whoever serves it.
    pub is_malformed: bool,
}

impl Refused {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(field: impl Into<String>, why: &'static str) -> Self {
        Self {
            field: field.into(),
            why,
            is_malformed: false,
        }
    }

    /// A body that its own dialect would refuse.
    #[cold]
    #[inline(never)]
    pub(crate) fn malformed(field: impl Into<String>, why: &'static str) -> Self {
        Self {
            is_malformed: true,
            ..Self::new(field, why)
        }
    }
}

/// Most fields that are listed for one request; there are no more names than that.
const MOST: usize = 64;

/// The fields that were left out of one request or reply: names of a bounded set, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped(Vec<&'static str>);

impl Dropped {
    /// Notes a field.
    #[inline(never)]
    pub(crate) fn add(&mut self, field: &'static str) {
        if self.0.len() < MOST && !self.0.contains(&field) {
            self.0.push(field);
        }
    }

    /// The fields, in the order in which they were left out.
    pub fn fields(&self) -> &[&'static str] {
        &self.0
    }

    /// Reports whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
