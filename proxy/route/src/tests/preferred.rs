use super::{Fake, alias, fast, table, upstream};
use crate::{
    AliasTarget, Candidate, Exclusion, Family, Home, NoRoute, Rank, Request, Strategy, Table, View,
};

/// `fast` and `slow`, at upstreams of which one has no key and one speaks another dialect.
fn two_aliases() -> Table {
    table(
        vec![
            upstream("a", Family::Openai, true),
            upstream("b", Family::Openai, true),
            upstream("keyless", Family::Openai, false),
            upstream("claude", Family::Anthropic, true),
        ],
        [
            alias("fast", &[("a", "one"), ("b", "two")]),
            alias("slow", &[("b", "three"), ("a", "one")]),
        ],
        vec![(Family::Openai, "a".into())],
    )
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn order<'t>(candidates: impl Iterator<Item = &'t Candidate<'t>>) -> Vec<String> {
    let name = |candidate: &Candidate<'_>| {
        let model = candidate.model.as_deref().unwrap_or("-");
        format!("{}/{model}", candidate.upstream.name)
    };
    candidates.map(name).collect()
}

/// The order for a model where policies prefer these.
fn with(table: &Table, model: &str, prefer: &[&str]) -> Vec<String> {
    let (fake, prefer) = (Fake::default(), names(prefer));
    let request = Request {
        model: Some(model),
        prefer: &prefer,
        ..fake.request()
    };
    order(table.plan(&request, &fake, fake.now).unwrap().candidates())
}

#[test]
fn what_a_policy_prefers_comes_first_in_its_order() {
    let table = two_aliases();
    assert_eq!(with(&table, "fast", &["b/two"]), ["b/two", "a/one"]);
    assert_eq!(
        with(&table, "fast", &["b/two", "a/one", "b/two"]),
        ["b/two", "a/one"]
    );
    let fake = Fake::default();
    let prefer = names(&["b/two"]);
    let request = Request {
        prefer: &prefer,
        ..fake.request()
    };
    let plan = table.plan(&request, &fake, fake.now).unwrap();
    let ranks: Vec<_> = plan.candidates().map(|one| one.rank).collect();
    assert_eq!(ranks, [Rank::Preferred, Rank::Order]);
}

#[test]
fn another_alias_or_any_model_of_an_upstream_may_be_preferred() {
    let table = two_aliases();
    assert_eq!(
        with(&table, "fast", &["slow"]),
        ["b/three", "a/one", "b/two"]
    );
    assert_eq!(
        with(&table, "fast", &["b/new/model", "b/three"]),
        ["b/new/model", "b/three", "a/one", "b/two"]
    );
}

#[test]
fn a_wire_is_kept_behind_what_a_policy_prefers() {
    let table = two_aliases();
    assert_eq!(with(&table, "gpt", &["b/two"]), ["b/two", "a/-"]);
    assert_eq!(with(&table, "gpt", &["slow"]), ["b/three", "a/one", "a/-"]);
    // the very target it is
    assert_eq!(with(&table, "gpt", &["b/two", "a/gpt"]), ["b/two", "a/-"]);
    assert_eq!(with(&table, "b/two", &["a/one"]), ["a/one", "b/two"]);
}

#[test]
fn names_that_nothing_has_are_reported() {
    let table = two_aliases();
    let prefer = names(&["nowhere/model", "gone", "b/two", "b/"]);
    let fake = Fake::default();
    let request = Request {
        prefer: &prefer,
        ..fake.request()
    };
    let plan = table.plan(&request, &fake, fake.now).unwrap();
    assert_eq!(order(plan.candidates()), ["b/two", "a/one"]);
    assert_eq!(plan.unknown(), names(&["nowhere/model", "gone", "b/"]));
}

#[test]
fn what_is_preferred_passes_the_filters_like_all_others() {
    let table = two_aliases();
    let mut fake = Fake::default();
    fake.open(&table, "b/three", 4);
    let prefer = names(&["keyless/m", "claude/m", "b/three", "b/two"]);
    let exclude = names(&["b/two"]);
    let request = Request {
        prefer: &prefer,
        exclude: &exclude,
        home: Some(Home {
            upstream: "a",
            own_host: true,
            model: Some("fast"),
        }),
        ..fake.request()
    };
    let plan = table.plan(&request, &fake, fake.now).unwrap();
    assert_eq!(order(plan.candidates()), ["a/one"]);
    let left: Vec<_> = (plan.excluded().iter())
        .map(|left| (left.model.to_string(), left.reason.name()))
        .collect();
    let expected = [
        ("two", "policy"),
        ("m", "no_key"),
        ("m", "other_family"),
        ("three", "open"),
    ];
    assert_eq!(
        left,
        expected.map(|(model, reason)| (model.to_owned(), reason))
    );
}

#[test]
fn a_targets_conditions_hold_for_a_policy_too() {
    let mut slow = alias("slow", &[("up", "three")]);
    slow.targets[0].conditions = vec![("region".to_owned(), vec!["eu".to_owned()])];
    let table = table(
        vec![upstream("up", Family::Openai, true)],
        [alias("fast", &[("up", "one")]), slow],
        Vec::new(),
    );
    assert_eq!(with(&table, "fast", &["slow"]), ["up/one"]);
    // by its own name it is nobody's alias
    assert_eq!(with(&table, "fast", &["up/three"]), ["up/three", "up/one"]);
}

#[test]
fn a_policy_may_rule_out_every_target_a_wires_too() {
    let table = two_aliases();
    let fake = Fake::default();
    let exclude = names(&["a/gpt"]);
    let request = Request {
        model: Some("gpt"),
        exclude: &exclude,
        ..fake.request()
    };
    let Err(NoRoute::NoneLeft(none)) = table.plan(&request, &fake, fake.now) else {
        panic!("it is left out")
    };
    assert_eq!(none.excluded, [("a/gpt".into(), Exclusion::ByPolicy)]);
    assert_eq!(
        none.to_string(),
        "no target of `gpt` can serve this request: `a/gpt` is ruled out by a policy"
    );
    let other = names(&["a/other"]);
    let request = Request {
        exclude: &other,
        ..request
    };
    let plan = table.plan(&request, &fake, fake.now).unwrap();
    assert_eq!(order(plan.candidates()), ["a/-"]);
}

#[test]
fn what_no_upstream_speaks_is_served_where_a_policy_prefers_it() {
    let table = table(vec![upstream("b", Family::Openai, true)], [], Vec::new());
    assert_eq!(with(&table, "gpt", &["b/two"]), ["b/two"]);
    let fake = Fake::default();
    let prefer = names(&["gone/two"]);
    let request = Request {
        model: Some("gpt"),
        prefer: &prefer,
        ..fake.request()
    };
    let none = table.plan(&request, &fake, fake.now);
    assert_eq!(none, Err(NoRoute::NobodySpeaks("openai.chat")));
}

#[test]
fn targets_are_numbered_once_and_those_aside_are_no_candidates() {
    let mut one = alias(
        "fast",
        &[("a", "one"), ("gone", "two"), ("a", "one"), ("b", "two")],
    );
    let aside = |target| AliasTarget {
        target,
        weight: 1,
        conditions: Vec::new(),
    };
    one.aside = vec![
        aside(super::target("b", "canary")),
        aside(super::target("a", "one")),
    ];
    let table = table(
        vec![
            upstream("a", Family::Openai, true),
            upstream("b", Family::Openai, true),
        ],
        [
            one,
            alias("slow", &[("b", "two")]),
            alias("none", &[("gone", "x")]),
        ],
        Vec::new(),
    );
    let known: Vec<_> = table
        .targets()
        .iter()
        .map(|row| row.target.to_string())
        .collect();
    assert_eq!(known, ["a/one", "b/two", "b/canary"]);
    for (index, row) in table.targets().iter().enumerate() {
        assert_eq!(row.id.index(), index);
        assert_eq!(table.target(row.id), Some(row));
    }
    assert_eq!(table.aliases().len(), 2);
    assert!(table.alias("none").is_none());
    let aside = table.target_named("b/canary").unwrap();
    assert_eq!(&*table.upstream_of(aside).unwrap().name, "b");
    assert_eq!(with(&table, "fast", &[]), ["a/one", "b/two"]);
    assert_eq!(
        with(&table, "fast", &["b/canary"]),
        ["b/canary", "a/one", "b/two"]
    );
    let shared = table.alias("slow").unwrap().targets[0].target;
    assert_eq!(shared, table.target_named("b/two").unwrap().id);
}

#[test]
fn a_target_aside_is_left_out_of_exchanges_without_the_tags_that_it_is_for() {
    let mut one = alias("fast", &[("up", "one")]);
    one.aside = vec![AliasTarget {
        target: super::target("up", "canary"),
        weight: 1,
        conditions: vec![("plan".into(), vec!["pro".into()])],
    }];
    let upstreams = vec![upstream("up", Family::Openai, true)];
    let table = table(upstreams, [one], Vec::new());
    let preferring = |plan: Option<&str>| {
        let (mut fake, prefer) = (Fake::default(), names(&["up/canary"]));
        fake.tags
            .extend(plan.map(|plan| ("plan".into(), plan.into())));
        let request = Request {
            prefer: &prefer,
            ..fake.request()
        };
        order(table.plan(&request, &fake, fake.now).unwrap().candidates())
    };
    assert_eq!(preferring(Some("pro")), ["up/canary", "up/one"]);
    assert_eq!(preferring(Some("free")), ["up/one"]);
    assert_eq!(preferring(None), ["up/one"]);
}

#[test]
fn an_unlisted_target_that_is_preferred_has_a_standing_by_its_name() {
    struct Shut(Fake);
    impl View for Shut {
        fn standing(&self, target: crate::TargetId) -> crate::Standing {
            self.0.standing(target)
        }
        fn cost(&self, target: crate::TargetId) -> Option<u64> {
            self.0.cost(target)
        }
        fn standing_of_unlisted(&self, target: &crate::Target) -> crate::Standing {
            assert!(target.is_named("up/new"));
            crate::Standing {
                admits: crate::Admits::No { until: None },
                ..crate::Standing::IDLE
            }
        }
    }
    let table = fast(&["one"], Strategy::Fallback);
    let (view, prefer) = (Shut(Fake::default()), names(&["up/new"]));
    let request = Request {
        prefer: &prefer,
        ..view.0.request()
    };
    let plan = table.plan(&request, &view, view.0.now).unwrap();
    assert_eq!(order(plan.candidates()), ["up/one"]);
    assert_eq!(
        plan.excluded()[0].reason,
        Exclusion::Limited { until: None }
    );
    // a wire passes nevertheless
    let request = Request {
        model: Some("up/new"),
        ..request
    };
    let plan = table.plan(&request, &view, view.0.now).unwrap();
    assert_eq!(order(plan.candidates()), ["up/new"]);
    assert_eq!(plan.excluded(), []);
}
