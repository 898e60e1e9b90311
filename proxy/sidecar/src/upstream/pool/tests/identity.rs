//! Requests to upstreams whose credentials are the pod's identity.

use super::*;
use crate::{
    config::identity::{Aws, AwsSource, Gcp, Identity as Configured},
    upstream::identity::Cause,
};

/// An upstream that is sent the tokens of a metadata server.
fn with_identity(to: &str, identity: Configured) -> Upstream {
    Upstream {
        identity: Some(Arc::new(identity)),
        ..upstream(to, None)
    }
}

fn keys() -> Configured {
    Configured::Aws(Aws {
        region: "eu-west-1".into(),
        service: "bedrock".into(),
        source: AwsSource::Keys {
            id: "AKID".into(),
            secret: config::Secret::new("canary".into()),
            token: None,
        },
    })
}

#[tokio::test]
async fn a_request_waits_for_the_first_credential_and_the_next_one_does_not() {
    const TOKEN: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 43\r\n\r\n{\"access_token\":\"issued\",\"expires_in\":3600}";
    let ((metadata, metadata_url), (model, url)) = (listen().await, listen().await);
    let source = tokio::spawn(async move { answered(&metadata, TOKEN).await.1 });
    let served = tokio::spawn(async move {
        let (mut stream, first) = answered(&model, OK).await;
        let second = request(&mut stream, 0).await;
        stream.write_all(OK).await.unwrap();
        [first, second]
    });
    let identity = Configured::Gcp(Gcp::Metadata { url: metadata_url });
    let (pool, upstream) = (Pool::default(), with_identity(&url, identity));
    for _ in 0..2 {
        let reply = send(&pool, &upstream, post(&url, "{}")).await.unwrap();
        assert_eq!(whole(reply).await, "ok");
    }
    assert!(source.await.unwrap().starts_with("GET /computeMetadata/"));
    for request in served.await.unwrap() {
        assert!(
            request.contains("\r\nauthorization: Bearer issued\r\n"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_body_that_would_pass_as_it_comes_is_collected_to_be_signed() {
    let (listener, url) = listen().await;
    let served = tokio::spawn(async move { answered(&listener, OK).await.1 });
    let (pool, upstream) = (Pool::default(), with_identity(&url, keys()));
    let stream = http_body_util::StreamBody::new(futures_util::stream::iter(
        ["{", "}"].map(|piece| Ok(http_body::Frame::data(Bytes::from_static(piece.as_bytes())))),
    ));
    let streamed = post(&url, "").map(|_| Payload::Stream(Box::pin(stream)));
    send(&pool, &upstream, streamed).await.unwrap();
    let request = served.await.unwrap();
    assert!(
        request.contains("authorization: AWS4-HMAC-SHA256 Credential=AKID/"),
        "{request}"
    );
    assert!(request.contains("content-length: 2\r\n"), "{request}");
    assert!(!request.contains("canary"));
}

#[tokio::test]
async fn without_a_credential_nothing_is_sent_and_the_failure_is_its_own() {
    let ((metadata, metadata_url), (listener, url)) = (listen().await, listen().await);
    drop(metadata);
    let identity = Configured::Gcp(Gcp::Metadata { url: metadata_url });
    let (pool, upstream) = (Pool::default(), with_identity(&url, identity));
    for _ in 0..2 {
        let failed = send(&pool, &upstream, post(&url, "{}")).await;
        let Err(SendError::Credentials(failure)) = failed else {
            panic!("something was sent");
        };
        assert!(matches!(failure.cause, Cause::Connect { .. }), "{failure}");
    }
    assert!(timeout(SECOND / 10, listener.accept()).await.is_err());
}
