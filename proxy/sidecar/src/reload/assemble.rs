//! Assembly of a generation from a configuration and a directory: what can be kept is kept, what is
//! new is loaded, and the former version of what fails goes on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::SystemTime,
};

use policy::{Chain, LoadedPolicy, PolicyLimits};
use semver::Version;

use sandbox::{Grants, Loader};

use crate::{
    config::{Config, Use},
    exchange::generation::{Generation, Lasting},
    reload::{
        admit::admitted,
        bring::{bring, with_rules},
        scan::PolicyFile,
    },
    signing::{Seen, Trust, Verified, hex},
    state::targets::Targets,
    telemetry::metrics,
};

/// Policies loaded at once, at the most: each is a compiling process, which may take tens of
/// megabytes.
const AT_ONCE: usize = 4;

/// Everything by which a loaded policy is recognised as still the one that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    hash: [u8; 32],
    cases: Option<[u8; 32]>,
    config: String,
    grants: Grants,
    limits: PolicyLimits,
    /// The version that was signed.
    signed: Option<Version>,
}

/// One policy of the chain, as `/policies` reports it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Name in the chain.
    pub name: String,
    /// SHA-256 of what serves, in hex; empty where nothing does.
    pub serving: String,
    /// Reason why the newest file or configuration does not serve.
    pub refused: Option<String>,
    /// The id of the key that signed what serves; none where no signature is required.
    pub signed_by: Option<String>,
    /// Time at which what serves was loaded.
    pub since: SystemTime,
}

/// Makes generations, and remembers the parts of the one in force.
pub(crate) struct Assembler {
    loader: Loader,
    known: BTreeMap<String, Known>,
    seen: Seen,
    number: u64,
    lasting: Lasting,
}

struct Known {
    identity: Identity,
    policy: Arc<LoadedPolicy>,
    signed: Option<Verified>,
    since: SystemTime,
    /// The identity that was refused last, with the reason: it is not tried again until something
    /// changes.
    refused: Option<(Identity, String)>,
}

/// Work that one policy of the chain needs.
enum Step<'a> {
    /// Nothing: what serves serves on, or what failed fails again.
    Done(Result<Arc<LoadedPolicy>, String>),
    Load(Box<New<'a>>),
}

/// A policy that is new, or is wanted under other rules.
struct New<'a> {
    found: &'a PolicyFile,
    identity: Identity,
    signed: Option<Verified>,
}

/// A generation, and the report of what did not load.
pub(crate) struct Assembled {
    /// The generation to swap in.
    pub generation: Generation,
    /// A line per policy of the chain.
    pub entries: Vec<Entry>,
    /// Policies that did not load, a sentence each.
    pub refused: Vec<String>,
}

impl Assembler {
    /// Makes generations with `loader`.
    pub(crate) fn new(loader: Loader) -> Self {
        Self {
            loader,
            known: BTreeMap::new(),
            seen: Seen::default(),
            number: 0,
            lasting: Lasting::default(),
        }
    }

    /// Uses `seen`, the signed versions that have served already.
    #[must_use]
    pub(crate) fn remembering(self, seen: Seen) -> Self {
        Self { seen, ..self }
    }

    /// Uses `targets`, what is known of them.
    #[must_use]
    pub(crate) fn knowing(mut self, targets: Targets) -> Self {
        self.lasting.targets = targets;
        self
    }

    /// Makes the next generation. A policy that fails keeps its former version; one that has none
    /// is left to the caller: at start it ends the process, later the generation is not swapped.
    ///
    /// # Errors
    /// Policies that failed and have no former version, a sentence each.
    pub(crate) fn assemble(
        &mut self,
        config: Config,
        files: &BTreeMap<String, PolicyFile>,
    ) -> Result<Assembled, Vec<String>> {
        let mut chain = Vec::new();
        let mut entries = Vec::new();
        let mut refused = Vec::new();
        let mut missing = Vec::new();
        let mut served = Vec::new();
        let trust = &config.policies.trust;
        let steps: Vec<(&Use, Step<'_>)> = config
            .policies
            .chain
            .iter()
            .map(|wanted| (wanted, self.step(trust, wanted, files)))
            .collect();
        let mut loaded = self.load_all(&steps).into_iter();
        let wanted: Vec<(&Use, Result<Arc<LoadedPolicy>, String>)> = steps
            .into_iter()
            .map(|(wanted, step)| {
                let policy = match step {
                    Step::Done(done) => done,
                    Step::Load(new) => match loaded.next() {
                        Some(outcome) => self.keep(wanted, *new, outcome),
                        None => Err("was not loaded".to_owned()), // an outcome each: never
                    },
                };
                (wanted, policy)
            })
            .collect();
        for (wanted, policy) in wanted {
            if policy.is_err() {
                metrics::load_failure(&wanted.name);
            }
            if policy.is_ok() {
                served.push(wanted.name.clone());
            }
            let former = self.known.get(&wanted.name);
            match (policy, former) {
                (Ok(policy), Some(known)) => {
                    chain.push(policy);
                    entries.push(known.entry(&wanted.name, None));
                }
                (Ok(policy), None) => chain.push(policy), // `keep` has just put it there
                (Err(why), Some(known)) => {
                    chain.push(Arc::clone(&known.policy));
                    entries.push(known.entry(&wanted.name, Some(why.clone())));
                    refused.push(format!(
                        "policy `{}`: {why}; keeping the former one",
                        wanted.name
                    ));
                }
                (Err(why), None) => missing.push(format!("policy `{}`: {why}", wanted.name)),
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let in_chain = |name: &String| {
            config
                .policies
                .chain
                .iter()
                .any(|wanted| wanted.name == *name)
        };
        self.known.retain(|name, _| in_chain(name));
        if trust.rollback_guard {
            // Only now: what failed beside another policy has not served.
            let signed = |name: &String| {
                let (name, known) = self.known.get_key_value(name)?;
                Some((name.as_str(), &known.signed.as_ref()?.version))
            };
            self.seen.note(served.iter().filter_map(signed));
        }
        self.number += 1;
        self.loader.give_way();
        Ok(Assembled {
            generation: Generation::of(self.number, config, Chain::new(chain), &self.lasting),
            entries,
            refused,
        })
    }

    /// Decides what is to be done for one policy of the chain.
    fn step<'a>(
        &mut self,
        trust: &Trust,
        wanted: &Use,
        files: &'a BTreeMap<String, PolicyFile>,
    ) -> Step<'a> {
        let Some(found) = files.get(&wanted.name) else {
            return Step::Done(Err(format!(
                "there is no `{}.wasm` in the policy directory",
                wanted.name
            )));
        };
        let hash = match &found.content {
            Ok(hash) => *hash,
            Err(why) => return Step::Done(Err(why.clone())),
        };
        let cases = match &found.cases {
            Some(Err(why)) => {
                return Step::Done(Err(format!("{} {why}", found.cases_path().display())));
            }
            Some(Ok(hash)) => Some(*hash),
            None => None,
        };
        let signed = match admitted(trust, &self.seen, wanted, found, &hash) {
            Ok(signed) => signed,
            Err(why) => return Step::Done(Err(why.to_string())),
        };
        let identity = Identity {
            hash,
            cases,
            config: wanted.config.clone(),
            grants: wanted.grants.clone(),
            limits: wanted.limits.clone(),
            signed: signed.as_ref().map(|signed| signed.version.clone()),
        };
        if let Some(known) = self.known.get_mut(&wanted.name) {
            if known.identity == identity {
                let policy = &known.policy;
                if policy.on_error != wanted.on_error || policy.on_unseen != wanted.on_unseen {
                    known.policy = Arc::new(with_rules(policy, wanted));
                }
                known.signed = signed;
                return Step::Done(Ok(Arc::clone(&known.policy)));
            }
            if let Some((refused, why)) = &known.refused
                && *refused == identity
            {
                return Step::Done(Err(why.clone()));
            }
        }
        Step::Load(Box::new(New {
            found,
            identity,
            signed,
        }))
    }

    /// Loads what is new, several at once: compiling takes hundreds of milliseconds each. An
    /// outcome per [`Step::Load`], in order.
    fn load_all(&self, steps: &[(&Use, Step<'_>)]) -> Vec<Result<Arc<LoadedPolicy>, String>> {
        let new: Vec<(&Use, &New<'_>)> = steps
            .iter()
            .filter_map(|(wanted, step)| match step {
                Step::Load(new) => Some((*wanted, &**new)),
                Step::Done(_) => None,
            })
            .collect();
        let next = AtomicUsize::new(0);
        let work = || {
            std::iter::from_fn(|| {
                let n = next.fetch_add(1, Relaxed);
                let (wanted, new) = new.get(n)?;
                Some((
                    n,
                    bring(
                        &self.loader,
                        wanted,
                        new.found,
                        new.identity.signed.as_ref(),
                    ),
                ))
            })
            .collect::<Vec<_>>()
        };
        let hands = thread::available_parallelism().map_or(1, usize::from);
        let others = hands.min(AT_ONCE).min(new.len()).saturating_sub(1);
        let mut outcomes = thread::scope(|scope| {
            // Where no thread can be made, this one does its work as well.
            let spawned: Vec<_> = (0..others)
                .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
                .collect();
            let mut outcomes = work();
            for thread in spawned {
                match thread.join() {
                    Ok(more) => outcomes.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            outcomes
        });
        crate::ordered::sort_by_key(&mut outcomes, |(n, _)| *n);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Remembers the outcome of a load.
    fn keep(
        &mut self,
        wanted: &Use,
        new: New<'_>,
        outcome: Result<Arc<LoadedPolicy>, String>,
    ) -> Result<Arc<LoadedPolicy>, String> {
        let New {
            identity, signed, ..
        } = new;
        match &outcome {
            Ok(policy) => {
                self.known.insert(
                    wanted.name.clone(),
                    Known {
                        identity,
                        policy: Arc::clone(policy),
                        signed,
                        since: SystemTime::now(),
                        refused: None,
                    },
                );
            }
            Err(why) => {
                if let Some(known) = self.known.get_mut(&wanted.name) {
                    known.refused = Some((identity, why.clone()));
                }
            }
        }
        outcome
    }
}

impl Known {
    fn entry(&self, name: &str, refused: Option<String>) -> Entry {
        Entry {
            name: name.to_owned(),
            serving: hex(&self.identity.hash),
            refused,
            signed_by: self.signed.as_ref().map(|signed| signed.key.clone()),
            since: self.since,
        }
    }
}
