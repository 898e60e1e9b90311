//! Bounds what each tenant, feature, model … may take in a time: requests, tokens or money. Needs
//! the grant `limits`.
//!
//! The counting is the proxy's: this policy says which buckets an exchange belongs to and how large
//! they are, takes from all of them or from none, and reports their state to the app, in the
//! headers that its SDK knows. What was estimated is settled at the exchange's end without it.

use outrigger_sdk::{
    Decision, Policy, Refusal, Request, Unit, export_policy,
    limits::{self, Ask, Error, Standing},
    log, metrics,
    settings::Unpriced,
};

mod headers;
mod plans;
mod rules;

use plans::Plans;
use rules::{Rule, Rules};

/// The policy's `config:` in `outrigger.yaml`.
#[derive(Debug, serde::Deserialize)]
#[serde(try_from = "File")]
pub struct TokenRateLimit {
    rules: Rules,
    models: Plans,
    headers: bool,
    unpriced: Unpriced,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rules: Rules,
    #[serde(default)]
    models: Plans,
    #[serde(default = "yes")]
    headers: bool,
    #[serde(default)]
    unpriced: Unpriced,
}

const fn yes() -> bool {
    true
}

impl TryFrom<File> for TokenRateLimit {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        if file.rules.is_empty() && file.models.is_empty() {
            return Err(
                "nothing is limited: write `rules`, or leave the policy out of the chain".into(),
            );
        }
        for (at, rule) in file.rules.iter().enumerate() {
            if !file.models.lets_through(rule.conditions()) {
                return Err(format!(
                    "rules[{at}].match: can never hold, because `models` refuses these models to these plans"
                ));
            }
        }
        if file.unpriced == Unpriced::Allow
            && !file.rules.iter().any(|rule| rule.unit() == Unit::Microusd)
        {
            return Err(
                "unpriced: has no effect, because no rule is in `usd`: leave it out".into(),
            );
        }
        Ok(Self {
            rules: file.rules,
            models: file.models,
            headers: file.headers,
            unpriced: file.unpriced,
        })
    }
}

impl Policy for TokenRateLimit {
    fn on_request(&mut self, request: &mut Request) -> Decision {
        if let Some(refusal) = self.models.refusal(request) {
            metrics::count("models_refused", 1);
            return refusal.into();
        }
        let rules: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| rule.holds(request))
            .collect();
        if rules.is_empty() {
            return Decision::Forward;
        }
        let asks: Vec<Ask> = rules.iter().map(|rule| self.ask(rule, request)).collect();
        match limits::reserve(&asks) {
            Ok(standings) => self.decide(request, &rules, &standings),
            Err(error) => failed(request, &rules, &error),
        }
    }
}

impl TokenRateLimit {
    /// Without a price nothing is reserved of a soft limit, or of one that lets such requests pass;
    /// the host refuses to do it for the others.
    fn ask(&self, rule: &Rule, request: &Request) -> Ask {
        let ask = rule.ask(request);
        let lenient = rule.is_soft() || self.unpriced == Unpriced::Allow;
        if rule.unit() == Unit::Microusd && lenient && request.estimate(Unit::Microusd).is_none() {
            ask.amount(0)
        } else {
            ask
        }
    }

    fn decide(&self, request: &mut Request, rules: &[&Rule], standings: &[Standing]) -> Decision {
        let stand = || rules.iter().copied().zip(standings);
        if self.headers {
            headers::set(request, stand().filter(|(rule, _)| !rule.is_soft()));
        }
        // Who can never be served is refused before who has to wait, and who waits longest before
        // the others.
        let refused = stand()
            .filter(|(_, standing)| !standing.granted)
            .max_by_key(|(_, standing)| standing.wait_ms);
        if let Some((rule, standing)) = refused {
            metrics::count("refused", 1);
            return refusal(request, rule, standing).into();
        }
        for (rule, _) in stand().filter(|(rule, standing)| rule.is_soft() && standing.over()) {
            metrics::count("soft_exceeded", 1);
            log::info(&format!("the soft limit of {rule} is exceeded"));
            request.set_reply_header("x-outrigger-soft-limit", &format!("exceeded; {rule}"));
        }
        Decision::Forward
    }
}

fn refusal(request: &mut Request, rule: &Rule, standing: &Standing) -> Refusal {
    let Some(wait) = standing.wait() else {
        // The SDKs of both providers retry a 429 unless a header forbids it.
        request.set_reply_header("x-should-retry", "false");
        return Refusal::new(
            429,
            format!(
                "this request alone may take more than the limit of {rule}: send less, or bound the reply's tokens"
            ),
        );
    };
    let seconds = wait.as_millis().div_ceil(1000);
    Refusal::new(
        429,
        format!("the limit of {rule} is used up: try again in {seconds} s"),
    )
    .retry_after(wait)
}

/// The decision on a request that can't be counted: refused, unless nothing but soft limits wanted
/// it counted.
fn failed(request: &Request, rules: &[&Rule], error: &Error) -> Decision {
    metrics::count("not_counted", 1);
    if rules.iter().all(|rule| rule.is_soft()) {
        return Decision::Forward;
    }
    error.refusal(request, "limit", "limits").into()
}

export_policy!(TokenRateLimit);

#[cfg(test)]
mod tests;
