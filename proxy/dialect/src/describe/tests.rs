//! Totality: whatever a body holds is shown, counted, or the body is refused. Bodies are made from
//! the descriptions themselves, with members, kinds and words in them that no description has.
#![expect(clippy::unwrap_used, reason = "tests")]

use fuzz::Chance;
use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::{
    shape::{Exempt, Level, Rule, Shape, is_base64, is_word},
    walk::walk,
};
use crate::{Dialect, Place};

/// Texts of a body after which it grows no deeper: descriptions lead back to themselves.
const MOST_TEXTS: usize = 150;

/// The strings that were put into a body, and whether a policy must be shown them.
#[derive(Default)]
pub(crate) struct Marks {
    count: usize,
    /// Strings that must be shown.
    shown: Vec<String>,
    /// Strings that must be shown, or be counted as unseen.
    counted: Vec<String>,
}

impl Marks {
    fn text(&mut self) -> Value {
        self.count += 1;
        let mark = format!("ana.souza{}@example.com", self.count);
        self.shown.push(mark.clone());
        mark.into()
    }
    fn number(&mut self) -> Value {
        self.count += 1;
        let mark = format!("41111111111{:05}", self.count);
        self.shown.push(mark.clone());
        Value::Number(mark.parse::<Number>().unwrap())
    }
    fn opaque(&mut self) -> Value {
        self.count += 1;
        let mark = format!("c2VhbGVk{}", self.count);
        self.counted.push(mark.clone());
        mark.into()
    }
    fn reasoning(&mut self) -> Value {
        self.count += 1;
        let mark = format!("as ana.souza{}@example.com says", self.count);
        self.counted.push(mark.clone());
        mark.into()
    }
}

/// A value that no rule expects.
fn anything(chance: &mut Chance, marks: &mut Marks, depth: u8) -> Value {
    match chance.below(if depth == 0 { 3 } else { 6 }) {
        0 | 1 => marks.text(),
        2 => marks.number(),
        3 => (0..chance.below(3))
            .map(|_| anything(chance, marks, depth - 1))
            .collect(),
        _ => {
            let mut map = Map::new();
            for _ in 0..=chance.below(2) {
                let key = marks.text().as_str().unwrap().to_owned();
                map.insert(key, anything(chance, marks, depth - 1));
            }
            Value::Object(map)
        }
    }
}

fn object(shape: &'static Shape, chance: &mut Chance, marks: &mut Marks, depth: u8) -> Value {
    let mut map = Map::new();
    for member in shape.members {
        if chance.one_in(2) {
            let key = member.keys[chance.below(member.keys.len())];
            map.insert(
                key.to_owned(),
                value(&member.rule, Some(shape), chance, marks, depth),
            );
        }
    }
    for _ in 0..chance.below(if marks.count > MOST_TEXTS { 1 } else { 3 }) {
        let unknown = match chance.below(3) {
            0 => marks.text().as_str().unwrap().to_owned(),
            // spelt as some readers take it for a known one
            1 if !shape.members.is_empty() => {
                let known = shape.members[chance.below(shape.members.len())].keys[0];
                known.to_uppercase()
            }
            _ => format!("new_member_{}", chance.below(9)),
        };
        if shape.find(unknown.as_bytes()).is_none() && !map.contains_key(&unknown) {
            map.insert(unknown, anything(chance, marks, depth.min(2)));
        }
    }
    Value::Object(map)
}

/// A value as `rule` describes it, or nearly.
pub(crate) fn value(
    rule: &'static Rule,
    shape: Option<&'static Shape>,
    chance: &mut Chance,
    marks: &mut Marks,
    depth: u8,
) -> Value {
    let depth = depth.saturating_sub(1);
    // one in nine is of another kind than the rule expects
    if depth == 0
        || marks.count > MOST_TEXTS
        || (chance.one_in(9)
            && !matches!(
                rule,
                Rule::List(Level::Message, _)
                    | Rule::Model
                    | Rule::Always(..)
                    | Rule::As(..)
                    | Rule::OneOf(_)
                    | Rule::Same(_)
                    | Rule::First(_)
                    | Rule::Definition(_)
                    | Rule::Counted(..)
            ))
    {
        return match rule {
            Rule::Signed => marks.reasoning(),
            Rule::Model | Rule::Numbers => json!(null),
            Rule::List(Level::Message, _) => json!([]),
            Rule::Tag | Rule::MediaType | Rule::Word => marks.text(),
            // a number where a number may be holds no text
            Rule::Plain => marks.text(),
            _ if conversation(rule) => json!([]),
            // not a number: where one may be, it holds no text
            _ => marks.text(),
        };
    }
    match rule {
        Rule::Text(_) | Rule::Media(_) | Rule::AnyMedia | Rule::Reference(_) => marks.text(),
        // a number of an input is a token's id
        Rule::First(Rule::Json(_)) => json!({"a": marks.text()}),
        Rule::Json(_) => anything(chance, marks, 2),
        Rule::Word | Rule::MediaType => json!(["gpt_4o", "image/png", "a.b", ""][chance.below(4)]),
        Rule::Model => json!("m"),
        Rule::Plain => json!([1, 2.5, true, null])[chance.below(4)].clone(),
        Rule::Opaque(_) | Rule::Signature => match chance.below(4) {
            0 => marks.text(),
            1 => json!([marks.text(), 1]),
            2 => json!([[marks.opaque()], 0.5]),
            _ => marks.opaque(),
        },
        Rule::Signed => marks.reasoning(),
        Rule::Numbers => json!([[1, 2], [3]]),
        Rule::Tag => match shape.filter(|shape| !shape.tags.is_empty()) {
            Some(shape) if !chance.one_in(4) => json!(shape.tags[chance.below(shape.tags.len())].0),
            _ => json!("new_kind"),
        },
        Rule::Object(shape) | Rule::Document(shape) => object(shape, chance, marks, depth),
        Rule::Map(rule) => json!({"a_name": value(rule, None, chance, marks, depth)}),
        Rule::List(_, rule) => (0..chance.below(4))
            .map(|_| value(rule, None, chance, marks, depth))
            .collect(),
        Rule::OneOf(rules) => value(
            &rules[chance.below(rules.len())],
            shape,
            chance,
            marks,
            depth + 1,
        ),
        Rule::First(rule)
        | Rule::As(_, rule)
        | Rule::Always(_, rule)
        | Rule::Same(rule)
        | Rule::Counted(_, rule)
        | Rule::Definition(rule) => value(rule, shape, chance, marks, depth + 1),
    }
}

fn conversation(rule: &Rule) -> bool {
    match rule {
        Rule::List(Level::Message, _) => true,
        Rule::OneOf(rules) => rules.iter().any(conversation),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn whatever_a_request_holds_is_shown_or_counted(seed: u64) {
        let mut chance = Chance(seed);
        for dialect in Dialect::ALL.into_iter() {
            let Some(description) = dialect.description() else { continue };
            let mut marks = Marks::default();
            let body = object(description.request, &mut chance, &mut marks, 12);
            let bytes = body.to_string().into_bytes();
            let Ok(found) = walk(&bytes, description.request, Place::User) else { continue };
            let shown: String = found.leaves.iter().map(|leaf| {
                String::from_utf8_lossy(&bytes[leaf.range.clone()]).into_owned() + "\n"
            }).collect();
            for mark in &marks.shown {
                prop_assert!(shown.contains(mark.as_str()), "{mark} of {} in {body}", dialect.name());
            }
            let sealed = marks.counted.iter().filter(|mark| !shown.contains(mark.as_str()));
            let unseen: u64 = found.unseen.iter().map(|(_, bytes)| bytes).sum();
            prop_assert!(sealed.map(|mark| mark.len() as u64).sum::<u64>() <= unseen, "{body}");
            prop_assert!(found.leaves.is_sorted_by(|a, b| a.range.end <= b.range.start), "they overlap in {body}");
        }
    }
}

#[test]
fn most_bodies_of_the_property_are_read_and_not_refused() {
    let mut chance = Chance(7);
    let description = Dialect::OpenaiChat.description().unwrap();
    let read = (0..200).filter(|_| {
        let body = object(description.request, &mut chance, &mut Marks::default(), 12).to_string();
        walk(body.as_bytes(), description.request, Place::User).is_ok()
    });
    assert!(read.count() > 150);
}

#[test]
fn what_is_exempt_has_to_look_like_it() {
    for word in ["gpt-4o", "call_1", "1", "input_text", "a/b:c|d"] {
        assert!(is_word(word.as_bytes()), "{word}");
    }
    for text in [
        "a b",
        "ana@example.com",
        "123-45-6789",
        "4111111111111111",
        "é",
        "",
        &"x".repeat(129),
    ] {
        assert!(!is_word(text.as_bytes()) || text.is_empty(), "{text}");
    }
    for media in ["iVBORw0KGgo=", "data:image/png;base64,AAAA", "AA-_"] {
        assert!(is_base64(media.as_bytes()), "{media}");
    }
    for text in [
        "https://x.test/?q=ana",
        "data:text/plain,ana",
        "two words",
        "data:ana souza@x;base64,AAAA",
    ] {
        assert!(!is_base64(text.as_bytes()), "{text}");
    }
}

/// The text that a walk over a chat's message shows, and the kinds that it counts.
fn walked(message: &Value) -> (String, Vec<(Exempt, u64)>) {
    let description = Dialect::OpenaiChat.description().unwrap();
    let body = json!({ "messages": [message] }).to_string();
    let found = walk(body.as_bytes(), description.request, Place::User).unwrap();
    let leaves = found.leaves.iter().map(|leaf| &body[leaf.range.clone()]);
    (leaves.collect::<Vec<_>>().join(" "), found.unseen)
}

#[test]
fn reasoning_is_sealed_by_a_signature_and_by_nothing_else() {
    let of =
        |thought: Value| walked(&json!({ "role": "assistant", "reasoning_details": [thought] }));
    let text = "as ana@example.com says";
    for unsigned in [
        json!({ "type": "reasoning.text", "text": text }),
        json!({ "text": text, "signature": "" }),
        json!({ "text": text, "signature": null }),
        json!({ "signature": ["c2ln"], "thinking": text }),
        json!({ "summary": text, "data": "" }),
    ] {
        let (shown, unseen) = of(unsigned.clone());
        assert!(shown.contains(text), "{unsigned}");
        assert!(
            unseen.iter().all(|(_, bytes)| *bytes < 10),
            "{unsigned}: {unseen:?}"
        );
    }
    for signed in [
        json!({ "text": text, "signature": "c2ln" }),
        json!({ "signature": "c2ln", "text": text }),
    ] {
        let sealed = (Exempt::SignedReasoning, text.len() as u64 + 4);
        assert_eq!(of(signed), (String::new(), vec![sealed]));
    }
    let (shown, _) = of(json!({ "text": text, "signature": "no signature: ana@example.com" }));
    assert_eq!(shown.matches("ana@example.com").count(), 2);
}

#[test]
fn a_data_url_says_itself_that_it_is_no_image() {
    for (url, kind) in [
        ("data:image/png;base64,AAAA", Exempt::Image),
        ("https://x.test/a.pdf", Exempt::Image),
        ("AAAA", Exempt::Image),
        ("data:application/pdf;base64,AAAA", Exempt::File),
        ("data:text/plain;base64,AAAA", Exempt::File),
        ("data:Audio/wav;base64,AAAA", Exempt::Audio),
    ] {
        let part = json!({ "type": "image_url", "image_url": { "url": url } });
        let (_, unseen) = walked(&json!({ "role": "user", "content": [part] }));
        assert_eq!(unseen, [(kind, url.len() as u64)], "{url}");
    }
}

#[test]
fn a_kind_that_nobody_knows_blocks() {
    assert!(Exempt::blocks("hologram") && Exempt::blocks("audio") && !Exempt::blocks("image"));
}
