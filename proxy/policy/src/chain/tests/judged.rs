//! Replies that policies judge before they are sent.

use super::*;
use crate::{AttemptReply, Judgement};

fn reply(ended: bool) -> Arc<AttemptReply> {
    Arc::new(AttemptReply {
        target: "a/m".into(),
        status: 200,
        streaming: true,
        ended,
        finish: None,
    })
}

async fn judge(run: &mut Run, ended: bool, text: &str) -> String {
    let deltas = [
        delta(Place::Reasoning, "thought"),
        delta(Place::Assistant, text),
    ];
    match run.on_attempt(&reply(ended), &deltas).await {
        Ok(Judgement::Rejected(policy, code)) => format!("{} {code}", policy.name),
        Ok(other) => format!("{other:?}"),
        Err(stop) => format!("{stop:?}"),
    }
}

#[tokio::test]
async fn whoever_holds_a_reply_is_shown_its_own_places_until_it_has_decided() {
    let (chain, events) = chain(&[
        ("a", Does::HoldsReplies, Effect::Block),
        ("b", Does::Signs, Effect::Block),
    ]);
    let mut run = run(&chain);
    assert!(!run.judges() && run.begin_attempt().is_none());
    run.on_request(call(), None).await.unwrap();
    events.0.lock().clear();
    assert!(run.judges());
    assert_eq!(
        run.begin_attempt(),
        Some(Places::NONE.with(Place::Assistant))
    );
    assert_eq!(judge(&mut run, false, " ").await, "Waiting");
    assert_eq!(judge(&mut run, false, "x").await, "Accepted");
    // It has accepted the reply, and is not called for it again.
    assert_eq!(judge(&mut run, true, "").await, "Accepted");
    assert_eq!(
        *events.0.lock(),
        ["a attempt forwarded", "a attempt forwarded"]
    );
    let (_, _, activity, _) = run.activities().next().unwrap();
    assert_eq!((activity.reply.texts, activity.reply.bytes), (2, 2));
}

#[tokio::test]
async fn a_rejected_reply_is_a_failure_and_the_next_one_is_judged_anew() {
    let (chain, _) = chain(&[
        ("a", Does::HoldsReplies, Effect::Block),
        ("b", Does::HoldsReplies, Effect::Block),
    ]);
    let mut run = run(&chain);
    run.on_request(call(), None).await.unwrap();
    run.begin_attempt();
    assert_eq!(judge(&mut run, true, "").await, "b empty");
    let verdicts = run.verdicts().map(|(_, verdict, _)| verdict);
    assert!(verdicts.eq([Verdict::Edited, Verdict::Rejected]));
    run.begin_attempt();
    assert_eq!(judge(&mut run, true, "x").await, "Accepted");
}

#[tokio::test]
async fn a_policy_whose_edits_were_undone_holds_no_reply() {
    let (chain, _) = chain(&[("a", Does::TrapsAfterEdit, Effect::Skip)]);
    let mut run = run(&chain);
    let mut call = call();
    call.claims.hold_reply = Some(Places::ALL);
    run.on_request(call, None).await.unwrap();
    assert!(!run.judges());
}
