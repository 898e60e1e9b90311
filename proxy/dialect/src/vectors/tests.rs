use super::*;

#[test]
fn a_request_has_its_texts_as_a_list_and_nothing_that_a_server_may_not_know() {
    let body = request("m", &["a\"b", "é\n"], None);
    let written = r#"{"model":"m","input":["a\"b","é\n"]}"#;
    assert_eq!(String::from_utf8(body).unwrap(), written);
    let body = request("m/\"", &["a"], Some(256));
    let written = r#"{"model":"m/\"","input":["a"],"dimensions":256}"#;
    assert_eq!(String::from_utf8(body).unwrap(), written);
}

#[test]
fn vectors_stand_in_the_order_of_their_texts_whatever_order_they_come_in() {
    for reply in [
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},{"index":1,"embedding":[1e-3,2E0]}],"model":"m"}"#,
        r#"{"data":[{"index":1,"embedding":[0.001,2]},{"embedding":[0.50,-1.0],"index":0,"x":{}}]}"#,
        r#"{"data":[{"embedding":[0.5,-1]},{"embedding":[0.001,2]}],"usage":null}"#,
    ] {
        let read = read(reply.as_bytes(), 2).unwrap();
        let expected = [vec![0.5, -1.0], vec![0.001, 2.0]];
        assert_eq!(
            (&*read.vectors, read.usage),
            (&expected[..], None),
            "{reply}"
        );
    }
}

#[test]
fn usage_is_what_the_reply_reports() {
    let reply = br#"{"data":[{"embedding":[1]}],"usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    let usage = read(reply, 1).unwrap().usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.estimated), (7, 0, false));
}

#[test]
fn a_reply_of_another_shape_is_none() {
    let long = format!(
        r#"{{"data":[{{"embedding":[{}1]}},{{"embedding":[1]}}]}}"#,
        "0,".repeat(MOST_DIMENSIONS)
    );
    for reply in [
        "",
        "[]",
        "{}",
        r#"{"error":{"message":"m"}}"#,
        r#"{"data":null}"#,
        r#"{"data":[]}"#,
        r#"{"data":[{"embedding":[1]}]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":[1]},{"embedding":[1]}]}"#,
        r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#,
        r#"{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}"#,
        r#"{"data":[{"index":-1,"embedding":[1]},{"index":1,"embedding":[1]}]}"#,
        r#"{"data":[{"index":0.5,"embedding":[1]},{"index":1,"embedding":[1]}]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":[1,2]}]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":[]}]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":[null]}]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":["NaN"]}]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":[NaN]}]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":[1e999]}]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":[[1]]}]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":"AACAPw=="}]}"#,
        r#"{"data":[{"embedding":[1]},{}]}"#,
        r#"{"data":[{"embedding":[1]},[1]]}"#,
        r#"{"data":[{"embedding":[1]},{"embedding":[1]}]} x"#,
        r#"{"data":[{"embedding":[1]},{"embedding":[1]}"#,
        r#"{"data":[],"data":[{"embedding":[1]},{"embedding":[1]}]}"#,
        &long,
    ] {
        assert!(read(reply.as_bytes(), 2).is_err(), "{reply:.100}");
    }
}

#[test]
fn any_bytes_are_a_reply_with_a_vector_for_each_text_or_none() {
    let examples: &[&[u8]] = &[
        br#"{"data":[{"index":1,"embedding":[0.001,2]},{"embedding":[0.50,-1.0],"index":0}],"usage":{"prompt_tokens":7,"total_tokens":7}}"#,
    ];
    fuzz::run(examples, |input, _| match read(input, 2) {
        Ok(read) => {
            let lengths = read.vectors.iter().map(Vec::len).collect::<Vec<_>>();
            assert!(lengths.len() == 2 && lengths[0] == lengths[1] && lengths[0] > 0);
            assert!(
                read.vectors
                    .iter()
                    .flatten()
                    .all(|number| number.is_finite())
            );
            1
        }
        Err(error) => error.what.len() as u64,
    });
}
