//! Completions and embeddings: inputs that are answered each on its own.

use super::*;

#[tokio::test]
async fn every_prompt_is_completed_for_itself() {
    let path = "/v1/completions";
    let mut body = json!({"model": "m", "prompt": ["one prompt", TRICKY], "n": 2});
    let reply = whole(path, &body).await;
    let texts: Vec<_> = (0..4)
        .map(|at| reply["choices"][at]["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["one prompt", "one prompt", TRICKY, TRICKY]);
    body["stream_options"] = json!({"include_usage": true});
    let streamed = events(path, body).await;
    let of = |index: u64| {
        let events = streamed
            .iter()
            .filter(|event| event["choices"][0]["index"] == index);
        events
            .filter_map(|event| event["choices"][0]["text"].as_str())
            .collect::<String>()
    };
    assert_eq!((of(0).as_str(), of(3).as_str()), ("one prompt", TRICKY));
    assert_eq!(streamed.last().unwrap()["usage"], reply["usage"]);
    assert_eq!(send(path, &json!({"model": "m"})).await.0, 400);
}

#[tokio::test]
async fn texts_that_share_words_are_embedded_close_together() {
    let path = "/v1/embeddings";
    let body = json!({"model": "e", "input": ["the cat sat on the mat", "The cat sat, on a mat", "quarterly revenue forecast", ""]});
    let reply = whole(path, &body).await;
    let vector = |at: usize| -> Vec<f64> {
        let list = reply["data"][at]["embedding"].as_array().unwrap();
        list.iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let dot = |a: usize, b: usize| {
        vector(a)
            .iter()
            .zip(vector(b))
            .map(|(x, y)| x * y)
            .sum::<f64>()
    };
    for at in 0..4 {
        assert!((dot(at, at) - 1.0).abs() < 1e-3, "of length one");
    }
    assert!(dot(0, 1) > 0.7 && dot(0, 2) < 0.4);
    assert!(reply["usage"]["prompt_tokens"].as_u64().unwrap() > 10);
    assert_eq!(reply["model"], "embedded-no-model");
    assert_eq!(whole(path, &body).await, reply, "the same each time");

    let mut packed = body;
    packed["encoding_format"] = "base64".into();
    packed["dimensions"] = 2.into();
    packed["input"] = "".into();
    let reply = whole(path, &packed).await;
    // [1.0, 0.0] in little endian
    assert_eq!(reply["data"][0]["embedding"], "AACAPwAAAAA=");
}

#[tokio::test]
async fn texts_that_share_stems_are_closer_than_those_that_share_nothing() {
    let body = json!({"model": "e", "input": ["Reset my password", "resetting passwords", "How to bake a cake"]});
    let reply = whole("/v1/embeddings", &body).await;
    let numbers = |at: usize| -> Vec<f64> {
        serde_json::from_value(reply["data"][at]["embedding"].clone()).unwrap()
    };
    let cosine = |one, other| {
        let pairs = numbers(one).into_iter().zip(numbers(other));
        pairs.map(|(x, y)| x * y).sum::<f64>()
    };
    assert!(
        cosine(0, 1) > 0.25 && cosine(0, 2) < 0.2,
        "{} {}",
        cosine(0, 1),
        cosine(0, 2)
    );
}

#[tokio::test]
async fn pictures_are_one_png_whole_and_as_events() {
    let path = "/v1/images/generations";
    let body = json!({"prompt": "a pelican", "n": 2, "partial_images": 2});
    let reply = whole(path, &body).await;
    let pictures = reply["data"].as_array().unwrap();
    assert_eq!(pictures.len(), 2);
    assert!(
        pictures[0]["b64_json"]
            .as_str()
            .unwrap()
            .starts_with("iVBORw0KGgo")
    );
    assert_eq!(pictures[0]["revised_prompt"], "a pelican");
    let events = events(path, body).await;
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds[..3],
        [
            "image_generation.partial_image",
            kinds[0],
            "image_generation.completed"
        ]
    );
    assert_eq!((kinds.len(), &events[5]["usage"]), (6, &reply["usage"]));
}

#[tokio::test]
async fn texts_are_of_the_categories_that_they_name() {
    let path = "/v1/moderations";
    let inputs = json!(["a pelican", "some violence/graphic, and hate"]);
    let reply = whole(path, &json!({ "input": inputs })).await;
    let results = reply["results"].as_array().unwrap();
    assert_eq!((&results[0]["flagged"], results.len()), (&json!(false), 2));
    let categories = &results[1]["categories"];
    let flagged = ["violence/graphic", "hate", "violence"].map(|name| categories[name] == true);
    assert_eq!(flagged, [true, true, false]);
    let parts = json!([{"type": "text", "text": "sexual"}, {"type": "image_url", "image_url": {"url": "data:x"}}]);
    let reply = whole(path, &json!({"input": parts, "model": "m"})).await;
    assert_eq!(reply["results"][0]["category_scores"]["sexual"], 1.0);
    assert_eq!(reply["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn documents_that_share_words_with_the_query_come_first() {
    let documents = json!(["quarterly revenue", {"text": "the cat sat"}, "a cat sat on the mat"]);
    let mut body =
        json!({"model": "r", "query": "cat on the mat", "documents": documents, "top_n": 2});
    let order = |reply: Value| -> Vec<u64> {
        let results = reply["results"].as_array().unwrap();
        results
            .iter()
            .map(|one| one["index"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(order(whole("/v2/rerank", &body).await), [2, 1]);
    body["return_documents"] = true.into();
    let reply = whole("/v1/rerank", &body).await;
    assert_eq!(
        reply["results"][1]["document"],
        json!({"text": "the cat sat"})
    );
    assert!(reply["usage"]["total_tokens"].as_u64().unwrap() > 8);
    body.as_object_mut().unwrap().remove("query");
    assert_eq!(send("/v1/rerank", &body).await.0, 400);
}

#[tokio::test]
async fn speech_is_silence_as_long_as_its_head_says_and_a_form_is_repeated_by_its_size() {
    let body = json!({"model": "m", "voice": "v", "input": TRICKY}).to_string();
    let request = Request::post("/v1/audio/speech").body(Full::new(Bytes::from(body)));
    let reply = answer(request.unwrap(), None).await;
    assert_eq!(reply.headers()["content-type"], "audio/wav");
    let sound = reply.into_body().collect().await.unwrap().to_bytes();
    let number = |at: usize| u32::from_le_bytes(sound[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!(
        (&sound[..4], &sound[8..16]),
        (&b"RIFF"[..], &b"WAVEfmt "[..])
    );
    assert_eq!((number(4) + 8, number(40) + 44), (sound.len(), sound.len()));

    let path = "/v1/audio/transcriptions";
    let form = |stream: &str| {
        format!(
            "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b\r\ncontent-disposition: form-data; name=\"stream\"\r\n\r\n{stream}\r\n--b--\r\n"
        )
    };
    let (status, text) = send_raw(path, form("false")).await;
    let said = format!("an upload of {} bytes", form("false").len());
    let reply: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status.as_u16(), &reply["text"]), (200, &json!(said)));
    let (_, text) = send_raw(path, form("true")).await;
    assert!(
        text.contains("transcript.text.delta") && text.ends_with("}}\n\n"),
        "{text}"
    );
}

#[tokio::test]
async fn tokens_are_counted_by_the_means_of_every_api() {
    for (path, body, name) in [
        (
            "/v1/messages/count_tokens",
            json!({"model": "m", "messages": [{"role": "user", "content": "word word"}]}),
            "input_tokens",
        ),
        (
            "/v1/responses/input_tokens",
            json!({"model": "m", "input": "word word"}),
            "input_tokens",
        ),
    ] {
        assert_eq!(whole(path, &body).await[name], 3, "{path}");
    }
}
