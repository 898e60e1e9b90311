//! The number of findings by kind and place: for metrics and the exchange's log line, never with
//! their text.

use outrigger_sdk::{Place, Request, metrics};

use crate::detect::Kind;

/// Bytes of the longest tag that an exchange may have.
const TAG: usize = 128;

/// Findings so far. An exchange has a few kinds in a few places, so they are a list.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Vec<(Kind, Place, u64)>,
    all: u64,
}

impl Tally {
    /// Counts a finding.
    pub(crate) fn add(&mut self, kind: Kind, place: Place) {
        self.all += 1;
        let is_it = |known: &&mut (Kind, Place, u64)| known.0 == kind && known.1 == place;
        match self.counts.iter_mut().find(is_it) {
            Some((.., count)) => *count += 1,
            None => self.counts.push((kind, place, 1)),
        }
    }

    /// The number of findings.
    pub(crate) const fn all(&self) -> u64 {
        self.all
    }

    /// Adds them to the policy's counters, `found_<kind>` and `found_in_<place>`, and puts
    /// `email:user=2 cpf:tool-result=1` into the exchange's log line as the tag `pii_found`.
    pub(crate) fn publish(&mut self, request: &mut Request) {
        if self.all == 0 {
            return;
        }
        count(&self.counts, |(kind, ..)| kind.counter());
        count(&self.counts, |(_, place, _)| counter_of(*place));
        request.set_tag("pii_found", &self.line());
    }

    /// As many of the counts as a tag holds, and `+9` for the findings that are in none of them.
    fn line(&mut self) -> String {
        self.counts.sort_by_key(|(kind, ..)| *kind);
        let (mut line, mut left) = (String::with_capacity(TAG), self.all);
        for (kind, place, count) in &self.counts {
            let (kind, place, number) = (kind.key(), place.name(), count.to_string());
            if line.len() + kind.len() + place.len() + number.len() + 15 < TAG {
                for piece in [kind, ":", place, "=", &number, " "] {
                    line.push_str(piece);
                }
                left -= count;
            }
        }
        if left > 0 {
            line.push('+');
            line.push_str(&left.to_string());
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Adds the counts to the counters that they belong to, each counter once.
fn count(counts: &[(Kind, Place, u64)], counter: impl Fn(&(Kind, Place, u64)) -> &'static str) {
    for (at, first) in counts.iter().enumerate() {
        let name = counter(first);
        let belongs = |other: &&(Kind, Place, u64)| counter(other) == name;
        if !counts.iter().take(at).any(|other| belongs(&other)) {
            let sum = counts
                .iter()
                .skip(at)
                .filter(belongs)
                .map(|(.., count)| count);
            metrics::count(name, sum.sum());
        }
    }
}

const fn counter_of(place: Place) -> &'static str {
    match place {
        Place::System => "found_in_system",
        Place::User => "found_in_user",
        Place::Assistant => "found_in_assistant",
        Place::ToolResult => "found_in_tool_result",
        Place::ToolArguments => "found_in_tool_arguments",
        Place::ToolDefinition => "found_in_tool_definition",
        Place::Reasoning => "found_in_reasoning",
        Place::Refusal => "found_in_refusal",
        Place::Metadata => "found_in_metadata",
        _ => "found_in_other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_kinds_and_places_and_ends_in_what_it_has_no_room_for() {
        let mut tally = Tally::default();
        tally.add(Kind::Cpf, Place::ToolResult);
        tally.add(Kind::Email, Place::User);
        tally.add(Kind::Email, Place::User);
        assert_eq!(tally.line(), "email:user=2 cpf:tool-result=1");
        for &kind in Kind::EVERY {
            for &place in Place::ALL {
                tally.add(kind, place);
            }
        }
        let line = tally.line();
        assert!(line.len() <= TAG && line.contains(" +"), "{line}");
    }
}
