//! The parser's errors in words: what is wrong with the text at that place, and what to write.
//!
//! libyaml says what its grammar expected (`did not find expected key`), serde what its types did
//! (`invalid type: sequence`). Both are read here together with the text itself, and what no rule
//! knows stays as it is.

use crate::config::near::near;

/// Line and column, from 1, in characters.
type At = (usize, usize);

/// Facts of an error of the parser.
struct Error<'a> {
    yaml: &'a str,
    at: At,
    message: &'a str,
}

/// A rule: a part of the parser's words, and what they mean here. The first that fits counts.
type Rule = (&'static str, fn(&Error<'_>) -> Option<(At, String)>);

/// Words of libyaml for a text that is no YAML.
const GRAMMAR: [Rule; 10] = [
    ("", |error| error.tab()),
    ("mapping values are not allowed", |error| {
        error.mapping_value()
    }),
    ("expected ',' or '", |error| error.braces()),
    ("did not find expected key", |error| error.indent()),
    ("did not find expected '-' indicator", |error| error.item()),
    ("did not find expected node content", |error| {
        error.first_letter()
    }),
    ("cannot start any token", |error| error.first_letter()),
    ("while scanning a quoted scalar", |error| error.open_quote()),
    ("could not find expected ':'", |error| error.no_colon()),
    ("unknown anchor", |error| error.first_letter()),
];

/// Returns an error's place and words.
pub(super) fn explain(yaml: &str, at: Option<At>, message: &str) -> (Option<At>, String) {
    if let Some((before, shape)) = split(message) {
        let (moved, words) = of_shape(yaml, at, shape);
        return (moved.or(at), [before, &words].concat());
    }
    if message.contains("more than one document") {
        let words = "has more than one document (`---`); write one";
        return (at, words.to_owned());
    }
    let Some(place) = at else {
        return (at, message.to_owned());
    };
    let error = Error {
        yaml,
        at: place,
        message,
    };
    let rules = GRAMMAR.iter().filter(|(words, _)| message.contains(words));
    match rules.map(|(_, rule)| rule(&error)).find_map(|words| words) {
        Some((at, words)) => (Some(at), words),
        None => (at, message.to_owned()),
    }
}

/// Divides an error about the shape from the path of the key that precedes it.
fn split(message: &str) -> Option<(&str, &str)> {
    let begins = [
        "unknown field `",
        "duplicate field `",
        "missing field `",
        "invalid type: ",
    ];
    // The path is of the file's own keys, which may hold any text: the first of these counts.
    let at = begins.iter().filter_map(|word| message.find(word)).min()?;
    message.split_at_checked(at)
}

fn of_shape(yaml: &str, at: Option<At>, shape: &str) -> (Option<At>, String) {
    if let Some(kinds) = shape.strip_prefix("invalid type: ") {
        return (None, wrong_type(kinds));
    }
    let name = shape.split('`').nth(1).unwrap_or_default();
    if shape.starts_with("missing field") {
        return (None, format!("{shape}; add it"));
    }
    if shape.starts_with("duplicate field") {
        let second = at.and_then(|at| second(yaml, at, name));
        return (second, format!("{shape}; remove one"));
    }
    let Some((unknown, expected)) = shape.split_once(", expected ") else {
        return (None, shape.to_owned());
    };
    let known = expected.split('`').skip(1).step_by(2);
    let expected = expected.strip_prefix("one of ").unwrap_or(expected);
    if let Some(near) = near(name, known) {
        return (None, format!("{unknown}; did you mean `{near}`?"));
    }
    let above = at.and_then(|at| empty_above(yaml, at)).unwrap_or_default();
    (None, format!("{unknown}; {above}there are {expected}"))
}

/// `sequence, expected a map` as a sentence.
fn wrong_type(kinds: &str) -> String {
    let (found, expected) = kinds.split_once(", expected ").unwrap_or((kinds, ""));
    let found = match found.split([' ', '`']).next().unwrap_or_default() {
        "sequence" => "a list",
        "map" => "keys with values",
        "string" => "a text",
        "integer" | "floating" => "a number",
        "boolean" => "`true` or `false`",
        "unit" | "null" => "nothing",
        _ => found,
    };
    let expected = match expected {
        "a sequence" => "a list, which is written `[a, b]`",
        "a map" => "keys with values, which are written `key: value`",
        "entries by name" => "entries by name, which are written `name: { … }`",
        "a boolean" => "`true` or `false` (a boolean)",
        "a string" => "a text",
        _ if expected.starts_with("struct ") => {
            "keys with values, which are written `key: value`, with a space behind the colon"
        }
        _ => expected,
    };
    format!("is {found}, and not {expected}")
}

/// The place of the second `name:` of a block that begins at `at`.
fn second(yaml: &str, (line, column): At, name: &str) -> Option<At> {
    let is_name = |text: &str| {
        let text = text.trim_start_matches("- ").trim_start();
        let rest = text.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    let lines = yaml.lines().enumerate().skip(line.saturating_sub(1));
    let own = lines.filter(|(n, text)| {
        let begins = indent(text) + 1;
        (begins == column || n + 1 == line) && is_name(text.trim_start())
    });
    let (n, _) = own.skip(1).take(1).last()?;
    Some((n + 1, column))
}

/// Asks about a key that stands right below one of the same column that has nothing under it.
fn empty_above(yaml: &str, (line, _): At) -> Option<String> {
    let own = yaml.lines().nth(line.checked_sub(1)?)?;
    let above = yaml
        .lines()
        .take(line - 1)
        .filter(|line| !is_blank(line))
        .last()?;
    let name = above.trim().strip_suffix(':')?;
    let same = indent(own) == indent(above);
    same.then(|| format!("does it belong to `{name}` above? Then indent it; "))
}

impl Error<'_> {
    fn line(&self) -> &str {
        let above = self.at.0.saturating_sub(1);
        self.yaml.lines().nth(above).unwrap_or_default()
    }

    /// The text from the error's place to the end of its line.
    fn rest(&self) -> &str {
        let line = self.line();
        let at = line.char_indices().nth(self.at.1.saturating_sub(1));
        at.and_then(|(at, _)| line.get(at..)).unwrap_or_default()
    }

    /// The place where what was being read begins: `while parsing a flow mapping at line 2 column 3`.
    fn begun(&self) -> Option<At> {
        let (_, place) = self.message.rsplit_once(" at line ")?;
        let (line, column) = place.split_once(" column ")?;
        Some((line.parse().ok()?, column.trim().parse().ok()?))
    }

    fn tab(&self) -> Option<(At, String)> {
        let before = self.line().chars().take_while(|c| c.is_whitespace());
        let tab = before.enumerate().find(|(_, c)| *c == '\t')?.0;
        let words =
            "is indented with a tab, and YAML takes spaces alone; write two spaces for each level";
        Some(((self.at.0, tab + 1), words.to_owned()))
    }

    fn mapping_value(&self) -> Option<(At, String)> {
        let line = self.line();
        let before: String = line.chars().take(self.at.1.saturating_sub(1)).collect();
        if before.contains(": ") {
            let words = "is a second `: ` on this line; put a value that holds one in quotes";
            return Some((self.at, words.to_owned()));
        }
        let above = self.yaml.lines().take(self.at.0.saturating_sub(1));
        let above = above.filter(|line| !is_blank(line)).last()?;
        let (own, others) = (indent(line), key_indent(above));
        (own > others).then(|| {
            let words = format!(
                "is indented by {own} spaces below a key that has a value already and is indented by {others}; keys of one block begin in one column"
            );
            ((self.at.0, own + 1), words)
        })
    }

    fn braces(&self) -> Option<(At, String)> {
        let (open, close) = match self.message.contains("'}'") {
            true => ('{', '}'),
            false => ('[', ']'),
        };
        let begun = self.begun()?;
        if begun.0 < self.at.0 {
            let words = format!(
                "opens with `{open}` and is not closed before line {}; add `{close}`",
                self.at.0
            );
            return Some((begun, words));
        }
        let words = match self.line().contains("${") {
            true => "lacks `,` or the closing bracket here; inside braces, `${NAME}` must stand in quotes".to_owned(),
            false => format!(
                "lacks `,` or `{close}` here; look at the quotes before it, and put a value that holds `{{`, `[`, `,` or `: ` in quotes"
            ),
        };
        Some((self.at, words))
    }

    fn indent(&self) -> Option<(At, String)> {
        let own = indent(self.line());
        if own + 1 < self.at.1 {
            let words = "stands behind a value that is complete; put all of the value in one pair of quotes";
            return Some((self.at, words.to_owned()));
        }
        let mut open: Vec<usize> = Vec::new();
        let above = self.yaml.lines().take(self.at.0.saturating_sub(1));
        for line in above.filter(|line| !is_blank(line)) {
            open.retain(|known| *known < indent(line));
            open.push(indent(line));
            open.push(key_indent(line));
        }
        open.dedup();
        let open: Vec<String> = open.iter().map(ToString::to_string).collect();
        let words = format!(
            "is indented by {own} spaces, which fits no line above it: those are indented by {}",
            crate::config::scalars::listed(&open, "or")
        );
        Some((self.at, words))
    }

    fn item(&self) -> Option<(At, String)> {
        let words = "stands in the column of a list's `- ` and is none of its items; indent it as the item's keys, or as the key above the list";
        Some((self.at, words.to_owned()))
    }

    fn first_letter(&self) -> Option<(At, String)> {
        let letter = self.rest().chars().next()?;
        let words = format!(
            "begins with `{letter}`, which means something else in YAML; put the value in quotes"
        );
        Some((self.at, words))
    }

    fn open_quote(&self) -> Option<(At, String)> {
        Some((
            self.begun()?,
            "opens a quote that is never closed".to_owned(),
        ))
    }

    fn no_colon(&self) -> Option<(At, String)> {
        let words = "is no `key: value`; write the colon and a space behind the key";
        Some((self.begun()?, words.to_owned()))
    }
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// Spaces before a line's text.
fn indent(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ').count()
}

/// Spaces before a line's key, the `- ` of a list counted as such.
fn key_indent(line: &str) -> usize {
    line.chars().take_while(|c| matches!(c, ' ' | '-')).count()
}

#[cfg(test)]
mod tests {
    use crate::config::tests::mistakes;

    #[test]
    fn what_is_no_yaml_is_said_in_words_with_its_place() {
        mistakes(
            r"
            listen:\n	base_url: 127.0.0.1:1 => t.yaml:2:1: is indented with a tab
            policies:\n  directory: /tmp\n   chain: [] => t.yaml:3:4: is indented by 3 spaces | indented by 2
            upstreams:\n  u:\n    dialect: openai: x => t.yaml:3:20: | put a value that holds one in quotes
            upstreams:\n  u:\n    dialect: openai\n   url: x => t.yaml:4:4: is indented by 3 spaces | 0, 2 or 4
            listen: { base_url: :4141 } => t.yaml:1:21: begins with `:` | in quotes
            admin: @x => t.yaml:1:8: begins with `@` | in quotes
            listen: { base_url: 127.0.0.1:1\nadmin: 127.0.0.1:2 => t.yaml:1:9: opens with `{` | before line 2
            upstreams: { u: { url: 'http://a, key: 'b' } } => t.yaml:1: | lacks `,` or `}` | quotes
            upstreams:\n  u:\n    dialect: 'openai\n    url: x => t.yaml:3:14: opens a quote
            admin: 'a' b => t.yaml:1:12: | one pair of quotes
            admin: 127.0.0.1:2\nlisten\nworkers: 2 => t.yaml:2:1: is no `key: value`
            admin: 127.0.0.1:2\n---\nadmin: 127.0.0.1:2 => more than one document
            ",
        );
    }

    #[test]
    fn what_has_another_shape_is_said_in_words_and_near_keys_are_proposed() {
        mistakes(
            r"
            models: [a] => models: is a list, and not entries by name
            models: { m: { targets: openai/a } } => models.m.targets: is a text, and not a list | `[a, b]`
            upstreams: { u: { url: [a] } } => upstreams.u.url: is a list, and not one value
            listen: 127.0.0.1:4141 => listen: is a text, and not keys with values
            log: { exchanges: 3 } => is a number, and not `true` or `false`
            upstream: {} => unknown field `upstream`; did you mean `upstreams`?
            upstreams: { u: { api_key: sk-canary } } => did you mean `key`?
            upstreams:\nopenai: { dialect: openai } => t.yaml:2:1 | belong to `upstreams` above? Then indent it
            admin: 127.0.0.1:1\nworkers: 1\nadmin: 127.0.0.1:2 => t.yaml:3:1: | duplicate field `admin`; remove one
            policies: { directory: /tmp, chain: [{ config: {} }] } => missing field `use`; add it
            ",
        );
    }
}
