//! Aliases that are refused.

use super::{errors, mistakes, parse, with_upstreams};

/// As [`mistakes`], with the three upstreams before each row.
fn mistakes_in(table: &str) {
    let with: Vec<String> = table
        .lines()
        .map(str::trim)
        .map(|line| match line.starts_with("m") {
            true => with_upstreams(line).replace('\n', "\\n"),
            false => line.to_owned(),
        })
        .collect();
    mistakes(&with.join("\n"));
}

#[test]
fn each_mistake_in_targets_is_reported() {
    mistakes_in(
        r#"
            models: { m: { targets: [a] } } => models.m.targets[0] | `upstream/model`
            models: { m: { targets: [{ target: a/ }] } } => models.m.targets[0].target | `upstream/model`
            models: { m: { targets: [a/m, nowhere/m] } }
                => t.yaml:2:31: models.m.targets[1] | `nowhere/m` | `a`, `b`, `c`
            models: { m: { targets: [] } } => models.m.targets | is empty | write one target
            models: { m: {} } => models.m | missing field `targets`
            models: { m: { targets: a/m } } => models.m.targets | and not a list
            models: { m: { targets: [{ weight: 3 }] } } => models.m.targets[0] | missing field `target`
            models: { m: { targets: [{ target: a/m, wieght: 3 }] } } => targets[0] | `wieght` | `weight`
            models: { m: { targets: [a/m, b/m, a/m] } }
                => models.m.targets[2] | is the same target as `targets[0]`
            models: { m: { targets: [a/m, { target: a/m, where: { region: eu } }] } }
                => models.m.targets[1].target | `targets[0]`
            models: { m: { targets: [{ target: a/m, weight: 2 }, b/m] } }
                => models.m.targets[0].weight | without `strategy: weighted`
            models: { m: { strategy: weighted, targets: [{ target: a/m, weight: 0 }, { target: b/m, weight: 0 }] } }
                => models.m.targets | sum to nothing | 1 or more
            models: { m: { strategy: weighted, targets: [{ target: a/m, weight: heavy }, b/m] } }
                => models.m.targets[0].weight | `heavy` is not a weight
            models: { m: { strategy: weighted, targets: [{ target: a/m, weight: -1 }, b/m] } }
                => models.m.targets[0].weight | `-1` is not a weight
            models: { m: { strategy: weighted, targets: [{ target: a/m, weight: 0.5 }, b/m] } }
                => models.m.targets[0].weight | whole number
            models: { m: { targets: [{ target: a/m, where: {} }] } } => targets[0].where | is empty
            models: { m: { targets: [{ target: a/m, where: eu }] } }
                => models.m.targets[0].where | and not entries by name
            models: { m: { targets: [{ target: a/m, where: { Region: eu } }] } }
                => models.m.targets[0].where.Region | is no name of a tag
            models: { m: { targets: [{ target: a/m, where: { region: [] } }] } }
                => models.m.targets[0].where.region | no exchange fulfils
            models: { m: { targets: [{ target: a/m, where: { region: [eu, ''] } }] } }
                => models.m.targets[0].where.region[1] | is no value that a tag can have
            models: { m: { targets: [{ target: a/m, where: { region: eu } }] } }\ntags: { region: { value: us } }
                => models.m.targets | left out by their `where` | `region`
        "#,
    );
}

#[test]
fn conditions_that_the_operators_own_tag_fails_are_fine_while_one_target_is_left() {
    let models = "models: { m: { targets: [{ target: a/m, where: { region: eu } }, { target: b/m, where: { region: us } }] } }\n";
    parse(&with_upstreams(
        &[models, "tags: { region: { value: us } }"].concat(),
    ))
    .unwrap();
    parse(&with_upstreams(
        &[
            models,
            "tags: { region: { value: ap, headers: [x-region] } }",
        ]
        .concat(),
    ))
    .unwrap();
    let said = errors(&with_upstreams(
        &[models, "tags: { region: { value: ap } }"].concat(),
    ));
    assert!(
        said.contains("models.m.targets: are all left out"),
        "{said}"
    );
}

#[test]
fn each_mistake_in_what_is_tried_is_reported() {
    mistakes_in(
        r#"
            models: { m: { targets: [a/m, b/m], strategy: [fallback, cheapest] } }
                => models.m.strategy | one strategy | keep one
            models: { m: { targets: [a/m, b/m], strategy: round_robin } }
                => models.m.strategy | `fallback`, `weighted`, `cheapest`, `fastest` and `least_busy`
            models: { m: { targets: [a/m, b/m], strategy: fallback, strategy: cheapest } }
                => models.m | duplicate field `strategy`
            models: { m: { targets: [a/m], strategy: cheapest } }
                => models.m.strategy | no effect with one target
            models: { m: { targets: [{ target: a/m, weight: 3 }], strategy: weighted } }
                => models.m.strategy | no effect with one target
            models: { m: { targets: [a/m, b/m], sticky: caller } }
                => models.m.sticky | `strategy: weighted` or a `canary`
            models: { m: { targets: [a/m, b/m], strategy: weighted, sticky: 'My Team' } }
                => models.m.sticky | is no name of a tag | `conversation` or `caller`
            models: { m: { targets: [a/m], attempts: 0 } } => models.m.attempts | 1 to 10
            models: { m: { targets: [a/m], attempts: 11 } } => models.m.attempts | 1 to 10
            models: { m: { targets: [a/m], attempts: 1, retry: { share: 1% } } }
                => models.m.retry | `attempts: 1`
            models: { m: { targets: [a/m], deadline: 0s } } => models.m.deadline | more than nothing
            models: { m: { targets: [a/m], deadline: 30 } } => models.m.deadline | `30` is not a duration
            models: { m: { targets: [a/m], max_usd: 0 } } => models.m.max_usd | leave no target
            models: { m: { targets: [a/m], max_usd: -1 } } => models.m.max_usd | less than nothing
            models: { m: { targets: [a/m], retry: { share: 20 } } }
                => models.m.retry.share | `20` is more than all | `100%`
            models: { m: { targets: [a/m], retry: { share: 120% } } } => models.m.retry.share | `100%`
            models: { m: { targets: [a/m], retry: { share: some } } }
                => models.m.retry.share | `some` is not a share | `20%` or `0.2`
            models: { m: { targets: [a/m], retry: { maybe_done: -1% } } }
                => models.m.retry.maybe_done | is not a share
            models: { m: { targets: [a/m], retry: { per_second: lots } } }
                => models.m.retry.per_second | `lots` is not a number | 0 to 100000
            models: { m: { targets: [a/m], deadline: 4s, retry: { wait: 4s } } }
                => models.m.retry.wait | `deadline`
            models: { m: { targets: [a/m], retry: { times: 3 } } } => models.m.retry | `times` | `share`
            models: { m: { targets: [a/m, b/m], hedge: { share: 11% } } } => models.m.hedge.share | `10%` at most
            models: { m: { targets: [a/m, b/m], hedge: { share: 0 } } } => models.m.hedge.share | more than nothing
            models: { m: { targets: [a/m, b/m], hedge: { delay: 0s } } } => models.m.hedge.delay | more than nothing
            models: { m: { targets: [a/m, b/m], deadline: 1s, hedge: { delay: 1s } } }
                => models.m.hedge.delay | `deadline`
            models: { m: { targets: [a/m], hedge: {} } } => models.m.hedge | second account | the same one
            models: { m: { targets: [a/m, a/n, c/m], hedge: {} } } => models.m.hedge | second account | the same one
        "#,
    );
}

#[test]
fn a_cap_on_costs_needs_a_price_of_each_target() {
    mistakes(
        "models: { m: { targets: [openai/gpt-5, openai/no-such], max_usd: 1 } } => models.m.max_usd | `openai/no-such` has no price | leave `max_usd` out\n\
         models: { m: { targets: [openai/gpt-5], canary: { target: openai/no-such }, max_usd: 1 } } => models.m.max_usd | `openai/no-such`",
    );
    let priced = "models: { m: { targets: [a/m, b/m], max_usd: 1 } }";
    parse(&with_upstreams(priced)).unwrap();
    let upstream = "upstreams: { u: { dialect: openai, url: 'http://a' } }";
    let capped = "models: { m: { targets: [u/gpt-5], max_usd: 1 } }";
    parse(&format!("{upstream}\n{capped}")).unwrap();
}

#[test]
fn an_alias_has_no_more_targets_than_a_policy_can_exclude() {
    let of = |count: usize| {
        let targets: Vec<_> = (0..count).map(|n| format!("a/m{n}")).collect();
        with_upstreams(&format!(
            "models: {{ m: {{ targets: [{}] }} }}",
            targets.join(", ")
        ))
    };
    parse(&of(64)).unwrap();
    let errors = errors(&of(65));
    assert!(
        errors.contains("models.m.targets: has more than 64 targets"),
        "{errors}"
    );
}

#[test]
fn what_goes_to_exchanges_of_all_tags_is_not_beside_targets_that_are_for_some() {
    mistakes_in(
        r#"
            models: { m: { targets: [{ target: a/m, where: { region: eu } }], canary: { target: b/m } } }
                => models.m.canary | of all tags | `where` here
            models: { m: { targets: [{ target: a/m, where: { region: eu } }, { target: c/m, where: { plan: pro } }], shadow: { target: b/m, usd_per_day: 1 } } }
                => models.m.shadow | of all tags | `where` here
            models: { m: { targets: [a/m], canary: { target: b/m, where: {} } } } => models.m.canary.where | is empty
        "#,
    );
    for fine in [
        "{ targets: [{ target: a/m, where: { region: eu } }], canary: { target: b/m, where: { region: eu } }, shadow: { target: c/m, usd_per_day: 1, where: { region: eu } } }",
        "{ targets: [{ target: a/m, where: { region: eu } }, c/m], canary: { target: b/m } }",
    ] {
        parse(&with_upstreams(&format!("models: {{ m: {fine} }}"))).unwrap();
    }
}

#[test]
fn callers_own_keys_are_one_account_of_each_upstream() {
    mistakes(
        "models: { m: { targets: [openai/a, openai/b], hedge: {} } } => models.m.hedge | second account | the same one",
    );
    let models = "models: { m: { targets: [u/a], hedge: {} } }";
    let keys = "upstreams: { u: { dialect: openai, url: 'http://a', keys: [k1, { key: k2, account: other }] } }";
    parse(&format!("{keys}\n{models}")).unwrap();
    let one = keys.replace("other", "u");
    assert!(errors(&format!("{one}\n{models}")).contains("models.m.hedge: needs a second account"));
}

#[test]
fn each_mistake_where_all_is_limited_is_reported() {
    mistakes_in(
        r#"
            models: { m: { targets: [a/m], limited: wait } }
                => models.m.limited | `refuse`, `{ queue: {} }` and `{ degrade: ALIAS }`
            models: { m: { targets: [a/m], limited: queue } } => models.m.limited | `{ queue: {} }`
            models: { m: { targets: [a/m], limited: degrade } } => models.m.limited | `{ degrade: ALIAS }`
            models: { m: { targets: [a/m], limited: {} } } => models.m.limited | is empty
            models: { m: { targets: [a/m], limited: [refuse] } } => models.m.limited | `{ queue: {} }`
            models: { m: { targets: [a/m], limited: { queue: {}, degrade: n } }, n: { targets: [b/m] } }
                => models.m.limited | has both
            models: { m: { targets: [a/m], limited: { drop: {} } } } => models.m.limited | `drop` | `queue`
            models: { m: { targets: [a/m], limited: { degrade: m } } }
                => models.m.limited.degrade | its own alias
            models: { m: { targets: [a/m], limited: { degrade: n } } }
                => models.m.limited.degrade | names no alias | under `models`
            models: { m: { targets: [a/m], limited: { degrade: x } }, k: { targets: [a/m] }, n: { targets: [b/m] } }
                => models.m.limited.degrade | names no alias | `k` or `n`
            models: { m: { targets: [a/m], limited: { degrade: k } }, k: { targets: [a/m], limited: { degrade: n } }, n: { targets: [b/m], limited: { degrade: m } } }
                => models.k.limited.degrade | `k` → `n` → `m` → `k`
            models: { m: { targets: [a/m], limited: { degrade: n } }, l: { targets: [a/m], limited: { degrade: m } }, n: { targets: [b/m], limited: { degrade: m } } }
                => models.m.limited.degrade | `m` → `n` → `m`
            models: { m: { targets: [a/m], deadline: 5s, limited: { queue: { wait: 5s } } } }
                => models.m.limited.queue.wait | `deadline`
            models: { m: { targets: [a/m], limited: { queue: { wait: 10m } } } }
                => models.m.limited.queue.wait | `deadline`
            models: { m: { targets: [a/m], limited: { queue: { exchanges: 0 } } } }
                => models.m.limited.queue.exchanges | 1 to 1000000
            models: { m: { targets: [a/m], limited: { queue: { bytes: 0B } } } }
                => models.m.limited.queue.bytes | more than nothing
            models: { m: { targets: [a/m], limited: { queue: { tokens: few } } } }
                => models.m.limited.queue.tokens | `few` is not a number of tokens
            models: { m: { targets: [a/m], limited: { queue: { tenant: 'a b' } } } }
                => models.m.limited.queue.tenant | is no name of a tag
            models: { m: { targets: [a/m], limited: { queue: { priority: 'P!' } } } }
                => models.m.limited.queue.priority | is no name of a tag
        "#,
    );
}

#[test]
fn each_mistake_in_a_canary_or_a_shadow_is_reported() {
    mistakes_in(
        r#"
            models: { m: { targets: [a/m, b/m], canary: { target: c/m, share: 51% } } }
                => models.m.canary.share | a control of its size | `50%` at most
            models: { m: { targets: [a/m, b/m], canary: { target: c/m, share: 0% } } }
                => models.m.canary.share | more than nothing
            models: { m: { targets: [a/m], canary: { target: a/m } } }
                => models.m.canary.target | no control
            models: { m: { targets: [a/m, b/m], canary: { target: b/m } } }
                => models.m.canary.target | among `targets`
            models: { m: { targets: [a/m], canary: { target: x/m } } }
                => models.m.canary.target | `x/m` | `a`, `b`, `c`
            models: { m: { targets: [a/m], canary: { share: 5% } } } => models.m.canary | missing field `target`
            models: { m: { targets: [a/m], canary: b/m } } => models.m.canary | and not keys with values
            models: { m: { targets: [a/m], shadow: { target: b/m } } }
                => models.m.shadow | has no `usd_per_day` | `usd_per_day: 5`
            models: { m: { targets: [a/m], shadow: { target: b/m, usd_per_day: 0 } } }
                => models.m.shadow.usd_per_day | copy nothing
            models: { m: { targets: [a/m], shadow: { target: b/m, usd_per_day: 5 USD } } }
                => models.m.shadow.usd_per_day | not an amount of dollars
            models: { m: { targets: [a/m], shadow: { target: b/m, usd_per_day: 5, share: 0 } } }
                => models.m.shadow.share | more than nothing
            models: { m: { targets: [a/m, b/m], shadow: { target: b/m, usd_per_day: 5 } } }
                => models.m.shadow.target | among `targets`
            models: { m: { targets: [a/m], shadow: { target: b, usd_per_day: 5 } } }
                => models.m.shadow.target | `upstream/model`
        "#,
    );
}

#[test]
fn all_mistakes_of_an_alias_are_reported_at_once() {
    let said = errors(&with_upstreams(
        "models: { m: { targets: [x/m, b/m], strategy: cheap, attempts: 0, retry: { wait: soon }, limited: { degrade: m }, canary: { target: b/m }, shadow: { target: a/m } } }",
    ));
    for key in [
        "targets[0]",
        "strategy",
        "attempts",
        "retry.wait",
        "limited.degrade",
        "canary.target",
        "shadow",
    ] {
        assert!(
            said.contains(&format!(": models.m.{key}: ")),
            "{key}\n{said}"
        );
    }
    assert_eq!(said.lines().count(), 7, "{said}");
}
