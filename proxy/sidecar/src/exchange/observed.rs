//! Observations of a reply, and what follows from them for the exchange's settlement.

use dialect::{Dialect, Kind, Usage, tap::Tap};

use super::ledger::Ledger;
use crate::cost::Taken;

/// The part of a reply that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reading {
    /// Not at all: it is encoded, of no dialect, malformed, or did not come.
    #[default]
    Unread,
    /// Up to where it was cut, or where the app left.
    Part,
    /// To its end.
    Whole,
}

/// Everything that was seen of a reply. By default it is unread.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Observed {
    pub(super) reading: Reading,
    /// It came as a stream.
    pub(super) streaming: bool,
    /// The usage that the provider reported so far.
    pub(super) usage: Option<Usage>,
    /// Generated tokens, by estimate of the text that went by.
    pub(super) output: u64,
    /// Bytes of the body that went by.
    pub(super) bytes: u64,
    /// It says of itself that it failed.
    pub(super) failed: bool,
}

impl Observed {
    /// Reads a whole reply that came.
    pub(super) fn whole(dialect: Dialect, body: &[u8], failed: bool) -> Self {
        let mut tap = Tap::new(dialect, false);
        tap.watch(body);
        tap.finish();
        Self {
            reading: Reading::Whole,
            streaming: false,
            usage: tap.usage(),
            output: tap.output_estimate(),
            bytes: body.len() as u64,
            failed,
        }
    }

    /// Concludes what the attempt took, as far as that shows.
    pub(super) fn taken(&self, ledger: &Ledger) -> Taken {
        if !ledger.charge.served || ledger.kind == Kind::Count {
            return Taken::Nothing;
        }
        let reported = self.usage.unwrap_or_default();
        let estimated = |output: u64| Usage {
            input: match reported.input {
                0 => ledger.charge.expected.input,
                input => input,
            },
            output,
            estimated: true,
            ..reported
        };
        let seen = self.seen(ledger.kind);
        let has_prompt = reported.input > 0 || ledger.charge.expected.input == 0;
        match self.reading {
            Reading::Whole if self.failed && self.usage.is_none() && self.output == 0 => {
                // A success in its head only, and an error instead of a reply.
                if self.streaming {
                    Taken::Estimated(estimated(0))
                } else {
                    Taken::Nothing
                }
            }
            // What its requests generate comes later, to whoever fetches it.
            _ if ledger.kind == Kind::Batch => Taken::Unknown {
                least: estimated(ledger.charge.expected.output),
            },
            Reading::Whole if self.usage.is_some() && has_prompt && !reported.estimated => {
                match reported.output {
                    // The prompt alone was reported.
                    0 if self.output > 0 => Taken::Estimated(estimated(self.output)),
                    _ => Taken::Known(reported),
                }
            }
            Reading::Whole => Taken::Estimated(estimated(seen.max(reported.output))),
            Reading::Part if self.streaming && !ledger.background => {
                let complete = self.usage.is_some() && !reported.estimated;
                if complete && has_prompt && reported.output >= self.output {
                    return Taken::Known(reported);
                }
                Taken::Estimated(estimated(seen.max(reported.output)))
            }
            // The provider wrote it to its end, seen or not.
            Reading::Part | Reading::Unread => Taken::Unknown {
                least: estimated(seen.max(ledger.charge.expected.output)),
            },
        }
    }

    /// Generated tokens by what went by: the text that was read, or where none was, the bytes.
    fn seen(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Embed | Kind::Count | Kind::Batch => 0,
            Kind::Generate if self.output > 0 => self.output,
            // An event of a stream takes some 200 bytes for a token or two.
            Kind::Generate if self.streaming => self.bytes / 64,
            Kind::Generate => self.bytes / 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cost::Estimate, exchange::ledger::Charge};

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
}
