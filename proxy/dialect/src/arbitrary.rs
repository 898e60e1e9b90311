//! JSON as no serializer writes it, for property tests: odd whitespace, key orders, number
//! spellings, escapes.

use fuzz::Chance;
use proptest::{prelude::*, sample::Index};

/// A valid document of unique keys.
pub(crate) fn document() -> impl Strategy<Value = Vec<u8>> {
    let scalar = prop_oneof![
        literal(),
        number(),
        prop::sample::select(vec!["true", "false", "null", "{ }", "[\t]", "{}", "[]"])
            .prop_map(str::to_owned),
    ];
    let value = scalar.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec((space(), inner.clone(), space()), 1..6).prop_map(|list| {
                let items: Vec<String> = list.into_iter().map(|(a, v, b)| a + &v + &b).collect();
                format!("[{}]", items.join(","))
            }),
            prop::collection::btree_map(
                "[ab~/01]{0,2}|[a-zé]{1,9}",
                (space(), inner, space()),
                1..6
            )
            .prop_flat_map(|map| Just(map.into_iter().collect::<Vec<_>>()).prop_shuffle())
            .prop_map(|list| {
                let member = |(key, (a, value, b))| format!("{b}{:?}{a}:{b}{value}{a}", Plain(key));
                let members: Vec<String> = list.into_iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    (space(), value, space()).prop_map(|(a, value, b)| (a + &value + &b).into_bytes())
}

/// A document of which a few bytes were changed, removed or doubled; often no longer valid.
pub(crate) fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"{}[],:\"\\u0123eE+-.tfn \n".to_vec())
    ];
    let change = (any::<Index>(), byte, 0..3_u8);
    (document(), prop::collection::vec(change, 0..4)).prop_map(|(mut json, changes)| {
        for (at, byte, how) in changes {
            let at = at.index(json.len().max(1));
            match how {
                0 if at < json.len() => json[at] = byte,
                1 if at < json.len() => drop(json.remove(at)),
                _ => json.insert(at, byte),
            }
        }
        json
    })
}

/// A string literal: each character as it is, or escaped in one of its spellings.
pub(crate) fn literal() -> impl Strategy<Value = String> {
    let spelled = (any::<char>(), 0..4_u8).prop_map(|(letter, how)| spell(letter, how));
    let word = "[ -!#-\\[\\]-~]{0,40}";
    prop_oneof![
        prop::collection::vec(spelled, 0..12).prop_map(|v| v.concat()),
        word.prop_map(|s: String| s)
    ]
    .prop_map(|inside| format!("\"{inside}\""))
}

fn spell(letter: char, how: u8) -> String {
    let mut units = [0; 2];
    let units = letter.encode_utf16(&mut units);
    let hex = |upper: bool| {
        let unit = |u: &u16| {
            if upper {
                format!("\\u{u:04X}")
            } else {
                format!("\\u{u:04x}")
            }
        };
        units.iter().map(unit).collect::<String>()
    };
    match (letter, how) {
        (_, 0) => hex(false),
        (_, 1) => hex(true),
        ('"' | '\\' | '/', _) => format!("\\{letter}"),
        ('\u{8}', _) => "\\b".into(),
        ('\n', _) => "\\n".into(),
        (control, _) if control < ' ' => hex(false),
        _ => letter.to_string(),
    }
}

fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,15})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?"
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 1 => "[ \\t\\r\\n]{1,3}"]
}

/// A key without anything to escape, in quotes.
struct Plain(String);
impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Writes a value in one of its many spellings: whitespace, order of members and escapes are drawn
/// from `seed`.
pub(crate) fn ugly(value: &serde_json::Value, seed: u64) -> Vec<u8> {
    let mut out = String::new();
    write(value, &mut Chance(seed), &mut out);
    out.into_bytes()
}

fn blank(chance: &mut Chance, out: &mut String) {
    out.push_str(["", "", "", "", " ", "\n ", "\t", "\r\n"][chance.below(8)]);
}

fn write(value: &serde_json::Value, chance: &mut Chance, out: &mut String) {
    use serde_json::Value;
    blank(chance, out);
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            for at in 1..members.len() {
                members.swap(at, chance.below(at + 1));
            }
            out.push('{');
            blank(chance, out);
            for (at, (key, value)) in members.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                blank(chance, out);
                write_text(key, chance, out);
                blank(chance, out);
                out.push(':');
                write(value, chance, out);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            blank(chance, out);
            for (at, value) in list.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write(value, chance, out);
            }
            out.push(']');
        }
        Value::String(text) => write_text(text, chance, out),
        other => out.push_str(&other.to_string()),
    }
    blank(chance, out);
}

fn write_text(text: &str, chance: &mut Chance, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        let how = match chance.one_in(8) {
            true => chance.below(4) as u8,
            false => 3,
        };
        out.push_str(&spell(letter, how));
    }
    out.push('"');
}
