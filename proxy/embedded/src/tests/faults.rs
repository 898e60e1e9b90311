//! Failures on purpose: that they come as often as they should, and look like the real ones.

use tokio::time::Instant;

use super::*;
use crate::faults::Failing;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
const GEMINI: &str = "/v1beta/models/any:generateContent";
const INTERACTIONS: &str = "/v1beta/interactions";
const GEMINI_STREAM: &str = "/v1beta/models/any:streamGenerateContent?alt=sse";

fn always(class: FaultClass) -> Faults {
    Faults {
        rate: 1.0,
        classes: vec![class],
        delay: Duration::ZERO,
        retry_after: None,
    }
}

fn request_body(path: &str, stream: bool) -> Value {
    let mut body = if path == INTERACTIONS {
        json!({"model": "any", "input": TRICKY, "stream": stream})
    } else if path.starts_with("/v1beta") {
        json!({"contents": [{"role": "user", "parts": [{"text": TRICKY}]}]})
    } else {
        said(path, TRICKY)
    };
    if stream && !path.starts_with("/v1beta") {
        body["stream"] = true.into();
    }
    body
}

async fn failed(path: &str, stream: bool, faults: &Faults) -> Response<Body> {
    let body = request_body(path, stream).to_string();
    let request = Request::post(path)
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    answer(request, Some(faults)).await
}

/// The text that came, and true if the body ended rather than broke off.
async fn read(reply: Response<Body>) -> (String, bool) {
    let (mut body, mut text) = (reply.into_body(), Vec::new());
    loop {
        match body.frame().await {
            None => return (String::from_utf8(text).unwrap(), true),
            Some(Ok(frame)) => text.extend(frame.into_data().unwrap()),
            Some(Err(Broken)) => {
                assert!(body.frame().await.is_none(), "nothing follows");
                return (String::from_utf8(text).unwrap(), false);
            }
        }
    }
}

#[test]
fn so_many_calls_fail_as_the_rate_says_of_every_kind_alike_and_the_same_ones_each_time() {
    let mut faults = always(FaultClass::Rate);
    faults.rate = 0.3;
    faults.classes = FaultClass::ALL.to_vec();
    let of_each: Vec<Option<Failing>> = (0..10_000).map(|call| faults.of_call(call)).collect();
    let failing = || of_each.iter().flatten();
    assert!((2_800..3_200).contains(&failing().count()));
    for class in FaultClass::ALL {
        let count = failing().filter(|failing| failing.class == class).count();
        assert!((300..450).contains(&count), "{class:?}: {count}");
        let early = failing().filter(|f| f.class == class && f.before_content);
        assert!((130..250).contains(&early.count()), "{class:?}");
        assert_eq!(FaultClass::named(class.name()), Some(class));
    }
    let again: Vec<_> = (0..10_000).map(|call| faults.of_call(call)).collect();
    assert_eq!(of_each, again);
    for (rate, classes) in [(0.0, FaultClass::ALL.to_vec()), (1.0, Vec::new())] {
        (faults.rate, faults.classes) = (rate, classes);
        assert!((0..1000).all(|call| faults.of_call(call).is_none()));
    }
    faults = always(FaultClass::Key);
    assert!((0..1000).all(|call| faults.of_call(call).is_some()));
}

#[tokio::test]
async fn each_refusal_has_the_status_and_the_words_of_the_shapes_provider() {
    use FaultClass::{Key, MaybeDone, Money, Overload, Rate};
    for (path, class, status, pointer, value) in [
        (CHAT, Rate, 429, "/error/code", "rate_limit_exceeded"),
        (CHAT, Overload, 503, "/error/code", "server_is_overloaded"),
        (CHAT, Money, 429, "/error/code", "insufficient_quota"),
        (CHAT, Key, 401, "/error/code", "invalid_api_key"),
        (CHAT, MaybeDone, 500, "/error/type", "server_error"),
        (RESPONSES, Money, 429, "/error/type", "insufficient_quota"),
        (MESSAGES, Rate, 429, "/error/type", "rate_limit_error"),
        (MESSAGES, Overload, 529, "/error/type", "overloaded_error"),
        (
            MESSAGES,
            Money,
            400,
            "/error/message",
            "You have reached your specified API usage limits.",
        ),
        (MESSAGES, Key, 401, "/error/type", "authentication_error"),
        (MESSAGES, MaybeDone, 500, "/error/type", "api_error"),
        (GEMINI, Rate, 429, "/error/status", "RESOURCE_EXHAUSTED"),
        (GEMINI, Overload, 503, "/error/status", "UNAVAILABLE"),
        (
            GEMINI,
            Money,
            429,
            "/error/details/0/violations/0/quotaId",
            "GenerateRequestsPerDayPerProject",
        ),
        (GEMINI, Key, 401, "/error/status", "UNAUTHENTICATED"),
        (GEMINI, MaybeDone, 500, "/error/status", "INTERNAL"),
    ] {
        for stream in [false, true] {
            let reply = failed(path, stream, &always(class)).await;
            assert_eq!(reply.status(), status, "{path} {class:?}");
            assert_eq!(reply.headers().get("retry-after"), None);
            let (text, ended) = read(reply).await;
            let body: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(body.pointer(pointer).unwrap(), value, "{path} {class:?}");
            assert_eq!(body["type"] == "error", path == MESSAGES);
            assert!(ended);
        }
    }
}

#[tokio::test]
async fn the_end_of_a_limit_is_written_as_each_provider_writes_it() {
    let mut faults = always(FaultClass::Rate);
    faults.retry_after = Some(Duration::from_millis(1_200));
    for (path, seconds, millis) in [
        (CHAT, Some("2"), Some("1200")),
        (MESSAGES, Some("2"), None),
        (GEMINI, None, None),
    ] {
        let reply = failed(path, false, &faults).await;
        let header = |name: &str| reply.headers().get(name).map(|v| v.to_str().unwrap());
        assert_eq!(header("retry-after"), seconds, "{path}");
        assert_eq!(header("retry-after-ms"), millis, "{path}");
        let (text, _) = read(reply).await;
        assert_eq!(text.contains(r#""retryDelay":"1.200s""#), path == GEMINI);
    }
    faults.classes = vec![FaultClass::Money];
    let reply = failed(CHAT, false, &faults).await;
    assert_eq!(reply.headers().get("retry-after"), None);
}

#[tokio::test]
async fn a_stream_that_opens_and_then_fails_has_its_lifecycle_and_the_dialects_error_and_no_content()
 {
    for (path, opens, error) in [
        (CHAT, r#""role":"assistant""#, "server_is_overloaded"),
        (RESPONSES, "response.created", "server_is_overloaded"),
        (MESSAGES, "message_start", "overloaded_error"),
        (GEMINI_STREAM, "", "UNAVAILABLE"),
        (INTERACTIONS, "interaction.created", "UNAVAILABLE"),
    ] {
        let reply = failed(path, true, &always(FaultClass::ErrorIn200)).await;
        assert_eq!(reply.status(), 200);
        let (text, ended) = read(reply).await;
        assert!(ended && text.contains(opens), "{path}: {text}");
        let last = text.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.contains(error), "{path}: {last}");
        assert!(!text.contains("Gr\u{fc}\u{df}e"), "{path}: {text}");
        // What has no events is refused by its status.
        let whole = path.replace(":streamGenerateContent?alt=sse", ":generateContent");
        let reply = failed(&whole, false, &always(FaultClass::ErrorIn200)).await;
        assert!([503, 529].contains(&reply.status().as_u16()), "{whole}");
    }
}

#[tokio::test]
async fn a_cut_stream_breaks_off_before_its_content_or_in_the_midst_of_it() {
    let faults = always(FaultClass::Cut);
    for path in [CHAT, RESPONSES, MESSAGES, GEMINI_STREAM, INTERACTIONS] {
        let mut lengths = Vec::new();
        let whole = failed(
            path,
            true,
            &Faults {
                rate: 0.0,
                ..faults.clone()
            },
        )
        .await;
        let (whole, ended) = read(whole).await;
        assert!(ended);
        for _ in 0..20 {
            let reply = failed(path, true, &faults).await;
            assert_eq!(reply.status(), 200);
            let (text, ended) = read(reply).await;
            assert!(!ended && text.len() < whole.len(), "{path}: {text}");
            lengths.push(text.contains("Gr\u{fc}\u{df}e"));
        }
        assert!(
            lengths.contains(&true) && lengths.contains(&false),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_cut_whole_reply_announces_its_length_and_comes_to_half_of_it() {
    for path in [CHAT, RESPONSES, MESSAGES, GEMINI] {
        let reply = failed(path, false, &always(FaultClass::Cut)).await;
        assert_eq!(reply.status(), 200);
        let announced = http_body::Body::size_hint(reply.body()).exact().unwrap();
        let (text, ended) = read(reply).await;
        assert!(!ended, "{path}");
        assert_eq!(text.len() as u64, announced / 2, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_takes_its_time_and_silence_ends_in_an_answer_or_never() {
    let mut faults = always(FaultClass::Overload);
    faults.delay = Duration::from_millis(700);
    let started = Instant::now();
    assert_eq!(failed(CHAT, false, &faults).await.status(), 503);
    assert_eq!(started.elapsed(), faults.delay);

    faults.classes = vec![FaultClass::Silent];
    let started = Instant::now();
    let (text, ended) = read(failed(CHAT, true, &faults).await).await;
    assert_eq!(started.elapsed(), faults.delay);
    assert!(ended && text.ends_with("data: [DONE]\n\n"));

    faults.delay = Duration::ZERO;
    let hour = Duration::from_secs(3600);
    let never = tokio::time::timeout(hour, failed(CHAT, true, &faults)).await;
    assert!(never.is_err(), "without a delay it never answers");
}
