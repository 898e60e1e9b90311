//! The table: everything that routing knows of one generation.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::{Endpoints, Family, ModelFacts, Sticky, Strategy, affinity};

/// The part of an upstream that decides what it may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name.
    pub name: Arc<str>,
    /// The family of dialects that it speaks above all.
    pub family: Family,
    /// The dialects that it offers, of its family or of others.
    pub offers: Endpoints,
    /// It serves Amazon Bedrock's Converse, which no caller speaks.
    pub converse: bool,
    /// True if requests in other dialects are translated for it.
    pub translates: bool,
    /// It has a key of its own, or needs none: it may be sent what was not meant for it.
    pub has_credentials: bool,
}

/// `upstream/model`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// An upstream's name.
    pub upstream: Arc<str>,
    /// The model's name there.
    pub model: Arc<str>,
}

impl Target {
    /// Returns whether it is what a `name`, `upstream/model`, stands for.
    pub fn is_named(&self, name: &str) -> bool {
        let model = name.strip_prefix(&*self.upstream);
        model.and_then(|rest| rest.strip_prefix('/')) == Some(&*self.model)
    }
}

/// `upstream/model`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.upstream, self.model)
    }
}

/// The number of a target in its table: it counts up from 0, over [`Table::targets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(u16);

impl TargetId {
    /// Its place in [`Table::targets`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of an alias in its table: it counts up from 0, over [`Table::aliases`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AliasId(u16);

impl AliasId {
    /// Its place in [`Table::aliases`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A target that some alias names.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRow {
    /// Its number.
    pub id: TargetId,
    /// `upstream/model`.
    pub target: Target,
    /// The facts of the model.
    pub facts: ModelFacts,
    /// The place of its upstream.
    pub(super) upstream: usize,
    /// The hash of its name, the same on every replica and in every generation.
    pub(super) seed: u64,
}

/// An alias as it is configured.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The name that apps use.
    pub name: Arc<str>,
    /// Its targets, best first.
    pub targets: Vec<AliasTarget<Target>>,
    /// The order in which they are tried.
    pub strategy: Strategy,
    /// The key that decides among weights.
    pub sticky: Sticky,
    /// The most that an exchange may cost at a target, by estimate, in billionths of a dollar.
    pub max_cost: Option<u64>,
    /// Targets that are numbered and no candidates of their own: a canary's, a shadow's.
    pub aside: Vec<AliasTarget<Target>>,
}

/// One of an alias's targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasTarget<T = TargetId> {
    /// The target.
    pub target: T,
    /// Its part of the exchanges where the strategy is weighted; 0: only where all others fail.
    pub weight: u32,
    /// Tags, and the values of which an exchange must carry one of each.
    pub conditions: Vec<(String, Vec<String>)>,
}

/// An alias in the table.
#[derive(Debug, Clone, PartialEq)]
pub struct AliasRow {
    /// Its number.
    pub id: AliasId,
    /// The name that apps use.
    pub name: Arc<str>,
    /// Its targets, best first; one at the least, each once.
    pub targets: Vec<AliasTarget>,
    /// Targets that are no candidates unless they are preferred.
    pub aside: Vec<AliasTarget>,
    /// The order in which they are tried.
    pub strategy: Strategy,
    /// The key that decides among weights.
    pub sticky: Sticky,
    /// The most that an exchange may cost at a target, by estimate, in billionths of a dollar.
    pub max_cost: Option<u64>,
}

/// Looks up what the model of this name takes at an upstream.
pub type FactsOf = Arc<dyn Fn(&Upstream, &str) -> ModelFacts + Send + Sync>;

/// Everything that routing knows of one generation.
#[derive(Clone, Default)]
pub struct Table {
    /// A handful: a list is searched faster than a map.
    upstreams: Vec<Upstream>,
    targets: Vec<TargetRow>,
    aliases: Vec<AliasRow>,
    names: HashMap<Arc<str>, AliasId>,
    defaults: Vec<(Family, Arc<str>)>,
    facts: Option<FactsOf>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("upstreams", &self.upstreams)
            .field("targets", &self.targets)
            .field("aliases", &self.aliases)
            .field("defaults", &self.defaults)
            .finish_non_exhaustive()
    }
}

impl Table {
    /// A table of these upstreams. `aliases` are names that apps use for targets; `defaults` are
    /// where a family's requests go that name none. A target or default whose upstream is not among
    /// `upstreams` is none, nor is an alias without a target. A target that several aliases name is
    /// one, with one number; beyond 65,536 they are none.
    pub fn new(
        upstreams: Vec<Upstream>,
        aliases: impl IntoIterator<Item = Alias>,
        defaults: Vec<(Family, Arc<str>)>,
        facts: FactsOf,
    ) -> Self {
        let mut table = Self {
            upstreams,
            defaults,
            facts: Some(facts),
            ..Self::default()
        };
        let mut known = HashMap::new();
        for alias in aliases {
            table.add_alias(alias, &mut known);
        }
        table
    }

    fn add_alias(&mut self, alias: Alias, known: &mut HashMap<Target, TargetId>) {
        let targets = self.add_targets(alias.targets, known);
        let aside = self.add_targets(alias.aside, known);
        let Ok(id) = u16::try_from(self.aliases.len()).map(AliasId) else {
            return;
        };
        if !targets.is_empty() {
            self.names.insert(Arc::clone(&alias.name), id);
            self.aliases.push(AliasRow {
                id,
                name: alias.name,
                targets,
                aside,
                strategy: alias.strategy,
                sticky: alias.sticky,
                max_cost: alias.max_cost,
            });
        }
    }

    fn add_targets(
        &mut self,
        all: Vec<AliasTarget<Target>>,
        known: &mut HashMap<Target, TargetId>,
    ) -> Vec<AliasTarget> {
        let mut targets: Vec<AliasTarget> = Vec::with_capacity(all.len());
        for of in all {
            let Some(target) = self.add_target(of.target, known) else {
                continue;
            };
            if targets.iter().all(|other| other.target != target) {
                targets.push(AliasTarget {
                    target,
                    weight: of.weight,
                    conditions: of.conditions,
                });
            }
        }
        targets
    }

    fn add_target(
        &mut self,
        target: Target,
        known: &mut HashMap<Target, TargetId>,
    ) -> Option<TargetId> {
        if let Some(id) = known.get(&target) {
            return Some(*id);
        }
        let named = |upstream: &Upstream| upstream.name == target.upstream;
        let at = self.upstreams.iter().position(named)?;
        let id = TargetId(u16::try_from(self.targets.len()).ok()?);
        self.targets.push(TargetRow {
            id,
            facts: self.facts_of(self.upstreams.get(at)?, &target.model),
            upstream: at,
            seed: affinity::seed(&target),
            target: target.clone(),
        });
        known.insert(target, id);
        Some(id)
    }

    /// Every target that an alias names, by number.
    pub fn targets(&self) -> &[TargetRow] {
        &self.targets
    }

    /// The target of this number.
    pub fn target(&self, id: TargetId) -> Option<&TargetRow> {
        self.targets.get(id.index())
    }

    /// The target of this name, `upstream/model`, where an alias names it.
    pub fn target_named(&self, name: &str) -> Option<&TargetRow> {
        self.targets.iter().find(|row| row.target.is_named(name))
    }

    /// Every alias, by number.
    pub fn aliases(&self) -> &[AliasRow] {
        &self.aliases
    }

    /// The alias of this name.
    pub fn alias(&self, name: &str) -> Option<&AliasRow> {
        self.aliases.get(self.names.get(name)?.index())
    }

    /// The upstream of a target of this table.
    pub fn upstream_of(&self, row: &TargetRow) -> Option<&Upstream> {
        self.upstreams.get(row.upstream)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.iter().find(|known| *known.name == *name)
    }

    pub(super) fn default_for(&self, family: Family) -> Option<&str> {
        let mut defaults = self.defaults.iter();
        let (_, name) = defaults.find(|(known, _)| *known == family)?;
        Some(name)
    }

    pub(super) fn facts_of(&self, upstream: &Upstream, model: &str) -> ModelFacts {
        let facts = self.facts.as_deref();
        facts.map_or_else(ModelFacts::default, |facts| facts(upstream, model))
    }
}
