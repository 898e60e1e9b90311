//! Two requests meet where they differ in their question alone, and nowhere else.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use dialect::Dialect;
use http::{HeaderMap, Method};

use super::*;

/// Requests, each of which is compared with all others: 800 million pairs, of which 20,000 differ in
/// one part at most.
const REQUESTS: usize = 40_000;
/// Values of each part, some of which are parts of others, or escaped.
const VALUES: [&str; 5] = ["", "a", "aa", "\"}],", "á\n"];

/// All that names a partition, and the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Request {
    dialect: usize,
    space: usize,
    tenant: usize,
    path: usize,
    model: usize,
    system: usize,
    earlier: usize,
    tools: usize,
    schema: usize,
    parameter: usize,
    unknown: usize,
    question: usize,
}

const DIALECTS: [(Dialect, &str); 3] = [
    (Dialect::OpenaiChat, "/v1/chat/completions"),
    (Dialect::OpenaiResponses, "/v1/responses"),
    (Dialect::AnthropicMessages, "/v1/messages"),
];

impl Request {
    fn random(next: &mut impl FnMut(usize) -> usize) -> Self {
        let mut value = || next(VALUES.len());
        Self {
            space: value(),
            tenant: value(),
            path: value(),
            model: value(),
            system: value(),
            earlier: value(),
            tools: value(),
            schema: value(),
            parameter: value(),
            unknown: value(),
            question: value(),
            dialect: next(DIALECTS.len()),
        }
    }

    /// The parts by number; the last one is the question.
    fn part(&mut self, number: usize) -> &mut usize {
        match number {
            0 => &mut self.space,
            1 => &mut self.tenant,
            2 => &mut self.path,
            3 => &mut self.model,
            4 => &mut self.system,
            5 => &mut self.earlier,
            6 => &mut self.tools,
            7 => &mut self.schema,
            8 => &mut self.parameter,
            9 => &mut self.unknown,
            _ => &mut self.question,
        }
    }

    fn partition(&self) -> Partition {
        let text = |number: usize| serde_json::Value::from(VALUES[number]);
        let (model, system, earlier) = (text(self.model), text(self.system), text(self.earlier));
        let (tools, schema, unknown) = (text(self.tools), text(self.schema), text(self.unknown));
        let (question, parameter) = (text(self.question), self.parameter);
        let turns = format!(
            r#"{{"role":"user","content":{earlier}}},{{"role":"assistant","content":"yes"}},{{"role":"user","content":{question}}}"#
        );
        let shared = format!(
            r#""model":{model},"temperature":0.{parameter},"x_unknown":{{"y":{unknown}}},"tools":[{{"type":"function","name":"f","description":{tools},"function":{{"name":"f","description":{tools}}},"input_schema":{{"type":"object"}}}}]"#
        );
        let (dialect, path) = DIALECTS[self.dialect];
        let body = match dialect {
            Dialect::OpenaiResponses => format!(
                r#"{{{shared},"instructions":{system},"input":[{turns}],"text":{{"format":{{"type":"json_schema","name":"n","schema":{{"title":{schema}}}}}}}}}"#
            ),
            Dialect::AnthropicMessages => format!(
                r#"{{{shared},"max_tokens":9,"system":{system},"messages":[{turns}],"output_config":{{"format":{{"schema":{{"title":{schema}}}}}}}}}"#
            ),
            _ => format!(
                r#"{{{shared},"messages":[{{"role":"system","content":{system}}},{turns}],"response_format":{{"type":"json_schema","json_schema":{{"title":{schema}}}}}}}"#
            ),
        };
        let path = format!("{path}?v={}", self.path);
        let call = call(dialect, path, body);
        let question = call.body.last_passages(Place::User, 0, 9);
        let question: Vec<u32> = question.iter().map(|passage| passage.id).collect();
        assert_eq!(question.len(), 1);
        let parts = ["tenant".to_owned(), VALUES[self.tenant].to_owned()];
        of(VALUES[self.space], &call, &question, &[], &parts)
            .unwrap()
            .unwrap()
    }
}

fn call(dialect: Dialect, path: String, body: String) -> Call {
    let mut body = Body::wire(dialect, body.into());
    body.index().unwrap();
    Call::new(
        "x1".into(),
        dialect,
        Method::POST,
        path,
        HeaderMap::new(),
        body,
    )
}

/// Numbers below a bound that look random.
fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 88_172_645_463_325_252_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) as usize % below
    }
}

#[test]
fn requests_meet_where_they_differ_in_their_question_alone() {
    let mut next = numbers();
    let mut known: HashMap<[u8; 32], Request> = HashMap::new();
    let mut seen: HashMap<Request, [u8; 32]> = HashMap::new();
    let mut met = 0;
    for _ in 0..REQUESTS / 2 {
        let one = Request::random(&mut next);
        let mut other = one;
        let changed = next(11);
        *other.part(changed) = next(VALUES.len());
        for request in [one, other] {
            let partition = request.partition().0;
            let place = Request {
                question: 0,
                ..request
            };
            let first = *known.entry(partition).or_insert(place);
            assert_eq!(first, place, "two that differ are in one partition");
            let before = *seen.entry(place).or_insert(partition);
            assert_eq!(before, partition, "two that agree are in two partitions");
            met += 1;
        }
    }
    assert!(known.len() < met - 500, "hardly any two have met");
}

#[test]
fn which_passage_is_the_question_is_a_part_of_the_partition() {
    let (empty, text) = (
        r#"{"role":"user","content":""}"#,
        r#"{"role":"user","content":"x"}"#,
    );
    let named = |turns: String, message: u32| {
        let body = format!(r#"{{"model":"m","messages":[{turns}]}}"#);
        let call = call(Dialect::OpenaiChat, "/v1/chat/completions".into(), body);
        let passages = call.body.passages(Places::ALL, 0, 9);
        let question = passages.iter().find(|p| p.message == message).unwrap().id;
        of("p", &call, &[question], &[], &["t".to_owned()]).unwrap()
    };
    let second = named(format!("{empty},{text}"), 1);
    assert_ne!(second, named(format!("{text},{empty}"), 0));
    assert_eq!(second, named(format!("{empty},{empty}"), 1));
}

#[test]
fn keys_in_the_path_and_what_is_named_as_not_mattering_have_no_part_in_it() {
    let named = |path: &str, body: &str, without: &[&str]| {
        let call = call(Dialect::OpenaiChat, path.into(), body.into());
        let without: Vec<String> = without.iter().map(|p| (*p).to_owned()).collect();
        let question = call.body.last_passages(Place::User, 0, 1)[0].id;
        of("p", &call, &[question], &without, &["t".to_owned()]).unwrap()
    };
    let body = r#"{"model":"m","user":"u1","messages":[{"role":"user","content":"a"}]}"#;
    let other = r#"{ "messages":[{"content":"b","role":"user"}], "user":"u2","model":"m"}"#;
    let (one, two) = ("/v1/chat/completions?key=1", "/v1/chat/completions?key=2");
    assert_eq!(named(one, body, &["/user"]), named(two, other, &["/user"]));
    assert_ne!(named(one, body, &[]), named(one, other, &[]));
    let escaped = ["/v1?%76=1", "/v1?%76=2"].map(|path| named(path, body, &[]));
    assert_ne!(escaped[0], escaped[1]);
}
