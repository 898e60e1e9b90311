//! Rate-limit headers as providers write them.

use fuzz::{Chance, run};
use http::HeaderValue;

use super::*;

/// Thu, 01 Jan 2026 00:00:00 GMT.
const NOW: u64 = 1_767_225_600;

fn room(head: &[(&'static str, &'static str)]) -> Option<Room> {
    let field = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    Room::read(&head.iter().map(field).collect(), NOW)
}

fn quantity(remaining: u64, limit: Option<u64>, millis: Option<u64>) -> Option<Quantity> {
    Some(Quantity {
        remaining,
        limit,
        resets_in: millis.map(Duration::from_millis),
        refills: false,
    })
}

#[test]
fn the_room_is_read_in_every_spelling() {
    assert_eq!(
        room(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]),
        Some(Room {
            requests: quantity(59, Some(60), Some(1000)),
            tokens: quantity(149_984, Some(150_000), Some(360_000)),
            output: None,
        })
    );
    assert_eq!(
        room(&[
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:30Z"),
            ("anthropic-ratelimit-tokens-remaining", "90000"),
            ("anthropic-ratelimit-input-tokens-remaining", "80000"),
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "7000"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "2026-01-01T00:01:00Z"
            ),
        ]),
        Some(Room {
            requests: quantity(0, Some(50), Some(30_000)),
            tokens: quantity(80_000, None, None),
            output: quantity(7000, Some(8000), Some(60_000)),
        }),
        "the scarcer of input and all, and output by itself"
    );
    assert_eq!(
        room(&[
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-limit", "20"),
            ("x-ratelimit-reset", "1767225660000"),
        ]),
        Some(Room {
            requests: quantity(0, Some(20), Some(60_000)),
            tokens: None,
            output: None,
        })
    );
}

#[test]
fn a_days_limit_does_not_hide_a_minutes() {
    let both = |day: [&'static str; 2]| {
        room(&[
            ("x-ratelimit-limit-requests-day", "1000"),
            ("x-ratelimit-remaining-requests-day", day[0]),
            ("x-ratelimit-reset-requests-day", day[1]),
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "20"),
            ("x-ratelimit-reset-requests", "30"),
        ])
        .and_then(|room| room.requests)
    };
    let minutes = quantity(20, Some(60), Some(30_000));
    assert_eq!(both(["900", "80000"]), minutes);
    assert_eq!(both(["10", "80000"]), minutes, "nobody waits for a day");
    assert_eq!(both(["10", "soon"]), minutes);
    let days = quantity(10, Some(1000), Some(3_000_000));
    assert_eq!(both(["10", "3000"]), days, "less than an hour of it");
    let only = room(&[
        ("x-ratelimit-remaining-requests-day", "10"),
        ("x-ratelimit-reset-requests-day", "80000"),
    ]);
    assert_eq!(
        only.and_then(|room| room.requests),
        quantity(10, None, Some(80_000_000))
    );
}

#[test]
fn where_limits_come_back_evenly_each_quantity_says_so() {
    let known = room(&[
        ("x-ratelimit-remaining-requests", "0"),
        ("anthropic-ratelimit-output-tokens-remaining", "0"),
    ]);
    let refills = |room: Room| {
        [room.requests, room.tokens, room.output].map(|quantity| quantity.map(|q| q.refills))
    };
    assert_eq!(known.map(refills), Some([Some(false), None, Some(false)]));
    let refilling = known.map(Room::refilling);
    assert_eq!(refilling.map(refills), Some([Some(true), None, Some(true)]));
}

#[test]
fn what_is_not_known_is_neither_room_nor_none() {
    assert_eq!(room(&[]), None);
    for head in [
        [
            ("x-ratelimit-remaining-tokens", "-1"),
            ("x-ratelimit-limit-tokens", "-1"),
        ],
        [
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-limit-tokens", "0"),
        ],
        [
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-limit-tokens", "-1"),
        ],
        [
            ("x-ratelimit-remaining-tokens", "-1"),
            ("x-ratelimit-limit-tokens", "1000"),
        ],
        [
            ("x-ratelimit-remaining-tokens", "many"),
            ("x-ratelimit-limit-tokens", "1000"),
        ],
    ] {
        assert_eq!(room(&head), None, "{head:?}");
    }
    assert_eq!(
        room(&[("x-ratelimit-remaining-requests", "0")]).and_then(|room| room.requests),
        quantity(0, None, None),
        "none left, of nobody knows how many"
    );
}

#[test]
fn a_reset_is_a_span_a_date_or_a_time() {
    for (reset, millis) in [
        ("6m0s", Some(360_000)),
        ("20ms", Some(20)),
        ("7.66s", Some(7660)),
        ("38", Some(38_000)),
        ("0", Some(0)),
        ("1767225601", Some(1000)),
        ("1767225600500", Some(500)),
        ("2026-01-01T00:00:01Z", Some(1000)),
        ("2025-01-01T00:00:01Z", Some(0)),
        ("soon", None),
        ("1s or so", None),
        ("", None),
    ] {
        assert_eq!(
            until(reset, NOW),
            millis.map(Duration::from_millis),
            "{reset}"
        );
    }
}

#[test]
fn any_head_is_read_without_a_panic() {
    let examples: &[&[u8]] = &[
        b"6m0s",
        b"-1",
        b"2026-01-01T00:00:30Z",
        b"18446744073709551615",
    ];
    run(examples, |input, chance: &mut Chance| {
        let mut headers = HeaderMap::new();
        for spelling in &SPELLINGS {
            for name in [&spelling.remaining, &spelling.limit, &spelling.reset] {
                let value = match chance.one_in(2) {
                    true => HeaderValue::from_bytes(input),
                    false => Ok(HeaderValue::from_static("7")),
                };
                if let Ok(value) = value {
                    headers.insert(name, value);
                }
            }
        }
        u64::from(Room::read(&headers, NOW).is_some())
    });
}
