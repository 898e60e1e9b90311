//! The beginning of a reply: what commits it, and what may still be tried elsewhere.

use proptest::prelude::*;

use super::*;

/// A dialect that streams: a request, a lifecycle, an error inside a success, content, and an end.
struct Talk {
    family: &'static str,
    path: &'static str,
    ask: &'static str,
    begin: &'static str,
    error: &'static str,
    content: &'static str,
    end: &'static str,
}

const TALKS: [Talk; 4] = [
    Talk {
        family: "openai",
        path: "/v1/chat/completions",
        ask: M_STREAM,
        begin: ROLE,
        error: "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"code\":\"server_is_overloaded\"}}\n\n",
        content: HELLO,
        end: "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    },
    Talk {
        family: "openai",
        path: "/v1/responses",
        ask: r#"{"model":"m","stream":true,"input":"hi"}"#,
        begin: "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}}\n\n",
        error: "event: error\ndata: {\"type\":\"error\",\"sequence_number\":1,\"code\":\"server_is_overloaded\",\"message\":\"busy\",\"param\":null}\n\n",
        content: "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"hello\"}\n\n",
        end: "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":10,\"output_tokens\":5,\"total_tokens\":15}}}\n\n",
    },
    Talk {
        family: "anthropic",
        path: "/v1/messages",
        ask: r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#,
        begin: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n",
        error: "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
        content: "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hello\"}}\n\n",
        end: "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    },
    Talk {
        family: "gemini",
        path: "/v1beta/models/m:streamGenerateContent?alt=sse",
        ask: r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#,
        begin: "data: {\"usageMetadata\":{\"promptTokenCount\":10},\"modelVersion\":\"g\"}\n\n",
        error: "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n",
        content: "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"hello\"}]},\"index\":0}]}\n\n",
        end: "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"!\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":5,\"totalTokenCount\":15}}\n\n",
    },
];

/// A scene whose upstreams speak a dialect.
fn speaking(talk: &Talk, answers: impl Fn(&Arrival) -> Turn + Send + Sync + 'static) -> Scene {
    let upstreams = UPSTREAMS.replace("openai", talk.family);
    let yaml = format!("upstreams:\n{upstreams}models: {{ m: {{ targets: [a/x, b/x] }} }}\n");
    scene_of(&yaml, &[], answers)
}

/// A stream of an alias that ends well.
const GOOD: [Piece; 4] = [Text(ROLE), Text(HELLO), Text(STOP), Text(DONE)];

fn good_stream() -> Turn {
    stream(&GOOD)
}

/// Serves a stream where `a` begins so.
async fn beginning(pieces: Vec<Piece>) -> (Scene, Answered) {
    let scene = scene(TWO, move |arrival| match &*arrival.upstream {
        "a" => stream(&pieces),
        _ => good_stream(),
    });
    let answered = scene.ask(M_STREAM).await;
    (scene, answered)
}

#[tokio::test(start_paused = true)]
async fn an_error_inside_a_success_before_any_content_is_tried_elsewhere_in_all_dialects() {
    for talk in TALKS {
        let (begin, error) = (talk.begin, talk.error);
        let (content, end) = (talk.content, talk.end);
        let scene = speaking(&talk, move |arrival| match &*arrival.upstream {
            "a" => stream(&[Text(begin), Wait(1), Text(error)]),
            _ => stream(&[Text(begin), Wait(1), Text(content), Text(end)]),
        });
        let answered = scene.post(talk.path, talk.ask).await;
        assert_eq!(
            answered.body,
            [begin, content, end].concat(),
            "{}",
            talk.path
        );
        assert_eq!((answered.status, answered.broken), (200, false));
        assert_eq!(scene.reached(), ["a", "b"], "{}", talk.path);
        let record = scene.settled();
        let expected = [
            ("a/x".into(), "overload", 200),
            ("b/x".into(), "success", 200),
        ];
        assert_eq!(attempts(&record), expected);
        scene.assert_free();
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_inside_a_success_passes_as_it_came_where_nothing_is_left() {
    for talk in TALKS {
        let (begin, error) = (talk.begin, talk.error);
        let scene = speaking(&talk, move |_| stream(&[Text(begin), Text(error)]));
        let answered = scene.post(talk.path, talk.ask).await;
        assert!(
            answered.body.starts_with(&[begin, error].concat()),
            "{}",
            answered.body
        );
        assert!(scene.settled().error.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_inside_a_success_is_not_searched_for_the_usage_option() {
    let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {TWO} }}\n");
    let begun = Instant::now();
    let scene = scene_of(&yaml, &[Policy::Reads], |arrival| {
        match &*arrival.upstream {
            "a" => stream(&[Text(ROLE), Text(TALKS[0].error), Wait(19), Text(DONE)]),
            _ => good_stream(),
        }
    });
    let answered = scene.ask(M_STREAM).await;
    assert_eq!(answered.body, [ROLE, HELLO, STOP, DONE].concat());
    assert_eq!(begun.elapsed().as_secs(), 0, "its stream is not waited for");
    let record = scene.settled();
    assert_eq!(attempts(&record)[0], ("a/gpt-5".into(), "overload", 200));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_elsewhere_after_content() {
    for talk in TALKS {
        let (begin, content, error) = (talk.begin, talk.content, talk.error);
        let scene = speaking(&talk, move |_| {
            stream(&[Text(begin), Text(content), Text(error)])
        });
        let answered = scene.post(talk.path, talk.ask).await;
        let came = [begin, content, error].concat();
        assert!(answered.body.starts_with(&came), "{}", answered.body);
        assert_eq!(scene.reached(), ["a"], "{}", talk.path);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_commits_with_its_first_content() {
    let begun = Instant::now();
    let scene = scene(ONE, |_| {
        stream(&[
            Text(ROLE),
            Wait(5),
            Text(HELLO),
            Wait(5),
            Text(STOP),
            Text(DONE),
        ])
    });
    let response = scene.worker.handle(chat(M_STREAM), None).await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    let answered = read(response).await;
    assert_eq!(answered.body, [ROLE, HELLO, STOP, DONE].concat());
    assert_eq!(begun.elapsed().as_secs(), 10);
    scene.assert_free();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_or_ends_before_its_content_is_tried_elsewhere() {
    for end in [vec![Text(ROLE), Cut], vec![Text(ROLE)], vec![Cut], vec![]] {
        let (scene, answered) = beginning(end).await;
        assert_eq!(scene.reached(), ["a", "b"]);
        assert_eq!(answered.body, [ROLE, HELLO, STOP, DONE].concat());
        assert_eq!(
            attempts(&scene.settled())[0],
            ("a/gpt-5".into(), "maybe_done", 200)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_commits_beyond_so_many_events_without_content() {
    let events = |number| {
        let mut pieces = vec![Text(ROLE); number];
        pieces.push(Cut);
        pieces
    };
    let (scene, answered) = beginning(events(64)).await;
    assert_eq!(scene.reached(), ["a", "b"]);
    assert!(!answered.broken);
    let (scene, answered) = beginning(events(65)).await;
    assert_eq!(scene.reached(), ["a"]);
    assert!(answered.broken && answered.body.starts_with(&ROLE.repeat(65)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_commits_beyond_so_many_bytes_without_content() {
    let comment: &'static str = format!(": {}\n\n", "x".repeat((64 << 10) - 4)).leak();
    for (number, expected) in [(4, ["a", "b"].as_slice()), (5, &["a"])] {
        let mut pieces = vec![Text(comment); number];
        pieces.push(Cut);
        let (scene, answered) = beginning(pieces).await;
        assert_eq!(scene.reached(), expected, "{number}");
        assert_eq!(answered.broken, expected.len() == 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_commits_after_fifteen_seconds_without_content() {
    for (seconds, expected) in [(14, ["a", "b"].as_slice()), (16, &["a"])] {
        let (scene, answered) = beginning(vec![Text(ROLE), Wait(seconds), Cut]).await;
        assert_eq!(scene.reached(), expected);
        assert_eq!(answered.broken, expected.len() == 1);
    }
    let begun = Instant::now();
    let late = scene(ONE, |_| {
        stream(&[Text(ROLE), Wait(18), Text(HELLO), Text(STOP), Text(DONE)])
    });
    let response = late.worker.handle(chat(M_STREAM), None).await;
    assert_eq!(begun.elapsed().as_secs(), 15);
    assert_eq!(
        read(response).await.body,
        [ROLE, HELLO, STOP, DONE].concat()
    );
}

#[tokio::test(start_paused = true)]
async fn the_pings_of_a_stream_that_is_waited_for_come_in_their_place() {
    let begun = Instant::now();
    let ping = ": ping\n\n";
    let pieces = [
        Text(ping),
        Wait(4),
        Text(ROLE),
        Text(ping),
        Wait(4),
        Text(ping),
        Text(HELLO),
        Text(STOP),
        Text(DONE),
    ];
    let scene = scene(ONE, move |_| stream(&pieces));
    let response = scene.worker.handle(chat(M_STREAM), None).await;
    assert_eq!(begun.elapsed().as_secs(), 8);
    let answered = read(response).await;
    assert_eq!(
        answered.body,
        [ping, ROLE, ping, ping, HELLO, STOP, DONE].concat()
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_in_the_place_of_a_whole_reply_is_tried_elsewhere() {
    let scene = scene(TWO, failing_at_a(|| whole(200, BUSY)));
    let answered = scene.ask(M).await;
    assert_eq!((answered.status, &*answered.body), (200, WHOLE));
    assert_eq!(scene.reached(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_whole_reply_is_tried_elsewhere_where_it_is_cut_and_not_beyond_the_bound() {
    let large: &'static str = format!("{{\"id\":\"{}", "x".repeat(70 << 10)).leak();
    for (begin, expected) in [(r#"{"id":"c""#, ["a", "b"].as_slice()), (large, &["a"])] {
        let cut = move || reply("application/json", &[Text(begin), Cut]);
        let scene = scene(TWO, failing_at_a(cut));
        let answered = scene.ask(M).await;
        assert_eq!(scene.reached(), expected);
        match expected.len() {
            1 => assert!(answered.broken && answered.body == begin),
            _ => assert_eq!(answered.body, WHOLE),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_reply_that_ends_while_it_is_collected_is_a_failure_of_its_target() {
    let begin: &'static str = format!("{{\"id\":\"{}", "x".repeat(70 << 10)).leak();
    let yaml = format!("upstreams:\n{UPSTREAMS}models: {{ m: {ONE} }}\n");
    for (end, status) in [(Cut, 502), (Wait(60), 504)] {
        let pieces = [Text(begin), end];
        let scene = scene_of(&yaml, &[Policy::Rewrites], move |_| {
            reply("application/json", &pieces)
        });
        assert_eq!(scene.ask(M).await.status, status);
        assert_eq!(scene.place("a/gpt-5").figures().target.failures, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_reply_that_commits_comes_byte_for_byte_however_it_is_split(
        which in 0..TALKS.len(),
        splits in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let talk = &TALKS[which];
        let text = [": ping\n\n", talk.begin, "\r\n", talk.begin, talk.content, talk.end].concat();
        let mut splits: Vec<_> = splits.iter().map(|at| at.index(text.len())).collect();
        splits.extend([0, text.len()]);
        splits.sort_unstable();
        let pieces: Vec<_> = splits
            .windows(2)
            .map(|ends| Bytes::copy_from_slice(&text.as_bytes()[ends[0]..ends[1]]))
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let (path, ask) = (talk.path, talk.ask);
        let answered = runtime.block_on(async {
            let scene = speaking(talk, move |_| events(pieces.clone()));
            scene.post(path, ask).await
        });
        prop_assert!(!answered.broken);
        prop_assert_eq!(answered.body, text);
    }
}
