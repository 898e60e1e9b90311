//! Metrics of usage and cost by tag: money, tokens by kind, exchanges without a price.
//!
//! Whoever sends a tag chooses its text, so each label has at most 100 values, the first that come,
//! and there are at most 2,000 sets of labels; all else is `other`. Money has a counter of its own
//! making: those of the `metrics` crate are whole numbers, and dollars are not.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use ::metrics::{Counter, Label, counter};
use dialect::{Dialect, Usage};
use parking_lot::Mutex;

use super::{
    Record,
    metrics::{other, recorder},
    table,
};
use crate::cost::NanoDollars;

/// Tags that are labels.
const LABELS: [&str; 4] = ["tenant", "feature", "plan", "region"];
/// Values that one of them may have.
pub(super) const VALUES: usize = 100;
/// Sets of labels that are counted apart.
pub(super) const SETS: usize = 2000;
/// Kinds of tokens; the second and third are part of the first, the last of the fourth.
const KINDS: [&str; 5] = ["input", "cached", "written", "output", "reasoning"];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    model: Arc<str>,
    upstream: Arc<str>,
    tags: [Arc<str>; LABELS.len()],
}

/// The counters of one set of labels.
#[derive(Debug)]
pub(super) struct Account {
    key: Key,
    nano_dollars: AtomicU64,
    /// Set once anything with a price was counted: a model without one has no line that says 0.
    priced: OnceLock<()>,
    tokens: [OnceLock<Counter>; KINDS.len()],
    estimated: OnceLock<Counter>,
    unpriced: OnceLock<Counter>,
}

/// The process's accounts, and the values that each label has so far.
#[derive(Default)]
struct Accounts {
    accounts: Mutex<BTreeMap<Key, Arc<Account>>>,
    seen: [Mutex<HashSet<Arc<str>>>; LABELS.len()],
}

static ACCOUNTS: LazyLock<Accounts> = LazyLock::new(Accounts::default);

/// The label values and accounts that one worker has met.
#[derive(Default)]
struct Known {
    values: [HashSet<Arc<str>>; LABELS.len()],
    accounts: HashMap<Key, Arc<Account>>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

fn none() -> Arc<str> {
    static NONE: LazyLock<Arc<str>> = LazyLock::new(|| "none".into());
    Arc::clone(&NONE)
}

/// Counts an exchange; `untagged` keeps the account of its model and upstream, so that without tags
/// nothing is looked up.
pub(super) fn count(record: &Record, untagged: &OnceLock<Arc<Account>>) {
    let tags = &record.tags;
    if tags.ignored() > 0 {
        recorder();
        counter!(table::TAGS_IGNORED).increment(tags.ignored().into());
    }
    if record.usage.is_none() && record.cost.is_none() && !record.is_unpriced() {
        return;
    }
    if record.earlier.iter().any(|made| made.usage.is_some()) {
        return count_each(record);
    }
    if LABELS.iter().all(|label| record.tags.get(label).is_none()) {
        let account = || ACCOUNTS.open(Key::of(record, [none(), none(), none(), none()]));
        return untagged.get_or_init(account).count(record);
    }
    KNOWN.with_borrow_mut(|known| ACCOUNTS.account(known, record).count(record));
}

/// Counts a call that no exchange made.
pub(super) fn count_beside(
    model: Arc<str>,
    upstream: Arc<str>,
    usage: Usage,
    cost: Option<NanoDollars>,
) {
    let record = Record {
        model_label: model,
        upstream: Some(upstream),
        usage: Some(usage),
        cost,
        ..Record::new(String::new(), Dialect::OpenaiEmbeddings)
    };
    let key = Key::of(&record, [none(), none(), none(), none()]);
    ACCOUNTS.open(key).count(&record);
}

/// Counts each attempt under its own upstream.
fn count_each(record: &Record) {
    let earlier = record.earlier.iter().filter(|made| made.usage.is_some());
    let earlier = earlier.map(|made| (made.upstream.clone(), made.usage, made.cost));
    let last = (record.upstream.clone(), record.last_usage, record.last_cost);
    for (upstream, usage, cost) in earlier.chain([last]) {
        let own = Record {
            upstream,
            usage,
            cost,
            earlier: Vec::new(),
            ..record.clone()
        };
        KNOWN.with_borrow_mut(|known| ACCOUNTS.account(known, &own).count(&own));
    }
}

impl Key {
    fn of(record: &Record, tags: [Arc<str>; LABELS.len()]) -> Self {
        Self {
            model: Arc::clone(&record.model_label),
            upstream: record.upstream.clone().unwrap_or_else(none),
            tags,
        }
    }
}

impl Accounts {
    /// The account of a tagged exchange.
    fn account(&self, known: &mut Known, record: &Record) -> Arc<Account> {
        let mut number = 0..;
        let labels = LABELS.map(|label| {
            let (value, at) = (record.tags.shared(label), number.next().unwrap_or(0));
            value.map_or_else(none, |value| self.bounded(&mut known.values, at, value))
        });
        let key = Key::of(record, labels);
        if let Some(account) = known.accounts.get(&key) {
            return Arc::clone(account);
        }
        let account = self.open(key.clone());
        if account.key == key {
            known.accounts.insert(key, Arc::clone(&account));
        }
        account
    }

    /// The value, or `other` where the label has as many as it may have.
    fn bounded(
        &self,
        known: &mut [HashSet<Arc<str>>; LABELS.len()],
        label: usize,
        value: &Arc<str>,
    ) -> Arc<str> {
        let (Some(known), Some(seen)) = (known.get_mut(label), self.seen.get(label)) else {
            return other();
        };
        if let Some(value) = known.get(value) {
            return Arc::clone(value);
        }
        let mut seen = seen.lock();
        if !seen.contains(value) {
            if seen.len() >= VALUES {
                return other();
            }
            seen.insert(Arc::clone(value));
        }
        known.insert(Arc::clone(value));
        Arc::clone(value)
    }

    /// The account of these labels, or where there are too many, one of the same model and
    /// upstream.
    fn open(&self, key: Key) -> Arc<Account> {
        recorder();
        let mut accounts = self.accounts.lock();
        let usual = |tag: &Arc<str>| **tag == *"none" || **tag == *"other";
        let full = accounts.len() >= SETS && !accounts.contains_key(&key);
        let key = if full && !key.tags.iter().all(usual) {
            Key {
                tags: [other(), other(), other(), other()],
                ..key
            }
        } else {
            key
        };
        let made = || Arc::new(Account::new(key.clone()));
        Arc::clone(accounts.entry(key.clone()).or_insert_with(made))
    }

    fn render(&self, text: &mut String) {
        let accounts = self.accounts.lock();
        let mut priced = (accounts.values())
            .filter(|account| account.priced.get().is_some())
            .peekable();
        if priced.peek().is_none() {
            return;
        }
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "# HELP {0} {1}\n# TYPE {0} counter\n",
            table::COST,
            table::find(table::COST).map_or("", |metric| metric.help)
        );
        for account in priced {
            account.line(text);
        }
        text.push('\n');
    }
}

impl Account {
    fn new(key: Key) -> Self {
        Self {
            key,
            nano_dollars: AtomicU64::new(0),
            priced: OnceLock::new(),
            tokens: Default::default(),
            estimated: OnceLock::new(),
            unpriced: OnceLock::new(),
        }
    }

    fn count(&self, record: &Record) {
        if let Some(cost) = record.cost {
            self.priced.get_or_init(|| ());
            self.nano_dollars.fetch_add(cost.0, Ordering::Relaxed);
        }
        if record.is_unpriced() {
            self.few(&self.unpriced, table::UNPRICED).increment(1);
        }
        let Some(usage) = &record.usage else { return };
        self.tokens(usage);
        if usage.estimated {
            let count = usage.input.saturating_add(usage.output);
            self.few(&self.estimated, table::TOKENS_ESTIMATED)
                .increment(count);
        }
    }

    fn tokens(&self, usage: &Usage) {
        let counts = [
            usage.input,
            usage.cached,
            usage.written,
            usage.output,
            usage.reasoning,
        ];
        for ((cell, kind), count) in self.tokens.iter().zip(KINDS).zip(counts) {
            if count > 0 {
                let counter = cell.get_or_init(|| {
                    let mut labels = vec![Label::from_static_parts("kind", kind)];
                    labels.extend(
                        self.labels()
                            .map(|(name, value)| Label::new(name, Arc::clone(value))),
                    );
                    counter!(table::TOKENS, labels)
                });
                counter.increment(count);
            }
        }
    }

    /// A counter with no labels but the model and the upstream.
    fn few<'a>(&self, cell: &'a OnceLock<Counter>, name: &'static str) -> &'a Counter {
        cell.get_or_init(|| {
            let labels: Vec<_> = (self.labels().take(2))
                .map(|(name, value)| Label::new(name, Arc::clone(value)))
                .collect();
            counter!(name, labels)
        })
    }

    fn labels(&self) -> impl Iterator<Item = (&'static str, &Arc<str>)> {
        let first = [("model", &self.key.model), ("upstream", &self.key.upstream)];
        first
            .into_iter()
            .chain(LABELS.into_iter().zip(&self.key.tags))
    }

    /// Its money, as Prometheus reads it.
    fn line(&self, text: &mut String) {
        text.push_str(table::COST);
        for (n, (name, value)) in self.labels().enumerate() {
            text.push(if n == 0 { '{' } else { ',' });
            let _ = write!(text, "{name}=\"");
            for c in value.chars() {
                match c {
                    '\\' | '"' => text.extend(['\\', c]),
                    '\n' => text.push_str("\\n"),
                    _ => text.push(c),
                }
            }
            text.push('"');
        }
        let money = NanoDollars(self.nano_dollars.load(Ordering::Relaxed));
        let _ = writeln!(text, "}} {money}");
    }
}

/// Adds the money to the text of `/metrics`.
pub(super) fn render(text: &mut String) {
    ACCOUNTS.render(text);
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
