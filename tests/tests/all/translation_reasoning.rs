//! Reasoning that its provider alone can read: handed out with a tag, it goes home and nowhere else.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::translation::{Setup, alias, post};
use outrigger_tests::{Act, Fault, Provider, Seen, Step, Upstream};
use serde_json::{Value, json};

/// The provider's signature. It is base64, as providers' signatures are.
const SIGNATURE: &str = "c2lnbmVkLWF0LWhvbWU=";

/// Answers with reasoning and its signature in the words of whichever API is called.
fn thinking(seen: &Seen) -> Value {
    match Api::of(seen.path()) {
        Api::Messages => {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use", "stop_sequence": null,
                "content": [{"type": "thinking", "thinking": "Let me see.", "signature": SIGNATURE},
                    {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}}],
                "usage": {"input_tokens": 10, "output_tokens": 5}})
        }
        Api::Responses => {
            json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "parallel_tool_calls": true,
                "tool_choice": "auto", "tools": [], "output": [
                    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Let me see."}], "encrypted_content": SIGNATURE},
                    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather", "arguments": "{\"city\":\"Rome\"}", "status": "completed"}],
                "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}})
        }
        Api::Gemini => {
            json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
                    {"text": "Let me see.", "thought": true},
                    {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}, "thoughtSignature": SIGNATURE}]}}],
                "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}, "modelVersion": "m"})
        }
        Api::Chat => panic!("chat signs nothing"),
    }
}

/// The first request, with a tool and reasoning wanted.
fn first(caller: Api, model: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let mut body = caller.ask(model, "What is the weather?", false);
    let members = body.as_object_mut().unwrap();
    let more = match caller {
        Api::Chat => {
            json!({"reasoning_effort": "low", "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]})
        }
        Api::Responses => {
            json!({"input": [{"role": "user", "content": "What is the weather?"}], "reasoning": {"effort": "low"},
                "tools": [{"type": "function", "name": "get_weather", "parameters": schema}]})
        }
        Api::Messages => {
            json!({"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 2048},
                "tools": [{"name": "get_weather", "input_schema": schema}]})
        }
        Api::Gemini => {
            json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 2048, "includeThoughts": true}},
                "tools": [{"functionDeclarations": [{"name": "get_weather", "parametersJsonSchema": schema}]}]})
        }
    };
    members.extend(more.as_object().unwrap().clone());
    body
}

/// The second: what the model said, as it came, and the tool's result.
fn second(caller: Api, first: &Value, reply: &Value) -> Value {
    let mut body = first.clone();
    let push = |list: &mut Value, item: Value| list.as_array_mut().unwrap().push(item);
    match caller {
        Api::Chat => {
            let message = reply["choices"][0]["message"].clone();
            let id = message["tool_calls"][0]["id"].clone();
            push(&mut body["messages"], message);
            push(
                &mut body["messages"],
                json!({"role": "tool", "tool_call_id": id, "content": "sunny"}),
            );
        }
        Api::Responses => {
            let items = reply["output"].as_array().unwrap();
            let call = items.iter().find(|item| item["type"] == "function_call");
            let id = call.unwrap()["call_id"].clone();
            for item in items {
                push(&mut body["input"], item.clone());
            }
            push(
                &mut body["input"],
                json!({"type": "function_call_output", "call_id": id, "output": "sunny"}),
            );
        }
        Api::Messages => {
            let content = reply["content"].clone();
            let blocks = content.as_array().unwrap();
            let call = blocks.iter().find(|block| block["type"] == "tool_use");
            let id = call.unwrap()["id"].clone();
            push(
                &mut body["messages"],
                json!({"role": "assistant", "content": content}),
            );
            push(
                &mut body["messages"],
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "sunny"}]}),
            );
        }
        Api::Gemini => {
            push(
                &mut body["contents"],
                reply["candidates"][0]["content"].clone(),
            );
            let result = json!({"name": "get_weather", "response": {"result": "sunny"}});
            push(
                &mut body["contents"],
                json!({"role": "user", "parts": [{"functionResponse": result}]}),
            );
        }
    }
    body
}

/// The callers of other dialects of each target that signs.
fn signing_directions() -> impl Iterator<Item = (Api, Api)> {
    let all = outrigger_tests::translation::directions();
    all.filter(|(_, target)| *target != Api::Chat)
}

fn provider() -> Upstream {
    Upstream::start(|seen, _| {
        let body = thinking(seen).to_string();
        vec![Step::Send(replies::json_body(&body))]
    })
}

/// Models that reason, and two upstreams of each that sign: of one account and of another.
fn setup(home: &Upstream) -> Setup {
    let mut setup = Setup::at(home.address).with("");
    for api in [Api::Responses, Api::Messages, Api::Gemini] {
        let name = format!("{}-elsewhere", outrigger_tests::translation::upstream(api));
        setup = setup
            .upstream(api, &name, home.address, "")
            .model(&format!("{name}: {{ targets: [{name}/m] }}"));
    }
    setup
}

#[test]
fn a_signature_is_tagged_for_callers_goes_home_unwrapped_and_nowhere_else() {
    let home = provider();
    let sidecar = setup(&home).start();
    let mut wrong = Vec::new();
    for (caller, target) in signing_directions() {
        let question = first(caller, alias(target));
        let reply = post(&sidecar, caller, alias(target), &question);
        let what = format!("{caller:?} to {target:?}");
        assert_eq!(reply.status, 200, "{what}: {}", reply.text());
        // The caller has it, but not in a form that it could take to its own provider.
        let text = reply.text();
        let bare = format!("\"{SIGNATURE}\"");
        if text.contains(&bare) {
            wrong.push(format!("{what}: handed out without a tag: {text}"));
        }
        let again = second(caller, &question, &reply.json());
        let reply = post(&sidecar, caller, alias(target), &again);
        assert_eq!(reply.status, 200, "{what}: {}", reply.text());
        let sent = String::from_utf8(home.last().body).unwrap();
        if !sent.contains(&bare) {
            wrong.push(format!("{what}: it did not come home: {sent}\nfrom {text}"));
        }

        let elsewhere = format!(
            "{}-elsewhere",
            outrigger_tests::translation::upstream(target)
        );
        let mut again = again;
        if caller != Api::Gemini {
            again["model"] = elsewhere.clone().into();
        }
        let reply = post(&sidecar, caller, &elsewhere, &again);
        assert_eq!(reply.status, 200, "{what}: {}", reply.text());
        let sent = String::from_utf8(home.last().body).unwrap();
        if sent.contains(SIGNATURE)
            || sent.contains("outrigger1-")
            || sent.contains("b3V0cmlnZ2VyMS")
        {
            wrong.push(format!("{what}: it went elsewhere: {sent}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_provider_that_knows_no_signature_of_its_own_is_asked_once_more_without() {
    let provider = Provider::start("fine");
    let home = self::provider();
    let sidecar = setup(&home).start();
    let question = first(Api::Chat, alias(Api::Messages));
    let reply = post(&sidecar, Api::Chat, alias(Api::Messages), &question);
    let again = second(Api::Chat, &question, &reply.json());
    drop(sidecar);

    provider.next([Act::Refuses(Fault::ForeignSignature)]);
    let sidecar = Setup::at(provider.address()).start();
    let reply = post(&sidecar, Api::Chat, alias(Api::Messages), &again);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent: Vec<String> = (provider.calls().into_iter())
        .map(|call| String::from_utf8(call.body).unwrap())
        .collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[0].contains(SIGNATURE), "{}", sent[0]);
    assert!(!sent[1].contains(SIGNATURE), "{}", sent[1]);
}
