//! A client of streams.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::data;

/// A client that puts a stream together as the SDKs do, and checks its grammar.
pub(super) fn put_together(stream: &[u8]) -> Value {
    let (mut message, mut open) = (Value::Null, BTreeMap::<u64, String>::new());
    let mut has_ended = false;
    for event in data(stream) {
        assert!(!has_ended, "nothing follows the end");
        let index = event["index"].as_u64();
        match event["type"].as_str().unwrap() {
            "message_start" => {
                assert!(message.is_null());
                message = event["message"].clone();
            }
            "content_block_start" => {
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(index, Some(content.len() as u64), "indexes are in order");
                content.push(event["content_block"].clone());
                open.insert(index.unwrap(), String::new());
            }
            "content_block_delta" => {
                let index = index.unwrap();
                let json = open.get_mut(&index).expect("the block is open");
                let block = &mut message["content"][index as usize];
                let delta = &event["delta"];
                let (kind, field) = match delta["type"].as_str().unwrap() {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => {
                        assert_eq!(block["signature"], "", "a signature is the last");
                        ("thinking", "thinking")
                    }
                    "signature_delta" => ("thinking", "signature"),
                    "input_json_delta" => {
                        assert_eq!(block["type"], "tool_use");
                        json.push_str(delta["partial_json"].as_str().unwrap());
                        continue;
                    }
                    other => panic!("{other}"),
                };
                assert_eq!(block["type"], kind);
                let grown =
                    block[field].as_str().unwrap().to_owned() + delta[field].as_str().unwrap();
                block[field] = json!(grown);
            }
            "content_block_stop" => {
                let index = index.unwrap();
                let json = open.remove(&index).expect("the block is open");
                if !json.is_empty() {
                    let input = serde_json::from_str(&json).unwrap_or(json!(json.trim()));
                    message["content"][index as usize]["input"] = input;
                }
            }
            "message_delta" => {
                assert!(open.is_empty(), "all blocks are complete");
                for (name, value) in event["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                for (name, value) in event["usage"].as_object().unwrap() {
                    message["usage"][name] = value.clone();
                }
            }
            "message_stop" => has_ended = true,
            other => panic!("{other}"),
        }
    }
    assert!(has_ended);
    message
}
