//! Requests for credentials over real sockets: what is requested, in which order, and what becomes
//! of the answers.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use super::*;
use crate::config::identity::{Anthropic, Authorization, Aws, AwsSource, Azure, Gcp, Openai};

/// Answers one request after another, each on a connection of its own; the requests come out.
async fn server(answers: Vec<(u16, String)>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).await.unwrap();
                assert!(read > 0, "the request broke off");
                request.extend_from_slice(&buffer[..read]);
            }
            sender.send(String::from_utf8(request).unwrap()).unwrap();
            let head = format!(
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all([head, body].concat().as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, requests)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn aws(source: AwsSource) -> config::Identity {
    config::Identity::Aws(Aws {
        region: "eu-west-1".into(),
        service: "bedrock".into(),
        source,
    })
}

async fn headers(config: config::Identity) -> Result<http::HeaderMap, IdentityFailure> {
    let credential = Identities::default()
        .of(&Arc::new(config))
        .credential()
        .await?;
    let request = http::Request::post("https://model.example/")
        .body(())
        .unwrap();
    let mut head = request.into_parts().0;
    credential.apply(&mut head, b"{}", 1_440_938_160).unwrap();
    Ok(head.headers)
}

const KEYS: &str = r#"{"Code":"Success","AccessKeyId":"AKID","SecretAccessKey":"canary","Token":"session","Expiration":"2100-01-01T00:00:00Z"}"#;
const TOKEN: &str = r#"{"access_token":"issued","expires_in":3600,"token_type":"Bearer"}"#;

fn ok(body: &str) -> (u16, String) {
    (200, body.to_owned())
}

#[tokio::test]
async fn an_instance_is_requests_for_a_session_its_role_and_the_roles_keys() {
    let (url, mut requests) = server(vec![ok("sess-1"), ok("my-role\n"), ok(KEYS)]).await;
    let headers = headers(aws(AwsSource::Instance { url })).await.unwrap();
    assert_eq!(headers["x-amz-security-token"], "session");
    assert!(
        headers["authorization"]
            .to_str()
            .unwrap()
            .contains("Credential=AKID/20150830/")
    );
    let session = requests.recv().await.unwrap();
    assert!(
        session.starts_with("PUT /latest/api/token HTTP/1.1\r\n"),
        "{session}"
    );
    assert!(session.contains("x-aws-ec2-metadata-token-ttl-seconds: "));
    for path in ["", "my-role"] {
        let next = requests.recv().await.unwrap();
        let line = format!("GET /latest/meta-data/iam/security-credentials/{path} HTTP/1.1\r\n");
        assert!(next.starts_with(&line), "{next}");
        assert!(next.contains("\r\nx-aws-ec2-metadata-token: sess-1\r\n"));
    }
}

#[tokio::test]
async fn sts_exchanges_the_clusters_token_for_a_roles_keys() {
    let answer = "<r><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>canary</SecretAccessKey><SessionToken>session</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></r>";
    let (url, mut requests) = server(vec![ok(answer)]).await;
    let token = file("a.jwt/+\n");
    let source = AwsSource::WebIdentity {
        file: token.path().into(),
        role: "arn:aws:iam::1:role/r".into(),
        session: "outrigger".into(),
        url,
    };
    let headers = headers(aws(source)).await.unwrap();
    assert_eq!(headers["x-amz-security-token"], "session");
    let request = requests.recv().await.unwrap();
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        body,
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=outrigger&WebIdentityToken=a.jwt%2F%2B"
    );
}

#[tokio::test]
async fn a_nodes_agent_sees_the_token_that_the_file_has_at_that_moment() {
    let soon = KEYS.replace("2100", "2000");
    let (url, mut requests) = server(vec![ok(&soon), ok(KEYS)]).await;
    let token = file("first");
    let source = aws(AwsSource::Container {
        url: format!("{url}/v1/credentials"),
        authorization: Some(Authorization::File(token.path().into())),
    });
    let failure = headers(source.clone()).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "no credential from `aws/container`: asking the agent for keys: what came has expired"
    );
    std::fs::write(token.path(), "second").unwrap();
    headers(source).await.unwrap();
    for token in ["first", "second"] {
        let request = requests.recv().await.unwrap();
        assert!(request.starts_with("GET /v1/credentials HTTP/1.1\r\n"));
        assert!(
            request.contains(&format!("\r\nauthorization: {token}\r\n")),
            "{request}"
        );
    }
}

#[tokio::test]
async fn googles_metadata_server_is_requests_as_it_wants_to_be() {
    let (url, mut requests) = server(vec![ok(TOKEN)]).await;
    let headers = headers(config::Identity::Gcp(Gcp::Metadata { url }))
        .await
        .unwrap();
    assert_eq!(headers["authorization"], "Bearer issued");
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with(
        "GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1\r\n"
    ));
    assert!(request.contains("\r\nmetadata-flavor: Google\r\n"));
}

#[tokio::test]
async fn a_service_accounts_assertion_is_exchanged_at_its_own_endpoint() {
    let (url, mut requests) = server(vec![ok(TOKEN)]).await;
    let account = serde_json::json!({
        "type": "service_account", "client_email": "a@b", "token_uri": format!("{url}/token"),
        "private_key": include_str!("gcp/service_account/key.pem"),
    });
    let account = file(&account.to_string());
    let gcp = Gcp::ServiceAccount {
        file: account.path().into(),
        scope: "s".into(),
    };
    let headers = headers(config::Identity::Gcp(gcp)).await.unwrap();
    assert_eq!(headers["authorization"], "Bearer issued");
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /token HTTP/1.1\r\n"));
    assert!(
        request.contains(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey"
        )
    );
}

#[tokio::test]
async fn entra_takes_the_clusters_token_as_the_clients_assertion() {
    let (url, mut requests) = server(vec![ok(TOKEN)]).await;
    let token = file("a.jwt");
    let azure = config::Identity::Azure(Azure {
        file: token.path().into(),
        client: "client-1".into(),
        url: format!("{url}/tenant-1/oauth2/v2.0/token"),
        scope: "https://ai.azure.com/.default".into(),
    });
    assert_eq!(
        headers(azure).await.unwrap()["authorization"],
        "Bearer issued"
    );
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /tenant-1/oauth2/v2.0/token HTTP/1.1\r\n"));
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        body,
        "grant_type=client_credentials&client_id=client-1&scope=https%3A%2F%2Fai.azure.com%2F.default&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.jwt"
    );
}

#[tokio::test]
async fn anthropic_and_openai_exchange_the_clusters_token_each_in_its_own_way() {
    let token = file("a.jwt");
    let body_of = |request: String| -> serde_json::Value {
        serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let (url, mut requests) = server(vec![ok(TOKEN)]).await;
    let anthropic = config::Identity::Anthropic(Anthropic {
        file: token.path().into(),
        url: format!("{url}/v1/oauth/token"),
        federation_rule: "fdrl_1".into(),
        organization: "org-1".into(),
        service_account: "svac_1".into(),
        workspace: Some("default".into()),
    });
    let sent = headers(anthropic).await.unwrap();
    assert_eq!(sent["authorization"], "Bearer issued");
    assert_eq!(sent["anthropic-beta"], "oauth-2025-04-20");
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /v1/oauth/token HTTP/1.1\r\n"));
    assert!(
        request.contains("\r\nanthropic-beta: oauth-2025-04-20,oidc-federation-2026-04-01\r\n")
    );
    assert_eq!(
        body_of(request),
        serde_json::json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.jwt",
            "federation_rule_id": "fdrl_1", "organization_id": "org-1",
            "service_account_id": "svac_1", "workspace_id": "default",
        })
    );

    let (url, mut requests) = server(vec![ok(TOKEN)]).await;
    let openai = config::Identity::Openai(Openai {
        file: token.path().into(),
        url: format!("{url}/oauth/token"),
        provider: "idp_1".into(),
        service_account: "sa_1".into(),
    });
    assert_eq!(
        headers(openai).await.unwrap()["authorization"],
        "Bearer issued"
    );
    assert_eq!(
        body_of(requests.recv().await.unwrap()),
        serde_json::json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "subject_token": "a.jwt",
            "identity_provider_id": "idp_1", "service_account_id": "sa_1",
        })
    );
}

#[tokio::test]
async fn a_failure_names_source_step_and_status_and_nothing_of_the_secret() {
    let token = file("canary.jwt");
    let azure = |url: String| {
        config::Identity::Azure(Azure {
            file: token.path().into(),
            client: "c".into(),
            url,
            scope: "s".into(),
        })
    };
    let refused = r#"{"error":"invalid_client","error_description":"canary.jwt is no assertion"}"#;
    let large = "x".repeat(client::LARGEST + 1);
    for (answer, expected) in [
        (
            (401, refused.to_owned()),
            "no credential from `azure`: exchanging the token: status 401 (invalid_client)",
        ),
        (
            (500, "canary".to_owned()),
            "no credential from `azure`: exchanging the token: status 500",
        ),
        (
            (302, String::new()),
            "no credential from `azure`: exchanging the token: status 302",
        ),
        (
            ok("canary"),
            "no credential from `azure`: exchanging the token: it has no valid `access_token`",
        ),
        (
            ok(&large),
            "no credential from `azure`: exchanging the token: it is larger than 65536 bytes",
        ),
    ] {
        let (url, _requests) = server(vec![answer]).await;
        let failure = headers(azure(url)).await.unwrap_err();
        assert_eq!(failure.to_string(), expected);
        assert!(!format!("{failure:?}").contains("canary"));
    }
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let failure = headers(azure(format!("http://{nobody}/")))
        .await
        .unwrap_err();
    assert_eq!(
        failure.to_string(),
        format!("no credential from `azure`: exchanging the token: no connection to {nobody}")
    );
    std::fs::remove_file(token.path()).unwrap();
    let gone = headers(azure("http://127.0.0.1:1/".into()))
        .await
        .unwrap_err();
    assert!(
        gone.to_string()
            .ends_with("can't be read: it does not exist"),
        "{gone}"
    );
}

/// The address that a policy may never fetch is where an identity's own requests go.
#[tokio::test]
async fn an_identity_reaches_an_address_that_no_policy_does() {
    use sandbox::capabilities::fetch::{Call, Error, Fetch};
    let (url, mut requests) = server(vec![ok(TOKEN)]).await;
    let host = url.strip_prefix("http://").unwrap();
    let call = |url: String| Call {
        method: http::Method::GET,
        url,
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        timeout: std::time::Duration::from_secs(2),
    };
    let policies = crate::upstream::side::Client::new();
    let granted = ["api.example.com".to_owned()];
    for url in [
        url.clone(),
        "http://169.254.169.254/latest/meta-data/".into(),
        "http://169.254.170.23/v1/credentials".into(),
        "http://[fd00:ec2::254]/".into(),
        "http://metadata.google.internal/".into(),
    ] {
        let denied = policies.send(call(url.clone()), &granted).await;
        assert!(matches!(denied, Err(Error::Denied(_))), "{url}");
    }
    for ip in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::254",
        "fd00:ec2::23",
    ] {
        assert!(
            crate::upstream::addresses::forbidden(ip.parse().unwrap()).is_some(),
            "{ip}"
        );
    }
    assert!(requests.try_recv().is_err());
    let metadata = Gcp::Metadata {
        url: format!("http://{host}"),
    };
    headers(config::Identity::Gcp(metadata)).await.unwrap();
    assert!(requests.recv().await.is_some());
}

#[tokio::test]
async fn generations_that_say_the_same_share_one_credential() {
    let identities = Identities::default();
    let config = || {
        Arc::new(config::Identity::Gcp(Gcp::Metadata {
            url: "http://a".into(),
        }))
    };
    let (one, other) = (identities.of(&config()), identities.of(&config()));
    assert!(Arc::ptr_eq(&one, &other));
    let different = Arc::new(config::Identity::Gcp(Gcp::Metadata {
        url: "http://b".into(),
    }));
    assert!(!Arc::ptr_eq(&one, &identities.of(&different)));
}
