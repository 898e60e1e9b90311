use super::*;

fn ledger() -> Ledger {
    Ledger {
        charge: Charge {
            expected: Estimate {
                input: 100,
                output: 512,
            },
            served: true,
            reached: true,
            ..Charge::default()
        },
        ..Ledger::default()
    }
}

fn reported(input: u64, output: u64) -> Option<Usage> {
    Some(Usage {
        input,
        output,
        ..Usage::default()
    })
}

fn observed(reading: Reading, streaming: bool) -> Observed {
    Observed {
        reading,
        streaming,
        bytes: 4000,
        ..Observed::default()
    }
}

fn amounts(taken: Taken) -> (u64, u64) {
    let usage = taken.usage().copied().unwrap_or_default();
    (usage.input, usage.output)
}

#[test]
fn a_reply_that_nobody_read_is_unknown_and_its_bytes_count() {
    let unread = observed(Reading::Unread, false).taken(&ledger());
    assert!(matches!(unread, Taken::Unknown { .. }), "{unread:?}");
    assert_eq!(amounts(unread), (100, 1000));
    let none = Observed::default().taken(&ledger());
    assert!(matches!(none, Taken::Unknown { .. }), "{none:?}");
    assert_eq!(amounts(none), (100, 512));
}

#[test]
fn a_usage_is_known_where_the_reply_was_read_to_its_end() {
    let whole = Observed {
        usage: reported(10, 5),
        output: 7,
        ..observed(Reading::Whole, false)
    };
    assert_eq!(
        whole.taken(&ledger()),
        Taken::Known(reported(10, 5).unwrap_or_default())
    );
    let silent = Observed {
        usage: None,
        ..whole
    };
    assert!(matches!(silent.taken(&ledger()), Taken::Estimated(_)));
    assert_eq!(amounts(silent.taken(&ledger())), (100, 7));
    let prompt_only = Observed {
        usage: reported(10, 0),
        ..whole
    };
    assert_eq!(amounts(prompt_only.taken(&ledger())), (10, 7));
    let output_only = Observed {
        usage: reported(0, 5),
        ..whole
    };
    assert_eq!(amounts(output_only.taken(&ledger())), (100, 7));
}

#[test]
fn a_cut_stream_takes_what_went_by_whatever_its_beginning_reported() {
    let cut = Observed {
        usage: reported(10, 1), // Anthropic's `message_start`
        output: 300,
        ..observed(Reading::Part, true)
    };
    assert_eq!(amounts(cut.taken(&ledger())), (10, 300));
    let end_was_there = Observed {
        usage: reported(10, 301),
        ..cut
    };
    assert!(matches!(end_was_there.taken(&ledger()), Taken::Known(_)));
    // The provider goes on without anybody who reads.
    let background = Ledger {
        background: true,
        ..ledger()
    };
    assert!(matches!(cut.taken(&background), Taken::Unknown { .. }));
    let whole = Observed {
        streaming: false,
        ..cut
    };
    assert_eq!(amounts(whole.taken(&ledger())), (10, 512));
}

#[test]
fn counting_and_what_was_never_served_take_nothing() {
    let whole = observed(Reading::Whole, false);
    let counting = Ledger {
        kind: Kind::Count,
        ..ledger()
    };
    let mut refused = ledger();
    refused.charge.served = false;
    assert_eq!(whole.taken(&counting), Taken::Nothing);
    assert_eq!(whole.taken(&refused), Taken::Nothing);
}

#[test]
fn keeping_turns_takes_what_is_reported_and_nothing_where_that_is_nothing() {
    let keeping = Ledger {
        kind: Kind::Store,
        ..ledger()
    };
    let whole = observed(Reading::Whole, false);
    assert_eq!(whole.taken(&keeping), Taken::Nothing);
    let answered = Observed {
        usage: reported(10, 5),
        ..whole
    };
    assert_eq!(
        answered.taken(&keeping),
        Taken::Known(reported(10, 5).unwrap_or_default())
    );
}

#[test]
fn what_a_batch_reserved_stands_however_well_its_own_reply_was_read() {
    let batch = Ledger {
        kind: Kind::Batch,
        ..ledger()
    };
    for reading in [Reading::Whole, Reading::Part, Reading::Unread] {
        let taken = observed(reading, false).taken(&batch);
        assert!(matches!(taken, Taken::Unknown { .. }), "{taken:?}");
        assert_eq!(amounts(taken), (100, 512));
    }
    let failed = Observed {
        failed: true,
        ..observed(Reading::Whole, false)
    };
    assert_eq!(failed.taken(&batch), Taken::Nothing);
}

#[test]
fn vectors_take_no_output() {
    let embedding = Ledger {
        kind: Kind::Embed,
        ..ledger()
    };
    let silent = observed(Reading::Whole, false).taken(&embedding);
    assert_eq!(amounts(silent), (100, 0));
}

#[test]
fn an_error_in_the_place_of_a_reply_takes_nothing_and_one_in_mid_stream_what_went_by() {
    let instead = Observed {
        failed: true,
        ..observed(Reading::Whole, false)
    };
    assert_eq!(instead.taken(&ledger()), Taken::Nothing);
    let mid = Observed {
        failed: true,
        output: 40,
        ..observed(Reading::Whole, true)
    };
    assert_eq!(amounts(mid.taken(&ledger())), (100, 40));
}

#[test]
fn what_an_attempt_took_before_another_followed_stays_counted() {
    let expected = |input| Charge {
        expected: Estimate { input, output: 20 },
        ..Charge::default()
    };
    let mut ledger = Ledger::default();
    let _ = ledger.begin(expected(100), &Observed::default());
    // Refused: it took nothing.
    ledger.charge.reached = true;
    let _ = ledger.begin(expected(100), &Observed::default());
    assert_eq!(ledger.usage(&Taken::Nothing), None);
    // Silent: it perhaps took all that was expected.
    ledger.charge.reached = true;
    ledger.charge.served = true;
    let _ = ledger.begin(expected(300), &Observed::default());
    let last = Taken::Known(Usage {
        input: 7,
        output: 5,
        ..Usage::default()
    });
    let usage = ledger.usage(&last).unwrap_or_default();
    assert_eq!(
        (usage.input, usage.output, usage.estimated),
        (107, 25, true)
    );
    assert_eq!(ledger.earlier.of(Unit::TotalTokens), 120);
    assert_eq!(ledger.earlier.of(Unit::Requests), 0);
    assert!(ledger.earlier.reached);
}

#[test]
fn an_attempt_beside_another_is_counted_whichever_answers() {
    let charge = |input| Charge {
        expected: Estimate { input, output: 20 },
        served: true,
        reached: true,
        ..Charge::default()
    };
    for hedge_answers in [false, true] {
        let mut ledger = Ledger::default();
        let _ = ledger.begin(charge(100), &Observed::default());
        ledger.hedge = Some(charge(300));
        if hedge_answers {
            ledger.exchange_with_hedge();
        }
        let _ = ledger.conclude_hedge(&Observed::default());
        assert_eq!(ledger.hedge.map(|hedge| hedge.reached), None);
        let usage = ledger.usage(&Taken::Nothing).unwrap_or_default();
        let lost = if hedge_answers { 100 } else { 300 };
        assert_eq!((usage.input, usage.output), (lost, 20));
    }
}
