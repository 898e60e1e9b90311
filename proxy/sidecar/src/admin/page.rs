//! The page at `/`: what is served and what each policy and target does, for a browser.
//!
//! It is rendered from the values that the other addresses give as JSON, whatever members those
//! have. It holds no script, loads nothing but [`STYLE`] and nothing of another site, and every
//! text in it is escaped.

use std::{fmt::Write, time::Duration};

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use super::{Facts, Reply, respond};
use crate::telemetry::log::timestamp;

/// The other addresses, and what each gives.
pub(super) const ADDRESSES: [(&str, &str); 7] = [
    ("/healthz", "do the workers turn"),
    ("/readyz", "are exchanges taken"),
    ("/metrics", "for Prometheus"),
    ("/policies", "the chain, in order"),
    ("/generation", "the configuration in force"),
    (
        "/targets",
        "the targets of aliases, their keys and accounts",
    ),
    ("/state", "what policies keep"),
];

/// The address of the page's style sheet.
pub(super) const STYLE: &str = "/style.css";

const SHEET: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:80em;padding:0 1em;color:#222}
h1,h2{font-weight:600}table{border-collapse:collapse;display:block;overflow-x:auto}
th,td{text-align:left;vertical-align:top;padding:.3em .8em .3em 0;border-bottom:1px solid #ddd}
td{max-width:22em;overflow-wrap:anywhere}code{font-size:14px}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}a{color:#8bf}th,td{border-color:#444}}
";

/// Returns the style sheet.
pub(super) fn style() -> Reply {
    respond(StatusCode::OK, "text/css", SHEET.to_owned())
}

/// Returns the page.
pub(super) fn page(facts: &dyn Facts) -> Reply {
    let mut text = String::from(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Outrigger</title>\n<link rel=\"stylesheet\" href=\"",
    );
    text.push_str(STYLE);
    let _ = write!(
        text,
        "\">\n<h1>Outrigger {}</h1>\n",
        env!("CARGO_PKG_VERSION")
    );
    section(&mut text, "Now", &facts.phase());
    section(&mut text, "Generation", &facts.generation());
    section(&mut text, "Policies", &facts.policies());
    section(&mut text, "Targets", &facts.targets());
    text.push_str("<h2>Addresses</h2>\n<table>\n");
    for (path, what) in ADDRESSES {
        let _ = writeln!(
            text,
            "<tr><td><a href=\"{path}\"><code>{path}</code></a><td>{what}"
        );
    }
    text.push_str("</table>\n</html>\n");
    let mut reply = respond(StatusCode::OK, "text/html; charset=utf-8", text);
    let headers = reply.headers_mut();
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// Writes one value under its title.
fn section(out: &mut String, title: &str, value: &impl Serialize) {
    let _ = writeln!(out, "<h2>{title}</h2>");
    match serde_json::to_value(value) {
        Ok(Value::Array(rows)) if rows.is_empty() => out.push_str("<p>none</p>\n"),
        Ok(Value::Array(rows)) => table(out, &rows),
        Ok(Value::Object(members)) => {
            out.push_str("<table>\n");
            for (name, value) in &members {
                let _ = write!(out, "<tr><th>{}<td>", Escaped(name));
                member(out, name, value);
                out.push('\n');
            }
            out.push_str("</table>\n");
        }
        Ok(value) => {
            out.push_str("<p>");
            cell(out, &value);
            out.push_str("</p>\n");
        }
        Err(_) => out.push_str("<p>can't be shown</p>\n"),
    }
}

/// Writes a list of objects: a column for every member that one of them has.
fn table(out: &mut String, rows: &[Value]) {
    let mut columns: Vec<&str> = Vec::new();
    for name in rows
        .iter()
        .filter_map(Value::as_object)
        .flat_map(|row| row.keys())
    {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    // Its name first.
    columns.sort_by_key(|name| !matches!(*name, "name" | "target"));
    out.push_str("<table>\n<tr>");
    for name in &columns {
        let _ = write!(out, "<th>{}", Escaped(name));
    }
    out.push('\n');
    for row in rows {
        out.push_str("<tr>");
        for name in &columns {
            out.push_str("<td>");
            if let Some(value) = row.get(name) {
                member(out, name, value);
            }
        }
        out.push('\n');
    }
    out.push_str("</table>\n");
}

/// Writes the value of a member: a point in time as the log spells it.
fn member(out: &mut String, name: &str, value: &Value) {
    /// Milliseconds that are no duration: all since 2001.
    const POINT: u64 = 1_000_000_000_000;
    match value
        .as_u64()
        .filter(|ms| name.ends_with("_ms") && *ms > POINT)
    {
        Some(ms) => {
            let mut text = Vec::new();
            timestamp(&mut text, Duration::from_millis(ms));
            out.push_str(&String::from_utf8_lossy(&text));
        }
        None => cell(out, value),
    }
}

/// Writes a value in words: lists with commas, members of objects with their names.
fn cell(out: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => {
            let _ = write!(out, "{value}");
        }
        Value::String(text) => {
            let _ = write!(out, "{}", Escaped(text));
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                cell(out, value);
            }
        }
        Value::Object(members) => {
            for (at, (name, value)) in members.iter().enumerate() {
                let _ = write!(out, "{}{} ", if at == 0 { "" } else { "; " }, Escaped(name));
                cell(out, value);
            }
        }
    }
}

/// A text in which no character means anything to HTML.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
