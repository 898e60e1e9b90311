//! The request and the reply's head, lent for one call.
//!
//! The handles are empty: there is one request and one head in a call, and they are in the store.
//! So lending costs no table entry, and a handle that outlives its call cannot exist (the component
//! model traps what is not given back).

use std::time::Duration;

use bytes::Bytes;
use dialect::{Passage, Place, Places, canon, request::Body};
use policy::{LONGEST_TARGET, MOST_TARGETS, Unit};
use ring::digest::{SHA256, digest};
use wasmtime::component::Resource;

use super::{
    super::{bindings, convert},
    Access, Capability, State, Version, credentials, headers, limits, misuse,
};
use bindings::{interfaces::exchange, types as wit};

/// The capability `types`.
pub static TYPES: Capability = Capability {
    name: "types",
    about: "has the types that the other interfaces share",
    access: Access::Free,
    waits: false,
    linked: linked!(types since V0_2),
};

/// The capability `exchange`.
pub static EXCHANGE: Capability = Capability {
    name: "exchange",
    about: "reads and edits the request, reads the reply's head",
    access: Access::Free,
    waits: false,
    linked: linked!(exchange since V0_2),
};

/// A handle for the call's request.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the generated bindings export it again")]
pub struct RequestHandle;
/// A handle for the call's reply head.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the generated bindings export it again")]
pub struct HeadHandle;

/// Headers that policies add to one reply.
const REPLY_HEADERS: usize = 64;

type Request = Resource<RequestHandle>;
type Head = Resource<HeadHandle>;

impl exchange::Host for State {}

impl exchange::HostRequest for State {
    fn id(&mut self, _: Request) -> wasmtime::Result<String> {
        Ok(self.lent()?.id.clone())
    }

    fn dialect(&mut self, _: Request) -> wasmtime::Result<wit::Dialect> {
        Ok(self.lent()?.dialect.name().to_owned())
    }

    fn method(&mut self, _: Request) -> wasmtime::Result<String> {
        Ok(self.lent()?.method.as_str().to_owned())
    }

    fn path(&mut self, _: Request) -> wasmtime::Result<String> {
        let credentials = self.shared.credentials;
        let path = &self.lent()?.path;
        Ok(match credentials {
            true => path.clone(),
            false => credentials::without_keys(path),
        })
    }

    fn streaming(&mut self, _: Request) -> wasmtime::Result<bool> {
        Ok(self.lent()?.body.streaming())
    }

    fn model(&mut self, _: Request) -> wasmtime::Result<Option<String>> {
        Ok(self.lent()?.body.model().map(str::to_owned))
    }

    fn set_model(&mut self, _: Request, model: String) -> wasmtime::Result<()> {
        edited("set-model", taken(self.lent()?.body.set_model(&model)))
    }

    fn header(&mut self, _: Request, name: String) -> wasmtime::Result<Vec<String>> {
        let credentials = self.shared.credentials;
        Ok(headers::values(self.lent()?.headers(), &name, credentials))
    }

    fn headers(&mut self, _: Request) -> wasmtime::Result<Vec<wit::Header>> {
        let credentials = self.shared.credentials;
        Ok(headers::all(self.lent()?.headers(), credentials))
    }

    fn caller(&mut self, _: Request) -> wasmtime::Result<String> {
        Ok(self.lent()?.caller().unwrap_or_default())
    }

    fn set_header(&mut self, _: Request, name: String, value: String) -> wasmtime::Result<()> {
        let credentials = self.shared.credentials;
        let call = self.lent()?;
        match headers::checked(call.headers(), &name, &value, credentials) {
            Ok((name, value)) => call.set_header(name, value),
            Err(why) => return misuse(format!("set-header: {why}")),
        }
        Ok(())
    }

    fn set_reply_header(
        &mut self,
        _: Request,
        name: String,
        value: String,
    ) -> wasmtime::Result<()> {
        let headers = &mut self.lent()?.claims.reply_headers;
        if headers.len() >= REPLY_HEADERS {
            return misuse("set-reply-header: an exchange sets 64 headers at most");
        }
        match headers::for_reply(&name, &value) {
            Ok(header) => headers.push(header),
            Err(why) => return misuse(format!("set-reply-header: {why}")),
        }
        Ok(())
    }

    fn tag(&mut self, _: Request, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.lent()?.tag(&name).map(str::to_owned))
    }

    fn set_tag(&mut self, _: Request, name: String, value: String) -> wasmtime::Result<()> {
        match self.lent()?.set_tag(&name, &value) {
            true => Ok(()),
            false => misuse(
                "set-tag: a name is 1 to 32 of a-z, 0-9, _ and -, a value 128 printable bytes at most, and an exchange has 32 tags",
            ),
        }
    }

    fn passages(
        &mut self,
        _: Request,
        start: u32,
        max: u32,
    ) -> wasmtime::Result<Vec<wit::Passage>> {
        let passages = self.listed(start, max)?;
        Ok(passages.into_iter().map(Into::into).collect())
    }

    fn passages_of(
        &mut self,
        _: Request,
        place: wit::Place,
        last: bool,
        start: u32,
        max: u32,
    ) -> wasmtime::Result<Vec<wit::Passage>> {
        let passages = self.listed_of(&place, last, start, max)?;
        Ok(passages.into_iter().map(Into::into).collect())
    }

    fn add_system(&mut self, _: Request, text: String) -> wasmtime::Result<Result<(), String>> {
        Ok(self.lent()?.body.add_system(&text))
    }

    fn set_passage(&mut self, _: Request, id: u32, text: String) -> wasmtime::Result<()> {
        edited("set-passage", self.lent()?.body.set_passage(id, text))
    }

    fn set_passages(&mut self, _: Request, edits: Vec<(u32, String)>) -> wasmtime::Result<()> {
        let body = &mut self.lent()?.body;
        edits
            .into_iter()
            .try_for_each(|(id, text)| edited("set-passages", body.set_passage(id, text)))
    }

    fn drop_message(&mut self, _: Request, message: u32) -> wasmtime::Result<()> {
        edited("drop-message", self.lent()?.body.drop_message(message))
    }

    fn messages(&mut self, _: Request) -> wasmtime::Result<u32> {
        Ok(self.counted()?.messages())
    }

    fn images(&mut self, _: Request) -> wasmtime::Result<u32> {
        Ok(self.counted()?.images())
    }

    fn tools(&mut self, _: Request) -> wasmtime::Result<u32> {
        Ok(self.counted()?.tools())
    }

    fn input_tokens(&mut self, _: Request) -> wasmtime::Result<u64> {
        Ok(self.lent()?.body.input_tokens())
    }

    fn estimate(&mut self, _: Request, unit: wit::Unit) -> wasmtime::Result<Option<u64>> {
        let Some(unit) = limits::unit(&unit) else {
            return Ok(None);
        };
        let amount = self.lent()?.estimate(unit);
        Ok(amount.map(|amount| match unit {
            Unit::Microusd => amount.div_ceil(1000),
            _ => amount,
        }))
    }

    fn depth(&mut self, _: Request) -> wasmtime::Result<u32> {
        Ok(canon::depth(&self.whole()?))
    }

    fn fingerprint(
        &mut self,
        _: Request,
        without: Vec<String>,
    ) -> wasmtime::Result<Option<Vec<u8>>> {
        let form = canon::canonical(&self.whole()?, &without);
        Ok(form.map(|form| digest(&SHA256, &form).as_ref().to_vec()))
    }

    fn max_output_tokens(&mut self, _: Request) -> wasmtime::Result<Option<u64>> {
        Ok(self.lent()?.body.max_output_tokens())
    }

    fn set_max_output_tokens(&mut self, _: Request, tokens: u64) -> wasmtime::Result<()> {
        edited(
            "set-max-output-tokens",
            taken(self.lent()?.body.set_max_output_tokens(tokens)),
        )
    }

    fn targets(&mut self, _: Request) -> wasmtime::Result<Vec<wit::Target>> {
        let candidates = self.lent()?.candidates();
        Ok(candidates.into_iter().map(Into::into).collect())
    }

    fn prefer(&mut self, _: Request, targets: Vec<String>) -> wasmtime::Result<()> {
        named("prefer", self.lent()?.claims.prefer(targets))
    }

    fn exclude(&mut self, _: Request, targets: Vec<String>) -> wasmtime::Result<()> {
        named("exclude", self.lent()?.claims.exclude(targets))
    }

    fn mirror(&mut self, _: Request, target: String) -> wasmtime::Result<()> {
        named("mirror", self.lent()?.claims.mirror(target))
    }

    fn hold_reply(&mut self, _: Request, places: Vec<wit::Place>) -> wasmtime::Result<()> {
        if !self.shared.judges {
            return misuse(
                "hold-reply: the policy holds replies and does not declare the hook: add `Hooks::ATTEMPT` to HOOKS",
            );
        }
        self.lent()?.claims.hold_reply = Some(convert::known_places(&places));
        Ok(())
    }

    fn deadline_ms(&mut self, _: Request) -> wasmtime::Result<Option<u64>> {
        let deadline = self.lent()?.deadline();
        Ok(deadline.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }

    fn set_deadline_ms(&mut self, _: Request, ms: u64) -> wasmtime::Result<()> {
        self.lent()?.claims.end_within(Duration::from_millis(ms));
        Ok(())
    }

    fn parameter(&mut self, _: Request, pointer: String) -> wasmtime::Result<Option<String>> {
        let parameter = self.lent()?.body.parameter(&pointer);
        self.pace
            .show(parameter.as_ref().map_or(0, String::len) as u64);
        Ok(parameter)
    }

    fn set_parameter(
        &mut self,
        _: Request,
        pointer: String,
        json: String,
    ) -> wasmtime::Result<Result<(), String>> {
        Ok(self.lent()?.body.set_parameter(&pointer, &json))
    }

    fn body_size(&mut self, _: Request) -> wasmtime::Result<u64> {
        Ok(self.lent()?.body.size() as u64)
    }

    fn body(&mut self, _: Request) -> wasmtime::Result<Vec<u8>> {
        self.read_body()
    }

    fn set_body(&mut self, _: Request, body: Vec<u8>) -> wasmtime::Result<()> {
        self.replace_body(body)
    }

    fn drop(&mut self, _: Request) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl exchange::HostReplyHead for State {
    fn status(&mut self, _: Head) -> wasmtime::Result<u16> {
        Ok(self.head()?.status)
    }

    fn header(&mut self, _: Head, name: String) -> wasmtime::Result<Vec<String>> {
        let credentials = self.shared.credentials;
        Ok(headers::values(&self.head()?.headers, &name, credentials))
    }

    fn streaming(&mut self, _: Head) -> wasmtime::Result<bool> {
        Ok(self.head()?.streaming)
    }

    fn dialect(&mut self, _: Head) -> wasmtime::Result<wit::Dialect> {
        Ok(self.head()?.dialect.name().to_owned())
    }

    fn drop(&mut self, _: Head) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl State {
    /// Returns the body with its passages counted, which may not have been done so far. A malformed
    /// body has none.
    fn counted(&mut self) -> wasmtime::Result<&Body> {
        let body = &mut self.lent()?.body;
        let _ = body.index();
        Ok(body)
    }

    /// Returns the passages in the places that the manifest reads; their text counts as given to
    /// the call. One that reads none is a misuse, since 0.4.
    pub(in super::super) fn listed(
        &mut self,
        start: u32,
        max: u32,
    ) -> wasmtime::Result<Vec<Passage>> {
        let reads = self.shared.reads;
        if reads.is_empty() {
            return match self.shared.contract {
                Version::V0_4 => misuse(
                    "passages: the policy reads passages and declares no place to read: name them in READS",
                ),
                Version::V0_3 | Version::V0_2 => Ok(Vec::new()),
            };
        }
        let passages = self.lent()?.body.passages(reads, start, max);
        Ok(self.shown(passages))
    }

    /// Returns the passages of one place, or those of its last message.
    fn listed_of(
        &mut self,
        place: &str,
        last: bool,
        start: u32,
        max: u32,
    ) -> wasmtime::Result<Vec<Passage>> {
        let known = Place::named(place).filter(|known| self.shared.reads.contains(*known));
        let Some(place) = known else {
            return misuse(format!(
                "passages-of: the policy reads `{}` and does not declare it: name it in READS",
                place.chars().take(32).collect::<String>()
            ));
        };
        let body = &self.lent()?.body;
        let passages = match last {
            true => body.last_passages(place, start, max),
            false => body.passages(Places::NONE.with(place), start, max),
        };
        Ok(self.shown(passages))
    }

    /// Counts the text of passages as given to the call.
    fn shown(&mut self, passages: Vec<Passage>) -> Vec<Passage> {
        let bytes: usize = passages.iter().map(|passage| passage.text.len()).sum();
        self.pace.show(bytes as u64);
        passages
    }

    /// Returns the body as it is now, which counts as given to the call.
    pub(super) fn whole(&mut self) -> wasmtime::Result<Bytes> {
        let body = self.lent()?.body.render();
        self.pace.show(body.len() as u64);
        Ok(body)
    }

    pub(in super::super) fn head(&self) -> wasmtime::Result<&policy::ReplyHead> {
        match &self.head {
            Some(head) => Ok(head),
            None => misuse("no reply is lent to this hook"),
        }
    }
}

/// Turns an edit that the body refused into a trap.
pub(super) fn edited<E: std::fmt::Display>(
    method: &str,
    outcome: Result<(), E>,
) -> wasmtime::Result<()> {
    outcome.or_else(|why| misuse(format!("{method}: {why}")))
}

/// Turns targets that are no names, or too many, into a trap.
fn named(method: &str, taken: bool) -> wasmtime::Result<()> {
    match taken {
        true => Ok(()),
        false => misuse(format!(
            "{method}: an exchange names {MOST_TARGETS} targets at most, each in 1 to {LONGEST_TARGET} bytes"
        )),
    }
}

/// Returns an error for a body that could not take an edit: it is malformed.
fn taken(it_did: bool) -> Result<(), &'static str> {
    it_did.then_some(()).ok_or("the body is no JSON object")
}
