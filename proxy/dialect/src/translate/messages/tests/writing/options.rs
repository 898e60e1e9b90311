//! Tools, sampling and the rest, written.

use serde_json::{Value, json};

use super::{
    super::super::super::{
        form::{Choice, Effort, Extra, ExtraKind, Output, Tool},
        takes::ModelTakes,
        text::Text,
    },
    body, question, refused, tool,
};

#[test]
fn tools_have_an_objects_schema_and_no_more_of_them_are_written_than_may_be_called() {
    let with_schema = |schema: &'static [u8]| Tool {
        parameters: Some(schema),
        ..tool("f")
    };
    for (tool, expected) in [
        (tool("f"), json!({"type": "object", "properties": {}})),
        (with_schema(b"{}"), json!({"type": "object"})),
        (
            with_schema(b" {\"required\":[]} "),
            json!({"type": "object", "required": []}),
        ),
        (
            with_schema(b"{\"type\":\"object\",\"x\":1e2}"),
            json!({"type": "object", "x": 1e2}),
        ),
    ] {
        let mut request = question();
        request.tools.push(tool);
        let (written, _) = body(&request, &ModelTakes::default());
        assert_eq!(written["tools"][0]["input_schema"], expected);
    }
    let mut request = question();
    request.tools = vec![tool("f"), tool("g"), tool("h")];
    request.choice = Some(Choice::Allowed {
        names: vec![Text::plain("h"), Text::plain("f")],
        required: true,
    });
    let (written, _) = body(&request, &ModelTakes::default());
    assert_eq!(written["tools"].as_array().unwrap().len(), 2);
    assert_eq!(written["tool_choice"], json!({"type": "any"}));
}

#[test]
fn the_choice_of_tools_says_whether_several_may_be_called() {
    let none = || None;
    let auto = || Some(Choice::Auto);
    type Row = (fn() -> Option<Choice<'static>>, Option<bool>, Value);
    let choices: [Row; 8] = [
        (none, None, json!(null)),
        (none, Some(true), json!(null)),
        (
            none,
            Some(false),
            json!({"type": "auto", "disable_parallel_tool_use": true}),
        ),
        (auto, Some(true), json!({"type": "auto"})),
        (|| Some(Choice::None), Some(false), json!({"type": "none"})),
        (|| Some(Choice::Required), None, json!({"type": "any"})),
        (
            || Some(Choice::Function(Text::plain("f"))),
            Some(false),
            json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true}),
        ),
        (
            || {
                Some(Choice::Allowed {
                    names: vec![Text::plain("f")],
                    required: false,
                })
            },
            None,
            json!({"type": "auto"}),
        ),
    ];
    for (choice, parallel, expected) in choices {
        let mut request = question();
        request.tools = vec![tool("f")];
        (request.choice, request.parallel) = (choice(), parallel);
        assert_eq!(
            body(&request, &ModelTakes::default()).0["tool_choice"],
            expected
        );
    }
    let mut request = question();
    (request.tools, request.parallel) = (vec![tool("f")], Some(false));
    let takes = ModelTakes {
        refuses_parallel: true,
        ..ModelTakes::default()
    };
    assert_eq!(body(&request, &takes).1, ["parallel_tool_calls"]);

    let mut request = question();
    request.choice = Some(Choice::Required);
    assert_eq!(refused(&request, &ModelTakes::default()), "tool_choice");
    request.tools = vec![tool("f")];
    let takes = ModelTakes {
        refuses_forced_tools: true,
        ..ModelTakes::default()
    };
    assert_eq!(refused(&request, &takes), "tool_choice");
}

#[test]
fn the_most_tokens_are_the_callers_or_the_models_or_a_few_thousand() {
    for (requested, output, expected) in [
        (None, None, 8192),
        (None, Some(64_000), 64_000),
        (Some(&b"100"[..]), Some(64_000), 100),
        (Some(b"1e2"), None, 100),
        (Some(b"99999"), Some(64_000), 64_000),
    ] {
        let mut request = question();
        request.max_output = requested;
        let takes = ModelTakes {
            output,
            ..ModelTakes::default()
        };
        assert_eq!(body(&request, &takes).0["max_tokens"], expected);
    }
    let mut request = question();
    request.max_output = Some(b"-1");
    assert_eq!(refused(&request, &ModelTakes::default()), "max_tokens");
}

#[test]
fn sampling_that_the_model_refuses_is_dropped_and_counted() {
    let takes = ModelTakes::default();
    let strict = ModelTakes {
        refuses_temperature: true,
        refuses_top_p: true,
        refuses_top_k: true,
        ..takes
    };
    let not_both = ModelTakes {
        refuses_temperature_with_top_p: true,
        ..takes
    };
    let case = |temperature: Option<&'static [u8]>,
                top_p: Option<&'static [u8]>,
                top_k: Option<&'static [u8]>| (temperature, top_p, top_k);
    for (takes, (temperature, top_p, top_k), reasons, dropped) in [
        (
            takes,
            case(Some(b"0.7"), Some(b"0.9"), Some(b"5")),
            false,
            vec![],
        ),
        (
            takes,
            case(Some(b"1.2"), None, None),
            false,
            vec!["temperature"],
        ),
        (
            strict,
            case(Some(b"0.7"), Some(b"0.9"), Some(b"5")),
            false,
            vec!["temperature", "top_p", "top_k"],
        ),
        (
            strict,
            case(Some(b"1.0"), Some(b"0.99"), None),
            false,
            vec![],
        ),
        (
            not_both,
            case(Some(b"0.7"), Some(b"0.9"), None),
            false,
            vec!["top_p"],
        ),
        (
            not_both,
            case(Some(b"1.7"), Some(b"0.9"), None),
            false,
            vec!["temperature"],
        ),
        (
            takes,
            case(Some(b"0.7"), Some(b"0.9"), Some(b"5")),
            true,
            vec!["temperature", "top_p", "top_k"],
        ),
        (takes, case(Some(b"1"), Some(b"0.95"), None), true, vec![]),
    ] {
        let mut request = question();
        (request.temperature, request.top_p, request.top_k) = (temperature, top_p, top_k);
        request.reasoning.effort = reasons.then_some(Effort::Low);
        assert_eq!(body(&request, &takes).1, dropped);
    }
}

#[test]
fn what_the_dialect_has_no_place_for_is_refused_by_name() {
    let takes = ModelTakes {
        refuses_json_schema: true,
        refuses_stop: true,
        ..ModelTakes::default()
    };
    let mut request = question();
    request.output = Output::JsonObject;
    assert_eq!(refused(&request, &ModelTakes::default()), "response_format");
    request.output = Output::Schema {
        name: None,
        description: None,
        schema: b"{}",
        strict: None,
    };
    assert_eq!(refused(&request, &takes), "response_format");

    let mut request = question();
    request.stop = vec![Text::plain("x")];
    assert_eq!(refused(&request, &takes), "stop");
    request.stop = vec![Text::plain("\n\n")];
    assert_eq!(refused(&request, &ModelTakes::default()), "stop");

    for (kind, field, outcome) in [
        (ExtraKind::Choices, "n", Err("n")),
        (ExtraKind::Logprobs, "logprobs", Err("logprobs")),
        (ExtraKind::Safety, "safetySettings", Err("safetySettings")),
        (
            ExtraKind::State,
            "previous_response_id",
            Err("previous_response_id"),
        ),
        (ExtraKind::Seed, "seed", Ok("seed")),
        (
            ExtraKind::FrequencyPenalty,
            "frequency_penalty",
            Ok("frequency_penalty"),
        ),
        (ExtraKind::ServiceTier, "service_tier", Ok("service_tier")),
        (ExtraKind::Metadata, "metadata", Ok("metadata")),
    ] {
        let mut request = question();
        request.extras.push(Extra {
            kind,
            field,
            value: b"2",
        });
        match outcome {
            Ok(dropped) => assert_eq!(body(&request, &ModelTakes::default()).1, [dropped]),
            Err(name) => assert_eq!(refused(&request, &ModelTakes::default()), name),
        }
    }
}
