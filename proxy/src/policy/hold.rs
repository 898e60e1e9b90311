//! What a policy holds back of a reply: measured from the outside, so that it can be bounded, and given out where the policy fails.
//!
//! The host sees what went in and what came out. Text that went in and did not come out is *held*: all of it where nothing came back, the
//! rest where what came back is a beginning of it. Where a policy returned other text than it was given, nothing is known to be held.

use std::time::{Duration, Instant};

/// What one policy holds of one channel.
#[derive(Debug, Default)]
pub(super) struct Hold {
    text: String,
    since: Option<Instant>,
}

impl Hold {
    /// Notes one delta and what the policy returned for it. Returns how long text was held that is out now.
    pub(super) fn note(
        &mut self,
        given: &str,
        returned: Option<&str>,
        now: Instant,
    ) -> Option<Duration> {
        let Some(returned) = returned.filter(|out| *out != given || !self.text.is_empty()) else {
            return self.release(now);
        };
        if returned.is_empty() && !given.is_empty() {
            self.text.push_str(given);
            self.since.get_or_insert(now);
            return None;
        }
        self.text.push_str(given);
        match self.text.strip_prefix(returned) {
            Some(rest) if !rest.is_empty() => {
                let held = self.since.map(|since| now.duration_since(since));
                self.text = rest.to_owned();
                self.since = Some(now);
                held
            }
            _ => self.release(now),
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Since when.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Takes the held text.
    pub(super) fn take(&mut self) -> String {
        self.since = None;
        std::mem::take(&mut self.text)
    }

    fn release(&mut self, now: Instant) -> Option<Duration> {
        self.text.clear();
        self.since.take().map(|since| now.duration_since(since))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own instants")]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_come_back_is_held_until_it_does() {
        let (mut hold, start) = (Hold::default(), Instant::now());
        assert_eq!(hold.note("Hello [[EM", Some("Hello "), start), None);
        assert_eq!((hold.bytes(), hold.since()), (4, Some(start)));
        assert_eq!(hold.note("AIL", Some(""), start), None);
        assert_eq!(hold.bytes(), 7);
        let later = start + Duration::from_millis(20);
        assert_eq!(
            hold.note("_1]] x", Some("ana@example.com x"), later),
            Some(Duration::from_millis(20))
        );
        assert_eq!((hold.bytes(), hold.since()), (0, None));
    }

    #[test]
    fn what_passes_unchanged_was_never_held() {
        let (mut hold, start) = (Hold::default(), Instant::now());
        assert_eq!(hold.note("text", None, start), None);
        assert_eq!(hold.note("text", Some("text"), start), None);
        assert_eq!(hold.note("", None, start), None);
        assert_eq!(hold.bytes(), 0);
    }

    #[test]
    fn held_text_can_be_given_out_in_the_policys_stead() {
        let (mut hold, start) = (Hold::default(), Instant::now());
        hold.note("ab[[", Some("ab"), start);
        hold.note("c", Some(""), start);
        assert_eq!(hold.take(), "[[c");
        assert_eq!(hold.bytes(), 0);
    }
}
