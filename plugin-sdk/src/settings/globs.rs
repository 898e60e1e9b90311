//! Texts with `*` and `?`.

use std::fmt;

use serde::Deserialize;

/// One glob or several, of which any may match a whole text: `*` is any characters, `?` is one.
/// Upper and lower case differ.
///
/// ```
/// # use outrigger_sdk::settings::Globs;
/// let globs: Globs = serde_json::from_str(r#"["gpt-4*", "o?"]"#).unwrap();
/// assert!(globs.matches("gpt-4o") && !globs.matches("openai/gpt-4o"));
/// assert!(globs.matches_model("openai/gpt-4o") && !globs.match_all());
/// let fewer: Globs = serde_json::from_str(r#""o3""#).unwrap();
/// assert!(globs.cover_models(&fewer));
/// assert_eq!(fewer.exact(), Some(&["o3".to_owned()][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "OneOrMany")]
pub struct Globs(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a glob or a list of globs")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Globs {
    type Error = String;

    fn try_from(globs: OneOrMany) -> Result<Self, String> {
        let globs = match globs {
            OneOrMany::One(glob) => vec![glob],
            OneOrMany::Many(globs) => globs,
        };
        if globs.is_empty() {
            return Err("the list is empty, so nothing could match: leave the key out".into());
        }
        match globs
            .iter()
            .find(|glob| glob.is_empty() || glob.contains(['[', ']', '{', '}']))
        {
            Some(glob) => Err(format!(
                "`{glob}` is no glob: write text with `*` for any characters and `?` for one"
            )),
            None => Ok(Self(globs)),
        }
    }
}

impl Globs {
    /// Reports whether any of them is this text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|glob| matches(glob, text))
    }

    /// Reports whether any of them is this model. One without a slash is compared with the name
    /// behind the last slash as well, so that `gpt-4*` is `openai/gpt-4o` too.
    #[must_use]
    pub fn matches_model(&self, model: &str) -> bool {
        let name = model.rsplit_once('/').map(|(_, name)| name);
        let named =
            |glob: &str| name.is_some_and(|name| !glob.contains('/') && matches(glob, name));
        self.0
            .iter()
            .any(|glob| matches(glob, model) || named(glob))
    }

    /// Reports whether these match every model that `others` match; each of the others is matched
    /// as it is written.
    #[must_use]
    pub fn cover_models(&self, others: &Self) -> bool {
        others.0.iter().all(|glob| self.matches_model(glob))
    }

    /// Reports whether one of them is any text.
    #[must_use]
    pub fn match_all(&self) -> bool {
        self.0.iter().any(|glob| glob.bytes().all(|b| b == b'*'))
    }

    /// The texts, where none has a wildcard: the only ones that match.
    #[must_use]
    pub fn exact(&self) -> Option<&[String]> {
        let plain = self.0.iter().all(|glob| !glob.contains(['*', '?']));
        plain.then_some(&self.0)
    }
}

impl fmt::Display for Globs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("|"))
    }
}

/// Linear but for the last `*`, to which it goes back.
fn matches(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        match (glob.clone().next(), text.clone().next()) {
            (Some('*'), _) => {
                glob.next();
                retry = Some((glob.clone(), text.clone()));
                continue;
            }
            (Some(wanted), Some(got)) if wanted == '?' || wanted == got => {
                glob.next();
                text.next();
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        // Nothing else matches: the last star takes one character more.
        let Some((after_star, from)) = &mut retry else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        (glob, text) = (after_star.clone(), from.clone());
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn globs(json: &str) -> Result<Globs, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_star_is_any_characters_and_a_question_mark_is_one() {
        for (glob, text, expected) in [
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "gpt-", true),
            ("gpt-*", "my-gpt-5", false),
            ("*a*b*", "xaxxb", true),
            ("*a*b", "xaxxbx", false),
            ("a?c", "aüc", true),
            ("a?c", "ac", false),
            ("A", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn a_model_is_named_with_or_without_its_upstream() {
        for (glob, model, expected) in [
            ("gpt-4*", "openai/gpt-4o", true),
            ("gpt-4*", "openrouter/openai/gpt-4o", true),
            ("gpt-4*", "gpt-4o", true),
            ("gpt-4o", "openai/gpt-4o", true),
            ("gpt-4*", "openai/my-gpt-4o", false),
            ("openai/*", "openai/gpt-4o", true),
            ("openai/*", "azure/gpt-4o", false),
            ("openai/gpt-4*", "gpt-4o", false),
            ("openai*", "openai/gpt-4o", true),
            ("openai", "openai/gpt-4o", false),
        ] {
            let one = globs(&format!("\"{glob}\"")).unwrap();
            assert_eq!(one.matches_model(model), expected, "{glob} {model}");
        }
        let several = |json: &str| globs(json).unwrap();
        assert!(several("\"gpt-*\"").cover_models(&several("[\"gpt-5\",\"openai/gpt-4*\"]")));
        assert!(!several("\"gpt-*\"").cover_models(&several("[\"gpt-5\",\"o3\"]")));
        assert!(several("[\"a\",\"**\"]").match_all() && !several("\"a*\"").match_all());
    }

    #[test]
    fn a_glob_of_many_stars_does_not_explode() {
        // A matcher that tried every combination would not end within a lifetime.
        assert!(!matches(&"*a".repeat(30), &("a".repeat(3000) + "b")));
    }

    #[test]
    fn one_or_several_are_written_and_an_empty_one_or_a_class_is_refused() {
        assert!(globs("\"a\"").unwrap().matches("a"));
        assert!(globs("[\"a\",\"b*\"]").unwrap().matches("bc"));
        assert_eq!(globs("[\"a\",\"b\"]").unwrap().exact().unwrap(), ["a", "b"]);
        assert_eq!(globs("\"b*\"").unwrap().exact(), None);
        for json in ["[]", "\"\"", "[\"a\",\"\"]", "\"a[bc]\"", "1"] {
            assert!(globs(json).is_err(), "{json}");
        }
    }
}
