//! `tags:`.

use std::collections::BTreeMap;

use http::HeaderName;
use policy::tags::{is_name, is_value};

use super::Check;
use crate::config::{
    TagRule, Tags,
    file::{self, Named, Text},
    problems::Path,
};

/// Headers that bear a credential: a tag is logged and counted.
const CREDENTIALS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "helicone-auth",
];

impl Check<'_> {
    pub(super) fn tags(&mut self, written: Option<Named<file::Tag>>) -> Tags {
        let at = Path::default().key("tags");
        let mut written = written.map(|named| named.0).unwrap_or_default();
        let mut takers: BTreeMap<String, String> = BTreeMap::new();
        let usual: Vec<_> = (Tags::USUAL.iter())
            .map(|name| {
                (
                    (*name).to_owned(),
                    written.remove(*name).unwrap_or_default(),
                )
            })
            .collect();
        let mut rules = Vec::new();
        for (name, tag) in usual.into_iter().chain(written) {
            let at = at.key(&name);
            if !is_name(&name) {
                self.problem(&at, "is no name for a tag; write a letter, then letters, digits, `-` and `_`, in lower case and 32 at most");
                continue;
            }
            rules.push(self.tag(&at, name, tag, &mut takers));
        }
        Tags { rules }
    }

    fn tag(
        &mut self,
        at: &Path,
        name: String,
        written: file::Tag,
        takers: &mut BTreeMap<String, String>,
    ) -> TagRule {
        let fixed = self.fixed(at, &name, &written);
        let headers_at = at.key("headers");
        if written.headers.as_ref().is_some_and(Vec::is_empty) {
            self.problem(&headers_at, "is empty; name a header, or leave the key out");
        }
        if written.strip.is_some() && written.headers.is_none() {
            self.problem(
                &at.key("strip"),
                "has no effect without `headers`; remove it (the usual headers are always kept from the upstream)",
            );
        }
        let mut headers = Vec::new();
        for (n, header) in written.headers.iter().flatten().enumerate() {
            let at = headers_at.index(n);
            let Some(header) = self.header(&at, header) else {
                continue;
            };
            match takers.insert(header.as_str().to_owned(), name.clone()) {
                Some(taker) => self.problem(
                    &at,
                    format!("is named for the tag `{taker}` already; keep one"),
                ),
                None => headers.push(header),
            }
        }
        // Where the operator gives a value and no headers, no header of a caller may change it.
        let fixed_by_operator = written.env.is_some() || written.value.is_some();
        TagRule {
            name,
            headers: (written.headers.is_some() || fixed_by_operator).then_some(headers),
            fixed,
            strip: *written.strip,
        }
    }

    fn header(&mut self, at: &Path, written: &Text) -> Option<HeaderName> {
        let text = self.text(at, Some(written))?;
        let Ok(header) = text.parse::<HeaderName>() else {
            self.problem(at, "is no name of a header; write one like `x-team`");
            return None;
        };
        if CREDENTIALS.contains(&header.as_str()) {
            self.problem(
                at,
                "bears a credential, and tags are logged; name another header (policies have `caller`, a hash of it)",
            );
            return None;
        }
        Some(header)
    }

    fn fixed(&mut self, at: &Path, name: &str, written: &file::Tag) -> Option<String> {
        if written.env.is_some() && written.value.is_some() {
            self.problem(at, "has both `env` and `value`; keep one");
        }
        let (at, value) = if let Some(variable) = &*written.env {
            let at = at.key("env");
            let variable = self.text(&at, Some(variable))?;
            let value = (self.env)(&variable);
            if value.is_none() {
                self.problem(&at, format!("the environment has no `{variable}`; set it, or write `value: ${{{variable}:-default}}` instead"));
            }
            (at, value?)
        } else if let Some(value) = &*written.value {
            let at = at.key("value");
            let value = self.text(&at, Some(value))?;
            (at, value)
        } else {
            let variable = format!("OUTRIGGER_TAG_{}", name.to_uppercase().replace('-', "_"));
            let value = (self.env)(&variable).filter(|value| !value.is_empty());
            (at.clone(), value?)
        };
        if is_value(&value) {
            return Some(value);
        }
        self.problem(
            &at,
            "is no value for a tag; give it 1 to 128 bytes of printable text",
        );
        None
    }
}
