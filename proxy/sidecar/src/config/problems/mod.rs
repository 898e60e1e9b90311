//! Problems of a configuration file: their place, and what to write instead.
//!
//! serde_yaml gives a line only for errors that it raises itself. So a rule that is checked later
//! names a [`Path`], and [`locate`] reads the text once more, raising an error of its own at that
//! path to learn the line. That costs a parse per problem, and nothing without one.

use std::{fmt, io};

mod excerpt;
mod words;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// Everything that is wrong with one file; never empty when returned as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The file's name as it was given.
    pub file: String,
    /// Line and column, from 1; none where the file could not be read at all.
    pub at: Option<(usize, usize)>,
    /// `upstreams.openai.url`; empty for the whole document.
    pub key: String,
    /// Description of the problem and of what to write instead; quotes the file's text, never the
    /// value of a variable or of a secret's file.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl Problems {
    /// Returns all problems as [`fmt::Display`] has them, each with the line that it is about below
    /// it: for a terminal, never for a log.
    pub fn with_lines(&self) -> String {
        let each = self.0.iter().map(|problem| {
            let text = std::fs::read_to_string(&problem.file).ok();
            let line = text.zip(problem.at);
            let line = line.map_or_else(String::new, |(text, at)| excerpt::excerpt(&text, at));
            format!("{problem}\n{line}")
        });
        each.collect::<String>().trim_end().to_owned()
    }
}

impl Problem {
    /// Makes a problem of a whole file.
    pub(crate) fn of_file(file: &str, message: String) -> Self {
        Self {
            file: file.into(),
            at: None,
            key: String::new(),
            message,
        }
    }

    /// Makes a problem of a policy by its index in the chain and a key of its entry there, such as
    /// `use` or `config.rules[0].per`.
    pub(crate) fn of_policy(
        file: &str,
        yaml: &str,
        index: usize,
        key: &str,
        message: String,
    ) -> Self {
        let at = Path::default().key("policies").key("chain").index(index);
        Self {
            at: locate(yaml, &at.below(key)),
            key: at.to_string(),
            ..Self::of_file(file, message)
        }
    }

    /// Takes over an error of the parser, without the values that serde likes to quote: one of them
    /// may be a key.
    pub(super) fn from_yaml(file: &str, yaml: &str, error: &serde_yaml::Error) -> Self {
        let at = error.location().map(|l| (l.line(), l.column()));
        let text = error.to_string();
        let text = match at {
            Some((line, column)) => text
                .strip_suffix(&format!(" at line {line} column {column}"))
                .unwrap_or(&text),
            None => &text,
        };
        let (at, message) = words::explain(yaml, at, &without_quoted_string(text));
        Self {
            file: file.into(),
            at,
            key: String::new(),
            message,
        }
    }
}

/// `invalid type: string "sk-…", expected …` without the string.
fn without_quoted_string(text: &str) -> String {
    if let Some(start) = text.find("string \"")
        && let Some(end) = text.rfind("\", expected")
        && start + 6 < end
    {
        return format!("{}{}", &text[..start + 6], &text[end + 1..]);
    }
    text.to_owned()
}

/// Describes the reason alone, without `(os error 2)`.
pub(crate) fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".into(),
        io::ErrorKind::PermissionDenied => "permission is denied".into(),
        io::ErrorKind::NotADirectory => "it is not a directory".into(),
        io::ErrorKind::IsADirectory => "it is a directory".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        io::ErrorKind::StorageFull => "no space is left".into(),
        _ => error.to_string(),
    }
}

/// A place in the document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Path {
    #[inline(never)]
    pub(super) fn key(&self, key: &str) -> Self {
        self.step(Step::Key(key.into()))
    }
    #[inline(never)]
    pub(super) fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }
    /// The path of a key below it, as a policy writes it: `rules[0].per`.
    fn below(&self, key: &str) -> Self {
        let parts = key.split(['.', '[', ']']).filter(|part| !part.is_empty());
        parts.fold(self.clone(), |path, part| match part.parse() {
            Ok(index) => path.index(index),
            Err(_) => path.key(part),
        })
    }
    fn step(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if n == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Line and column of the value at `path`, or of the nearest value above it that is there.
pub(super) fn locate(yaml: &str, path: &Path) -> Option<(usize, usize)> {
    let error = Finder(&path.0)
        .deserialize(serde_yaml::Deserializer::from_str(yaml))
        .err()?;
    error.location().map(|l| (l.line(), l.column()))
}

/// Walks down the steps and fails where they end.
struct Finder<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for Finder<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! found {
    ($($visit:ident($kind:ty)),*) => { $(
        fn $visit<E: serde::de::Error>(self, _: $kind) -> Result<(), E> { Err(E::custom("here")) }
    )* };
}

impl<'de> Visitor<'de> for Finder<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    found!(
        visit_bool(bool),
        visit_i64(i64),
        visit_u64(u64),
        visit_f64(f64),
        visit_str(&str)
    );
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(E::custom("here"))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if let Some((Step::Index(wanted), rest)) = self.0.split_first() {
            for _ in 0..*wanted {
                items.next_element::<IgnoredAny>()?;
            }
            items.next_element_seed(Finder(rest))?;
        }
        Err(A::Error::custom("here"))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if let Some((Step::Key(wanted), rest)) = self.0.split_first() {
            while let Some(key) = entries.next_key::<String>()? {
                if key == *wanted {
                    entries.next_value_seed(Finder(rest))?;
                } else {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Err(A::Error::custom("here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "a: 1\nb:\n  - x\n  - { c: deep, d: [1, 2] }\n";

    #[test]
    fn a_path_is_found_with_its_line_and_column() {
        let root = Path::default();
        let deep = root.key("b").index(1).key("c");
        assert_eq!(deep.to_string(), "b[1].c");
        assert_eq!(locate(YAML, &deep), Some((4, 10)));
        assert_eq!(locate(YAML, &root.key("a")), Some((1, 4)));
        assert_eq!(locate(YAML, &root.key("b").index(0)), Some((3, 5)));
    }

    #[test]
    fn a_missing_key_is_located_at_what_should_hold_it() {
        let missing = Path::default().key("b").index(1).key("nothing");
        assert_eq!(locate(YAML, &missing).map(|(line, _)| line), Some(4));
    }

    #[test]
    fn a_parser_error_does_not_quote_a_string() {
        let text = "upstreams.a: invalid type: string \"sk-canary\", expected struct Upstream";
        assert_eq!(
            without_quoted_string(text),
            "upstreams.a: invalid type: string, expected struct Upstream"
        );
    }
}
