//! Any bytes at all as a request.

use proptest::prelude::*;

use super::{read, write};
use crate::arbitrary;

/// Documents of which every feature is one.
pub(super) const SAMPLES: [&str; 3] = [
    r#"{"model":"m","input":[
        {"role":"developer","content":"B"},
        {"role":"user","content":[{"type":"input_text","text":"Weather?"},{"type":"input_image","image_url":"https://h/a.png","detail":"low"},
            {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}]},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Let me","annotations":[]},{"type":"refusal","refusal":"No."}]},
        {"type":"function_call","call_id":"call_1","name":"weather","arguments":"{\"city\": 1.50}"},
        {"type":"function_call","call_id":"call_2","name":"time","arguments":"{}"},
        {"type":"function_call_output","call_id":"call_1","output":"sunny"},
        {"type":"function_call_output","call_id":"call_2","output":[{"type":"input_text","text":"noon"},{"type":"input_image","image_url":"data:image/png;base64,AA==","detail":"auto"}]},
        {"role":"user","content":"And?"}],"instructions":"A","stream":true,"store":false}"#,
    r#"{"input":"x","max_output_tokens":100,"temperature":0.30,"top_p":0.9,
        "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true}],
        "tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false,
        "text":{"format":{"type":"json_schema","name":"n","schema":{"a":1},"strict":true,"description":"e"},"verbosity":"low"},
        "reasoning":{"effort":"high","summary":"detailed"},"safety_identifier":"s","metadata":{"k":"v"},
        "service_tier":"flex","prompt_cache_key":"c","max_tool_calls":3,"truncation":"auto"}"#,
    r#"{"input":"x","tools":[{"type":"function","name":"f"}],"text":{"format":{"type":"json_object"}},"tool_choice":
        {"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}}"#,
];

#[test]
fn a_document_that_is_cut_anywhere_is_malformed() {
    for doc in SAMPLES {
        for end in 0..doc.len() {
            if let Some(cut) = doc.get(..end) {
                assert!(read(cut).unwrap_err().is_malformed, "{cut}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_document_makes_a_reader_or_a_writer_panic(
        bytes in prop_oneof![
            arbitrary::mutated(),
            (arbitrary::document(), 0..9_usize).prop_map(|(value, which)| {
                let members = ["input", "tools", "text", "reasoning", "tool_choice", "include", "metadata", "model", "stream"];
                let value = String::from_utf8(value).unwrap();
                format!(r#"{{"input":"x","{}":{value}}}"#, members[which]).into_bytes()
            }),
            arbitrary::document().prop_map(|value| {
                let value = String::from_utf8(value).unwrap();
                format!(r#"{{"input":[{{"role":"user","content":{value}}},{value}]}}"#).into_bytes()
            }),
        ],
    ) {
        if let Ok(doc) = str::from_utf8(&bytes)
            && let Ok((request, _)) = read(doc)
        {
            let _ = write(&request);
        }
    }

    #[test]
    fn spelling_changes_nothing(which in 0..3_usize, seed in any::<u64>()) {
        let value: serde_json::Value = serde_json::from_str(SAMPLES[which]).unwrap();
        let ugly = String::from_utf8(arbitrary::ugly(&value, seed)).unwrap();
        let (plain, _) = read(SAMPLES[which]).unwrap();
        let (other, _) = read(&ugly).unwrap();
        prop_assert_eq!(write(&plain).unwrap().0, write(&other).unwrap().0);
    }
}
