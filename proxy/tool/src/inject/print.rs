//! A [`Node`] as YAML, in blocks, as kubectl prints it; text that a reader could take for something
//! else gets quotes.

use super::tree::{Body, Entry, Node, surely_text};

/// The lines of a value at an indentation of so many spaces. A scalar gives one piece without
/// indentation or line break.
pub(super) fn print(node: &Node, indent: usize) -> String {
    match &node.body {
        Body::List(items) if !items.is_empty() => print_list(items, indent),
        Body::Map(entries) if !entries.is_empty() => {
            lines(entries, |entry| print_entry(entry, indent))
        }
        _ => scalar(node, indent),
    }
}

/// A map's entry, at that indentation.
pub(super) fn print_entry(entry: &Entry, indent: usize) -> String {
    let key = scalar(&entry.key, indent);
    pad(indent) + &key + ":" + &print_value(&entry.value, indent)
}

/// Spaces. A manifest may be indented further than a format's width can be, which is 65,535.
fn pad(indent: usize) -> String {
    " ".repeat(indent)
}

fn lines<T>(of: &[T], line: impl Fn(&T) -> String) -> String {
    of.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A scalar in the kind of quotes that another was written in, where they fit.
pub(super) fn like(node: &Node, written: &str) -> String {
    match &node.body {
        Body::Text(text) if written.starts_with('"') => double(text),
        Body::Text(text) if written.starts_with('\'') && single(text) => quoted(text),
        _ => print(node, 0),
    }
}

/// A scalar, or an empty collection, as it is written between brackets: no brackets, commas, colons
/// or line breaks without quotes.
pub(super) fn in_brackets(node: &Node) -> String {
    let tag = node.tag.as_deref().map(|tag| format!("{tag} "));
    let safe = |c: char| c.is_ascii_alphanumeric() || "/_.-@=+% ".contains(c);
    let text = match &node.body {
        Body::Text(text) if surely_text(text) && text.chars().all(safe) => text.clone(),
        Body::Text(text) if single(text) => quoted(text),
        Body::Text(text) => double(text),
        _ => untagged(node, 0),
    };
    tag.unwrap_or_default() + &text
}

/// Prints what follows a key's colon.
pub(super) fn print_value(node: &Node, indent: usize) -> String {
    let tag = node.tag.as_deref().filter(|_| !node.is_empty());
    let tag = tag.map(|tag| format!(" {tag}")).unwrap_or_default();
    tag + &match &node.body {
        // A list stands under its key, as kubectl writes it.
        Body::List(items) if !items.is_empty() => format!("\n{}", print_list(items, indent)),
        Body::Map(entries) if !entries.is_empty() => format!("\n{}", print(node, indent + 2)),
        Body::Plain(text) if text.is_empty() => String::new(),
        _ => format!(" {}", untagged(node, indent)),
    }
}

fn print_list(items: &[Node], indent: usize) -> String {
    lines(items, |item| pad(indent) + &print_item(item, indent))
}

/// A list's item, its dash at that indentation; the first line has no indentation of its own.
pub(super) fn print_item(item: &Node, indent: usize) -> String {
    let nested = matches!(&item.body, Body::List(_) | Body::Map(_)) && !item.is_empty();
    match &item.tag {
        None if nested => format!("- {}", print(item, indent + 2).trim_start_matches(' ')),
        Some(tag) if nested => format!("- {tag}\n{}", print(item, indent + 2)),
        _ => format!("- {}", scalar(item, indent)),
    }
}

fn scalar(node: &Node, indent: usize) -> String {
    match &node.tag {
        Some(tag) if !node.is_empty() => format!("{tag} {}", untagged(node, indent)),
        _ => untagged(node, indent),
    }
}

fn untagged(node: &Node, indent: usize) -> String {
    match &node.body {
        Body::List(_) => "[]".to_owned(),
        Body::Map(_) => "{}".to_owned(),
        // An empty plain scalar is null, and a plain one of several lines was folded: neither can
        // be written back without care.
        Body::Plain(text) if text.is_empty() => "null".to_owned(),
        Body::Plain(text) if text.contains('\n') => double(text),
        Body::Plain(text) => text.clone(),
        Body::Text(text) if surely_text(text) => text.clone(),
        Body::Text(text) if literal(text) => {
            let mark = if text.ends_with('\n') { "|" } else { "|-" };
            let lines = text.lines().map(|line| {
                let depth = if line.is_empty() { 0 } else { indent + 2 };
                format!("\n{}{line}", pad(depth))
            });
            format!("{mark}{}", lines.collect::<String>())
        }
        Body::Text(text) if single(text) => quoted(text),
        Body::Text(text) => double(text),
    }
}

/// True if single quotes can hold it on one line.
fn single(text: &str) -> bool {
    text.chars().all(|c| printable(c) && c != '\n')
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// True if a block (`|`) can hold it as it is.
fn literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && text.chars().all(printable)
        && text.lines().all(|line| !line.ends_with([' ', '\t']))
}

fn printable(c: char) -> bool {
    let breaks = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    (c == '\n' || c == '\t' || !c.is_control()) && !breaks && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Text in double quotes, everything odd escaped.
fn double(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            c if printable(c) => out.push(c),
            c if (c as u32) < 0x100 => out += &format!("\\x{:02x}", c as u32),
            c => out += &format!("\\u{:04x}", c as u32),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inject::read::read;

    #[test]
    fn it_looks_as_kubectl_prints_it() {
        let text = "args:\n- run\n- --config\nempty: {}\nenv:\n- name: A\n  value: 'yes'\n- name: B\n  value: \"\\r\"\nmode: 0644\nscript: |\n  a\n\n  b\n";
        let root = read(text).unwrap().root;
        assert_eq!(print(&root, 0) + "\n", text);
    }

    fn node() -> impl Strategy<Value = Node> {
        let text = prop_oneof![
            "[ -~]{0,12}",
            "[a-z:#\n \t'\"|>-]{0,12}",
            any::<String>(),
            proptest::sample::select(vec![
                "yes", "0777", "1e3", "~", "", "---", "...", "- a", "é", "12:30"
            ])
            .prop_map(str::to_owned),
        ];
        let plain = proptest::sample::select(vec![
            "1",
            "0644",
            "true",
            "yes",
            "null",
            "1.5",
            "2001-01-01",
        ]);
        let leaf = prop_oneof![text.prop_map(Node::text), plain.prop_map(Node::plain)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Node::list),
                proptest::collection::btree_map("[ -~]{1,6}", inner, 0..4).prop_map(|map| {
                    Node::map(map.iter().map(|(key, value)| (key.as_str(), value.clone())))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_as_the_same(node in node()) {
            let text = print(&node, 0);
            let back = read(&text).map_err(|wrong| TestCaseError::fail(format!("{wrong:?}:\n{text}")))?;
            prop_assert!(back.root.same(&node), "{text}\n{:?}\n{:?}", node, back.root);
        }
    }
}
