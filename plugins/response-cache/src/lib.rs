//! Answers a request that was answered before, or is being answered now, with that very reply.
//! Needs the grant `replies`.
//!
//! Only equal requests share a reply: the key is a hash of all of the request that could change its
//! answer, and of whose it is. When in doubt a request goes on as if this policy were not there,
//! and its answer says why. Recording and replaying, streamed or whole, is the proxy's; this policy
//! names keys.

use cache_rules::{Control, Exclude, Reason, path};
use outrigger_sdk::{
    Decision, Policy, Request, digest, export_policy, log, metrics,
    replies::{self, Entry, Error, Found, Keeping},
};

mod file;

use file::File;

/// The policy's `config:` in `outrigger.yaml`.
#[derive(serde::Deserialize)]
#[serde(try_from = "File")]
pub struct ResponseCache {
    file: File,
    exclude: Exclude,
    /// Everything else in the configuration that a key depends on.
    version: String,
}

impl Policy for ResponseCache {
    fn on_request(&mut self, request: &mut Request) -> Decision {
        if !self.file.conditions.holds(request) {
            return Decision::Forward;
        }
        let control = Control::take(request);
        let reason = match control.bypass {
            true => Some("asked".into()),
            false => self.exclude.reason(request),
        };
        let key = match reason {
            Some(reason) => Err(reason),
            None => self.key(request).ok_or_else(|| "ambiguous".into()),
        };
        match key {
            Ok(key) => self.look(request, &control, key),
            Err(reason) => bypass(request, &reason),
        }
    }
}

impl ResponseCache {
    /// Everything that an answer depends on, and whose it is. `None` where the body is ambiguous.
    fn key(&self, request: &Request) -> Option<String> {
        let body = request.fingerprint(&self.file.ignore)?;
        let mut parts = vec![
            self.version.clone(),
            format!("{:?}", request.dialect()),
            path(request),
            request.model().unwrap_or_default().to_owned(),
            self.file.partition.name(request),
        ];
        for name in &self.file.vary {
            let values = request.header_values(name);
            parts.push(values.len().to_string());
            parts.extend(values);
        }
        Some(digest(
            parts.iter().map(String::as_bytes).chain([body.as_slice()]),
        ))
    }

    fn look(&self, request: &mut Request, control: &Control, key: String) -> Decision {
        let found = match control.refresh {
            true => Ok(Found::Absent),
            false => replies::find(&key, self.file.share),
        };
        match found {
            Ok(Found::Kept(entry)) if control.allows(entry.age()) => {
                metrics::count("hits", 1);
                report(request, "hit", &entry);
                request.set_reply_header("age", &entry.age().as_secs().to_string());
                Decision::serve(key)
            }
            Ok(Found::UnderWay(entry)) => {
                metrics::count("joined", 1);
                report(request, "joined", &entry);
                // Should the other exchange fail, this one goes on, and its reply is kept instead.
                self.keep(&key);
                Decision::serve(key)
            }
            Ok(Found::Kept(_) | Found::Absent) => {
                metrics::count("misses", 1);
                request.set_reply_header("x-outrigger-cache", "miss");
                self.keep(&key);
                Decision::Forward
            }
            Err(error) => {
                if let Error::Invalid(what) = error {
                    log::error(&format!("a reply could not be looked for: {what}"));
                }
                bypass(request, &"store".into())
            }
        }
    }

    fn keep(&self, key: &str) {
        let keeping = Keeping::new(self.file.ttl.0)
            .tool_calls(self.file.tool_calls)
            .max_bytes(self.file.max_bytes);
        if replies::keep(key, keeping).is_err() {
            metrics::count("not_kept", 1);
        }
    }
}

fn report(request: &mut Request, what: &str, entry: &Entry) {
    request.set_reply_header("x-outrigger-cache", what);
    request.set_reply_header("x-outrigger-cache-entry", &entry.id);
}

fn bypass(request: &mut Request, reason: &Reason) -> Decision {
    metrics::count("bypassed", 1);
    metrics::count(&format!("bypassed_{}", reason.word), 1);
    if let Some(counted) = reason.counted {
        metrics::count(&format!("member_{counted}"), 1);
    }
    request.set_reply_header("x-outrigger-cache", "bypass");
    request.set_reply_header("x-outrigger-cache-reason", reason.word);
    // The app wrote the name; what is no plain name could be no header.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let named = |name: &&String| name.len() <= 64 && name.bytes().all(plain);
    if let Some(member) = reason.member.as_ref().filter(named) {
        request.set_reply_header("x-outrigger-cache-member", member);
    }
    Decision::Forward
}

export_policy!(ResponseCache);

#[cfg(test)]
mod tests;
