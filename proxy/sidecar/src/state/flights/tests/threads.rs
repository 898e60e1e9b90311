//! Flights over several runtimes.

use std::{sync::mpsc, thread};

use tokio::time::sleep;

use super::*;

#[test]
fn readers_on_other_threads_get_an_error_when_the_leaders_runtime_stops() {
    let flights = Flights::default();
    let leader = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (upstream, reply) = reply();
    let (_own, _recording) = leader.block_on(async { lead(&flights).share_reply(reply) });
    let (sender, heard) = mpsc::channel();
    let role = follow(&flights);
    let reader = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut body = joined(role).await;
            sender.send(()).unwrap();
            body.frame().await.unwrap().unwrap_err()
        })
    });
    heard.recv().unwrap();
    drop(leader);
    assert!(matches!(reader.join().unwrap(), Broken::Stopped));
    drop(upstream);
}

#[test]
fn readers_on_many_threads_see_the_same_bytes() {
    const THREADS: usize = 4;
    const EACH: usize = 250;
    const EVENTS: usize = 100;
    let flights = Flights::default();
    let lead = lead(&flights);
    let begun = std::sync::Arc::new(std::sync::Barrier::new(THREADS + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (flights, begun) = (flights.clone(), Arc::clone(&begun));
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build();
                runtime.unwrap().block_on(async {
                    let mut readers = JoinSet::new();
                    for _ in 0..EACH {
                        readers.spawn(follow(&flights).joined());
                    }
                    settle().await;
                    begun.wait();
                    let mut bodies = JoinSet::new();
                    for joined in readers.join_all().await {
                        let Joined::Reply(reply) = joined else {
                            panic!("no reply");
                        };
                        bodies.spawn(all_of(reply.into_body()));
                    }
                    bodies.join_all().await
                })
            })
        })
        .collect();
    begun.wait();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let sent = runtime.unwrap().block_on(async {
        let (mut upstream, reply) = reply();
        let (own, _recording) = lead.share_reply(reply);
        let own = tokio::spawn(all_of(own.into_body()));
        let mut sent = Vec::new();
        for number in 0..EVENTS {
            let event = format!("data: {number}\n\n");
            sent.extend_from_slice(event.as_bytes());
            upstream.send_data(event.into()).await.unwrap();
            if number % 10 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        drop(upstream);
        assert_eq!(own.await.unwrap(), sent);
        sent
    });
    let bodies: Vec<_> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(bodies.len(), THREADS * EACH);
    assert!(bodies.iter().all(|body| *body == sent));
    assert!(flights.is_empty());
}
