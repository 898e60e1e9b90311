//! The table in the binary: static arrays, made by `build.rs`, and how a name is found in them.
//!
//! A provider's models have exact names, which are searched by halves, and rules (`begins with`,
//! `contains` …), which are tried in the data's order. The first model that matches counts, so
//! rules that stand before the exact match are tried too.

use super::{
    AudioRates, Day, Limits, NanoDollars, Price, Priced, Rates,
    tier::{self, Tiers},
};

/// A piece of `NAMES`: where it begins and how long it is. Offsets, unlike references, need no
/// relocation when the program starts.
#[derive(Debug, Clone, Copy)]
struct Text(u32, u16);

impl Text {
    fn as_bytes(self) -> &'static [u8] {
        let start = self.0 as usize;
        let names = NAMES.as_bytes();
        names
            .get(start..start + usize::from(self.1))
            .unwrap_or_default()
    }
    fn as_str(self) -> &'static str {
        let start = self.0 as usize;
        NAMES
            .get(start..start + usize::from(self.1))
            .unwrap_or_default()
    }
}

/// A provider.
struct Listed {
    id: Text,
    source: Text,
    /// Its part of `EXACT`.
    exact: (u16, u16),
    /// Its part of `RULES`.
    rules: (u16, u16),
    /// Providers whose models it resells; 255 is none.
    fallbacks: [u8; 2],
}

/// A prefix of a provider's API address.
struct Host {
    starts: Text,
    ends: Text,
    path: Text,
    provider: u8,
}

/// A model.
#[derive(Debug)]
pub(super) struct Row {
    name: Text,
    /// Its part of `ERAS`.
    eras: (u16, u16),
    context: u32,
    output: u32,
}

/// A price of a model and when it holds. The last that holds counts, else the first.
struct Era {
    /// Days since 1970.
    since: u16,
    /// Minutes of the day, UTC; `(0, 0)` is all day.
    minutes: (u16, u16),
    base: u16,
    start: u32,
    above: u16,
    /// Its row of `AUDIO`.
    audio: u16,
    /// Billionths of a dollar.
    request: u32,
}

/// A pattern for the names of a model, or (in `FAMILIES` and `SPELLINGS`) of a provider: `row` is
/// its number.
struct Rule {
    kind: Kind,
    text: Text,
    row: u16,
}

#[derive(Clone, Copy)]
enum Kind {
    Equals,
    Starts,
    Contains,
    Ends,
    /// Text, then one digit, at least.
    StartsThenDigit,
    /// Text, then eight digits and nothing more.
    StartsThenDate,
}

include!(concat!(env!("OUT_DIR"), "/prices.rs"));

impl Rule {
    fn matches(&self, name: &str) -> bool {
        let (name, text) = (name.as_bytes(), self.text.as_bytes());
        let rest = || name.strip_prefix(text);
        match self.kind {
            Kind::Equals => name == text,
            Kind::Starts => name.starts_with(text),
            Kind::Contains => text.first().is_some_and(|first| {
                memchr::memchr_iter(*first, name)
                    .any(|at| name.get(at..).is_some_and(|rest| rest.starts_with(text)))
            }),
            Kind::Ends => name.ends_with(text),
            Kind::StartsThenDigit => {
                rest().is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
            }
            Kind::StartsThenDate => {
                rest().is_some_and(|rest| rest.len() == 8 && rest.iter().all(u8::is_ascii_digit))
            }
        }
    }
}

/// The provider of an upstream, whose prices count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// Given by its address.
    Certain(u8),
    /// Given by its name.
    Likely(u8),
    /// Given by neither.
    Unknown,
}

/// The provider of the upstream at this host and path, under this name.
pub(super) fn home(host: &str, path: &str, name: &str) -> Home {
    let host = host.to_ascii_lowercase();
    let at = HOSTS.iter().find(|at| {
        let (starts, ends) = (at.starts.as_str(), at.ends.as_str());
        let whole = ends.is_empty() && !starts.ends_with('.');
        (if whole {
            host == starts
        } else {
            host.starts_with(starts) && host.ends_with(ends)
        }) && path.starts_with(at.path.as_str())
    });
    match (at, spelled(&name.to_ascii_lowercase())) {
        (Some(at), _) => Home::Certain(at.provider),
        (None, Some(provider)) => Home::Likely(provider),
        (None, None) => Home::Unknown,
    }
}

/// The provider that is called so: `openai`, `azure-east`, `vertex_ai`, `together_ai`.
fn spelled(name: &str) -> Option<u8> {
    let number = |at: usize| u8::try_from(at).ok();
    let id = |wanted: &str| PROVIDERS.iter().position(|p| p.id.as_str() == wanted);
    id(name)
        .or_else(|| name.split(['-', '_', '.']).find_map(id))
        .and_then(number)
        .or_else(|| {
            let rule = SPELLINGS.iter().find(|rule| rule.matches(name))?;
            u8::try_from(rule.row).ok()
        })
}

/// A model that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    row: &'static Row,
    provider: u8,
}

/// The names of all models in the table.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name.as_str())
}

/// Finds a model by its name in lower case: as it stands, behind a provider's name (`openai/…`), or
/// without the date at its end.
pub(super) fn find(home: Home, name: &str) -> Option<Found> {
    let name = name.strip_prefix("models/").unwrap_or(name); // Gemini's resource name
    as_named(home, name).or_else(|| as_named(home, undated(name)?))
}

fn as_named(home: Home, name: &str) -> Option<Found> {
    let (provider, certain) = match home {
        Home::Certain(provider) => (Some(provider), true),
        Home::Likely(provider) => (Some(provider), false),
        Home::Unknown => (None, false),
    };
    (provider.and_then(|provider| at(provider, name)))
        .or_else(|| {
            let (prefix, rest) = name.split_once('/')?;
            at(spelled(prefix)?, rest)
        })
        .or_else(|| {
            let rule = FAMILIES.iter().find(|rule| rule.matches(name));
            rule.filter(|_| !certain)
                .and_then(|rule| at(u8::try_from(rule.row).ok()?, name))
        })
}

/// A model of this provider, or of those whose models it resells.
fn at(provider: u8, name: &str) -> Option<Found> {
    let listed = PROVIDERS.get(usize::from(provider))?;
    let here = |provider: u8| {
        let row = row(PROVIDERS.get(usize::from(provider))?, name)?;
        Some(Found { row, provider })
    };
    here(provider).or_else(|| listed.fallbacks.into_iter().find_map(here))
}

fn row(listed: &Listed, name: &str) -> Option<&'static Row> {
    let part = |(from, to): (u16, u16)| usize::from(from)..usize::from(to);
    let exact = EXACT.get(part(listed.exact)).unwrap_or_default();
    let exact = exact
        .binary_search_by(|(text, _)| text.as_bytes().cmp(name.as_bytes()))
        .ok()
        .and_then(|at| exact.get(at))
        .map_or(u16::MAX, |(_, row)| *row);
    let rules = RULES.get(part(listed.rules)).unwrap_or_default();
    let ruled = rules
        .iter()
        .take_while(|rule| rule.row < exact)
        .find(|rule| rule.matches(name));
    ROWS.get(usize::from(ruled.map_or(exact, |rule| rule.row)))
}

/// The name without `-2025-08-07`, `-20250807`, `@20250807` or `-latest` at its end.
fn undated(name: &str) -> Option<&str> {
    if let Some(rest) = name.strip_suffix("-latest") {
        return Some(rest);
    }
    let rest = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    let date = name.get(rest.len()..)?;
    let digits = date.bytes().filter(u8::is_ascii_digit).count();
    let rest = rest.strip_suffix('@').unwrap_or(rest);
    (digits == 8 && rest.len() < name.len() && matches!(date.trim_start_matches('-').len(), 8 | 10))
        .then_some(rest)
}

impl Found {
    pub(super) fn limits(self) -> Limits {
        let known = |tokens: u32| (tokens > 0).then_some(tokens);
        Limits {
            context: known(self.row.context),
            output: known(self.row.output),
        }
    }

    /// Its price `now` seconds after 1970.
    pub(super) fn priced(self, now: u64) -> Option<Priced<'static>> {
        let (day, minute) = (now / 86_400, now / 60 % 1440);
        let holds = |era: &&Era| {
            let (from, until) = era.minutes;
            u64::from(era.since) <= day
                && (until == 0 || (u64::from(from)..u64::from(until)).contains(&minute))
        };
        let eras = ERAS
            .get(usize::from(self.row.eras.0)..usize::from(self.row.eras.1))
            .unwrap_or_default();
        let era = eras.iter().rev().find(holds).or(eras.first())?;
        let rates = |at: u16| RATES.get(usize::from(at)).copied();
        let provider = PROVIDERS.get(usize::from(self.provider))?;
        let model = self.row.name.as_str();
        Some(Priced {
            price: Price {
                base: rates(era.base)?,
                start: era.start.into(),
                above: rates(era.above)?,
                request: NanoDollars(era.request.into()),
                audio: AUDIO.get(usize::from(era.audio)).copied()?,
                tiers: Tiers::of(model),
                search: tier::search(model),
                own: false,
            },
            model,
            source: provider.source.as_str(),
            date: Some(if era.since > 0 { Day(era.since) } else { TAKEN }),
            limits: self.limits(),
        })
    }
}
