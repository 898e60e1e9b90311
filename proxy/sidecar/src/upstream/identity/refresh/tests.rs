use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use tokio::time::{advance, sleep};

use super::*;

/// A source that takes a second, counts its fetches, and fails where it is set to.
struct Source {
    fetches: AtomicUsize,
    fails: std::sync::atomic::AtomicBool,
    life: Duration,
}

fn identity(life: u64) -> (Arc<Source>, Arc<Identity>) {
    let source = Arc::new(Source {
        fetches: AtomicUsize::new(0),
        fails: false.into(),
        life: Duration::from_secs(life),
    });
    let of = Arc::clone(&source);
    let issue = move || -> Issuing {
        let source = Arc::clone(&of);
        Box::pin(async move {
            let number = source.fetches.fetch_add(1, SeqCst);
            sleep(Duration::from_secs(1)).await;
            if source.fails.load(SeqCst) {
                return Err(("asking", Cause::Expired));
            }
            let issued = Issued::bearer(&format!("t{number}")).map_err(|cause| ("asking", cause));
            Ok(issued?.living(source.life))
        })
    };
    (source, Arc::new(Identity::new("test", None, issue)))
}

fn token(credential: &Credential) -> String {
    let mut head = http::Request::get("https://a.example/")
        .body(())
        .unwrap()
        .into_parts()
        .0;
    credential.apply(&mut head, b"", 0).unwrap();
    head.headers["authorization"]
        .to_str()
        .unwrap()
        .replace("Bearer ", "")
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_wait_for_one_fetch() {
    let (source, identity) = identity(3600);
    assert!(identity.try_current().is_none());
    let waiting = (0..50).map(|_| identity.credential());
    for found in futures_util::future::join_all(waiting).await {
        assert_eq!(token(&found.unwrap()), "t0");
    }
    assert_eq!(token(&identity.try_current().unwrap()), "t0");
    assert_eq!(source.fetches.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_ends_no_fetch_that_others_wait_for() {
    let (source, identity) = identity(3600);
    let left = timeout(Duration::from_millis(500), identity.credential()).await;
    assert!(left.is_err());
    assert_eq!(token(&identity.credential().await.unwrap()), "t0");
    assert_eq!(source.fetches.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_credential_is_renewed_ahead_of_its_end_beside_requests() {
    let (source, identity) = identity(600);
    identity.credential().await.unwrap();
    advance(Duration::from_secs(479)).await;
    identity.try_current().unwrap();
    assert_eq!(source.fetches.load(SeqCst), 1);
    advance(Duration::from_secs(1)).await;
    for _ in 0..10 {
        assert_eq!(token(&identity.credential().await.unwrap()), "t0");
    }
    sleep(Duration::from_secs(2)).await;
    assert_eq!(token(&identity.try_current().unwrap()), "t1");
    assert_eq!(source.fetches.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn the_old_one_serves_until_its_end_while_its_renewal_fails() {
    let (source, identity) = identity(600);
    identity.credential().await.unwrap();
    source.fails.store(true, SeqCst);
    advance(Duration::from_secs(480)).await;
    for _ in 0..1090 {
        assert_eq!(token(&identity.credential().await.unwrap()), "t0");
        sleep(Duration::from_millis(100)).await;
    }
    let fetches = source.fetches.load(SeqCst);
    assert!((5..=8).contains(&fetches), "{fetches} fetches in 109 s");
    sleep(Duration::from_secs(2)).await;
    let failure = identity.credential().await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "no credential from `test`: asking: what came has expired"
    );
    assert!(identity.try_current().is_none());
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_nothing_is_fetched_for_a_growing_while() {
    let (source, identity) = identity(600);
    source.fails.store(true, SeqCst);
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        let before = source.fetches.load(SeqCst);
        identity.credential().await.unwrap_err();
        assert_eq!(source.fetches.load(SeqCst), before + 1);
        let begun = Instant::now();
        identity.credential().await.unwrap_err();
        assert!(begun.elapsed().is_zero(), "it waited");
        advance(Duration::from_millis(pause * 1000 - 1)).await;
        identity.credential().await.unwrap_err();
        assert_eq!(source.fetches.load(SeqCst), before + 1, "after {pause} s");
        advance(Duration::from_millis(1)).await;
    }
    source.fails.store(false, SeqCst);
    identity.credential().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_fetch_without_end_is_a_failure_in_time() {
    let never = || -> Issuing { Box::pin(std::future::pending()) };
    let identity = Arc::new(Identity::new("test", None, never));
    let begun = Instant::now();
    let failure = identity.credential().await.unwrap_err();
    assert_eq!(
        (failure.cause, begun.elapsed()),
        (Cause::Timeout(FETCH_TIME), FETCH_TIME)
    );
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_went_with_its_worker_is_made_by_the_next() {
    let (source, identity) = identity(600);
    let lost = Arc::clone(&identity);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let short = timeout(Duration::from_millis(10), lost.credential());
            assert!(short.await.is_err());
        });
    })
    .join()
    .unwrap();
    identity.credential().await.unwrap();
    assert_eq!(source.fetches.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_issued_for_no_time_at_all_is_no_credential() {
    let (_, identity) = identity(9);
    let failure = identity.credential().await.unwrap_err();
    assert_eq!(failure.cause, Cause::Expired);
}
