//! Texts that are cached, joined or sent.

use super::*;

#[tokio::test]
async fn a_text_is_embedded_once_and_those_of_a_call_in_one_request() {
    let (embedder, client) = embedder("timeout: 1s");
    let first = embed(&embedder, "once", &["a", "bcd", "a"]).await.unwrap();
    assert_eq!(first[0], first[2]);
    assert!(first[0] < first[1]);
    let again = embed(&embedder, "once", &["bcd"]).await.unwrap();
    assert_eq!(again, [first[1]]);
    embed(&embedder, "once", &["a", "new"]).await.unwrap();
    assert_eq!(client.seen(), [vec!["a", "bcd"], vec!["new"]]);
    let expected = [("embedded", 3), ("hit", 2), ("joined", 1)];
    assert_eq!(counted("once"), counts(&expected));

    let head = &client.0.heads.lock()[0];
    assert_eq!(head.uri, "http://127.0.0.1:9/v1/embeddings");
    assert_eq!(head.headers["authorization"], "Bearer k");
    assert_eq!(head.headers["content-type"], "application/json");
}

#[tokio::test]
async fn what_is_cached_is_there_at_once() {
    let (embedder, _) = embedder("timeout: 1s");
    embed(&embedder, "at-once", &["a"]).await.unwrap();
    let work = embedder.embed("at-once", vec!["a".to_owned()]);
    assert!(matches!(work, Work::Now(_)));
}

#[tokio::test(start_paused = true)]
async fn calls_that_want_a_text_at_the_same_time_share_its_request() {
    let (embedder, client) = embedder("timeout: 1s");
    client.then(Act::After(Duration::from_millis(500)));
    let calls = (0..50).map(|_| {
        let embedder = embedder.clone();
        tokio::spawn(async move { embed(&embedder, "shared", &["a"]).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(client.seen(), [["a"]]);
    let expected = [("embedded", 1), ("joined", 49)];
    assert_eq!(counted("shared"), counts(&expected));
    assert!(embedder.0.pending.is_empty());
}

#[tokio::test]
async fn the_cache_is_bounded_in_bytes() {
    let (embedder, client) = embedder("timeout: 1s, cache: 16KiB");
    for n in 0..200 {
        client.then(Act::Long(256));
        embed(&embedder, "bounded", &[&n.to_string()])
            .await
            .unwrap();
    }
    let service = embedder.0.service.load_full().unwrap();
    let left = (0..200).filter(|n: &u32| {
        let key = service.key(&n.to_string());
        service.cache.get(&key).is_some()
    });
    let left = left.count();
    assert!((4..=14).contains(&left), "{left} of 1184 bytes each");
}

#[tokio::test]
async fn vectors_of_another_model_length_or_server_are_not_mixed_with_those_before() {
    let (embedder, client) = embedder("timeout: 1s");
    embed(&embedder, "reload", &["a"]).await.unwrap();
    embedder.follow(&config("timeout: 2s"));
    embed(&embedder, "reload", &["a"]).await.unwrap();
    assert_eq!(client.seen().len(), 1, "the same embedder");

    let other_model = YAML.replace("local/m, MORE", "local/n");
    let other_server = YAML.replace(":9/v1", ":8/v1").replace(", MORE", "");
    for (n, yaml) in [&other_model, &other_server].into_iter().enumerate() {
        embedder.follow(&read(yaml));
        embed(&embedder, "reload", &["a"]).await.unwrap();
        assert_eq!(client.seen().len(), 2 + n, "{yaml}");
    }
    embedder.follow(&config("dimensions: 3"));
    client.then(Act::Long(3));
    embed(&embedder, "reload", &["a"]).await.unwrap();
    assert_eq!(client.seen().len(), 4);
    assert_eq!(embedder.embedder().as_deref(), Some("local/m"));

    embedder.follow(&read(""));
    assert_eq!(embedder.embedder(), None);
    let none = embed(&embedder, "reload", &["a"]).await;
    assert!(matches!(none, Err(Error::Unavailable)));
    assert!(counted("reload").contains(&("none".to_owned(), 1)));
}

#[tokio::test]
async fn a_model_that_changed_its_vectors_length_makes_what_was_cached_void() {
    let (embedder, client) = embedder("timeout: 1s");
    embed(&embedder, "changed", &["a"]).await.unwrap();
    client.then(Act::Long(3));
    // One is cached, and the other came as long as no vector before it.
    let mixed = embed(&embedder, "changed", &["a", "b"]).await;
    assert!(matches!(mixed, Err(Error::Unavailable)));
    client.then(Act::Long(3));
    assert!(embed(&embedder, "changed", &["a", "b"]).await.is_ok());
    assert_eq!(client.seen(), [["a"], ["b"], ["a"]]);
}

#[tokio::test]
async fn tokens_and_cost_are_counted_with_those_of_exchanges() {
    let yaml = "
        upstreams: { priced: { dialect: openai, url: 'https://api.openai.com/v1' } }
        embeddings: { target: priced/text-embedding-3-small }
    ";
    let client = Scripted::default();
    let embedder = Embedder::over(client);
    embedder.follow(&read(yaml));
    embed(&embedder, "cost", &["a"]).await.unwrap();
    let text = render();
    let line = |name: &str| {
        let own = |line: &&str| line.starts_with(name) && line.contains("upstream=\"priced\"");
        let line = text.lines().find(own).unwrap_or_default();
        line.rsplit(' ').next().unwrap_or_default().to_owned()
    };
    assert_eq!(line("outrigger_tokens_total"), "1000");
    // 0.02 dollars for a million tokens
    let cost: f64 = line("outrigger_cost_usd_total").parse().unwrap();
    assert!((cost - 0.00002).abs() < 1e-9, "{cost}");
    let took = line("outrigger_embedding_request_seconds_count");
    assert_eq!(took, "1");
}

#[tokio::test]
async fn the_embedded_model_needs_no_network() {
    let yaml = "
        upstreams: { trial: { kind: embedded } }
        embeddings: { target: trial/any, timeout: 1s }
    ";
    let embedder = Embedder::offline(&read(yaml));
    let texts = ["reset my password", "reset the password", "bake bread"];
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    let vectors = embedder.embed("offline", texts).await.unwrap();
    let cosine = |one: usize, other: usize| {
        let pairs = vectors[one].numbers().iter().zip(vectors[other].numbers());
        pairs.map(|(x, y)| x * y).sum::<f32>()
    };
    assert!(cosine(0, 1) > 0.4 && cosine(0, 2) < 0.3);
    assert!(Embedder::offline(&config("")).embedder().is_none());
}
