//! Alerts about a budget's state, by webhook: once a period and share, from whichever replica
//! notices first.
//!
//! Whoever finds a share reached claims the alert in the common store, and sends it. A claim
//! lapses, so that an alert is sent late rather than never where its replica died; after a failure
//! the claim is the time to wait, twice as long each time, and a later exchange's end finds it gone
//! and tries again.

use std::{collections::BTreeMap, time::Duration};

use outrigger_sdk::{
    clock, digest,
    fetch::{self, Call},
    limits::Standing,
    log, metrics, values,
};
use serde::{Deserialize, Serialize};

use crate::{Reservation, lines::Line};

/// The longest that one replica may take to send an alert: longer than its call may.
const CLAIM: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(2);
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Receivers of alerts, and their thresholds. Without `Debug`: the headers may carry a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alerts {
    url: Url,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    at: Shares,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Url(String);

impl TryFrom<String> for Url {
    type Error = &'static str;
    fn try_from(url: String) -> Result<Self, Self::Error> {
        match url.starts_with("https://") || url.starts_with("http://") {
            true => Ok(Self(url)),
            false => Err("expected an address that begins with `https://` or `http://`"),
        }
    }
}

/// Shares of a limit: four fifths, and all of it.
#[derive(Deserialize)]
#[serde(try_from = "Vec<f64>")]
struct Shares(Vec<f64>);

impl Default for Shares {
    fn default() -> Self {
        Self(vec![0.8, 1.0])
    }
}

impl TryFrom<Vec<f64>> for Shares {
    type Error = String;
    fn try_from(shares: Vec<f64>) -> Result<Self, String> {
        for (at, share) in shares.iter().enumerate() {
            if !(0.01..=10.0).contains(share) {
                return Err(format!(
                    "[{at}]: expected a share of the limit from 0.01 to 10: 0.8 is four fifths"
                ));
            }
            if shares[..at].contains(share) {
                return Err(format!("[{at}]: is listed twice: leave one out"));
            }
        }
        match shares.is_empty() {
            true => Err("the list is empty, so nothing would be told: leave `alerts` out".into()),
            false => Ok(Self(shares)),
        }
    }
}

impl Alerts {
    /// Sends what is due of one budget.
    pub(crate) fn send_due(
        &self,
        line: &Line,
        reservation: &Reservation,
        standing: &Standing,
        start: Duration,
        end: Duration,
    ) {
        for share in &self.at.0 {
            // A budget that had no room for a request is used up, though what is left may not be
            // nothing.
            let reached = standing.used as f64 >= share * standing.limit as f64
                || (reservation.denied && *share == 1.0);
            if reached {
                let name = digest([
                    &reservation.ask.bucket,
                    &start.as_millis().to_string(),
                    &share.to_string(),
                ]);
                self.once(
                    &name,
                    || body(line, reservation, standing, *share, end),
                    end,
                );
            }
        }
    }

    fn once(&self, name: &str, body: impl FnOnce() -> String, end: Duration) {
        let claim = format!("alert/{name}");
        if !matches!(
            values::compare_and_set(&claim, None, b"claimed", Some(CLAIM)),
            Ok(true)
        ) {
            return; // sent, claimed, or waiting
        }
        // A little beyond the period: the replicas' clocks differ.
        let rest = end.saturating_sub(clock::now()) + CLAIM;
        let mut call = Call::post_json(&self.url.0, body()).timeout(TIMEOUT);
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        let failure = match fetch::send(&call) {
            Ok(answer) if (200..300).contains(&answer.status) => {
                metrics::count("alerts_sent", 1);
                let _ = values::set(&claim, b"sent", Some(rest));
                return;
            }
            Ok(answer) => format!("it answered {}", answer.status),
            Err(fetch::Error::Denied(_)) => {
                "its host is not granted: add it to the policy's `fetch`".into()
            }
            Err(fetch::Error::Timeout) => "it took too long".into(),
            Err(_) => "it could not be reached".into(),
        };
        let tries = values::increment(&format!("tries/{name}"), 1, Some(rest)).unwrap_or(1);
        let doubled = FIRST_WAIT.saturating_mul(1 << (tries - 1).clamp(0, 16));
        let _ = values::set(&claim, b"failed", Some(doubled.min(LONGEST_WAIT)));
        metrics::count("alerts_failed", 1);
        log::warn(&format!(
            "an alert of a budget was not taken by its webhook, and will be sent again: {failure}"
        ));
    }
}

/// The body that is posted. `text` is what chat services show.
fn body(
    line: &Line,
    reservation: &Reservation,
    standing: &Standing,
    share: f64,
    end: Duration,
) -> String {
    let (word, scale) = line.limit.word();
    let (spent, limit) = (standing.used as f64 / scale, standing.limit as f64 / scale);
    let of: Vec<String> = reservation
        .labels
        .iter()
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    let who = if of.is_empty() {
        "all exchanges".into()
    } else {
        of.join(", ")
    };
    let what = match reservation.denied && share == 1.0 {
        true => format!("{line} had no room for a request"),
        false => format!("{:.0} % of {line} is reached", share * 100.0),
    };
    let end = clock::rfc3339(end);
    let alert = Alert {
        text: format!("{who}: {what} ({spent} of {limit} {word}); it begins anew at {end}"),
        event: "budget_alert",
        budget: line.to_string(),
        of: reservation.labels.iter().cloned().collect(),
        share,
        unit: word,
        spent,
        limit,
        exhausted: reservation.denied,
        period_end: end,
    };
    serde_json::to_string(&alert).unwrap_or_default()
}

#[derive(Serialize)]
struct Alert {
    text: String,
    event: &'static str,
    budget: String,
    of: BTreeMap<String, String>,
    share: f64,
    unit: &'static str,
    spent: f64,
    limit: f64,
    exhausted: bool,
    period_end: String,
}
