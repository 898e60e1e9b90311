use super::*;
use crate::intercept::tunnel::tunnels;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn open() -> Rig {
    rig("listen: { LISTEN, reach: [127.0.0.1] }").await
}

fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(next).collect()
}

#[tokio::test]
async fn every_byte_passes_in_both_directions_and_each_side_ends_when_it_ends() {
    let (listener, address) = listener().await;
    let rig = open().await;
    let (there, back) = (noise(3 << 20, 1), noise(5 << 20, 2));
    let (status, mut app) = rig.connect(&address.to_string()).await;
    assert_eq!(status, 200);
    let (mut server, _) = listener.accept().await.unwrap();
    let (expected, sent) = (there.clone(), back.clone());
    let serving = tokio::spawn(async move {
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap(); // the app has ended, and waits for its answer
        assert!(got == expected);
        server.write_all(&sent).await.unwrap();
    });
    app.write_all(&there).await.unwrap();
    app.shutdown().await.unwrap();
    let mut got = Vec::new();
    app.read_to_end(&mut got).await.unwrap();
    assert!(got == back);
    serving.await.unwrap();
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard() {
    let (listener, address) = listener().await;
    let rig = open().await;
    let (_, mut app) = rig.connect(&address.to_string()).await;
    let (mut server, _) = listener.accept().await.unwrap();
    server.write_all(b"220 hello\r\n").await.unwrap();
    assert_eq!(over(&mut app, "", "hello").await, "220 hello\r\n");
    app.write_all(b"QUIT\r\n").await.unwrap();
    let mut got = [0; 6];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"QUIT\r\n");
}

#[tokio::test]
async fn bytes_that_came_with_the_connect_are_not_lost() {
    let (listener, address) = listener().await;
    let rig = open().await;
    let mut app = TcpStream::connect(rig.forward).await.unwrap();
    let head = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\nearly");
    app.write_all(head.as_bytes()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let mut got = [0; 5];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"early");
}

#[tokio::test]
async fn a_side_that_breaks_off_breaks_the_other_and_is_no_end() {
    let (listener, address) = listener().await;
    let rig = open().await;
    let (_, mut app) = rig.connect(&address.to_string()).await;
    let (server, _) = listener.accept().await.unwrap();
    socket2::SockRef::from(&server)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(server);
    let failed = app.read(&mut [0; 1]).await;
    assert_eq!(
        failed.map_err(|error| error.kind()),
        Err(io::ErrorKind::ConnectionReset)
    );
}

#[tokio::test]
async fn a_tunnel_to_elsewhere_can_not_carry_tls_for_a_claimed_host() {
    let (listener, address) = listener().await;
    let port = address.port();
    let yaml = format!(
        "listen: {{ LISTEN, reach: [127.0.0.1] }}\nupstreams: {{ openai: {{ dialect: openai, url: 'http://127.0.0.1:1', hosts: ['api.openai.com:{port}'] }} }}"
    );
    let rig = rig(&yaml).await;
    let (status, app) = rig.connect(&address.to_string()).await;
    assert_eq!(status, 200);
    assert!(rig.shake(app, "api.openai.com", &[]).await.is_err());
    let (mut server, _) = listener.accept().await.unwrap();
    let mut got = Vec::new();
    let _ = server.read_to_end(&mut got).await;
    assert_eq!(got, b"", "nothing of the hello has left");
    // Another host's hello arrives as it was sent.
    let (_, mut app) = rig.connect(&address.to_string()).await;
    let hello = super::names::hello("other.example");
    let (head, rest) = hello.split_at(70);
    app.write_all(head).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    app.write_all(rest).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let mut got = vec![0; hello.len()];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got, hello);
}

#[tokio::test]
async fn tunnels_are_counted_while_they_are_open_and_a_cut_ends_them() {
    let (listener, address) = listener().await;
    let rig = open().await;
    let (_, mut app) = rig.connect(&address.to_string()).await;
    let (mut server, _) = listener.accept().await.unwrap();
    app.write_all(b"x").await.unwrap();
    assert!(tunnels() > 0);
    rig.shared.enter(Phase::Draining);
    // A tunnel with traffic goes on while the process drains.
    let mut got = [0; 1];
    server.read_exact(&mut got).await.unwrap();
    server.write_all(b"y").await.unwrap();
    app.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"y");
    rig.shared.enter(Phase::Cut);
    assert!(app.read(&mut got).await.is_err(), "a cut is no end");
    assert!(
        tokio::time::timeout(Duration::from_secs(5), rig.serving)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_tunnel_in_which_nothing_moves_holds_no_drain_up() {
    let (listener, address) = listener().await;
    let rig = open().await;
    let (_, _app) = rig.connect(&address.to_string()).await;
    let _server = listener.accept().await.unwrap();
    rig.shared.enter(Phase::Draining);
    assert!(
        tokio::time::timeout(Duration::from_secs(10), rig.serving)
            .await
            .is_ok()
    );
}
