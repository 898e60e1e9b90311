//! A target on trial (an alias's `canary`): the exchanges that go there, the control beside them,
//! and what each of both shows.
//!
//! An exchange of the canary's arm has that target tried first; where it fails or can't take the
//! request, the alias's own targets follow as they always do. What counts is the first attempt, at
//! the arm's own target: what came after it says nothing of the target on trial.

use std::{borrow::Cow, sync::Arc};

use dialect::hash;
use http::Response;
use policy::Call;
use route::{AliasRow, Arm, Class, RequestFault, Scope, canary::Sample, conditions_hold};

use crate::{
    config::{Alias, Config},
    cost::Taken,
    exchange::{failure::Failure, ledger::Charge, places::Properties},
    state::targets::AliasState,
    telemetry::{Record, metrics},
    upstream::Inbound,
};

/// The finish reasons of replies that are not what the model had to say: cut by a limit or a filter.
const CUT_SHORT: [&str; 13] = [
    "length",
    "max_tokens",
    "max_output_tokens",
    "model_context_window_exceeded",
    "incomplete",
    "content_filter",
    "refusal",
    "safety",
    "recitation",
    "language",
    "blocklist",
    "prohibited_content",
    "spii",
];

/// An exchange's part in the trial of a target.
pub(in crate::exchange) struct Trial {
    state: Arc<AliasState>,
    arm: Arm,
    /// The hash that chose the arm.
    key: u64,
    /// The target on trial, `upstream/model`.
    target: Box<str>,
    first: Option<First>,
}

/// The result of the first attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Answered,
    Failed,
    /// It shows nothing of its target, or was made at another one.
    Nothing,
}

impl Trial {
    /// Draws the arm of an exchange that begins, and has the canary's target tried first where that
    /// is its arm. None: it has no part in a trial. One that policies send elsewhere has none.
    pub(super) fn begin(
        terms: &Alias,
        state: &Arc<AliasState>,
        row: &AliasRow,
        call: &mut Call,
        config: &Config,
    ) -> Option<Box<Self>> {
        let canary = terms.canary.as_ref()?;
        // Whoever excludes targets knows those of the alias, and not the one on trial.
        if !call.claims.prefer.is_empty() || !call.claims.exclude.is_empty() {
            return None;
        }
        if !conditions_hold(&canary.conditions, &Properties(call, config)) {
            return None;
        }
        let key = row.sticky.key(&Properties(call, config));
        let key = key.unwrap_or_else(|| hash::of(call.id.as_bytes()));
        let arm = state.canary_arm(key)?;
        let target = [&canary.target.upstream, "/", &canary.target.model].concat();
        let name = match arm {
            Arm::Canary => {
                call.claims.prefer.push(target.clone());
                "canary"
            }
            Arm::Control => "control",
            Arm::Rest => return None,
        };
        metrics::canary(state.name(), name);
        Some(Box::new(Self {
            state: Arc::clone(state),
            arm,
            key,
            target: target.into(),
            first: None,
        }))
    }

    /// Takes its target back: another alias goes on with the call.
    pub(super) fn withdraw(&self, call: &mut Call) {
        if self.is_canary() && matches!(&call.claims.prefer[..], [only] if **only == *self.target) {
            call.claims.prefer.clear();
        }
    }

    fn is_canary(&self) -> bool {
        self.arm == Arm::Canary
    }

    /// Notes what became of an attempt at `target`; only the first one counts.
    pub(super) fn note(&mut self, target: &str, sent: &Result<Response<Inbound>, Failure>) {
        let is_on_trial = target == &*self.target;
        let first = match sent {
            _ if is_on_trial != self.is_canary() => First::Nothing,
            Ok(_) => First::Answered,
            Err(failure) if is_the_targets(failure) => First::Failed,
            Err(_) => First::Nothing,
        };
        self.first.get_or_insert(first);
    }

    /// Leaves the exchange out: what it shows is not its arm's alone.
    pub(super) fn leave_out(&mut self) {
        self.first = Some(First::Nothing);
    }

    /// Adds what the exchange showed. `taken` and `charge` are those of the attempt that answered.
    pub(in crate::exchange) fn settle(self, record: &Record, taken: &Taken, charge: &Charge) {
        let sample = match self.first {
            Some(First::Failed) => Sample {
                failed: true,
                ..Sample::default()
            },
            Some(First::Answered) => match answered(record, taken, charge) {
                Some(sample) => sample,
                None => return,
            },
            Some(First::Nothing) | None => return,
        };
        self.state.observe_canary(self.arm, self.key, &sample);
    }
}

/// Reports whether a failure shows something of its target: not of limits, which are the account's,
/// nor of the request.
fn is_the_targets(failure: &Failure) -> bool {
    match failure.meaning.class {
        _ if failure.meaning.scope == Scope::Nothing => false,
        Class::Refused | Class::Overload | Class::Money | Class::Key | Class::MaybeDone => true,
        Class::Request => failure.meaning.fault == Some(RequestFault::Model),
        Class::Credentials | Class::Rate | Class::Unfit | Class::Caller | Class::Own => false,
    }
}

/// The evidence of an exchange whose first attempt was answered; none where the app left, or
/// something of ours ended it.
fn answered(record: &Record, taken: &Taken, charge: &Charge) -> Option<Sample> {
    let failed = match &record.error {
        Some(word) if word.starts_with("upstream_") => true,
        Some(_) => return None,
        None if record.client_gone => return None,
        None => false,
    };
    let first_content = record.last.map(|attempt| attempt.took);
    if failed {
        return Some(Sample {
            failed,
            first_content,
            ..Sample::default()
        });
    }
    // What could not be read is no measurement.
    let taken = Some(taken).filter(|taken| !matches!(taken, Taken::Unknown { .. }));
    let cost = taken.and_then(|taken| taken.cost(charge.price.as_ref()));
    Some(Sample {
        failed,
        first_content,
        output_tokens: taken.and_then(Taken::usage).map(|usage| usage.output),
        cost: cost.map(|cost| cost.0),
        cut_short: record.finish.as_deref().map(is_cut_short),
    })
}

fn is_cut_short(finish: &str) -> bool {
    let is_lower = !finish.bytes().any(|byte| byte.is_ascii_uppercase());
    let finish = match is_lower {
        true => Cow::Borrowed(finish),
        false => Cow::Owned(finish.to_ascii_lowercase()),
    };
    CUT_SHORT.contains(&&*finish)
}
