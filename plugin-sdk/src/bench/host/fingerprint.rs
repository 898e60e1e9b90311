//! The hash of a body's canonical JSON, as the contract words it.

use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// SHA-256 over `json` with its keys sorted and no blanks, without the values at the pointers
/// `without`. Numbers count as they are spelt. `None` where it is no JSON, or names a key twice in
/// one object.
pub(super) fn fingerprint(json: &str, without: &[String]) -> Option<Vec<u8>> {
    let mut canonical = String::new();
    write(
        serde_json::from_str(json).ok()?,
        "",
        without,
        &mut canonical,
    )?;
    Some(Sha256::digest(canonical.as_bytes()).to_vec())
}

fn write(value: &RawValue, at: &str, without: &[String], out: &mut String) -> Option<()> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'{' => {
            let members: Members<'_> = serde_json::from_str(text).ok()?;
            let below = |key: &str| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            let left = |key: &str| !without.contains(&below(key));
            out.push('{');
            for (number, (key, value)) in members.0.iter().filter(|(key, _)| left(key)).enumerate()
            {
                if number > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(key).ok()?);
                out.push(':');
                write(value, &below(key), without, out)?;
            }
            out.push('}');
        }
        b'[' => {
            out.push('[');
            let list: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            for (index, value) in list.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(value, &format!("{at}/{index}"), without, out)?;
            }
            out.push(']');
        }
        b'"' => {
            let string: String = serde_json::from_str(text).ok()?;
            out.push_str(&serde_json::to_string(&string).ok()?);
        }
        _ => out.push_str(text),
    }
    Some(())
}

/// An object's members, sorted; a key that stands twice is an error.
struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if members.insert(key, value).is_some() {
                        return Err(A::Error::custom("a key stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, two: &str) -> bool {
        let of = |json| fingerprint(json, &["/stream".into(), "/a/b~1c".into()]);
        of(one).is_some() && of(one) == of(two)
    }

    #[test]
    fn order_blanks_escapes_and_what_is_left_out_make_no_difference() {
        assert!(same(
            r#"{"a":1,"b":[{"c":"d"}]}"#,
            "{ \"b\" : [ {\"c\":\"\\u0064\"} ] , \"a\":1 }"
        ));
        assert!(same(r#"{"stream":true}"#, "{}"));
        assert!(same(
            r#"{"a":{"b/c":1,"d":2}}"#,
            r#"{"a":{"d":2},"stream":[1]}"#
        ));
    }

    #[test]
    fn everything_else_does() {
        for (one, two) in [
            (r#"{"a":1}"#, r#"{"a":1.0}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":[12]}"#, r#"{"a":[1,2]}"#),
            (r#"{"a":null}"#, "{}"),
            (r#"{"b":{"stream":true}}"#, r#"{"b":{}}"#),
            (r#"{"a":{}}"#, r#"{"a":[]}"#),
        ] {
            assert!(!same(one, two), "{one} {two}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_no_json_has_none() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"b":[{"a":1,"\u0061":2}]}"#,
            "{",
            "",
            r#"{"a":"\ud800"}"#,
        ] {
            assert_eq!(fingerprint(json, &[]), None, "{json}");
        }
    }
}
