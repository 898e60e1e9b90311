#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

fn call(url: &str) -> Call {
    Call {
        method: Method::POST,
        url: url.into(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"body"),
        timeout: Duration::from_secs(2),
    }
}

fn grants(list: &[&str]) -> Vec<String> {
    list.iter().map(|grant| (*grant).into()).collect()
}

fn is_allowed(granted: &[&str], url: &str) -> bool {
    match allowed(&grants(granted), &call(url)) {
        Ok(_) => true,
        Err(Error::Denied(_)) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn only_granted_hosts_and_ports_are_called() {
    for (grant, url, expected) in [
        ("api.example.com", "https://api.example.com/x", true),
        ("api.example.com", "http://api.example.com/x", true),
        ("api.example.com", "https://API.Example.COM./x", true),
        ("API.example.com.", "https://api.example.com/x", true),
        ("api.example.com", "https://api.example.com:8443/x", false),
        (
            "api.example.com:8443",
            "https://api.example.com:8443/x",
            true,
        ),
        ("api.example.com:443", "https://api.example.com/x", true),
        ("api.example.com:443", "http://api.example.com/x", false),
        ("api.example.com", "https://evil.api.example.com/x", false),
        (
            "api.example.com",
            "https://api.example.com.evil.net/x",
            false,
        ),
        (
            "api.example.com",
            "https://api.example.com@evil.net/x",
            false,
        ),
        ("api.example.com", "https://user@api.example.com/x", false),
        (
            "api.example.com",
            "https://evil.net#@api.example.com/",
            false,
        ),
        (
            "api.example.com",
            "https://evil.net\\@api.example.com/",
            false,
        ),
        (
            "api.example.com",
            "file://api.example.com/etc/passwd",
            false,
        ),
        ("api.example.com", "ftp://api.example.com/x", false),
        ("api.example.com", "/x", false),
        ("api.example.com", "", false),
        ("localhost", "http://localhost:4190/metrics", false),
        ("localhost:8080", "http://localhost:8080/", true),
        ("[::1]:8080", "http://[::1]:8080/", true),
        ("::1", "http://[::1]/", true),
        ("::1", "http://[0:0:0:0:0:0:0:1]/", true),
        ("10.0.0.7", "http://10.0.0.7/", true),
        ("", "http://localhost/", false),
        ("*", "https://api.example.com/", false),
        ("host:port", "https://host/", false),
    ] {
        assert_eq!(is_allowed(&[grant], url), expected, "{grant} for {url}");
    }
    assert!(!is_allowed(&[], "https://api.example.com/"));
}

/// An address that was not granted is refused in every spelling.
#[test]
fn no_spelling_of_an_inner_address_passes_for_a_granted_host() {
    let granted = ["api.example.com", "localhost", "8.8.8.8"];
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/",          // decimal
        "http://0xa9fea9fe/",          // hexadecimal
        "http://0251.0376.0251.0376/", // octal
        "http://0xa9.254.0251.254/",   // mixed
        "http://169.254.43518/",       // two parts in one
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:8.8.8.8]/", // a disguise of a granted one
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://017700000001/",
        "http://[::1]/",
        "http://[::]/",
        "http://①②⑦.⓪.⓪.①/",
        "http://100.100.100.200/",
        "http://10.0.0.1/",
    ] {
        assert!(!is_allowed(&granted, url), "{url}");
    }
}

#[test]
fn a_granted_name_does_not_reach_inner_addresses_unless_the_address_is_granted_too() {
    let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
    let (inner, outer) = (at("10.0.0.7"), at("93.184.216.34"));
    // Rebinding: the name is the granted one, its address is not.
    for ip in [
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.7",
        "::1",
        "::ffff:10.0.0.7",
        "fd00:ec2::254",
    ] {
        assert!(judge("api.example.com", vec![at(ip)], &[]).is_err(), "{ip}");
    }
    let mixed = judge("api.example.com", vec![inner, outer], &[]).unwrap();
    assert_eq!(mixed, [outer]);
    let granted = judge("api.example.com", vec![inner], &[inner.ip()]).unwrap();
    assert_eq!(granted, [inner]);
    // `localhost` was granted by name, or the call would not have come here; it may be loopback and
    // nothing else.
    assert!(judge("localhost", vec![at("127.0.0.1"), at("::1")], &[]).is_ok());
    assert!(judge("localhost", vec![inner], &[]).is_err());
}

#[test]
fn reserved_headers_are_denied() {
    for name in [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "upgrade",
        "te",
    ] {
        let mut call = call("https://api.example.com/");
        call.headers.insert(name, HeaderValue::from_static("x"));
        let answer = allowed(&grants(&["api.example.com"]), &call);
        assert!(matches!(answer, Err(Error::Denied(_))), "{name}");
    }
}

/// Answers each connection's request with the same bytes; returns the port.
async fn server(answer: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let n = stream.read(&mut request).await.unwrap_or(0);
                assert!(request[..n].ends_with(b"\r\n\r\nbody"));
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    port
}

/// Calls a port of the loopback that is granted.
async fn called(port: u16) -> Result<Answer, Error> {
    let host = format!("127.0.0.1:{port}");
    let grant = grants(&[&host]);
    let call = call(&format!("http://{host}/"));
    Client::new().send(call, &grant).await
}

#[tokio::test]
async fn a_granted_call_is_answered_and_an_ungranted_name_for_the_same_place_is_not() {
    let answer = b"HTTP/1.1 418 no\r\nx-a: b\r\nconnection: close\r\ncontent-length: 3\r\n\r\ntea";
    let port = server(answer.to_vec()).await;
    let client = Client::new();
    for host in ["127.0.0.1", "localhost"] {
        let grant = grants(&[&format!("{host}:{port}")]);
        let got = client
            .send(call(&format!("http://{host}:{port}/v1")), &grant)
            .await
            .unwrap();
        assert_eq!((got.status, &got.body[..]), (418, &b"tea"[..]));
        assert_eq!(got.headers.get("x-a").unwrap(), "b");
        assert!(!got.headers.contains_key("connection"));
    }
    let grant = grants(&[&format!("localhost:{port}")]);
    let denied = client
        .send(call(&format!("http://127.0.0.1:{port}/")), &grant)
        .await;
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
}

#[tokio::test]
async fn redirects_are_answers() {
    let answer =
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    let got = called(server(answer.to_vec()).await).await.unwrap();
    assert_eq!(got.status, 302);
}

#[tokio::test]
async fn an_answer_over_a_mebibyte_is_refused_whether_its_length_is_declared_or_not() {
    let body = vec![b'x'; LARGEST + 1];
    let with_length = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    for head in [with_length.as_str(), "HTTP/1.1 200 OK\r\n\r\n"] {
        let port = server([head.as_bytes(), &body].concat()).await;
        assert_eq!(called(port).await.unwrap_err(), Error::TooLarge);
    }
}

#[tokio::test]
async fn a_silent_server_is_a_timeout_and_a_closed_port_a_failure() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let grant = grants(&[&format!("127.0.0.1:{port}")]);
    let mut waiting = call(&format!("http://127.0.0.1:{port}/"));
    waiting.timeout = Duration::from_millis(50);
    assert_eq!(
        Client::new().send(waiting, &grant).await.unwrap_err(),
        Error::Timeout
    );

    drop(silent);
    let failed = called(port).await.unwrap_err();
    assert_eq!(failed, Error::Failed("no connection".into()));
}
