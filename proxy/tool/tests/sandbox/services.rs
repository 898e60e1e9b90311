//! The services behind `values` and `fetch`.

use bytes::Bytes;
use sandbox::capabilities::{
    Work,
    fetch::{self, Fetch},
    values::{Answer, Values},
};

use super::*;

/// Counts at once; everything else never ends.
struct Services;

fn never<'a, T: 'a>() -> Work<'a, T>
where
    std::future::Pending<T>: Send,
{
    Work::later(std::future::pending())
}

impl Values for Services {
    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, Option<Bytes>> {
        never()
    }
    fn set<'a>(&'a self, _: &'a str, _: &'a str, _: Bytes, _: Duration) -> Answer<'a, ()> {
        never()
    }
    fn delete<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, ()> {
        never()
    }
    fn increment<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Duration,
    ) -> Answer<'a, i64> {
        assert_eq!((space, key, ttl), ("unruly", "n", Duration::ZERO));
        Work::now(Ok(40 + by))
    }
    fn compare_and_set<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Option<&'a [u8]>,
        _: Bytes,
        _: Duration,
    ) -> Answer<'a, bool> {
        never()
    }
}

impl Fetch for Services {
    fn send<'a>(
        &'a self,
        _: fetch::Call,
        _: &'a [String],
    ) -> Work<'a, Result<fetch::Answer, fetch::Error>> {
        never()
    }
}

#[tokio::test]
async fn values_answer_at_once_and_a_fetch_that_never_ends_is_out_of_wall_time() {
    let host = Host {
        values: Arc::new(Services),
        fetch: Arc::new(Services),
        ..host()
    };
    let loader = Loader::new(Options::default(), None, Compiler::InProcess, host).unwrap();
    let load = |how: &str, host: &str| {
        let mut source = source(&format!(r#"{{"request":"{how}"}}"#));
        source.limits.wall = Duration::from_millis(60);
        source.grants = Grants::default().with(&VALUES).with_hosts(&FETCH, [host]);
        loader.load(source).unwrap()
    };
    let (call, outcome) = ask(&load("values", "granted.example"), "hi").await;
    assert!(outcome.is_ok());
    assert_eq!(call.tag("values"), Some("Ok(42)"));

    let (call, outcome) = ask(&load("fetch", "other.example"), "hi").await;
    assert!(outcome.is_ok());
    assert!(call.tag("fetch").unwrap().contains("Denied"));

    let policy = load("fetch", "granted.example");
    let started = tokio::time::Instant::now();
    let fault = ask(&policy, "hi").await.1.err();
    let took = started.elapsed();
    assert_eq!(fault, Some(Fault::WallTime));
    assert!((55..400).contains(&took.as_millis()), "{took:?}");
}
