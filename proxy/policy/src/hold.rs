//! Text that a policy withholds from a reply: measured from the outside, so that it can be bounded,
//! and sent where the policy fails or its time is over.
//!
//! The host sees what went in and what came out. Text that went in and did not come out is
//! *withheld*: all of it where nothing came back, the rest where what came back is a beginning of
//! it. Where a policy returned other text than it was given, nothing is known to be withheld.
//!
//! Withheld text whose time is over is sent early, as it is, and the policy does not know: what it
//! returns later is sent without the part that was sent. Where it returns other text than that (it
//! was the beginning of something after all), what it returns is sent whole.

use std::time::{Duration, Instant};

/// The text that one policy withholds from one channel.
#[derive(Debug, Default)]
pub(super) struct Hold {
    text: String,
    /// Bytes of its beginning that were sent early.
    sent: usize,
    since: Option<Instant>,
}

/// The result of one delta.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Noted {
    /// Text that replaces the delta's; `None` where it stays as it is.
    pub(super) text: Option<String>,
    /// Time for which text was withheld that is sent now.
    pub(super) hold_time: Option<Duration>,
}

impl Noted {
    const fn of(text: String, hold_time: Option<Duration>) -> Self {
        Self {
            text: Some(text),
            hold_time,
        }
    }

    /// Drops the first `again` bytes of what the policy returned: they were sent already.
    fn without(mut text: String, again: usize, hold_time: Option<Duration>) -> Self {
        text.drain(..again);
        Self::of(text, hold_time)
    }
}

impl Hold {
    /// Records one delta and what the policy returned for it.
    pub(super) fn note(&mut self, given: &str, returned: Option<String>, now: Instant) -> Noted {
        let Some(returned) = returned else {
            return Noted {
                text: None,
                hold_time: self.release(now),
            };
        };
        if self.text.is_empty() && returned == given {
            return Noted::of(returned, None);
        }
        self.text.push_str(given);
        if returned.is_empty() {
            if self.text.len() > self.sent {
                self.since.get_or_insert(now);
            }
            return Noted::of(returned, None);
        }
        match self.text.strip_prefix(returned.as_str()) {
            Some(rest) if !rest.is_empty() => {
                let rest = rest.to_owned();
                let again = self.sent.min(returned.len());
                let hold_time = self.release(now);
                self.sent -= again;
                self.since = (rest.len() > self.sent).then_some(now);
                self.text = rest;
                Noted::without(returned, again, hold_time)
            }
            _ => {
                let early = self.text.get(..self.sent).unwrap_or_default();
                let again = if returned.starts_with(early) {
                    self.sent
                } else {
                    0
                };
                self.sent = 0;
                Noted::without(returned, again, self.release(now))
            }
        }
    }

    /// Returns the number of bytes withheld, those sent early included.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Returns the instant since which text is withheld and not sent.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Takes the withheld text, except what was sent early.
    pub(super) fn take(&mut self) -> String {
        self.since = None;
        let mut text = std::mem::take(&mut self.text);
        text.drain(..std::mem::take(&mut self.sent).min(text.len()));
        text
    }

    /// Returns the withheld text that was not sent early, and counts it as sent. The policy
    /// withholds it still.
    pub(super) fn send_early(&mut self) -> String {
        self.since = None;
        let text = self.text.get(self.sent..).unwrap_or_default().to_owned();
        self.sent = self.text.len();
        text
    }

    /// Forgets the withheld text, which is sent, and returns the time for which it was withheld.
    fn release(&mut self, now: Instant) -> Option<Duration> {
        self.text.clear();
        self.since.take().map(|since| now.duration_since(since))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[expect(clippy::disallowed_methods, reason = "tests make their own instants")]
mod tests {
    use super::*;

    fn note(hold: &mut Hold, given: &str, returned: &str, now: Instant) -> (String, Option<u128>) {
        let noted = hold.note(given, Some(returned.into()), now);
        let hold_time = noted.hold_time.map(|time| time.as_millis());
        (noted.text.unwrap(), hold_time)
    }

    #[test]
    fn what_does_not_come_back_is_withheld_until_it_does() {
        let (mut hold, start) = (Hold::default(), Instant::now());
        let noted = note(&mut hold, "Hello [[EM", "Hello ", start);
        assert_eq!(noted, ("Hello ".into(), None));
        assert_eq!((hold.bytes(), hold.since()), (4, Some(start)));
        assert_eq!(note(&mut hold, "AIL", "", start), (String::new(), None));
        assert_eq!(hold.bytes(), 7);
        let later = start + Duration::from_millis(20);
        let noted = note(&mut hold, "_1]] x", "ana@example.com x", later);
        assert_eq!(noted, ("ana@example.com x".into(), Some(20)));
        assert_eq!((hold.bytes(), hold.since()), (0, None));
    }

    #[test]
    fn what_passes_unchanged_was_never_withheld() {
        let (mut hold, start) = (Hold::default(), Instant::now());
        let nothing = hold.note("text", None, start);
        assert_eq!((nothing.text, nothing.hold_time), (None, None));
        assert_eq!(
            note(&mut hold, "text", "text", start),
            ("text".into(), None)
        );
        assert_eq!(hold.note("", None, start).hold_time, None);
        assert_eq!(hold.bytes(), 0);
    }

    #[test]
    fn withheld_text_can_be_given_out_in_the_policys_stead() {
        let (mut hold, start) = (Hold::default(), Instant::now());
        note(&mut hold, "ab[[", "ab", start);
        note(&mut hold, "c", "", start);
        assert_eq!(hold.take(), "[[c");
        assert_eq!(hold.bytes(), 0);
    }

    #[test]
    fn what_was_sent_early_is_not_sent_again() {
        let start = Instant::now();
        for (given, returned, out) in [
            ("1, 2]]", "[1, 2]]", "1, 2]]"),          // it was nothing
            ("[EMAIL_1]]", "ana@x.com", "ana@x.com"), // it was something
            ("[", "", ""),                            // it may be still
            ("[", "[", ""),                           // it is not, but what follows may be
            ("", "[", ""),                            // the channel ends
        ] {
            let mut hold = Hold::default();
            assert_eq!(
                note(&mut hold, "items = [", "items = ", start).0,
                "items = "
            );
            assert_eq!(hold.send_early(), "[");
            assert_eq!((hold.since(), hold.send_early()), (None, String::new()));
            assert_eq!(note(&mut hold, given, returned, start).0, out, "{given}");
        }
    }

    #[test]
    fn what_is_withheld_besides_what_was_sent_early_has_a_time_of_its_own() {
        let (mut hold, start) = (Hold::default(), Instant::now());
        let later = start + Duration::from_secs(20);
        note(&mut hold, "[", "", start);
        assert_eq!(hold.send_early(), "[");
        note(&mut hold, "[EM", "", later);
        assert_eq!(hold.since(), Some(later));
        assert_eq!(hold.send_early(), "[EM");
        // The policy returns one byte, then the rest with what follows.
        assert_eq!(note(&mut hold, "", "[", later).0, "");
        assert_eq!(hold.since(), None);
        assert_eq!(note(&mut hold, "PTY]", "[EMPTY]", later).0, "PTY]");
    }
}
