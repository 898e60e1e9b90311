//! The directives of one request for the cache: `cache-control` (RFC 9111 §5.2.1), this policy's
//! own header, and those of other gateways.

use std::time::Duration;

use outrigger_sdk::Request;

/// `bypass`, or `refresh`.
const OWN: &str = "x-outrigger-cache";

/// Other gateways' headers, the value that counts, and true if it means to refresh.
const SYNONYMS: [(&str, &str, bool); 3] = [
    ("cf-aig-skip-cache", "true", false),
    ("helicone-cache-enabled", "false", false),
    ("x-portkey-cache-force-refresh", "true", true),
];

/// Directives of a request's headers for the cache.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Neither an answer from the cache nor one for it.
    pub bypass: bool,
    /// A new answer, for the cache too.
    pub refresh: bool,
    /// No older answer than this.
    pub max_age: Option<Duration>,
}

impl Control {
    /// Reads the request's cache headers, and takes those that are meant for a gateway off the
    /// request.
    pub fn take(request: &mut Request) -> Self {
        let mut control = Self::default();
        for value in request.header_values("cache-control") {
            value
                .split(',')
                .for_each(|directive| control.directive(directive));
        }
        if let Some(value) = request.header(OWN) {
            // Whoever writes something else does not want an answer that is not new either.
            match value.trim().eq_ignore_ascii_case("refresh") {
                true => control.refresh = true,
                false => control.bypass = true,
            }
            request.set_header(OWN, "");
        }
        for (name, wanted, refresh) in SYNONYMS {
            let Some(value) = request.header(name) else {
                continue;
            };
            let set = value.trim().eq_ignore_ascii_case(wanted);
            control.refresh |= set && refresh;
            control.bypass |= set && !refresh;
            request.set_header(name, "");
        }
        control
    }

    /// True if a kept reply of this age will do.
    pub fn allows(&self, age: Duration) -> bool {
        self.max_age.is_none_or(|most| age <= most)
    }

    fn directive(&mut self, directive: &str) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" => self.bypass = true,
            "no-cache" => self.refresh = true,
            "max-age" => {
                // One that can't be read is taken for the strictest: RFC 9111 §4.2.1.
                let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
                self.refresh |= seconds == 0;
                self.max_age = Some(Duration::from_secs(seconds));
            }
            _ => {}
        }
    }
}
