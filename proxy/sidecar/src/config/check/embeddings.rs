//! `embeddings:`.

use std::{collections::BTreeMap, time::Duration};

use dialect::{Dialect, vectors::MOST_DIMENSIONS};

use super::Check;
use crate::config::{Embeddings, Kind, Upstream, file, problems::Path};

/// Longest `timeout`: an exchange waits for it.
const LONGEST: Duration = Duration::from_secs(5);
/// Largest `largest`, in bytes: no model reads more than some ten thousand tokens of a text.
const LARGEST: usize = 1 << 20;

impl Check<'_> {
    pub(super) fn embeddings(
        &mut self,
        written: Option<file::Embeddings>,
        upstreams: &BTreeMap<String, Upstream>,
    ) -> Option<Embeddings> {
        let written = written?;
        let at = Path::default().key("embeddings");
        let target_at = at.key("target");
        let target = self.target(&target_at, &written.target, upstreams);
        let upstream = target
            .as_ref()
            .and_then(|target| upstreams.get(&target.upstream));
        if let (Some(target), Some(upstream)) = (&target, upstream)
            && !offers(upstream, &target.model)
        {
            let message = format!(
                "names the upstream `{}`, which does not offer `openai.embeddings`; name one that speaks OpenAI's dialect, or the embedded one",
                target.upstream
            );
            self.problem(&target_at, message);
        }
        let timeout_at = at.key("timeout");
        let default = Duration::from_millis(50);
        let timeout = self.span(&timeout_at, written.timeout.as_ref(), default);
        if timeout > LONGEST {
            self.problem(
                &timeout_at,
                "is longer than the 5s that an exchange may wait for vectors; write less",
            );
        }
        let largest_at = at.key("largest");
        let largest = self.bytes(&largest_at, written.largest.as_ref(), 8 << 10);
        if largest > LARGEST {
            self.problem(
                &largest_at,
                "is more than 1MiB, and no model reads as much of a text; write less",
            );
        }
        let cache = self.bytes(&at.key("cache"), written.cache.as_ref(), 4 << 20);
        let in_flight = written.in_flight.as_ref();
        let in_flight = self.count(&at.key("in_flight"), in_flight, "requests", 32_u32, 1024);
        let most = u32::try_from(MOST_DIMENSIONS).unwrap_or(u32::MAX);
        let dimensions_at = at.key("dimensions");
        let dimensions = written.dimensions.as_ref().map(|dimensions| {
            self.count(&dimensions_at, Some(dimensions), "dimensions", 1_u32, most)
        });
        Some(Embeddings {
            target: target?,
            timeout,
            largest,
            cache,
            in_flight: in_flight as usize,
            dimensions,
        })
    }
}

/// Returns whether an upstream can be sent a model's texts.
fn offers(upstream: &Upstream, model: &str) -> bool {
    matches!(upstream.kind, Kind::Embedded)
        || upstream
            .offers_for(model)
            .contains(Dialect::OpenaiEmbeddings)
}
