//! The functions of 0.2: each calls the current contract's.

use wasmtime::component::Resource;

use super::{
    super::{
        bindings::interfaces as today,
        capabilities::exchange::{HeadHandle, RequestHandle},
        store::State,
    },
    bindings::outrigger::policy::{
        clock, exchange, fetch, limits, log, metrics, random, replies, types, values,
    },
};

type Request = Resource<RequestHandle>;
type Head = Resource<HeadHandle>;
type Answer<T, E> = wasmtime::Result<Result<T, E>>;

/// Forwards functions whose types are the same in both.
macro_rules! unchanged {
    ($of:path: $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&mut self $(, $argument: $type)*) -> wasmtime::Result<$answer> {
            <Self as $of>::$name(self $(, $argument)*)
        })*
    };
}

/// Forwards functions that may wait, and converts what they take and answer.
macro_rules! converted {
    ($of:path: $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty, $error:ty;)*) => {
        $(async fn $name(&mut self $(, $argument: $type)*) -> Answer<$answer, $error> {
            let answer = <Self as $of>::$name(self $(, $argument.into())*).await?;
            Ok(answer.map(Into::into).map_err(Into::into))
        })*
    };
}

impl types::Host for State {}
impl exchange::Host for State {}

impl exchange::HostRequest for State {
    unchanged! { today::exchange::HostRequest:
        id(request: Request) -> String;
        method(request: Request) -> String;
        path(request: Request) -> String;
        streaming(request: Request) -> bool;
        model(request: Request) -> Option<String>;
        set_model(request: Request, model: String) -> ();
        header(request: Request, name: String) -> Vec<String>;
        caller(request: Request) -> String;
        set_header(request: Request, name: String, value: String) -> ();
        set_reply_header(request: Request, name: String, value: String) -> ();
        tag(request: Request, name: String) -> Option<String>;
        set_tag(request: Request, name: String, value: String) -> ();
        set_passage(request: Request, id: u32, text: String) -> ();
        set_passages(request: Request, edits: Vec<(u32, String)>) -> ();
        drop_message(request: Request, message: u32) -> ();
        messages(request: Request) -> u32;
        images(request: Request) -> u32;
        tools(request: Request) -> u32;
        input_tokens(request: Request) -> u64;
        depth(request: Request) -> u32;
        fingerprint(request: Request, without: Vec<String>) -> Option<Vec<u8>>;
        max_output_tokens(request: Request) -> Option<u64>;
        set_max_output_tokens(request: Request, tokens: u64) -> ();
        parameter(request: Request, pointer: String) -> Option<String>;
        set_parameter(request: Request, pointer: String, json: String) -> Result<(), String>;
        body_size(request: Request) -> u64;
        body(request: Request) -> Vec<u8>;
        set_body(request: Request, body: Vec<u8>) -> ();
        drop(request: Request) -> ();
    }

    fn dialect(&mut self, _: Request) -> wasmtime::Result<types::Dialect> {
        Ok(self.lent()?.dialect.into())
    }

    fn headers(&mut self, request: Request) -> wasmtime::Result<Vec<types::Header>> {
        let headers = today::exchange::HostRequest::headers(self, request)?;
        Ok(headers.into_iter().map(Into::into).collect())
    }

    fn passages(
        &mut self,
        _: Request,
        start: u32,
        max: u32,
    ) -> wasmtime::Result<Vec<types::Passage>> {
        let passages = self.listed(start, max)?;
        Ok(passages.into_iter().map(Into::into).collect())
    }

    fn estimate(&mut self, request: Request, of: types::Unit) -> wasmtime::Result<Option<u64>> {
        today::exchange::HostRequest::estimate(self, request, of.into())
    }
}

impl exchange::HostReplyHead for State {
    unchanged! { today::exchange::HostReplyHead:
        status(head: Head) -> u16;
        header(head: Head, name: String) -> Vec<String>;
        streaming(head: Head) -> bool;
        drop(head: Head) -> ();
    }

    fn dialect(&mut self, _: Head) -> wasmtime::Result<types::Dialect> {
        Ok(self.head()?.dialect.into())
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        today::log::Host::write(self, level.into(), message)
    }
}

impl metrics::Host for State {
    unchanged! { today::metrics::Host:
        count(name: String, by: u64) -> ();
        observe(name: String, value: f64) -> ();
        gauge(name: String, labels: Vec<(String, String)>, value: f64) -> ();
    }
}

impl clock::Host for State {
    unchanged! { today::clock::Host:
        now_ms() -> u64;
        monotonic_ns() -> u64;
    }
}

impl random::Host for State {
    unchanged! { today::random::Host:
        bytes(length: u32) -> Vec<u8>;
        u64() -> u64;
        process_key() -> Vec<u8>;
    }
}

impl values::Host for State {
    converted! { today::values::Host:
        get(key: String) -> Option<Vec<u8>>, values::Error;
        set(key: String, value: Vec<u8>, ttl_ms: u64) -> (), values::Error;
        delete(key: String) -> (), values::Error;
        increment(key: String, by: i64, ttl_ms: u64) -> i64, values::Error;
        compare_and_set(
            key: String, expected: Option<Vec<u8>>, value: Vec<u8>, ttl_ms: u64
        ) -> bool, values::Error;
    }
}

impl limits::Host for State {
    async fn reserve(
        &mut self,
        asks: Vec<limits::Ask>,
    ) -> Answer<Vec<limits::Standing>, limits::Error> {
        let asks = asks.into_iter().map(Into::into).collect();
        let answer = today::limits::Host::reserve(self, asks).await?;
        Ok(standings(answer))
    }

    async fn peek(
        &mut self,
        asks: Vec<limits::Ask>,
    ) -> Answer<Vec<limits::Standing>, limits::Error> {
        let asks = asks.into_iter().map(Into::into).collect();
        let answer = today::limits::Host::peek(self, asks).await?;
        Ok(standings(answer))
    }
}

fn standings(
    answer: Result<Vec<today::limits::Standing>, today::limits::Error>,
) -> Result<Vec<limits::Standing>, limits::Error> {
    match answer {
        Ok(standings) => Ok(standings.into_iter().map(Into::into).collect()),
        Err(error) => Err(error.into()),
    }
}

impl replies::Host for State {
    converted! { today::replies::Host:
        find(key: String, share: bool) -> replies::Found, replies::Error;
        keep(key: String, keeping: replies::Keeping) -> (), replies::Error;
        evict(key: String) -> (), replies::Error;
    }
}

impl fetch::Host for State {
    converted! { today::fetch::Host:
        send(call: fetch::Call) -> fetch::Answer, fetch::Error;
    }
}
