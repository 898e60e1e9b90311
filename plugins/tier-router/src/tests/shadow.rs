//! Requests that are left as they are, and what would have become of them.

use super::*;

fn shadow(request: Request) -> Exchange<TierRouter> {
    let bench = router(merged(tiers_without_windows(), json!({ "mode": "shadow" })));
    bench.request(request)
}

#[test]
fn the_request_stays_and_the_header_says_where_it_would_have_gone() {
    let wide = || [priced("a/m", 1_000_000, 4_000_000, 12_000)];
    let mut exchange = shadow(auto().with_targets(wide()));
    assert!(exchange.is_forwarded());
    assert_eq!(exchange.request.model(), Some("auto"));
    assert_eq!(
        header(&exchange),
        "small; score=0; because=nothing; mode=shadow; saved_microusd=0"
    );
    assert_eq!(bench::counter_labelled("shadowed", &[("tier", "small")]), 1);
    assert_eq!(bench::counter_labelled("routed", &[("tier", "small")]), 0);
    let overload = failure(vec![attempt("a/m", "overload", 503)]);
    assert_eq!(
        exchange.fail_with(&overload),
        Decision::Forward,
        "nothing is tried"
    );
}

#[test]
fn where_nothing_has_a_price_that_is_counted() {
    let unpriced = shadow(auto().with_targets([target("a/m")]));
    assert_eq!(
        header(&unpriced),
        "small; score=0; because=nothing; mode=shadow"
    );
    let labels = [("tier", "small")];
    assert_eq!(bench::counter_labelled("shadow_unpriced", &labels), 1);
}
