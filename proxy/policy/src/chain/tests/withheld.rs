//! Text that a policy withholds from a reply.

use super::*;

#[tokio::test]
async fn withheld_text_is_given_out_in_order_where_the_policy_may_be_skipped() {
    let (chain, _) = chain(&[("a", Does::Swallows, Effect::Skip)]);
    let mut run = run(&chain);
    let mut reads = Vec::new();
    for text in ["0123", "4567", "89ab", "cdef"] {
        let edits = show(&mut run, text).await.unwrap();
        let edit = edits.into_iter().next().flatten();
        reads.push(edit.unwrap_or_else(|| text.to_owned()));
    }
    assert_eq!(reads, ["", "", "0123456789ab", "cdef"]);
}

#[tokio::test]
async fn withheld_text_of_a_channel_waits_for_that_channels_next_text() {
    let (chain, _) = chain(&[("a", Does::Swallows, Effect::Skip)]);
    let mut run = run(&chain);
    let on = |channel, text: &str| Delta {
        channel,
        ..delta(Place::Assistant, text)
    };
    run.on_reply(&head(), vec![on(1, "one")]).await.unwrap();
    let edits = run
        .on_reply(&head(), vec![on(2, "two, and too long")])
        .await
        .unwrap();
    assert_eq!(edits, [Some("two, and too long".to_owned())]);
    let edits = run.on_reply(&head(), vec![on(1, ".")]).await.unwrap();
    assert_eq!(edits, [Some("one.".to_owned())]);
}

#[tokio::test]
async fn withheld_text_over_its_bound_is_a_fault() {
    let (chain, _) = chain(&[("a", Does::Swallows, Effect::Block)]);
    let mut run = run(&chain);
    let stop = show(&mut run, "0123456789abcdefghijklmnop").await;
    assert!(matches!(stop, Err(Stop::Failed(_, Fault::HeldTooMuch))));
}

thread_local! {
    static AHEAD: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) };
}

#[tokio::test]
async fn text_withheld_for_as_long_as_it_may_goes_up_the_rest_of_the_chain_without_waiting_for_more()
 {
    for on_error in [Effect::Skip, Effect::Block] {
        AHEAD.set(Duration::ZERO);
        let (chain, events) = chain(&[
            ("above", Does::Signs, Effect::Block),
            ("holder", Does::Swallows, on_error),
        ]);
        let mut run = Run::new(&chain, || Instant::now() + AHEAD.get());
        assert_eq!(run.hold_until(), None);
        let head = head();
        show(&mut run, "text").await.unwrap();
        assert!(run.hold_until().is_some());
        assert!(run.overdue(&head).await.unwrap().is_empty(), "not yet");
        AHEAD.set(Duration::from_secs(11));
        let late = run.overdue(&head).await.unwrap();
        assert_eq!(late, [(2, "textabove".to_owned())]);
        assert_eq!(run.hold_until(), None);
        let again = run.overdue(&head).await.unwrap();
        assert!(again.is_empty(), "each text is given out once");
        let events = events.0.lock();
        let released = events
            .iter()
            .filter(|line| **line == "holder reply held_released");
        assert_eq!(released.count(), 1, "{events:?}");
        assert_eq!(chain.policies()[1].faults.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_policy_whose_withheld_text_went_out_is_called_on_and_sends_it_no_second_time() {
    AHEAD.set(Duration::ZERO);
    let (chain, _) = chain(&[("holder", Does::Lags, Effect::Block)]);
    let mut run = Run::new(&chain, || Instant::now() + AHEAD.get());
    let head = head();
    let mut sent = String::new();
    for text in ["one ", "two ", "three"] {
        sent += &show(&mut run, text).await.unwrap()[0].clone().unwrap();
        if text == "two " {
            AHEAD.set(Duration::from_secs(11));
            let late = run.overdue(&head).await.unwrap();
            assert_eq!(late, [(2, "two ".to_owned())]);
            sent += &late[0].1;
        }
    }
    let last = Delta {
        last: true,
        ..delta(Place::Assistant, "")
    };
    sent += &run.on_reply(&head, vec![last]).await.unwrap()[0]
        .clone()
        .unwrap();
    assert_eq!(sent, "one two three");
}
