use super::*;

async fn open(listen: &str) -> Rig {
    rig(&format!("listen: {{ LISTEN, {listen} }}")).await
}

#[tokio::test]
async fn no_spelling_of_an_address_that_is_not_public_is_reached() {
    let (address, seen) = host().await;
    let port = address.port();
    let rig = open("others: tunnel").await;
    for target in
        "127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 0 0.0.0.0 localhost LOCALHOST. [::1] \
        [::] [::ffff:127.0.0.1] [::ffff:7f00:1] 169.254.169.254 [::ffff:169.254.169.254] \
        [fd00:ec2::254] 10.0.0.1 100.100.100.200 [fe80::1]"
            .split(' ')
    {
        let (status, _) = rig.connect(&format!("{target}:{port}")).await;
        assert!(matches!(status, 400 | 403 | 502), "{target}: {status}");
        let (status, head, _) = rig
            .send(&format!(
                "GET http://{target}:{port}/x HTTP/1.1\r\nHost: {target}:{port}\r\n\r\n"
            ))
            .await;
        assert!(matches!(status, 400 | 403 | 502), "{target}: {head}");
    }
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn what_is_granted_is_reached_but_for_our_own_ports() {
    let (address, _) = host().await;
    let rig = open("reach: [127.0.0.0/8, localhost, '::1', 0.0.0.0/8]").await;
    let port = address.port();
    assert_eq!(rig.connect(&format!("127.0.0.1:{port}")).await.0, 200);
    assert_eq!(rig.connect(&format!("localhost:{port}")).await.0, 200);
    for own in [rig.base_url, rig.forward, rig.transparent] {
        for host in ["127.0.0.1", "localhost", "0.0.0.0", "127.1"] {
            let (status, _) = rig.connect(&format!("{host}:{}", own.port())).await;
            assert_eq!(status, 403, "{host}:{}", own.port());
        }
        let (status, head, mut rest) = rig
            .send(&format!(
                "GET http://{own}/v1/models HTTP/1.1\r\nHost: {own}\r\n\r\n"
            ))
            .await;
        assert_eq!(status, 403, "{head}");
        assert!(over(&mut rest, "", "\n").await.contains("NO_PROXY"));
    }
}

#[tokio::test]
async fn others_are_refused_where_the_operator_says_so() {
    let (address, seen) = host().await;
    let rig = open("others: refuse, reach: [127.0.0.0/8]").await;
    let (status, head, mut rest) = rig
        .send(&format!(
            "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n"
        ))
        .await;
    assert_eq!(status, 403);
    assert!(head.contains("connection: close"), "{head}");
    assert!(over(&mut rest, "", "\n").await.contains("listen.others"));
    assert_eq!(
        rig.send(&format!(
            "GET http://{address}/ HTTP/1.1\r\nHost: {address}\r\n\r\n"
        ))
        .await
        .0,
        403
    );
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn an_unreachable_host_is_an_error_before_a_tunnel_begins() {
    let rig = open("reach: [127.0.0.0/8]").await;
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(rig.connect(&gone.to_string()).await.0, 502);
    assert_eq!(rig.connect("no-such-host.invalid:443").await.0, 502);
}

#[tokio::test]
async fn plain_http_to_others_is_passed_on_without_what_belongs_to_the_connection() {
    let (address, seen) = host().await;
    let rig = open("reach: [127.0.0.1]").await;
    let body = "\u{0}a\r\nb".repeat(9000);
    let request = format!(
        "POST http://{address}/a%20b?c=d HTTP/1.1\r\nHost: {address}\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\n\
         Connection: x-hop\r\nX-Hop: 1\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut app = TcpStream::connect(rig.forward).await.unwrap();
    let answer = over(&mut app, &request, "/a%20b").await;
    assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
    // The connection goes on, to another path.
    let again = format!("GET http://{address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    assert_eq!(status(&over(&mut app, &again, "\r\n\r\n/").await), "200");
    let seen = seen.lock();
    assert_eq!(
        seen[0],
        ("/a%20b?c=d".into(), address.to_string(), body.into())
    );
    assert_eq!(seen[1].0, "/");
}

#[tokio::test]
async fn plain_http_to_a_claimed_host_is_an_exchange() {
    let (address, seen) = host().await;
    let yaml = format!(
        "listen: {{ LISTEN, others: refuse }}\nupstreams: {{ openai: {{ dialect: openai, url: 'http://localhost:{}/v1' }}, \
         anthropic: {{ dialect: anthropic, url: 'http://{address}/gateway', hosts: [api.anthropic.com] }} }}",
        address.port()
    );
    let rig = rig(&yaml).await;
    let host = format!("localhost:{}", address.port());
    for (url, host, path) in [
        (format!("http://{host}/v1/models"), &*host, "/v1/models"),
        (
            "http://api.anthropic.com/v1/models".into(),
            "api.anthropic.com",
            "/gateway/v1/models",
        ),
    ] {
        let mut app = TcpStream::connect(rig.forward).await.unwrap();
        let answer = over(
            &mut app,
            &format!("GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            path,
        )
        .await;
        assert!(
            answer.contains(path) && answer.contains("x-request-id"),
            "{answer}"
        );
    }
    assert_eq!(seen.lock().len(), 2);
    let (status, ..) = rig
        .send(&format!(
            "GET http://{host}/v1/models HTTP/1.1\r\nHost: other\r\n\r\n"
        ))
        .await;
    assert_eq!(status, 421);
}

#[tokio::test]
async fn requests_that_are_not_for_a_proxy_are_answered_with_a_sentence() {
    let rig = open("others: tunnel").await;
    for (request, expected) in [
        ("GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:0 HTTP/1.1\r\nHost: a:0\r\n\r\n", 400),
        ("CONNECT u@a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", 421),
        (
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 1\r\n\r\nx",
            400,
        ),
        ("CONNECT a:443 HTTP/1.1\r\n\r\n", 400),
        ("GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ] {
        let (status, head, _) = rig.send(request).await;
        assert_eq!(status, expected, "{request}: {head}");
    }
}

#[tokio::test]
async fn a_connect_at_the_base_url_says_what_to_do_and_closes() {
    let rig = open("others: tunnel").await;
    let mut app = TcpStream::connect(rig.base_url).await.unwrap();
    // The bytes that follow are not looked at: they might have been a tunnel's.
    let both = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\n";
    let answer = over(&mut app, both, "never").await;
    assert!(
        answer.contains("400 Bad Request") && answer.contains("HTTPS_PROXY"),
        "{answer}"
    );
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_connect_of_http_1_0_without_a_host_is_served() {
    let (address, _) = host().await;
    let rig = open("reach: [127.0.0.1]").await;
    let (status, ..) = rig
        .send(&format!("CONNECT {address} HTTP/1.0\r\n\r\n"))
        .await;
    assert_eq!(status, 200);
}
