//! A client of Redis that is bounded in time, breaks early and heals by itself.
//!
//! The connection lives on a thread of its own: the workers' loops stand still while a policy
//! computes, and then nobody would read answers. It is one connection for all workers, so that
//! commands sent at the same time travel together.
//!
//! [`StoreClient::query`] never waits longer than the configured time-out, and not at all while the
//! store is known to be away: after three time-outs in a row, or a broken connection, a keeper
//! (`keeper.rs`) on that thread tries until a ping is answered in time again. A cluster's own
//! connection follows moved slots; that it is broken is judged by the same rule.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use redis::{
    Cmd, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

/// Time-outs in a row after which the store counts as away.
const PATIENCE: u32 = 3;
/// Time-out of calls that no exchange waits for: settlements, figures.
pub(super) const PATIENT: Duration = Duration::from_secs(1);

/// Says of a refused command that the server does not have it.
pub(super) const UNKNOWN_COMMAND: &str = "unknown command";

/// Reasons for which a call of the store failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The store was away already: nothing was sent.
    Away,
    /// The connection broke, or the server says that it can't serve now: perhaps it was done.
    Gone,
    /// No answer in time: perhaps it was done.
    Slow,
    /// The server has no memory left.
    Full,
    /// The server refused the command. Its first word, as `WRONGTYPE`, or [`UNKNOWN_COMMAND`].
    Refused(String),
}

impl Fault {
    /// Returns the metric's label.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Away | Self::Gone => "gone",
            Self::Slow => "slow",
            Self::Full => "full",
            Self::Refused(_) => "refused",
        }
    }

    fn of(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::ResponseError)
                if error
                    .detail()
                    .is_some_and(|text| text.starts_with(UNKNOWN_COMMAND)) =>
            {
                Self::Refused(UNKNOWN_COMMAND.to_owned())
            }
            ErrorKind::Server(
                ServerErrorKind::ResponseError
                | ServerErrorKind::CrossSlot
                | ServerErrorKind::ExecAbort
                | ServerErrorKind::NoScript,
            )
            | ErrorKind::UnexpectedReturnType => {
                Self::Refused(error.code().unwrap_or("ERR").to_owned())
            }
            ErrorKind::Extension => match error.code() {
                Some("OOM") => Self::Full,
                // The server can't serve now, or not us until an operator has done something.
                Some("NOAUTH" | "MISCONF" | "NOREPLICAS" | "BUSY") => Self::Gone,
                code => Self::Refused(code.unwrap_or("ERR").to_owned()),
            },
            _ => Self::Gone,
        }
    }
}

/// One connection, shared by clones of its owner.
pub(super) struct StoreClient {
    pub(super) wait: Duration,
    cluster: bool,
    connection: Mutex<Option<Connection>>,
    /// Number of the connections that were made.
    connections: AtomicU64,
    up: watch::Sender<bool>,
    pub(super) failures: AtomicU32,
    pub(super) trouble: Notify,
}

#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One(one) => one.req_packed_command(command).await,
            Self::Cluster(cluster) => cluster.req_packed_command(command).await,
        }?
        .extract_error()
    }
}

impl StoreClient {
    pub(super) fn new(wait: Duration, cluster: bool) -> Self {
        Self {
            wait,
            cluster,
            connection: Mutex::new(None),
            connections: AtomicU64::new(0),
            up: watch::Sender::new(false),
            failures: AtomicU32::new(0),
            trouble: Notify::new(),
        }
    }

    /// True if keys live on several nodes.
    pub(super) fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// True if the store answers, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Notes whether the store answers.
    pub(super) fn set_up(&self, up: bool) {
        self.up
            .send_if_modified(|known| std::mem::replace(known, up) != up);
    }

    /// Subscribes to whether the store answers.
    pub(super) fn subscribe(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    /// Sends a command and waits for the answer, within the configured time.
    pub(super) async fn query(&self, command: &Cmd) -> Result<Value, Fault> {
        self.bounded(self.plain(command)).await
    }

    /// Sends a command as [`StoreClient::query`] does, with a time-out for calls that no exchange
    /// waits for.
    pub(super) async fn query_patiently(&self, command: &Cmd) -> Result<Value, Fault> {
        patiently(self.plain(command)).await
    }

    /// Runs a script, whose code is sent along where the server does not have it yet.
    pub(super) async fn run(&self, script: &Script, call: &Call) -> Result<Value, Fault> {
        self.bounded(self.script(script, call)).await
    }

    /// Runs a script as [`StoreClient::run`] does, with a time-out for calls that no exchange waits
    /// for.
    pub(super) async fn run_patiently(&self, script: &Script, call: &Call) -> Result<Value, Fault> {
        patiently(self.script(script, call)).await
    }

    async fn script(&self, script: &Script, call: &Call) -> Result<Value, Fault> {
        match self
            .plain(&call.command("EVALSHA", script.get_hash()))
            .await
        {
            Err(Fault::Refused(code)) if code == "NOSCRIPT" => {
                self.plain(&call.command("EVAL", call.code)).await
            }
            answer => answer,
        }
    }

    async fn plain(&self, command: &Cmd) -> Result<Value, Fault> {
        let mut connection = self.connection.lock().clone().ok_or(Fault::Away)?;
        let sent = connection.send(command).await;
        sent.map_err(|error| {
            let fault = Fault::of(&error);
            if fault == Fault::Gone {
                self.down();
            }
            fault
        })
    }

    async fn bounded(
        &self,
        work: impl Future<Output = Result<Value, Fault>>,
    ) -> Result<Value, Fault> {
        if !self.is_up() {
            return Err(Fault::Away);
        }
        match timeout(self.wait, work).await {
            Ok(Err(Fault::Gone)) => Err(Fault::Gone),
            Ok(answer) => {
                self.failures.store(0, Ordering::Relaxed);
                answer
            }
            Err(_) => {
                if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= PATIENCE {
                    self.down();
                }
                Err(Fault::Slow)
            }
        }
    }

    /// Returns the number of the connection, which another one does not have; the first is 1.
    pub(super) fn connection_number(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, connection: Option<Connection>) {
        let made = u64::from(connection.is_some());
        self.connections.fetch_add(made, Ordering::Relaxed);
        *self.connection.lock() = connection;
    }

    fn down(&self) {
        self.set_up(false);
        self.trouble.notify_one();
    }
}

async fn patiently(work: impl Future<Output = Result<Value, Fault>>) -> Result<Value, Fault> {
    timeout(PATIENT, work).await.unwrap_or(Err(Fault::Slow))
}

/// A script's keys and arguments.
pub(super) struct Call {
    code: &'static str,
    keys: usize,
    words: Vec<Vec<u8>>,
}

impl Call {
    /// Makes a call of the script with this code. Keys come first, then arguments; in a cluster the
    /// first key decides the node.
    pub(super) fn new(code: &'static str) -> Self {
        Self {
            code,
            keys: 0,
            words: Vec::new(),
        }
    }

    pub(super) fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.keys += 1;
        self.words.push(key.into());
        self
    }

    pub(super) fn argument(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.words.push(argument.into());
        self
    }

    pub(super) fn number(self, number: impl std::fmt::Display) -> Self {
        self.argument(number.to_string())
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys).arg(&self.words);
        command
    }
}
