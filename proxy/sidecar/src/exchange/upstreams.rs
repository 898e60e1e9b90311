//! The parts of requests that are the same for all that go to one upstream, made once per
//! generation and dropped with it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use dialect::Dialect;
use http::uri::PathAndQuery;
use parking_lot::Mutex;
use route::{Admits, provider::Auth};

use crate::{
    config::{Config, Endpoint, Key, Kind, Upstream},
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
    /// The operator's keys, as each header carries them that one of its endpoints wants, and what is
    /// known of each; none where callers send their own.
    keys: Vec<(Vec<Carried>, KeyPlace)>,
    /// Neither a key of the operator's nor one of the caller's is sent.
    is_keyless: bool,
    /// The key after the one that was chosen last.
    turn: AtomicUsize,
    /// The path that was requested last, its dialect, and the path that it becomes: apps use one endpoint all
    /// day.
    latest: Mutex<Option<(String, Dialect, PathAndQuery)>>,
}

/// A key in one of the headers that may carry it.
type Carried = (Auth, Result<Credential, Unsendable>);

impl Upstreams {
    /// Resolves those of a configuration.
    pub fn of(config: &Config, targets: &Targets) -> Self {
        let resolved = |upstream: &Upstream| {
            let host = match &upstream.kind {
                Kind::Http { origin, .. } => origin.host().unwrap_or_default(),
                Kind::Embedded => "",
            };
            let mut auths = vec![upstream.auth];
            for base in &upstream.bases {
                if !auths.contains(&base.auth) {
                    auths.push(base.auth);
                }
            }
            let key = |key: &Key| {
                let secret = key.secret.reveal();
                let place = targets.key(&upstream.name, Some(secret), &key.account, None);
                let carried = |auth: &Auth| (*auth, Credential::of(*auth, secret));
                (auths.iter().map(carried).collect(), place)
            };
            Resolved {
                name: upstream.name.clone(),
                reads: Reads::of(&upstream.name, host),
                keys: upstream.keys.iter().map(key).collect(),
                is_keyless: upstream.auth == Auth::None,
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
    /// One of the operator's keys, in the header that the endpoint of a call wants; none where
    /// callers send their own.
    ///
    /// # Errors
    /// No header can hold the key.
    pub(super) fn credential(
        &self,
        key: usize,
        auth: Auth,
    ) -> Result<Option<&Credential>, Unsendable> {
        if self.is_keyless {
            return Ok(Some(Credential::NONE));
        }
        let carried = self.keys.get(key).map(|(carried, _)| carried);
        let mut carried = carried.into_iter().flatten();
        match carried.find(|(known, _)| *known == auth) {
            Some((_, Ok(credential))) => Ok(Some(credential)),
            Some((_, Err(unsendable))) => Err(*unsendable),
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

    /// The path and query at `upstream`, which this is, for a call.
    ///
    /// # Errors
    /// They make no path.
    pub(super) fn path(
        &self,
        upstream: &Upstream,
        call: &Endpoint<'_>,
    ) -> Result<PathAndQuery, Unsendable> {
        let make = || {
            let path = upstream.path_for(call)?;
            PathAndQuery::try_from(path).map_err(|_| Unsendable::Uri)
        };
        // A query may have a caller's key in it: that is not remembered. Nor is what depends on
        // more than the app's path.
        let depends = || {
            upstream
                .base(call.dialect)
                .is_some_and(|base| base.layout.names_model())
        };
        if call.path.len() > LONGEST || call.path.contains('?') || depends() {
            return make();
        }
        // Where another worker holds it, joining two strings is faster than waiting.
        let Some(mut latest) = self.latest.try_lock() else {
            return make();
        };
        match &*latest {
            Some((known, dialect, path)) if known == call.path && *dialect == call.dialect => {
                Ok(path.clone())
            }
            _ => {
                let path = make()?;
                *latest = Some((call.path.to_owned(), call.dialect, path.clone()));
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
        let call = |path| Endpoint {
            dialect: Dialect::OpenaiChat,
            path,
            model: Some("m"),
            is_streaming: false,
        };
        for path in [
            "/v1/a",
            "/v1/a",
            "/v1/b",
            "/v1/a?key=k",
            "/v1/a?key=l",
            "/v1/a",
        ] {
            assert_eq!(
                resolved.path(upstream, &call(path)).unwrap(),
                upstream.path(path).as_str()
            );
        }
        assert_eq!(resolved.latest.lock().as_ref().unwrap().0, "/v1/a");
        assert!(resolved.path(upstream, &call("/\u{7f} ")).is_err());
        assert!(resolved.credential(0, Auth::Bearer).unwrap().is_some());
    }
}
