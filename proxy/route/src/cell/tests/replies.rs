//! Replies that fail after their first content, and long ones.

use super::*;

#[test]
fn five_replies_that_each_fail_after_their_first_content_open_it() {
    let mut bench = Bench::new();
    for _ in 0..4 {
        assert_eq!(bench.reply(Outcome::Failure), None);
        bench.wait(secs(20));
    }
    assert!(bench.reply(Outcome::Failure).is_some());
}

#[test]
fn replies_that_end_well_and_that_fail_by_turns_do_not_open_it() {
    for well in [Outcome::Success, Outcome::Nothing] {
        let mut bench = Bench::new();
        for outcome in [well, Outcome::Failure].repeat(50) {
            assert_eq!(bench.reply(outcome), None);
        }
    }
}

#[test]
fn a_reply_that_fails_is_one_outcome_of_the_share() {
    let failing = |ends: fn(&mut Bench, Outcome) -> Option<Change>| {
        let mut bench = Bench::new();
        let mut outcomes = [Outcome::Success, Outcome::Failure].repeat(20);
        outcomes.extend([Outcome::Failure, Outcome::Success].repeat(20));
        let changes = outcomes.iter().map(|outcome| ends(&mut bench, *outcome));
        changes.take_while(Option::is_none).count()
    };
    let at_once = failing(Bench::attempt);
    assert_eq!(at_once, 40, "21 of 41 failed");
    assert_eq!(failing(Bench::reply), at_once);
}

#[test]
fn what_first_content_counted_is_taken_back_from_where_it_was_counted() {
    let mut bench = Bench::new();
    let old = bench.begin();
    bench.wait(secs(12));
    let later = bench.begin();
    let sums = |bench: &Bench| {
        let sums = bench.cell.window.sums();
        (sums.successes, sums.failures)
    };
    assert_eq!(sums(&bench), (2, 0));
    bench.wait(secs(20));
    assert_eq!(bench.leave(old, Outcome::Failure), None);
    assert_eq!(sums(&bench), (1, 1), "its own had passed");
    assert_eq!(bench.leave(later, Outcome::Failure), None);
    assert_eq!(sums(&bench), (0, 2));
    bench.wait(secs(60));
    let last = bench.begin();
    assert_eq!(sums(&bench), (1, 0));
    bench.leave(last, Outcome::Success);
    assert_eq!(sums(&bench), (1, 0));
}

#[test]
fn long_replies_that_go_on_are_not_taken_for_none_that_works() {
    let mut bench = Bench::new();
    let mut begun = Vec::new();
    for _ in 0..20 {
        begun.extend((0..9).map(|_| bench.begin()));
        assert_eq!(bench.attempt(Outcome::Failure), None, "one of ten");
        bench.wait(secs(1));
    }
    leave_all(&mut bench, &begun, Outcome::Success);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn replies_that_all_fail_late_open_it_though_others_have_begun() {
    let mut bench = Bench::new();
    let mut begun = std::collections::VecDeque::new();
    let opened = (0..120).any(|second| {
        begun.push_back(bench.begin());
        let oldest = (second >= 60).then(|| begun.pop_front()).flatten();
        bench.wait(secs(1));
        oldest.is_some_and(|permit| bench.leave(permit, Outcome::Failure).is_some())
    });
    assert!(opened);
}

#[test]
fn a_reply_of_before_a_reset_shows_nothing_after_it() {
    let mut bench = Bench::new();
    bench.fail(5);
    bench.wait_until_half_open();
    let probe = bench.enter();
    bench.cell.reset();
    assert_eq!(bench.cell.commit(probe, LEASE, bench.now), None);
    bench.leave(probe, Outcome::Failure);
    bench.fail(4);
    assert_eq!(bench.state(), State::Closed);
}
