//! Exchanges that no dialect reads: their names, what their replies report, and what that costs.

use super::*;

const SPEECH: &str = r#"{"input":"hello","model":"gpt-4o-mini-tts","voice":"coral"}"#;
const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o-transcribe\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--b--\r\n";
const TRANSCRIPT: &str = r#"{"text":"hello","usage":{"type":"tokens","total_tokens":115,"input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},"output_tokens":101}}"#;

fn post(path: &str, kind: &str, body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post(path)
        .header("content-type", kind)
        .header("content-length", body.len());
    request
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

fn upload() -> Request<Full<Bytes>> {
    let kind = "multipart/form-data; boundary=b";
    post("/v1/audio/transcriptions", kind, FORM)
}

fn speech() -> Request<Full<Bytes>> {
    post("/v1/audio/speech", "application/json", SPEECH)
}

fn endpoint(record: &Record) -> &'static str {
    record.endpoint.unwrap().name()
}

#[tokio::test(start_paused = true)]
async fn a_transcription_is_settled_by_the_usage_that_it_reports() {
    let rig = rig(&[], [whole(200, TRANSCRIPT)]);
    let answered = rig.answer(upload()).await;
    assert_eq!((answered.status, &*answered.body), (200, TRANSCRIPT));
    assert_eq!(rig.seen()[0].body, FORM);
    let record = rig.settled();
    assert_eq!(endpoint(&record), "audio.transcriptions");
    assert_eq!(tokens(&record), Some((14, 101, false)));
    assert_eq!(record.model.as_deref(), Some("gpt-4o-transcribe"));
    assert_eq!(record.target, "openai/gpt-4o-transcribe");
    // 4 of text at 2.50, 10 of sound at 6 and 101 at 10 dollars for a million
    assert_eq!(record.cost.map(|cost| cost.0), Some(1_080_000));
    assert_eq!(record.audio_tokens, 10);
    assert!(!record.is_unpriced());
}

#[tokio::test(start_paused = true)]
async fn a_streamed_speech_is_settled_by_its_last_event() {
    let pieces = [
        Text("data: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\ndata: {\"type\":\"spe"),
        Wait(3),
        Text(
            "ech.audio.done\",\"usage\":{\"input_tokens\":10,\"output_tokens\":100,\"total_tokens\":110}}\n\n",
        ),
    ];
    let rig = rig(&[], [stream(&pieces)]);
    let answered = rig.answer(speech()).await;
    assert!(!answered.broken && answered.body.ends_with("110}}\n\n"));
    let record = rig.settled();
    assert_eq!(tokens(&record), Some((10, 100, false)));
    // 10 at 0.60 and 100 at 12 dollars for a million
    assert_eq!(record.cost.map(|cost| cost.0), Some(1_206_000));
    assert!(record.streaming && endpoint(&record) == "audio.speech");
}

#[tokio::test(start_paused = true)]
async fn a_reply_of_sound_is_not_read_and_costs_what_nobody_knows() {
    // What looks like a report is sound.
    let sound = r#"{"usage":{"input_tokens":10,"output_tokens":100}}"#;
    let rig = rig(&[], [reply("audio/mpeg", &[Text(sound)])]);
    assert_eq!(rig.answer(speech()).await.body, sound);
    let record = rig.settled();
    assert_eq!((tokens(&record), record.cost), (None, None));
    assert!(record.is_unpriced());
    assert_eq!(record.model.as_deref(), Some("gpt-4o-mini-tts"));
    assert_eq!(record.reply_bytes, sound.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn seconds_and_images_are_counted_and_have_no_price() {
    let seconds = r#"{"text":"hello","usage":{"type":"duration","seconds":9}}"#;
    let counting = rig(&[], [whole(200, seconds)]);
    counting.answer(upload()).await;
    let record = counting.settled();
    assert_eq!((record.audio_seconds, tokens(&record)), (9, None));
    assert!(record.is_unpriced());
    let images = r#"{"created":1,"data":[{"url":"u"},{"url":"v"}]}"#;
    let counting = rig(&[], [whole(200, images)]);
    let request = post(
        "/v1/images/variations",
        "multipart/form-data; boundary=b",
        FORM,
    );
    counting.answer(request).await;
    let record = counting.settled();
    assert_eq!((record.images, tokens(&record)), (2, None));
    assert_eq!(endpoint(&record), "images.variations");
}

#[tokio::test(start_paused = true)]
async fn an_operators_price_for_a_request_is_what_an_unreported_one_costs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    std::fs::write(
        &file,
        "models: { gpt-4o-mini-tts: { input: 0, output: 0, request: 0.02 } }\n",
    )
    .unwrap();
    let yaml = format!("{YAML}prices: {{ file: '{}' }}\n", file.display());
    let rig = rig_of(&yaml, &[], [reply("audio/mpeg", &[Text("sound")])]);
    rig.answer(speech()).await;
    let record = rig.settled();
    assert_eq!(record.cost.map(|cost| cost.0), Some(20_000_000));
}

#[tokio::test(start_paused = true)]
async fn an_error_takes_nothing_whatever_it_reports() {
    let rig = rig(&[], [whole(400, TRANSCRIPT)]);
    assert_eq!(rig.answer(upload()).await.status, 400);
    let record = rig.settled();
    assert_eq!((tokens(&record), record.cost), (None, None));
    assert!(!record.is_unpriced());
}

#[tokio::test(start_paused = true)]
async fn files_and_listings_are_named_and_cost_nothing() {
    for (request, name) in [
        (
            post("/v1/files", "multipart/form-data; boundary=b", FORM),
            "files",
        ),
        (post("/v1/uploads", "application/json", "{}"), "uploads"),
        (
            Request::get("/v1/files").body(Full::default()).unwrap(),
            "files",
        ),
        (
            Request::get("/v1/models").body(Full::default()).unwrap(),
            "models",
        ),
    ] {
        let rig = rig(&[], [whole(200, TRANSCRIPT)]);
        let listed = rig.answer(request).await;
        assert_eq!(listed.status, 200);
        let record = rig.settled();
        assert_eq!(endpoint(&record), name);
        assert_eq!((tokens(&record), record.cost), (None, None));
        assert!(!record.is_unpriced());
    }
}

#[tokio::test(start_paused = true)]
async fn vectors_of_geminis_are_priced_by_the_model_in_the_path() {
    let vectors = r#"{"embedding":{"values":[0.1]},"usageMetadata":{"promptTokenCount":2000}}"#;
    let yaml = "upstreams: { google: { dialect: gemini, url: 'https://generativelanguage.googleapis.com' } }\n";
    let rig = rig_of(yaml, &[], [whole(200, vectors)]);
    let path = "/v1beta/models/gemini-embedding-001:embedContent";
    let request = post(
        path,
        "application/json",
        r#"{"content":{"parts":[{"text":"a"}]}}"#,
    );
    let (mut head, body) = request.into_parts();
    let key = http::HeaderValue::from_static("k");
    head.headers.insert("x-goog-api-key", key);
    let request = Request::from_parts(head, body);
    assert_eq!(rig.answer(request).await.body, vectors);
    let record = rig.settled();
    assert_eq!(tokens(&record), Some((2000, 0, false)));
    assert_eq!(record.target, "google/gemini-embedding-001");
    assert_eq!(record.cost.map(|cost| cost.0), Some(300_000)); // 0.15 dollars for a million
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_dialect_reads_has_no_endpoint() {
    let rig = rig(&[], [whole(200, WHOLE)]);
    rig.ask(ASK).await;
    assert!(rig.settled().endpoint.is_none());
}
