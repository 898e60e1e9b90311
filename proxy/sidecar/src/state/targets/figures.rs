//! Figures of targets, for operators: names, states and numbers.

use std::time::{Duration, Instant};

use route::{Admits, Cell, Class, State};
use serde::Serialize;

use super::{Breaker, KeyPlace, Place, TargetFigures, now};

/// A target and its keys, as the admin address shows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceFigures {
    /// The target. Its state is its breaker's, or where that is closed, its best key's.
    #[serde(flatten)]
    pub target: TargetFigures,
    /// The class of the failure that opened it; none of one that is closed, or that many failures
    /// in a row opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// Its upstream's keys.
    pub keys: Vec<KeyFigures>,
}

/// A key with the target's model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyFigures {
    /// Its upstream and a digest; `UPSTREAM#callers` where callers send their own.
    pub name: String,
    /// Its state, with every model or with this one.
    #[serde(flatten)]
    pub state: PartFigures,
    /// Attempts that may be under way at once, where a 429 has bounded that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Requests that its provider's limits leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_left: Option<u64>,
    /// Tokens that they leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_left: Option<u64>,
    /// The account that it spends from.
    pub account: AccountFigures,
}

/// An account, which several keys may share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccountFigures {
    /// Its name in the configuration.
    pub name: String,
    /// Its state.
    #[serde(flatten)]
    pub state: PartFigures,
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PartFigures {
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// Milliseconds until it is probed, while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_ms: Option<u64>,
    /// The class of the failure that opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
}

impl Place {
    /// The figures for the admin address.
    pub fn figures(&self) -> PlaceFigures {
        let now = now();
        let mut target = self.target.figures();
        let mut cause = cause(&self.target.breaker);
        let state = self.state(now);
        if target.state != state.name() {
            // its keys are what keeps attempts out
            target.state = state.name();
            target.open_ms = match self.admits(now, 0) {
                Admits::No { until: Some(until) } => Some(left(until, now)),
                Admits::No { until: None } | Admits::Yes | Admits::Probe => None,
            };
            let mut breakers = self.keys.iter().flat_map(KeyPlace::breakers);
            cause = breakers.find_map(|breaker| self::cause(breaker));
        }
        PlaceFigures {
            keys: (self.keys.iter().map(|key| key.figures(&target.target, now))).collect(),
            target,
            cause,
        }
    }

    /// Closes its breakers and those of its keys and accounts, at an operator's word.
    pub fn reset(&self) {
        let keys = self.keys.iter().flat_map(KeyPlace::breakers);
        let all = [self.target.breaker()].into_iter().chain(keys);
        all.for_each(|breaker| breaker.reset());
    }
}

impl KeyPlace {
    fn figures(&self, target: &str, now: Instant) -> KeyFigures {
        let key_model = self.key_model.as_deref();
        let (requests_left, tokens_left) = key_model
            .map(|breaker| breaker.read(|cell| cell.room(now)))
            .unwrap_or_default();
        // The key's own trouble is its trouble with every model.
        let own = [self.key.as_deref(), key_model];
        let own = own.into_iter().flatten();
        let worst = own.max_by_key(|breaker| level(breaker.state(now)));
        KeyFigures {
            name: self.name(target).to_owned(),
            state: worst.map_or(PartFigures::CLOSED, |breaker| PartFigures::of(breaker, now)),
            limit: key_model.and_then(|breaker| breaker.read(Cell::limit)),
            requests_left,
            tokens_left,
            account: AccountFigures {
                name: self.account.name().to_owned(),
                state: PartFigures::of(&self.account, now),
            },
        }
    }

    /// Its name: of a key that callers send, what its breaker with the target's model has before
    /// that.
    fn name(&self, target: &str) -> &str {
        if let Some(key) = &self.key {
            return key.name();
        }
        let both = self.key_model.as_ref().map_or("", |both| both.name());
        let model = target.split_once('/').map_or("", |(_, model)| model);
        let name = both.strip_suffix(model).unwrap_or(both);
        name.strip_suffix('/').unwrap_or(name)
    }
}

impl PartFigures {
    const CLOSED: Self = Self {
        state: State::Closed.name(),
        open_ms: None,
        cause: None,
    };

    fn of(breaker: &Breaker, now: Instant) -> Self {
        let until = breaker.read(Cell::open_until);
        Self {
            state: breaker.state(now).name(),
            open_ms: until
                .filter(|until| *until > now)
                .map(|until| left(until, now)),
            cause: cause(breaker),
        }
    }
}

fn cause(breaker: &Breaker) -> Option<&'static str> {
    breaker.read(Cell::cause).map(Class::name)
}

/// Orders states: the worse, the higher. The gauge's value, too.
pub const fn level(state: State) -> u8 {
    match state {
        State::Closed => 0,
        State::HalfOpen => 1,
        State::Open => 2,
    }
}

fn left(until: Instant, now: Instant) -> u64 {
    let left: Duration = until.saturating_duration_since(now);
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::{
        super::{Pass, Targets},
        *,
    };

    fn place(targets: &Targets, secret: Option<&str>) -> Place {
        Place {
            target: targets.target("a/m/n"),
            keys: vec![targets.key("a", secret, "poor", Some("m/n"))],
        }
    }

    fn fails(place: &Place, failure: &route::Failure) {
        let at = now();
        let key = place.keys.first().unwrap();
        let pass = Pass::enter(place, key, 1, Duration::from_secs(9), at);
        pass.ok().unwrap().fail(failure, None, at);
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_is_as_its_keys_are_and_says_which_of_them_and_until_when() {
        let targets = Targets::default();
        let place = place(&targets, Some("sk-secret"));
        let shown = serde_json::to_value(place.figures()).unwrap();
        let closed = json!({ "name": "poor", "state": "closed" });
        assert_eq!(shown["keys"][0]["account"], closed);
        assert_eq!(
            (&shown["target"], &shown["state"]),
            (&json!("a/m/n"), &json!("closed"))
        );
        let limited = route::Failure {
            retry_after: Some(Duration::from_secs(40)),
            ..route::Failure::of(Class::Rate)
        };
        fails(&place, &limited);
        let shown = serde_json::to_value(place.figures()).unwrap();
        for row in [&shown, &shown["keys"][0]] {
            assert_eq!(
                (&row["state"], &row["cause"]),
                (&json!("open"), &json!("rate")),
                "{shown}"
            );
            let open = row["open_ms"].as_u64().unwrap();
            assert!((40_000..=46_000).contains(&open), "{shown}");
        }
        assert_eq!(
            (&shown["attempts"], &shown["failures"]),
            (&json!(1), &json!(1))
        );
        assert!(shown["keys"][0]["name"].as_str().unwrap().starts_with("a#"));
        assert!(!shown.to_string().contains("sk-secret"), "{shown}");
        place.reset();
        let shown = serde_json::to_value(place.figures()).unwrap();
        assert_eq!(
            (&shown["state"], shown.get("open_ms")),
            (&json!("closed"), None),
            "{shown}"
        );
    }

    #[test]
    fn keys_that_callers_send_have_one_name() {
        let targets = Targets::default();
        let figures = place(&targets, None).figures();
        assert_eq!(figures.keys.first().unwrap().name, "a#callers");
    }
}
