use super::*;

/// Makes a pair of connected sockets: the app's, and the one that the rules would have redirected
/// to us.
async fn redirected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (app, listener.accept().await.unwrap().0)
}

/// Serves one connection that was going to `to`.
async fn going(rig: &Rig, to: &str) -> TcpStream {
    let (app, ours) = redirected().await;
    let to = Ok(to.parse().unwrap());
    let permit = rig.shared.admission.admit_connection().unwrap();
    tokio::spawn(super::super::transparent::serve(
        ours,
        to,
        Arc::new(permit),
        Arc::clone(&rig.context),
    ));
    app
}

fn claims(address: SocketAddr) -> String {
    format!(
        "listen: {{ LISTEN }}\nupstreams: {{ openai: {{ dialect: openai, url: 'http://{address}/v1', hosts: [api.openai.com] }} }}"
    )
}

const MODELS: &str = "GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";

#[tokio::test]
async fn a_claimed_hosts_tls_is_terminated_wherever_it_was_going() {
    let (address, seen) = host().await;
    let rig = rig(&claims(address)).await;
    let app = going(&rig, "203.0.113.10:443").await;
    let mut app = rig.shake(app, "api.openai.com", &[]).await.unwrap();
    assert_eq!(status(&over(&mut app, MODELS, "models").await), "200");
    let other = "GET /v1/models HTTP/1.1\r\nHost: 203.0.113.10\r\n\r\n";
    assert_eq!(status(&over(&mut app, other, "}").await), "421");
    assert_eq!(seen.lock().len(), 1);
}

#[tokio::test]
async fn a_hello_in_pieces_and_late_is_read_all_the_same() {
    let (address, _) = host().await;
    let rig = rig(&claims(address)).await;
    let mut app = going(&rig, "203.0.113.10:443").await;
    // In a record per byte, and a segment per record: over the client's own bytes, so the handshake
    // itself can't go on.
    for record in super::names::fragmented(&super::names::hello("api.openai.com"), 40) {
        app.write_all(&record).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let mut answer = [0; 3];
    app.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [22, 3, 3], "a server's hello");
}

#[tokio::test]
async fn what_nobody_redirected_is_refused() {
    let (address, seen) = host().await;
    let rig = rig(&claims(address)).await;
    // Through the listener itself: the kernel knows no destination, or only our own address.
    let app = TcpStream::connect(rig.transparent).await.unwrap();
    assert!(rig.shake(app, "api.openai.com", &[]).await.is_err());
    // And where a destination is one of our own addresses.
    for own in [rig.base_url, rig.forward, rig.transparent] {
        let mut app = going(&rig, &own.to_string()).await;
        assert_eq!(over(&mut app, MODELS, "}").await, "");
    }
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn addresses_that_are_anothers_seen_from_here_are_not_dialled() {
    let (address, seen) = host().await;
    let rig = rig(&claims(address)).await;
    for to in [
        "127.0.0.1",
        "[::1]",
        "0.0.0.0",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "224.0.0.1",
        "255.255.255.255",
        "[::ffff:127.0.0.1]",
    ] {
        let mut app = going(&rig, &format!("{to}:{}", address.port())).await;
        assert_eq!(over(&mut app, MODELS, "}").await, "", "{to}");
    }
    assert!(seen.lock().is_empty());
}

#[tokio::test]
async fn others_are_refused_in_tls_words_where_the_operator_says_so() {
    let (address, _) = host().await;
    let rig = rig(&claims(address).replace("LISTEN", "LISTEN, others: refuse")).await;
    for (name, said) in [
        ("other.example", "AccessDenied"),
        ("203.0.113.10", "AccessDenied"),
    ] {
        let app = going(&rig, "203.0.113.10:443").await;
        let failed = rig.shake(app, name, &[]).await.unwrap_err().to_string();
        assert!(failed.contains(said), "{name}: {failed}");
    }
    let mut app = going(&rig, "203.0.113.10:443").await;
    assert_eq!(over(&mut app, MODELS, "}").await, "");
    let app = going(&rig, "203.0.113.10:443").await;
    assert!(rig.shake(app, "api.openai.com", &[]).await.is_ok());
}

#[tokio::test]
async fn the_kernel_knows_where_a_connection_was_going() {
    let (_app, ours) = redirected().await;
    // Without rules there is no destination but ourselves, or none at all.
    let found = super::super::transparent::destination(&ours);
    assert!(found.is_err() || found.unwrap() == ours.local_addr().unwrap());
}

/// Returns an address of this machine that is not loopback; `None` where it has no other.
fn outward() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?; // sends nothing
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback())
}

#[tokio::test]
async fn others_reach_exactly_where_they_were_going_with_every_byte() {
    let (address, _) = host().await;
    let rig = rig(&claims(address)).await;
    let Some(ip) = outward() else {
        return eprintln!("skipped: this machine has loopback only");
    };
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let to = listener.local_addr().unwrap().to_string();
    // TLS for another host, TLS for none, no TLS: the bytes pass unchanged.
    for first in [
        super::names::hello("other.example"),
        super::names::hello("203.0.113.10"),
        b"SSH-2.0-x\r\n".to_vec(),
    ] {
        let mut app = going(&rig, &to).await;
        app.write_all(&first).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let mut got = vec![0; first.len()];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(got, first);
        server.write_all(b"back").await.unwrap();
        assert_eq!(over(&mut app, "", "back").await, "back");
        app.shutdown().await.unwrap();
        assert_eq!(
            server.read(&mut [0; 1]).await.unwrap(),
            0,
            "an end is an end"
        );
    }
    // A connection that ends before its first message is complete passes, too.
    let mut app = going(&rig, &to).await;
    app.write_all(b"\x16\x03").await.unwrap();
    app.shutdown().await.unwrap();
    let mut got = Vec::new();
    listener
        .accept()
        .await
        .unwrap()
        .0
        .read_to_end(&mut got)
        .await
        .unwrap();
    assert_eq!(got, b"\x16\x03");
}

#[tokio::test]
async fn a_silent_client_hears_its_server_and_a_late_hello_is_read_all_the_same() {
    let (address, seen) = host().await;
    let Some(ip) = outward() else {
        return eprintln!("skipped: this machine has loopback only");
    };
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let to = listener.local_addr().unwrap();
    let yaml =
        claims(address).replace("api.openai.com", &format!("'api.openai.com:{}'", to.port()));
    let rig = rig(&yaml).await;
    // A server that speaks first.
    let mut app = going(&rig, &to.to_string()).await;
    let (mut server, _) = listener.accept().await.unwrap();
    server.write_all(b"220 hello\r\n").await.unwrap();
    assert_eq!(over(&mut app, "", "hello").await, "220 hello\r\n");
    // A client that was only slow: its server has been dialled, and receives nothing.
    let app = going(&rig, &to.to_string()).await;
    let (mut server, _) = listener.accept().await.unwrap();
    let mut app = rig.shake(app, "api.openai.com", &[]).await.unwrap();
    let request = format!(
        "GET /v1/models HTTP/1.1\r\nHost: api.openai.com:{}\r\n\r\n",
        to.port()
    );
    assert_eq!(status(&over(&mut app, &request, "/models").await), "200");
    assert_eq!(seen.lock().len(), 1);
    let mut got = Vec::new();
    server.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"");
}
