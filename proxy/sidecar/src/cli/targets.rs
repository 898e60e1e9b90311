//! The targets of the generation in force, as the admin address shows and changes them.

use std::sync::Arc;

use route::State;

use crate::{
    admin::TargetFacts,
    config::Alias,
    exchange::generation::Generation,
    state::targets::{Place, level, now},
    telemetry::metrics::TargetGauges,
};

/// Every target that an alias names, and those aliases.
pub(super) fn facts(generation: &Generation) -> Vec<TargetFacts> {
    let models = &generation.config.models;
    let facts = |place: &Arc<Place>| {
        let name = place.target.name();
        let (upstream, model) = name.split_once('/').unwrap_or_default();
        let names = |alias: &Alias| {
            let mut targets = alias.all_targets();
            targets.any(|target| target.upstream == upstream && target.model == model)
        };
        let aliases = models.iter().filter(|(_, alias)| names(alias));
        TargetFacts {
            aliases: aliases.map(|(name, _)| name.clone()).collect(),
            figures: place.figures(),
        }
    };
    generation.places.iter().map(facts).collect()
}

/// Brings the gauges of targets and aliases up to date: an open one changes by time alone.
pub(super) fn refresh_gauges(generation: &Generation, gauges: &TargetGauges) {
    let now = now();
    let breakers = generation.places.iter();
    let breakers = breakers.map(|place| (place.target.name(), level(place.state(now))));
    let usable = generation.places.aliases().map(|(alias, places)| {
        let usable = places
            .iter()
            .filter(|place| place.state_beside_limits(now) != State::Open);
        (alias.name(), usable.count())
    });
    gauges.set(breakers, usable);
}

/// Closes the breakers of the target of this name, or of all. Returns the number of targets.
pub(super) fn reset(generation: &Generation, target: Option<&str>) -> usize {
    let is_meant = |place: &&Arc<Place>| target.is_none_or(|name| place.target.name() == name);
    let meant = generation.places.iter().filter(is_meant);
    meant.map(|place| place.reset()).count()
}

/// Resumes an alias's canary. Returns whether it was rolled back; none where there is none.
pub(super) fn resume(generation: &Generation, model: &str) -> Option<bool> {
    let mut aliases = generation.places.aliases();
    let (alias, _) = aliases.find(|(alias, _)| alias.name() == model)?;
    let was_back = alias.canary_rolled_back();
    alias.resume_canary().then_some(was_back)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use policy::Chain;
    use route::{Class, Failure};

    use super::*;
    use crate::{config, exchange::generation::Lasting, state::targets::Pass};

    fn generation(yaml: &str, lasting: &Lasting) -> Generation {
        let config = config::tests::read(yaml);
        Generation::of(1, config, Chain::new(Vec::new()), lasting)
    }

    const YAML: &str = "\
        upstreams: { ga: { kind: embedded }, gb: { kind: embedded } }\n\
        models: { gauged: { targets: [ga/m, gb/m], canary: { target: gb/new, share: 5% } }, other: { targets: [gb/m] } }\n";

    fn fails(generation: &Generation, target: &str, class: Class) {
        let mut places = generation.places.iter();
        let place = places.find(|place| place.target.name() == target).unwrap();
        let pass = Pass::enter(place, &place.keys[0], 1, Duration::from_secs(9), now());
        let failure = Failure {
            retry_after: Some(Duration::from_secs(20)),
            ..Failure::of(class)
        };
        pass.ok().unwrap().fail(&failure, None, now());
    }

    fn metric(line: &str) -> String {
        let text = crate::telemetry::metrics::render();
        let found = text.lines().find_map(|one| one.strip_prefix(line));
        found.unwrap_or_default().trim().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn gauges_follow_states_time_and_reloads() {
        let lasting = Lasting::default();
        let before = generation(YAML, &lasting);
        let ga = "outrigger_breaker_state{target=\"ga/m\"}";
        let gauged = "outrigger_targets_usable{model=\"gauged\"}";
        let gauges = TargetGauges::default();
        let values = |generation: &Generation| {
            refresh_gauges(generation, &gauges);
            [metric(ga), metric(gauged)]
        };
        assert_eq!(values(&before), ["0", "2"]);
        fails(&before, "ga/m", Class::Rate);
        assert_eq!(
            values(&before),
            ["2", "2"],
            "it is limited, and not out of order"
        );
        reset(&before, None);
        fails(&before, "ga/m", Class::Overload);
        assert_eq!(values(&before), ["2", "1"]);
        tokio::time::advance(Duration::from_secs(24)).await;
        assert_eq!(
            values(&before),
            ["1", "2"],
            "it may be probed, by time alone"
        );
        let after = generation(
            "upstreams: { gb: { kind: embedded } }\nmodels: { other: { targets: [gb/m] } }\n",
            &lasting,
        );
        assert_eq!(values(&after), ["NaN", "NaN"]);
    }

    #[tokio::test(start_paused = true)]
    async fn targets_know_their_aliases_and_are_reset_one_by_one_or_all() {
        let generation = generation(YAML, &Lasting::default());
        let rows = facts(&generation);
        let row = |name: &str| {
            let mut rows = rows.iter();
            rows.find(|row| row.figures.target.target == name).unwrap()
        };
        assert_eq!(row("gb/m").aliases, ["gauged", "other"]);
        assert_eq!(row("gb/new").aliases, ["gauged"]);
        fails(&generation, "ga/m", Class::Rate);
        fails(&generation, "gb/m", Class::Overload);
        let open = || {
            let rows = facts(&generation);
            let open = rows.iter().filter(|row| row.figures.target.state == "open");
            open.count()
        };
        assert_eq!(open(), 2);
        assert_eq!((reset(&generation, Some("ga/m")), open()), (1, 1));
        assert_eq!((reset(&generation, Some("ga/x")), open()), (0, 1));
        assert_eq!((reset(&generation, None), open()), (3, 0));
        assert_eq!(resume(&generation, "gauged"), Some(false));
        assert_eq!(resume(&generation, "other"), None);
    }
}
