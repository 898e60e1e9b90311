//! The findings that the operator wants: the built-in kinds, patterns of their own, and what is to
//! be left alone.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::detect::{self, Kind, Kinds, Span};
use crate::placeholder::LONGEST_LABEL;

/// The `detect:` list: names of built-in kinds. Default: all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Detect(pub(crate) Kinds);

impl Default for Detect {
    fn default() -> Self {
        Self(Kinds::ALL)
    }
}

impl TryFrom<Vec<String>> for Detect {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        if names.is_empty() {
            return Err("the list is empty, so nothing would be found: name a kind, or leave `detect` out for all of them".into());
        }
        let mut kinds = Kinds::NONE;
        for name in &names {
            let Some(&kind) = Kind::ALL.iter().find(|kind| kind.key() == name) else {
                let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.key()).collect();
                return Err(format!(
                    "`{name}` is no kind of data that can be found: write one of {}",
                    known.join(", ")
                ));
            };
            if kinds.has(kind) {
                return Err(format!("`{name}` is listed twice: leave one out"));
            }
            kinds = kinds.with(kind);
        }
        Ok(Self(kinds))
    }
}

/// One entry of `custom:`: a name, which placeholders show, and a regular expression.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Pattern {
    label: String,
    regex: regex_lite::Regex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    pattern: String,
    #[serde(default)]
    examples: Examples,
}

/// Texts that say what a pattern is meant to find: checked when it is loaded.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Examples {
    /// Each is found, all of it.
    r#match: Vec<String>,
    /// Nothing is found in any.
    no_match: Vec<String>,
}

impl Examples {
    fn check(&self, name: &str, regex: &regex_lite::Regex) -> Result<(), String> {
        for example in &self.r#match {
            let mut found = regex.find_iter(example);
            if !found.any(|found| found.as_str() == example) {
                let what = regex.find(example).map(|found| found.as_str());
                let what = what.map_or("nothing".into(), |part| format!("`{part}` alone"));
                return Err(format!(
                    "the pattern of `{name}` finds {what} in `{example}`, which is in its `examples.match`"
                ));
            }
        }
        for example in &self.no_match {
            if let Some(found) = regex.find(example) {
                return Err(format!(
                    "the pattern of `{name}` finds `{}` in `{example}`, which is in its `examples.no_match`",
                    found.as_str()
                ));
            }
        }
        Ok(())
    }
}

impl TryFrom<Written> for Pattern {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written {
            name,
            pattern,
            examples,
        } = written;
        let fits = (1..=LONGEST_LABEL).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
            && !name.starts_with('_')
            && !name.ends_with('_');
        if !fits {
            return Err(format!(
                "`{name}` is no name for a placeholder: use 1 to {LONGEST_LABEL} letters, with `_` between them"
            ));
        }
        let label = name.to_ascii_uppercase();
        if Kind::ALL.iter().any(|kind| kind.label() == label) {
            return Err(format!(
                "`{name}` is the name of a built-in kind: choose another"
            ));
        }
        let regex = regex_lite::Regex::new(&pattern)
            .map_err(|error| format!("the pattern of `{name}` can't be read: {error}"))?;
        if ["", "a 1-", "é\n"]
            .iter()
            .any(|sample| regex.find_iter(sample).any(|found| found.is_empty()))
        {
            return Err(format!(
                "the pattern of `{name}` matches the empty string: make it need at least one character"
            ));
        }
        examples.check(&name, &regex)?;
        Ok(Self { label, regex })
    }
}

/// The `allow:` list: exact values in any case, and `@domain` for all addresses of a mail domain.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Allow {
    /// The entries, in lower case.
    entries: BTreeSet<String>,
}

impl TryFrom<Vec<String>> for Allow {
    type Error = String;

    fn try_from(entries: Vec<String>) -> Result<Self, String> {
        let entries: BTreeSet<String> = entries
            .into_iter()
            .map(|entry| entry.trim().to_ascii_lowercase())
            .collect();
        if entries.iter().any(|entry| entry.is_empty() || entry == "@") {
            return Err("an entry is empty: write a value, or `@` and a mail domain".into());
        }
        Ok(Self { entries })
    }
}

impl Allow {
    fn has(&self, kind: Kind, text: &str) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        let text = text.to_ascii_lowercase();
        let domain = || {
            text.rfind('@')
                .and_then(|at| text.get(at..))
                .is_some_and(|domain| self.entries.contains(domain))
        };
        self.entries.contains(&text) || kind == Kind::Email && domain()
    }
}

/// All of it together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// The built-in kinds.
    pub(crate) detect: Detect,
    /// The operator's patterns.
    pub(crate) custom: Vec<Pattern>,
    /// The texts that are left alone.
    pub(crate) allow: Allow,
}

/// A finding in a text, in bytes, with the readable part of its placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finding<'r> {
    /// First byte.
    pub(crate) start: usize,
    /// One past the last.
    pub(crate) end: usize,
    /// Its kind.
    pub(crate) kind: Kind,
    /// At most eleven capitals and underscores.
    pub(crate) label: &'r str,
}

/// The findings in a text, in order, without overlaps.
#[derive(Debug)]
pub(crate) struct Findings<'r> {
    spans: Vec<Span>,
    /// For each of them the number of its pattern; empty where there are none.
    patterns: Vec<u32>,
    custom: &'r [Pattern],
}

impl<'r> Findings<'r> {
    /// True if nothing was found.
    pub(crate) const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Finding<'r>> + Clone + use<'_, 'r> {
        let labelled = |(at, span): (usize, &Span)| {
            let pattern = self.patterns.get(at);
            let pattern = pattern.and_then(|number| self.custom.get(*number as usize));
            Finding {
                start: span.start,
                end: span.end,
                kind: span.kind,
                label: match pattern.filter(|_| span.kind == Kind::Custom) {
                    Some(pattern) => &pattern.label,
                    None => span.kind.label(),
                },
            }
        };
        self.spans.iter().enumerate().map(labelled)
    }
}

impl Rules {
    /// The findings in `text`. The operator's patterns win over the built-in kinds.
    pub(crate) fn find(&self, text: &str) -> Findings<'_> {
        let mut spans = Vec::new();
        detect::scan(text, self.detect.0, &mut spans);
        if !self.allow.entries.is_empty() {
            spans.retain(|span| !self.allow.has(span.kind, &text[span.start..span.end]));
        }
        let patterns = match self.custom.is_empty() {
            true => Vec::new(),
            false => self.add_custom(text, &mut spans),
        };
        Findings {
            spans,
            patterns,
            custom: &self.custom,
        }
    }

    /// Puts the findings of the operator's patterns among the others. Returns the number of each
    /// one's pattern.
    fn add_custom(&self, text: &str, spans: &mut Vec<Span>) -> Vec<u32> {
        let built_in = spans.drain(..).map(|span| (span, 0));
        let mut all: Vec<(Span, u32)> = built_in.collect();
        for (number, pattern) in (0..).zip(&self.custom) {
            let found = pattern.regex.find_iter(text);
            let found = found.filter(|found| !found.is_empty());
            let found = found.filter(|found| !self.allow.has(Kind::Custom, found.as_str()));
            all.extend(found.map(|found| {
                let (start, end, kind) = (found.start(), found.end(), Kind::Custom);
                (Span { start, end, kind }, number)
            }));
        }
        // Those that are surer or longer first, then each that overlaps none before it.
        all.sort_by_key(|(found, number)| {
            let (custom, longest) = (found.kind == Kind::Custom, std::cmp::Reverse(found.end));
            (found.start, !custom, longest, *number)
        });
        let mut patterns = Vec::with_capacity(all.len());
        for (mut found, pattern) in all {
            if let Some(last) = spans.last_mut() {
                if found.end <= last.end {
                    continue;
                }
                if found.start < last.end && found.kind == Kind::Custom && last.kind != Kind::Custom
                {
                    // Both parts must be hidden: the pattern takes the built-in finding's place
                    // over all of it.
                    found.start = last.start;
                    *last = found;
                    patterns.pop();
                    patterns.push(pattern);
                    continue;
                }
                if found.start < last.end {
                    found.start = last.end;
                }
            }
            spans.push(found);
            patterns.push(pattern);
        }
        patterns
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn pattern(name: &str, pattern: &str) -> Result<Pattern, String> {
        Written {
            name: name.into(),
            pattern: pattern.into(),
            examples: Examples::default(),
        }
        .try_into()
    }

    fn labels(rules: &Rules, text: &str) -> Vec<(String, String)> {
        rules
            .find(text)
            .iter()
            .map(|f| (f.label.to_owned(), text[f.start..f.end].to_owned()))
            .collect()
    }

    #[test]
    fn a_pattern_that_matches_nothing_at_all_is_refused() {
        for empty in ["", "a*", r"\b", "x?", "(a|)"] {
            assert!(
                pattern("x", empty).unwrap_err().contains("empty string"),
                "{empty}"
            );
        }
        assert!(pattern("x", "(").unwrap_err().contains("can't be read"));
        assert!(pattern("email", "a").unwrap_err().contains("built-in"));
        assert!(
            pattern("much_too_long_a_name", "a")
                .unwrap_err()
                .contains("no name")
        );
    }

    #[test]
    fn allowed_values_and_mail_domains_are_left_alone() {
        let allow = Allow::try_from(vec![
            "@Acme.com".into(),
            "10.0.0.1".into(),
            "boss@x.com".into(),
        ])
        .unwrap();
        let rules = Rules {
            allow,
            ..Rules::default()
        };
        let text = "a@acme.com b@sub.acme.com Boss@X.com 10.0.0.1 10.0.0.2";
        assert_eq!(
            labels(&rules, text),
            [
                ("EMAIL".into(), "b@sub.acme.com".into()),
                ("IP".into(), "10.0.0.2".into())
            ]
        );
    }

    #[test]
    fn patterns_and_kinds_that_overlap_leave_nothing_open() {
        let custom = vec![pattern("badge", r"EMP-\d+( [a-z]+@)?").unwrap()];
        let rules = Rules {
            custom,
            ..Rules::default()
        };
        let text = "EMP-12 ana@x.com and EMP-7";
        let found = labels(&rules, text);
        assert_eq!(
            found,
            [
                ("BADGE".into(), "EMP-12 ana@".into()),
                ("EMAIL".into(), "x.com".into()),
                ("BADGE".into(), "EMP-7".into())
            ]
        );
    }

    #[test]
    fn a_list_of_nothing_or_of_unknown_kinds_is_refused() {
        assert!(Detect::try_from(vec![]).unwrap_err().contains("empty"));
        assert!(
            Detect::try_from(vec!["mail".into()])
                .unwrap_err()
                .contains("credit_card")
        );
        assert!(
            Detect::try_from(vec!["ip".into(), "ip".into()])
                .unwrap_err()
                .contains("twice")
        );
        let Detect(kinds) = Detect::try_from(vec!["ip".into()]).unwrap();
        assert!(kinds.has(Kind::Ip) && !kinds.has(Kind::Email));
    }
}
