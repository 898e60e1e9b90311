//! Pairs of requests that differ in one thing, made to be taken for each other: none may be
//! answered with the other's reply.

use std::collections::BTreeMap;

use outrigger_sdk::{
    Decision, Dialect, Request,
    bench::{outcome, outcome_with},
};
use serde_json::{Map, Value, json};

use super::cache;

const PAIRS: usize = 12_000;

/// Numbers that are the same in every run (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }

    fn odds(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// Words that separators, escapes and joins could confuse.
const WORDS: [&str; 16] = [
    "a",
    "b",
    "ab",
    "",
    " ",
    "-",
    "a,b",
    "a/b",
    "\"",
    "\\",
    "\n",
    "{}",
    "tenant=a",
    "ä",
    "a\u{308}",
    "\",\"role\":\"system\",\"content\":\"",
];
/// Members that have values of any form here.
const KNOWN: [&str; 4] = ["unknown_parameter", "seed", "top_p", "n"];
const ROLES: [&str; 4] = ["system", "user", "assistant", "developer"];

/// Everything that distinguishes a request.
#[derive(Debug, Clone, PartialEq)]
struct Call {
    tenant: String,
    caller: String,
    path: String,
    headers: BTreeMap<&'static str, String>,
    dialect: Dialect,
    body: Map<String, Value>,
}

impl Call {
    fn any(chance: &mut Chance) -> Self {
        let mut messages = Vec::new();
        for _ in 0..=chance.below(4) {
            messages.push(json!({ "role": chance.of(&ROLES), "content": text(chance) }));
        }
        let mut body = json!({ "model": chance.of(&["m", "m-1", "m1"]), "temperature": 0, "messages": messages });
        for name in [
            "seed",
            "n",
            "max_tokens",
            "top_p",
            "stop",
            "response_format",
            "logit_bias",
            "reasoning_effort",
        ] {
            if chance.odds(3) {
                body[name] = value(chance);
            }
        }
        if chance.odds(2) {
            body["tools"] = (0..=chance.below(2)).map(|_| tool(chance)).collect();
        }
        let mut headers = BTreeMap::new();
        if chance.odds(3) {
            headers.insert(
                chance.of(&[
                    "host",
                    "anthropic-beta",
                    "openai-organization",
                    "openai-project",
                ]),
                chance.of(&WORDS).into(),
            );
        }
        Self {
            tenant: chance.of(&WORDS).into(),
            caller: chance.of(&WORDS).into(),
            path: chance
                .of(&[
                    "/v1/chat/completions",
                    "/v1/chat/completions?a=b",
                    "/openai/v1/chat/completions",
                ])
                .into(),
            headers,
            dialect: Dialect::OpenaiChat,
            body: body.as_object().unwrap().clone(),
        }
    }

    /// The same but for one thing.
    fn twisted(&self, chance: &mut Chance) -> Self {
        loop {
            let mut other = self.clone();
            other.twist(chance);
            if other != *self {
                return other;
            }
        }
    }

    fn twist(&mut self, chance: &mut Chance) {
        let messages = self.body["messages"].as_array_mut().unwrap();
        let (at, count) = (chance.below(messages.len()), messages.len());
        match chance.below(26) {
            0 => self.tenant = chance.of(&WORDS).into(),
            1 => self.caller = chance.of(&WORDS).into(),
            2 => std::mem::swap(&mut self.tenant, &mut self.caller),
            3 => shift(&mut self.tenant, &mut self.caller),
            4 => self.path.push_str(chance.of(&["?", "/", "?stream=true", "&a=b"])),
            5 => drop(self.headers.insert("host", chance.of(&WORDS).into())),
            6 => drop(self.headers.insert("openai-organization", chance.of(&WORDS).into())),
            7 => self.dialect = Dialect::OpenaiResponses,
            8 => drop(self.body.insert("model".into(), json!(chance.of(&["m", "m-1", "m1", "M", "m "])))),
            9 => messages.swap(at, (at + 1) % count),
            10 => messages[at]["role"] = json!(chance.of(&ROLES)),
            11 => messages[at]["content"] = json!(text(chance)),
            12 => drop(messages.remove(at)),
            13 => messages.insert(at, messages[at].clone()),
            14 if at + 1 < count => {
                let [mut one, mut two] = [at, at + 1].map(|at| messages[at]["content"].as_str().unwrap().to_owned());
                shift(&mut one, &mut two);
                (messages[at]["content"], messages[at + 1]["content"]) = (json!(one), json!(two));
            }
            15 => {
                // One character more or less, in any place.
                let mut text: Vec<char> = messages[at]["content"].as_str().unwrap().chars().collect();
                let place = chance.below(text.len() + 1);
                match place < text.len() && chance.odds(2) {
                    true => drop(text.remove(place)),
                    false => text.insert(place, ' '),
                }
                messages[at]["content"] = json!(text.into_iter().collect::<String>());
            }
            16 => messages[at]["content"] = json!([{ "type": "text", "text": messages[at]["content"] }]),
            17 => messages[at]["name"] = json!(chance.of(&WORDS)),
            18 => {
                let name = chance.of(&["seed", "n", "max_tokens", "top_p", "stop", "response_format", "logit_bias", "unknown_parameter"]);
                self.body.insert(name.into(), value(chance));
            }
            19 => {
                let name = chance.of(&["seed", "n", "max_tokens", "top_p", "stop", "tools"]);
                self.body.remove(name);
            }
            20 => drop(self.body.insert("temperature".into(), json!(chance.of(&["0", "0.1", "0.2"]).parse::<f64>().unwrap()))),
            21..=23 => {
                let tools = self.body.entry("tools").or_insert_with(|| json!([])).as_array_mut().unwrap();
                match tools.len() {
                    0 => tools.push(tool(chance)),
                    2.. if chance.odds(2) => tools.swap(0, 1),
                    _ => tools[0] = tool(chance),
                }
            }
            // What was a message becomes a parameter, and vice versa.
            24 => drop(self.body.insert("messages".into(), json!([{ "role": "user", "content": Value::Object(self.body.clone()).to_string() }]))),
            _ => drop(self.body.insert(text(chance), json!(null))),
        }
    }

    fn request(&self) -> Request {
        let mut request = Request::from_json(self.dialect, Value::Object(self.body.clone()));
        for (name, value) in &self.headers {
            request = request.with_header(name, value);
        }
        request
            .with_tag("tenant", &self.tenant)
            .with_caller(&self.caller)
            .with_path("POST", &self.path)
    }

    /// The same request as another app would send it: other order and escapes, a stream, an end
    /// user.
    fn respelt(&self, chance: &mut Chance) -> Request {
        let mut members: Vec<(String, String)> = self
            .body
            .iter()
            .map(|(key, value)| (key.clone(), spelt(value)))
            .collect();
        members.push(("stream".into(), chance.of(&["true", "false"]).into()));
        members.push(("user".into(), json!(text(chance)).to_string()));
        members.rotate_left(chance.below(8) % 3);
        members.reverse();
        let members: Vec<String> = members
            .iter()
            .map(|(key, value)| format!("{} : {value}", json!(key)))
            .collect();
        let text = format!("{{ {} }}", members.join(" ,\n"));
        let mut request = Request::from_text(self.dialect, &text);
        for (name, value) in &self.headers {
            request = request.with_header(name, value);
        }
        request
            .with_tag("tenant", &self.tenant)
            .with_caller(&self.caller)
            .with_path("POST", &self.path)
    }
}

/// JSON with blanks, keys backwards, and `a` escaped.
fn spelt(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let members: Vec<String> = map
                .iter()
                .rev()
                .map(|(key, value)| format!("{} :\t{}", json!(key), spelt(value)))
                .collect();
            format!("{{ {} }}", members.join(" , "))
        }
        Value::Array(list) => format!(
            "[ {} ]",
            list.iter().map(spelt).collect::<Vec<_>>().join(" , ")
        ),
        Value::String(_) => value.to_string().replace("ab", "\\u0061b"),
        other => other.to_string(),
    }
}

fn shift(one: &mut String, two: &mut String) {
    match one.pop() {
        Some(last) => two.insert(0, last),
        None if two.is_empty() => {}
        None => one.push(two.remove(0)),
    }
}

fn text(chance: &mut Chance) -> String {
    (0..chance.below(4)).map(|_| chance.of(&WORDS)).collect()
}

fn value(chance: &mut Chance) -> Value {
    let text = text(chance);
    [
        json!(null),
        json!(1),
        json!(1.0),
        json!("1"),
        json!([1]),
        json!(true),
        json!(text),
        json!({ "a": text }),
        json!(11),
        json!([]),
        json!({}),
        json!(-1),
    ][chance.below(12)]
    .clone()
}

fn tool(chance: &mut Chance) -> Value {
    json!({ "type": "function", "function": { "name": chance.of(&["f", "g"]), "description": text(chance), "parameters": { "type": "object", "required": value(chance) } } })
}

#[test]
fn no_reply_is_served_to_a_request_that_differs_in_anything() {
    let bench = cache(json!({ "tool_calls": true, "members": KNOWN }));
    let policy = bench.policy();
    let mut chance = Chance(20_261_122);
    // The request that each key was kept for: a hit on anything else would be a wrong one, from
    // whichever pair it came.
    let mut kept: BTreeMap<String, Call> = BTreeMap::new();
    let (mut hits, mut misses, mut left_alone) = (0, 0, 0);
    let mut send = |call: &Call, request: Request| {
        let key = policy.key(&request).unwrap();
        let mut exchange = bench.request(request);
        match &exchange.decision {
            Decision::Serve(served) => {
                let of = &kept[served];
                assert_eq!(of, call, "a reply is served to another request");
                hits += 1;
            }
            // Messages are no part of the other dialect: nothing of such a request is kept.
            Decision::Forward if call.dialect != Dialect::OpenaiChat => {
                let reply = &exchange.request;
                assert_eq!(
                    reply.reply_header("x-outrigger-cache").as_deref(),
                    Some("bypass"),
                    "{call:?}"
                );
                left_alone += 1;
                return;
            }
            Decision::Forward => {
                assert_eq!(
                    exchange
                        .request
                        .reply_header("x-outrigger-cache")
                        .as_deref(),
                    Some("miss"),
                    "{call:?}"
                );
                assert_eq!(kept.insert(key, call.clone()), None, "{call:?}");
                misses += 1;
                exchange.end(&outcome());
                return;
            }
            other => panic!("{other:?}"),
        }
        exchange.end(&outcome_with(|end| end.from_store = true));
    };
    for _ in 0..PAIRS {
        let one = Call::any(&mut chance);
        let two = one.twisted(&mut chance);
        send(&one, one.request());
        send(&two, two.request());
        // And vice versa: what is equal is found, however it is spelt.
        send(&one, one.respelt(&mut chance));
        send(&two, two.respelt(&mut chance));
    }
    assert!(
        hits + left_alone / 2 >= 2 * PAIRS,
        "{hits} hits: every repetition, and requests that came up before"
    );
    assert!(misses >= PAIRS * 3 / 2, "{misses} different requests");
    assert_eq!(hits + misses + left_alone, 4 * PAIRS);
}
