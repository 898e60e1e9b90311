//! Decisions about policies: the chain, the effects of faults, and what each policy was shown.
//!
//! The crate is pure: no socket, file, clock or task; callers pass `now`. It owns the two traits
//! that a sandbox implements, [`Program`] and [`Instance`], and knows nothing of wasm; the small
//! types that it decides on ([`Effect`], [`OnUnseen`], [`PolicyLimits`], [`Unit`], [`Tags`],
//! [`Caller`]), which configuration and accounting read and fill; and the traits of what policies
//! take on in stores ([`Reservation`], [`Ticket`]), which is all that it knows of them.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use dialect::{Delta, Dialect, Places, Usage};

mod call;
mod caller;
pub mod chain;
mod claims;
mod coverage;
mod effect;
mod hold;
mod limits;
mod quarantine;
pub mod tags;
mod targets;
mod unit;
mod vectors;

pub use call::{ByHost, Call, ConnectionId};
pub use caller::Caller;
pub use chain::{Chain, Judgement, LoadedPolicy, Run};
pub use claims::{Claims, Found, Keep, Kept, Reservation, Reserved, Settled, Ticket};
pub use coverage::Coverage;
pub use effect::{Effect, OnUnseen};
pub use limits::PolicyLimits;
pub use quarantine::Quarantine;
pub use tags::Tags;
pub use targets::{AttemptMade, Candidate, CandidatePrice, LONGEST_TARGET, MOST_TARGETS, Rescue};
pub use unit::Unit;
pub use vectors::{Near, Partition, Region, Vector};

/// A boxed future that owns what it works on, so that its waiter may leave.
pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// A policy's description of itself.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Name that the policy gives itself; the chain's `use:` names the file.
    pub name: String,
    /// Version that the policy gives itself.
    pub version: String,
    /// The hooks worth a call.
    pub hooks: Hooks,
    /// Places of the request that it reads.
    pub reads: Places,
    /// Places of the reply that it is shown and may rewrite.
    pub rewrites: Places,
    /// A JSON Schema of its configuration, or empty.
    pub config_schema: String,
}

/// The hooks that a policy declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names are the contract's")]
pub struct Hooks {
    pub request: bool,
    pub reply: bool,
    pub end: bool,
    pub failure: bool,
    pub attempt: bool,
}

/// A reply that an attempt brought, before anything of it is sent to the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReply {
    /// Target, `upstream/model`.
    pub target: String,
    /// The upstream's status.
    pub status: u16,
    /// True if it comes as a stream of events.
    pub streaming: bool,
    /// True if all of it is there.
    pub ended: bool,
    /// Finish reason as the dialect spells it, once the reply has one.
    pub finish: Option<String>,
}

/// A policy's word about such a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptVerdict {
    /// Has it sent to the app.
    Accept,
    /// Has the policy shown more of it.
    Wait,
    /// Ends the attempt; the code is `[a-z0-9_]{1,64}`.
    Reject(String),
}

/// A call that came to nothing, before anything was sent to the app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// Status that the app would get.
    pub status: u16,
    /// The refusal's code, or `upstream_status`.
    pub code: String,
    /// Class of the last attempt's failure: `rate`, `overload`, …
    pub class: String,
    /// The attempts so far, in their order.
    pub attempts: Vec<AttemptMade>,
}

/// A policy's decision about a request or a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Sends it on.
    Forward,
    /// Answers it with an error.
    Refuse(Denial),
    /// Answers it with this text, as a model would.
    Reply(String),
    /// Answers it with the reply that was found under this key.
    Serve(String),
    /// Tries these targets, in this order; about a failure only.
    TryNow(Vec<String>),
}

/// A policy's refusal, as it gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Status, 400 to 599.
    pub status: u16,
    /// Code, `[a-z0-9_]{1,64}`.
    pub code: String,
    /// Text for the person who reads the app's log.
    pub message: String,
    /// Milliseconds to wait; only where waiting helps.
    pub retry_after_ms: Option<u32>,
}

/// The end of an exchange.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Status that the app got; 0 where it left before.
    pub status: u16,
    /// Target, `upstream/model`; empty where no request was sent to one.
    pub target: String,
    /// Finish reason as the dialect spells it; empty where unknown.
    pub finish: String,
    /// Tokens.
    pub usage: Usage,
    /// Cost in millionths of a dollar; none where the model has no price.
    pub cost_microusd: Option<u64>,
    /// True if the reply was a kept one, or another exchange's.
    pub from_store: bool,
    /// Milliseconds to the first content.
    pub first_token_ms: Option<u32>,
    /// Milliseconds over all.
    pub total_ms: u32,
    /// Code of the refusal or fault.
    pub error: Option<String>,
    /// The attempts, in their order.
    pub attempts: Vec<AttemptMade>,
}

/// A failure inside a policy's call. The instance is gone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
pub enum Fault {
    /// A trap; the reason in wasm's words.
    #[error("trapped: {0}")]
    Trapped(String),
    /// CPU time used up, that for the text that it was given included.
    #[error("used up its CPU time")]
    CpuTime,
    /// Wall time used up in waits for imports.
    #[error("waited longer for imports than its wall time")]
    WallTime,
    /// A want of more memory than the instance may have.
    #[error("wanted more memory than it may have")]
    Memory,
    /// The same, where the input takes a good part of that memory.
    #[error("wanted more memory than it may have for what it was given")]
    InputMemory,
    /// All instances together have the memory that there is.
    #[error("no memory left for instances")]
    NoMemory,
    /// No free slot for an instance.
    #[error("no free instance slot")]
    NoSlot,
    /// A return value that can't be used.
    #[error("returned what can't be used: {0}")]
    BadReturn(String),
    /// More text withheld than the policy may withhold.
    #[error("held back more than it may")]
    HeldTooMuch,
    /// A call that the open breaker did not let pass: too many faults before.
    #[error("is quarantined after repeated faults")]
    Quarantined,
}

/// The cause of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The module: it may be broken for everybody, and its breaker counts it.
    Module,
    /// The text: this exchange gave the policy more than its limits allow for.
    Input,
    /// A service that the policy waited for.
    Service,
    /// The process: it has more to do than there is room for.
    Load,
    /// The breaker: faults before opened it.
    Breaker,
}

impl Fault {
    /// Returns the cause.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Trapped(_) | Self::Memory | Self::BadReturn(_) | Self::HeldTooMuch => {
                Blame::Module
            }
            Self::CpuTime | Self::InputMemory => Blame::Input,
            Self::WallTime => Blame::Service,
            Self::NoMemory | Self::NoSlot => Blame::Load,
            Self::Quarantined => Blame::Breaker,
        }
    }

    /// Returns the metric label and log word.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Trapped(_) => "trap",
            Self::CpuTime => "cpu_time",
            Self::WallTime => "wall_time",
            Self::Memory => "memory",
            Self::InputMemory => "input_memory",
            Self::NoMemory => "no_memory",
            Self::NoSlot => "no_slot",
            Self::BadReturn(_) => "bad_return",
            Self::HeldTooMuch => "held_too_much",
            Self::Quarantined => "quarantined",
        }
    }
}

/// The head of a reply, as a reply hook may read it.
#[derive(Debug, Clone)]
pub struct ReplyHead {
    /// The upstream's status.
    pub status: u16,
    /// The upstream's headers.
    pub headers: http::HeaderMap,
    /// True if it is a stream of events.
    pub streaming: bool,
    /// Dialect of the body.
    pub dialect: Dialect,
}

/// One loaded, configured policy.
pub trait Program: Send + Sync + 'static {
    /// Returns the policy's description of itself.
    fn manifest(&self) -> &Manifest;
    /// Makes the instance that one exchange owns.
    ///
    /// # Errors
    /// No slot is free, or the instance could not be made.
    fn start(&self) -> Result<Box<dyn Instance>, Fault>;
    /// Returns the largest linear memory, in bytes, that an instance of it has used.
    fn memory_high_water(&self) -> u64;
}

/// Result of `on-request`: the call in any case; the instance and its decision, where there was no
/// fault.
pub type RequestTurn = (Box<Call>, Result<(Box<dyn Instance>, Decision), Fault>);

/// Result of `on-attempt`.
pub type AttemptTurn = (Box<dyn Instance>, AttemptVerdict);

/// Result of `on-failure`.
pub type Rescued = (Box<dyn Instance>, Decision);

/// Result of `on-reply`: the instance, and an entry per delta (or none at all), or its refusal.
pub type Shown = (Box<dyn Instance>, Result<Vec<Option<String>>, Denial>);

/// Estimates of what an exchange will take, and where it may go: the generation in force knows
/// prices, targets and past exchanges.
pub trait Estimates: Send + Sync {
    /// Returns how much of `unit` this call will take; money in billionths of a dollar, none where
    /// its model has no price.
    fn estimate(&self, call: &Call, unit: Unit) -> Option<u64>;
    /// Returns the targets that this call may go to, as it is now, in the order in which they would
    /// be tried. Those that can't take it are not among them, those that are open are.
    fn candidates(&self, call: &Call) -> Vec<Candidate>;
    /// Returns the time that the exchange may take in all, whatever policies say; `None` if there is
    /// no limit.
    fn deadline(&self, call: &Call) -> Option<Duration>;
}

/// A policy's instance: made for one exchange, dropped with it.
///
/// Each hook consumes the instance and gives it back with its result; after a fault it is gone. The
/// futures own everything they touch, so an app that hangs up cancels the waiting and not the call.
pub trait Instance: Send + 'static {
    /// Calls the hook that decides about the request. `call` comes back also when the policy
    /// faults.
    fn on_request(self: Box<Self>, call: Box<Call>) -> Work<RequestTurn>;
    /// Shows a batch of deltas; the result has an entry per delta, the text that replaces it, or
    /// none at all.
    fn on_reply(
        self: Box<Self>,
        head: Arc<ReplyHead>,
        deltas: Vec<Delta>,
    ) -> Work<Result<Shown, Fault>>;
    /// Shows what arrived of a reply that is held; the instance comes back with its verdict.
    fn on_attempt(
        self: Box<Self>,
        reply: Arc<AttemptReply>,
        deltas: Vec<Delta>,
    ) -> Work<Result<AttemptTurn, Fault>>;
    /// Calls the hook that may replace a failure; the instance comes back with its decision.
    fn on_failure(self: Box<Self>, failure: Arc<Failure>) -> Work<Result<Rescued, Fault>>;
    /// Reports the end of the exchange to the policy.
    fn on_end(self: Box<Self>, outcome: Arc<Outcome>) -> Work<Result<(), Fault>>;
}
