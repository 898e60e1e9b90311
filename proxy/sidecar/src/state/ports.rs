//! The stores as ports of the capabilities `limits`, `replies` and `values`.
//!
//! A store in memory answers at once; calls of Redis are awaited.

use std::sync::Arc;

use policy::{Kept, Ticket};

use super::{
    Reservation, Stores, Unavailable,
    flights::FlightRole,
    limits::{Ask, Standing},
};
use sandbox::{
    Host,
    capabilities::{
        Work,
        limits::{Limits, Taken},
        replies::{Flight, Replies},
    },
};

impl Stores {
    /// Lends limits, replies and values; what else is lent is `host`'s.
    pub fn lent(&self, host: Host) -> Host {
        Host {
            limits: Arc::new(self.clone()),
            replies: Arc::new(self.clone()),
            values: Arc::clone(&self.0.values) as Arc<_>,
            ..host
        }
    }
}

impl Limits for Stores {
    fn reserve(&self, asks: Vec<Ask>) -> Work<'_, Result<Taken, Unavailable>> {
        match &self.0.shared {
            None => Work::now(Ok(taken(self.reserve_here(asks)))),
            Some(_) => Work::later(async move { Self::reserve(self, &asks).await.map(taken) }),
        }
    }

    fn peek(&self, asks: Vec<Ask>) -> Work<'_, Result<Vec<Standing>, Unavailable>> {
        match &self.0.shared {
            None => Work::now(Ok(self.peek_here(&asks))),
            Some(_) => Work::later(async move { Self::peek(self, &asks).await }),
        }
    }
}

fn taken((standings, reservation): (Vec<Standing>, Option<Reservation>)) -> Taken {
    let reservation = reservation.map(|reservation| Box::new(reservation) as Box<_>);
    (standings, reservation)
}

impl Replies for Stores {
    fn find<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
    ) -> Work<'a, Result<Option<Kept>, Unavailable>> {
        self.replies().get(space, key)
    }

    fn evict<'a>(&'a self, space: &'a str, key: &'a str) -> Work<'a, Result<bool, Unavailable>> {
        self.replies().evict(space, key)
    }

    fn lead_or_join(&self, key: String) -> Flight {
        match self.flights().lead_or_join(key) {
            FlightRole::Lead(lead) => Flight::Lead(Ticket::new(lead)),
            FlightRole::Follow(follow) => Flight::Follow {
                id: follow.id(),
                age: follow.age(),
                follow: Ticket::new(follow),
            },
            FlightRole::Alone => Flight::Alone,
        }
    }
}
