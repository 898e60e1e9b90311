//! The configuration as it is written.

use outrigger_sdk::{
    Request,
    settings::{Globs, Key, Keys, ModelName, Span},
};
use serde::Deserialize;

use crate::{
    Mode, TierRouter,
    conversation::Sticky,
    fit::{Reading, Why},
    offer::Tier,
    opinion::{MeaningFile, Opinions, VerdictFile},
    rules::{RuleFile, usual},
};

/// Score at which the second tier begins, and those between it and each one more.
const FIRST: i32 = 2;
const STEP: i32 = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    models: Globs,
    tiers: Vec<TierFile>,
    rules: Option<Vec<RuleFile>>,
    #[serde(default)]
    fill: Fill,
    budget: Option<Budget>,
    #[serde(default)]
    sticky: StickyFile,
    #[serde(default)]
    escalate: Escalate,
    meaning: Option<MeaningFile>,
    verdict: Option<VerdictFile>,
    #[serde(default)]
    mode: Mode,
    #[serde(default = "yes")]
    explain: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierFile {
    model: ModelName,
    from: Option<i32>,
    window: Option<u64>,
    #[serde(default)]
    takes: Vec<Ability>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ability {
    Tools,
    Images,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StickyFile {
    per: Keys,
    #[serde(rename = "for")]
    time: Span,
    cached: Percent,
}

impl Default for StickyFile {
    fn default() -> Self {
        Self {
            per: [Key::Caller].into(),
            time: Span(std::time::Duration::from_secs(86_400)),
            cached: Percent(10),
        }
    }
}

/// Reasons for which a reply is tried again one tier up: `all`, or a list. Whoever writes none pays
/// for no reply twice.
#[derive(Default, Deserialize)]
#[serde(try_from = "EscalateFile")]
struct Escalate(Vec<Why>);

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected `all`, or a list of `empty`, `refusal`, `schema` and `tool`"
)]
enum EscalateFile {
    All(All),
    Some(Vec<Why>),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum All {
    All,
}

impl TryFrom<EscalateFile> for Escalate {
    type Error = &'static str;

    fn try_from(file: EscalateFile) -> Result<Self, Self::Error> {
        match file {
            EscalateFile::All(All::All) => Ok(Self(Why::ALL.into())),
            EscalateFile::Some(whys) if whys.is_empty() => {
                Err("the list is empty: leave it out where no reply is tried again")
            }
            EscalateFile::Some(whys) => Ok(Self(whys)),
        }
    }
}

/// A share, as it is written: `70%`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Percent(u64);

impl TryFrom<String> for Percent {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.strip_suffix('%').and_then(|text| text.parse().ok());
        match number {
            Some(number @ 0..=100) => Ok(Self(number)),
            _ => Err("expected a share from `0%` to `100%`"),
        }
    }
}

/// The share of a window that the input may take.
#[derive(Deserialize)]
#[serde(transparent)]
struct Fill(Percent);

impl Default for Fill {
    fn default() -> Self {
        Self(Percent(70))
    }
}

/// The move of the borders as a budget nears its end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    #[serde(default = "budget_left")]
    tag: String,
    below: Percent,
    raise: Raise,
}

fn budget_left() -> String {
    "budget_left".into()
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i32")]
struct Raise(i32);

impl TryFrom<i32> for Raise {
    type Error = &'static str;

    fn try_from(raise: i32) -> Result<Self, Self::Error> {
        match raise {
            1.. => Ok(Self(raise)),
            _ => Err("expected 1 or more"),
        }
    }
}

impl Budget {
    /// Returns by how much a request's borders are higher.
    pub(crate) fn raise(&self, request: &Request) -> i32 {
        let left = request.tag(&self.tag);
        let left = left.and_then(|left| left.parse::<f64>().ok());
        match left {
            Some(left) if left < self.below.0 as f64 => self.raise.0,
            _ => 0,
        }
    }
}

impl TryFrom<File> for TierRouter {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        let tiers = tiers(file.tiers)?;
        let rules = match file.rules {
            None => usual(),
            Some(rows) => {
                let row = |(at, row): (usize, RuleFile)| {
                    let rule = row.beside(&tiers);
                    rule.map_err(|why| format!("rules[{at}]: {why}"))
                };
                rows.into_iter()
                    .enumerate()
                    .map(row)
                    .collect::<Result<_, _>>()?
            }
        };
        let models = file.models;
        let named = tiers.iter().find(|tier| models.matches(&tier.model));
        if let Some(tier) = named.filter(|_| !models.match_all()) {
            return Err(format!(
                "models: names the tier `{}`, so whoever wants that very model would be routed elsewhere",
                tier.model
            ));
        }
        let sticky = Sticky {
            per: file.sticky.per,
            ttl: file.sticky.time.0,
            cached: file.sticky.cached.0,
        };
        let escalate = file.escalate.0;
        if file.mode == Mode::Shadow && !escalate.is_empty() {
            return Err("escalate: has no effect in `mode: shadow`".into());
        }
        let opinions = Opinions {
            meaning: file.meaning.map(MeaningFile::read).transpose()?,
            verdict: file.verdict.map(VerdictFile::read).transpose()?,
        };
        Ok(Self {
            models,
            tiers,
            rules,
            opinions,
            escalate,
            mode: file.mode,
            fill: file.fill.0.0,
            budget: file.budget,
            sticky: Some(sticky).filter(|sticky| !sticky.ttl.is_zero()),
            explain: file.explain,
            turn: None,
            next: None,
            judge: None,
            reading: Reading::default(),
        })
    }
}

fn tiers(files: Vec<TierFile>) -> Result<Vec<Tier>, String> {
    if files.len() < 2 {
        return Err("tiers: with fewer than two there is nothing to choose".into());
    }
    let mut tiers: Vec<Tier> = Vec::with_capacity(files.len());
    for (at, file) in files.into_iter().enumerate() {
        let ModelName(model) = file.model;
        let wrong = |why: &str| Err(format!("tiers[{at}]{why}"));
        if !model.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
            return wrong(".model: goes into a header: write letters, digits and signs of ASCII");
        }
        if tiers.iter().any(|tier| tier.model == model) {
            return wrong(".model: is listed twice");
        }
        let from = match (tiers.last(), file.from) {
            (None, Some(_)) => {
                return wrong(".from: the lowest tier has no beginning: leave it out");
            }
            (None, None) => i32::MIN,
            (Some(_), Some(from)) => from,
            (Some(below), None) if below.from == i32::MIN => FIRST,
            (Some(below), None) => below.from.saturating_add(STEP),
        };
        if tiers.last().is_some_and(|below| below.from >= from) {
            return wrong(
                ".from: is not above the one before: tiers are listed from the cheapest up",
            );
        }
        let takes = file.takes.iter().map(|ability| match ability {
            Ability::Tools => "tools".to_owned(),
            Ability::Images => "images".to_owned(),
        });
        tiers.push(Tier {
            model,
            from,
            window: file.window,
            takes: takes.collect(),
        });
    }
    Ok(tiers)
}
