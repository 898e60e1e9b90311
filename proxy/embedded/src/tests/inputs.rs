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

    let mut packed = body;
    packed["encoding_format"] = "base64".into();
    packed["dimensions"] = 2.into();
    packed["input"] = "".into();
    let reply = whole(path, &packed).await;
    // [1.0, 0.0] in little endian
    assert_eq!(reply["data"][0]["embedding"], "AACAPwAAAAA=");
}
