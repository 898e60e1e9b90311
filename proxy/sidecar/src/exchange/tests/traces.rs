//! Spans: every exchange of these tests is traced, and has one, however it ends.

use std::iter::zip;

use super::*;
use crate::telemetry::trace::tests::Seen as Span;

/// The spans of the one exchange: its own, its attempts', its policies'.
struct Spans {
    exchange: Span,
    attempts: Vec<Span>,
    policies: Vec<Span>,
}

fn all(shared: &Shared) -> Vec<Span> {
    shared.tracer.as_ref().unwrap().seen()
}

fn is_exchange(span: &Span) -> bool {
    !span.get("outrigger.request_id").is_empty()
}

fn is_policy(span: &Span) -> bool {
    !span.get("outrigger.policy.name").is_empty()
}

/// Asserts that each exchange that was settled has its span, and each of its attempts one.
pub(super) fn assert_traced(shared: &Shared) {
    let (records, spans) = (shared.settled.lock().clone(), all(shared));
    let exchanges: Vec<_> = spans.iter().filter(|span| is_exchange(span)).collect();
    assert_eq!(
        exchanges.len(),
        records.len(),
        "a span for each: {spans:#?}"
    );
    for (record, exchange) in zip(&records, exchanges) {
        assert_eq!(exchange.get("outrigger.request_id"), record.id);
        let of_it = |span: &&Span| span.parent == exchange.id && span.trace == exchange.trace;
        let own: Vec<_> = spans.iter().filter(of_it).collect();
        let classes: Vec<_> = (own.iter().filter(|span| !is_policy(span)))
            .map(|span| {
                (
                    span.get("outrigger.target"),
                    span.get("http.response.status_code"),
                )
            })
            .collect();
        let attempts: Vec<_> = record.attempts().collect();
        let attempts: Vec<_> = (attempts.iter())
            .map(|(target, end)| match end.status {
                0 => (*target, String::new()),
                status => (*target, status.to_string()),
            })
            .collect();
        let attempts: Vec<_> = (attempts.iter())
            .map(|(t, status)| (*t, &**status))
            .collect();
        assert_eq!(classes, attempts, "{own:#?}");
        for verdict in &record.policies {
            let of_policy = |span: &&&Span| span.get("outrigger.policy.name") == &*verdict.name;
            assert!(
                own.iter().any(|span| of_policy(&span)),
                "{}: {own:#?}",
                verdict.verdict
            );
        }
        if let Some(error) = &record.error {
            assert_eq!(exchange.get("error.type"), &**error);
            assert!(exchange.failed);
        }
    }
}

fn of(shared: &Shared) -> Spans {
    let mut all = all(shared);
    let at = all.iter().position(is_exchange).unwrap();
    let exchange = all.remove(at);
    let (policies, attempts) = all.into_iter().partition(is_policy);
    Spans {
        exchange,
        attempts,
        policies,
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_has_a_span_by_the_conventions_names_and_nothing_of_what_was_said() {
    let rig = rig(&[], [whole(200, WHOLE)]);
    rig.ask(ASK).await;
    rig.settled();
    let spans = of(&rig.shared);
    let exchange = &spans.exchange;
    assert_eq!((&*exchange.name, exchange.kind), ("chat gpt-5", 3));
    for (key, expected) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "gpt-5"),
        ("gen_ai.response.finish_reasons", "stop"),
        ("gen_ai.usage.input_tokens", "10"),
        ("gen_ai.usage.output_tokens", "5"),
        ("http.response.status_code", "200"),
        ("server.address", "openai.test"),
        ("server.port", "80"),
        ("outrigger.target", "openai/gpt-5"),
        ("error.type", ""),
    ] {
        assert_eq!(exchange.get(key), expected, "{key} of {exchange:#?}");
    }
    let [attempt] = spans.attempts.as_slice() else {
        panic!("{:#?}", spans.attempts);
    };
    assert_eq!((&*attempt.name, attempt.kind), ("POST", 3));
    let sent = rig.seen()[0].headers["traceparent"].clone();
    assert_eq!(sent, format!("00-{}-{}-01", attempt.trace, attempt.id));
    let text = format!("{exchange:?}{attempt:?}");
    for secret in ["hello", "\"hi\"", "ours", "theirs", "/v1/"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_streams_spans_last_to_its_end_and_a_cut_one_says_so() {
    let rig = rig(&[Policy::Rewrites], [stream(&[Text(HELLO), Wait(3), Cut])]);
    rig.ask(ASK_STREAM).await;
    rig.settled();
    let spans = of(&rig.shared);
    assert_eq!(spans.exchange.get("error.type"), "upstream_failed");
    assert_eq!(spans.exchange.took, 3_000_000_000);
    assert_eq!(spans.attempts[0].took, 3_000_000_000);
    let hooks: Vec<_> = (spans.policies.iter())
        .map(|span| span.get("outrigger.policy.hook"))
        .collect();
    assert_eq!(hooks[..2], ["request", "reply"], "{:#?}", spans.policies);
    let reply = &spans.policies[1];
    assert_eq!((&*reply.name, reply.kind), ("policy p reply", 1));
    assert_eq!(reply.get("outrigger.policy.verdict"), "edited");
    assert_eq!(reply.get("outrigger.policy.version"), "1");
}

#[tokio::test(start_paused = true)]
async fn an_app_that_leaves_and_a_refusal_have_spans_that_failed() {
    let left = rig(&[], [Turn::Silence]);
    let ask = left.ask(ASK);
    tokio::select! { _ = ask => {}, () = sleep(Duration::from_secs(2)) => {} }
    left.settled();
    let spans = of(&left.shared);
    assert_eq!(spans.exchange.get("error.type"), "client_gone");
    assert_eq!(spans.attempts[0].get("error.type"), "caller");

    let refused = rig(&[Policy::RefusesRequest], []);
    refused.ask(ASK).await;
    refused.settled();
    let spans = of(&refused.shared);
    assert_eq!(spans.exchange.get("error.type"), "not_this");
    assert_eq!(spans.exchange.get("http.response.status_code"), "403");
    assert!(spans.attempts.is_empty());
    assert_eq!(spans.policies[0].get("outrigger.policy.verdict"), "refused");
}

#[tokio::test(start_paused = true)]
async fn a_policys_end_hook_has_a_span_of_its_own_after_the_exchange() {
    let rig = rig(&[Policy::Reads], [whole(200, WHOLE)]);
    rig.ask(ASK).await;
    sleep(Duration::from_secs(1)).await;
    let spans = of(&rig.shared);
    let ends: Vec<_> = (spans.policies.iter())
        .map(|span| (span.get("outrigger.policy.hook"), &*span.parent))
        .collect();
    let exchange = &*spans.exchange.id;
    assert_eq!(ends, [("request", exchange), ("end", exchange)]);
    let shown = spans.policies[0].get("outrigger.policy.coverage.shown");
    assert_eq!(shown, "2", "bytes of `hi`");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sampled_passes_as_it_came_and_has_no_span() {
    let rig = rig(&[], [whole(200, WHOLE)]);
    let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let mut request = chat(ASK);
    let value = unsampled.parse().unwrap();
    request.headers_mut().insert("traceparent", value);
    rig.answer(request).await;
    assert_eq!(rig.seen()[0].headers["traceparent"], unsampled);
    assert_eq!(all(&rig.shared), []);
    let trace_id = rig.shared.settled.lock()[0].trace_id.clone();
    assert_eq!(trace_id.as_deref(), Some(&unsampled[3..35]));
}
