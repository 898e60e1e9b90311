//! Leaders that fail or leave, and who follows them.

use std::error::Error as _;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_leader_that_leaves_after_the_head_is_not_missed() {
    let flights = Flights::default();
    let lead = lead(&flights);
    let role = follow(&flights);
    let (mut upstream, reply) = reply();
    let (own, recording) = lead.share_reply(reply);
    let mut own = own.into_body();
    let mut other = joined(role).await;
    say(&mut upstream, "first ").await;
    assert_eq!(next(&mut own).await, "first ");
    drop(own);
    let read = tokio::spawn(async move {
        assert_eq!(next(&mut other).await, "first ");
        all(other).await
    });
    say(&mut upstream, "second").await;
    drop(upstream);
    assert_eq!(read.await.unwrap().unwrap(), "second");
    assert_eq!(recording.await.unwrap().body(), "first second");
}

#[tokio::test(start_paused = true)]
async fn of_those_who_wait_for_a_leader_that_left_one_leads_and_the_others_follow_it() {
    for explicitly in [false, true] {
        let flights = Flights::default();
        let first = lead(&flights);
        let mut waiting = JoinSet::new();
        for _ in 0..50 {
            waiting.spawn(follow(&flights).joined());
        }
        settle().await;
        match explicitly {
            true => first.failed(),
            false => drop(first),
        }
        let Joined::Lead(second) = waiting.join_next().await.unwrap().unwrap() else {
            panic!("somebody must lead");
        };
        settle().await;
        assert!(waiting.try_join_next().is_none(), "the others wait on");
        let newcomer = follow(&flights);
        let (mut upstream, reply) = reply();
        let (own, _recording) = second.share_reply(reply);
        let mut bodies = vec![own.into_body(), joined(newcomer).await];
        for joined in waiting.join_all().await {
            let Joined::Reply(reply) = joined else {
                panic!("no reply of the second leader");
            };
            bodies.push(reply.into_body());
        }
        assert_eq!(bodies.len(), 51);
        say(&mut upstream, "hello").await;
        drop(upstream);
        for body in bodies {
            assert_eq!(all(body).await.unwrap(), "hello");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_down_is_not_tried_by_everybody_in_turn() {
    let flights = Flights::default();
    let first = lead(&flights);
    let mut waiting = JoinSet::new();
    for _ in 0..1000 {
        waiting.spawn(follow(&flights).joined());
    }
    settle().await;
    first.failed();
    let Joined::Lead(second) = waiting.join_next().await.unwrap().unwrap() else {
        panic!("somebody must lead");
    };
    second.failed();
    let rest = waiting.join_all().await;
    assert_eq!(rest.len(), 999);
    assert!(rest.iter().all(|joined| matches!(joined, Joined::Alone)));
    drop(lead(&flights));
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_was_offered_the_lead_and_leaves_passes_it_on() {
    let flights = Flights::default();
    let first = lead(&flights);
    let mut unpolled = Box::pin(follow(&flights).joined());
    assert!(timeout(Duration::ZERO, &mut unpolled).await.is_err());
    let other = tokio::spawn(follow(&flights).joined());
    settle().await;
    drop(first);
    drop(unpolled);
    assert!(matches!(other.await.unwrap(), Joined::Lead(_)));
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_may_take_the_lead_that_nobody_has_and_those_who_wait_follow_it() {
    let flights = Flights::default();
    let first = lead(&flights);
    let role = follow(&flights);
    drop(first);
    let second = lead(&flights);
    let (upstream, reply) = reply();
    let (own, _recording) = second.share_reply(reply);
    let other = joined(role).await;
    drop(upstream);
    assert_eq!(all(own.into_body()).await.unwrap(), "");
    assert_eq!(all(other).await.unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_breaks_off_breaks_all_readers_and_no_one_joins() {
    let flights = Flights::default();
    let lead = lead(&flights);
    let (role, sleeper) = (follow(&flights), follow(&flights));
    let (mut upstream, reply) = reply();
    let (own, recording) = lead.share_reply(reply);
    let other = joined(role).await;
    say(&mut upstream, "half").await;
    settle().await;
    upstream.abort(io::Error::other("reset"));
    for mut body in [own.into_body(), other] {
        assert_eq!(next(&mut body).await, "half");
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(matches!(error, Broken::Upstream(_)));
        assert_eq!(error.source().unwrap().to_string(), "reset");
        assert!(body.frame().await.is_none());
    }
    assert!(recording.await.is_err());
    drop(super::lead(&flights));
    // Followers to whom nothing was sent yet go on as if there had been no leader.
    assert!(matches!(sleeper.joined().await, Joined::Alone));
    assert!(flights.is_empty());
}
