//! Keys by which exchanges are kept apart.

use std::fmt::{self, Write};

use serde::Deserialize;

use crate::{Request, digest};

/// Tags that the proxy sets itself. Others come from policies, and are written `tag:NAME`.
const TAGS: [&str; 4] = ["tenant", "feature", "plan", "region"];
/// Headers that policies are not shown.
pub(crate) const CREDENTIALS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
];
/// Longest name of a tag or header here, and longest value that stands in a name as it is, in
/// bytes.
const LONGEST: usize = 48;
/// Most keys at once: with [`LONGEST`] it keeps a name below 450 bytes.
const MOST: usize = 4;

/// Something of a request that has a value: `tenant`, `feature`, `plan`, `region`, `tag:NAME`,
/// `header:NAME`, `model` or `caller`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Key {
    /// A tag.
    Tag(String),
    /// A header, its name in lower case.
    Header(String),
    /// The requested model, as the policies before this one left it.
    Model,
    /// The caller's hash: [`Request::caller`].
    Caller,
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let named = |name: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain) {
                Ok(name.to_owned())
            } else {
                Err(format!(
                    "a name is 1 to {LONGEST} letters, digits, `-`, `_` and `.`"
                ))
            }
        };
        match text.split_once(':') {
            None if text == "model" => Ok(Self::Model),
            None if text == "caller" => Ok(Self::Caller),
            None if TAGS.contains(&text.as_str()) => Ok(Self::Tag(text)),
            Some(("tag", name)) => named(name).map(Self::Tag),
            Some(("header", name)) => {
                let name = named(name)?.to_ascii_lowercase();
                if CREDENTIALS.contains(&name.as_str()) {
                    return Err(format!(
                        "the header `{name}` carries a credential, which policies are not shown: write `caller`"
                    ));
                }
                Ok(Self::Header(name))
            }
            _ => Err(
                "nothing sets such a value: write tenant, feature, plan, region, model, caller, `header:NAME`, or `tag:NAME` for a tag that a policy before this one sets"
                    .into(),
            ),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(name) if TAGS.contains(&name.as_str()) => f.write_str(name),
            Self::Tag(name) => write!(f, "tag:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Model => f.write_str("model"),
            Self::Caller => f.write_str("caller"),
        }
    }
}

impl Key {
    /// The request's value of it. An empty value is none.
    #[must_use]
    pub fn of(&self, request: &Request) -> Option<String> {
        match self {
            Self::Tag(name) => request.tag(name),
            Self::Header(name) => request.header(name),
            Self::Model => request.model().map(str::to_owned),
            Self::Caller => request.caller(),
        }
        .filter(|value| !value.is_empty())
    }
}

/// One key or several, in no order; exchanges belong together where all have the same values.
///
/// No key at all puts all exchanges together.
///
/// ```
/// # use outrigger_sdk::{Request, settings::{Key, Keys}};
/// let per: Keys = serde_json::from_str(r#"["tenant", "model"]"#).unwrap();
/// let request = Request::chat("gpt-5").with_tag("tenant", "acme");
/// assert_eq!(per.name(&request), "tenant=acme,model=gpt-5");
/// assert_eq!(per.labels(&request)[0], ("tenant".into(), "acme".into()));
/// assert_eq!(per.list().len(), 2);
/// assert_eq!(Key::Model.of(&request).as_deref(), Some("gpt-5"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "OneOrMany")]
pub struct Keys(Vec<Key>);

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a key or a list of keys: tenant, `header:NAME`, model, …"
)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Keys {
    type Error = String;

    fn try_from(written: OneOrMany) -> Result<Self, String> {
        let (texts, list) = match written {
            OneOrMany::One(text) => (vec![text], false),
            OneOrMany::Many(texts) => (texts, true),
        };
        let mut keys = Vec::new();
        for (at, text) in texts.into_iter().enumerate() {
            let place = if list {
                format!("[{at}]: ")
            } else {
                String::new()
            };
            let key = Key::try_from(text).map_err(|error| format!("{place}{error}"))?;
            if keys.contains(&key) {
                return Err(format!("{place}`{key}` is listed twice: leave one out"));
            }
            keys.push(key);
        }
        if keys.len() > MOST {
            return Err(format!(
                "{} keys are too many: write {MOST} at most",
                keys.len()
            ));
        }
        keys.sort();
        Ok(Self(keys))
    }
}

/// Makes a default: the keys of a configuration are checked, these are not.
impl<const N: usize> From<[Key; N]> for Keys {
    fn from(keys: [Key; N]) -> Self {
        let mut keys = Vec::from(keys);
        keys.sort();
        Self(keys)
    }
}

impl Keys {
    /// The keys, sorted.
    #[must_use]
    pub fn list(&self) -> &[Key] {
        &self.0
    }

    /// A name for the exchanges that belong together with this one: `tenant=acme,model=gpt-5`, or
    /// `all` without a key.
    ///
    /// Two requests have one name only where they have the same values, whatever characters those
    /// hold. A value that a request does not have is `-`. Long values are hashed, so that a name
    /// has 450 bytes at most.
    #[must_use]
    pub fn name(&self, request: &Request) -> String {
        if self.0.is_empty() {
            return "all".into();
        }
        let mut name = String::new();
        for key in &self.0 {
            let comma = if name.is_empty() { "" } else { "," };
            let _ = write!(name, "{comma}{key}=");
            match key.of(request) {
                Some(value) => push_value(&mut name, &value),
                None => name.push('-'),
            }
        }
        name
    }

    /// The values for a metric's labels or a message: each key's name, in characters that a label
    /// may have, and its value, `-` where the request has none.
    #[must_use]
    pub fn labels(&self, request: &Request) -> Vec<(String, String)> {
        let label = |key: &Key| key.to_string().replace([':', '-', '.'], "_");
        let value = |key: &Key| key.of(request).unwrap_or_else(|| "-".into());
        self.0.iter().map(|key| (label(key), value(key))).collect()
    }
}

/// `tenant and model`, or `all exchanges`.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("all exchanges");
        }
        for (at, key) in self.0.iter().enumerate() {
            let and = if at == 0 { "" } else { " and " };
            write!(f, "{and}{key}")?;
        }
        Ok(())
    }
}

/// Writes a character that is not plain as `%` and two digits, and a value that is long then as `~`
/// and its hash: nobody can write a value that reads as either.
fn push_value(name: &mut String, value: &str) {
    let start = name.len();
    if value == "-" {
        return name.push_str("%2D");
    }
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.:@/+".contains(&byte) {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
        if name.len() - start > LONGEST {
            name.truncate(start);
            name.push('~');
            name.extend(digest([value]).chars().take(40));
            return;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(json: &str) -> Keys {
        serde_json::from_str(json).unwrap()
    }

    fn wrong(json: &str) -> String {
        serde_json::from_str::<Keys>(json).unwrap_err().to_string()
    }

    #[test]
    fn a_name_holds_each_key_with_its_value_or_a_dash() {
        let request = Request::chat("gpt-5")
            .with_tag("tenant", "acme")
            .with_header("X-Team", "a b");
        assert_eq!(keys("\"tenant\"").name(&request), "tenant=acme");
        assert_eq!(
            keys(r#"["model", "header:x-team", "plan", "tag:squad"]"#).name(&request),
            "plan=-,tag:squad=-,header:x-team=a%20b,model=gpt-5"
        );
        assert_eq!(keys("[]").name(&request), "all");
    }

    #[test]
    fn the_order_of_keys_makes_no_difference() {
        assert_eq!(
            keys(r#"["model", "tenant"]"#),
            keys(r#"["tenant", "model"]"#)
        );
    }

    #[test]
    fn no_two_values_have_one_name() {
        let long = "x".repeat(500);
        let (near, hashed) = (
            format!("{}y", &long[1..]),
            format!("~{}", &digest([&long])[..40]),
        );
        let values = [
            "-",
            "%2D",
            "a,plan=b",
            "a",
            "b",
            "a%2Cplan=b",
            "ä",
            "%C3%A4",
            " ",
            "a\n",
            &long,
            &near,
            &hashed,
        ];
        let mut names = BTreeSet::new();
        for tenant in values {
            for plan in values {
                let request = Request::chat("m")
                    .with_tag("tenant", tenant)
                    .with_tag("plan", plan);
                let name = keys(r#"["tenant", "plan"]"#).name(&request);
                assert!(name.len() <= 450 && name.is_ascii(), "{name}");
                assert!(names.insert(name), "{tenant:?} {plan:?}");
            }
        }
        let none = keys(r#"["tenant", "plan"]"#).name(&Request::chat("m"));
        assert!(
            names.insert(none),
            "a value that is missing has a name of its own"
        );
    }

    #[test]
    fn the_longest_name_is_short_enough_for_a_bucket() {
        let header = "h".repeat(LONGEST);
        let written = format!(
            r#"["header:{header}", "tag:{header}", "header:a{}", "tag:a{}"]"#,
            &header[1..],
            &header[1..]
        );
        let mut request = Request::chat("m");
        for name in [header.clone(), format!("a{}", &header[1..])] {
            request = request
                .with_header(&name, &"v".repeat(48))
                .with_tag(&name, &"v".repeat(48));
        }
        assert!(keys(&written).name(&request).len() <= 450);
    }

    #[test]
    fn what_nothing_sets_and_what_is_hidden_is_refused() {
        for (json, part) in [
            ("\"tennant\"", "nothing sets such a value"),
            ("[\"tenant\", \"team\"]", "[1]: nothing sets"),
            ("\"header:Authorization\"", "write `caller`"),
            ("\"tag:\"", "a name is"),
            ("\"header:a b\"", "a name is"),
            ("[\"tenant\", \"tenant\"]", "[1]: `tenant` is listed twice"),
            (
                "[\"tenant\", \"plan\", \"model\", \"caller\", \"region\"]",
                "too many",
            ),
        ] {
            assert!(wrong(json).contains(part), "{json}: {}", wrong(json));
        }
    }
}
