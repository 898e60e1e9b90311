//! Budgets and breakers as the operator wrote them.

use outrigger_sdk::{
    Unit,
    limits::Window,
    settings::{Count, Keys, Match, ModelName, Span, Unpriced, Usd},
};
use serde::Deserialize;

use crate::{
    Alerts, Budget,
    lines::{Limit, Line, Lines, alone, reached},
};

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default)]
    budgets: Vec<Calendar>,
    #[serde(default)]
    breakers: Vec<Breaker>,
    timezone: Option<Timezone>,
    alerts: Option<Alerts>,
    #[serde(default)]
    unpriced: Unpriced,
}

impl TryFrom<File> for Budget {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        let none = file.budgets.is_empty();
        let offset = file.timezone.as_ref().map_or(0, |timezone| timezone.0);
        let budgets: Vec<Line> = file
            .budgets
            .into_iter()
            .map(|budget| budget.0.at(offset))
            .collect();
        let breakers: Vec<Line> = file.breakers.into_iter().map(|breaker| breaker.0).collect();
        alone("budgets", &budgets)?;
        alone("breakers", &breakers)?;
        reached(&budgets)?;
        let lines: Vec<Line> = budgets.into_iter().chain(breakers).collect();
        let money = lines.iter().any(|line| line.limit.unit() == Unit::Microusd);
        match () {
            () if lines.is_empty() => Err(
                "nothing is limited: write `budgets`, or leave the policy out of the chain".into(),
            ),
            () if none && file.alerts.is_some() => {
                Err("alerts: tell how budgets stand, and there is none: write `budgets`".into())
            }
            () if none && file.timezone.is_some() => Err(
                "timezone: says when budgets begin anew, and there is none: write `budgets`".into(),
            ),
            () if !money && file.unpriced == Unpriced::Allow => {
                Err("unpriced: has no effect, because nothing is in `usd`: leave it out".into())
            }
            () => Ok(Self {
                lines: Lines(lines),
                alerts: file.alerts,
                unpriced: file.unpriced,
                reservations: Vec::new(),
            }),
        }
    }
}

/// One of `budgets:`.
#[derive(Deserialize)]
#[serde(try_from = "BudgetFile")]
struct Calendar(Line);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetFile {
    #[serde(default)]
    per: Keys,
    #[serde(default, rename = "match")]
    conditions: Match,
    usd: Option<Usd>,
    tokens: Option<Count>,
    every: Period,
    downgrade: Option<ModelName>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Period {
    Day,
    Week,
    Month,
}

impl TryFrom<BudgetFile> for Calendar {
    type Error = &'static str;

    fn try_from(file: BudgetFile) -> Result<Self, Self::Error> {
        // In universal time, until the time zone is known.
        let (window, every) = match file.every {
            Period::Day => (Window::Day(0), "day"),
            Period::Week => (Window::Week(0), "week"),
            Period::Month => (Window::Month(0), "month"),
        };
        let line = Line {
            per: file.per,
            conditions: file.conditions,
            limit: limit(file.usd, file.tokens)?,
            window,
            every: every.into(),
            downgrade: file.downgrade.map(|model| model.0),
            cool_down: None,
            bucket: String::new(),
        };
        Ok(Self(line.named()))
    }
}

/// One of `breakers:`.
#[derive(Deserialize)]
#[serde(try_from = "BreakerFile")]
struct Breaker(Line);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakerFile {
    #[serde(default)]
    per: Keys,
    #[serde(default, rename = "match")]
    conditions: Match,
    usd: Option<Usd>,
    tokens: Option<Count>,
    every: Span,
    #[serde(rename = "for")]
    cool_down: Span,
    downgrade: Option<ModelName>,
}

impl TryFrom<BreakerFile> for Breaker {
    type Error = &'static str;

    fn try_from(file: BreakerFile) -> Result<Self, Self::Error> {
        if file.every.0.is_zero() || file.cool_down.0.is_zero() {
            return Err("`every` and `for` are times: write `1s` or more");
        }
        let line = Line {
            per: file.per,
            conditions: file.conditions,
            limit: limit(file.usd, file.tokens)?,
            window: Window::sliding(file.every.0),
            every: file.every.to_string(),
            downgrade: file.downgrade.map(|model| model.0),
            cool_down: Some(file.cool_down),
            bucket: String::new(),
        };
        Ok(Self(line.named()))
    }
}

fn limit(usd: Option<Usd>, tokens: Option<Count>) -> Result<Limit, &'static str> {
    match (usd, tokens) {
        (Some(usd), None) => Ok(Limit::Usd(usd)),
        (None, Some(count)) => Ok(Limit::Tokens(count)),
        _ => Err("write one limit: `usd` or `tokens`"),
    }
}

/// Minutes from UTC: `+02:00`, `-03:30`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Timezone(i32);

impl TryFrom<String> for Timezone {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let minutes = || {
            let (hours, minutes) = text.get(1..)?.split_once(':')?;
            let number = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten();
            let (hours, minutes) = (number(hours)?, number(minutes)?);
            let offset = i32::from(hours) * 60 + i32::from(minutes);
            match text.as_bytes().first()? {
                b'+' if minutes < 60 && offset <= 14 * 60 => Some(offset),
                b'-' if minutes < 60 && offset <= 14 * 60 => Some(-offset),
                _ => None,
            }
        };
        minutes()
            .map(Self)
            .ok_or("expected the offset from UTC, `+02:00` say; names of zones are not known here")
    }
}
