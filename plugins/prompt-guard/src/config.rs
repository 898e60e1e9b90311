//! The policy's `config:` as it is written, and what makes one unfit.

use std::collections::BTreeMap;

use outrigger_sdk::{Channels, Places};
use serde::Deserialize;

use crate::{
    PromptGuard,
    limits::Limits,
    matcher::Patterns,
    pattern::Node,
    replies::{Checks, OnUrl},
    signs::{Origin, Sign, Tables},
    urls::Hosts,
};

/// The scores from which texts are flagged, unless configured otherwise: that of one plain sign, and
/// a little less in data. The README has the trade that was measured.
const THRESHOLD: Thresholds = Thresholds { user: 10, data: 9 };
/// No score is higher.
const HIGHEST: u32 = 200;

/// The treatment of a request that is flagged.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "ActionFile")]
pub(crate) enum Action {
    /// It is answered with 403.
    #[default]
    Refuse,
    /// It goes on, with tags for the policies that follow.
    Tag,
    /// The same, and to another model.
    Route(String),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected `refuse`, `tag` or `{ route: MODEL }`")]
enum ActionFile {
    Word(String),
    Route { route: String },
}

impl TryFrom<ActionFile> for Action {
    type Error = &'static str;
    fn try_from(file: ActionFile) -> Result<Self, Self::Error> {
        match file {
            ActionFile::Word(word) if word == "refuse" => Ok(Self::Refuse),
            ActionFile::Word(word) if word == "tag" => Ok(Self::Tag),
            ActionFile::Route { route } if !route.trim().is_empty() => Ok(Self::Route(route)),
            _ => Err("expected `refuse`, `tag` or `{ route: MODEL }`"),
        }
    }
}

/// Several patterns, as one machine.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Several(Patterns);

impl TryFrom<Vec<String>> for Several {
    type Error = String;
    fn try_from(patterns: Vec<String>) -> Result<Self, String> {
        if patterns.is_empty() {
            return Err("the list is empty: write a pattern, or leave the key out".into());
        }
        let mut nodes = Vec::with_capacity(patterns.len());
        for (at, pattern) in patterns.iter().enumerate() {
            if patterns.iter().take(at).any(|earlier| earlier == pattern) {
                return Err(format!(
                    "[{at}]: the pattern is listed twice: leave one out"
                ));
            }
            nodes.push(
                Node::parse(pattern)
                    .map_err(|error| format!("[{at}]: the pattern can't be used: {error}"))?,
            );
        }
        Ok(Self(Patterns::new(&nodes)?))
    }
}

/// The scores from which texts are flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "ThresholdFile")]
pub(crate) struct Thresholds {
    /// The threshold of a user's text.
    user: u32,
    /// The threshold of what tools return.
    data: u32,
}

impl Thresholds {
    /// The score from which a text of this origin is flagged.
    pub(crate) fn at(self, origin: Origin) -> u32 {
        match origin {
            Origin::User | Origin::Reply => self.user,
            Origin::Data => self.data,
        }
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a score, or `{ user: SCORE, data: SCORE }`"
)]
enum ThresholdFile {
    Both(u32),
    Each(ThresholdMap),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThresholdMap {
    user: Option<u32>,
    data: Option<u32>,
}

impl From<ThresholdFile> for Thresholds {
    fn from(file: ThresholdFile) -> Self {
        match file {
            ThresholdFile::Both(score) => Self {
                user: score,
                data: score,
            },
            ThresholdFile::Each(map) => Self {
                user: map.user.unwrap_or(THRESHOLD.user),
                data: map.data.unwrap_or(THRESHOLD.data),
            },
        }
    }
}

/// `signs:`, a map or `off`.
#[derive(Deserialize)]
#[serde(try_from = "SignsFile")]
struct Signs(Option<SignsMap>);

impl Default for Signs {
    fn default() -> Self {
        Self(Some(SignsMap::default()))
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected `off`, or a map of `threshold`, `weights`, `places`"
)]
enum SignsFile {
    Word(String),
    Map(SignsMap),
}

impl TryFrom<SignsFile> for Signs {
    type Error = &'static str;
    fn try_from(file: SignsFile) -> Result<Self, Self::Error> {
        match file {
            SignsFile::Word(word) if word == "off" => Ok(Self(None)),
            SignsFile::Word(_) => {
                Err("expected `off`, or a map of `threshold`, `weights`, `places`")
            }
            SignsFile::Map(map) => Ok(Self(Some(map))),
        }
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SignsMap {
    threshold: Thresholds,
    weights: BTreeMap<String, u32>,
    places: Vec<String>,
}

impl Default for SignsMap {
    fn default() -> Self {
        Self {
            threshold: THRESHOLD,
            weights: BTreeMap::new(),
            places: Vec::new(),
        }
    }
}

/// The places that are searched for signs and denied patterns unless configured otherwise: what
/// people and tools say. The system prompt and the tools' definitions are the app's own text, and
/// agents' read like orders.
const PLACES: Places = Places::USER.union(Places::TOOL_RESULT);

impl SignsMap {
    fn places(&self) -> Result<Places, String> {
        if self.places.is_empty() {
            return Ok(PLACES);
        }
        self.places
            .iter()
            .enumerate()
            .try_fold(Places::empty(), |all, (at, name)| {
                let place = match name.as_str() {
                    "system" => Places::SYSTEM,
                    "user" => Places::USER,
                    "assistant" => Places::ASSISTANT,
                    "tool_result" => Places::TOOL_RESULT,
                    "tool_arguments" => Places::TOOL_ARGUMENTS,
                    "tool_definition" => Places::TOOL_DEFINITION,
                    "other" => Places::OTHER,
                    _ => {
                        let known =
                            "system, user, assistant, tool_result, tool_arguments, tool_definition, other";
                        return Err(format!(
                            "signs.places[{at}]: unknown place; expected one of {known}"
                        ));
                    }
                };
                Ok(all | place)
            })
    }

    fn weights(&self) -> Result<Vec<(Sign, u32)>, String> {
        let sign = |(name, weight): (&String, &u32)| match Sign::ALL
            .iter()
            .find(|sign| sign.name() == name)
        {
            Some(sign) => Ok((*sign, *weight)),
            None => {
                let known: Vec<&str> = Sign::ALL.iter().map(|sign| sign.name()).collect();
                Err(format!(
                    "signs.weights.{name}: unknown sign; expected one of {}",
                    known.join(", ")
                ))
            }
        };
        self.weights.iter().map(sign).collect()
    }
}

/// `replies:`. What is left out is not looked for.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Replies {
    deny: Option<Several>,
    urls: Option<OnUrl>,
    hosts: Hosts,
    signs: Option<OnSigns>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnSigns {
    Refuse,
}

/// The policy's `config:`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    action: Option<Action>,
    limits: Limits,
    deny: Option<Several>,
    allow: Option<Several>,
    signs: Signs,
    replies: Replies,
}

impl TryFrom<Config> for PromptGuard {
    type Error = String;

    fn try_from(config: Config) -> Result<Self, String> {
        let Config {
            action,
            limits,
            deny,
            allow,
            signs: Signs(signs),
            replies,
        } = config;
        let looks = deny.is_some() || signs.is_some();
        if !looks && allow.is_some() {
            return Err("allow: nothing is looked for that it could allow: add `deny`, or leave `signs: off` out".into());
        }
        if !looks && action.is_some() {
            return Err(
                "action: nothing can be flagged: add `deny`, or leave `signs: off` out".into(),
            );
        }
        if replies.urls.is_none() && !replies.hosts.is_empty() {
            return Err("replies.hosts: has no effect without `replies.urls`: add `urls: remove` or `urls: refuse`".into());
        }
        let signs_of_replies = replies.signs.is_some();
        let (threshold, places, weights) = match &signs {
            None if signs_of_replies => {
                return Err(
                    "replies.signs: has no effect with `signs: off`: leave one of them out".into(),
                );
            }
            None => (None, PLACES, Vec::new()),
            Some(map) => {
                let Thresholds { user, data } = map.threshold;
                match (user.min(data), user.max(data)) {
                    (0, _) => return Err("signs.threshold: 0 flags every request: write 1 or more, 10 is the usual one".into()),
                    (_, ..=HIGHEST) => {}
                    _ => return Err(format!("signs.threshold: is never reached: write {HIGHEST} at the most, or `signs: off`")),
                }
                (Some(map.threshold), map.places()?, map.weights()?)
            }
        };
        if threshold.is_some() && Sign::ALL.iter().all(|sign| weights.contains(&(*sign, 0))) {
            return Err(
                "signs.weights: every sign weighs 0, so none is found: write `signs: off`".into(),
            );
        }
        let patterns = |several: Option<Several>| {
            several.map_or_else(Patterns::default, |Several(patterns)| patterns)
        };
        let replies = Checks {
            deny: patterns(replies.deny),
            urls: replies.urls,
            hosts: replies.hosts,
            threshold: threshold
                .filter(|_| signs_of_replies)
                .map(|of| of.at(Origin::Reply)),
        };
        if !looks && limits.is_empty() && replies.is_idle() {
            return Err("the policy would do nothing: leave `signs: off` out, add `limits`, `deny` or `replies`, or take it out of the chain".into());
        }
        Ok(Self {
            action: action.unwrap_or_default(),
            limits,
            deny: patterns(deny),
            allow: patterns(allow),
            tables: Tables::new(&weights),
            threshold,
            places,
            replies,
            channels: Channels::default(),
        })
    }
}
