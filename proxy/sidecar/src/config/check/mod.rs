//! Translation of the written file into its meaning, with every problem of the file found in one
//! go.
//!
//! A value that is wrong is replaced by its default and noted, so that checking goes on; the
//! configuration is returned only where nothing was noted. Messages quote the file's own text,
//! `${NAME}` included, and never the value of a variable or of a secret's file.

use std::{fmt::Display, ops::Deref, path::PathBuf, str::FromStr, time::Duration};

use super::{
    Config, Limits, Log, LogFormat, LogLevel,
    file::{self, Count, File, Number, Share, Size, Span, Text},
    near::near,
    problems::{Path, Problem, Problems, locate},
    scalars::listed,
    values,
};

mod ca;
mod caller;
mod conditions;
mod degrade;
mod embeddings;
mod endpoint;
mod facts;
mod failures;
mod guard;
mod identity;
mod keys;
mod listen;
mod models;
mod policies;
mod prices;
mod providers;
mod signing;
mod state;
mod tags;
mod takes;
mod targets;
mod telemetry;
mod upstreams;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Checks a parsed file. `yaml` is its text, for line numbers.
pub(super) fn check(file: File, name: &str, yaml: &str, env: Env<'_>) -> Result<Config, Problems> {
    check_at(Machine::This, file, name, yaml, env).map(|(config, _)| config)
}

/// The machine that a configuration is checked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machine {
    /// The one that it is for.
    This,
    /// Another one: what that lacks (variables, files, directories) is no mistake.
    Another,
}

/// The same on some machine, with what could not be checked there, a sentence each.
pub(super) fn check_at(
    machine: Machine,
    file: File,
    name: &str,
    yaml: &str,
    env: Env<'_>,
) -> Result<(Config, Vec<String>), Problems> {
    let mut check = Check {
        name,
        yaml,
        env,
        machine,
        problems: Vec::new(),
        absent: Vec::new(),
        read: Vec::new(),
    };
    let config = check.config(file);
    if check.problems.is_empty() {
        check.caps_have_prices(&config);
    }
    if check.problems.is_empty() {
        Ok((config, check.absent))
    } else {
        Err(Problems(check.problems))
    }
}

const NOTHING: &str = "must be more than nothing; leave the key out for the default";

struct Check<'a> {
    name: &'a str,
    yaml: &'a str,
    env: Env<'a>,
    machine: Machine,
    problems: Vec<Problem>,
    /// Things that another machine lacks, a sentence each.
    absent: Vec<String>,
    read: Vec<PathBuf>,
}

impl Check<'_> {
    fn config(&mut self, file: File) -> Config {
        let root = Path::default();
        let state = self.state(file.state.unwrap_or_default());
        let (base_url, admin, listen) =
            self.listen(file.listen.unwrap_or_default(), file.admin.as_ref());
        let admin_hosts = self.admin_hosts(&file.admin.0.unwrap_or_default());
        let has_aliases = file
            .models
            .as_ref()
            .is_some_and(|models| !models.0.is_empty());
        let mut upstreams = self.upstreams(file.upstreams, has_aliases);
        let hosts = std::mem::take(&mut upstreams.hosts);
        let hosts = self.hosts(&upstreams.by_name, hosts, &listen);
        let models = self.models(file.models, &upstreams);
        let model_facts = self.model_facts(file.model_facts);
        let embeddings = self.embeddings(file.embeddings, &upstreams.by_name);
        let wait = embeddings.as_ref().map(|embeddings| embeddings.timeout);
        let policies = self.policies(file.policies.unwrap_or_default(), wait.unwrap_or_default());
        let limits = self.limits(file.limits.unwrap_or_default());
        let prices = self.prices(file.prices.unwrap_or_default());
        let tags = self.tags(file.tags);
        self.conditions_can_hold(&models, &tags);
        let caller = self.caller(file.caller);
        let workers = match &*file.workers {
            None => std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(4),
            count => self.count(&root.key("workers"), count.as_ref(), "threads", 1, 256),
        };
        let ca = self.ca(file.ca.unwrap_or_default());
        let harden = self.harden(file.harden.unwrap_or_default());
        let overload = self.overload(file.overload.unwrap_or_default());
        let log = self.log(file.log.unwrap_or_default());
        let telemetry = self.telemetry(file.telemetry.unwrap_or_default());
        Config {
            base_url,
            listen,
            hosts,
            admin,
            admin_hosts,
            workers,
            upstreams: upstreams.by_name,
            models,
            model_facts,
            policies,
            embeddings,
            limits,
            prices,
            tags,
            caller: caller.into(),
            state,
            ca,
            harden,
            overload,
            drain: self.span_or_zero(
                &root.key("drain"),
                file.drain.as_ref(),
                Duration::from_secs(110),
            ),
            exchange_log: log.1,
            log: log.0,
            telemetry,
            files: std::mem::take(&mut self.read),
        }
    }

    fn limits(&mut self, written: file::Limits) -> Limits {
        let at = Path::default().key("limits");
        let span = |check: &mut Self, key: &str, written: &Option<Span>, seconds| {
            check.span(&at.key(key), written.as_ref(), Duration::from_secs(seconds))
        };
        Limits {
            request_body: self.bytes(
                &at.key("request_body"),
                written.request_body.as_ref(),
                32 << 20,
            ),
            reply_body: self.bytes(&at.key("reply_body"), written.reply_body.as_ref(), 32 << 20),
            event: self.bytes(&at.key("event"), written.event.as_ref(), 16 << 20),
            headers: self.bytes(&at.key("headers"), written.headers.as_ref(), 64 << 10),
            header_timeout: span(self, "header_timeout", &written.header_timeout, 10),
            body_timeout: span(self, "body_timeout", &written.body_timeout, 30),
            body_rate: self.bytes(&at.key("body_rate"), written.body_rate.as_ref(), 1 << 10),
            write_timeout: span(self, "write_timeout", &written.write_timeout, 60),
            idle_timeout: span(self, "idle_timeout", &written.idle_timeout, 600),
        }
    }

    fn log(&mut self, written: file::Log) -> (Log, bool) {
        let at = Path::default().key("log");
        let formats = [
            ("json", Some(LogFormat::Json)),
            ("text", Some(LogFormat::Text)),
        ];
        let format = self.word(&at.key("format"), written.format.as_ref(), None, &formats);
        let levels = [
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ];
        let level = self.word(
            &at.key("level"),
            written.level.as_ref(),
            LogLevel::Info,
            &levels,
        );
        (Log { format, level }, written.exchanges.unwrap_or(true))
    }

    // Helpers of every section.

    // What they share is compiled once: the sections call them two hundred times, for two dozen
    // types of values.

    fn problem(&mut self, at: &Path, message: impl Display) {
        self.note(at, message.to_string());
    }

    #[cold]
    #[inline(never)]
    fn note(&mut self, at: &Path, message: String) {
        let place = locate(self.yaml, at);
        self.problems.push(Problem {
            file: self.name.into(),
            at: place,
            key: at.to_string(),
            message,
        });
    }

    /// Notes that the machine lacks something: a mistake where the configuration is for it.
    #[cold]
    #[inline(never)]
    fn lack(&mut self, at: &Path, message: String) {
        match self.machine {
            Machine::This => self.note(at, message),
            Machine::Another => self.absent.push(format!("{at} {message}")),
        }
    }

    fn text(&mut self, at: &Path, written: Option<&impl Deref<Target = str>>) -> Option<String> {
        self.substituted(at, written.map(|written| &**written))
    }

    #[inline(never)]
    fn substituted(&mut self, at: &Path, written: Option<&str>) -> Option<String> {
        match values::substitute(written?, self.env) {
            Ok(text) => Some(text),
            Err(message) => {
                match message.starts_with(values::NO_VARIABLE) {
                    true => self.lack(at, message),
                    false => self.note(at, message),
                }
                None
            }
        }
    }

    fn parsed<T>(
        &mut self,
        at: &Path,
        written: Option<&impl Deref<Target = str>>,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let written = written.map(|written| &**written);
        let Some(text) = self.substituted(at, written) else {
            return default;
        };
        match parse(&text) {
            Ok(value) => value,
            Err(message) => {
                self.refuse(at, written, &text, message);
                default
            }
        }
    }

    /// Notes that a value is none. A parser may quote its input, which may have come from a variable.
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, at: &Path, written: Option<&str>, text: &str, message: String) {
        let from_variable = written.is_some_and(|written| written != text);
        let message = if from_variable {
            message.replace(&format!("`{text}`"), "the variable's value")
        } else {
            message
        };
        self.note(at, message);
    }

    /// Reads each of a list; leaves out what is wrong.
    fn list<T>(
        &mut self,
        at: &Path,
        written: &[Text],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let all = written.iter().enumerate();
        let read =
            |(n, text)| self.parsed(&at.index(n), Some(text), None, |text| parse(text).map(Some));
        all.filter_map(read).collect()
    }

    /// Reads one of `words`.
    fn word<T: Copy>(
        &mut self,
        at: &Path,
        written: Option<&Text>,
        default: T,
        words: &[(&str, T)],
    ) -> T {
        self.parsed(at, written, default, |text| {
            let known = words.iter().find(|(word, _)| *word == text);
            known.map(|(_, value)| *value).ok_or_else(|| {
                let all: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                let meant = near(text, words.iter().map(|(word, _)| *word));
                let then = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "write one of them".to_owned(),
                };
                match all.as_slice() {
                    [one, other] => format!("is neither {one} nor {other}; {then}"),
                    _ => format!("is none of {}; {then}", listed(&all, "and")),
                }
            })
        })
    }

    /// Reads a number of `what`, from 1 to `most`.
    fn count<T: FromStr + PartialOrd + From<u8> + Display + Copy>(
        &mut self,
        at: &Path,
        written: Option<&Count>,
        what: &str,
        default: T,
        most: T,
    ) -> T {
        self.parsed(at, written, default, |text| {
            let number = text.parse().ok();
            let number = number.filter(|number| (T::from(1)..=most).contains(number));
            number.ok_or_else(|| {
                format!("`{text}` is not a number of {what}; write one from 1 to {most}")
            })
        })
    }

    /// Reads a part of a whole, as a number from 0 to 1.
    #[inline(never)]
    fn fraction(&mut self, at: &Path, written: Option<&Share>, default: f64) -> f64 {
        self.parsed(at, written, default, values::share)
    }

    /// The same, and more than nothing.
    fn some_fraction(&mut self, at: &Path, written: Option<&Share>, default: f64) -> f64 {
        let share = self.fraction(at, written, default);
        if share <= 0.0 {
            self.problem(at, NOTHING);
        }
        share
    }

    /// Reads a number that may have decimals, up to `most`.
    #[inline(never)]
    fn decimal(&mut self, at: &Path, written: Option<&Number>, default: f64, most: f64) -> f64 {
        self.parsed(at, written, default, |text| {
            let number = values::decimal(text).filter(|number| *number <= most);
            number.ok_or_else(|| format!("`{text}` is not a number; write one from 0 to {most}"))
        })
    }

    fn span(&mut self, at: &Path, written: Option<&Span>, default: Duration) -> Duration {
        let span = self.span_or_zero(at, written, default);
        if span.is_zero() {
            self.problem(at, NOTHING);
        }
        span
    }

    #[inline(never)]
    fn span_or_zero(&mut self, at: &Path, written: Option<&Span>, default: Duration) -> Duration {
        self.parsed(at, written, default, values::duration)
    }

    #[inline(never)]
    fn size(&mut self, at: &Path, written: Option<&Size>, default: u64) -> u64 {
        let size = self.parsed(at, written, default, values::size);
        if size == 0 {
            self.problem(at, NOTHING);
        }
        size
    }

    fn bytes(&mut self, at: &Path, written: Option<&Size>, default: usize) -> usize {
        usize::try_from(self.size(at, written, default as u64)).unwrap_or(usize::MAX)
    }
}
