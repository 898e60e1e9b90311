//! Requests to be written.

use super::{CLAUDE, Carried, written};
use crate::translate::{
    form::{
        Arguments, Cache, Call, Media, MediaKind, Part, Request, Role, Source, Tool, ToolResult,
        Turn,
    },
    takes::ModelTakes,
    text::Text,
};

pub(super) fn say(text: &str) -> Part<'_> {
    Part::Text {
        text: Text::plain(text),
        cache: None,
    }
}

pub(super) fn marked(text: &str, long: bool) -> Part<'_> {
    Part::Text {
        text: Text::plain(text),
        cache: Some(Cache { long }),
    }
}

pub(super) fn turn(role: Role, parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn { role, parts }
}

pub(super) fn call<'a>(id: Option<&'a str>, name: &'a str, arguments: &'a str) -> Part<'a> {
    Part::Call(Call {
        id: id.map(Text::plain),
        name: Text::plain(name),
        arguments: Arguments::Source(Text::plain(arguments)),
        cache: None,
    })
}

pub(super) fn result<'a>(
    id: Option<&'a str>,
    name: Option<&'a str>,
    content: Vec<Part<'a>>,
) -> ToolResult<'a> {
    ToolResult {
        id: id.map(Text::plain),
        name: name.map(Text::plain),
        content,
        value: None,
        is_error: false,
        cache: None,
    }
}

pub(super) fn tool(name: &str) -> Tool<'_> {
    Tool {
        name: Text::plain(name),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    }
}

pub(super) fn media<'a>(kind: MediaKind, media_type: &'a str, data: &'a str) -> Media<'a> {
    Media {
        kind,
        source: Source::Base64 {
            media_type: media_type.into(),
            data: data.into(),
        },
        detail: None,
        title: None,
        cache: None,
    }
}

/// A request of one turn, for its options to be set.
pub(super) fn asking<'a>() -> Request<'a> {
    Request {
        turns: vec![turn(Role::User, vec![say("hi")])],
        ..Request::default()
    }
}

pub(super) fn body(form: &Request<'_>) -> serde_json::Value {
    written(form, CLAUDE, &ModelTakes::default()).unwrap().0
}

pub(super) fn field(carried: Carried) -> String {
    carried.unwrap_err().field
}
