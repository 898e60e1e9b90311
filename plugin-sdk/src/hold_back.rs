//! Holding text back until enough of it has arrived.
//!
//! A stream may cut anywhere, so a policy that looks for something longer than one character keeps
//! the end of the text as long as it may be the beginning of what it looks for. Nothing is searched
//! here: the policy says how many bytes at the end are in doubt.

use std::cell::RefCell;

use crate::{Channels, Delta};

/// Text of each channel that waits for more. `Default` is empty; in a policy's struct it stands
/// under `#[serde(skip)]`. It is shared while it works, so that what is in doubt may be a method of
/// the same struct.
///
/// ```
/// use outrigger_sdk::{HoldBack, beginning_of};
///
/// let hold_back = HoldBack::default();
/// let in_doubt = |text: &str| beginning_of(text, "<<1>>");
/// assert_eq!(hold_back.push(0, "Hello <", false, in_doubt), "Hello ");
/// assert_eq!(hold_back.push(0, "<1>> and", false, in_doubt), "<<1>> and");
/// assert_eq!(hold_back.push(0, " <<", true, in_doubt), " <<");
/// ```
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct HoldBack {
    /// Channels with text that waits.
    waiting: RefCell<Channels<String>>,
}

impl HoldBack {
    /// Takes a channel's next text and returns what may be looked at and sent: the text that waited
    /// and the new one, without the last `in_doubt(all)` bytes, which wait for the next call. On
    /// `last` everything is returned.
    ///
    /// A count that would cut a character is rounded up, so that the whole character waits.
    pub fn push(
        &self,
        channel: u32,
        text: &str,
        last: bool,
        in_doubt: impl Fn(&str) -> usize,
    ) -> String {
        let waited = self.waiting.borrow_mut().remove(channel);
        let mut all = waited.unwrap_or_default();
        all.push_str(text);
        if !last {
            self.keep_tail(channel, &mut all, in_doubt);
        }
        all
    }

    /// Does the same in place: afterwards the delta's text is what may be looked at and sent. A
    /// delta that comes and goes whole, as most do, is not touched and costs no copy.
    ///
    /// ```
    /// # use outrigger_sdk::{Delta, HoldBack, Place, beginning_of};
    /// struct Swap { word: String, held: HoldBack }
    /// impl Swap {
    ///     fn in_doubt(&self, text: &str) -> usize { beginning_of(text, &self.word) }
    ///     fn show(&mut self, delta: &mut Delta) {
    ///         self.held.apply(delta, |text| self.in_doubt(text));
    ///     }
    /// }
    /// let mut swap = Swap { word: "abc".into(), held: HoldBack::default() };
    /// let mut delta = Delta::new(0, Place::Assistant, "x ab", false);
    /// swap.show(&mut delta);
    /// assert_eq!(delta.text(), "x ");
    /// ```
    pub fn apply(&self, delta: &mut Delta, in_doubt: impl Fn(&str) -> usize) {
        if self.is_empty(delta.channel()) && (delta.last() || in_doubt(delta.text()) == 0) {
            return;
        }
        let released = self.push(delta.channel(), delta.text(), delta.last(), in_doubt);
        delta.replace(released);
    }

    /// Reports whether no text of `channel` waits.
    #[must_use]
    pub fn is_empty(&self, channel: u32) -> bool {
        !self.waiting.borrow().contains(channel)
    }

    fn keep_tail(&self, channel: u32, all: &mut String, in_doubt: impl Fn(&str) -> usize) {
        let mut cut = all.len().saturating_sub(in_doubt(all));
        while !all.is_char_boundary(cut) {
            cut -= 1;
        }
        if cut < all.len() {
            *self.waiting.borrow_mut().of(channel) = all.split_off(cut);
        }
    }
}

/// Bytes at the end of `text` that may be the beginning of `word`: the longest end of `text` that
/// `word` starts with, the whole word not counted.
#[must_use]
pub fn beginning_of(text: &str, word: &str) -> usize {
    let longest = word.len().saturating_sub(1).min(text.len());
    let (text, word) = (text.as_bytes(), word.as_bytes());
    (1..=longest)
        .rev()
        .find(|&length| text[text.len() - length..] == word[..length])
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_inside_a_character_holds_the_whole_character() {
        let hold_back = HoldBack::default();
        assert_eq!(hold_back.push(0, "aé", false, |_| 1), "a");
        assert_eq!(hold_back.push(0, "", true, |_| 1), "é");
    }

    #[test]
    fn channels_are_kept_apart() {
        let hold_back = HoldBack::default();
        assert_eq!(hold_back.push(0, "ab", false, |_| 1), "a");
        assert_eq!(hold_back.push(7, "xy", false, |_| 1), "x");
        assert_eq!(hold_back.push(0, "c", true, |_| 1), "bc");
        assert!(hold_back.is_empty(0) && !hold_back.is_empty(7));
        assert_eq!(hold_back.push(7, "", true, |_| 1), "y");
    }

    #[test]
    fn a_count_beyond_the_text_holds_all_of_it_until_the_end() {
        let hold_back = HoldBack::default();
        assert_eq!(hold_back.push(0, "abc", false, |_| 99), "");
        assert_eq!(hold_back.push(0, "d", true, |_| 99), "abcd");
    }

    #[test]
    fn the_longest_beginning_at_the_end_counts_and_a_whole_word_does_not() {
        assert_eq!(beginning_of("xx aab", "aabaac"), 3);
        assert_eq!(beginning_of("xx aabaa", "aabaac"), 5);
        assert_eq!(beginning_of("aabaac", "aabaac"), 0);
        assert_eq!(beginning_of("abab", "ab"), 0);
        assert_eq!(beginning_of("", "ab"), 0);
        assert_eq!(beginning_of("a", ""), 0);
        assert_eq!(beginning_of("é", "éa"), 2);
    }

    #[test]
    fn a_delta_with_nothing_in_doubt_is_left_as_it_came() {
        let hold_back = HoldBack::default();
        let mut delta = Delta::new(0, crate::Place::Assistant, "abc", false);
        hold_back.apply(&mut delta, |_| 0);
        assert!(!delta.is_replaced());
        hold_back.apply(&mut delta, |_| 2);
        assert_eq!((delta.text(), delta.is_replaced()), ("a", true));
    }
}
