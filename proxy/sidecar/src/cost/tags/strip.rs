//! Headers that only a gateway reads: removed before a provider, and passed on to the gateway that
//! they are for.

use http::HeaderName;

use super::Rules;

/// Prefixes of headers that only a gateway reads, each with the word by which that gateway's name
/// or host is recognised.
const GATEWAYS: [(&str, &str); 6] = [
    ("x-outrigger-", "outrigger"),
    ("x-litellm-", "litellm"),
    ("x-portkey-", "portkey"),
    ("helicone-", "helicone"),
    ("cf-aig-", "cloudflare"),
    ("x-bf-", "bifrost"),
];
/// Headers for OpenRouter's rankings; they show others which app is calling.
const OPENROUTER: [&str; 2] = ["http-referer", "x-title"];

/// Gateways whose headers an upstream reads itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reads(u8);

impl Reads {
    /// Recognises them by words in the upstream's name and host.
    pub fn of(name: &str, host: &str) -> Self {
        let says = |word: &str| {
            name.to_ascii_lowercase().contains(word) || host.to_ascii_lowercase().contains(word)
        };
        let words = GATEWAYS.iter().map(|(_, word)| *word).chain(["openrouter"]);
        Self(
            words
                .enumerate()
                .filter(|(_, word)| says(word))
                .fold(0, |set, (n, _)| set | 1 << n),
        )
    }
}

/// Returns false for most headers that no gateway reads, by their first letters.
fn may_be_gateways(name: &[u8]) -> bool {
    matches!(
        name,
        [b'x', b'-', b'o' | b'l' | b'p' | b'b' | b't', ..]
            | [b'h', b'e' | b't', ..]
            | [b'c', b'f', ..]
    )
}

/// Returns whether a request's header is not for this upstream.
pub fn is_stripped(rules: &Rules, reads: Reads, header: &HeaderName) -> bool {
    let gateway = |name: &str| {
        let of = GATEWAYS
            .iter()
            .position(|(start, _)| name.starts_with(start));
        of.or_else(|| OPENROUTER.contains(&name).then_some(GATEWAYS.len()))
    };
    let name = header.as_str();
    let foreign = may_be_gateways(name.as_bytes())
        && gateway(name).is_some_and(|number| reads.0 & 1 << number == 0);
    foreign || rules.strip.contains(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gateways_header_is_passed_over_by_its_first_letters() {
        let starts = GATEWAYS.iter().map(|(start, _)| *start);
        for name in starts.chain(OPENROUTER) {
            assert!(may_be_gateways(name.as_bytes()), "{name}");
        }
        for name in ["content-type", "host", "x-stainless-os"] {
            assert!(!may_be_gateways(name.as_bytes()), "{name}");
        }
    }
}
