//! `models:` and `model_facts:`.

mod wrong;

use std::time::Duration;

use dialect::Dialect;
use dialect::translate::takes::{MaxField, ReasoningForm, ReasoningOff, SystemRole};
use route::{Endpoints, ModelFacts, Sticky, Strategy};

use super::{errors, mistakes, parse};
use crate::config::{
    Alias, AliasTarget, Canary, Hedge, Limited, Queue, Retry, Shadow, Target, file,
};

/// Three upstreams in one line, and then `models` as given. `a` and `b` have accounts of their own,
/// `c` has that of `a`.
fn with_upstreams(models: &str) -> String {
    format!(
        "upstreams: {{ a: {{ kind: embedded }}, b: {{ kind: embedded }}, c: {{ kind: embedded, account: a }} }}\n{models}"
    )
}

fn target(text: &str) -> Target {
    let (upstream, model) = text.split_once('/').unwrap();
    Target {
        upstream: upstream.into(),
        model: model.into(),
    }
}

fn alias(models: &str) -> Alias {
    let mut config = parse(&with_upstreams(models)).unwrap();
    config.models.remove("m").unwrap()
}

#[test]
fn targets_and_a_strategy_are_enough_and_all_else_has_safe_defaults() {
    let expected = Alias {
        targets: vec![
            AliasTarget::of(target("a/m")),
            AliasTarget::of(target("b/m")),
        ],
        strategy: Strategy::Fallback,
        sticky: Sticky::Conversation,
        attempts: 3,
        deadline: Duration::from_secs(600),
        ends_replies: false,
        max_cost: None,
        retry: Retry {
            share: 0.2,
            per_second: 3.0,
            maybe_done: 0.02,
            wait: Duration::from_secs(5),
            content_filter: false,
        },
        limited: Limited::Refuse,
        hedge: None,
        canary: None,
        shadow: None,
        translate: true,
        strict: false,
    };
    for models in [
        "models: { m: { targets: [a/m, b/m], strategy: fallback } }",
        "models: { m: { targets: [a/m, b/m] } }",
        "models: { m: { targets: [{ target: a/m }, { target: '${B:-b/m}' }], strategy: '${S:-fallback}', retry: {} } }",
    ] {
        assert_eq!(alias(models), expected, "{models}");
    }
}

#[test]
fn every_key_of_an_alias_is_read() {
    let read = alias(
        "models:\n  m:\n    targets: [{ target: a/m, weight: 9, where: { region: [eu, ch], plan: 3 } }, { target: b/x/y, weight: 0 }]\n    \
         strategy: weighted\n    sticky: team\n    attempts: 5\n    deadline: 2m\n    max_usd: 0.05\n    \
         retry: { share: 10%, per_second: 0.5, maybe_done: 0%, wait: 0s, content_filter: true }\n    \
         limited: { queue: { exchanges: 10, bytes: 1MiB, tokens: 5000, wait: 3s, tenant: team, priority: plan } }\n    \
         hedge: { share: 1%, delay: 500ms }\n    canary: { target: a/new, share: 50%, where: { plan: pro } }\n    \
         shadow: { target: c/m, share: 100%, usd_per_day: 2.5, where: { region: [eu] } }\n",
    );
    let expected = Alias {
        targets: vec![
            AliasTarget {
                target: target("a/m"),
                weight: 9,
                conditions: vec![
                    ("plan".into(), vec!["3".into()]),
                    ("region".into(), vec!["eu".into(), "ch".into()]),
                ],
            },
            AliasTarget {
                weight: 0,
                ..AliasTarget::of(target("b/x/y"))
            },
        ],
        strategy: Strategy::Weighted,
        sticky: Sticky::Tag("team".into()),
        attempts: 5,
        deadline: Duration::from_secs(120),
        ends_replies: true,
        max_cost: Some(50_000_000),
        retry: Retry {
            share: 0.1,
            per_second: 0.5,
            maybe_done: 0.0,
            wait: Duration::ZERO,
            content_filter: true,
        },
        limited: Limited::Queue(Queue {
            exchanges: 10,
            bytes: 1 << 20,
            tokens: 5000,
            wait: Duration::from_secs(3),
            tenant: "team".into(),
            priority: "plan".into(),
        }),
        hedge: Some(Hedge {
            share: 0.01,
            delay: Duration::from_millis(500),
        }),
        canary: Some(Canary {
            target: target("a/new"),
            share: 0.5,
            conditions: vec![("plan".into(), vec!["pro".into()])],
        }),
        shadow: Some(Shadow {
            target: target("c/m"),
            share: 1.0,
            usd_per_day: 2.5,
            conditions: vec![("region".into(), vec!["eu".into()])],
        }),
        translate: true,
        strict: false,
    };
    assert_eq!(read, expected);
    let named: Vec<_> = read.all_targets().cloned().collect();
    assert_eq!(named, ["a/m", "b/x/y", "a/new", "c/m"].map(target));
}

#[test]
fn sections_without_keys_have_defaults_of_their_own() {
    let read = alias(
        "models: { m: { targets: [a/m, b/m], limited: { queue: {} }, hedge: {}, sticky: caller, canary: { target: c/m }, shadow: { target: c/n, usd_per_day: 1 } } }",
    );
    assert_eq!(read.limited, Limited::Queue(Queue::default()));
    assert_eq!(read.hedge, Some(Hedge::default()));
    assert_eq!(read.sticky, Sticky::Caller);
    assert_eq!(read.canary.unwrap().share, 0.05);
    assert_eq!(read.shadow.unwrap().share, 0.01);
    assert_eq!(
        alias("models: { m: { targets: [a/m], limited: { degrade: n } }, n: { targets: [b/m], limited: refuse } }").limited,
        Limited::Degrade("n".into())
    );
}

#[test]
fn the_largest_values_are_taken() {
    let read = alias(
        "models: { m: { targets: [a/m, b/m], attempts: 10, retry: { share: 100%, per_second: 100000 }, hedge: { share: 10% }, canary: { target: c/m, share: 0.5 } } }",
    );
    assert_eq!((read.attempts, read.retry.share), (10, 1.0));
    assert_eq!(read.hedge.unwrap().share, 0.1);
    assert_eq!(read.canary.unwrap().share, 0.5);
}

#[test]
fn each_strategy_has_its_word() {
    for strategy in Strategy::ALL {
        let word = strategy.name();
        let models = format!("models: {{ m: {{ targets: [a/m, b/m], strategy: {word} }} }}");
        assert_eq!(alias(&models).strategy, strategy);
        assert!(file::schema().contains(&format!("\"{word}\"")), "{word}");
    }
}

#[test]
fn a_deadline_is_longer_than_the_time_that_the_operator_gives_a_connection() {
    let with = |connect: &str, deadline: &str| {
        format!(
            "upstreams: {{ a: {{ kind: embedded }}, u: {{ dialect: openai, url: 'http://a'{connect} }} }}\n\
             models: {{ m: {{ targets: [a/m, u/m], deadline: {deadline} }} }}"
        )
    };
    // A connection's default is a bound and no demand.
    parse(&with("", "3s")).unwrap();
    parse(&with(", connect_timeout: 2s", "3s")).unwrap();
    let said = errors(&with(", connect_timeout: 3s", "3s"));
    for word in [
        "t.yaml:2:",
        "models.m.deadline",
        "`upstreams.u.connect_timeout`",
    ] {
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn facts_of_models_are_read() {
    let config = parse(
        "model_facts: { a/m: { window: 400000, output: 128000, tools: true, images: false, audio: false, files: true, endpoints: [openai.chat, '${E:-openai.responses}'] }, llama: { tools: false } }",
    )
    .unwrap();
    let endpoints = [Dialect::OpenaiChat, Dialect::OpenaiResponses];
    let facts = |target: &str| {
        let (upstream, model) = target.split_once('/').unwrap();
        config.model_facts.find(upstream, model).unwrap().facts
    };
    assert_eq!(
        facts("a/m"),
        ModelFacts {
            window: Some(400_000),
            output: Some(128_000),
            tools: Some(true),
            images: Some(false),
            audio: Some(false),
            files: Some(true),
            endpoints: Some(Endpoints::from_iter(endpoints)),
            ..ModelFacts::default()
        }
    );
    assert_eq!(
        facts("b/llama"),
        ModelFacts {
            tools: Some(false),
            ..ModelFacts::default()
        }
    );
    mistakes(
        r#"
            model_facts: { '': { tools: true } } => model_facts | is no name of a model
            model_facts: { m: {} } => model_facts.m | says nothing | `window: 400000`
            model_facts: { m: { window: 0 } } => model_facts.m.window | 1 to
            model_facts: { m: { window: 1000, output: 2000 } } => model_facts.m.output | `window`
            model_facts: { m: { endpoints: [] } } => model_facts.m.endpoints | is empty
            model_facts: { m: { endpoints: [openai.chat, openai.chatt] } }
                => model_facts.m.endpoints[1] | is no dialect | `openai.chat`
            model_facts: { m: { tools: yes } } => model_facts.m.tools | boolean
        "#,
    );
}

#[test]
fn what_models_take_of_a_request_is_read() {
    let config = parse(
        "model_facts:\n  \
         prod: { like: gpt-5-mini, refuses: ['${R:-stop}', top_p], system_role: system, max_field: max_tokens, tool_schemas: openapi, wants_reasoning_back: true }\n  \
         'a/*': { refuses: [], reasoning: { efforts: [none, high], by_default: true } }\n  \
         b: { reasoning: { most_tokens: 8000 } }\n  \
         c: { reasoning: { form: adaptive, efforts: [low], least_tokens: 2000, can_be_off: false } }\n  \
         d: { reasoning: { form: none } }\n",
    )
    .unwrap();
    let found = |upstream, model| config.model_facts.find(upstream, model).unwrap();
    assert_eq!(found("x", "prod").like.as_deref(), Some("gpt-5-mini"));
    let takes = found("x", "prod").facts.taken();
    assert!(takes.refuses_stop && takes.refuses_top_p && !takes.refuses_temperature);
    assert!(takes.openapi_schemas && takes.wants_reasoning_back);
    assert_eq!(
        (takes.system_role, takes.max_field),
        (SystemRole::System, MaxField::MaxTokens)
    );
    for (model, form, efforts, budget, off) in [
        (
            "a",
            ReasoningForm::Effort,
            "none high",
            None,
            ReasoningOff::Taken,
        ),
        (
            "b",
            ReasoningForm::Budget,
            "",
            Some((1024, 8000)),
            ReasoningOff::Taken,
        ),
        (
            "c",
            ReasoningForm::Adaptive,
            "low",
            Some((2000, 1_000_000_000)),
            ReasoningOff::Refused,
        ),
        ("d", ReasoningForm::None, "", None, ReasoningOff::Unknown),
    ] {
        let takes = found(model, model).facts.taken();
        let names = takes.efforts.names().collect::<Vec<_>>().join(" ");
        let tokens = takes.budget.map(|budget| (budget.least, budget.most));
        assert_eq!(
            (takes.reasoning, &*names, tokens, takes.reasoning_off),
            (form, efforts, budget, off),
            "{model}"
        );
        assert_eq!(takes.reasons_by_default, model == "a");
    }
    mistakes(
        r#"
            model_facts: { m: { like: my-own } } => model_facts.m.like | `my-own` is no model | `gpt-5-mini`
            model_facts: { m: { like: 'gpt-*' } } => model_facts.m.like | is no model
            model_facts: { m: { refuses: [heat] } } => model_facts.m.refuses[0] | `heat` is none of | `temperature`
            model_facts: { m: { refuses: all } } => model_facts.m.refuses | and not a list
            model_facts: { m: { system_role: user } } => model_facts.m.system_role | is none of | `developer`
            model_facts: { m: { max_field: max } } => model_facts.m.max_field | is neither | `max_tokens`
            model_facts: { m: { tool_schemas: full } } => model_facts.m.tool_schemas | is neither | `openapi`
            model_facts: { m: { wants_reasoning_back: always } } => model_facts.m.wants_reasoning_back | boolean
            model_facts: { m: { reasoning: { form: lots } } } => model_facts.m.reasoning.form | is none of | `adaptive`
            model_facts: { m: { reasoning: { form: none, efforts: [low] } } } => model_facts.m.reasoning.form | remove either
            model_facts: { m: { reasoning: { form: budget } } } => model_facts.m.reasoning.form | `most_tokens`
            model_facts: { m: { reasoning: { efforts: [] } } } => model_facts.m.reasoning.efforts | is empty
            model_facts: { m: { reasoning: { efforts: [low, some] } } }
                => model_facts.m.reasoning.efforts[1] | `some` is none of | `xhigh`
            model_facts: { m: { reasoning: { most_tokens: 0 } } } => model_facts.m.reasoning.most_tokens | 1 to
            model_facts: { m: { reasoning: { most_tokens: 100 } } } => model_facts.m.reasoning.most_tokens | `least_tokens`
            model_facts: { m: { reasoning: { can_be_off: maybe } } } => model_facts.m.reasoning.can_be_off | boolean
            model_facts: { m: { reasoning: { effort: low } } } => model_facts.m.reasoning | `effort`
        "#,
    );
}
