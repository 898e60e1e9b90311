//! The request that a chain works on, and the journal that undoes what a faulty policy did to it.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::dialect::{
    Dialect,
    request::{Body, Mark as BodyMark},
};

/// The exchange's request as policies see and edit it.
#[derive(Debug)]
pub struct Call {
    /// The exchange's id.
    pub id: String,
    /// How the body is written.
    pub dialect: Dialect,
    /// `POST`, nearly always.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// What is asked.
    pub body: Body,
    headers: HeaderMap,
    tags: Vec<(String, String)>,
    undo: Vec<Undo>,
}

/// Where a call's journal stood.
pub struct Mark {
    body: BodyMark,
    undo: usize,
}

#[derive(Debug)]
enum Undo {
    Header(HeaderName, Vec<HeaderValue>),
    Tag(String, Option<String>),
}

impl Call {
    /// The request as it arrived.
    pub fn new(
        id: String,
        dialect: Dialect,
        method: Method,
        path: String,
        headers: HeaderMap,
        body: Body,
    ) -> Self {
        Self {
            id,
            dialect,
            method,
            path,
            body,
            headers,
            tags: Vec::new(),
            undo: Vec::new(),
        }
    }

    /// The headers as they will go upstream, credentials included.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Gives up the call for what goes upstream.
    pub fn into_parts(self) -> (HeaderMap, Body, Vec<(String, String)>) {
        (self.headers, self.body, self.tags)
    }

    /// Replaces a header, or removes it. Which headers a policy may set is for the sandbox to check.
    pub fn set_header(&mut self, name: HeaderName, value: Option<HeaderValue>) {
        let before = self.headers.get_all(&name).iter().cloned().collect();
        match value {
            Some(value) => drop(self.headers.insert(name.clone(), value)),
            None => drop(self.headers.remove(&name)),
        }
        self.undo.push(Undo::Header(name, before));
    }

    /// Tags: shared down the chain, and with accounting.
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// The tag's value.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Sets a tag for the policies that follow and for accounting. The sandbox bounds how many and how long.
    pub fn set_tag(&mut self, name: &str, value: String) {
        let before = match self.tags.iter_mut().find(|(known, _)| known == name) {
            Some((_, present)) => Some(std::mem::replace(present, value)),
            None => {
                self.tags.push((name.to_owned(), value));
                None
            }
        };
        self.undo.push(Undo::Tag(name.to_owned(), before));
    }

    /// Remembers how the call stands.
    pub fn mark(&self) -> Mark {
        Mark {
            body: self.body.mark(),
            undo: self.undo.len(),
        }
    }

    /// Whether anything was edited since `mark`.
    pub fn edited_since(&self, mark: &Mark) -> bool {
        self.undo.len() > mark.undo || !self.body.unchanged_since(&mark.body)
    }

    /// Undoes everything since `mark`.
    pub fn roll_back(&mut self, mark: Mark) {
        self.body.roll_back(mark.body);
        while self.undo.len() > mark.undo {
            match self.undo.pop() {
                Some(Undo::Header(name, before)) => {
                    self.headers.remove(&name);
                    for value in before {
                        self.headers.append(name.clone(), value);
                    }
                }
                Some(Undo::Tag(name, before)) => {
                    self.tags.retain(|(known, _)| *known != name);
                    self.tags.extend(before.map(|value| (name, value)));
                }
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        let body = Body::wire(
            Dialect::OpenaiChat,
            bytes::Bytes::from_static(b"{\"model\":\"a\"}"),
        );
        let mut headers = HeaderMap::new();
        headers.append("x-team", HeaderValue::from_static("one"));
        headers.append("x-team", HeaderValue::from_static("two"));
        Call::new(
            "id".into(),
            Dialect::OpenaiChat,
            Method::POST,
            "/v1/chat/completions".into(),
            headers,
            body,
        )
    }

    #[test]
    fn what_a_faulty_policy_did_is_undone_whole() {
        let mut call = call();
        call.set_tag("tenant", "a".into());
        let mark = call.mark();
        call.set_header(
            HeaderName::from_static("x-team"),
            Some(HeaderValue::from_static("three")),
        );
        call.set_header(
            HeaderName::from_static("x-new"),
            Some(HeaderValue::from_static("1")),
        );
        call.set_tag("tenant", "b".into());
        call.set_tag("plan", "free".into());
        call.body.set_model("b");
        assert!(call.edited_since(&mark));
        call.roll_back(mark);
        let team: Vec<_> = call.headers().get_all("x-team").iter().collect();
        assert_eq!(team, ["one", "two"]);
        assert!(!call.headers().contains_key("x-new"));
        assert_eq!((call.tag("tenant"), call.tag("plan")), (Some("a"), None));
        assert_eq!(call.body.model(), Some("a"));
    }
}
