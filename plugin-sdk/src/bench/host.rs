//! The sandbox's imports, in memory: the same names and signatures, on plain values.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use super::{WORLD, canned::Fetches};
use crate::Outcome;
pub use embeddings::{embedded, embedder_fails, vectors};
pub use limits::{buckets, reservations, used};
pub use replies::kept;
pub(crate) use request::{ReplyHead, Request};

pub(crate) mod embeddings;
mod fingerprint;
pub(crate) mod limits;
pub(crate) mod replies;
mod request;

type Fetch = Rc<dyn Fn(&fetch::Call) -> Result<fetch::Answer, fetch::Error>>;

/// The exchange whose hook is called.
#[derive(Clone)]
struct Current {
    exchange: u64,
    request: Request,
    deciding: bool,
}

/// All that outlives an exchange.
#[derive(Clone, Default)]
pub(crate) struct World {
    now: Duration,
    drawn: u64,
    log: Vec<(log::Level, String)>,
    counters: BTreeMap<String, u64>,
    observations: BTreeMap<String, Vec<f64>>,
    gauges: BTreeMap<(String, Vec<(String, String)>), f64>,
    labelled: BTreeMap<(String, Vec<(String, String)>), u64>,
    prices: BTreeMap<String, u64>,
    limits: limits::Limits,
    replies: replies::Replies,
    embeddings: embeddings::Embeddings,
    stores_fail: bool,
    exchanges: u64,
    current: Option<Current>,
    values: BTreeMap<String, (Vec<u8>, Option<Duration>)>,
    fetch: Option<Fetch>,
    fetches: Fetches,
}

impl World {
    pub(super) fn now() -> Self {
        with(|world| world.clone())
    }
    pub(super) fn restore(&self) {
        with(|world| *world = self.clone());
    }
}

/// Begins an exchange with the call of `on_request`.
pub(super) fn begin(request: &Request) -> u64 {
    with(|world| world.exchanges += 1);
    let exchange = with(|world| world.exchanges);
    enter(exchange, request, true);
    exchange
}

/// Calls one of its other hooks.
pub(super) fn enter(exchange: u64, request: &Request, deciding: bool) {
    let request = request.same();
    let current = Current {
        exchange,
        request,
        deciding,
    };
    with(|world| world.current = Some(current));
}

/// Settles the exchange's reservations, and keeps its reply where the exchange wants it.
pub(super) fn settle(exchange: u64, outcome: &Outcome) {
    with(|world| {
        let now = u64::try_from(world.now.as_millis()).unwrap_or(u64::MAX);
        world.limits.settle(exchange, outcome, now);
        world.replies.settle(exchange, outcome, world.now);
    });
}

fn current() -> (u64, Request, bool) {
    match with(|world| world.current.clone()) {
        Some(current) => (current.exchange, current.request, current.deciding),
        None => panic!("no exchange is known here: begin one with `Bench::request`"),
    }
}

/// The exchange whose request is decided about.
fn deciding(what: &str) -> u64 {
    let (exchange, _, deciding) = current();
    assert!(deciding, "`{what}` is for `on_request` only");
    exchange
}

fn with<T>(look: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with(|world: &RefCell<World>| look(&mut world.borrow_mut()))
}

/// Sets both clocks, of this test: time stands still until it is set again. It begins at zero.
pub fn set_clock(now: Duration) {
    with(|world| world.now = now);
}

/// Lets time pass on both clocks.
pub fn advance(period: Duration) {
    with(|world| world.now += period);
}

/// The policies' log lines.
#[must_use]
pub fn log_lines() -> Vec<(crate::log::Level, String)> {
    with(|world| world.log.clone())
}

/// Value of a counter.
#[must_use]
pub fn counter(name: &str) -> u64 {
    with(|world| world.counters.get(name).copied().unwrap_or(0))
}

/// Value of a counter for these labels, in their order.
#[must_use]
pub fn counter_labelled(name: &str, labels: &[(&str, &str)]) -> u64 {
    let labels = labels.iter().map(|&(label, of)| (label.into(), of.into()));
    let set = (name.to_owned(), labels.collect());
    with(|world| world.labelled.get(&set).copied().unwrap_or(0))
}

/// Values recorded in a histogram.
#[must_use]
pub fn observations(name: &str) -> Vec<f64> {
    with(|world| world.observations.get(name).cloned().unwrap_or_default())
}

/// Value of a gauge for these labels, in their order; `None` where it was never set.
#[must_use]
pub fn gauge(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter().map(|&(label, of)| (label.into(), of.into()));
    let set = (name.to_owned(), labels.collect());
    with(|world| world.gauges.get(&set).copied())
}

/// Gives a model a price: millionths of a dollar a token, of input and output alike. Without one it
/// has none.
pub fn set_price(model: &str, microusd: u64) {
    with(|world| world.prices.insert(model.into(), microusd));
}

/// Makes the stores (`limits`, `values`, `replies`) unreachable, or reachable again.
pub fn stores_fail(fail: bool) {
    with(|world| world.stores_fail = fail);
}

/// Answers policies' calls. Without it every call is denied.
pub fn on_fetch(
    answer: impl Fn(&crate::fetch::Call) -> Result<crate::fetch::Answer, crate::fetch::Error> + 'static,
) {
    with(|world| world.fetch = Some(Rc::new(answer)));
}

/// Looks at the canned answers and the calls that were made.
pub(super) fn fetches<T>(look: impl FnOnce(&mut Fetches) -> T) -> T {
    with(|world| look(&mut world.fetches))
}

pub(crate) mod log {
    pub(crate) use crate::abi::outrigger::policy::log::Level;

    pub(crate) fn write(level: Level, message: &str) {
        super::with(|world| world.log.push((level, message.into())));
    }
}

pub(crate) mod metrics {
    pub(crate) fn count(name: &str, by: u64) {
        super::with(|world| *world.counters.entry(name.into()).or_default() += by);
    }
    pub(crate) fn observe(name: &str, value: f64) {
        super::with(|world| {
            world
                .observations
                .entry(name.into())
                .or_default()
                .push(value)
        });
    }
    pub(crate) fn count_labelled(name: &str, labels: &[(String, String)], by: u64) {
        let set = (name.to_owned(), labels.to_vec());
        super::with(|world| *world.labelled.entry(set).or_default() += by);
    }
    pub(crate) fn observe_labelled(name: &str, _: &[(String, String)], value: f64) {
        observe(name, value);
    }
    pub(crate) fn gauge(name: &str, labels: &[(String, String)], value: f64) {
        super::with(|world| world.gauges.insert((name.into(), labels.into()), value));
    }
}

pub(crate) mod clock {
    pub(crate) fn now_ms() -> u64 {
        super::with(|world| u64::try_from(world.now.as_millis()).unwrap_or(u64::MAX))
    }
    pub(crate) fn monotonic_ns() -> u64 {
        super::with(|world| u64::try_from(world.now.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// The same numbers in every run, so that a test that fails fails again.
pub(crate) mod random {
    pub(crate) fn bytes(length: u32) -> Vec<u8> {
        (0..length).map(|_| u64().to_le_bytes()[7]).collect()
    }
    pub(crate) fn u64() -> u64 {
        super::with(|world| {
            world.drawn += 1;
            let mut mixed = world.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        })
    }
    pub(crate) fn process_key() -> Vec<u8> {
        (0..32).collect()
    }
}

pub(crate) mod values {
    use std::time::Duration;

    pub(crate) use crate::abi::outrigger::policy::values::Error;

    type Set = Result<(), Error>;

    fn until(ttl_ms: u64) -> Option<Duration> {
        (ttl_ms > 0).then(|| super::with(|world| world.now) + Duration::from_millis(ttl_ms))
    }
    fn reach() -> Set {
        match super::with(|world| world.stores_fail) {
            true => Err(Error::Unavailable),
            false => Ok(()),
        }
    }
    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
        reach()?;
        Ok(super::with(|world| {
            let (value, until) = world.values.get(key)?;
            until
                .is_none_or(|until| world.now < until)
                .then(|| value.clone())
        }))
    }
    pub(crate) fn set(key: &str, value: &[u8], ttl_ms: u64) -> Set {
        reach()?;
        let until = until(ttl_ms);
        super::with(|world| world.values.insert(key.into(), (value.into(), until)));
        Ok(())
    }
    pub(crate) fn delete(key: &str) -> Set {
        reach()?;
        super::with(|world| world.values.remove(key));
        Ok(())
    }
    pub(crate) fn increment(key: &str, by: i64, ttl_ms: u64) -> Result<i64, Error> {
        let Some(present) = get(key)? else {
            set(key, by.to_string().as_bytes(), ttl_ms)?;
            return Ok(by);
        };
        let number = std::str::from_utf8(&present)
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        let sum = number
            .and_then(|number| number.checked_add(by))
            .ok_or(Error::NotANumber)?;
        super::with(|world| {
            if let Some((value, _)) = world.values.get_mut(key) {
                *value = sum.to_string().into_bytes();
            }
        });
        Ok(sum)
    }
    pub(crate) fn compare_and_set(
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        ttl_ms: u64,
    ) -> Result<bool, Error> {
        let same = get(key)?.as_deref() == expected;
        if same {
            set(key, value, ttl_ms)?;
        }
        Ok(same)
    }
}

pub(crate) mod fetch {
    pub(crate) use crate::abi::outrigger::policy::fetch::{Answer, Call, Error};

    pub(crate) fn send(call: &Call) -> Result<Answer, Error> {
        if let Some((took, answer)) = super::fetches(|fetches| fetches.take(call)) {
            super::advance(took);
            return answer;
        }
        match super::with(|world| world.fetch.clone()) {
            Some(answer) => answer(call),
            None => Err(Error::Denied(
                "no answer was set with `bench::canned` or `bench::on_fetch`".into(),
            )),
        }
    }
}
