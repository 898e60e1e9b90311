//! A body's canonical form: the same bytes for all bodies that differ only in order, spacing or
//! escaping.
//!
//! Keys are sorted by their bytes, blanks are gone, strings are escaped in one form. Numbers stay
//! as they are spelt: `1` and `1.0` are two bodies, which costs a cache a hit where reading them
//! would cost it a wrong one. A key twice in one object has no canonical form: the provider may
//! take either.

use super::{
    Malformed,
    json::{Kind, outlined::Cursor, quote},
};

/// Writes the canonical form of `json`, without the values at these pointers (RFC 6901). `None`
/// where it is no JSON or ambiguous.
pub fn canonical(json: &[u8], without: &[String]) -> Option<Vec<u8>> {
    let mut form = Form {
        json,
        without,
        at: String::new(),
        out: Vec::with_capacity(json.len()),
    };
    let mut cursor = Cursor::new(json);
    form.value(&mut cursor).ok()?;
    cursor.end().ok()?;
    Some(form.out)
}

/// Levels of nested arrays and objects; 0 for a scalar or what is no JSON.
pub fn depth(json: &[u8]) -> u32 {
    fn of(cursor: &mut Cursor<'_>) -> Result<u32, Malformed> {
        let mut deepest = 0;
        match cursor.kind()? {
            Kind::Object => cursor.object(|_, cursor| {
                deepest = deepest.max(of(cursor)?);
                Ok(())
            })?,
            Kind::Array => cursor.array(|_, cursor| {
                deepest = deepest.max(of(cursor)?);
                Ok(())
            })?,
            Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                cursor.skip()?;
                return Ok(0);
            }
        }
        Ok(deepest + 1)
    }
    of(&mut Cursor::new(json)).unwrap_or_default()
}

struct Form<'a> {
    json: &'a [u8],
    without: &'a [String],
    /// The pointer of the value that is being read; kept only where something is left out.
    at: String,
    out: Vec<u8>,
}

impl Form<'_> {
    fn value(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        match cursor.kind()? {
            Kind::Object => self.object(cursor),
            Kind::Array => {
                self.out.push(b'[');
                cursor.array(|index, cursor| {
                    let outer = self.enter(|| index.to_string());
                    self.value(cursor)?;
                    self.out.push(b',');
                    self.at.truncate(outer);
                    Ok(())
                })?;
                self.out.push(b']');
                Ok(())
            }
            Kind::String => {
                let text = cursor.text()?;
                let decoded = text.decode(self.json);
                if decoded.contains('\u{fffd}') {
                    // Half a surrogate pair reads as this, too: its own spelling distinguishes
                    // them.
                    let raw = self.json.get(text.range.clone()).unwrap_or_default();
                    self.out.push(b'~');
                    self.out.extend_from_slice(raw);
                } else {
                    quote(&decoded, &mut self.out);
                }
                Ok(())
            }
            Kind::Number | Kind::Boolean | Kind::Null => {
                let raw = cursor.skip()?;
                self.out
                    .extend_from_slice(self.json.get(raw).unwrap_or_default());
                Ok(())
            }
        }
    }

    fn object(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let mut members: Vec<(String, Vec<u8>)> = Vec::new();
        let start = self.out.len();
        cursor.object(|key, cursor| {
            let name = key.decode().into_owned();
            let outer = self.enter(|| name.replace('~', "~0").replace('/', "~1"));
            if self.without.contains(&self.at) {
                cursor.skip()?;
            } else {
                self.value(cursor)?;
                members.push((name, self.out.split_off(start)));
            }
            self.at.truncate(outer);
            Ok(())
        })?;
        members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if members
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.0 == b.0))
        {
            return Err(Malformed::new("an object has a key twice", cursor.at()));
        }
        self.out.push(b'{');
        for (name, value) in members {
            quote(&name, &mut self.out);
            self.out.push(b':');
            self.out.extend_from_slice(&value);
            self.out.push(b',');
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Goes one level down; returns the pointer's length to come back to.
    fn enter(&mut self, name: impl FnOnce() -> String) -> usize {
        let outer = self.at.len();
        if !self.without.is_empty() {
            self.at.push('/');
            self.at.push_str(&name());
        }
        outer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        let form = |json: &str| canonical(json.as_bytes(), &["/stream".into(), "/a/0/x~1y".into()]);
        assert!(form(a).is_some() && form(b).is_some(), "{a} {b}");
        form(a) == form(b)
    }

    #[test]
    fn order_spacing_and_escapes_of_the_same_body_make_no_difference() {
        assert!(same(
            r#"{"a":1,"b":[true,"é/"]}"#,
            r#" { "b" : [ true , "\u00e9\/" ],"a":1 }"#
        ));
        assert!(same(r#"{"a":1,"stream":true}"#, r#"{"a":1}"#));
        assert!(same(r#"{"a":[{"x/y":1}]}"#, r#"{"a":[{}]}"#));
    }

    #[test]
    fn whatever_else_differs_makes_another_body() {
        let bodies = [
            r#"{"a":1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":null}"#,
            r#"{}"#,
            r#"[]"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[2,1]}"#,
            r#"{"a":["1,2"]}"#,
            r#"{"a":[[1],2]}"#,
            r#"{"a":[[1,2]]}"#,
            r#"{"a":"\ud83d"}"#,
            r#"{"a":"\ufffd"}"#,
            r#"{"a":"\ud83e"}"#,
            r#"{"a":12345678901234567890123}"#,
            r#"{"a":12345678901234567890124}"#,
            r#"{"b":1}"#,
            r#"{"a":{"a":1}}"#,
            r#"{"a":{"stream":1}}"#,
        ];
        for (n, a) in bodies.iter().enumerate() {
            for b in &bodies[n + 1..] {
                assert!(!same(a, b), "{a} {b}");
            }
        }
    }

    #[test]
    fn what_two_readers_may_read_in_two_ways_has_no_fingerprint() {
        for json in [
            r#"{"a":1,"a":2}"#,
            r#"{"x":{"a":1,"\u0061":1}}"#,
            "",
            "{",
            r#"{"a":1} x"#,
            "\"\u{1}\"",
        ] {
            assert_eq!(canonical(json.as_bytes(), &[]), None, "{json}");
        }
    }

    #[test]
    fn depth_counts_levels() {
        for (json, levels) in [
            ("1", 0),
            ("{}", 1),
            (r#"{"a":[[],{"b":[1]}]}"#, 4),
            ("[[", 0),
        ] {
            assert_eq!(depth(json.as_bytes()), levels, "{json}");
        }
    }
}
