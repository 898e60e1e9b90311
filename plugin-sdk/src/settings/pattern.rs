//! Regular expressions of operators.

use std::{fmt, ops::Range};

use regex_lite::Regex;
use serde::Deserialize;

/// A regular expression, as an operator writes it. Its feature is `patterns`.
///
/// The engine is [`regex-lite`](https://docs.rs/regex-lite), the one of the standard policies: it
/// takes time in proportion to the text, whatever the pattern, has no look-around and no back
/// references, and is an eighth of the size of `regex`. Letters are of ASCII where a class or
/// `(?i)` is meant. It is compiled where the policy is configured, once, and is part of the memory
/// that every exchange starts from. One that matches every text is refused.
///
/// ```
/// use outrigger_sdk::settings::Pattern;
///
/// #[derive(serde::Deserialize)]
/// struct Settings { ticket: Pattern }
///
/// let settings: Settings = serde_json::from_str(r#"{ "ticket": "OPS-[0-9]+" }"#).unwrap();
/// assert!(settings.ticket.is_match("see OPS-7"));
/// assert_eq!(settings.ticket.find("see OPS-7"), Some(4..9));
/// assert_eq!(settings.ticket.find_all("OPS-1, OPS-22").count(), 2);
/// assert_eq!(settings.ticket.replace_all("OPS-1!", "$0"), Some("$0!".to_owned()));
/// assert_eq!(settings.ticket.replace_all("none", "x"), None);
/// assert_eq!(settings.ticket.to_string(), "OPS-[0-9]+");
/// assert!(Pattern::new("(").is_err() && Pattern::new("a*").is_err());
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence for the operator: it is none, or it matches every text.
    pub fn new(pattern: &str) -> Result<Self, String> {
        match Regex::new(pattern) {
            Ok(regex) if regex.is_match("") && regex.is_match("x") => {
                Err("the pattern matches every text: leave it out".into())
            }
            Ok(regex) => Ok(Self(regex)),
            Err(error) => Err(format!("`{pattern}` is no regular expression: {error}")),
        }
    }

    /// Reports whether it matches anywhere in the text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Returns the first, leftmost match: its bytes in the text.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Range<usize>> {
        self.0.find(text).map(|found| found.range())
    }

    /// Iterates over the matches, none of which overlaps another.
    pub fn find_all(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        self.0.find_iter(text).map(|found| found.range())
    }

    /// Puts `with` in the place of each match, as it is written; `None` where there is none.
    #[must_use]
    pub fn replace_all(&self, text: &str, with: &str) -> Option<String> {
        let (mut out, mut done) = (String::new(), 0);
        for found in self.find_all(text) {
            out.push_str(text.get(done..found.start).unwrap_or_default());
            out.push_str(with);
            done = found.end;
        }
        if done == 0 && out.is_empty() {
            return None;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Some(out)
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        Self::new(&pattern)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}
