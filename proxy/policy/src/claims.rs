//! Claims of policies in an exchange's name: units reserved, headers for the app's reply, replies
//! found and to be kept.
//!
//! A policy that faults has its claims undone like its edits: what it reserved is given back, the
//! flight it led makes room for another leader. The rest is settled at the exchange's end, however
//! it ends; dropped, everything is given back.

use std::{any::Any, pin::Pin, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::{Unit, Work};

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
    /// True if the policy that is called now sees replies as they came: only such replies can be
    /// kept and shared.
    pub recordable: bool,
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// The lengths of an exchange's claims at some point, to roll back to.
pub(super) struct Mark([usize; 5]);

impl Mark {
    /// Returns the number of headers for the reply at that point.
    pub(super) const fn reply_headers(&self) -> usize {
        let Self([_, headers, ..]) = self;
        *headers
    }
}

impl Claims {
    pub(super) const fn mark(&self) -> Mark {
        Mark([
            self.reserved.len(),
            self.reply_headers.len(),
            self.found.len(),
            self.leads.len(),
            self.keeps.len(),
        ])
    }

    pub(super) fn roll_back(&mut self, Mark([reserved, headers, found, leads, keeps]): Mark) {
        self.reserved.truncate(reserved);
        self.reply_headers.truncate(headers);
        self.found.truncate(found);
        self.leads.truncate(leads);
        self.keeps.truncate(keeps);
    }
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
    use std::sync::Arc;

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

    #[test]
    fn a_ticket_is_good_for_what_it_was_made_of_and_nothing_else() {
        assert_eq!(Ticket::new(7_u32).redeem::<u32>().unwrap(), 7);
        assert!(Ticket::new(7_u32).redeem::<u64>().is_none());
    }
}
