//! Tags of an exchange: words that the chain and accounting share.

use std::sync::Arc;

/// Tags that a caller may give one exchange.
pub const MOST: usize = 16;
/// Longest tag, in bytes.
const LONGEST: usize = 128;

/// The tags of one exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    all: Vec<Tag>,
    ignored: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    name: Arc<str>,
    value: Arc<str>,
    rank: u8,
}

impl Tags {
    /// Returns the value of the tag of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.shared(name).map(|value| &**value)
    }

    /// Returns the same as a shared string, for callers that keep it.
    pub fn shared(&self, name: &str) -> Option<&Arc<str>> {
        self.all
            .iter()
            .find(|tag| *tag.name == *name)
            .map(|tag| &tag.value)
    }

    /// Sets a tag, as policies do; an empty value removes it. Returns false where the name or the
    /// value can't be one, or there are too many.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        if value.is_empty() {
            self.all.retain(|tag| *tag.name != *name);
            return true;
        }
        if !is_value(value) || !is_name(name) {
            return false;
        }
        if let Some(tag) = self.all.iter_mut().find(|tag| *tag.name == *name) {
            tag.value = value.into();
            return true;
        }
        let room = self.all.len() < 2 * MOST;
        if room {
            self.all.push(Tag {
                name: name.into(),
                value: value.into(),
                rank: 0,
            });
        }
        room
    }

    /// Iterates over names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all.iter().map(|tag| (&*tag.name, &*tag.value))
    }

    /// Returns the number of tags of the caller that could not be taken: too long, unprintable or
    /// too many.
    pub fn ignored(&self) -> u16 {
        self.ignored
    }

    /// Takes what a header says of a tag, unless a better header, one of a smaller `rank`, said
    /// something before.
    pub fn offer(&mut self, name: &Arc<str>, value: &[u8], rank: u8) {
        let Some(value) = std::str::from_utf8(value)
            .ok()
            .map(str::trim)
            .filter(|v| is_value(v))
        else {
            self.ignore();
            return;
        };
        let room = self.all.len() < MOST;
        match self.all.iter_mut().find(|tag| tag.name == *name) {
            Some(tag) if tag.rank <= rank => {}
            Some(tag) => (tag.value, tag.rank) = (value.into(), rank),
            None if room => {
                self.all.push(Tag {
                    name: Arc::clone(name),
                    value: value.into(),
                    rank,
                });
            }
            None => self.ignore(),
        }
    }

    /// Takes a tag that no header gave: the last resort.
    pub fn fall_back(&mut self, name: &Arc<str>, value: &Arc<str>) {
        if self.get(name).is_none() {
            self.all.push(Tag {
                name: Arc::clone(name),
                value: Arc::clone(value),
                rank: u8::MAX,
            });
        }
    }

    /// Counts a tag of the caller that could not be taken.
    pub const fn ignore(&mut self) {
        self.ignored = self.ignored.saturating_add(1);
    }
}

/// Reports whether this may be a tag: some text, none of it a control character, 128 bytes at most.
pub fn is_value(value: &str) -> bool {
    (1..=LONGEST).contains(&value.len()) && !value.chars().any(char::is_control)
}

/// Reports whether this may be a tag's name.
pub fn is_name(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_set_and_remove_tags_within_the_same_bounds() {
        let mut tags = Tags::default();
        assert!(tags.set("tenant", "a") && tags.set("tenant", "b") && tags.set("own-tag_1", "c"));
        assert_eq!(tags.get("tenant"), Some("b"));
        assert!(tags.set("tenant", "") && tags.get("tenant").is_none());
        for (name, value) in [
            ("", "a"),
            ("Upper", "a"),
            ("1", "a"),
            ("a b", "a"),
            ("tenant", "a\nb"),
            ("tenant", &"x".repeat(129)),
        ] {
            assert!(!tags.set(name, value), "{name} {value}");
        }
        assert_eq!(
            (0..100).filter(|n| tags.set(&format!("t{n}"), "v")).count(),
            2 * MOST - 1
        );
    }

    #[test]
    fn tags_that_nothing_was_put_into_have_not_allocated() {
        let mut tags = Tags::default();
        tags.offer(&"tenant".into(), b"a\nb", 0);
        tags.ignore();
        assert!(tags.set("tenant", "") && !tags.set("Upper", "a"));
        assert_eq!((tags.all.capacity(), tags.ignored()), (0, 2));
    }
}
