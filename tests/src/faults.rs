//! The fault server: each thing that real upstreams do wrong, with what an app must see behind
//! Outrigger.
//!
//! A request's model names the row: `ROW` or `ROW.ANYTHING`, so that one server serves all rows to
//! all clients at once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::replies::{self, Api, chunk, last_chunk, stream_head};
use crate::upstream::{Seen, Step, Upstream};

/// The outcome that an app must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The client raises; it never sees a clean finish.
    Raises,
    /// The client finishes with all of the text.
    Finishes,
    /// Whatever the client makes of the same bytes without Outrigger.
    AsDirect,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The model that selects it.
    pub name: &'static str,
    /// The outcome that it must have.
    pub expect: Expect,
    /// Requests that the upstream gets from a client with its default of two retries; `None` where
    /// it doesn't matter.
    pub attempts: Option<usize>,
}

const fn row(name: &'static str, expect: Expect, attempts: Option<usize>) -> Row {
    Row {
        name,
        expect,
        attempts,
    }
}

/// All rows.
pub const ROWS: &[Row] = &[
    row("fine", Expect::Finishes, Some(1)),
    row("clean-end-without-terminator", Expect::Raises, Some(1)),
    row("chunked-body-cut", Expect::Raises, Some(1)),
    row("cut-inside-a-frame", Expect::Raises, Some(1)),
    row("reset", Expect::Raises, Some(1)),
    row("error-event", Expect::Raises, Some(1)),
    row("error-data-only", Expect::Raises, Some(1)),
    row("stall", Expect::Raises, Some(1)),
    row("pings", Expect::Finishes, Some(1)),
    row("data-line-that-is-not-json", Expect::AsDirect, Some(1)),
    row("line-of-4-mb", Expect::Finishes, Some(1)),
    row("429-retry-after", Expect::Finishes, Some(2)),
    row("429-retry-after-ms", Expect::Finishes, Some(2)),
    row("503-should-retry-false", Expect::Raises, Some(1)),
    row("529", Expect::Finishes, Some(2)),
    row("200-json-error-for-a-stream", Expect::Raises, None),
    row("502-html", Expect::Raises, Some(3)),
    row("accept-and-close", Expect::Finishes, None),
];

/// The text of a stream that goes well.
pub const TEXT: [&str; 3] = ["Hel", "lo, ", "world"];

/// The silence of the `stall` row; an SDK without a time-out of its own waits it out.
pub const STALL: Duration = Duration::from_secs(20);

/// Starts the server.
pub fn server() -> Upstream {
    let attempts: Mutex<HashMap<String, usize>> = Mutex::default();
    Upstream::start(move |seen, _| {
        let model = seen.model();
        let attempt = {
            let mut attempts = attempts.lock().unwrap();
            let count = attempts.entry(model.clone()).or_default();
            *count += 1;
            *count
        };
        play(model.split('.').next().unwrap_or(""), seen, attempt)
    })
}

/// The steps of one row.
fn play(row: &str, seen: &Seen, attempt: usize) -> Vec<Step> {
    let api = Api::of(seen.path());
    let events = api.events(&TEXT);
    let text_sent = events.len() - api.closing_events();
    let begun = |steps: &[Step]| {
        let mut all = vec![Step::Send(stream_head())];
        all.extend(
            events[..text_sent]
                .iter()
                .map(|e| Step::Send(chunk(e.as_bytes()))),
        );
        all.push(Step::Pause(Duration::from_millis(50)));
        all.extend_from_slice(steps);
        all
    };
    let rest = || {
        let mut steps: Vec<Step> = events[text_sent..]
            .iter()
            .map(|e| Step::Send(chunk(e.as_bytes())))
            .collect();
        steps.push(Step::Send(last_chunk()));
        steps
    };
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let refused = |status: &str, header: &str| {
        vec![Step::Send(replies::whole(
            status,
            &[
                "content-type: application/json",
                header,
                "request-id: req_up",
            ],
            error,
        ))]
    };
    let retried = |status: &str, header: &str| {
        if attempt == 1 {
            refused(status, header)
        } else {
            replies::stream(&events)
        }
    };
    match row {
        "clean-end-without-terminator" => begun(&[Step::Send(last_chunk())]),
        "chunked-body-cut" => begun(&[Step::Close]),
        "cut-inside-a-frame" => begun(&[Step::Send(b"40\r\ndata: {\"id\":\"x\",\"cho".to_vec()), Step::Close]),
        "reset" => begun(&[Step::Reset]),
        "error-event" => begun(&[Step::Send(chunk(format!("event: error\ndata: {error}\n\n").as_bytes())), Step::Send(last_chunk())]),
        "error-data-only" => begun(&[
            Step::Send(chunk(b"data: {\"error\":{\"type\":\"server_error\",\"code\":null,\"message\":\"The server had an error\"}}\n\n")),
            Step::Send(last_chunk()),
        ]),
        "stall" => begun(&[Step::Pause(STALL), Step::Close]),
        "pings" => {
            let ping = [Step::Pause(Duration::from_millis(400)), Step::Send(chunk(b": ping\n\n"))];
            let mut steps = begun(&[]);
            (0..4).for_each(|_| steps.extend(ping.iter().cloned()));
            steps.extend(rest());
            steps
        }
        "data-line-that-is-not-json" => {
            let mut steps = begun(&[Step::Send(chunk(b"data: this is no JSON\n\n"))]);
            steps.extend(rest());
            steps
        }
        "line-of-4-mb" => replies::stream(&api.events(&[TEXT[0], &"x".repeat(4 << 20), TEXT[2]])),
        "429-retry-after" => retried("429 Too Many Requests", "retry-after: 1"),
        "429-retry-after-ms" => retried("429 Too Many Requests", "retry-after-ms: 200"),
        "503-should-retry-false" => refused("503 Service Unavailable", "x-should-retry: false"),
        "529" => retried("529 Overloaded", "x-up: 1"),
        "200-json-error-for-a-stream" => vec![Step::Send(replies::json_body(error))],
        "502-html" => {
            vec![Step::Send(replies::whole("502 Bad Gateway", &["content-type: text/html"], "<html><body>Bad gateway</body></html>"))]
        }
        "accept-and-close" if attempt == 1 => vec![Step::Close],
        _ => replies::stream(&events),
    }
}
