//! The limit on generated tokens, under the names that the dialects have for it.

use memchr::memmem;

use super::Body;
use crate::{Kind, json};

impl Body {
    /// The limit on generated tokens, where the caller set one; of a batch the largest of its
    /// requests'.
    pub fn max_output_tokens(&self) -> Option<u64> {
        if let Some(batch) = &self.state.facts.batch {
            return self.batch_limit(batch);
        }
        if !self.may_name_a_limit() {
            return None;
        }
        (self.limit_names().iter()).find_map(|name| self.count_at(name))
    }

    /// Returns false where no member's name can be that of a limit: all of them begin so, in plain
    /// letters or in escapes. A look at all members takes twenty times as long.
    fn may_name_a_limit(&self) -> bool {
        let bytes = &self.state.bytes;
        let has = |part: &[u8]| memmem::find(bytes, part).is_some();
        has(b"\"max") || has(b"\\u00")
    }

    /// Limits the generated tokens; in `openai.chat` by the name that the caller used, or else by
    /// the newer one. Returns whether it could: not where the body is malformed. A call that
    /// generates nothing is within every limit, and left as it is: providers refuse the member
    /// there. In a batch it limits the requests that want more, and no other.
    pub fn set_max_output_tokens(&mut self, tokens: u64) -> bool {
        if matches!(self.kind(), Kind::Count | Kind::Store) {
            return true;
        }
        if let Some(batch) = self.state.facts.batch.clone() {
            return self.bound_batch(&batch, tokens);
        }
        let json = tokens.to_string();
        let names = self.limit_names();
        if names.first().is_some_and(|name| name.rfind('/') > Some(0)) {
            return self.set_nested_limit(&json);
        }
        // a null counts as absent: giving both names is an error to some providers
        let set = |name: &&&str| {
            let range = json::pointer(&self.state.bytes, name);
            range.is_some_and(|range| self.state.bytes.get(range) != Some(b"null"))
        };
        let mut present: Vec<&str> = names.iter().filter(set).copied().collect();
        if present.is_empty() {
            let null = |name: &&&str| json::pointer(&self.state.bytes, name).is_some();
            present.extend(names.iter().find(null).or(names.first()));
        }
        !present.is_empty()
            && present
                .into_iter()
                .all(|name| self.set_raw(name, json.as_bytes()).is_ok())
    }

    /// Sets a limit that stands in an object of its own, which may be absent or `null`, and of
    /// which the names are the spellings.
    fn set_nested_limit(&mut self, json: &str) -> bool {
        let names = self.limit_names();
        let found = |pointer: &&&str| json::pointer(&self.state.bytes, pointer).is_some();
        if let Some(limit) = names.iter().find(found) {
            return self.set_raw(limit, json.as_bytes()).is_ok();
        }
        let Some((first, member)) = names.first().and_then(|name| name.rsplit_once('/')) else {
            return false;
        };
        let parents = || names.iter().filter_map(|name| name.rsplit_once('/'));
        let value = |parent: &str| {
            let range = json::pointer(&self.state.bytes, parent)?;
            self.state.bytes.get(range)
        };
        let is_object = |parent: &&str| value(parent).is_some_and(|value| value != b"null");
        if let Some(parent) = parents().map(|(parent, _)| parent).find(is_object) {
            let limit = format!("{parent}/{member}");
            return self.set_raw(&limit, json.as_bytes()).is_ok();
        }
        let is_null = |parent: &&str| value(parent).is_some();
        let parent = parents().map(|(parent, _)| parent).find(is_null);
        let object = format!(r#"{{"{member}":{json}}}"#);
        self.set_raw(parent.unwrap_or(first), object.as_bytes())
            .is_ok()
    }

    fn limit_names(&self) -> &'static [&'static str] {
        (self.dialect.description()).map_or(&[], |description| description.limits)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Dialect;

    #[test]
    fn a_limit_is_found_under_every_name_plain_or_escaped() {
        for dialect in Dialect::ALL {
            let limits = dialect.description().map_or(&[][..], |row| row.limits);
            for name in limits.iter().filter_map(|limit| limit.rsplit('/').next()) {
                assert!(
                    name.starts_with("max"),
                    "{name}: the look at the bytes misses it"
                );
            }
        }
        for (json, limit) in [
            (r#"{"max_tokens":7}"#, Some(7)),
            (r#"{"\u006dax_tokens":7}"#, Some(7)),
            (r#"{"m\u0061x_tokens":7}"#, Some(7)),
            (r#"{"messages":[{"content":"the \"max\""}]}"#, None),
            (r#"{"messages":[]}"#, None),
        ] {
            let body = Body::wire(Dialect::OpenaiChat, Bytes::from_static(json.as_bytes()));
            assert_eq!(body.max_output_tokens(), limit, "{json}");
        }
    }
}
