use std::sync::Arc;

use super::{
    alias,
    fakes::Fake,
    filters::{UNKNOWN, models, window},
    upstream,
};
use crate::{Family, ModelFacts, Request, Table};

#[test]
fn nothing_is_read_about_a_wire() {
    let table = Table::new(
        vec![upstream("up", Family::Openai, true)],
        [alias("fast", &[("up", "one")])],
        vec![(Family::Openai, "up".into())],
        Arc::new(|_, _| window(10, None)),
    );
    let fake = Fake::default();
    for model in [Some("gpt-5"), Some("up/one"), None] {
        let request = Request {
            model,
            ..fake.request()
        };
        let plan = table.plan(&request, &fake, fake.now).unwrap();
        assert_eq!(plan.candidates().count(), 1);
        assert!(plan.alias().is_none() && plan.first().id.is_none());
    }
    assert_eq!((fake.call_reads.get(), fake.view_reads.get()), (0, 0));
}

#[test]
fn properties_that_a_filter_needs_are_read_once() {
    let counted = |facts, bound| {
        let table = models(&[("a", facts), ("b", facts), ("c", facts)]);
        let fake = Fake {
            bound,
            ..Fake::default()
        };
        table.plan(&fake.request(), &fake, fake.now).unwrap();
        assert_eq!(fake.view_reads.get(), 3);
        fake.call_reads.get()
    };
    let all = ModelFacts {
        tools: Some(true),
        images: Some(true),
        ..UNKNOWN
    };
    assert_eq!(counted(all, None), 0);
    // the limit on output, and an estimate where nothing else tells
    assert_eq!(counted(window(1000, None), Some(900)), 1);
    assert_eq!(counted(window(1000, None), Some(9000)), 2);
    let blind = ModelFacts {
        images: Some(false),
        ..UNKNOWN
    };
    assert_eq!(counted(blind, None), 1);
}
