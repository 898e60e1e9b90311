//! Names of models with a `*` for anything.

/// A name, or a pattern with a `*` for any text; upper and lower case are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The text between the stars, in lower case; one piece where there is no star.
    pieces: Vec<String>,
    length: usize,
}

impl Pattern {
    /// Prepares what is written.
    pub(crate) fn of(written: &str) -> Self {
        Self {
            pieces: written
                .to_lowercase()
                .split('*')
                .map(str::to_owned)
                .collect(),
            length: written.len(),
        }
    }

    /// The order in which patterns are tried: a name before a pattern, a long pattern before a
    /// short one.
    pub(crate) fn rank(&self) -> impl Ord + use<> {
        (self.pieces.len() > 1, usize::MAX - self.length)
    }

    /// Reports whether a text in lower case is made of the pieces, in order, with anything between
    /// them.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return first == text;
        };
        let Some(mut text) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for piece in middle {
            match text.find(piece.as_str()) {
                Some(at) => text = text.get(at + piece.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        text.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_what_stands_between_its_pieces_and_nothing_else() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "a", true),
            ("*b", "ab", true),
            ("a*b", "ab", true),
            ("ab*b", "ab", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**c", "ac", true),
        ] {
            assert_eq!(
                Pattern::of(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
