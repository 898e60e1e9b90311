//! The signs and what they weigh: rules over words near each other, headings, and marks.
//!
//! The rules are in `data/rules.txt` and name classes of words in their order, never sentences;
//! marks are patterns of characters and of scripts without spaces, in `data/marks.txt`.

use super::{Origin, fast::Fast};
use crate::{
    matcher::Patterns,
    pattern::Node,
    words::{self, Class, Mask, Table},
};

macro_rules! signs {
    ($($sign:ident $name:literal $help:literal),* $(,)?) => {
        /// A kind of sign.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Sign { $(#[doc = $help] $sign),* }

        impl Sign {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$sign),*];
            /// The name in configuration, tags and metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$sign => $name),* }
            }
        }
    };
}
signs! {
    Override "override" "Earlier instructions are to be ignored.",
    Extraction "extraction" "The system prompt is to be shown.",
    Persona "persona" "A role without limits.",
    RolePlay "role_play" "A role, which is harmless by itself.",
    NoRefusal "no_refusal" "Refusing, or warning, is forbidden.",
    License "license" "What is harmful or against rules is allowed.",
    Form "form" "The form of the answer is dictated.",
    Coercion "coercion" "A penalty for not obeying.",
    Fiction "fiction" "A story as the cover for harmful things.",
    Authority "authority" "New instructions in somebody's name.",
    Secrecy "secrecy" "The user is not to know, or not to be asked.",
    Exfiltration "exfiltration" "Secrets are to be sent somewhere.",
    Addressed "addressed" "A text that speaks to the machine that reads it.",
    Command "command" "The machine must call or run something.",
    Memory "memory" "Something is to be remembered, and done from then on.",
    Decode "decode" "Something is to be decoded and obeyed.",
    RoleMarker "role_marker" "Control tokens of chat templates.",
    RoleLine "role_line" "A line that poses as another role's.",
    Image "image" "An image whose address carries data.",
    Encoded "encoded" "Signs inside an encoding.",
    HiddenText "hidden_text" "Text in characters that are not drawn.",
    ZeroWidth "zero_width" "Words with invisible characters in them.",
    Direction "direction" "Writing turned round by force.",
}

impl Sign {
    /// True if people say it to a machine only. Orders, forms and tales are said to people as well,
    /// and permissions and bans in what somebody wrote for others: however many there are, they make
    /// no suspicion without one of these.
    pub(super) fn is_for_machines(self, origin: Origin) -> bool {
        match self {
            Self::RolePlay
            | Self::Form
            | Self::Coercion
            | Self::Fiction
            | Self::Command
            | Self::Memory => false,
            Self::License | Self::NoRefusal => origin != Origin::Data,
            _ => true,
        }
    }

    /// True if its opposite is harmless: "never ignore earlier instructions".
    pub(super) const fn is_undone(self) -> bool {
        matches!(self, Self::Override | Self::Extraction | Self::Exfiltration)
    }
}

pub(super) const COUNT: usize = Sign::ALL.len();

/// The weight of a sign, by where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) user: u32,
    pub(super) data: u32,
}

impl Weight {
    /// The heavier of two in each place.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            user: self.user.max(other.user),
            data: self.data.max(other.data),
        }
    }

    /// So many tenths of it.
    pub(super) const fn share(self, tenths: u32) -> Self {
        Self {
            user: self.user * tenths / 10,
            data: self.data * tenths / 10,
        }
    }
}

/// The weights of signs that are neither rules nor marks.
pub(super) const HIDDEN: Weight = Weight { user: 10, data: 10 };
pub(super) const TORN: Weight = Weight { user: 5, data: 7 };
pub(super) const TURNED: Weight = Weight { user: 6, data: 8 };
pub(super) const ENCODED: Weight = Weight { user: 6, data: 8 };

/// Words of these classes, in this order, from the first to the last within so many words.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// `None`: no sign, but talk about instructions, which what stands near is a part of.
    pub(super) sign: Option<(Sign, Weight)>,
    pub(super) within: u32,
    pub(super) needs: Vec<Vec<Class>>,
    /// No word of these may stand among them.
    pub(super) unless: Mask,
}

/// A short line before a colon, of so many words at most: the class of its first word, if any is
/// needed, and classes that all must be in it.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    pub(super) sign: Sign,
    pub(super) weight: Weight,
    pub(super) most: u32,
    pub(super) first: Mask,
    pub(super) all: Vec<Mask>,
}

/// A pattern's sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) sign: Sign,
    pub(super) weight: Weight,
}

/// The class of verbs that a sentence orders something with: those of `ACT` at its beginning.
pub(super) const IMPERATIVE: &str = "IMPERATIVE";

/// Classes that the scan itself looks for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) act: Mask,
    pub(super) must: Class,
    pub(super) you: Mask,
    pub(super) reporter: Mask,
    /// Words that join an order to another.
    pub(super) joins: Mask,
    /// Verbs of orders to a model.
    pub(super) verbs: Mask,
    pub(super) topic: Mask,
    pub(super) orders: Mask,
    pub(super) negation: Class,
    pub(super) imperative: Class,
    pub(super) rotated: Class,
    pub(super) backwards: Class,
}

/// The tables, made once while the policy is configured.
#[derive(Debug, Clone)]
pub struct Tables {
    pub(super) words: Table,
    pub(super) rules: Vec<Rule>,
    /// The rules that may end with a word, by the number of its set of classes.
    pub(super) ending: Vec<Vec<u16>>,
    pub(super) headings: Vec<Heading>,
    pub(super) marks: Patterns,
    pub(super) kinds: Vec<Mark>,
    pub(super) fast: Fast,
    pub(super) known: Known,
    /// The weights that replace the signs' own; 0 leaves one out.
    weights: [Option<u32>; COUNT],
}

/// The lines of a table, without comments and empty ones.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

fn sign(name: &str) -> Option<Sign> {
    Sign::ALL.iter().copied().find(|sign| sign.name() == name)
}

/// Reads `SIGN USER DATA`, and returns the rest of the line.
fn weighed(line: &str) -> Option<(Sign, Weight, &str)> {
    let mut rest = line;
    let mut next = || {
        let (word, behind) = rest.trim_start().split_once(char::is_whitespace)?;
        rest = behind.trim_start();
        Some(word)
    };
    let name = sign(next()?)?;
    let weight = Weight {
        user: next()?.parse().ok()?,
        data: next()?.parse().ok()?,
    };
    Some((name, weight, rest))
}

fn rule(line: &str, words: &Table) -> Option<Rule> {
    let (sign, rest) = match line.strip_prefix("mention ") {
        Some(rest) => (None, rest),
        None => weighed(line).map(|(sign, weight, rest)| (Some((sign, weight)), rest))?,
    };
    let mut rest = rest.split_ascii_whitespace();
    let within = rest.next()?.parse().ok()?;
    let (unless, needs): (Vec<&str>, Vec<&str>) = rest.partition(|need| need.starts_with('!'));
    let classes = |need: &str| need.split('|').map(|name| words.class(name)).collect();
    let needs: Vec<Vec<Class>> = needs.into_iter().map(classes).collect::<Option<_>>()?;
    let mut forbidden = unless
        .iter()
        .filter_map(|names| names.strip_prefix('!'))
        .flat_map(|names| names.split('|'));
    let unless = forbidden.try_fold(0, |mask, name| Some(mask | 1 << words.class(name)?))?;
    (!needs.is_empty()).then_some(Rule {
        sign,
        within,
        needs,
        unless,
    })
}

fn heading(line: &str, words: &Table) -> Option<Heading> {
    let (sign, weight, rest) = weighed(line)?;
    let mut rest = rest.split_ascii_whitespace();
    let most = rest.next()?.parse().ok()?;
    let mask = |names: &str| {
        names
            .split('|')
            .try_fold(0, |mask, name| Some(mask | 1 << words.class(name)?))
    };
    let first = match rest.next()? {
        "-" => 0,
        names => mask(names)?,
    };
    Some(Heading {
        sign,
        weight,
        most,
        first,
        all: rest.map(mask).collect::<Option<_>>()?,
    })
}

impl Tables {
    /// The tables with some weights of the operator's own.
    pub fn new(weights: &[(Sign, u32)]) -> Self {
        Self::parse(
            include_str!("../../data/words.txt"),
            include_str!("../../data/rules.txt"),
            include_str!("../../data/marks.txt"),
            weights,
        )
    }

    /// The tables from their texts. A line that is not understood is left out; a test finds it.
    #[doc(hidden)]
    pub fn parse(list: &str, rules: &str, marks: &str, weights: &[(Sign, u32)]) -> Self {
        let words = Table::parse(list, &[IMPERATIVE]);
        let class = |name: &str| words.class(name).unwrap_or_default();
        let all = |names: &[&str]| names.iter().fold(0, |mask, name| mask | 1 << class(name));
        let known = Known {
            act: 1 << class("ACT"),
            must: class("MUST"),
            you: all(&["YOU", "YOUR"]),
            reporter: 1 << class("REPORTER"),
            joins: all(&["JOIN", "AI"]),
            verbs: all(&[
                "IGNORE", "DROP", "OVERRIDE", "REVEAL", "DISABLE", "SEND", "BE", "FOLLOW",
            ]),
            topic: 1 << class("TOPIC"),
            orders: 1 << class("ORDERS"),
            negation: class("NEG"),
            imperative: class(IMPERATIVE),
            rotated: class(words::ROTATED),
            backwards: class(words::BACKWARDS),
        };
        let (headings, rules): (Vec<&str>, Vec<&str>) =
            rows(rules).partition(|line| line.starts_with("heading "));
        let headings = headings
            .iter()
            .filter_map(|line| heading(line.strip_prefix("heading ")?, &words))
            .collect();
        let rules: Vec<Rule> = rules.iter().filter_map(|line| rule(line, &words)).collect();
        let ending = |set: &Mask| {
            let ends = |rule: &Rule| {
                let mut last = rule.needs.last().into_iter().flatten();
                last.any(|class| set >> class & 1 == 1)
            };
            let rules = (0..).zip(&rules).filter(|(_, rule)| ends(rule));
            rules.map(|(number, _)| number).collect()
        };
        let ending = words.sets().iter().map(ending).collect();
        let (mut nodes, mut kinds) = (Vec::new(), Vec::new());
        for (sign, weight, pattern) in rows(marks).filter_map(weighed) {
            if let Ok(node) = Node::parse(pattern) {
                nodes.push(node);
                kinds.push(Mark { sign, weight });
            }
        }
        let marks = Patterns::new(&nodes).unwrap_or_default();
        let mut tables = Self {
            words,
            rules,
            ending,
            headings,
            fast: Fast::new(&marks),
            marks,
            kinds,
            known,
            weights: [None; COUNT],
        };
        for (sign, weight) in weights {
            if let Some(own) = tables.weights.get_mut(*sign as usize) {
                *own = Some(*weight);
            }
        }
        tables
    }

    pub(super) fn weight(&self, sign: Sign, usual: u32) -> u32 {
        self.weights
            .get(sign as usize)
            .copied()
            .flatten()
            .unwrap_or(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_tables_is_understood() {
        let (rules, marks) = (
            include_str!("../../data/rules.txt"),
            include_str!("../../data/marks.txt"),
        );
        let tables = Tables::new(&[]);
        for line in rows(rules) {
            match line.strip_prefix("heading ") {
                Some(line) => assert!(heading(line, &tables.words).is_some(), "{line}"),
                None => assert!(rule(line, &tables.words).is_some(), "{line}"),
            }
        }
        for line in rows(marks) {
            let pattern = weighed(line).map(|(_, _, pattern)| Node::parse(pattern));
            assert!(matches!(pattern, Some(Ok(_))), "{line}");
        }
        assert!(tables.kinds.len() <= 64, "marks are noted as bits of 64");
        let last = |rule: &Rule| rule.needs.last().cloned().unwrap_or_default();
        let orders = tables.known.imperative;
        assert!(!tables.rules.iter().any(|rule| last(rule).contains(&orders)));
    }
}
