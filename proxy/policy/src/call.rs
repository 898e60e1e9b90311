//! The request that a chain works on, and the journal that undoes what a faulty policy did to it.

use dialect::{
    Dialect,
    request::{Body, Mark as BodyMark},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::{
    Caller, Candidate, Claims, Estimates, Tags, Unit, caller, chain::Edits, claims, targets,
};

/// The upstream that an exchange came in for, because the app dialled a host that it claims.
/// Travels as a request's extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHost {
    /// Name of the upstream.
    pub upstream: Arc<str>,
    /// True if the app dialled the very host of its URL. Then paths are the provider's own and pass
    /// as they are.
    pub own: bool,
}

/// The connection that a request came on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// The exchange's request as policies see and edit it.
pub struct Call {
    /// The exchange's id.
    pub id: String,
    /// Dialect of the body.
    pub dialect: Dialect,
    /// Method; `POST`, nearly always.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Body of the request.
    pub body: Body,
    /// The body as it came, where it is encoded and the chain is empty: it leaves like this, unless
    /// the host itself edits `body`.
    pub encoded: Option<bytes::Bytes>,
    /// Claims of policies in its name.
    pub claims: Claims,
    /// The upstream whose host the app dialled; none where it came in by the base URL.
    pub home: Option<ByHost>,
    /// The connection that it came on.
    pub connection: Option<ConnectionId>,
    /// The model that the app wrote, where `home` is set: policies may have changed it.
    pub requested_model: Option<Box<str>>,
    headers: HeaderMap,
    tags: Tags,
    undo: Vec<Undo>,
    estimates: Option<Arc<dyn Estimates>>,
    caller: Option<Arc<Caller>>,
}

/// The rule of calls that nobody gave one.
static UNNAMED: Caller = Caller {
    headers: Vec::new(),
    cookies: Vec::new(),
};

/// Omits the content: a call is all of the prompt.
impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id)
            .field("dialect", &self.dialect)
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

/// A position in a call's journal, to roll back to.
pub(crate) struct Mark {
    body: BodyMark,
    undo: usize,
    claims: claims::Mark,
}

#[derive(Debug)]
enum Undo {
    Header(HeaderName, Vec<HeaderValue>),
    Tag(String, Option<String>),
}

impl Call {
    /// Makes a call of the request as it arrived.
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
            encoded: None,
            headers,
            claims: Claims::default(),
            home: None,
            connection: None,
            requested_model: None,
            tags: Tags::default(),
            undo: Vec::new(),
            estimates: None,
            caller: None,
        }
    }

    /// Sets what identifies its caller.
    pub fn identified_by(&mut self, caller: Arc<Caller>) {
        self.caller = Some(caller);
    }

    /// Returns a name for the caller that does not reveal who it is; none where the request carries
    /// nothing that identifies one.
    pub fn caller(&self) -> Option<String> {
        caller::name(self.rule(), &self.headers, &self.path)
    }

    fn rule(&self) -> &Caller {
        self.caller.as_deref().unwrap_or(&UNNAMED)
    }

    /// Sets the source of estimates of what the exchange will take.
    pub fn estimated_by(&mut self, estimates: Arc<dyn Estimates>) {
        self.estimates = Some(estimates);
    }

    /// Returns what the exchange will take of a unit, as the call is now; money in billionths of a
    /// dollar, none where its model has no price.
    pub fn estimate(&self, unit: Unit) -> Option<u64> {
        self.estimates.as_ref()?.estimate(self, unit)
    }

    /// Returns the targets that the exchange may go to, as the call is now, in the order in which
    /// they would be tried; without what policies have said of them.
    pub fn candidates(&self) -> Vec<Candidate> {
        let known = self.estimates.as_ref();
        known.map_or_else(Vec::new, |known| known.candidates(self))
    }

    /// Returns the time that the exchange may take in all, from its beginning.
    pub fn deadline(&self) -> Option<Duration> {
        let hosts = self
            .estimates
            .as_ref()
            .and_then(|known| known.deadline(self));
        targets::shorter(self.claims.deadline, hosts)
    }

    /// Sets the tags that the host found, before any policy.
    pub fn tagged(&mut self, tags: Tags) {
        self.tags = tags;
    }

    /// Returns the headers as they will go upstream, credentials included.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns a hash of the caller, valid in this process: of what identifies it, or of the
    /// connection where the request carries nothing that does.
    pub(crate) fn caller_hash(&self) -> u64 {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        // Keyed for this process, so that the SHA-256 of a name would add nothing.
        let hash = |identity: &[u8]| KEY.hash_one(identity);
        caller::identity(self.rule(), &self.headers, &self.path, hash)
            .unwrap_or_else(|| KEY.hash_one(self.connection))
    }

    /// Replaces a header, or removes it. Which headers a policy may set is for the sandbox to
    /// check.
    pub fn set_header(&mut self, name: HeaderName, value: Option<HeaderValue>) {
        let before = self.headers.get_all(&name).iter().cloned().collect();
        match value {
            Some(value) => drop(self.headers.insert(name.clone(), value)),
            None => drop(self.headers.remove(&name)),
        }
        self.undo.push(Undo::Header(name, before));
    }

    /// Returns the tags, which policies and accounting share.
    pub const fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Returns the tag's value.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name)
    }

    /// Sets a tag for the policies that follow and for accounting; an empty value removes it.
    /// Returns false where it can't be one, or there are too many.
    pub fn set_tag(&mut self, name: &str, value: &str) -> bool {
        let before = self.tags.get(name).map(str::to_owned);
        let taken = self.tags.set(name, value);
        if taken {
            self.undo.push(Undo::Tag(name.to_owned(), before));
        }
        taken
    }

    /// Returns the call's present position in its journal.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            body: self.body.mark(),
            undo: self.undo.len(),
            claims: self.claims.mark(),
        }
    }

    /// Reports whether anything was edited since `mark`, or may go elsewhere than it would have.
    pub(crate) fn edited_since(&self, mark: &Mark) -> bool {
        self.undo.len() > mark.undo
            || !self.body.unchanged_since(&mark.body)
            || !mark.claims.routes_like(&self.claims)
    }

    /// Counts the edits since `mark`, by what was edited.
    pub(crate) fn count_edits(&self, mark: &Mark, edits: &mut Edits) {
        edits.add_body(&self.body.changes_since(&mark.body));
        for undo in self.undo.iter().skip(mark.undo) {
            let what = match undo {
                Undo::Header(..) => "headers",
                Undo::Tag(..) => "tags",
            };
            edits.add(what, 1);
        }
        let before = mark.claims.reply_headers();
        let more = self.claims.reply_headers.len().saturating_sub(before);
        edits.add("reply-headers", u32::try_from(more).unwrap_or(u32::MAX));
        edits.add("targets", (!mark.claims.routes_like(&self.claims)).into());
    }

    /// Takes back the headers for the reply that were set since `mark`.
    pub(crate) fn forget_reply_headers(&mut self, mark: &Mark) {
        let before = mark.claims.reply_headers();
        self.claims.reply_headers.truncate(before);
    }

    /// Undoes everything since `mark`.
    pub(crate) fn roll_back(&mut self, mark: Mark) {
        self.body.roll_back(mark.body);
        self.claims.roll_back(mark.claims);
        while self.undo.len() > mark.undo {
            match self.undo.pop() {
                Some(Undo::Header(name, before)) => {
                    self.headers.remove(&name);
                    for value in before {
                        self.headers.append(name.clone(), value);
                    }
                }
                Some(Undo::Tag(name, before)) => {
                    self.tags.set(&name, before.as_deref().unwrap_or_default());
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
    fn callers_are_distinguished_by_credential_then_by_connection() {
        let with = |header: Option<&'static str>, path: &str, connection| {
            let mut call = call();
            if let Some(value) = header {
                let name = HeaderName::from_static("authorization");
                call.set_header(name, Some(HeaderValue::from_static(value)));
            }
            call.path = path.into();
            call.connection = Some(ConnectionId(connection));
            call.caller_hash()
        };
        let (ana, bob) = (Some("Bearer ana"), Some("Bearer bob"));
        assert_eq!(with(ana, "/", 1), with(ana, "/", 2));
        assert_ne!(with(ana, "/", 1), with(bob, "/", 1));
        assert_eq!(with(None, "/?key=a", 1), with(None, "/?key=a", 2));
        assert_ne!(with(None, "/", 1), with(None, "/", 2));
        assert_eq!(with(None, "/", 1), with(None, "/", 1));
    }

    #[test]
    fn what_a_faulty_policy_did_is_undone_whole() {
        let mut call = call();
        call.set_tag("tenant", "a");
        let mark = call.mark();
        for (name, value) in [("x-team", "three"), ("x-new", "1")] {
            let value = HeaderValue::from_static(value);
            call.set_header(HeaderName::from_static(name), Some(value));
        }
        call.set_tag("tenant", "b");
        call.set_tag("plan", "free");
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
