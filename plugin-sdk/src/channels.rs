//! State for each channel of a reply.

/// A value for each channel of a reply, made when the channel's first text arrives. `Default` is
/// empty; in a policy's struct it stands under `#[serde(skip)]`.
///
/// ```
/// use outrigger_sdk::{Channels, Delta, Place};
///
/// let mut lengths = Channels::<usize>::default();
/// for text in ["Hel", "lo"] {
///     let delta = Delta::new(7, Place::Assistant, text, false);
///     *lengths.of(delta.channel()) += delta.text().len();
/// }
/// assert_eq!(lengths.remove(7), Some(5));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels<T> {
    /// Rarely more than one, so a list.
    list: Vec<(u32, T)>,
}

impl<T> Default for Channels<T> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

impl<T> Channels<T> {
    /// The channel's value; a default one where it has none yet.
    pub fn of(&mut self, channel: u32) -> &mut T
    where
        T: Default,
    {
        let at = self.position(channel).unwrap_or_else(|| {
            self.list.push((channel, T::default()));
            self.list.len() - 1
        });
        &mut self.list[at].1
    }

    /// Takes the channel's value, if it has one.
    pub fn remove(&mut self, channel: u32) -> Option<T> {
        let at = self.position(channel)?;
        Some(self.list.swap_remove(at).1)
    }

    /// Reports whether the channel has a value.
    #[must_use]
    pub fn contains(&self, channel: u32) -> bool {
        self.position(channel).is_some()
    }

    fn position(&self, channel: u32) -> Option<usize> {
        self.list.iter().position(|(known, _)| *known == channel)
    }
}
