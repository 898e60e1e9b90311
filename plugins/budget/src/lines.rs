//! Budgets and breakers: whom they count, how much, and for how long.

use std::{fmt, ops::Deref, time::Duration};

use crate::Reservation;
use outrigger_sdk::{
    Request, Unit, digest,
    limits::{Ask, Standing, Window},
    metrics,
    settings::{Count, Keys, Match, Span, Usd},
};

/// Refuses two that would count in the same buckets.
pub(crate) fn alone(key: &str, lines: &[Line]) -> Result<(), String> {
    for (at, line) in lines.iter().enumerate() {
        let same = |other: &Line| (&other.bucket, &other.per) == (&line.bucket, &line.per);
        if let Some(before) = lines[..at].iter().position(same) {
            return Err(if lines[before].limit == line.limit {
                format!("{key}[{at}]: says what {key}[{before}] says: leave one out")
            } else {
                format!(
                    "{key}[{at}]: contradicts {key}[{before}], which has another limit for the same exchanges and time: keep one"
                )
            });
        }
    }
    Ok(())
}

/// Refuses a downgrade that comes after the refusal.
pub(crate) fn reached(budgets: &[Line]) -> Result<(), String> {
    let scope = |line: &Line| {
        (
            line.per.clone(),
            line.conditions.clone(),
            line.limit.unit(),
            line.every.clone(),
        )
    };
    for (at, line) in budgets
        .iter()
        .enumerate()
        .filter(|(_, line)| line.downgrade.is_some())
    {
        let before = |other: &Line| {
            other.downgrade.is_none()
                && scope(other) == scope(line)
                && other.limit.amount() <= line.limit.amount()
        };
        if let Some(other) = budgets.iter().position(before) {
            return Err(format!(
                "budgets[{at}].downgrade: can never take effect, because budgets[{other}] refuses at the same limit or before: make this one smaller"
            ));
        }
    }
    Ok(())
}

/// Budgets first, then breakers; each list in its order.
pub(crate) struct Lines(pub(crate) Vec<Line>);

impl Deref for Lines {
    type Target = [Line];
    fn deref(&self) -> &[Line] {
        &self.0
    }
}

impl Lines {
    /// Those that a request belongs to.
    pub(crate) fn reservations(&self, request: &Request) -> Vec<Reservation> {
        let applies = |(_, line): &(usize, &Line)| line.conditions.holds(request);
        let reservation = |(at, line): (usize, &Line)| Reservation {
            line: at,
            ask: Ask::new(
                format!("{}{}", line.bucket, line.per.name(request)),
                line.limit.unit(),
                line.limit.amount(),
                line.window,
            ),
            labels: line.per.labels(request),
            denied: false,
        };
        self.iter()
            .enumerate()
            .filter(applies)
            .map(reservation)
            .collect()
    }
}

/// A budget, or a breaker: so much, in a time, for the exchanges that belong together.
pub(crate) struct Line {
    pub(crate) per: Keys,
    pub(crate) conditions: Match,
    pub(crate) limit: Limit,
    pub(crate) window: Window,
    pub(crate) every: String,
    pub(crate) downgrade: Option<String>,
    /// The time that a breaker stays open. Budgets have none.
    pub(crate) cool_down: Option<Span>,
    /// The prefix of its buckets' names: equal for lines that would share them.
    pub(crate) bucket: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Tokens(Count),
    Usd(Usd),
}

impl Limit {
    pub(crate) const fn unit(self) -> Unit {
        match self {
            Self::Tokens(_) => Unit::TotalTokens,
            Self::Usd(_) => Unit::Microusd,
        }
    }

    const fn amount(self) -> u64 {
        match self {
            Self::Tokens(count) => count.0,
            Self::Usd(usd) => usd.micro,
        }
    }

    /// The unit's name for people, and how many of what is counted are one of it.
    pub(crate) const fn word(self) -> (&'static str, f64) {
        match self {
            Self::Tokens(_) => ("tokens", 1.0),
            Self::Usd(_) => ("usd", 1e6),
        }
    }
}

impl Line {
    /// Gives it the name of its buckets. The limit is no part of it: one that is changed keeps what
    /// was spent.
    pub(crate) fn named(mut self) -> Self {
        let kind = if self.cool_down.is_some() {
            "breaker/"
        } else {
            ""
        };
        self.bucket = format!("{kind}{}/{}/", self.limit.word().0, self.every);
        if self.downgrade.is_some() {
            self.bucket.push_str("downgrade/");
        }
        if !self.conditions.is_empty() {
            self.bucket
                .extend(digest([self.conditions.to_string()]).chars().take(8));
            self.bucket.push('/');
        }
        self
    }

    /// Has its periods begin at midnight so many minutes from UTC.
    pub(crate) fn at(mut self, offset: i32) -> Self {
        self.window = match self.window {
            Window::Day(_) => Window::Day(offset),
            Window::Week(_) => Window::Week(offset),
            Window::Month(_) => Window::Month(offset),
            other => other,
        };
        self
    }

    /// Sets the gauges. The forecast is for the period's end, if it goes on as it went so far;
    /// nothing is forecast from less than a hundredth of the period. A gauge stands until the next
    /// exchange sets it, so one gauge says when the period ends: whoever alerts on a share that was
    /// spent can leave out the periods that are over.
    pub(crate) fn show(
        &self,
        labels: &[(String, String)],
        standing: &Standing,
        start: Duration,
        end: Duration,
    ) {
        let (word, scale) = self.limit.word();
        let mut set = vec![("budget", self.bucket.trim_end_matches('/'))];
        set.extend(
            labels
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        );
        let passed = outrigger_sdk::clock::now()
            .saturating_sub(start)
            .as_secs_f64()
            / (end - start).as_secs_f64();
        let spent = standing.used as f64 / scale;
        for (name, value) in [
            ("spent", spent),
            ("limit", standing.limit as f64 / scale),
            ("remaining", standing.remaining() as f64 / scale),
            ("forecast", spent / passed.max(0.01)),
        ] {
            metrics::gauge(&format!("{name}_{word}"), &set, value);
        }
        metrics::gauge("period_end_seconds", &set, end.as_secs_f64());
    }
}

/// `the budget of 50 usd per tenant every month`.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.cool_down.is_some() {
            "the spend rate of "
        } else {
            "the budget of "
        })?;
        match self.limit {
            Limit::Tokens(count) => write!(f, "{} tokens", count.0)?,
            Limit::Usd(usd) => write!(f, "{usd} usd")?,
        }
        let per = if self.per.list().is_empty() {
            "for"
        } else {
            "per"
        };
        write!(f, " {per} {} every {}", self.per, self.every)
    }
}
