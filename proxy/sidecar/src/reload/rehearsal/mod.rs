//! A policy's own cases, run in the real host without a network: before a generation is swapped in,
//! and by `outrigger policy test`.
//!
//! A rehearsal leaves no trace: what the policy is lent is a [`stage`] of its own. [`exchange`] runs
//! one step of a case, [`compare`] holds what came of it against what is expected, [`ends`] settles
//! it.

use std::{sync::Arc, time::Instant};

use policy::{Chain, Effect, LoadedPolicy, PolicyLimits, Program};
use sandbox::Host;

use crate::config::cases::{Case, Cases};
use exchange::rehearse_step;
use stage::Stage;

mod canned;
mod compare;
mod embedder;
mod ends;
mod exchange;
mod stage;
#[cfg(test)]
mod tests;

/// A case that did not go as written.
#[derive(Debug)]
pub struct Miss {
    /// The case's name.
    pub case: String,
    /// Description of what happened instead, with line and key. Cases are the author's own text:
    /// unlike traffic they may be quoted.
    pub what: String,
}

/// A key of a step, and what happened instead of what it says.
struct Missed {
    key: &'static str,
    what: String,
}

/// Makes the result of a comparison that failed.
fn missed<T>(key: &'static str, what: impl Into<String>) -> Result<T, Missed> {
    let what = what.into();
    Err(Missed { key, what })
}

/// Runs all `cases`. `load` makes the program for a configuration, lent the host that it is given
/// and nothing else; it is called again only where a case brings its own.
///
/// # Errors
/// The program could not be loaded, in `load`'s words.
pub async fn rehearse(
    cases: &Cases,
    limits: &PolicyLimits,
    mut load: impl FnMut(&serde_json::Value, Host) -> Result<Arc<dyn Program>, String>,
) -> Result<Vec<Miss>, String> {
    let stage = Stage::new();
    let mut shared = None;
    let mut misses = Vec::new();
    for (at, case) in cases.cases.iter().enumerate() {
        let program = match (&case.config, &shared) {
            (Some(own), _) => load(own, stage.host())?,
            (None, Some(program)) => Arc::clone(program),
            (None, None) => Arc::clone(shared.insert(load(&cases.config, stage.host())?)),
        };
        let chain = chain(program, limits, &stage);
        if let Err((step, Missed { key, what })) = run(case, &chain, &stage).await {
            let place = cases.place(&case.path(at, step, key));
            misses.push(Miss {
                case: case.name.clone(),
                what: format!("{what}{place}"),
            });
        }
    }
    Ok(misses)
}

/// A chain of the policy alone.
fn chain(program: Arc<dyn Program>, limits: &PolicyLimits, stage: &Stage) -> Chain {
    Chain::new(vec![Arc::new(LoadedPolicy {
        name: "rehearsal".into(),
        version: program.manifest().version.as_str().into(),
        program,
        on_error: Effect::Block,
        on_unseen: Effect::Block.into(),
        limits: limits.clone(),
        quarantine: Default::default(),
        calls: Default::default(),
        faults: Default::default(),
        listener: Arc::new(stage.clone()),
    })])
}

/// The ways in which the model's text is cut where it comes.
#[derive(Debug, Clone, Copy)]
enum Cut {
    AsGiven,
    Whole,
    ByCharacter,
}

impl Cut {
    fn pieces(self, given: &[String]) -> Vec<String> {
        match self {
            Self::AsGiven => given.to_vec(),
            Self::Whole => vec![given.concat()],
            Self::ByCharacter => given.concat().chars().map(String::from).collect(),
        }
    }
}

/// Runs a case, once for each cut of its replies, each time in an empty world. The error has the
/// step's index.
async fn run(case: &Case, chain: &Chain, stage: &Stage) -> Result<(), (usize, Missed)> {
    let replies = case.steps.iter().any(|step| step.reply.is_some());
    let cuts = [Cut::AsGiven, Cut::Whole, Cut::ByCharacter];
    for cut in cuts.into_iter().take(if replies { 3 } else { 1 }) {
        stage.begin(case.clock);
        for (at, step) in case.steps.iter().enumerate() {
            let done = rehearse_step(step, cut, chain, stage).await;
            done.map_err(|missed| (at, missed))?;
        }
    }
    Ok(())
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
