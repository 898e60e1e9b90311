//! Which exchanges are traced, and what upstreams are sent of it.

use dialect::Dialect;

use super::*;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

#[test]
fn the_callers_decision_counts_where_the_sampler_says_so_and_the_share_elsewhere() {
    let none = HeaderMap::new();
    for (parent_based, ratio, without, sampled, unsampled) in [
        (true, 1.0, true, true, false),
        (true, 0.0, false, true, false),
        (false, 1.0, true, true, true),
        (false, 0.0, false, false, false),
    ] {
        for remote_parent in [RemoteParent::Parent, RemoteParent::Link] {
            let tracer = Tracer::of(remote_parent, parent_based, ratio);
            let is_traced = |headers: &HeaderMap| tracer.begin(headers).is_some();
            assert_eq!(
                (
                    is_traced(&none),
                    is_traced(&headers(CALLER)),
                    is_traced(&headers(UNSAMPLED))
                ),
                (without, sampled, unsampled),
                "{parent_based} {ratio} {remote_parent:?}"
            );
        }
    }
}

#[test]
fn a_share_is_of_traces_and_all_of_one_decide_alike() {
    let tracer = Tracer::of(RemoteParent::Parent, false, 0.25);
    let none = HeaderMap::new();
    let traced = (0..4000).filter(|_| tracer.begin(&none).is_some()).count();
    assert!((800..1200).contains(&traced), "{traced}");
    // As the SDKs have it: by the lower 63 bits.
    for (id, expected) in [
        ("ffffffffffffffff2000000000000000", true),
        ("0000000000000001c000000000000000", false),
        ("00000000000000013fffffffffffffff", true),
        ("00000000000000014000000000000000", false),
    ] {
        let caller = headers(&format!("00-{id}-00f067aa0ba902b7-00"));
        assert_eq!(tracer.begin(&caller).is_some(), expected, "{id}");
    }
}

/// The headers that an upstream is sent for a caller's, and the spans.
fn passed(remote_parent: RemoteParent, headers: &HeaderMap) -> (HeaderMap, Vec<Seen>) {
    let tracer = Tracer::of(remote_parent, true, 1.0);
    let trace = tracer.begin(headers).unwrap();
    let request = http::Request::post("https://api.test/v1/x?key=secret").body(());
    let (mut head, ()) = request.unwrap().into_parts();
    head.headers = headers.clone();
    let span = trace.attempt(&mut head, Duration::from_millis(2));
    let record = Record {
        span: Some(span),
        last: Some(crate::telemetry::Attempted {
            class: "success",
            status: 200,
            took: Duration::from_millis(3),
            retry_after: None,
        }),
        model: Some("m".repeat(400)),
        total: Duration::from_millis(9),
        status: 200,
        ..Record::new("id".into(), Dialect::OpenaiChat)
    };
    tracer.end(trace, record, Vec::new());
    (head.headers, tracer.seen())
}

#[test]
fn a_callers_span_is_the_parent_and_the_attempts_that_of_the_upstream() {
    let (sent, spans) = passed(RemoteParent::Parent, &headers(CALLER));
    let [exchange, attempt] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    assert_eq!(exchange.trace, CALLER[3..35]);
    assert_eq!(exchange.parent, CALLER[36..52]);
    assert_eq!((&*exchange.state, &exchange.link), ("a=b", &None));
    assert_eq!(
        (&attempt.trace, &attempt.parent),
        (&exchange.trace, &exchange.id)
    );
    let traceparent = format!("00-{}-{}-01", attempt.trace, attempt.id);
    assert_eq!(sent[TRACEPARENT], traceparent);
    assert_eq!(sent[TRACESTATE], "a=b");
    assert_eq!(
        (attempt.begun - exchange.begun, attempt.took),
        (2_000_000, 7_000_000)
    );
    assert_eq!(attempt.get("server.address"), "api.test");
    assert_eq!(attempt.get("server.port"), "443");
    assert!(exchange.name.starts_with("chat mmm") && exchange.name.len() == LONGEST_TEXT);
    assert!(!format!("{spans:?}").contains("secret"));
}

#[test]
fn a_callers_span_is_a_link_of_a_trace_of_its_own_where_that_is_wanted() {
    let (sent, spans) = passed(RemoteParent::Link, &headers(CALLER));
    let (exchange, attempt) = (&spans[0], &spans[1]);
    let link = (CALLER[3..35].to_owned(), CALLER[36..52].to_owned());
    assert_eq!((&exchange.link, &*exchange.parent), (&Some(link), ""));
    assert!(exchange.trace != CALLER[3..35] && exchange.trace == attempt.trace);
    let traceparent = format!("00-{}-{}-01", attempt.trace, attempt.id);
    assert_eq!(sent[TRACEPARENT], traceparent);
    assert_eq!(
        sent.get(TRACESTATE),
        None,
        "it belongs to the caller's trace"
    );
}

#[test]
fn without_a_callers_span_or_with_a_broken_one_a_trace_begins() {
    let broken = headers("00-nothing-at-all-01");
    for caller in [HeaderMap::new(), broken] {
        let (sent, spans) = passed(RemoteParent::Parent, &caller);
        assert_eq!((&*spans[0].parent, &spans[0].link), ("", &None));
        assert_eq!(sent[TRACEPARENT].len(), CALLER.len());
        assert_eq!(sent.get(TRACESTATE), None);
    }
}
