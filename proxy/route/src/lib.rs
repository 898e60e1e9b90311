//! Decides where a call goes. Pure: plain data in, a decision out; no socket, clock or lock.
//!
//! A [`Table`] is made once per generation. [`Table::plan`] decides once per exchange, after the
//! policies (and for a policy that wants an estimate of the call as it stands): candidates in the
//! order in which they are tried, and why others are left out. Each is
//! an attempt; what one came to is a [`Class`] of failure, which says what may follow it.
//!
//! An alias's targets are filtered first: what each model takes ([`ModelFacts`]), what the exchange
//! carries, and what a [`View`] of the present says of them. A [`Strategy`] puts in order what is
//! left.

mod affinity;
mod attempts;
mod backoff;
mod budget;
pub mod canary;
mod cell;
pub mod class;
mod draw;
mod facts;
mod family;
mod hedge;
mod latency;
mod plan;
pub mod provider;
mod queue;
mod room;
mod shadow;
mod strategy;
#[cfg(test)]
mod tests;

pub use attempts::{Budgets, Circumstances, Next, Trail, TrailLimits};
pub use backoff::full_jitter;
pub use budget::{MoneyBudget, RetryBudget};
pub use canary::{Arm, Canary};
pub use cell::{Admits, Cell, Change, Outcome, Permit, Remote, State};
pub use class::{Answer, Class, Failure, ProviderRules, RequestFault, Row, Scope, classify};
pub use facts::{Endpoints, ModelFacts, Reasoning, Refusals, Takes};
pub use family::Family;
pub use hedge::{HedgeBudget, HedgeCall, ReservedHedge};
pub use latency::{CallClass, Effort, Latency, Sample, SizeClass};
pub use plan::{
    Alias, AliasId, AliasRow, AliasTarget, Candidate, Excluded, Exclusion, Explained, FactsOf,
    Home, Needs, NoRoute, NoneLeft, Plan, Properties, Rank, Request, Standing, Table, Target,
    TargetId, TargetRow, Translation, Upstream, Verdict, View, conditions_hold,
};
pub use provider::{Preset, Quirks};
pub use queue::{Bound, Bounds, Dequeued, Entry, FairQueue, Full, Priority, Ticket};
pub use room::{Quantity, Room};
pub use shadow::{NoShadow, ReservedShadow, ShadowBudget};
pub use strategy::{Sticky, Strategy};
