//! The choice: which targets are candidates, and in which order.

use std::{sync::Arc, time::Instant};

use dialect::translate::Wire;

use super::{
    AliasRow, AliasTarget, Candidate, Excluded, Exclusion, NoRoute, NoneLeft, Plan, Rank, Request,
    Standing, Table, Target, TargetId, TargetRow, Upstream, View,
    filter::{self, CachedProperties, Scrutiny},
};
use crate::{
    ModelFacts, affinity,
    strategy::{self, Entry, Strategy},
};

impl Table {
    /// Decides for a request whose body names a model: an alias, `upstream/model`, or else where it
    /// was going: the upstream whose host the app dialled, whatever it speaks there, or, at the
    /// base URL, the upstream of its family.
    ///
    /// A name that an app writes to the host that it dialled is that host's own: `openai/gpt-5` is
    /// a model of OpenRouter's, and no prefix there. A policy's `upstream/model` is one everywhere.
    ///
    /// `view` and the request's properties are asked for an alias's targets, and for those that a
    /// policy prefers. A wire is one candidate, of which nothing is looked at.
    ///
    /// # Errors
    /// Nothing can serve it.
    pub fn plan(
        &self,
        request: &Request<'_>,
        view: &dyn View,
        now: Instant,
    ) -> Result<Plan<'_>, NoRoute> {
        let alias = request.model.and_then(|model| self.alias(model));
        let chosen = !(request.prefer.is_empty() && request.exclude.is_empty());
        if alias.is_none() && !chosen {
            return self.wire(request).map(Plan::of_one);
        }
        let wire = match alias {
            Some(_) => None,
            None => Some(self.wire(request)),
        };
        Choice {
            table: self,
            request,
            view,
            now,
            properties: CachedProperties::new(request.properties),
            alias,
            scrutiny: match alias {
                Some(alias) if alias.targets.len() == 1 && !chosen => Scrutiny::Sole,
                _ => Scrutiny::Full,
            },
            front: Vec::new(),
            entries: Vec::new(),
            excluded: Vec::new(),
            unknown: Vec::new(),
        }
        .decide(wire)
    }

    /// The one candidate of a request that names no alias.
    fn wire(&self, request: &Request<'_>) -> Result<Candidate<'_>, NoRoute> {
        if let Some(model) = request.model {
            let is_the_hosts = request.home.is_some_and(|home| home.model == Some(model));
            if let Some((upstream, model)) = model.split_once('/').filter(|_| !is_the_hosts)
                && let Some(upstream) = self.find(upstream)
            {
                return match filter::barred(upstream, request) {
                    Some(reason) => Err(NoRoute::Excluded(Arc::clone(&upstream.name), reason)),
                    None => Ok(Candidate {
                        model: Some(model.into()),
                        dialled: is_dialled(upstream, request),
                        ..Candidate::unnamed(upstream)
                    }),
                };
            }
        }
        let (name, none) = match request.home {
            Some(home) => (Some(home.upstream), NoRoute::Unclaimed),
            None => (
                self.default_for(request.family),
                NoRoute::NobodySpeaks(request.dialect.name()),
            ),
        };
        let upstream = name.and_then(|name| self.find(name)).ok_or(none)?;
        Ok(Candidate {
            dialled: request.home.is_some_and(|home| home.own_host),
            ..Candidate::unnamed(upstream)
        })
    }
}

impl<'t> Candidate<'t> {
    const fn unnamed(upstream: &'t Upstream) -> Self {
        Self {
            id: None,
            upstream,
            model: None,
            dialled: false,
            facts: ModelFacts::UNKNOWN,
            wire: None,
            rank: Rank::Named,
        }
    }
}

/// Returns whether the app dialled this upstream's own host.
pub(super) fn is_dialled(upstream: &Upstream, request: &Request<'_>) -> bool {
    let home = request.home.filter(|home| home.own_host);
    home.is_some_and(|home| *home.upstream == *upstream.name)
}

/// A plan in the making.
pub(super) struct Choice<'t, 'r> {
    pub(super) table: &'t Table,
    pub(super) request: &'r Request<'r>,
    view: &'r dyn View,
    now: Instant,
    properties: CachedProperties<'r>,
    pub(super) alias: Option<&'t AliasRow>,
    scrutiny: Scrutiny,
    /// The preferences of policies.
    pub(super) front: Vec<Entry<'t>>,
    pub(super) entries: Vec<Entry<'t>>,
    pub(super) excluded: Vec<Excluded<'t>>,
    pub(super) unknown: Vec<String>,
}

/// The standing of a target that passes the filters, the cost there, and the wire format that the
/// request is translated into.
type Admitted = (Standing, Option<u64>, Option<Wire>);

/// A target that is looked at.
pub(super) struct Subject<'t, 's> {
    pub(super) id: Option<TargetId>,
    pub(super) upstream: &'t Upstream,
    pub(super) target: &'s Target,
    pub(super) facts: ModelFacts,
    pub(super) seed: u64,
    pub(super) weight: u32,
    pub(super) conditions: &'t [(String, Vec<String>)],
}

impl<'t> Choice<'t, '_> {
    fn decide(mut self, wire: Option<Result<Candidate<'t>, NoRoute>>) -> Result<Plan<'t>, NoRoute> {
        self.fill();
        let (none, wire) = match wire {
            Some(Ok(wire)) => (None, Some(wire)),
            Some(Err(none)) => (Some(none), None),
            None => (None, None),
        };
        if let Some(wire) = wire {
            self.add_wire(wire);
        }
        if self.is_empty() && self.scrutiny == Scrutiny::Full && self.may_be_wrong() {
            self.scrutiny = Scrutiny::Lenient;
            self.excluded.clear();
            self.unknown.clear();
            self.fill();
        }
        match none {
            Some(none) if self.is_empty() && self.excluded.is_empty() => Err(none),
            _ => self.finish(),
        }
    }

    fn is_empty(&self) -> bool {
        self.front.is_empty() && self.entries.is_empty()
    }

    /// Returns whether estimates are why no target is left, and neither time nor another attempt's
    /// failure is: a call that waits, or has failed elsewhere, is not sent where it hardly fits. Nor is
    /// one of which policies exclude targets: they were shown only those that seemed to fit.
    fn may_be_wrong(&self) -> bool {
        if !self.request.exclude.is_empty() {
            return false;
        }
        let estimated = |reason: &Exclusion| {
            matches!(reason, Exclusion::Window { .. } | Exclusion::Output { .. })
        };
        let reasons = || self.excluded.iter().map(|left| &left.reason);
        let waits = |reason: &Exclusion| reason.passes() || *reason == Exclusion::Tried;
        reasons().any(estimated) && !reasons().any(waits)
    }

    fn fill(&mut self) {
        if let Some(alias) = self.alias {
            self.entries.reserve_exact(alias.targets.len());
            for of in &alias.targets {
                if let Some(row) = self.table.target(of.target)
                    && let Some(entry) = self.look_at_listed(row, of.weight, &of.conditions)
                {
                    self.entries.push(entry);
                }
            }
            strategy::arrange(&mut self.entries, alias, self.request.properties);
        }
        if !self.request.prefer.is_empty() {
            self.put_preferred_first();
        }
    }

    pub(super) fn look_at_listed(
        &mut self,
        row: &'t TargetRow,
        weight: u32,
        conditions: &'t [(String, Vec<String>)],
    ) -> Option<Entry<'t>> {
        let subject = Subject {
            id: Some(row.id),
            upstream: self.table.upstream_of(row)?,
            target: &row.target,
            facts: row.facts,
            seed: row.seed,
            weight,
            conditions,
        };
        self.look_at(&subject)
    }

    /// Filters one target: an entry, or another that is left out.
    pub(super) fn look_at(&mut self, subject: &Subject<'t, '_>) -> Option<Entry<'t>> {
        match self.filter(subject) {
            Ok((standing, cost, wire)) => Some(Entry {
                candidate: Candidate {
                    id: subject.id,
                    upstream: subject.upstream,
                    model: Some(Arc::clone(&subject.target.model)),
                    dialled: is_dialled(subject.upstream, self.request),
                    facts: subject.facts,
                    wire,
                    rank: Rank::Order,
                },
                standing,
                cost,
                weight: subject.weight,
                seed: subject.seed,
            }),
            Err(reason) => {
                self.excluded.push(Excluded {
                    id: subject.id,
                    upstream: subject.upstream,
                    model: Arc::clone(&subject.target.model),
                    reason,
                });
                None
            }
        }
    }

    fn filter(&self, subject: &Subject<'_, '_>) -> Result<Admitted, Exclusion> {
        let request = self.request;
        let listed = |names: &[String]| names.iter().any(|name| subject.target.is_named(name));
        if listed(request.exclude) {
            return Err(Exclusion::ByPolicy);
        }
        if listed(request.tried) {
            return Err(Exclusion::Tried);
        }
        if let Some(reason) = filter::without_key(subject.upstream, request) {
            return Err(reason);
        }
        let served = filter::served_as(subject, request)?;
        if !filter::conditions_hold(subject.conditions, request.properties) {
            return Err(Exclusion::Condition);
        }
        let unfit = filter::unfit(&subject.facts, &served, &self.properties, self.scrutiny);
        if let Some(reason) = unfit {
            return Err(reason);
        }
        let cost = self.cost(subject)?;
        let standing = match subject.id {
            Some(id) => self.view.standing(id),
            None => self.view.standing_of_unlisted(subject.target),
        };
        if let Some(reason) = filter::shut(&standing) {
            return Err(reason);
        }
        // Last, as it reads all of the request.
        let wire = served.wire(subject, request)?;
        Ok((standing, cost, wire))
    }

    /// The cost at a target, where the alias looks at costs.
    fn cost(&self, subject: &Subject<'_, '_>) -> Result<Option<u64>, Exclusion> {
        let Some(alias) = self.alias else {
            return Ok(None);
        };
        if alias.max_cost.is_none() && alias.strategy != Strategy::Cheapest {
            return Ok(None);
        }
        let cost = match subject.id {
            Some(id) => self.view.cost(id),
            None => self.view.cost_of_unlisted(subject.target),
        };
        match (cost, alias.max_cost) {
            (Some(cost), Some(most)) if cost > most => Err(Exclusion::Price),
            (cost, _) => Ok(cost),
        }
    }

    /// Adds what would be a wire, had no policy said anything.
    fn add_wire(&mut self, wire: Candidate<'t>) {
        let model = wire.model.as_deref().or(self.request.model);
        let target = Target {
            upstream: Arc::clone(&wire.upstream.name),
            model: model.unwrap_or_default().into(),
        };
        if let Some(at) = self.position(&target) {
            // the same target: as the app wrote it
            let rank = Rank::Preferred;
            if let Some(entry) = self.front.get_mut(at) {
                entry.candidate = Candidate { rank, ..wire };
            }
            return;
        }
        // whatever a filter said of it: it is none of the alias's, and passes as it is
        self.excluded.retain(|left| !left.is_at(&target));
        let listed = |names: &[String]| names.iter().any(|name| target.is_named(name));
        let reason = match (listed(self.request.exclude), listed(self.request.tried)) {
            (true, _) => Exclusion::ByPolicy,
            (_, true) => Exclusion::Tried,
            (false, false) => {
                self.entries.push(Entry {
                    seed: affinity::seed(&target),
                    candidate: wire,
                    standing: Standing::IDLE,
                    cost: None,
                    weight: 1,
                });
                return;
            }
        };
        self.excluded.push(Excluded {
            id: None,
            upstream: wire.upstream,
            model: target.model,
            reason,
        });
    }

    fn finish(self) -> Result<Plan<'t>, NoRoute> {
        let Self {
            alias,
            request,
            now,
            excluded,
            unknown,
            ..
        } = self;
        let mut candidates = (self.front.into_iter())
            .chain(self.entries)
            .map(|entry| entry.candidate);
        if let Some(first) = candidates.next() {
            return Ok(Plan {
                alias,
                first,
                others: candidates.collect(),
                excluded,
                unknown,
            });
        }
        if let [only] = &excluded[..]
            && matches!(only.reason, Exclusion::NoKey | Exclusion::OtherFamily(_))
        {
            let upstream = Arc::clone(&only.upstream.name);
            return Err(NoRoute::Excluded(upstream, only.reason.clone()));
        }
        let name = |left: &Excluded<'_>| format!("{}/{}", left.upstream.name, left.model).into();
        Err(NoRoute::NoneLeft(Box::new(NoneLeft {
            model: request.model.unwrap_or_default().into(),
            excluded: excluded
                .iter()
                .map(|left| (name(left), left.reason.clone()))
                .collect(),
            now,
        })))
    }
}

impl Excluded<'_> {
    pub(super) fn is_at(&self, target: &Target) -> bool {
        self.upstream.name == target.upstream && self.model == target.model
    }
}

impl AliasRow {
    /// Its part of a target; what is a candidate comes before what is aside.
    pub(super) fn part_of(&self, id: TargetId) -> Option<&AliasTarget> {
        let mut all = self.targets.iter().chain(&self.aside);
        all.find(|of| of.target == id)
    }
}
