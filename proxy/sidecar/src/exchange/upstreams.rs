//! The parts of requests that are the same for all that go to one upstream, made once per
//! generation and dropped with it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use http::uri::{InvalidUri, PathAndQuery};
use parking_lot::Mutex;
use route::Admits;

use crate::{
    config::{Config, Key, Kind, Upstream},
    cost::tags::Reads,
    state::targets::{KeyPlace, Targets},
    upstream::credentials::{Credential, Unsendable},
};

/// Longer paths are not remembered.
const LONGEST: usize = 256;

/// The upstreams of one generation. A handful: a list is searched faster than a map.
#[derive(Default)]
pub struct Upstreams(Vec<Resolved>);

/// One upstream.
pub(super) struct Resolved {
    name: String,
    /// The gateways' headers that it reads for itself.
    pub(super) reads: Reads,
    /// The operator's keys, and what is known of each; none where callers send their own.
    keys: Vec<(Result<Credential, Unsendable>, KeyPlace)>,
    /// The key after the one that was chosen last.
    turn: AtomicUsize,
    /// The path that was requested last, and the one that it becomes: apps use one endpoint all
    /// day.
    latest: Mutex<Option<(String, PathAndQuery)>>,
}

impl Upstreams {
    /// Resolves those of a configuration.
    pub fn of(config: &Config, targets: &Targets) -> Self {
        let resolved = |upstream: &Upstream| {
            let host = match &upstream.kind {
                Kind::Http { origin, .. } => origin.host().unwrap_or_default(),
                Kind::Embedded => "",
            };
            let key = |key: &Key| {
                let secret = key.secret.reveal();
                let place = targets.key(&upstream.name, Some(secret), &key.account, None);
                (Credential::of(upstream.family, secret), place)
            };
            Resolved {
                name: upstream.name.clone(),
                reads: Reads::of(&upstream.name, host),
                keys: upstream.keys.iter().map(key).collect(),
                turn: AtomicUsize::new(0),
                latest: Mutex::default(),
            }
        };
        Self(config.upstreams.values().map(resolved).collect())
    }

    /// Finds an upstream by its name.
    pub(super) fn find(&self, name: &str) -> Option<&Resolved> {
        self.0.iter().find(|known| known.name == name)
    }
}

impl Resolved {
    /// One of the operator's keys; none where callers send their own.
    ///
    /// # Errors
    /// No header can hold the key.
    pub(super) fn credential(&self, key: usize) -> Result<Option<&Credential>, Unsendable> {
        match self.keys.get(key) {
            Some((Ok(credential), _)) => Ok(Some(credential)),
            Some((Err(unsendable), _)) => Err(*unsendable),
            None => Ok(None),
        }
    }

    /// The number of the key for a request that no alias names: in turn, of those that nothing
    /// keeps out.
    pub(super) fn choose_key(&self, now: Instant) -> usize {
        if self.keys.len() < 2 {
            return 0;
        }
        let first = self.next_turn();
        let order = (0..self.keys.len()).map(|n| (first + n) % self.keys.len());
        let admits = |at: &usize| {
            let key = self.keys.get(*at).map(|(_, place)| place.admits(now, 0));
            !matches!(key, Some(Admits::No { .. }))
        };
        order.clone().find(admits).unwrap_or(first)
    }

    /// The key whose turn it is.
    pub(super) fn next_turn(&self) -> usize {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        turn.checked_rem(self.keys.len()).unwrap_or(0)
    }

    /// The path and query at `upstream`, which this is, for an app's.
    ///
    /// # Errors
    /// They make no path.
    pub(super) fn path(
        &self,
        upstream: &Upstream,
        app_path: &str,
    ) -> Result<PathAndQuery, InvalidUri> {
        let make = || PathAndQuery::try_from(upstream.path(app_path));
        // A query may have a caller's key in it: that is not remembered.
        if app_path.len() > LONGEST || app_path.contains('?') {
            return make();
        }
        // Where another worker holds it, joining two strings is faster than waiting.
        let Some(mut latest) = self.latest.try_lock() else {
            return make();
        };
        match &*latest {
            Some((known, path)) if known == app_path => Ok(path.clone()),
            _ => {
                let path = make()?;
                *latest = Some((app_path.to_owned(), path.clone()));
                Ok(path)
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_remembered_is_the_one_that_would_be_made() {
        let yaml = "upstreams: { u: { dialect: openai, url: 'http://u.test/api', key: k } }";
        let config = crate::config::tests::read(yaml);
        let upstreams = Upstreams::of(&config, &Targets::default());
        let (resolved, upstream) = (upstreams.find("u").unwrap(), &config.upstreams["u"]);
        assert!(upstreams.find("v").is_none());
        for path in [
            "/v1/a",
            "/v1/a",
            "/v1/b",
            "/v1/a?key=k",
            "/v1/a?key=l",
            "/v1/a",
        ] {
            assert_eq!(
                resolved.path(upstream, path).unwrap(),
                upstream.path(path).as_str()
            );
        }
        assert_eq!(resolved.latest.lock().as_ref().unwrap().0, "/v1/a");
        assert!(resolved.path(upstream, "/\u{7f} ").is_err());
        assert!(resolved.credential(0).unwrap().is_some());
    }
}
