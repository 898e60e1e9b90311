use super::*;

/// Configures an upstream at `address` whose TLS is terminated for `hosts`.
fn claims(address: SocketAddr, hosts: &str) -> String {
    format!(
        "listen: {{ LISTEN }}\nupstreams: {{ openai: {{ dialect: openai, url: 'http://{address}/prefix/v1', hosts: [{hosts}] }}, \
         anthropic: {{ dialect: anthropic, url: 'http://127.0.0.1:1' }} }}"
    )
}

const CHAT: &str = "{\"model\":\"gpt-5\",\"messages\":[]}";

fn chat(host: &str) -> String {
    let length = CHAT.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{CHAT}"
    )
}

#[tokio::test]
async fn a_connect_to_a_claimed_host_becomes_exchanges_of_its_upstream() {
    let (address, seen) = host().await;
    let rig = rig(&claims(address, "api.openai.com")).await;
    for alpn in [&[][..], &["http/1.1"]] {
        let mut app = rig
            .tunnel("api.openai.com:443", "api.openai.com", alpn)
            .await
            .unwrap();
        for _ in 0..2 {
            let answer = over(&mut app, &chat("api.openai.com"), "completions").await;
            assert_eq!(status(&answer), "200", "{answer}");
        }
        // Requests that no dialect reads go to the same host, even if their headers suggest another
        // family.
        let request =
            "GET /v1/files?x=1 HTTP/1.1\r\nHost: API.openai.com:443\r\nx-api-key: k\r\n\r\n";
        let answer = over(&mut app, request, "files").await;
        assert_eq!(status(&answer), "200", "{answer}");
    }
    let seen = seen.lock();
    assert_eq!(seen.len(), 6);
    let authority = address.to_string();
    assert_eq!(
        seen[0],
        (
            "/prefix/v1/chat/completions".into(),
            authority.clone(),
            CHAT.into()
        )
    );
    assert_eq!(
        seen[2],
        ("/prefix/v1/files?x=1".into(), authority, Bytes::new())
    );
}

#[tokio::test]
async fn an_app_that_dials_the_upstreams_own_host_keeps_its_paths_as_they_are() {
    let (address, seen) = host().await;
    let yaml = format!(
        "listen: {{ LISTEN }}\nupstreams: {{ openai: {{ dialect: openai, url: 'http://localhost:{}/v1', hosts: [localhost] }} }}",
        address.port()
    );
    let rig = rig(&yaml).await;
    let mut app = rig.tunnel("localhost:443", "localhost", &[]).await.unwrap();
    let answer = over(
        &mut app,
        "GET /v1beta/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "beta",
    )
    .await;
    assert_eq!(status(&answer), "200", "{answer}");
    assert_eq!(seen.lock()[0].0, "/v1beta/x");
}

#[tokio::test]
async fn http_2_is_spoken_to_apps_that_offer_it() {
    let (address, seen) = host().await;
    let rig = rig(&claims(address, "api.openai.com")).await;
    let app = rig
        .tunnel("api.openai.com:443", "api.openai.com", &["h2", "http/1.1"])
        .await
        .unwrap();
    assert_eq!(app.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(app))
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut send = |uri: &str, host: Option<&str>| {
        let mut request = Request::post(uri).header("content-type", "application/json");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let sent = sender.send_request(request.body(Full::new(Bytes::from(CHAT))).unwrap());
        async move { sent.await.unwrap().status().as_u16() }
    };
    let path = "/v1/chat/completions";
    assert_eq!(
        send(&format!("https://api.openai.com{path}"), None).await,
        200
    );
    assert_eq!(
        send(
            &format!("https://API.OpenAI.com.:443{path}"),
            Some("api.openai.com")
        )
        .await,
        200
    );
    // A connection for one host may not be used for another, as browsers do where a certificate has
    // both names.
    assert_eq!(
        send(&format!("https://api.anthropic.com{path}"), None).await,
        421
    );
    assert_eq!(
        send(
            &format!("https://api.openai.com{path}"),
            Some("api.anthropic.com")
        )
        .await,
        421
    );
    assert_eq!(
        send(&format!("https://api.openai.com:8443{path}"), None).await,
        421
    );
    assert_eq!(seen.lock().len(), 2);
}

#[tokio::test]
async fn a_request_for_another_host_than_its_connections_is_misdirected() {
    let (address, seen) = host().await;
    let rig = rig(&claims(address, "api.openai.com, api.anthropic.com")).await;
    for (line, expected) in [
        ("Host: api.openai.com", "200"),
        ("Host: api.openai.com.", "200"),
        ("Host: API.OPENAI.COM:443", "200"),
        ("Host: api.openai.com:80", "421"),
        ("Host: api.openai.com:0443x", "421"),
        ("Host: api.anthropic.com", "421"),
        ("Host: api.openai.com.evil.example", "421"),
        ("Host: 203.0.113.10", "421"),
        ("Host: [2001:db8::10]:443", "421"),
        ("Host: ", "421"),
        ("X: y", "400"),
        ("Host: api.openai.com\r\nHost: api.openai.com", "400"),
    ] {
        let mut app = rig
            .tunnel("api.openai.com:443", "api.openai.com", &[])
            .await
            .unwrap();
        let ends = if expected == "200" { "/models" } else { "}" };
        let answer = over(
            &mut app,
            &format!("GET /v1/models HTTP/1.1\r\n{line}\r\n\r\n"),
            ends,
        )
        .await;
        assert_eq!(status(&answer), expected, "{line}: {answer}");
        if expected == "421" {
            assert!(
                answer.contains("misdirected") && answer.contains("connection: close"),
                "{answer}"
            );
        }
    }
    // An absolute target counts before `host` does.
    let mut app = rig
        .tunnel("api.openai.com:443", "api.openai.com", &[])
        .await
        .unwrap();
    let request =
        "GET https://api.anthropic.com/v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
    assert_eq!(status(&over(&mut app, request, "}").await), "421");
    let mut app = rig
        .tunnel("api.openai.com:443", "api.openai.com", &[])
        .await
        .unwrap();
    assert_eq!(
        status(&over(&mut app, "GET /v1/models HTTP/1.0\r\n\r\n", "}").await),
        "421"
    );
    assert_eq!(seen.lock().len(), 3);
}

#[tokio::test]
async fn a_refusal_inside_is_written_in_the_dialect_of_the_request() {
    let (address, _) = host().await;
    let rig = rig(&claims(address, "api.anthropic.com")).await;
    let mut app = rig
        .tunnel("api.anthropic.com:443", "api.anthropic.com", &[])
        .await
        .unwrap();
    let request =
        "POST /v1/messages HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 2\r\n\r\n{}";
    let answer = over(&mut app, request, "}}").await;
    assert!(
        answer.contains("421 Misdirected Request") && answer.contains("\"type\":\"error\""),
        "{answer}"
    );
}

#[tokio::test]
async fn names_that_differ_between_connect_and_hello_end_the_handshake() {
    let (address, seen) = host().await;
    let yaml = claims(address, "api.openai.com").replace("LISTEN", "LISTEN, reach: [127.0.0.0/8]");
    let rig = rig(&yaml).await;
    // The CONNECT names a claimed host, and the hello another one.
    for name in ["other.example", "api.anthropic.com", "203.0.113.10"] {
        let failed = rig.tunnel("api.openai.com:443", name, &[]).await;
        assert!(failed.is_err(), "{name}");
    }
    for target in ["API.openai.com:443", "api.openai.com.:443"] {
        assert!(
            rig.tunnel(target, "api.openai.com", &[]).await.is_ok(),
            "{target}"
        );
    }
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn what_is_no_tls_inside_a_claimed_connect_is_closed() {
    let (address, seen) = host().await;
    let rig = rig(&claims(address, "api.openai.com")).await;
    let (status, mut app) = rig.connect("api.openai.com:443").await;
    assert_eq!(status, 200);
    assert_eq!(
        over(
            &mut app,
            "GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
            "}"
        )
        .await,
        ""
    );
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn ambiguous_framing_is_refused_inside_tls_too() {
    let (address, seen) = host().await;
    let rig = rig(&claims(address, "api.openai.com")).await;
    let mut app = rig
        .tunnel("api.openai.com:443", "api.openai.com", &[])
        .await
        .unwrap();
    let request = "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}";
    assert_eq!(status(&over(&mut app, request, "\r\n\r\n").await), "400");
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn a_host_that_a_reload_takes_away_is_misdirected_from_the_next_request_on() {
    let (address, _) = host().await;
    let rig = rig(&claims(address, "api.openai.com")).await;
    let request = "GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
    let mut app = rig
        .tunnel("api.openai.com:443", "api.openai.com", &[])
        .await
        .unwrap();
    assert_eq!(status(&over(&mut app, request, "models").await), "200");
    rig.reload(&claims(address, "api.anthropic.com"));
    assert_eq!(status(&over(&mut app, request, "}").await), "421");
    // A host that a reload adds is read from the next connection on.
    assert!(
        rig.tunnel("api.anthropic.com:443", "api.anthropic.com", &[])
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn without_an_authority_a_claimed_host_is_refused_and_never_tunnelled() {
    let (address, seen) = host().await;
    let roots = rustls::RootCertStore::empty();
    let rig = rig_with(&claims(address, "api.openai.com"), None, roots).await;
    assert_eq!(rig.connect("api.openai.com:443").await.0, 503);
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn no_upgrade_but_a_websocket_leaves() {
    let (address, seen) = host().await;
    let rig = rig(&claims(address, "api.openai.com")).await;
    let mut app = rig
        .tunnel("api.openai.com:443", "api.openai.com", &[])
        .await
        .unwrap();
    let request = "GET /v1/realtime HTTP/1.1\r\nHost: api.openai.com\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    // As at the base URL: the host gets the request without the upgrade (`host` asserts that), and
    // answers without switching.
    assert_eq!(status(&over(&mut app, request, "realtime").await), "200");
    assert_eq!(seen.lock().len(), 1);
    // A host that does not switch is believed, and the connection ends, as the bytes after the
    // request were not checked.
    let request = request.replace("h2c", "websocket");
    let answer = over(&mut app, &request, "realtime").await;
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(seen.lock().len(), 2);
}

#[tokio::test]
async fn a_drain_ends_idle_connections_and_waits_for_exchanges_in_progress() {
    let (address, _) = host().await;
    let rig = rig(&claims(address, "api.openai.com")).await;
    let mut idle = rig
        .tunnel("api.openai.com:443", "api.openai.com", &[])
        .await
        .unwrap();
    let mut busy = rig
        .tunnel("api.openai.com:443", "api.openai.com", &[])
        .await
        .unwrap();
    let request = "GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
    assert_eq!(status(&over(&mut idle, request, "models").await), "200");
    let whole = chat("api.openai.com");
    let (head, rest) = whole.split_at(60);
    busy.write_all(head.as_bytes()).await.unwrap();
    busy.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.shared.enter(Phase::Draining);
    assert_eq!(
        over(&mut idle, "", "x").await,
        "",
        "an idle connection ends"
    );
    let answer = over(&mut busy, rest, "\r\n\r\n").await;
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(
        tokio::time::timeout(Duration::from_secs(5), rig.serving)
            .await
            .is_ok()
    );
}
