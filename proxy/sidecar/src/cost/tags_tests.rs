#![allow(clippy::unwrap_used, reason = "tests")]

use http::HeaderValue;
use policy::tags::MOST;

use super::*;
use crate::config::tests::{self, parse_in};

fn rules(yaml: &str) -> Rules {
    let env = |name: &str| match name {
        "OUTRIGGER_TAG_REGION" => Some("eu-1".to_owned()),
        "POD_PLAN" => Some("gold".to_owned()),
        _ => None,
    };
    Rules::of(&parse_in(yaml, &env).unwrap().tags)
}

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    let parsed = list.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    });
    parsed.fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    })
}

fn read_from(yaml: &str, list: &[(&str, &str)]) -> Vec<(String, String)> {
    let tags = read(&rules(yaml), &headers(list));
    let mut all: Vec<_> = tags
        .iter()
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect();
    all.retain(|(name, _)| name != "region");
    all.sort_unstable();
    all
}

#[track_caller]
fn check(yaml: &str, list: &[(&str, &str)], expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    assert_eq!(read_from(yaml, list), expected, "{list:?}");
}

#[test]
fn every_gateways_headers_give_the_same_tags() {
    for (header, value) in [
        ("X-Outrigger-Tenant", "acme"),
        ("x-litellm-end-user-id", "acme"),
        ("x-litellm-customer-id", "acme"),
        ("Helicone-User-Id", "acme"),
        ("Helicone-Property-Tenant", "acme"),
        ("x-bf-dim-tenant", " acme "),
        (
            "x-portkey-metadata",
            r#"{"tenant":"acme","nested":{"a":1}}"#,
        ),
        ("x-portkey-metadata", r#"{"_user":"acme"}"#),
        ("cf-aig-metadata", r#"{"Tenant":"acme"}"#),
        ("x-litellm-spend-logs-metadata", r#"{"tenant":"acme"}"#),
        ("x-litellm-tags", "tenant:acme"),
        ("x-litellm-tags", "production, tenant = acme"),
    ] {
        check("", &[(header, value)], &[("tenant", "acme")]);
    }
    let many = r#"{"feature":"chat","plan":7,"beta":true,"none":null}"#;
    check(
        "",
        &[("cf-aig-metadata", many)],
        &[("beta", "true"), ("feature", "chat"), ("plan", "7")],
    );
}

#[test]
fn the_better_header_wins_wherever_it_stands() {
    let sources = [
        ("x-litellm-tags", "tenant:list"),
        ("x-portkey-metadata", r#"{"tenant":"metadata"}"#),
        ("helicone-property-tenant", "property"),
        ("helicone-user-id", "user"),
        ("x-litellm-customer-id", "customer"),
        ("x-outrigger-tenant", "own"),
    ];
    for n in 1..=sources.len() {
        let given = &sources[..n];
        let best = read_from("", &given[n - 1..])[0].1.clone();
        check("", given, &[("tenant", &best)]);
        let turned: Vec<_> = given.iter().rev().copied().collect();
        check("", &turned, &[("tenant", &best)]);
    }
    // of two values of one header the first
    check(
        "",
        &[("x-outrigger-plan", "a"), ("x-outrigger-plan", "b")],
        &[("plan", "a")],
    );
}

#[test]
fn the_operators_headers_stand_in_for_the_usual_ones() {
    let yaml = "tags: { tenant: { headers: [x-team, openai-organization] }, squad: {} }";
    check(
        yaml,
        &[
            ("x-outrigger-tenant", "a"),
            ("helicone-user-id", "b"),
            ("cf-aig-metadata", r#"{"tenant":"c"}"#),
        ],
        &[],
    );
    check(
        yaml,
        &[("openai-organization", "b"), ("x-team", "a")],
        &[("tenant", "a")],
    );
    check(yaml, &[("openai-organization", "b")], &[("tenant", "b")]);
    check(yaml, &[("x-outrigger-squad", "blue")], &[("squad", "blue")]);
}

#[test]
fn no_caller_changes_what_the_operator_fixed_but_a_default_yields() {
    let yaml = "tags: { plan: { env: POD_PLAN }, feature: { value: chat, headers: [x-feature] } }";
    check(
        yaml,
        &[("x-outrigger-plan", "free"), ("x-bf-dim-plan", "free")],
        &[("feature", "chat"), ("plan", "gold")],
    );
    check(
        yaml,
        &[("x-feature", "search")],
        &[("feature", "search"), ("plan", "gold")],
    );
    // downward API without a word in the file
    assert_eq!(read(&rules(""), &headers(&[])).get("region"), Some("eu-1"));
    let given = headers(&[("x-outrigger-region", "us-1")]);
    assert_eq!(read(&rules(""), &given).get("region"), Some("us-1"));
}

#[test]
fn what_can_be_no_tag_is_left_out_and_counted_never_cut() {
    let long = "x".repeat(129);
    for (header, value) in [
        ("x-outrigger-tenant", long.as_str()),
        ("x-outrigger-tenant", "a\tb"),
        ("x-outrigger-tenant", ""),
        ("helicone-property-Ä", "v"),
        ("x-portkey-metadata", "{"),
        ("x-portkey-metadata", "[1]"),
        ("cf-aig-metadata", r#"{"tenant":"a\nb"}"#),
    ] {
        let Ok(name) = HeaderName::from_bytes(header.as_bytes()) else {
            continue;
        };
        let mut map = HeaderMap::new();
        map.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        let tags = read(&rules(""), &map);
        assert_eq!(
            (tags.get("tenant"), tags.ignored()),
            (None, 1),
            "{header} {value}"
        );
    }
    let full = "x".repeat(128);
    check("", &[("x-outrigger-tenant", &full)], &[("tenant", &full)]);
    check(
        "",
        &[("x-outrigger-tenant", "São Paulo")],
        &[("tenant", "São Paulo")],
    );
    let members: Vec<_> = (0..100).map(|n| format!(r#""t{n}":"v""#)).collect();
    let flood = format!("{{{}}}", members.join(","));
    let tags = read(
        &Rules::default(),
        &headers(&[("x-portkey-metadata", &flood)]),
    );
    assert_eq!((tags.iter().count(), tags.ignored()), (MOST, 84));
}

#[test]
fn gateway_headers_do_not_reach_a_provider_and_all_others_do() {
    let yaml = "tags: { tenant: { headers: [x-team, openai-organization] }, feature: { headers: [x-kept], strip: false } }";
    let map = headers(&[
        ("host", "a"),
        ("authorization", "Bearer k"),
        ("content-type", "application/json"),
        ("x-stainless-lang", "js"),
        ("openai-organization", "o"),
        ("x-kept", "1"),
        ("x-request-id", "r"),
        ("cookie", "c"),
        ("x-team", "t"),
        ("x-outrigger-tenant", "t"),
        ("x-litellm-timeout", "1"),
        ("x-portkey-config", "c"),
        ("helicone-auth", "k"),
        ("cf-aig-cache-ttl", "1"),
        ("x-bf-vk", "k"),
        ("http-referer", "r"),
        ("x-title", "t"),
    ]);
    let rules = rules(yaml);
    let gone = |name, host| {
        let reads = Reads::of(name, host);
        let mut gone: Vec<_> = (map.keys())
            .filter(|header| is_stripped(&rules, reads, header))
            .map(ToString::to_string)
            .collect();
        gone.sort_unstable();
        gone.join(" ")
    };
    assert_eq!(
        gone("openai", "api.openai.com"),
        "cf-aig-cache-ttl helicone-auth http-referer x-bf-vk x-litellm-timeout x-outrigger-tenant x-portkey-config x-team x-title"
    );
    assert!(!gone("openai", "oai.helicone.ai").contains("helicone"));
    assert!(!gone("litellm", "10.0.0.1").contains("x-litellm"));
    assert!(!gone("openrouter", "openrouter.ai").contains("x-title"));
    let plain = headers(&[
        ("host", "a"),
        ("user-agent", "x"),
        ("x-api-key", "k"),
        ("content-length", "3"),
    ]);
    let stripped = |header| is_stripped(&rules, Reads::default(), header);
    assert!(!plain.keys().any(stripped));
}

#[test]
fn a_request_without_tags_has_none_and_allocates_nothing() {
    let map = headers(&[
        ("host", "a"),
        ("x-stainless-os", "Linux"),
        ("x-api-key", "k"),
        ("content-type", "a/b"),
    ]);
    let tags = read(&Rules::of(&tests::read("").tags), &map);
    // Tags that nothing was put into have not allocated.
    assert_eq!(tags, Tags::default());
}
