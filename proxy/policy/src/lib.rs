//! Decisions about policies: the chain, what becomes of faults, and what each policy was shown.
//!
//! The crate is pure: no socket, file, clock or task; callers pass `now`. It owns the two traits that
//! a sandbox implements, [`Program`] and [`Instance`], and never hears of wasm; the small types that
//! it decides on ([`Effect`], [`OnUnseen`], [`PolicyLimits`], [`Unit`], [`Tags`], [`Caller`]), which
//! configuration and accounting read and fill; and the traits of what policies take on in stores
//! ([`Reservation`], [`Ticket`]), which is all that it knows of them.

use std::{future::Future, pin::Pin, sync::Arc};

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
mod unit;

pub use call::{ByHost, Call, ConnectionId};
pub use caller::Caller;
pub use chain::{Chain, LoadedPolicy, Run};
pub use claims::{Claims, Found, Keep, Kept, Reservation, Reserved, Settled, Ticket};
pub use coverage::Coverage;
pub use effect::{Effect, OnUnseen};
pub use limits::PolicyLimits;
pub use quarantine::Quarantine;
pub use tags::Tags;
pub use unit::Unit;

/// A boxed future that owns what it works on, so that whoever waits for it may leave.
pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// What a policy says of itself.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Its own name; the chain's `use:` names the file.
    pub name: String,
    /// Its own version.
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
}

/// A call that came to nothing, before anything was sent to the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the app would be answered.
    pub status: u16,
    /// The refusal's code, or `upstream_status`.
    pub code: String,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Send it on.
    Forward,
    /// Answer it with an error.
    Refuse(Denial),
    /// Answer it with this text, as a model would.
    Reply(String),
    /// Answer it with the reply that was found under this key.
    Serve(String),
}

/// A policy's refusal, as it gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// 400 to 599.
    pub status: u16,
    /// `[a-z0-9_]{1,64}`.
    pub code: String,
    /// For the person who reads the app's log.
    pub message: String,
    /// Only where waiting helps.
    pub retry_after_ms: Option<u32>,
}

/// How an exchange ended.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What the app was answered; 0 where it left before.
    pub status: u16,
    /// `upstream/model`; empty where none was asked.
    pub target: String,
    /// As the dialect spells it; empty where unknown.
    pub finish: String,
    /// Tokens.
    pub usage: Usage,
    /// Millionths of a dollar; none where the model has no price.
    pub cost_microusd: Option<u64>,
    /// The reply was a kept one, or another exchange's.
    pub from_store: bool,
    /// Milliseconds to the first content.
    pub first_token_ms: Option<u32>,
    /// Milliseconds over all.
    pub total_ms: u32,
    /// The refusal's or fault's code.
    pub error: Option<String>,
}

/// What went wrong inside a policy's call. The instance is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It trapped; the reason in wasm's words.
    #[error("trapped: {0}")]
    Trapped(String),
    /// It used up its CPU time, that for the text that it was given included.
    #[error("used up its CPU time")]
    CpuTime,
    /// It waited too long for imports.
    #[error("waited longer for imports than its wall time")]
    WallTime,
    /// It wanted more memory than it may have.
    #[error("wanted more memory than it may have")]
    Memory,
    /// The same, when what it was given takes a good part of that.
    #[error("wanted more memory than it may have for what it was given")]
    InputMemory,
    /// All instances together have the memory that there is.
    #[error("no memory left for instances")]
    NoMemory,
    /// Every slot for instances is taken.
    #[error("no free instance slot")]
    NoSlot,
    /// What it returned can't be used.
    #[error("returned what can't be used: {0}")]
    BadReturn(String),
    /// It held back more text than it may.
    #[error("held back more than it may")]
    HeldTooMuch,
    /// It was not asked: too many faults before.
    #[error("is quarantined after repeated faults")]
    Quarantined,
}

/// Whose doing a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The module's: it may be broken for everybody, and its breaker counts it.
    Module,
    /// The text's: this exchange gave the policy more than its limits allow for.
    Input,
    /// A service's that the policy waited for.
    Service,
    /// The process's: it has more to do than there is room for.
    Load,
    /// Of faults before.
    Breaker,
}

impl Fault {
    /// Whose doing it is.
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

    /// The metric label and log word.
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

/// What a reply hook may ask about the reply it is shown.
#[derive(Debug, Clone)]
pub struct ReplyHead {
    /// The upstream's status.
    pub status: u16,
    /// The upstream's headers.
    pub headers: http::HeaderMap,
    /// True if it is a stream of events.
    pub streaming: bool,
    /// How it is written.
    pub dialect: Dialect,
}

/// One loaded, configured policy.
pub trait Program: Send + Sync + 'static {
    /// What it says of itself.
    fn manifest(&self) -> &Manifest;
    /// Makes the instance that one exchange owns.
    ///
    /// # Errors
    /// No slot is free, or the instance could not be made.
    fn start(&self) -> Result<Box<dyn Instance>, Fault>;
    /// Largest linear memory, in bytes, that an instance of it has used.
    fn memory_high_water(&self) -> u64;
}

/// What comes back from `on-request`: the call in any case; the instance and its decision, where there was no fault.
pub type RequestTurn = (Box<Call>, Result<(Box<dyn Instance>, Decision), Fault>);

/// What comes back from `on-failure`.
pub type Rescued = (Box<dyn Instance>, Decision);

/// What comes back from `on-reply`: the instance, and an entry per delta (or none at all), or its refusal.
pub type Shown = (Box<dyn Instance>, Result<Vec<Option<String>>, Denial>);

/// Tells what an exchange will take before it does: the generation in force knows prices and past exchanges.
pub trait Estimates: Send + Sync {
    /// How much of `unit` this call will take; money in billionths of a dollar, none where its model has no price.
    fn estimate(&self, call: &Call, unit: Unit) -> Option<u64>;
}

/// A policy's instance: made for one exchange, dropped with it.
///
/// Each hook consumes the instance and gives it back with its result; after a fault it is gone. The futures own everything they
/// touch, so an app that hangs up cancels the waiting and not the call.
pub trait Instance: Send + 'static {
    /// Asks what becomes of the request. `call` comes back also when the policy faults.
    fn on_request(self: Box<Self>, call: Box<Call>) -> Work<RequestTurn>;
    /// Shows a batch of deltas; an entry per delta, or none at all, says what takes its place.
    fn on_reply(
        self: Box<Self>,
        head: Arc<ReplyHead>,
        deltas: Vec<Delta>,
    ) -> Work<Result<Shown, Fault>>;
    /// Asks what takes the place of a failure; the instance comes back with its decision.
    fn on_failure(self: Box<Self>, failure: Arc<Failure>) -> Work<Result<Rescued, Fault>>;
    /// Tells how it ended.
    fn on_end(self: Box<Self>, outcome: Arc<Outcome>) -> Work<Result<(), Fault>>;
}
