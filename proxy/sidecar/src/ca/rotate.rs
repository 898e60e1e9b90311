//! Rotation: the time at which the CA gets another certificate, and the former ones that apps still
//! read.
//!
//! Pure: certificates and `now` in, a plan out. A certificate is followed by the next one, with the
//! same key and name, after two thirds of its life, so that an app which loaded it has a third of
//! it (four months) until its next start. Both are then handed out while both are valid. But where
//! the *hosts* changed, the former one is dropped at once: OpenSSL takes the first issuer of the
//! right name and key that it finds, and doesn't try the second one where the first doesn't permit
//! a host.

use std::{cmp::Reverse, collections::BTreeSet, time::SystemTime};

use rustls::pki_types::CertificateDer;

use super::x509::Facts;

/// Most former certificates that are handed out: more than a sound clock ever leaves behind.
const KEPT: usize = 3;

/// A certificate of the CA, and its parsed fields.
#[derive(Debug, Clone)]
pub(super) struct StoredCertificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) facts: Facts,
}

/// Reasons for which the CA got another certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReissueReason {
    /// There was none.
    First,
    /// The hosts changed.
    Hosts,
    /// Two thirds of the former one's life are over.
    Age,
}

/// Certificates to hand out, and the one to issue.
#[derive(Debug)]
pub(super) struct Plan {
    /// Certificates that stay, newest first.
    pub(super) keep: Vec<StoredCertificate>,
    /// Reason to issue another one before them.
    pub(super) issue: Option<ReissueReason>,
}

/// Decides on the stored certificates.
pub(super) fn plan(
    stored: Vec<StoredCertificate>,
    permitted: &BTreeSet<String>,
    now: SystemTime,
) -> Plan {
    let valid = |facts: &Facts| facts.not_before <= now && now < facts.not_after;
    let any = !stored.is_empty();
    let others = stored
        .iter()
        .any(|h| valid(&h.facts) && h.facts.permitted != *permitted);
    let mut keep: Vec<StoredCertificate> = stored
        .into_iter()
        .filter(|h| valid(&h.facts) && h.facts.permitted == *permitted)
        .collect();
    crate::ordered::sort_by_key(&mut keep, |h| Reverse(h.facts.not_before));
    keep.truncate(KEPT);
    let issue = match keep.first() {
        Some(newest) => (aging(&newest.facts) <= now).then_some(ReissueReason::Age),
        None if others => Some(ReissueReason::Hosts),
        None if any => Some(ReissueReason::Age),
        None => Some(ReissueReason::First),
    };
    Plan { keep, issue }
}

/// Returns the time at which there is something to do again: the newest one gets a follower, or a
/// former one ends.
pub(super) fn due(certificates: &[StoredCertificate]) -> Option<SystemTime> {
    let (newest, former) = certificates.split_first()?;
    let ends = former.iter().map(|h| h.facts.not_after);
    ends.chain([aging(&newest.facts)]).min()
}

/// Returns the time at which two thirds of its life are over.
fn aging(facts: &Facts) -> SystemTime {
    let life = facts
        .not_after
        .duration_since(facts.not_before)
        .unwrap_or_default();
    facts.not_before + life * 2 / 3
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn day(n: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(20_000 * 86_400 + n * 86_400)
    }

    fn hosts(name: &str) -> BTreeSet<String> {
        [name.to_owned()].into()
    }

    /// Makes a certificate whose bytes are its first day, by which the tests recognise it.
    fn stored(first: u64, last: u64, host: &str) -> StoredCertificate {
        let (not_before, not_after) = (day(first), day(last));
        StoredCertificate {
            der: vec![u8::try_from(first).unwrap()].into(),
            facts: Facts {
                not_before,
                not_after,
                public_key: Vec::new(),
                permitted: hosts(host),
            },
        }
    }

    fn planned(
        stored: Vec<StoredCertificate>,
        host: &str,
        today: u64,
    ) -> (Vec<u8>, Option<ReissueReason>) {
        let plan = plan(stored, &hosts(host), day(today));
        (plan.keep.iter().map(|h| h.der[0]).collect(), plan.issue)
    }

    #[test]
    fn a_certificate_is_followed_after_two_thirds_of_its_life_and_stays_to_its_end() {
        let only = || vec![stored(0, 90, "a")];
        assert_eq!(
            planned(vec![], "a", 0),
            (vec![], Some(ReissueReason::First))
        );
        assert_eq!(planned(only(), "a", 0), (vec![0], None));
        assert_eq!(planned(only(), "a", 59), (vec![0], None));
        assert_eq!(
            planned(only(), "a", 60),
            (vec![0], Some(ReissueReason::Age))
        );
        assert_eq!(planned(only(), "a", 90), (vec![], Some(ReissueReason::Age)));
        let both = || vec![stored(0, 90, "a"), stored(60, 150, "a")];
        assert_eq!(planned(both(), "a", 89), (vec![60, 0], None));
        assert_eq!(planned(both(), "a", 90), (vec![60], None));
        assert_eq!((due(&only()), due(&[])), (Some(day(60)), None));
        assert_eq!(
            due(&[stored(60, 150, "a"), stored(0, 90, "a")]),
            Some(day(90))
        );
    }

    #[test]
    fn other_hosts_make_another_certificate_and_the_former_is_not_handed_out_beside_it() {
        assert_eq!(
            planned(vec![stored(0, 90, "a")], "b", 1),
            (vec![], Some(ReissueReason::Hosts))
        );
        let both = vec![stored(0, 90, "a"), stored(1, 91, "b")];
        assert_eq!(planned(both, "b", 2), (vec![1], None));
    }

    #[test]
    fn a_clock_that_was_set_back_gets_a_certificate_that_is_valid_now() {
        assert_eq!(
            planned(vec![stored(50, 140, "a")], "a", 3),
            (vec![], Some(ReissueReason::Age))
        );
    }

    #[test]
    fn certificates_do_not_pile_up() {
        let many = (0..20).map(|n| stored(n, 100, "a")).collect();
        assert_eq!(planned(many, "a", 30), (vec![19, 18, 17], None));
    }
}
