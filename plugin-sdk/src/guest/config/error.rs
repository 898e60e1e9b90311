//! Errors of a configuration, and the keys that they are under.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

/// One problem. Values are never quoted by it: they may be secrets.
#[derive(Debug)]
pub(in crate::guest) struct Error {
    path: String,
    message: String,
}

impl Error {
    #[cold]
    pub(super) fn malformed(at: usize) -> Self {
        de::Error::custom(format_args!("the configuration is no JSON at byte {at}"))
    }

    /// The error, one level further up. A message that opens with an index, as a `try_from` over a
    /// list may write it, goes on where the path ends: `rules` and `[2].match: can …` are
    /// `rules[2].match: can …`.
    #[cold]
    pub(super) fn in_key(mut self, key: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = [key, dot, &self.path].concat();
        self
    }

    #[cold]
    pub(super) fn in_element(self, index: usize) -> Self {
        self.in_key(&format!("[{index}]"))
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path if self.message.starts_with('[') => write!(f, "{path}{}", self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self {
            path: String::new(),
            message: message.to_string(),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}, found {}", kind(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!(
            "expected {expected}, found {} that is none",
            kind(found)
        ))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("unknown key; expected {}", Names(expected)))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("unknown word; expected {}", Names(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("the key `{field}` is missing"))
    }
}

/// Kind of the value that was found, without the value.
fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Str(_) | Unexpected::Char(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a map",
        _ => "something else",
    }
}

/// `a`, `b` or `c`.
struct Names(&'static [&'static str]);

impl Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            f.write_str(match at {
                0 => "",
                _ if at + 1 == self.0.len() => " or ",
                _ => ", ",
            })?;
            write!(f, "`{name}`")?;
        }
        if self.0.is_empty() {
            f.write_str("none")
        } else {
            Ok(())
        }
    }
}
