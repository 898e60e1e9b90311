//! A YAML or JSON value that still knows how it was written.
//!
//! Not `serde_yaml::Value`: that one reads `0644` as text and writes the text `yes` without quotes,
//! and kubectl, which reads YAML 1.1, takes the first for an octal number and the second for true.
//! Here a plain scalar stays the characters that it was; whether it is a number is decided only
//! where we must know, and then as kubectl decides it. A value from a file also knows its place
//! there, so that what is not changed is not printed anew either.

/// The keys of a pod's spec that list containers.
pub(super) const CONTAINER_LISTS: [&str; 2] = ["initContainers", "containers"];

/// A scalar, a list or a map.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Its content.
    pub(super) body: Body,
    /// A tag other than the usual ones, as written (`!!binary`, `!x`).
    pub(super) tag: Option<String>,
    /// The place it was read at; none for what was made here.
    pub(super) at: Option<At>,
}

/// The content of a node.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Characters without quotes: text, or a number, a truth value, null.
    Plain(String),
    /// Text for certain.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in its order. Keys are scalars.
    Map(Vec<Entry>),
}

/// A key and what it stands for.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// A scalar.
    pub(super) key: Node,
    /// Its value.
    pub(super) value: Node,
}

/// A place in a document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    /// First byte; of a list that is not indented, its first item's.
    pub(super) start: usize,
    /// Past the last byte of content; comments and blank lines after it do not belong to it.
    pub(super) end: usize,
    /// The line, from 1.
    pub(super) line: usize,
    /// True if it can be changed in its place: a collection or a scalar on one line, not an alias,
    /// not merged in. Inside a copy it says nothing: who changes asks the outer node first.
    pub(super) own: bool,
    /// True if it is an alias, which says what stands at its anchor.
    pub(super) copy: bool,
    /// The opening bracket of a collection that stands between brackets.
    pub(super) open: Option<usize>,
}

impl Node {
    fn made(body: Body) -> Self {
        Self {
            body,
            tag: None,
            at: None,
        }
    }

    /// Text, quoted where it needs to be.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::made(Body::Text(text.into()))
    }

    /// Characters that are written as they are: a number, `true`, `null`.
    pub(super) fn plain(text: impl ToString) -> Self {
        Self::made(Body::Plain(text.to_string()))
    }

    /// A sequence.
    pub(super) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::made(Body::List(items.into_iter().collect()))
    }

    /// A mapping.
    pub(super) fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| Entry {
            key: Self::text(key),
            value,
        });
        Self::made(Body::Map(entries.collect()))
    }

    /// The characters of a scalar.
    pub(super) fn chars(&self) -> Option<&str> {
        match &self.body {
            Body::Plain(text) | Body::Text(text) => Some(text),
            Body::List(_) | Body::Map(_) => None,
        }
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        match &self.body {
            Body::List(items) => items,
            _ => &[],
        }
    }

    /// The items of the list under a key; none of anything else.
    pub(super) fn items_of(&self, key: &str) -> &[Self] {
        self.get(key).map(Self::items).unwrap_or_default()
    }

    /// The containers of a pod's spec, those that run first in front.
    pub(super) fn containers(&self) -> impl Iterator<Item = &Self> {
        CONTAINER_LISTS.iter().flat_map(|key| self.items_of(key))
    }

    /// The items of a list, to be changed.
    pub(super) fn items_mut(&mut self) -> Option<&mut Vec<Self>> {
        match &mut self.body {
            Body::List(items) => Some(items),
            _ => None,
        }
    }

    /// The items of the list under a key, to be changed.
    pub(super) fn items_of_mut(&mut self, key: &str) -> Option<&mut Vec<Self>> {
        self.get_mut(key).and_then(Self::items_mut)
    }

    /// The entries of a map; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.body {
            Body::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entries of a map, to be changed.
    pub(super) fn entries_mut(&mut self) -> Option<&mut Vec<Entry>> {
        match &mut self.body {
            Body::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// True if it is a map.
    pub(super) fn is_map(&self) -> bool {
        matches!(self.body, Body::Map(_))
    }

    /// True if it is an empty list or map.
    pub(super) fn is_empty(&self) -> bool {
        match &self.body {
            Body::List(items) => items.is_empty(),
            Body::Map(entries) => entries.is_empty(),
            _ => false,
        }
    }

    /// True if there is nothing: `null`, `~` or no characters at all.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.body, Body::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let entry = self.entries().iter().find(|entry| entry.is(key));
        entry.map(|entry| &entry.value)
    }

    /// The value at the end of several keys.
    pub(super) fn find(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The value of a key, to be changed.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        let entries = self.entries_mut()?;
        let entry = entries.iter_mut().find(|entry| entry.is(key));
        entry.map(|entry| &mut entry.value)
    }

    /// The value at the end of several keys, to be changed.
    pub(super) fn find_mut(&mut self, keys: &[&str]) -> Option<&mut Self> {
        keys.iter().try_fold(self, |node, key| node.get_mut(key))
    }

    /// The text of a key's value.
    pub(super) fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::chars)
    }

    /// Sets a key: in its place where it is there, else at the end. Nothing where this is no map.
    pub(super) fn set(&mut self, key: &str, value: Self) {
        if let Some(there) = self.get_mut(key) {
            *there = value;
        } else if let Some(entries) = self.entries_mut() {
            let key = Self::text(key);
            entries.push(Entry { key, value });
        }
    }

    /// Takes a key away.
    pub(super) fn remove(&mut self, key: &str) {
        if let Some(entries) = self.entries_mut() {
            entries.retain(|entry| !entry.is(key));
        }
    }

    /// True or false, as kubectl reads it (YAML 1.1); none where it is neither.
    pub(super) fn truth(&self) -> Option<bool> {
        let Body::Plain(text) = &self.body else {
            return None;
        };
        match text.as_str() {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
                Some(true)
            }
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n"
            | "N" => Some(false),
            _ => None,
        }
    }

    /// A whole number, as kubectl reads it (YAML 1.1: `0644` and `0o644` are octal, `1_000` has a
    /// separator).
    pub(super) fn int(&self) -> Option<i64> {
        let Body::Plain(text) = &self.body else {
            return None;
        };
        let text = text.replace('_', "");
        let (minus, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(&text)),
        };
        let radix = |prefix: &str, radix| {
            let rest = digits.strip_prefix(prefix)?;
            i64::from_str_radix(rest, radix).ok()
        };
        let number = radix("0x", 16)
            .or_else(|| radix("0o", 8))
            .or_else(|| radix("0b", 2))
            .or_else(|| radix("0", 8))
            .or_else(|| digits.parse().ok())
            // Go writes large numbers so when JSON becomes YAML.
            .or_else(|| {
                let float: f64 = digits.parse().ok()?;
                let whole = float.fract() == 0.0 && float.abs() < 9e15;
                #[expect(clippy::cast_possible_truncation, reason = "it was just checked")]
                whole.then_some(float as i64)
            })?;
        Some(if minus { -number } else { number })
    }

    /// True if two values mean the same to every reader: the order of keys, the kind of quotes and
    /// the place in the file do not count.
    pub(super) fn same(&self, other: &Self) -> bool {
        if self.tag != other.tag {
            return false;
        }
        match (&self.body, &other.body) {
            (Body::List(a), Body::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (Body::Map(a), Body::Map(b)) => {
                let found = |entry: &Entry| {
                    let there = b.iter().find(|other| other.key.same(&entry.key));
                    there.is_some_and(|other| other.value.same(&entry.value))
                };
                a.len() == b.len() && a.iter().all(found)
            }
            (Body::Plain(a), Body::Plain(b)) => a == b || (self.is_null() && other.is_null()),
            (Body::Text(a), Body::Text(b)) => a == b,
            (Body::Plain(plain), Body::Text(text)) | (Body::Text(text), Body::Plain(plain)) => {
                plain == text && surely_text(plain)
            }
            _ => false,
        }
    }

    /// Bytes that it takes here, roughly, each part counted: what expanded aliases cost.
    pub(super) fn weight(&self) -> usize {
        match &self.body {
            Body::Plain(text) | Body::Text(text) => 64 + text.len(),
            Body::List(items) => 64 + items.iter().map(Self::weight).sum::<usize>(),
            Body::Map(entries) => {
                let entry = |e: &Entry| e.key.weight() + e.value.weight();
                64 + entries.iter().map(entry).sum::<usize>()
            }
        }
    }
}

impl Entry {
    /// True if its key is this one.
    pub(super) fn is(&self, key: &str) -> bool {
        self.key.chars() == Some(key)
    }
}

/// True if a scalar without quotes is text to every reader, of YAML 1.1 or 1.2, in a block or
/// between brackets. Doubtful ones get quotes.
pub(super) fn surely_text(text: &str) -> bool {
    const WORDS: [&str; 11] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
    ];
    let body = text.strip_prefix("--").or(text.strip_prefix('-'));
    let body = body.unwrap_or(text);
    let Some(first) = body.chars().next() else {
        return false;
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "/_.-@=+:%~()'[]|* ".contains(c);
    let quantity = || {
        let units = body.trim_start_matches(|c: char| c.is_ascii_digit());
        text == body && (1..=2).contains(&units.len()) && {
            let unit = |c| "mskKMGTPinu".contains(c);
            units.chars().all(unit)
        }
    };
    let starts = first.is_ascii_alphabetic() || matches!(first, '/' | '_');
    (starts && !WORDS.iter().any(|word| body.eq_ignore_ascii_case(word))
        || first.is_ascii_digit() && quantity())
        && body.chars().all(fits)
        && !body.contains(": ")
        && !body.ends_with([' ', ':'])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_truths_are_read_as_kubectl_reads_them() {
        for (text, number) in [
            ("13370", 13370),
            ("0644", 0o644),
            ("0o644", 0o644),
            ("0x343a", 13370),
            ("1_000", 1000),
            ("-1", -1),
            ("0", 0),
            ("1e+06", 1_000_000),
        ] {
            assert_eq!(Node::plain(text).int(), Some(number), "{text}");
        }
        for text in ["abc", "1.5", "", "0x", "12:30"] {
            assert_eq!(Node::plain(text).int(), None, "{text}");
        }
        assert_eq!(Node::text("13370").int(), None);
        assert_eq!(Node::plain("on").truth(), Some(true));
        assert_eq!(Node::plain("NO").truth(), Some(false));
        assert_eq!(Node::text("true").truth(), None);
    }

    #[test]
    fn what_a_reader_could_take_for_something_else_is_not_surely_text() {
        let words = "yes On y N null ~ 0777 1e3 12:30:45 2001-01-01 0x1f .inf = << a: &a *a !a { [ é \
            1_000 -- a,b NaN # %a @a `a 1.5 123456789012345678901";
        let spaced = ["", "a: b", "a #b", " a", "a ", "- a", "a\nb"];
        for text in words.split(' ').chain(spaced) {
            assert!(!surely_text(text), "{text:?}");
        }
        let words = "app /var/run --config 20m 32Mi 115s a:b http://a:1/v1 IfNotPresent null-ish";
        for text in words.split(' ') {
            assert!(surely_text(text), "{text:?}");
        }
        assert!(Node::plain("app").same(&Node::text("app")));
        assert!(!Node::plain("yes").same(&Node::text("yes")));
        assert_eq!(
            Node::map([("a", Node::plain(1))]).get("a").unwrap().int(),
            Some(1)
        );
    }
}
