//! Comparisons of what happened with what a step expects.

use std::collections::BTreeMap;

use http::HeaderMap;
use policy::{Call, Claims};
use serde_json::Value;

use super::{
    Missed, missed,
    stage::{Called, Done},
};
use crate::{
    config::cases::{ExpectCall, ExpectMetric, Step, Wanted},
    telemetry::apart::Figure,
};

/// Compares what goes upstream, and where.
pub(super) fn forwarded(step: &Step, call: &Call) -> Result<(), Missed> {
    routed(step, &call.claims)?;
    wanted(&step.expect_headers, "expect_headers", "header", |name| {
        values(call.headers(), name)
    })?;
    let Some(expected) = &step.expect_request else {
        return Ok(());
    };
    match serde_json::from_slice::<Value>(&call.body.render()) {
        Err(error) => missed(
            "expect_request",
            format!("the body sent is no JSON: {error}"),
        ),
        Ok(sent) if sent != *expected => missed(
            "expect_request",
            format!("sent {sent}, expected {expected}"),
        ),
        Ok(_) => Ok(()),
    }
}

/// Compares what the policy said in the exchange's name, whatever its decision.
pub(super) fn call(step: &Step, call: &Call) -> Result<(), Missed> {
    let of_reply = &call.claims.reply_headers;
    wanted(
        &step.expect_reply_headers,
        "expect_reply_headers",
        "reply header",
        |name| {
            let named = of_reply
                .iter()
                .rev()
                .find(|(of, _)| of.as_str().eq_ignore_ascii_case(name));
            named.map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned())
        },
    )?;
    wanted(&step.expect_tags, "expect_tags", "tag", |name| {
        call.tag(name).map(str::to_owned)
    })
}

/// Compares named values; none is expected where the step has null.
fn wanted(
    expected: &Option<BTreeMap<String, Wanted>>,
    key: &'static str,
    kind: &str,
    find: impl Fn(&str) -> Option<String>,
) -> Result<(), Missed> {
    for (name, Wanted(expected)) in expected.iter().flatten() {
        let is = find(name);
        if is != *expected {
            let shown = |value: &Option<String>| match value {
                Some(value) => format!("{value:?}"),
                None => "none".to_owned(),
            };
            let (is, expected) = (shown(&is), shown(expected));
            return missed(
                key,
                format!("the {kind} `{name}` is {is}, expected {expected}"),
            );
        }
    }
    Ok(())
}

/// All values of a header, as one line of them has them.
fn values(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Compares what the policy said of targets and time.
fn routed(step: &Step, claims: &Claims) -> Result<(), Missed> {
    let list = |names: &[String]| format!("[{}]", names.join(", "));
    if let Some(expected) = &step.expect_prefer
        && *expected != claims.prefer
    {
        let (preferred, expected) = (list(&claims.prefer), list(expected));
        return missed(
            "expect_prefer",
            format!("it preferred {preferred}, expected {expected}"),
        );
    }
    let (mut excluded, mut expected) = (claims.exclude.clone(), step.expect_exclude.clone());
    excluded.sort();
    expected.iter_mut().for_each(|names| names.sort());
    if let Some(expected) = expected
        && expected != excluded
    {
        let (excluded, expected) = (list(&excluded), list(&expected));
        return missed(
            "expect_exclude",
            format!("it excluded {excluded}, expected {expected}"),
        );
    }
    if let Some(expected) = &step.expect_mirror
        && claims.mirror.as_ref() != Some(expected)
    {
        let mirror = claims.mirror.as_deref().unwrap_or("none");
        return missed(
            "expect_mirror",
            format!("it copies to {mirror}, expected {expected}"),
        );
    }
    match (step.expect_deadline, claims.deadline) {
        (Some(expected), is) if is != Some(expected.0) => {
            let is = is.map_or_else(|| "no time".to_owned(), |time| format!("{time:?}"));
            let expected = expected.0;
            missed(
                "expect_deadline",
                format!("it set {is} for the exchange, expected {expected:?}"),
            )
        }
        _ => Ok(()),
    }
}

/// Compares what was left behind when the exchange was over.
pub(super) fn done(
    step: &Step,
    done: &Done,
    figures: &BTreeMap<String, Figure>,
) -> Result<(), Missed> {
    if let Some(fault) = done.faults.first() {
        return missed("expect", fault);
    }
    if let Some(expected) = &step.expect_fetch {
        called(expected, &done.calls)?;
    }
    for text in step.expect_log.iter().flatten() {
        if !done.lines.iter().any(|line| line.contains(text.as_str())) {
            return missed("expect_log", format!("no line that it logged has {text:?}"));
        }
    }
    for (name, expected) in step.expect_metrics.iter().flatten() {
        let expected = match expected {
            ExpectMetric::Value(value) => Figure::Value(*value),
            ExpectMetric::Recorded(values) => Figure::Recorded(values.clone()),
        };
        let never = match &expected {
            Figure::Value(_) => Figure::Value(0.0),
            Figure::Recorded(_) => Figure::Recorded(Vec::new()),
        };
        let is = figures.get(name).unwrap_or(&never);
        if *is != expected {
            let shown = |figure: &Figure| match figure {
                Figure::Value(value) => value.to_string(),
                Figure::Recorded(values) => format!("{values:?}"),
            };
            let (is, expected) = (shown(is), shown(&expected));
            return missed(
                "expect_metrics",
                format!("the metric `{name}` is {is}, expected {expected}"),
            );
        }
    }
    Ok(())
}

fn called(expected: &[ExpectCall], calls: &[Called]) -> Result<(), Missed> {
    let listed: Vec<String> = calls
        .iter()
        .map(|call| format!("{} {}", call.method, call.url))
        .collect();
    if expected.len() != calls.len() {
        let (made, of) = (listed.join(", "), expected.len());
        return missed(
            "expect_fetch",
            format!("it made the calls [{made}], expected {of}"),
        );
    }
    for ((at, expected), call) in expected.iter().enumerate().zip(calls) {
        let differs = |what: &str, is: &dyn std::fmt::Display| {
            missed("expect_fetch", format!("the call {at} has the {what} {is}"))
        };
        if (expected.url.as_ref()).is_some_and(|url| *url != call.url) {
            return differs("URL", &call.url);
        }
        if (expected.method.as_ref())
            .is_some_and(|method| !method.eq_ignore_ascii_case(&call.method))
        {
            return differs("method", &call.method);
        }
        for (name, Wanted(value)) in &expected.headers {
            let is = values(&call.headers, name);
            if is != *value {
                let is = is.unwrap_or_else(|| "none".to_owned());
                return differs(&format!("header `{name}`"), &is);
            }
        }
        let text = String::from_utf8_lossy(&call.body);
        let same = match &expected.body {
            None => true,
            Some(Value::String(expected)) => *expected == text,
            Some(expected) => {
                serde_json::from_slice(&call.body).is_ok_and(|is: Value| is == *expected)
            }
        };
        if !same {
            return differs("body", &text);
        }
    }
    Ok(())
}
