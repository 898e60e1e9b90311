//! Keeps what each tenant, feature or plan spends within a day, week or month. Needs the grants
//! `limits`, `values` and `fetch`.
//!
//! A budget is a limit with a calendar's window: the proxy counts it over all replicas and settles
//! each exchange to what it cost. This policy decides what happens where one is used up (refuse, or
//! a cheaper model, which goes on being counted), opens a breaker where money goes too fast, and
//! sends alerts. Nobody waits for an alert: it is sent after the app has its answer.

use outrigger_sdk::{
    Decision, Hooks, Outcome, Policy, Refusal, Request, Unit, clock, digest, export_policy,
    limits::{self, Ask, Error, Standing},
    log, metrics,
    settings::Unpriced,
    values,
};

mod alerts;
mod file;
mod lines;

use alerts::Alerts;
use lines::{Line, Lines};

/// The policy's `config:` in `outrigger.yaml`.
#[derive(serde::Deserialize)]
#[serde(try_from = "file::File")]
pub struct Budget {
    lines: Lines,
    alerts: Option<Alerts>,
    unpriced: Unpriced,
    /// Those that this exchange is counted in.
    reservations: Vec<Reservation>,
}

/// One exchange's part in a budget or breaker.
struct Reservation {
    /// Its place among the lines.
    line: usize,
    ask: Ask,
    /// The keys it is counted for, for people: `tenant` and `acme`.
    labels: Vec<(String, String)>,
    /// It had no room for this exchange.
    denied: bool,
}

impl Policy for Budget {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::END);

    fn on_request(&mut self, request: &mut Request) -> Decision {
        self.reservations = self.lines.reservations(request);
        let mut exhausted: Vec<(usize, Option<Standing>)> =
            self.open_breakers().map(|at| (at, None)).collect();
        // A round more for each that turns out to have no room: from then on it only counts.
        for _ in 0..=self.reservations.len() {
            if let Some(refusal) = self.downgrade_or_refuse(request, &exhausted) {
                metrics::count("refused", 1);
                return refusal.into();
            }
            let standings = match limits::reserve(&self.asks(request)) {
                Ok(standings) => standings,
                Err(error) => return failed(request, &error).into(),
            };
            if let Some(left) = self.left(&standings) {
                request.set_tag("budget_left", &left.to_string());
            }
            exhausted = (0..)
                .zip(standings)
                .filter(|(_, standing)| !standing.granted)
                .map(|(at, standing)| (at, Some(standing)))
                .collect();
            if exhausted.is_empty() {
                return Decision::Forward;
            }
            self.open(&exhausted);
        }
        failed(request, &Error::Invalid("a soft ask was refused".into())).into()
    }

    fn on_end(&mut self, _: &Outcome) {
        let asks: Vec<Ask> = self
            .reservations
            .iter()
            .map(|reservation| reservation.ask.clone().amount(0))
            .collect();
        let Ok(standings) = limits::peek(&asks) else {
            return;
        };
        for (reservation, standing) in self.reservations.iter().zip(&standings) {
            let line = &self.lines[reservation.line];
            let Some((start, end)) = line.window.period(clock::now()) else {
                continue; // a breaker
            };
            line.show(&reservation.labels, standing, start, end);
            if let Some(alerts) = &self.alerts {
                alerts.send_due(line, reservation, standing, start, end);
            }
        }
    }
}

impl Budget {
    /// Indices into `reservations` of the breakers that are open.
    fn open_breakers(&self) -> impl Iterator<Item = usize> {
        self.reservations
            .iter()
            .enumerate()
            .filter_map(|(at, reservation)| {
                self.lines[reservation.line].cool_down?;
                // One that can't be read counts as closed; the budgets still hold.
                matches!(values::get(&reservation.breaker()), Ok(Some(_))).then_some(at)
            })
    }

    /// Percents that are left of the budget that is nearest to its end; breakers are none.
    fn left(&self, standings: &[Standing]) -> Option<u64> {
        let counted = self.reservations.iter().zip(standings);
        let budgets =
            counted.filter(|(reservation, _)| self.lines[reservation.line].cool_down.is_none());
        let left = budgets.map(|(_, standing)| {
            let share = u128::from(standing.remaining()) * 100 / u128::from(standing.limit.max(1));
            u64::try_from(share).unwrap_or(100)
        });
        left.min()
    }

    fn open(&self, exhausted: &[(usize, Option<Standing>)]) {
        for (at, _) in exhausted {
            let reservation = &self.reservations[*at];
            let line = &self.lines[reservation.line];
            if let Some(time) = line.cool_down {
                let _ = values::set(&reservation.breaker(), b"open", Some(time.0));
                metrics::count("breaker_opened", 1);
                log::warn(&format!(
                    "`{}` went over {line}: it is held back for {time}",
                    reservation.ask.bucket
                ));
            }
        }
    }

    /// Sends the request to a cheaper model for what is exhausted, or says why it can't go on.
    fn downgrade_or_refuse(
        &mut self,
        request: &mut Request,
        exhausted: &[(usize, Option<Standing>)],
    ) -> Option<Refusal> {
        for (at, standing) in exhausted {
            // A request that is larger than the whole budget says nothing of what is left of it.
            self.reservations[*at].denied =
                standing.is_none_or(|standing| standing.wait().is_some());
            let line = &self.lines[self.reservations[*at].line];
            if line.downgrade.is_none() {
                return Some(refusal(request, line, standing.as_ref()));
            }
        }
        let before = self
            .reservations
            .iter()
            .any(|reservation| reservation.ask.soft);
        for (at, _) in exhausted {
            self.reservations[*at].ask.soft = true;
        }
        // The first in the list decides.
        let (at, _) = exhausted.first().filter(|_| !before)?;
        let model = self.lines[self.reservations[*at].line]
            .downgrade
            .as_deref()?;
        if request.model() != Some(model) {
            request.set_model(model);
            request.set_reply_header("x-outrigger-budget", "downgraded");
            metrics::count("downgraded", 1);
        }
        None
    }

    /// The units to take. The estimate is made when the host takes it, for the model as it is then.
    fn asks(&self, request: &Request) -> Vec<Ask> {
        let counted =
            self.unpriced == Unpriced::Refuse || request.estimate(Unit::Microusd).is_some();
        self.reservations
            .iter()
            .map(|reservation| match reservation.ask.unit {
                Unit::Microusd if !counted => reservation.ask.clone().amount(0),
                _ => reservation.ask.clone(),
            })
            .collect()
    }
}

impl Reservation {
    /// The value that stands while its breaker is open.
    fn breaker(&self) -> String {
        format!("open/{}", digest([&self.ask.bucket]))
    }
}

fn refusal(request: &mut Request, line: &Line, standing: Option<&Standing>) -> Refusal {
    request.set_reply_header("x-outrigger-budget", "exhausted");
    // The SDKs of both providers retry a 429 unless a header forbids it, and a budget is not back
    // within seconds.
    request.set_reply_header("x-should-retry", "false");
    let message = match standing.map(Standing::wait) {
        Some(None) => format!(
            "this request alone may take more than {line}: send less, or bound the reply's tokens"
        ),
        Some(Some(wait)) if line.cool_down.is_none() => {
            let until = clock::rfc3339(clock::now().saturating_add(wait));
            format!("there is no room for this request in {line} until {until}")
        }
        _ => format!(
            "spending is held back for a time, because it went over {line}: try again later"
        ),
    };
    Refusal::new(429, message).code("budget_exhausted")
}

/// The refusal of a request that can't be counted: it is not to be spent.
fn failed(request: &Request, error: &Error) -> Refusal {
    metrics::count("not_counted", 1);
    error.refusal(request, "budget", "budget")
}

export_policy!(Budget);

#[cfg(test)]
mod tests;
