//! Looks for new personal data in a reply while it streams.
//!
//! A number may arrive cut, so the last stretch of text waits until enough stands after it, or
//! until the channel ends. That is longer than placeholders need; hence `replies` is off by
//! default.

use crate::{
    json::{self, Depth},
    rules::{Finding, Rules},
};

/// Bytes that must stand after a place before it may go, and that are remembered for the words
/// before a number.
const WINDOW: usize = 64;
/// The most bytes that wait, for a key block under way.
const MOST: usize = 16 * 1024;

/// One channel: what went last, and what waits.
#[derive(Debug, Default, Clone)]
pub(crate) struct Screen {
    text: String,
    sent: usize,
    /// The depth in JSON of what went.
    depth: Depth,
}

impl Screen {
    /// Takes what arrived and returns what may go, each finding replaced by what `mask` gives for
    /// it.
    ///
    /// # Errors
    /// The first one that `mask` returns.
    pub(crate) fn push<E>(
        &mut self,
        rules: &Rules,
        text: &str,
        last: bool,
        mask: impl Fn(&Finding<'_>) -> Result<String, E>,
    ) -> Result<String, E> {
        self.text.push_str(text);
        let all = self.text.as_str();
        let findings = rules.find(all);
        let whole = last || all.len() - self.sent > MOST;
        let mut limit = if whole { all.len() } else { self.limit() };
        if !whole && let Some(cut) = findings.iter().find(|f| f.start < limit && f.end >= limit) {
            limit = cut.start.max(self.sent);
        }
        let mut out = String::with_capacity(limit - self.sent);
        let mut done = self.sent;
        for found in findings
            .iter()
            .filter(|f| f.end > self.sent && f.start.max(self.sent) < limit)
        {
            if found.end <= done {
                continue;
            }
            let start = found.start.max(done);
            self.depth.read(&all[done..start]);
            // A bare number of JSON goes as a whole, and its mask is a string.
            let (bare, before) = (self.depth.is_bare(false), self.depth.scalar());
            out.push_str(&all[done..start - before.min(start - done)]);
            let masked = mask(&found)?;
            match bare {
                true => out.push_str(&json::escape(&json::quote(&masked), self.depth.open())),
                false => out.push_str(&masked),
            }
            self.depth.skip_value();
            let after = all.as_bytes()[found.end..].iter();
            let after = after.take_while(|byte| bare && json::is_scalar(**byte));
            done = found.end + after.count();
        }
        limit = limit.max(done);
        self.depth.read(&all[done..limit]);
        out.push_str(&all[done..limit]);
        // Remember the end of what went, for the words before a number.
        let mut keep = limit.saturating_sub(WINDOW);
        while !self.text.is_char_boundary(keep) {
            keep -= 1;
        }
        self.text.drain(..keep);
        self.sent = limit - keep;
        Ok(out)
    }

    /// The end of the text that may go: the last space that is far enough from the end.
    fn limit(&self) -> usize {
        let far = self.text.len().saturating_sub(WINDOW);
        let waiting = self.text.as_bytes().get(self.sent..far).unwrap_or_default();
        waiting
            .iter()
            .rposition(u8::is_ascii_whitespace)
            .map_or(self.sent, |space| self.sent + space)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn mask(found: &Finding<'_>) -> Result<String, ()> {
        Ok(format!("[[{}]]", found.label))
    }

    #[test]
    fn every_cut_masks_the_same() {
        let text = "Write to ana@x.com or call +55 11 98765-4321 today; the card 4111 1111 1111 1111 and the words after it are long enough to go. Café 10.1.2.3";
        let whole = Screen::default()
            .push(&Rules::default(), text, true, mask)
            .unwrap();
        assert_eq!(whole.matches("[[").count(), 4);
        for cut in text.char_indices().map(|(i, _)| i) {
            let mut screen = Screen::default();
            let mut got = screen
                .push(&Rules::default(), &text[..cut], false, mask)
                .unwrap();
            got += &screen
                .push(&Rules::default(), &text[cut..], true, mask)
                .unwrap();
            assert_eq!(got, whole, "cut at {cut}");
        }
        let mut screen = Screen::default();
        let mut got: String = text
            .chars()
            .map(|c| {
                screen
                    .push(&Rules::default(), &c.to_string(), false, mask)
                    .unwrap()
            })
            .collect();
        got += &screen.push(&Rules::default(), "", true, mask).unwrap();
        assert_eq!(got, whole);
    }

    #[test]
    fn a_number_of_json_becomes_a_string() {
        let text = r#"{"cpf": 52998224725, "in": "{\"cpf\": 52998224725}", "mail": "ana@x.com"} and 529.982.247-25 [52998224725]"#;
        let masked = Screen::default()
            .push(&Rules::default(), text, true, mask)
            .unwrap();
        assert_eq!(
            masked,
            r#"{"cpf": "[[CPF]]", "in": "{\"cpf\": \"[[CPF]]\"}", "mail": "[[EMAIL]]"} and [[CPF]] [[[CPF]]]"#
        );
    }
}
