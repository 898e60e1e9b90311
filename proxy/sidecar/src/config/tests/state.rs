//! `state:`.

use std::time::Duration;

use super::{mistakes, parse};
use crate::config::{Degrade, State, StateMemory};

#[test]
fn state_is_in_memory_unless_redis_is_named() {
    assert_eq!(parse("").unwrap().state, State::default());
    let memory =
        parse("state: { memory: { values: 1MiB, replies: 2GiB, vectors: 3MiB, buckets: 64KiB } }")
            .unwrap();
    assert_eq!(memory.state.redis, None);
    assert_eq!(
        memory.state.memory,
        StateMemory {
            values: 1 << 20,
            replies: 2 << 30,
            vectors: 3 << 20,
            buckets: 64 << 10
        }
    );
    let shared = parse("state: { redis: \"redis://redis:6379\" }")
        .unwrap()
        .state;
    let redis = shared.redis.unwrap();
    assert_eq!(redis.nodes, [("redis".to_owned(), 6379)]);
    assert_eq!(
        (redis.cluster, redis.tls, redis.database),
        (false, false, 0)
    );
    assert_eq!(
        (shared.timeout, shared.degrade),
        (Duration::from_millis(5), Degrade::Share)
    );
}

#[test]
fn redis_is_found_by_every_spelling_of_its_address() {
    let redis = |yaml: &str| {
        parse(&format!("state: {{ redis: {yaml} }}"))
            .unwrap()
            .state
            .redis
            .unwrap()
    };
    let one = redis("'rediss://app:p%40ss%2Fword@[::1]:7000/5'");
    assert_eq!(one.nodes, [("::1".to_owned(), 7000)]);
    assert_eq!(
        (one.tls, one.database, one.user.as_deref()),
        (true, 5, Some("app"))
    );
    assert_eq!(one.password.unwrap().reveal(), "p@ss/word");

    let one = redis("'redis+cluster://:${CANARY}@a'");
    assert!(one.cluster && !one.tls && one.user.is_none());
    assert_eq!(
        one.password.as_ref().unwrap().reveal(),
        "sk-canary-elsewhere"
    );
    assert!(!format!("{one:?}").contains("canary"));

    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"from a file\n").unwrap();
    let path = file.path().display();
    let yaml = format!(
        "{{ url: ['valkey://a:1', 'valkey://b:2'], user: u, password: 'file:{path}', prefix: 'mine:' }}"
    );
    let several = redis(&yaml);
    assert!(several.cluster);
    assert_eq!(several.nodes, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert_eq!(several.password.unwrap().reveal(), "from a file");
    assert_eq!(
        (several.user.as_deref(), several.prefix.as_str()),
        (Some("u"), "mine:")
    );
    // A password that may be absent.
    let none = redis("{ url: 'redis://r', user: u, password: '${NO_SUCH:-}' }");
    assert_eq!(none.password, None);
}

#[test]
fn each_mistake_in_the_state_is_reported() {
    mistakes(
        r#"
            state: {}\nstate: {} => duplicate field `state`
            state: => state | leave the key out
            state: { rediss: x } => state | unknown field `rediss` | `redis`
            state: { redis: [a] } => state | `redis://host:6379`
            state:\n  redis: { user: a } => t.yaml:2:10 | state.redis | missing field `url`
            state: { redis: { url: redis://r, passwort: x } }
                => unknown field `passwort` | `password`
            state: { redis: r:6379 }
                => t.yaml:1:17: state.redis | no address of Redis | redis://redis:6379
            state: { redis: 'http://r' } => state.redis | begins with none of
            state: { redis: 'redis://' } => state.redis | no host and port
            state: { redis: 'redis://r:x' } => state.redis | no host and port
            state: { redis: 'redis://r:' } => state.redis | no host and port
            state: { redis: 'redis://r/x' } => state.redis | no database's number
            state: { redis: 'redis://:%zz@r' } => state.redis | broken `%` escape
            state: { redis: 'redis://:${CANARY}@r:x' } => state.redis | no host and port
            state: { redis: 'redis+cluster://r/3' } => state.redis | names a database
            state: { redis: { url: [] } } => state.redis.url | names no address
            state: { redis: { url: ['redis://a', 'rediss://b'] } }
                => t.yaml:1:38: state.redis.url[1] | differs from the first
            state: { redis: { url: 'redis://:a@r', password: b } }
                => state.redis | credentials in its address and beside it
            state: { redis: { url: 'redis://r', password: '${EMPTY}' } }
                => state.redis.password | is empty
            state: { redis: { url: 'redis://r', password: 'file:/no/such' } }
                => state.redis.password | does not exist
            state: { redis: { url: 'redis://r', user: a } }
                => state.redis.user | no effect without `password`
            state: { redis: { url: 'rediss://r', roots: /no/such } }
                => state.redis.roots | does not exist
            state: { redis: { url: 'redis://r', prefix: 'a b' } } => state.redis.prefix | `a b`
            state: { timeout: 5ms } => t.yaml:1:19: state.timeout | no effect without `state.redis`
            state: { degrade: block } => state.degrade | no effect
            state: { reservation_lapse: 1m } => state.reservation_lapse | no effect
            state: { redis: 'redis://r', degrade: open }
                => state.degrade | `share`, `block` and `skip`
            state: { redis: 'redis://r', degrade: block, replicas: 4 }
                => state.replicas | no effect without `degrade: share`
            state: { redis: 'redis://r', replicas: 0 }
                => state.replicas | `0` is not a number of replicas
            state: { redis: 'redis://r', timeout: 0ms } => state.timeout | more than nothing
            state: { redis: 'redis://r', timeout: 2s } => state.timeout | longer than the 1s
            state: { redis: 'redis://r', reservation_lapse: 10ms }
                => state.reservation_lapse | shorter than any exchange
            state: { memory: { values: 64MB } } => state.memory.values | `64MB` is not a size
            state: { memory: { replies: 1KiB } } => state.memory.replies | `64KiB` or more
            state: { memory: { vectors: 1KiB } } => state.memory.vectors | `64KiB` or more
        "#,
    );
}
