//! The number of findings by kind and place: for metrics and the exchange's log line, never with
//! their text.

use outrigger_sdk::{Place, Request, metrics};

use crate::detect::Kind;

/// Bytes of the longest tag that an exchange may have.
const TAG: usize = 128;
const KINDS: usize = Kind::Custom as usize + 1;
const PLACES: usize = Place::ALL.len();

/// Findings so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: [[u32; PLACES]; KINDS],
    all: u64,
}

impl Tally {
    /// Counts a finding.
    pub(crate) fn add(&mut self, kind: Kind, place: Place) {
        let at = Place::ALL.iter().position(|known| *known == place);
        let row = self.counts.get_mut(kind as usize);
        if let Some(count) = row.and_then(|row| row.get_mut(at.unwrap_or(PLACES - 1))) {
            *count += 1;
            self.all += 1;
        }
    }

    /// The number of findings.
    pub(crate) const fn all(&self) -> u64 {
        self.all
    }

    /// Adds them to the policy's counters, `found_<kind>` and `found_in_<place>`, and puts
    /// `email:user=2 cpf:tool-result=1` into the exchange's log line as the tag `pii_found`.
    pub(crate) fn publish(&self, request: &mut Request) {
        if self.all == 0 {
            return;
        }
        for (kind, row) in Kind::EVERY.iter().zip(&self.counts) {
            count(&["found_", kind.key()], row.iter());
        }
        for (at, place) in Place::ALL.iter().enumerate() {
            let column = self.counts.iter().filter_map(|row| row.get(at));
            count(&["found_in_", &place.name().replace('-', "_")], column);
        }
        request.set_tag("pii_found", &self.line());
    }

    /// As many of the counts as a tag holds, and `+9` for the findings that are in none of them.
    fn line(&self) -> String {
        let (mut line, mut left) = (String::new(), self.all);
        for (kind, row) in Kind::EVERY.iter().zip(&self.counts) {
            for (place, &count) in Place::ALL.iter().zip(row).filter(|(_, count)| **count > 0) {
                let item = format!("{}:{}={count} ", kind.key(), place.name());
                if line.len() + item.len() + 12 < TAG {
                    line += &item;
                    left -= u64::from(count);
                }
            }
        }
        if left > 0 {
            line += &format!("+{left}");
        }
        line.trim_end().to_owned()
    }
}

fn count<'c>(name: &[&str], counts: impl Iterator<Item = &'c u32>) {
    let sum: u64 = counts.map(|&count| u64::from(count)).sum();
    if sum > 0 {
        metrics::count(&name.concat(), sum);
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
