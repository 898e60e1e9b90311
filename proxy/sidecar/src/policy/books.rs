//! What policies have taken on in an exchange's name: units reserved, headers for the app's reply, replies found and to be kept.
//!
//! A policy that faults has its part undone like its edits: what it reserved is given back, the flight it led makes room for another
//! leader. What is left when the exchange goes out is settled at its end, whatever way it ends; dropped, everything is given back.

use http::{HeaderName, HeaderValue};

use crate::cost::Unit;

pub use crate::state::{
    Kept, Reservation,
    flights::{Follow, Lead},
};

/// What policies have taken on.
#[derive(Default)]
pub struct Books {
    /// What was reserved, a call of `reserve` each.
    pub reserved: Vec<Reserved>,
    /// Headers for the app's reply; the last of a name counts.
    pub reply_headers: Vec<(HeaderName, HeaderValue)>,
    /// Replies that can be served, by the policy's own key.
    pub found: Vec<(String, Found)>,
    /// The flights that this exchange leads.
    pub leads: Vec<Lead>,
    /// What its reply is to be kept as.
    pub keeps: Vec<Keep>,
    /// Whether the policy that is asked now sees replies as they came: only such replies can be kept and shared.
    pub recordable: bool,
}

/// What one call of `reserve` took.
pub struct Reserved {
    /// An amount per ask, money in billionths of a dollar.
    pub reservation: Reservation,
    /// What each ask counts, and whether a stream that outgrows it is ended.
    pub units: Vec<(Unit, bool)>,
}

/// A reply that need not be made again.
pub enum Found {
    /// One that was kept.
    Kept(Kept),
    /// One that is under way.
    UnderWay(Follow),
}

/// What is wanted of a reply that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// The policy's namespace.
    pub space: String,
    /// The policy's own key.
    pub key: String,
    /// How long, in milliseconds; 0: it is only shared while it is under way.
    pub ttl_ms: u64,
    /// Whether it may hold tool calls.
    pub tool_calls: bool,
    /// The most bytes that are kept.
    pub max_bytes: usize,
}

/// How the books stood.
pub(super) struct Mark([usize; 5]);

impl Mark {
    /// How many headers for the reply there were.
    pub(super) const fn reply_headers(&self) -> usize {
        let Self([_, headers, ..]) = self;
        *headers
    }
}

impl Books {
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

/// Without keys and values: they may be the caller's.
impl std::fmt::Debug for Books {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Books")
            .field("reserved", &self.reserved.len())
            .field("found", &self.found.len())
            .field("leads", &self.leads.len())
            .field("keeps", &self.keeps.len())
            .finish_non_exhaustive()
    }
}
