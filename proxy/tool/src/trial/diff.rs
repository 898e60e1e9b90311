//! Differences: between two JSON documents, value by value, and between two texts, word by word.

use serde_json::Value;

/// A value that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its JSON pointer (RFC 6901); of what was removed the one that it had.
    pub(crate) pointer: String,
    /// The former text; none where it is new.
    pub(crate) before: Option<String>,
    /// The new text; none where it was removed.
    pub(crate) after: Option<String>,
}

/// Returns the values that differ, in the order of the document.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(
    pointer: String,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<Change>,
) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for (key, value) in old {
                compare(below(&pointer, key), Some(value), new.get(key), found);
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                compare(below(&pointer, key), None, Some(value), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                compare(
                    below(&pointer, &at.to_string()),
                    Some(old),
                    Some(new),
                    found,
                );
            }
        }
        // Where the length differs, what is the same at both ends stayed.
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            let start = old
                .iter()
                .zip(new)
                .take_while(|(old, new)| old == new)
                .count();
            let most = old.len().min(new.len()) - start;
            let ends = old.iter().rev().zip(new.iter().rev()).take(most);
            let end = ends.take_while(|(old, new)| old == new).count();
            let middle = |list: &'_ [Value]| start..list.len() - end;
            for at in middle(old) {
                compare(below(&pointer, &at.to_string()), old.get(at), None, found);
            }
            for at in middle(new) {
                compare(below(&pointer, &at.to_string()), None, new.get(at), found);
            }
        }
        (before, after) => found.push(Change {
            pointer,
            before: before.map(shown),
            after: after.map(shown),
        }),
    }
}

fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A text as it reads, anything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A part of a text's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Same(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

/// Cells of the table of a comparison at the most, 16 MiB: beyond them all that lies between the
/// common ends counts as one change.
const CELLS: usize = 4 << 20;

/// Returns the parts of the change from `before` to `after`, by the longest common subsequence of
/// their words.
pub(crate) fn words<'a>(before: &'a str, after: &'a str) -> Vec<Part<'a>> {
    let (old, new) = (split(before), split(after));
    let start = old
        .iter()
        .zip(&new)
        .take_while(|(old, new)| old == new)
        .count();
    let most = old.len().min(new.len()) - start;
    let ends = old.iter().rev().zip(new.iter().rev()).take(most);
    let end = ends.take_while(|(old, new)| old == new).count();
    let middle = |words: &Vec<&'a str>| -> Vec<&'a str> {
        let length = words.len() - end - start;
        words.iter().skip(start).take(length).copied().collect()
    };
    let mut parts: Vec<Part<'a>> = old
        .iter()
        .take(start)
        .map(|word| Part::Same(word))
        .collect();
    between(&middle(&old), &middle(&new), &mut parts);
    parts.extend(
        old.iter()
            .skip(old.len() - end)
            .map(|word| Part::Same(word)),
    );
    join(before, after, &parts)
}

fn between<'a>(old: &[&'a str], new: &[&'a str], parts: &mut Vec<Part<'a>>) {
    let width = new.len() + 1;
    let cells = (old.len() + 1).saturating_mul(width);
    if cells > CELLS {
        parts.extend(old.iter().map(|word| Part::Removed(word)));
        parts.extend(new.iter().map(|word| Part::Added(word)));
        return;
    }
    // `common[i * width + j]`: words in common of what is left at old[i] and new[j].
    let mut common = vec![0_u32; cells];
    let cell = |common: &[u32], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    for (i, left) in old.iter().enumerate().rev() {
        for (j, right) in new.iter().enumerate().rev() {
            let best = match left == right {
                true => cell(&common, i + 1, j + 1) + 1,
                false => cell(&common, i + 1, j).max(cell(&common, i, j + 1)),
            };
            if let Some(slot) = common.get_mut(i * width + j) {
                *slot = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(left), Some(right)) if left == right => {
                parts.push(Part::Same(left));
                (i, j) = (i + 1, j + 1);
            }
            (Some(left), None) => {
                parts.push(Part::Removed(left));
                i += 1;
            }
            (Some(left), Some(_)) if cell(&common, i + 1, j) >= cell(&common, i, j + 1) => {
                parts.push(Part::Removed(left));
                i += 1;
            }
            (_, Some(right)) => {
                parts.push(Part::Added(right));
                j += 1;
            }
            (None, None) => return,
        }
    }
}

/// Words, and each character between them.
fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after;
    }
    words
}

/// Neighbours of one kind as one part; both texts are cut from the originals, as words lie one
/// after the other there.
fn join<'a>(before: &'a str, after: &'a str, parts: &[Part<'a>]) -> Vec<Part<'a>> {
    let (mut old, mut new) = (0, 0);
    let mut joined = Vec::new();
    for run in parts.chunk_by(|a, b| std::mem::discriminant(a) == std::mem::discriminant(b)) {
        let text = |part: &Part<'a>| match part {
            Part::Same(text) | Part::Removed(text) | Part::Added(text) => text.len(),
        };
        let length: usize = run.iter().map(text).sum();
        let cut = |whole: &'a str, from: usize| whole.get(from..from + length).unwrap_or_default();
        match run.first() {
            Some(Part::Same(_)) => {
                joined.push(Part::Same(cut(before, old)));
                (old, new) = (old + length, new + length);
            }
            Some(Part::Removed(_)) => {
                joined.push(Part::Removed(cut(before, old)));
                old += length;
            }
            Some(Part::Added(_)) => {
                joined.push(Part::Added(cut(after, new)));
                new += length;
            }
            None => {}
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_differs_by_values_and_a_list_by_what_lies_between_its_ends() {
        let of = |before: Value, after: Value| -> Vec<String> {
            let text = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
            changes(&before, &after)
                .into_iter()
                .map(|change| {
                    format!(
                        "{} {} {}",
                        change.pointer,
                        text(change.before),
                        text(change.after)
                    )
                })
                .collect()
        };
        assert_eq!(of(json!({"a": 1}), json!({"a": 1})), [""; 0]);
        assert_eq!(
            of(
                json!({"a": 1, "b": {"c/d": "x"}, "e": 2}),
                json!({"a": 1, "b": {"c/d": "y"}, "f": [3]})
            ),
            ["/b/c~1d x y", "/e 2 -", "/f - [3]"]
        );
        assert_eq!(of(json!([1, 2, 3, 4]), json!([1, 4])), ["/1 2 -", "/2 3 -"]);
        assert_eq!(of(json!([1, 1]), json!([1])), ["/1 1 -"]);
    }

    #[test]
    fn a_text_differs_by_words() {
        use Part::{Added, Removed, Same};
        assert_eq!(
            words("write to ana@example.com now", "write to [[EMAIL]] now"),
            [
                Same("write to "),
                Removed("ana@example.com"),
                Added("[[EMAIL]]"),
                Same(" now"),
            ]
        );
        assert_eq!(words("", "é"), [Added("é")]);
        assert_eq!(words("same", "same"), [Same("same")]);
        assert_eq!(words("a b c", "c"), [Removed("a b "), Same("c")]);
    }

    proptest::proptest! {
        #[test]
        fn both_texts_are_in_the_parts_of_their_difference(before in "[ab é]{0,12}", after in "[ab é]{0,12}") {
            let (mut old, mut new) = (String::new(), String::new());
            for part in words(&before, &after) {
                match part {
                    Part::Same(text) => { old.push_str(text); new.push_str(text); }
                    Part::Removed(text) => old.push_str(text),
                    Part::Added(text) => new.push_str(text),
                }
            }
            proptest::prop_assert_eq!((old, new), (before, after));
        }
    }
}
