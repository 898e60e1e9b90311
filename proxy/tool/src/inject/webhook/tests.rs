#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, os::unix::fs::symlink, path::Path};

use hyper::client::conn::{http1, http2};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;

/// Writes a new pair as the kubelet does: files in a folder of their own, and a symbolic link that
/// is swapped. Gives the certificate.
fn swap(folder: &Path, number: u32) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["webhook".to_owned()]).unwrap();
    let data = folder.join(format!("..{number}"));
    fs::create_dir(&data).unwrap();
    fs::write(data.join("tls.crt"), made.cert.pem()).unwrap();
    fs::write(data.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    symlink(&data, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    made.cert.der().clone()
}

struct Running {
    at: SocketAddr,
    folder: tempfile::TempDir,
    trusted: Vec<CertificateDer<'static>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    async fn start(linger: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let first = swap(folder.path(), 1);
        let at = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let address = Address {
            listen: at,
            cert: folder.path().join("..data/tls.crt"),
            key: folder.path().join("..data/tls.key"),
            linger,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve(address, Settings::default(), shutdown));
        while TcpStream::connect(at).await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
        Self {
            at,
            folder,
            trusted: vec![first],
            stop: Some(stop),
            task,
        }
    }

    async fn connect(&self, alpn: &str) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        self.trusted
            .iter()
            .for_each(|cert| roots.add(cert.clone()).unwrap());
        let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let stream = TcpStream::connect(self.at).await.unwrap();
        let name = ServerName::try_from("webhook").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap()
    }

    async fn ask(&self, method: Method, path: &str, body: impl Into<Bytes>) -> (StatusCode, Bytes) {
        let stream = self.connect("http/1.1").await;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let reply = sender
            .send_request(request(method, path, body))
            .await
            .unwrap();
        let status = reply.status();
        (
            status,
            reply.into_body().collect().await.unwrap().to_bytes(),
        )
    }
}

fn request(method: Method, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::builder()
        .method(method)
        .uri(format!("https://webhook{path}"));
    request
        .header("host", "webhook")
        .body(Full::new(body.into()))
        .unwrap()
}

fn review() -> String {
    let pod = json!({ "metadata": { "name": "p" }, "spec": { "containers": [{ "name": "app" }] } });
    let kind = json!({ "group": "", "version": "v1", "kind": "Pod" });
    let request =
        json!({ "uid": "u", "kind": kind, "namespace": "n", "operation": "CREATE", "object": pod });
    json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request })
        .to_string()
}

fn allowed(body: &[u8]) -> bool {
    let said: Value = serde_json::from_slice(body).unwrap();
    said["response"]["allowed"] == true && said["response"]["patch"].is_string()
}

#[tokio::test]
async fn it_answers_reviews_over_tls_and_nothing_else() {
    let webhook = Running::start(Duration::ZERO).await;
    let (status, body) = webhook
        .ask(Method::POST, "/mutate?timeout=5s", review())
        .await;
    assert_eq!(status, StatusCode::OK);
    assert!(allowed(&body));
    for (method, path, body, status) in [
        (Method::GET, "/readyz", String::new(), StatusCode::OK),
        (Method::GET, "/healthz", String::new(), StatusCode::OK),
        (
            Method::GET,
            "/mutate",
            String::new(),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (Method::POST, "/other", String::new(), StatusCode::NOT_FOUND),
        (
            Method::POST,
            "/mutate",
            "{".to_owned(),
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::POST,
            "/mutate",
            " ".repeat(LONGEST + 1),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        assert_eq!(webhook.ask(method, path, body).await.0, status, "{path}");
    }
    // As the API server comes: HTTP/2, one connection, many reviews at once.
    let stream = webhook.connect("h2").await;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let replies = (0..32).map(|_| {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let reply = sender
                .send_request(request(Method::POST, "/mutate", review()))
                .await
                .unwrap();
            reply.into_body().collect().await.unwrap().to_bytes()
        })
    });
    for body in replies.collect::<Vec<_>>() {
        assert!(allowed(&body.await.unwrap()));
    }
}

#[tokio::test]
async fn a_swapped_certificate_is_taken_up_and_no_review_is_lost() {
    let mut webhook = Running::start(Duration::ZERO).await;
    // A connection of before the swap.
    let stream = webhook.connect("http/1.1").await;
    let (mut kept, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let next = swap(webhook.folder.path(), 2);
    webhook.trusted.push(next.clone());
    let begun = tokio::time::Instant::now();
    loop {
        let stream = webhook.connect("http/1.1").await;
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        for sender in [&mut sender, &mut kept] {
            let reply = sender
                .send_request(request(Method::POST, "/mutate", review()))
                .await
                .unwrap();
            assert!(allowed(
                &reply.into_body().collect().await.unwrap().to_bytes()
            ));
        }
        if shown == next {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the new certificate is not shown"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn at_shutdown_it_is_unready_first_and_goes_on_for_a_while() {
    let mut webhook = Running::start(Duration::from_millis(800)).await;
    let stream = webhook.connect("http/1.1").await;
    let (mut open, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let reply = open
        .send_request(request(Method::GET, "/readyz", ""))
        .await
        .unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    reply.into_body().collect().await.unwrap();
    webhook.stop.take().unwrap().send(()).unwrap();
    while webhook.ask(Method::GET, "/readyz", "").await.0 == StatusCode::OK {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(allowed(
        &webhook.ask(Method::POST, "/mutate", review()).await.1
    ));
    timeout(Duration::from_secs(5), &mut webhook.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    // The idle connection was ended, not forgotten.
    timeout(Duration::from_secs(5), connection)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(webhook.at).await.is_err());
}
