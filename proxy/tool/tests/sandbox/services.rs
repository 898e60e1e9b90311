//! The services behind `values` and `fetch`.

use outrigger::sandbox::capabilities::{
    Work,
    fetch::{Fetch, FetchAnswer, FetchCall, FetchError},
    values::{Values, ValuesError},
};
use outrigger::state::{Stores, flights::Flights};

use super::*;

/// Counts at once; everything else never ends.
struct Services;

impl Values for Services {
    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> Work<'a, Result<Option<Vec<u8>>, ValuesError>> {
        Box::pin(std::future::pending())
    }
    fn set<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Vec<u8>,
        _: Option<Duration>,
    ) -> Work<'a, Result<(), ValuesError>> {
        Box::pin(std::future::pending())
    }
    fn delete<'a>(&'a self, _: &'a str, _: &'a str) -> Work<'a, Result<(), ValuesError>> {
        Box::pin(std::future::pending())
    }
    fn increment<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        by: i64,
        ttl: Option<Duration>,
    ) -> Work<'a, Result<i64, ValuesError>> {
        assert_eq!((namespace, key, ttl), ("unruly", "n", None));
        Box::pin(std::future::ready(Ok(40 + by)))
    }
    fn compare_and_set<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Option<Vec<u8>>,
        _: Vec<u8>,
        _: Option<Duration>,
    ) -> Work<'a, Result<bool, ValuesError>> {
        Box::pin(std::future::pending())
    }
}

impl Fetch for Services {
    fn send<'a>(
        &'a self,
        _: FetchCall,
        _: &'a [String],
    ) -> Work<'a, Result<FetchAnswer, FetchError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn values_answer_at_once_and_a_fetch_that_never_ends_is_out_of_wall_time() {
    let host = Host {
        stores: Stores::in_memory(),
        flights: Flights::default(),
        values: Arc::new(Services),
        fetch: Arc::new(Services),
    };
    let loader = Loader::new(Options::default(), None, Compiler::InProcess, host).unwrap();
    let load = |how: &str, host: &str| {
        let mut source = source(&format!(r#"{{"request":"{how}"}}"#));
        source.limits.wall = Duration::from_millis(60);
        source.grants.fetch = vec![host.into()];
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
