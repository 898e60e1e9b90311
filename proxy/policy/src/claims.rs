//! Claims of policies in an exchange's name: units reserved, headers for the app's reply, replies
//! found and to be kept, targets and the time that it may take.
//!
//! A policy that faults has its claims undone like its edits: what it reserved is given back, the
//! flight it led makes room for another leader. The rest is settled at the exchange's end, however
//! it ends; dropped, everything is given back.

use std::{any::Any, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use dialect::Places;
use http::{HeaderName, HeaderValue};

use super::{
    Near, Partition, Unit, Vector, Work,
    targets::{fits, shorter},
};

/// The claims of all policies of one exchange.
#[derive(Default)]
pub struct Claims {
    /// Reservations, one per call of `reserve`.
    pub reserved: Vec<Reserved>,
    /// Headers for the app's reply; the last of a name counts.
    pub reply_headers: Vec<(HeaderName, HeaderValue)>,
    /// Replies that can be served, by the policy's own key.
    pub found: Vec<(String, Found)>,
    /// The flights that this exchange leads.
    pub leads: Vec<Ticket>,
    /// Keys and terms under which its reply is to be kept.
    pub keeps: Vec<Keep>,
    /// Vectors that were made of texts, by their number.
    pub vectors: Vec<Arc<Vector>>,
    /// Partitions that were named, by their number.
    pub partitions: Vec<Partition>,
    /// True if the policy that is called now sees replies as they came: only such replies can be
    /// kept and shared.
    pub recordable: bool,
    /// Targets that are tried before all others, in this order.
    pub prefer: Vec<String>,
    /// Targets that are left out.
    pub exclude: Vec<String>,
    /// A target that gets a copy of the exchange, whose reply nobody sees.
    pub mirror: Option<String>,
    /// Time that the exchange may take in all, from its beginning.
    pub deadline: Option<Duration>,
    /// Places of the reply that the policy that is called now judges before it is sent.
    pub hold_reply: Option<Places>,
}

/// Units that one call of `reserve` took.
pub struct Reserved {
    /// An amount per ask, money in billionths of a dollar.
    pub reservation: Box<dyn Reservation>,
    /// Unit that each ask counts, and whether a stream that outgrows it is ended.
    pub units: Vec<(Unit, bool)>,
}

/// Amounts taken from buckets by one call. Dropped without being settled, it gives everything back.
#[must_use = "dropping it gives back what was reserved"]
pub trait Reservation: Send + Sync {
    /// Returns the amount that is reserved for the request of this index; `None` behind the last.
    fn amount(&self, index: usize) -> Option<u64>;
    /// Replaces what was reserved by the truth, in the order of the requests; a request without one
    /// keeps what it reserved. Never blocks.
    fn settle(self: Box<Self>, truth: &[u64]) -> Settled;
    /// Takes more for one request. Returns false where there is no room: nothing more was taken
    /// then.
    fn extend(&mut self, index: usize, by: u64) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
}

impl dyn Reservation {
    /// Returns the amounts that are reserved, in the order of the requests.
    pub fn amounts(&self) -> impl Iterator<Item = u64> + '_ {
        (0..).map_while(|index| self.amount(index))
    }
}

/// A settlement in progress. May be dropped: it is stored all the same.
pub struct Settled(Option<Work<()>>);

impl Settled {
    /// Returns a settlement that is in the store already.
    pub const fn now() -> Self {
        Self(None)
    }

    /// Returns a settlement that is in the store when `work` is done.
    pub fn when(work: Work<()>) -> Self {
        Self(Some(work))
    }

    /// Waits until everything is in the store: not at all in memory, otherwise for as long as the
    /// store is away, so bound it.
    pub async fn done(self) {
        if let Some(work) = self.0 {
            work.await;
        }
    }
}

/// A place in a reply that several exchanges share, to lead it or to wait for it. Only its issuer
/// can redeem it; dropped, it is given back.
pub struct Ticket(Box<dyn Any + Send + Sync>);

impl Ticket {
    /// Wraps a place.
    pub fn new<T: Send + Sync + 'static>(place: T) -> Self {
        Self(Box::new(place))
    }

    /// Returns the place, where it is one of this type.
    pub fn redeem<T: 'static>(self) -> Option<T> {
        self.0.downcast().ok().map(|place| *place)
    }
}

/// A stored reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Id for headers and for eviction; 32 hexadecimal digits.
    pub id: String,
    /// The bytes as they were stored.
    pub bytes: Bytes,
    /// Time since it was stored.
    pub age: Duration,
    /// Time until it expires; `None` if it does not.
    pub expires_in: Option<Duration>,
}

/// A reply that need not be made again.
pub enum Found {
    /// A stored reply.
    Kept(Kept),
    /// A reply in progress.
    UnderWay(Ticket),
}

/// The terms for a reply that is to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Keep {
    /// The policy's namespace.
    pub space: String,
    /// The policy's own key.
    pub key: String,
    /// Time to live in milliseconds; 0: it is only shared while in progress.
    pub ttl_ms: u64,
    /// True if it may contain tool calls.
    pub tool_calls: bool,
    /// Largest reply that is kept, in bytes.
    pub max_bytes: usize,
    /// The question by which it is found, where it is to be.
    pub near: Option<Near>,
}

/// The lengths of an exchange's claims at some point, and those that are single, to roll back to.
pub(super) struct Mark {
    reserved: usize,
    reply_headers: usize,
    found: usize,
    leads: usize,
    keeps: usize,
    vectors: usize,
    partitions: usize,
    prefer: usize,
    exclude: usize,
    mirror: Option<String>,
    deadline: Option<Duration>,
}

impl Mark {
    /// Returns the number of headers for the reply at that point.
    pub(super) const fn reply_headers(&self) -> usize {
        self.reply_headers
    }

    /// Reports whether claims say the same of targets and time as they did at that point.
    pub(super) fn routes_like(&self, claims: &Claims) -> bool {
        self.prefer == claims.prefer.len()
            && self.exclude == claims.exclude.len()
            && self.mirror == claims.mirror
            && self.deadline == claims.deadline
    }
}

impl Claims {
    /// Has these targets tried before all others, behind those that were named before. Returns
    /// false, and takes none of the rest, at one that can't be a name or is one too many.
    pub fn prefer(&mut self, targets: Vec<String>) -> bool {
        add(&mut self.prefer, targets)
    }

    /// Leaves these targets out, too; as [`Claims::prefer`].
    pub fn exclude(&mut self, targets: Vec<String>) -> bool {
        add(&mut self.exclude, targets)
    }

    /// Sends a copy of the exchange to this target; the last one that is named gets it. Returns
    /// false where it can't be a name.
    pub fn mirror(&mut self, target: String) -> bool {
        let fits = fits(&[], &target);
        if fits {
            self.mirror = Some(target);
        }
        fits
    }

    /// Shortens the time that the exchange may take in all.
    pub fn end_within(&mut self, time: Duration) {
        self.deadline = shorter(self.deadline, Some(time));
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            reserved: self.reserved.len(),
            reply_headers: self.reply_headers.len(),
            found: self.found.len(),
            leads: self.leads.len(),
            keeps: self.keeps.len(),
            vectors: self.vectors.len(),
            partitions: self.partitions.len(),
            prefer: self.prefer.len(),
            exclude: self.exclude.len(),
            mirror: self.mirror.clone(),
            deadline: self.deadline,
        }
    }

    pub(super) fn roll_back(&mut self, mark: Mark) {
        self.reserved.truncate(mark.reserved);
        self.reply_headers.truncate(mark.reply_headers);
        self.found.truncate(mark.found);
        self.leads.truncate(mark.leads);
        self.keeps.truncate(mark.keeps);
        self.vectors.truncate(mark.vectors);
        self.partitions.truncate(mark.partitions);
        self.prefer.truncate(mark.prefer);
        self.exclude.truncate(mark.exclude);
        self.mirror = mark.mirror;
        self.deadline = mark.deadline;
    }
}

/// Adds the targets that a list has not got.
fn add(list: &mut Vec<String>, targets: Vec<String>) -> bool {
    targets.into_iter().all(|target| {
        let new = !list.contains(&target);
        let fits = !new || fits(list, &target);
        if new && fits {
            list.push(target);
        }
        fits
    })
}

/// Omits keys and values: they may be the caller's.
impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claims")
            .field("reserved", &self.reserved.len())
            .field("found", &self.found.len())
            .field("leads", &self.leads.len())
            .field("keeps", &self.keeps.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    struct Fixed {
        amounts: [u64; 2],
        _taken: Arc<()>,
    }

    impl Reservation for Fixed {
        fn amount(&self, index: usize) -> Option<u64> {
            self.amounts.get(index).copied()
        }
        fn settle(self: Box<Self>, _: &[u64]) -> Settled {
            Settled::now()
        }
        fn extend(&mut self, _: usize, _: u64) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
            Box::pin(std::future::ready(false))
        }
    }

    #[test]
    fn what_a_faulty_policy_took_on_is_given_back_and_what_came_before_it_stays() {
        let taken = Arc::new(());
        let reserved = |amounts| Reserved {
            reservation: Box::new(Fixed {
                amounts,
                _taken: Arc::clone(&taken),
            }),
            units: vec![(Unit::Requests, false), (Unit::TotalTokens, true)],
        };
        let mut claims = Claims::default();
        claims.reserved.push(reserved([1, 20]));
        claims.leads.push(Ticket::new(Arc::clone(&taken)));
        let mark = claims.mark();
        claims.reserved.push(reserved([1, 30]));
        claims.leads.push(Ticket::new(Arc::clone(&taken)));
        let found = Found::UnderWay(Ticket::new(Arc::clone(&taken)));
        claims.found.push(("key".into(), found));
        assert_eq!(Arc::strong_count(&taken), 6);
        claims.roll_back(mark);
        assert_eq!(Arc::strong_count(&taken), 3);
        let left: Vec<u64> = claims.reserved[0].reservation.amounts().collect();
        assert_eq!(left, [1, 20]);
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_a_faulty_policy_said_of_targets_is_undone_and_what_came_before_it_stays() {
        let mut claims = Claims::default();
        assert!(claims.prefer(names(&["a/m"])) && claims.exclude(names(&["b/m"])));
        assert!(claims.mirror("c/m".into()));
        claims.end_within(Duration::from_secs(9));
        let mark = claims.mark();
        assert!(mark.routes_like(&claims));
        assert!(claims.prefer(names(&["d/m"])) && claims.exclude(names(&["a/m", "e/m"])));
        assert!(claims.mirror("d/m".into()));
        claims.end_within(Duration::from_secs(1));
        assert!(!mark.routes_like(&claims));
        claims.roll_back(mark);
        assert_eq!(
            (claims.prefer, claims.exclude),
            (names(&["a/m"]), names(&["b/m"]))
        );
        assert_eq!(claims.mirror.as_deref(), Some("c/m"));
        assert_eq!(claims.deadline, Some(Duration::from_secs(9)));
    }

    #[test]
    fn a_list_of_targets_is_bounded_and_has_each_once() {
        let mut claims = Claims::default();
        let all: Vec<String> = (0..64).map(|n| format!("a/{n}")).collect();
        assert!(claims.prefer(all.clone()) && claims.prefer(all.clone()));
        assert_eq!(claims.prefer, all);
        assert!(!claims.prefer(names(&["a/64"])) && claims.prefer.len() == 64);
        for name in [String::new(), "x".repeat(513)] {
            assert!(!claims.exclude(vec![name.clone()]) && !claims.mirror(name));
        }
        assert!(claims.exclude.is_empty() && claims.mirror.is_none());
    }

    #[test]
    fn a_policy_may_shorten_the_time_of_an_exchange_and_never_lengthens_it() {
        let mut claims = Claims::default();
        for (seconds, left) in [(9, 9), (3, 3), (5, 3)] {
            claims.end_within(Duration::from_secs(seconds));
            assert_eq!(claims.deadline, Some(Duration::from_secs(left)));
        }
    }

    #[test]
    fn a_ticket_is_good_for_what_it_was_made_of_and_nothing_else() {
        assert_eq!(Ticket::new(7_u32).redeem::<u32>().unwrap(), 7);
        assert!(Ticket::new(7_u32).redeem::<u64>().is_none());
    }
}
