//! Task that makes a store client's connection, checks it, and makes it anew.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use redis::{
    AsyncConnectionConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, RedisResult,
    TlsCertificates,
    cluster::{ClusterClientBuilder, ClusterConfig},
    io::tcp::TcpSettings,
};
use tokio::time::timeout;

use super::client::{Connection, PATIENT, StoreClient};
use crate::{config, telemetry::metrics};

/// Time limit for a connection with TLS and authentication.
const CONNECT: Duration = Duration::from_secs(1);
/// Pause between attempts, first and longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// Time without an answer to a ping after which a connection is made anew.
const DEAD: Duration = Duration::from_secs(2);

/// Makes a store client's connection, and makes it anew when it breaks.
pub(super) struct Keeper {
    client: Arc<StoreClient>,
    server: config::Redis,
    name: &'static str,
    /// True once the log says that the store is away.
    logged: bool,
}

impl Keeper {
    /// Makes a keeper; `name` is the store's name in the log and in metrics.
    pub(super) fn new(client: Arc<StoreClient>, server: config::Redis, name: &'static str) -> Self {
        Self {
            client,
            server,
            name,
            logged: false,
        }
    }

    /// Runs until it is dropped.
    pub(super) async fn keep(mut self) {
        let mut pause = RETRY.0;
        loop {
            match timeout(CONNECT, connect(&self.server)).await {
                Ok(Ok(connection)) => {
                    self.client.set(Some(connection.clone()));
                    if self.supervise(connection).await {
                        pause = RETRY.0;
                    }
                    self.client.set(None);
                }
                Ok(Err(error)) => self.away(&words(&error)),
                Err(_) => self.away("no connection in time"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY.1);
        }
    }

    /// Pings a connection for as long as it is good. Returns true if it ever was.
    async fn supervise(&mut self, mut connection: Connection) -> bool {
        let (mut ever, mut pause) = (false, RETRY.0);
        let mut good = tokio::time::Instant::now();
        while good.elapsed() < DEAD {
            let sent = tokio::time::Instant::now();
            match timeout(DEAD, connection.send(&redis::cmd("PING"))).await {
                Ok(Ok(_)) if sent.elapsed() <= self.client.wait => {
                    self.back();
                    (ever, pause) = (true, RETRY.0);
                    tokio::select! {
                        () = self.client.trouble.notified() => {}
                        () = tokio::time::sleep(RETRY.1) => {}
                    }
                    good = tokio::time::Instant::now();
                    if self.client.is_up() {
                        continue;
                    }
                }
                Ok(Ok(_)) => {
                    self.away("slower than `state.timeout`");
                    good = tokio::time::Instant::now();
                }
                Ok(Err(error)) => {
                    self.away(&words(&error));
                    let lost = error.kind() == ErrorKind::ClusterConnectionNotFound;
                    if lost || error.is_unrecoverable_error() {
                        return ever;
                    }
                    good = tokio::time::Instant::now();
                }
                Err(_) => self.away("no answer"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY.1 / 4);
        }
        ever
    }

    fn away(&mut self, cause: &str) {
        self.client.set_up(false);
        metrics::store_up(self.name, false);
        if !std::mem::replace(&mut self.logged, true) {
            tracing::warn!(
                store = self.name,
                cause,
                "redis can't serve; degrading until it does"
            );
        }
    }

    fn back(&mut self) {
        self.client.failures.store(0, Ordering::Relaxed);
        self.client.set_up(true);
        metrics::store_up(self.name, true);
        if std::mem::replace(&mut self.logged, false) {
            tracing::info!(store = self.name, "redis serves again");
        }
    }
}

/// Describes an error by its code or category, without its text: no credentials of the address can
/// be in it.
fn words(error: &RedisError) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None => error.category().to_owned(),
    }
}

async fn connect(server: &config::Redis) -> RedisResult<Connection> {
    let tcp = || TcpSettings::default().set_nodelay(true);
    let certificates = server.roots.as_ref().map(|roots| TlsCertificates {
        client_tls: None,
        root_cert: Some(roots.clone()),
    });
    let mut nodes = Vec::with_capacity(server.nodes.len());
    for (host, port) in &server.nodes {
        let (host, port) = (host.clone(), *port);
        let address = if server.tls {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let info = address.into_connection_info()?;
        let mut settings = info
            .redis_settings()
            .clone()
            .set_db(server.database)
            .set_lib_name("outrigger", env!("CARGO_PKG_VERSION"));
        if let Some(user) = &server.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &server.password {
            settings = settings.set_password(password.reveal());
        }
        nodes.push(info.set_redis_settings(settings).set_tcp_settings(tcp()));
    }
    if server.cluster {
        let mut builder = ClusterClientBuilder::new(nodes)
            .tcp_settings(tcp())
            .retries(3)
            .min_retry_wait(5)
            .max_retry_wait(100)
            .connection_timeout(CONNECT);
        if let Some(certificates) = certificates {
            builder = builder.certs(certificates);
        }
        let patience = ClusterConfig::new().set_response_timeout(PATIENT);
        let client = builder.build()?;
        let connection = client.get_async_connection_with_config(patience).await?;
        return Ok(Connection::Cluster(connection));
    }
    let one = nodes
        .into_iter()
        .next()
        .ok_or((ErrorKind::InvalidClientConfig, "no address"))?;
    let client = match certificates {
        Some(certificates) => redis::Client::build_with_tls(one, certificates)?,
        None => redis::Client::open(one)?,
    };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(1024);
    let connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    Ok(Connection::One(connection))
}
