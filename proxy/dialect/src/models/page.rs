//! Pages: the part of a list that a query wants.

use std::borrow::Cow;

use super::Model;
use crate::address;

/// The names of paging in a provider's queries; an empty one is none.
pub(super) struct Names {
    pub(super) limit: &'static str,
    pub(super) after: &'static str,
    pub(super) before: &'static str,
    /// Models of a page where the query does not say.
    pub(super) usual: usize,
    /// A greater number is an error, and not this one instead.
    pub(super) refuses_more: bool,
}

/// Most models of a page.
const MOST: usize = 1000;

/// A query wants a page that there can't be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPage {
    /// The number of models is none.
    #[error("`{0}` is not a number from 1 to {MOST}")]
    Limit(&'static str),
    /// No model is called so.
    #[error("`{0}` names no model of this list")]
    Place(&'static str),
}

/// The part of a list that is wanted, undecided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query<'a> {
    limit: Option<Cow<'a, str>>,
    after: Option<Cow<'a, str>>,
    before: Option<Cow<'a, str>>,
}

/// Models next to each other in a list.
pub(super) struct Page<'a> {
    pub(super) models: &'a [Model<'a>],
    /// There are others in the direction in which the list is read.
    pub(super) has_more: bool,
}

impl<'a> Query<'a> {
    pub(super) fn of(query: &'a str, names: &Names) -> Self {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let found = pairs.find(|(key, _)| !name.is_empty() && *key == name);
            found
                .map(|(_, value)| address::decode(value))
                .filter(|value| !value.is_empty())
        };
        Self {
            limit: value(names.limit),
            after: value(names.after),
            before: value(names.before),
        }
    }

    pub(super) fn page<'m>(
        &self,
        models: &'m [Model<'m>],
        names: &Names,
    ) -> Result<Page<'m>, BadPage> {
        let limit = match self.limit.as_deref().map(str::parse) {
            None => names.usual,
            Some(Ok(limit @ 1..=MOST)) => limit,
            // Google takes 0 for "as usual", and less where more is wanted.
            Some(Ok(0)) if !names.refuses_more => names.usual,
            Some(Ok(_)) if !names.refuses_more => MOST,
            Some(_) => return Err(BadPage::Limit(names.limit)),
        };
        let place = |name: &str, of: &'static str| {
            let place = models.iter().position(|model| model.name == name);
            place.ok_or(BadPage::Place(of))
        };
        if let Some(before) = self.before.as_deref() {
            let end = place(before, names.before)?;
            let start = end.saturating_sub(limit);
            let models = models.get(start..end).unwrap_or_default();
            return Ok(Page {
                models,
                has_more: start > 0,
            });
        }
        let start = match self.after.as_deref() {
            Some(after) => place(after, names.after)? + 1,
            None => 0,
        };
        let end = start.saturating_add(limit).min(models.len());
        Ok(Page {
            models: models.get(start..end).unwrap_or_default(),
            has_more: end < models.len(),
        })
    }
}
