#![expect(clippy::unwrap_used, reason = "tests")]

use dialect::Dialect;

use crate::{
    Alias, AliasTarget, Candidate, Endpoints, Exclusion, Family, Home, NoRoute, Plan, Request,
    Sticky, Strategy, Table, Target, Upstream,
};

mod affinity;
mod fakes;
mod filters;
mod preferred;
mod properties;
mod reads;
mod strategies;

use fakes::Fake;

fn upstream(name: &str, family: Family, has_credentials: bool) -> Upstream {
    Upstream {
        name: name.into(),
        family,
        offers: Endpoints::of_family(family),
        converse: false,
        translates: false,
        has_credentials,
    }
}

fn target(upstream: &str, model: &str) -> Target {
    Target {
        upstream: upstream.into(),
        model: model.into(),
    }
}

fn alias(name: &str, targets: &[(&str, &str)]) -> Alias {
    let of = |(upstream, model): &(&str, &str)| AliasTarget {
        target: target(upstream, model),
        weight: 1,
        conditions: Vec::new(),
    };
    Alias {
        name: name.into(),
        targets: targets.iter().map(of).collect(),
        strategy: Strategy::Fallback,
        sticky: Sticky::Conversation,
        max_cost: None,
        aside: Vec::new(),
    }
}

/// An alias `fast` of these models at the upstream `up`, with this strategy.
fn fast(models: &[&str], strategy: Strategy) -> Table {
    fast_with(models, strategy, |_| {})
}

fn fast_with(models: &[&str], strategy: Strategy, change: impl FnOnce(&mut Alias)) -> Table {
    let targets: Vec<_> = models.iter().map(|model| ("up", *model)).collect();
    let mut fast = Alias {
        strategy,
        ..alias("fast", &targets)
    };
    change(&mut fast);
    table(
        vec![upstream("up", Family::Openai, true)],
        [fast],
        Vec::new(),
    )
}

/// The models of a plan for `fast`, best first.
fn order(table: &Table, fake: &Fake) -> Vec<String> {
    let plan = table.plan(&fake.request(), fake, fake.now).unwrap();
    let model = |candidate: &Candidate<'_>| candidate.model.as_deref().unwrap().to_owned();
    plan.candidates().map(model).collect()
}

/// A table of models of which nothing is known.
fn table(
    upstreams: Vec<Upstream>,
    aliases: impl IntoIterator<Item = Alias>,
    defaults: Vec<(Family, std::sync::Arc<str>)>,
) -> Table {
    Table::new(
        upstreams,
        aliases,
        defaults,
        std::sync::Arc::new(|_, _| crate::ModelFacts::UNKNOWN),
    )
}

/// Upstream and model of each candidate.
fn candidates(plan: &Plan<'_>) -> Vec<(String, Option<String>)> {
    let model = |candidate: &Candidate<'_>| candidate.model.as_deref().map(str::to_owned);
    plan.candidates()
        .map(|candidate| (candidate.upstream.name.to_string(), model(candidate)))
        .collect()
}

#[test]
fn an_alias_a_prefix_and_the_family_find_geminis_upstream_and_no_other_one() {
    let view = Fake::default();
    let table = table(
        vec![
            upstream("gemini", Family::Gemini, false),
            upstream("openai", Family::Openai, false),
        ],
        [
            alias("fast", &[("gemini", "flash")]),
            alias("slow", &[("openai", "gpt")]),
        ],
        vec![
            (Family::Gemini, "gemini".into()),
            (Family::Openai, "openai".into()),
        ],
    );
    let ask = |model| {
        let request = Request {
            dialect: Dialect::GeminiGenerate,
            family: Family::Gemini,
            model: Some(model),
            ..view.request()
        };
        table
            .plan(&request, &view, view.now)
            .map(|plan| candidates(&plan))
    };
    let one =
        |upstream: &str, model: Option<&str>| Ok(vec![(upstream.into(), model.map(str::to_owned))]);
    assert_eq!(ask("fast"), one("gemini", Some("flash")));
    assert_eq!(ask("gemini/a/b"), one("gemini", Some("a/b")));
    assert_eq!(ask("gemini-pro"), one("gemini", None));
    assert_eq!(ask("unknown/a"), one("gemini", None));
    let other = Exclusion::OtherFamily("gemini.generate");
    assert_eq!(ask("slow"), Err(NoRoute::Excluded("openai".into(), other)));
}

#[test]
fn candidates_keep_the_aliases_order_and_what_is_left_out_its_reason() {
    let view = Fake::default();
    let table = table(
        vec![
            upstream("azure", Family::Openai, true),
            upstream("claude", Family::Anthropic, true),
            upstream("demo", Family::Every, true),
            upstream("keyless", Family::Openai, false),
        ],
        [alias(
            "fast",
            &[
                ("keyless", "a"),
                ("demo", "b"),
                ("claude", "c"),
                ("gone", "d"),
                ("azure", "e"),
            ],
        )],
        Vec::new(),
    );
    let request = Request {
        dialect: Dialect::OpenaiChat,
        family: Family::Openai,
        model: Some("fast"),
        home: Some(Home {
            upstream: "azure",
            own_host: true,
            model: Some("fast"),
        }),
        ..view.request()
    };
    let plan = table.plan(&request, &view, view.now).unwrap();
    let dialled: Vec<_> = plan.candidates().map(|c| c.dialled).collect();
    assert_eq!(dialled, [false, true]);
    assert_eq!(
        candidates(&plan),
        [
            ("demo".to_owned(), Some("b".to_owned())),
            ("azure".to_owned(), Some("e".to_owned()))
        ]
    );
    let excluded: Vec<_> = (plan.excluded().iter())
        .map(|left| (&*left.upstream.name, left.reason.clone()))
        .collect();
    assert_eq!(
        excluded,
        [
            ("keyless", Exclusion::NoKey),
            ("claude", Exclusion::OtherFamily("openai.chat"))
        ]
    );
    let unnamed = Request {
        model: Some("gpt-5"),
        home: None,
        ..request
    };
    let nobody = Err(NoRoute::NobodySpeaks("openai.chat"));
    assert_eq!(table.plan(&unnamed, &view, view.now), nobody);
}

#[test]
fn what_came_in_by_host_goes_there_unless_an_alias_or_a_policy_says_otherwise() {
    let view = Fake::default();
    let table = table(
        vec![
            upstream("anthropic", Family::Anthropic, false),
            upstream("azure", Family::Openai, false),
            upstream("openai", Family::Openai, true),
        ],
        [
            alias("fast", &[("openai", "gpt")]),
            alias("slow", &[("azure", "gpt")]),
        ],
        vec![(Family::Openai, "openai".into())],
    );
    let ask = |model, (by, own_host), written| {
        let request = Request {
            dialect: Dialect::OpenaiChat,
            family: Family::Openai,
            model: Some(model),
            home: Some(Home {
                upstream: by,
                own_host,
                model: Some(written),
            }),
            ..view.request()
        };
        table.plan(&request, &view, view.now).map(|plan| {
            let first = plan.first();
            let model = first.model.as_deref().map(str::to_owned);
            (first.upstream.name.to_string(), model, first.dialled)
        })
    };
    let app = |model, by| ask(model, by, model);
    let to = |upstream: &str, model: Option<&str>, dialled| {
        Ok((upstream.to_owned(), model.map(str::to_owned), dialled))
    };
    let azure = ("azure", true);
    assert_eq!(app("gpt-5", azure), to("azure", None, true));
    assert_eq!(app("gpt-5", ("azure", false)), to("azure", None, false));
    assert_eq!(app("fast", azure), to("openai", Some("gpt"), false));
    // The app's prefix is the host's own affair; a policy's is an upstream.
    assert_eq!(app("openai/x", azure), to("azure", None, true));
    assert_eq!(ask("openai/x", azure, "m"), to("openai", Some("x"), false));
    assert_eq!(ask("azure/x", azure, "m"), to("azure", Some("x"), true));
    // An app's key for one host is never sent to another.
    let no_key = NoRoute::Excluded("azure".into(), Exclusion::NoKey);
    assert_eq!(app("slow", ("openai", true)), Err(no_key));
    // A dialect that the host's upstream does not speak is for the host to answer.
    assert_eq!(
        app("gpt-5", ("anthropic", true)),
        to("anthropic", None, true)
    );
    assert_eq!(app("gpt-5", ("gone", true)), Err(NoRoute::Unclaimed));
}
