//! A pod as JSON: in from an API server's request, out as a JSON Patch (RFC 6902) of what changed.

use serde_json::{Map, Value, json};

use super::{
    align::{Step, align},
    tree::{Body, Node},
};

/// A value as a tree. Numbers keep their characters.
pub(super) fn from_json(value: &Value) -> Node {
    match value {
        Value::Null => Node::plain("null"),
        Value::Bool(is) => Node::plain(is),
        Value::Number(number) => Node::plain(number),
        Value::String(text) => Node::text(text),
        Value::Array(items) => Node::list(items.iter().map(from_json)),
        Value::Object(entries) => Node::map(
            entries
                .iter()
                .map(|(key, value)| (key.as_str(), from_json(value))),
        ),
    }
}

/// A tree as a value. Plain characters that are no JSON are text.
pub(super) fn to_json(node: &Node) -> Value {
    match &node.body {
        _ if node.is_null() => Value::Null,
        Body::Plain(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Body::Text(text) => json!(text),
        Body::List(items) => items.iter().map(to_json).collect(),
        Body::Map(entries) => {
            let entries = entries.iter().filter_map(|entry| {
                let key = entry.key.chars()?.to_owned();
                Some((key, to_json(&entry.value)))
            });
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

/// The operations that make one value of the other, in the order in which they are to be applied.
pub(super) fn patch(old: &Node, new: &Node) -> Vec<Value> {
    let mut operations = Vec::new();
    diff(old, new, "", &mut operations);
    operations
}

fn diff(old: &Node, new: &Node, at: &str, out: &mut Vec<Value>) {
    if old.same(new) {
        return;
    }
    match (&old.body, &new.body) {
        (Body::Map(a), Body::Map(_)) => {
            for entry in a {
                let key = entry.key.chars().unwrap_or_default();
                let at = pointer(at, key);
                match new.get(key) {
                    Some(now) => diff(&entry.value, now, &at, out),
                    None => out.push(json!({ "op": "remove", "path": at })),
                }
            }
            for entry in new.entries() {
                let key = entry.key.chars().unwrap_or_default();
                if old.get(key).is_none() {
                    let value = to_json(&entry.value);
                    out.push(json!({ "op": "add", "path": pointer(at, key), "value": value }));
                }
            }
        }
        (Body::List(a), Body::List(b)) => {
            // Where the next item stands while the operations before are applied.
            let mut place = 0;
            for step in align(a, b) {
                let here = format!("{at}/{place}");
                match step {
                    Step::Keep(was, is) => {
                        if let (Some(was), Some(is)) = (a.get(was), b.get(is)) {
                            diff(was, is, &here, out);
                        }
                        place += 1;
                    }
                    Step::Drop(_) => out.push(json!({ "op": "remove", "path": here })),
                    Step::Add(is) => {
                        let value = b.get(is).map(to_json);
                        out.push(json!({ "op": "add", "path": here, "value": value }));
                        place += 1;
                    }
                }
            }
        }
        _ => out.push(json!({ "op": "replace", "path": at, "value": to_json(new) })),
    }
}

/// RFC 6901: a `/` in a key is `~1`, a `~` is `~0`.
fn pointer(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9_i64..9).prop_map(Value::from),
            "[a-c~/]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("(name|[a-c~/]{0,2})", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_patch_makes_the_new_value_of_the_old_one(old in value(), new in value()) {
            let patch = patch(&from_json(&old), &from_json(&new));
            let operations: json_patch::Patch = serde_json::from_value(patch.into()).unwrap();
            let mut patched = old.clone();
            json_patch::patch(&mut patched, &operations).unwrap();
            prop_assert_eq!(&patched, &new, "{}", operations);
            prop_assert_eq!(to_json(&from_json(&new)), new);
        }
    }
}
