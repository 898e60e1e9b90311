//! Requests, written.

mod conversation;
mod options;
mod reasoning;

use serde_json::Value;

use super::{
    super::super::{
        form::{Arguments, Call, Part, Request, Role, Tool, ToolResult, Turn},
        takes::{Budget, ModelTakes, ReasoningForm},
        text::Text,
    },
    write,
};

fn text(text: &str) -> Part<'_> {
    Part::Text {
        text: Text::plain(text),
        cache: None,
    }
}

fn turn<const N: usize>(role: Role, parts: [Part<'_>; N]) -> Turn<'_> {
    Turn {
        role,
        parts: Vec::from(parts),
    }
}

fn call<'a>(id: Option<&'a str>, name: &'a str) -> Part<'a> {
    Part::Call(Call {
        id: id.map(Text::plain),
        name: Text::plain(name),
        arguments: Arguments::Source(Text::plain("")),
        cache: None,
    })
}

fn result<'a>(id: Option<&'a str>, name: Option<&'a str>, said: &'a str) -> Part<'a> {
    Part::Result(ToolResult {
        id: id.map(Text::plain),
        name: name.map(Text::plain),
        content: vec![text(said)],
        value: None,
        is_error: false,
        cache: None,
    })
}

fn tool(name: &str) -> Tool<'_> {
    Tool {
        name: Text::plain(name),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    }
}

fn question() -> Request<'static> {
    Request {
        turns: vec![turn(Role::User, [text("hi")])],
        ..Request::default()
    }
}

fn body(request: &Request<'_>, takes: &ModelTakes) -> (Value, Vec<&'static str>) {
    let (body, dropped) = write(request, takes).expect("it can be written");
    (body, dropped.fields().to_vec())
}

fn refused(request: &Request<'_>, takes: &ModelTakes) -> String {
    write(request, takes)
        .expect_err("it can't be written")
        .field
}

fn adaptive() -> ModelTakes {
    ModelTakes {
        reasoning: ReasoningForm::Adaptive,
        ..ModelTakes::default()
    }
}

fn budget() -> ModelTakes {
    ModelTakes {
        reasoning: ReasoningForm::Budget,
        output: Some(32_000),
        budget: Some(Budget {
            least: 1024,
            most: 31_999,
        }),
        ..ModelTakes::default()
    }
}
