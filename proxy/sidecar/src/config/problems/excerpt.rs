//! The line of a file that a problem is about, with a caret below its place.
//!
//! For the terminal of whoever owns the file alone: no log has it. Whatever looks like a key is
//! starred out all the same, as terminals of builds are read by many.

/// Characters of a line that are shown at most.
const WIDTH: usize = 100;
/// Parts of names whose values are secrets.
const SECRETS: [&str; 7] = [
    "key",
    "secret",
    "token",
    "password",
    "auth",
    "redis",
    "credential",
];
/// Letters and digits in a row that are a key rather than a word.
const LONG: usize = 20;

/// Returns the line and the caret below it, each with its line break; empty where there is no such
/// line.
pub(super) fn excerpt(text: &str, (line, column): (usize, usize)) -> String {
    let above = line.saturating_sub(1);
    let Some(shown) = text.lines().nth(above) else {
        return String::new();
    };
    let is_listed = is_item(shown) && parent(text, above).is_some_and(is_secret_name);
    let shown: Vec<char> = starred(shown, is_listed);
    // A window around the caret.
    let from = column.saturating_sub(WIDTH * 3 / 4);
    let window: String = shown.iter().skip(from).take(WIDTH).collect();
    let caret = column.saturating_sub(1).saturating_sub(from).min(WIDTH);
    let number = line.to_string();
    let (margin, blank) = (" ".repeat(number.len()), " ".repeat(caret));
    format!(
        "  {number} | {}\n  {margin} | {blank}^\n",
        window.trim_end()
    )
}

fn is_item(line: &str) -> bool {
    line.trim_start().starts_with("- ")
}

/// The key that a list's item at `line` (from 0) stands under.
fn parent(text: &str, line: usize) -> Option<&str> {
    let lines: Vec<&str> = text.lines().take(line + 1).collect();
    let mut above = lines.into_iter().rev();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(above.next()?);
    let parent = above.find(|line| {
        !line.trim().is_empty() && (indent(line) < own || (indent(line) == own && !is_item(line)))
    })?;
    let name = parent.trim().trim_start_matches("- ");
    Some(name.split(':').next()?.trim())
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|word| name.contains(word))
}

/// The line, of the same width, with stars in the place of what may be a secret and of tabs an
/// arrow.
fn starred(line: &str, is_listed: bool) -> Vec<char> {
    let mut out: Vec<char> = line.chars().collect();
    let chars = out.clone();
    let star = |out: &mut Vec<char>, range: std::ops::Range<usize>| {
        let cells = out.get_mut(range).into_iter().flatten();
        cells.filter(|c| !c.is_whitespace()).for_each(|c| *c = '*');
    };
    if is_listed {
        let begin = chars.iter().take_while(|c| **c == ' ').count() + 2;
        if !is_reference(&chars, begin) {
            star(&mut out, begin..chars.len());
        }
    }
    for (at, c) in chars.iter().enumerate() {
        if *c == ':' && matches!(chars.get(at + 1), None | Some(' ')) {
            let is_name = |c: &&char| c.is_alphanumeric() || matches!(**c, '_' | '-' | '"' | '\'');
            let before = chars.get(..at).unwrap_or_default();
            let name: String = before.iter().rev().take_while(is_name).collect();
            let name: String = name.chars().rev().collect();
            if is_secret_name(&name) && !is_reference(&chars, at + 1) {
                star(&mut out, at + 1..end_of_value(&chars, at + 1));
            }
        }
        if *c == '@' {
            let before = chars.get(..at).unwrap_or_default();
            let slashes = before.windows(2).rposition(|two| two == ['/', '/']);
            let from = slashes.map_or(at, |slashes| slashes + 2);
            star(&mut out, from..at);
        }
    }
    let mut begin = 0;
    while begin < chars.len() {
        let rest = chars.get(begin..).unwrap_or_default();
        let is_word = |c: &&char| c.is_ascii_alphanumeric() || matches!(**c, '_' | '-');
        let length = rest.iter().take_while(is_word).count();
        let word = rest.get(..length).unwrap_or_default();
        let is_mixed =
            word.iter().any(char::is_ascii_digit) && word.iter().any(char::is_ascii_alphabetic);
        if length >= LONG && is_mixed {
            star(&mut out, begin..begin + length);
        }
        begin += length.max(1);
    }
    let arrow = |c: char| match c {
        '\t' => '→',
        c if c.is_control() => '?',
        c => c,
    };
    out.into_iter().map(arrow).collect()
}

/// Reports whether a value names its secret, and is none.
fn is_reference(chars: &[char], at: usize) -> bool {
    let value = chars
        .iter()
        .skip(at)
        .skip_while(|c| matches!(c, ' ' | '"' | '\'' | '['));
    let value: String = value.take(5).collect();
    value.starts_with("${") || value == "file:"
}

/// The end of a value on its line: of a list its bracket.
fn end_of_value(chars: &[char], from: usize) -> usize {
    let rest = chars.get(from..).unwrap_or_default();
    let opened = rest.iter().find(|c| **c != ' ');
    let ends = |c: &char| match opened {
        Some('[') => *c == ']',
        Some('{') => *c == '}',
        _ => matches!(c, ',' | '}'),
    };
    rest.iter()
        .position(ends)
        .map_or(chars.len(), |end| from + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_with_a_caret_below_its_place() {
        let text = "a: 1\nlisten: { base_url: :4141 }\n";
        assert_eq!(
            excerpt(text, (2, 21)),
            "  2 | listen: { base_url: :4141 }\n    |                     ^\n"
        );
        assert_eq!(excerpt("a:\n\tb: 1", (2, 1)), "  2 | →b: 1\n    | ^\n");
        assert_eq!(excerpt(text, (9, 1)), "");
        assert_eq!(excerpt(text, (0, 0)), "  0 | a: 1\n    | ^\n");
    }

    #[test]
    fn a_long_line_is_shown_around_the_caret() {
        let text = format!("{}!{}", "a ".repeat(200), "b ".repeat(200));
        let shown = excerpt(&text, (1, 401));
        assert!(
            shown.contains('!') && shown.lines().all(|line| line.len() < 120),
            "{shown}"
        );
    }

    #[test]
    fn what_may_be_a_secret_is_starred_out() {
        for line in [
            "key: sk-canary",
            "u: { dialect: openai, api_key: sk-canary, usage: true }",
            "u: { keys: [sk-canary, { key: sk-canary }], usage: true }",
            "\"key\": \"sk-canary\"",
            "state: { redis: \"redis://:canary@redis:6379\" }",
            "url: https://ana:canary@example.com/",
            "idle_timeout: canary0123456789abcdefghij",
        ] {
            let shown = excerpt(line, (1, 1));
            assert!(!shown.contains("canary"), "{shown}");
        }
        assert!(!excerpt("keys:\n  - sk-canary\n", (2, 5)).contains("canary"));
        assert!(!excerpt("keys:\n- a\n- sk-canary\n", (3, 3)).contains("canary"));
        for line in [
            "key: ${NAME} x",
            "u: { key: \"file:/run/secrets/a\" }",
            "mode: tokenize",
            "- use: pii-redact",
        ] {
            assert!(excerpt(line, (1, 1)).contains(line), "{line}");
        }
    }
}
