//! Times to first content under a simulated clock.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "tests make their own instants"
)]

use super::*;

const CALL: CallClass = CallClass::of(500, Effort::None, true);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A target and a clock of its own.
struct Bench {
    latency: Latency,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            latency: Latency::new(),
            now: Instant::now(),
        }
    }

    /// Records a sample each second.
    fn record(&mut self, times: u32, sample: Sample) {
        for _ in 0..times {
            self.now += secs(1);
            self.latency.record(CALL, sample, self.now);
        }
    }

    fn first_content(&self) -> Option<f64> {
        self.latency
            .first_content(self.now)
            .map(|time| time.as_secs_f64())
    }

    fn limit(&self) -> Duration {
        self.latency.first_content_limit(CALL, secs(120))
    }
}

#[test]
fn below_three_samples_nothing_is_known_and_that_is_not_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.first_content(), None);
    bench.record(2, Sample::Content(millis(400)));
    assert_eq!(bench.first_content(), None);
    bench.record(1, Sample::Content(millis(400)));
    assert_eq!(bench.first_content(), Some(0.4));
}

#[test]
fn the_first_samples_count_alike_whenever_they_come() {
    let mut bench = Bench::new();
    for time in [100, 200, 900] {
        bench
            .latency
            .record(CALL, Sample::Content(millis(time)), bench.now);
    }
    assert_eq!(bench.first_content(), Some(0.4));
}

#[test]
fn the_average_follows_the_last_ten_seconds() {
    let mut bench = Bench::new();
    bench.record(100, Sample::Content(millis(500)));
    bench.record(10, Sample::Content(secs(2)));
    assert!(
        bench
            .first_content()
            .is_some_and(|time| (1.3..1.6).contains(&time))
    );
    bench.record(40, Sample::Content(secs(2)));
    assert!(bench.first_content().is_some_and(|time| time > 1.95));
}

#[test]
fn samples_of_one_moment_count_too() {
    let mut bench = Bench::new();
    bench.record(100, Sample::Content(millis(500)));
    for _ in 0..100 {
        bench
            .latency
            .record(CALL, Sample::Content(secs(2)), bench.now);
    }
    assert!(bench.first_content().is_some_and(|time| time > 1.5));
}

#[test]
fn a_target_that_fails_fast_never_looks_fast() {
    for usual in [millis(200), secs(20)] {
        let mut bench = Bench::new();
        bench.record(10, Sample::Content(usual));
        let before = bench.first_content();
        for retry_after in [None, Some(millis(1)), Some(secs(1))] {
            bench.record(10, Sample::Failed { retry_after });
            assert!(
                bench.first_content() >= before,
                "{:?}",
                bench.first_content()
            );
        }
    }
    let mut bench = Bench::new();
    bench.record(3, Sample::Failed { retry_after: None });
    assert_eq!(bench.first_content(), Some(5.0));
}

#[test]
fn a_failure_counts_as_the_end_that_its_provider_gives_and_five_minutes_at_most() {
    let mut bench = Bench::new();
    bench.record(
        3,
        Sample::Failed {
            retry_after: Some(secs(30)),
        },
    );
    assert_eq!(bench.first_content(), Some(30.0));
    let mut bench = Bench::new();
    bench.record(
        3,
        Sample::Failed {
            retry_after: Some(secs(86_400)),
        },
    );
    assert_eq!(bench.first_content(), Some(300.0));
}

#[test]
fn in_quiet_times_a_target_is_again_what_it_usually_is() {
    let mut bench = Bench::new();
    bench.record(60, Sample::Content(millis(500)));
    bench.record(
        20,
        Sample::Failed {
            retry_after: Some(secs(100)),
        },
    );
    assert!(bench.first_content().is_some_and(|time| time > 50.0));
    bench.now += secs(120);
    assert!(
        bench
            .first_content()
            .is_some_and(|time| (0.499..0.51).contains(&time))
    );
}

#[test]
fn a_target_that_only_ever_failed_is_unknown_again_after_a_minute() {
    let mut bench = Bench::new();
    bench.record(10, Sample::Failed { retry_after: None });
    bench.now += secs(59);
    assert_eq!(bench.first_content(), Some(5.0));
    bench.now += secs(1);
    assert_eq!(bench.first_content(), None);
}

#[test]
fn a_caller_who_leaves_early_shows_no_fast_target_and_one_who_waited_long_a_slow_one() {
    let mut bench = Bench::new();
    bench.record(10, Sample::Content(secs(1)));
    bench.record(10, Sample::Left(millis(50)));
    assert_eq!(bench.first_content(), Some(1.0));
    bench.record(10, Sample::Left(secs(30)));
    assert!(bench.first_content().is_some_and(|time| time > 10.0));
}

#[test]
fn the_limit_is_fixed_until_twenty_samples_and_then_three_times_the_95th_percentile() {
    let mut bench = Bench::new();
    bench.record(19, Sample::Content(secs(8)));
    assert_eq!((bench.limit(), bench.latency.p95(CALL)), (secs(120), None));
    bench.record(1, Sample::Content(secs(8)));
    let p95 = bench.latency.p95(CALL).expect("twenty samples");
    assert!((7.0..10.3).contains(&p95.as_secs_f64()), "{p95:?}");
    assert_eq!(bench.limit(), p95 * 3);
}

#[test]
fn the_limit_is_ten_seconds_at_least_and_ten_minutes_at_most() {
    let mut bench = Bench::new();
    bench.record(100, Sample::Content(millis(40)));
    assert_eq!(bench.limit(), secs(10));
    bench.record(2000, Sample::Content(secs(500)));
    assert_eq!(bench.limit(), secs(600));
}

#[test]
fn each_size_and_effort_has_a_limit_of_its_own() {
    let mut bench = Bench::new();
    bench.record(50, Sample::Content(millis(40)));
    assert_eq!(bench.limit(), secs(10));
    for other in [
        CallClass::of(50_000, Effort::None, true),
        CallClass::of(500, Effort::High, true),
    ] {
        assert_eq!(
            bench.latency.first_content_limit(other, secs(120)),
            secs(120)
        );
    }
    let indexes: std::collections::HashSet<_> = [0, 1_000, 8_000, 32_000, 128_000]
        .into_iter()
        .flat_map(|tokens| {
            ["none", "minimal", "low", "medium", "high"].map(|name| (tokens, Effort::named(name)))
        })
        .flat_map(|(tokens, effort)| {
            [true, false].map(|streaming| CallClass::of(tokens, effort, streaming).index())
        })
        .collect();
    assert_eq!(indexes.len(), CallClass::COUNT);
    assert!(indexes.into_iter().max() < Some(CallClass::COUNT));
}

#[test]
fn time_outs_do_not_prove_the_limit_that_caused_them() {
    let mut bench = Bench::new();
    bench.record(100, Sample::Content(secs(1)));
    assert_eq!(bench.limit(), secs(10));
    // One in ten takes longer than that now, and nobody knows how long.
    for _ in 0..20 {
        bench.record(9, Sample::Content(secs(1)));
        bench.record(1, Sample::TimedOut(bench.limit()));
    }
    assert_eq!(bench.latency.p95(CALL), None);
    assert_eq!(
        bench.limit(),
        secs(120),
        "no longer than an operator has said either"
    );
    bench.record(1000, Sample::Content(secs(1)));
    assert_eq!(bench.limit(), secs(10));
}

#[test]
fn a_black_hole_keeps_the_fixed_limit() {
    let mut bench = Bench::new();
    for _ in 0..200 {
        bench.record(1, Sample::TimedOut(bench.limit()));
    }
    assert_eq!(bench.limit(), secs(120));
}

#[test]
fn callers_who_leave_before_content_do_not_shorten_the_limit() {
    let mut bench = Bench::new();
    bench.record(50, Sample::Left(secs(2)));
    assert_eq!(bench.limit(), secs(120));
    bench.record(150, Sample::Content(secs(20)));
    assert!(bench.limit() > secs(50), "{:?}", bench.limit());
}

#[test]
fn a_target_takes_kibibytes_whatever_it_has_seen() {
    let classes = CallClass::COUNT * (size_of::<Histogram>() + 16);
    assert!(size_of::<Latency>() + classes <= 16 * 1024);
}
