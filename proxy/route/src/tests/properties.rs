use std::{collections::HashSet, sync::Arc, time::Duration};

use dialect::Dialect;
use proptest::prelude::{ProptestConfig, Strategy as Generator, any, prop, proptest};

use super::{Fake, alias, fakes::NOW, upstream};
use crate::{
    Admits, Endpoints, Family, ModelFacts, Needs, NoRoute, Request, Standing, State, Strategy,
    Table, Upstream,
};

const MODELS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

fn fact() -> impl Generator<Value = Option<bool>> {
    prop::option::of(any::<bool>())
}

fn facts() -> impl Generator<Value = ModelFacts> {
    let window = prop::option::of(1..2000_u64);
    let output = prop::option::of(1..2000_u64);
    let endpoints = prop::option::of(any::<bool>());
    (window, output, fact(), fact(), fact(), fact(), endpoints).prop_map(
        |(window, output, tools, images, audio, files, endpoints)| ModelFacts {
            window,
            output,
            tools,
            images,
            audio,
            files,
            endpoints: endpoints.map(|chat| match chat {
                true => Endpoints::default().with(Dialect::OpenaiChat),
                false => Endpoints::default().with(Dialect::OpenaiResponses),
            }),
            ..ModelFacts::UNKNOWN
        },
    )
}

fn standing(now: std::time::Instant) -> impl Generator<Value = Standing> {
    let admits = (0..4_u64).prop_map(move |kind| match kind {
        0 => Admits::No { until: None },
        1 => Admits::No {
            until: Some(now + Duration::from_secs(1)),
        },
        2 => Admits::Probe,
        _ => Admits::Yes,
    });
    let state = prop::sample::select(vec![State::Closed, State::Open, State::HalfOpen]);
    let latency = prop::option::of((0..5000_u64).prop_map(Duration::from_millis));
    (admits, state, 0..50_u32, latency).prop_map(|(admits, state, in_flight, first_content)| {
        Standing {
            admits,
            state,
            in_flight,
            first_content,
        }
    })
}

#[derive(Debug)]
struct World {
    targets: Vec<(ModelFacts, Standing, Option<u64>, u32)>,
    strategy: Strategy,
    call: (u64, Option<u64>, Needs),
    keys: (Option<u64>, u64),
    max_cost: Option<u64>,
    /// Places of targets, of unlisted models from 7 on, and nothing from 9 on.
    prefer: Vec<usize>,
    exclude: Vec<usize>,
    tried: Vec<usize>,
}

fn world(now: std::time::Instant) -> impl Generator<Value = World> {
    let cost = prop::option::of(0..100_u64);
    let target = (facts(), standing(now), cost, 0..4_u32);
    let needs = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(tools, images, audio, files)| Needs {
            tools,
            images,
            audio,
            files,
        },
    );
    let call = (0..2500_u64, prop::option::of(0..2500_u64), needs);
    let names = || prop::collection::vec(0..11_usize, 0..4);
    (
        prop::collection::vec(target, 1..=7),
        prop::sample::select(Strategy::ALL.to_vec()),
        call,
        (prop::option::of(any::<u64>()), any::<u64>()),
        prop::option::of(0..100_u64),
        (names(), names(), names()),
    )
        .prop_map(
            |(targets, strategy, call, keys, max_cost, (prefer, exclude, tried))| World {
                targets,
                strategy,
                call,
                keys,
                max_cost,
                prefer,
                exclude,
                tried,
            },
        )
}

fn names(places: &[usize]) -> Vec<String> {
    let name = |place: &usize| match place {
        0..7 => format!("up/{}", MODELS[*place]),
        7 | 8 => format!("up/unlisted-{place}"),
        _ => "nowhere/x".to_owned(),
    };
    places.iter().map(name).collect()
}

fn check(world: &World, now: std::time::Instant) {
    let models = &MODELS[..world.targets.len()];
    let targets: Vec<_> = models.iter().map(|model| ("up", *model)).collect();
    let mut fast = alias("fast", &targets);
    (fast.strategy, fast.max_cost) = (world.strategy, world.max_cost);
    for (of, (.., weight)) in fast.targets.iter_mut().zip(&world.targets) {
        of.weight = *weight;
    }
    let facts: Vec<_> = world.targets.iter().map(|(facts, ..)| *facts).collect();
    let find = move |_: &Upstream, model: &str| {
        let at = MODELS.iter().position(|known| *known == model);
        at.and_then(|at| facts.get(at)).copied().unwrap_or_default()
    };
    let up = vec![upstream("up", Family::Openai, true)];
    let table = Table::new(up, [fast], Vec::new(), Arc::new(find));
    let mut fake = Fake {
        now,
        input: world.call.0,
        output: world.call.1,
        needs: world.call.2,
        conversation: world.keys.0,
        random: world.keys.1,
        ..Fake::default()
    };
    for (model, (_, standing, cost, _)) in models.iter().zip(&world.targets) {
        let name = format!("up/{model}");
        fake.set(&table, &name, |at| *at = *standing);
        if let Some(cost) = cost {
            fake.set_cost(&table, &name, *cost);
        }
    }
    let (prefer, exclude, tried) = (
        names(&world.prefer),
        names(&world.exclude),
        names(&world.tried),
    );
    let request = Request {
        prefer: &prefer,
        exclude: &exclude,
        tried: &tried,
        ..fake.request()
    };
    let mut seen = HashSet::new();
    match table.plan(&request, &fake, now) {
        Ok(plan) => {
            let again = table.plan(&request, &fake, now).unwrap();
            assert_eq!(plan, again, "the same question has the same answer");
            for candidate in plan.candidates() {
                let model = candidate.model.as_deref().unwrap();
                let name = format!("up/{model}");
                assert!(!exclude.contains(&name) && !tried.contains(&name));
                if let Some(id) = candidate.id {
                    let standing = fake.standings[&id];
                    assert!(!matches!(standing.admits, Admits::No { .. }));
                    let cost = fake.costs.get(&id);
                    assert!(
                        world
                            .max_cost
                            .is_none_or(|most| cost.is_none_or(|cost| *cost <= most))
                    );
                    let facts = table.target(id).unwrap().facts;
                    let lacks = |needs, fact| needs && fact == Some(false);
                    assert!(!lacks(fake.needs.tools, facts.tools));
                    assert!(!lacks(fake.needs.images, facts.images));
                    assert!(models.len() == 1 || !lacks(fake.needs.audio, facts.audio));
                    assert!(models.len() == 1 || !lacks(fake.needs.files, facts.files));
                    assert!(
                        facts
                            .window
                            .is_none_or(|window| fake.input <= window + window / 10)
                    );
                }
                assert!(seen.insert(name), "each once");
            }
            for left in plan.excluded() {
                assert!(seen.insert(format!("up/{}", left.model)), "either, or");
            }
            let preferred: Vec<_> = (plan.candidates())
                .take_while(|one| one.rank == crate::Rank::Preferred)
                .collect();
            assert!(preferred.len() <= prefer.len());
            assert_eq!(
                plan.unknown().len(),
                prefer.iter().filter(|name| *name == "nowhere/x").count()
            );
            assert_eq!(plan.explain(now).len(), seen.len());
        }
        Err(NoRoute::NoneLeft(none)) => {
            for (name, _) in &none.excluded {
                assert!(seen.insert(name.to_string()));
            }
            let _ = (none.to_string(), none.verdict());
        }
        Err(other) => panic!("{other:?}"),
    }
    for model in models {
        assert!(
            seen.contains(&format!("up/{model}")),
            "every target is somewhere"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn candidates_are_admitted_and_unique_and_all_others_have_a_reason(
        world in world(*NOW),
    ) {
        check(&world, *NOW);
    }
}
