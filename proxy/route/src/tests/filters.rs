use std::{sync::Arc, time::Duration};

use dialect::Dialect;

use super::{alias, fakes::Fake, upstream};
use crate::{
    Alias, Endpoints, Exclusion, Family, ModelFacts, Needs, NoRoute, NoneLeft, Plan, Request,
    Table, Verdict,
};

/// An alias `fast` of these models at one upstream, of each of which these facts are known.
pub(super) fn models(of: &[(&'static str, ModelFacts)]) -> Table {
    models_with(of, |_| {})
}

fn models_with(of: &[(&'static str, ModelFacts)], change: impl FnOnce(&mut Alias)) -> Table {
    let targets: Vec<_> = of.iter().map(|(model, _)| ("up", *model)).collect();
    let mut fast = alias("fast", &targets);
    change(&mut fast);
    let facts: Vec<(&str, ModelFacts)> = of.to_vec();
    let find = move |_: &crate::Upstream, model: &str| {
        let found = facts.iter().find(|(known, _)| *known == model);
        found.map_or(ModelFacts::UNKNOWN, |(_, facts)| *facts)
    };
    Table::new(
        vec![upstream("up", Family::Openai, true)],
        [fast],
        Vec::new(),
        Arc::new(find),
    )
}

fn order(plan: &Plan<'_>) -> Vec<String> {
    let model = |candidate: &crate::Candidate<'_>| candidate.model.as_deref().unwrap().to_owned();
    plan.candidates().map(model).collect()
}

fn left(plan: &Plan<'_>) -> Vec<(String, Exclusion)> {
    let excluded = plan.excluded().iter();
    excluded
        .map(|left| (left.model.to_string(), left.reason.clone()))
        .collect()
}

fn none_left(table: &Table, request: &Request<'_>, fake: &Fake) -> NoneLeft {
    match table.plan(request, fake, fake.now) {
        Err(NoRoute::NoneLeft(none)) => *none,
        other => panic!("{other:?}"),
    }
}

pub(super) const UNKNOWN: ModelFacts = ModelFacts::UNKNOWN;

#[test]
fn a_model_that_lacks_what_the_call_needs_is_no_candidate() {
    let lacks = |change: fn(&mut ModelFacts)| {
        let mut facts = UNKNOWN;
        change(&mut facts);
        facts
    };
    let table = models(&[
        ("no-tools", lacks(|facts| facts.tools = Some(false))),
        ("blind", lacks(|facts| facts.images = Some(false))),
        ("deaf", lacks(|facts| facts.audio = Some(false))),
        ("no-files", lacks(|facts| facts.files = Some(false))),
        (
            "responses",
            lacks(|facts| {
                facts.endpoints = Some(Endpoints::default().with(Dialect::OpenaiResponses));
            }),
        ),
        ("all", UNKNOWN),
    ]);
    let fake = Fake {
        needs: Needs {
            tools: true,
            images: true,
            audio: true,
            files: true,
        },
        ..Fake::default()
    };
    let plan = table.plan(&fake.request(), &fake, fake.now).unwrap();
    assert_eq!(order(&plan), ["all"]);
    let expected = [
        ("no-tools", Exclusion::Tools),
        ("blind", Exclusion::Images),
        ("deaf", Exclusion::Audio),
        ("no-files", Exclusion::Files),
        ("responses", Exclusion::Endpoint("openai.chat")),
    ];
    assert_eq!(
        left(&plan),
        expected.map(|(model, reason)| (model.to_owned(), reason))
    );
    let plain = Fake::default();
    let plan = table.plan(&plain.request(), &plain, plain.now).unwrap();
    assert_eq!(
        order(&plan),
        ["no-tools", "blind", "deaf", "no-files", "all"]
    );
}

pub(super) fn window(window: u64, output: Option<u64>) -> ModelFacts {
    ModelFacts {
        window: Some(window),
        output,
        ..UNKNOWN
    }
}

#[test]
fn a_call_goes_where_it_fits_with_what_it_may_generate() {
    let table = models(&[
        ("small", window(1000, None)),
        ("short", window(9000, Some(200))),
        ("large", window(9000, Some(4000))),
        ("unknown", UNKNOWN),
    ]);
    let plan_of = |input, output| {
        let fake = Fake {
            input,
            output,
            ..Fake::default()
        };
        let plan = table.plan(&fake.request(), &fake, fake.now).unwrap();
        (order(&plan), left(&plan))
    };
    let (all, none) = plan_of(900, None);
    assert_eq!((all.len(), none.len()), (4, 0));
    assert_eq!(plan_of(900, Some(100)).1, []);
    let (candidates, excluded) = plan_of(900, Some(300));
    assert_eq!(candidates, ["large", "unknown"]);
    let too_long = Exclusion::Window {
        tokens: 1200,
        window: 1000,
    };
    let too_much = Exclusion::Output {
        tokens: 300,
        most: 200,
    };
    assert_eq!(
        excluded,
        [
            ("small".to_owned(), too_long),
            ("short".to_owned(), too_much)
        ]
    );
    assert_eq!(plan_of(10_000, None).0, ["unknown"]);
}

#[test]
fn an_estimate_alone_leaves_no_call_without_a_target() {
    let table = models(&[("one", window(1000, Some(500)))]);
    let plan_of = |input, output| {
        let fake = Fake {
            input,
            output,
            ..Fake::default()
        };
        table
            .plan(&fake.request(), &fake, fake.now)
            .map(|plan| order(&plan))
    };
    // what it may generate does not fit, and what it says does
    assert_eq!(plan_of(900, Some(400)).unwrap(), ["one"]);
    assert_eq!(plan_of(1090, None).unwrap(), ["one"]);
    let fake = Fake {
        input: 1200,
        ..Fake::default()
    };
    let none = none_left(&table, &fake.request(), &fake);
    assert_eq!(none.verdict(), Verdict::Unfit);
    assert_eq!(
        none.to_string(),
        "no target of `fast` can serve this request: `up/one` takes 1000 tokens, and this request needs about 1200"
    );
}

#[test]
fn a_call_that_waits_for_a_larger_window_is_not_sent_to_a_smaller_one() {
    let table = models(&[("small", window(1000, None)), ("large", window(9000, None))]);
    let mut fake = Fake {
        input: 1050,
        ..Fake::default()
    };
    fake.limit(&table, "up/large", 5);
    let none = none_left(&table, &fake.request(), &fake);
    assert_eq!(none.verdict(), Verdict::Limited);
    assert_eq!(none.soonest(), Some(fake.now + Duration::from_secs(5)));
    let (fake, tried) = (
        Fake {
            input: 1050,
            ..Fake::default()
        },
        ["up/large".to_owned()],
    );
    let request = Request {
        tried: &tried,
        ..fake.request()
    };
    let none = none_left(&table, &request, &fake);
    assert_eq!(
        none.verdict(),
        Verdict::Tried,
        "nor is one whose larger window failed"
    );
}

#[test]
fn what_takes_a_look_at_the_body_is_left_to_the_provider_of_a_sole_target() {
    let facts = ModelFacts {
        audio: Some(false),
        files: Some(false),
        ..window(1000, Some(100))
    };
    let table = models(&[("one", facts)]);
    let fake = Fake {
        output: Some(200),
        bound: Some(900),
        needs: Needs {
            audio: true,
            ..Needs::default()
        },
        ..Fake::default()
    };
    let plan = table.plan(&fake.request(), &fake, fake.now).unwrap();
    assert_eq!(order(&plan), ["one"]);
    assert_eq!(fake.call_reads.get(), 0);
    let blind = ModelFacts {
        images: Some(false),
        ..UNKNOWN
    };
    let fake = Fake {
        needs: Needs::ALL,
        ..Fake::default()
    };
    let none = none_left(&models(&[("one", blind)]), &fake.request(), &fake);
    assert_eq!(none.excluded, [("up/one".into(), Exclusion::Images)]);
}

#[test]
fn a_batch_has_no_window_of_its_own() {
    let table = Table::new(
        vec![upstream("up", Family::Anthropic, true)],
        [alias("fast", &[("up", "one")])],
        Vec::new(),
        Arc::new(|_, _| window(1000, None)),
    );
    let fake = Fake {
        input: 1_000_000,
        ..Fake::default()
    };
    let request = Request {
        dialect: Dialect::AnthropicBatches,
        family: Family::Anthropic,
        ..fake.request()
    };
    assert!(table.plan(&request, &fake, fake.now).is_ok());
}

#[test]
fn a_target_with_conditions_is_for_exchanges_that_carry_their_tags() {
    let table = models_with(&[("eu", UNKNOWN), ("us", UNKNOWN)], |alias| {
        alias.targets[0].conditions = vec![
            ("region".to_owned(), vec!["eu".to_owned(), "uk".to_owned()]),
            ("team".to_owned(), vec!["a".to_owned()]),
        ];
    });
    let plan_of = |tags: &[(&str, &str)]| {
        let tags = tags
            .iter()
            .map(|(tag, value)| ((*tag).to_owned(), (*value).to_owned()));
        let fake = Fake {
            tags: tags.collect(),
            ..Fake::default()
        };
        let plan = table.plan(&fake.request(), &fake, fake.now).unwrap();
        let explained = plan.explain(fake.now);
        (order(&plan), explained.last().unwrap().reason.clone())
    };
    assert_eq!(plan_of(&[("region", "uk"), ("team", "a")]).0, ["eu", "us"]);
    assert_eq!(plan_of(&[("region", "us"), ("team", "a")]).0, ["us"]);
    assert_eq!(plan_of(&[("region", "eu")]).0, ["us"]);
    let (candidates, reason) = plan_of(&[]);
    assert_eq!(candidates, ["us"]);
    assert_eq!(
        reason,
        "is for requests with other tags (`where`): region=eu|uk team=a"
    );
}

#[test]
fn a_target_at_which_the_exchange_costs_too_much_is_no_candidate_and_one_without_a_price_is() {
    let table = models_with(
        &[("dear", UNKNOWN), ("cheap", UNKNOWN), ("unpriced", UNKNOWN)],
        |alias| alias.max_cost = Some(100),
    );
    let mut fake = Fake::default();
    fake.set_cost(&table, "up/dear", 101);
    fake.set_cost(&table, "up/cheap", 100);
    let plan = table.plan(&fake.request(), &fake, fake.now).unwrap();
    assert_eq!(order(&plan), ["cheap", "unpriced"]);
    assert_eq!(left(&plan), [("dear".to_owned(), Exclusion::Price)]);
}

#[test]
fn what_is_open_limited_ruled_out_or_tried_is_left_out_and_the_soonest_end_is_kept() {
    let table = models(&[
        ("open", UNKNOWN),
        ("limited", UNKNOWN),
        ("excluded", UNKNOWN),
        ("tried", UNKNOWN),
        ("left", UNKNOWN),
    ]);
    let mut fake = Fake::default();
    fake.open(&table, "up/open", 30);
    fake.limit(&table, "up/limited", 12);
    let (exclude, tried) = (["up/excluded".to_owned()], ["up/tried".to_owned()]);
    let request = Request {
        exclude: &exclude,
        tried: &tried,
        ..fake.request()
    };
    let plan = table.plan(&request, &fake, fake.now).unwrap();
    assert_eq!(order(&plan), ["left"]);
    let until = |seconds| Some(fake.now + Duration::from_secs(seconds));
    let expected = [
        ("open", Exclusion::Open { until: until(30) }),
        ("limited", Exclusion::Limited { until: until(12) }),
        ("excluded", Exclusion::ByPolicy),
        ("tried", Exclusion::Tried),
    ];
    assert_eq!(
        left(&plan),
        expected.map(|(model, reason)| (model.to_owned(), reason))
    );
    assert_eq!(plan.soonest(), until(12));

    let exclude = ["up/excluded".to_owned(), "up/left".to_owned()];
    let request = Request {
        exclude: &exclude,
        ..request
    };
    let none = none_left(&table, &request, &fake);
    assert_eq!(
        (none.soonest(), none.verdict()),
        (until(12), Verdict::Limited)
    );
    assert_eq!(
        none.to_string(),
        "no target of `fast` can serve this request: `up/open` fails and is left alone for another 30 s; \
         `up/limited` is limited by its provider for another 12 s; `up/excluded` is ruled out by a policy; \
         `up/tried` was tried and failed; `up/left` is ruled out by a policy"
    );
}

#[test]
fn the_verdict_is_the_kindest_of_the_reasons() {
    let table = models(&[("a", UNKNOWN), ("b", UNKNOWN)]);
    let mut fake = Fake::default();
    let verdict = |fake: &Fake, exclude: &[&str], tried: &[&str]| {
        let own = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let (exclude, tried) = (own(exclude), own(tried));
        let request = Request {
            exclude: &exclude,
            tried: &tried,
            ..fake.request()
        };
        none_left(&table, &request, fake).verdict()
    };
    assert_eq!(verdict(&fake, &["up/a", "up/b"], &[]), Verdict::Barred);
    assert_eq!(verdict(&fake, &["up/a"], &["up/b"]), Verdict::Tried);
    fake.open(&table, "up/b", 1);
    assert_eq!(verdict(&fake, &["up/a"], &[]), Verdict::Open);
    assert_eq!(verdict(&fake, &[], &["up/a"]), Verdict::Open);
    fake.limit(&table, "up/a", 1);
    assert_eq!(verdict(&fake, &[], &[]), Verdict::Limited);
}
