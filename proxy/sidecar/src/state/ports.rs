//! The stores as ports of the capabilities `limits`, `replies` and `values`.
//!
//! A store in memory answers at once; calls of Redis are awaited.

use std::sync::Arc;

use policy::{Kept, Partition, Ticket, Vector};

use super::{
    Stores, Unavailable,
    flights::FlightRole,
    limits::{Ask, Reservation, Standing, Take, TakenFrom},
};
use sandbox::{
    Host,
    capabilities::{
        Work,
        limits::{Limits, Taken},
        replies::{Flight, Neighbour, Replies},
        values::Values,
    },
};

impl Stores {
    /// Lends limits, replies and values; what else is lent is `host`'s.
    pub fn lent(&self, host: Host) -> Host {
        Host {
            limits: Arc::new(self.clone()),
            replies: Arc::new(self.clone()),
            values: self.values(),
            ..host
        }
    }

    /// Returns the store of values.
    pub fn values(&self) -> Arc<dyn Values> {
        match &self.0.shared {
            Some(shared) => Arc::clone(&shared.values) as Arc<_>,
            None => Arc::clone(&self.0.values) as Arc<_>,
        }
    }

    fn taken(&self, id: Arc<str>, takes: Vec<Take>) -> Box<dyn policy::Reservation> {
        Box::new(Reservation::new(Arc::clone(&self.0), id, takes))
    }
}

impl Limits for Stores {
    fn reserve(&self, asks: Vec<Ask>) -> Work<'_, Result<Taken, Unavailable>> {
        let inner = &*self.0;
        match &inner.shared {
            Some(shared) if !asks.is_empty() => Work::later(async move {
                let (standings, taken) = shared.limits.reserve(&asks).await?;
                Ok((standings, taken.map(|(id, takes)| self.taken(id, takes))))
            }),
            _ => {
                let now = inner.clock.now();
                let (standings, holds) = inner.buckets.reserve(&asks, now, &|_| 0);
                let takes = holds.map(|holds| {
                    let taken = asks.into_iter().zip(holds);
                    let take = taken.map(|(ask, hold)| Take::new(ask, TakenFrom::Here(hold)));
                    self.taken(Arc::from(""), take.collect())
                });
                Work::now(Ok((standings, takes)))
            }
        }
    }

    fn peek(&self, asks: Vec<Ask>) -> Work<'_, Result<Vec<Standing>, Unavailable>> {
        let inner = &*self.0;
        match &inner.shared {
            Some(shared) if !asks.is_empty() => {
                Work::later(async move { shared.limits.peek(&asks).await })
            }
            _ => Work::now(Ok(inner.buckets.peek(&asks, inner.clock.now(), &|_| 0))),
        }
    }
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

    fn nearest<'a>(
        &'a self,
        space: &'a str,
        partition: Partition,
        vector: Arc<Vector>,
        least: f32,
        count: usize,
    ) -> Work<'a, Result<Vec<Neighbour>, Unavailable>> {
        self.replies()
            .nearest(space, partition, vector, least, count)
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
