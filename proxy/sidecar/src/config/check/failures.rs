//! Meanings of an upstream's errors, and the errors that the embedded model makes on purpose.

use std::time::Duration;

use embedded::{FaultClass, Faults};
use route::{Row, class::Class};

use super::Check;
use crate::config::{
    file::{self, FailureRow, faults_there_are},
    problems::Path,
};

/// Classes of failures that an answer can be of, by their words in a file.
const CLASSES: [(&str, Class); 6] = [
    ("rate", Class::Rate),
    ("overload", Class::Overload),
    ("money", Class::Money),
    ("key", Class::Key),
    ("maybe_done", Class::MaybeDone),
    ("request", Class::Request),
];

impl Check<'_> {
    pub(super) fn failures(&mut self, at: &Path, written: Option<&[FailureRow]>) -> Vec<Row> {
        let Some(written) = written else {
            return Vec::new();
        };
        if written.is_empty() {
            self.problem(
                at,
                "is empty; write a row like `{ status: 429, code: insufficient_quota, class: rate }`, or leave the key out",
            );
        }
        let rows = written.iter().enumerate();
        rows.map(|(n, row)| self.failure(&at.index(n), row))
            .collect()
    }

    fn failure(&mut self, at: &Path, written: &FailureRow) -> Row {
        if written.status.is_none() && written.code.is_none() && written.message.is_none() {
            self.problem(
                at,
                "has no `status`, `code` or `message`, and would be of every failure; write one of them",
            );
        }
        let status = written.status.as_ref();
        let status = self.parsed(&at.key("status"), status, None, |text| match text.parse() {
            Ok(status @ 400..=599) => Ok(Some(status)),
            _ => Err(format!(
                "`{text}` is no status of a failure; write one from 400 to 599"
            )),
        });
        let [code, message] =
            [("code", &written.code), ("message", &written.message)].map(|(key, written)| {
                let at = at.key(key);
                let text = self.text(&at, written.as_ref());
                if text.as_deref() == Some("") {
                    self.problem(&at, "is empty; write a text, or leave the key out");
                }
                text
            });
        let class = self.word(&at.key("class"), Some(&written.class), Class::Own, &CLASSES);
        Row {
            status,
            code,
            message,
            retry_after: *written.retry_after,
            class,
        }
    }

    pub(super) fn faults(
        &mut self,
        at: &Path,
        written: Option<&file::Faults>,
        embedded: bool,
    ) -> Option<Faults> {
        let written = written?;
        if !embedded {
            self.problem(
                at,
                "has no effect on a provider, only on `kind: embedded`; remove it",
            );
            return None;
        }
        let classes_at = at.key("classes");
        let classes = match &*written.classes {
            None => vec![FaultClass::Overload],
            Some(words) => self.list(&classes_at, words, |text| {
                FaultClass::named(text)
                    .ok_or_else(|| format!("is none of {}; write one of them", faults_there_are()))
            }),
        };
        if written.classes.as_ref().is_some_and(Vec::is_empty) {
            self.problem(
                &classes_at,
                "is empty; name a kind of failure, like `overload`, or leave the key out",
            );
        }
        let delay = written.delay.as_ref();
        let retry_after = written.retry_after.as_ref();
        Some(Faults {
            rate: self.fraction(&at.key("rate"), Some(&written.rate), 0.0),
            classes,
            delay: self.span_or_zero(&at.key("delay"), delay, Duration::ZERO),
            retry_after: retry_after
                .map(|span| self.span_or_zero(&at.key("retry_after"), Some(span), Duration::ZERO)),
        })
    }
}
