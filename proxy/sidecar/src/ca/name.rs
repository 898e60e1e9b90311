//! Host names in the CA's canonical spelling: lower case, without a dot at the end, never an IP
//! address, never a wildcard.

use std::collections::BTreeSet;

use super::CaError;
use crate::config::hosts::is_name;

/// Returns the canonical spelling of a host's name, or `None` for anything else: an IP address, a
/// wildcard, a name with other characters.
pub(super) fn canonical(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    is_name(&name).then_some(name)
}

/// Returns the configured hosts in canonical spelling.
///
/// # Errors
/// One of them is not a host name, or there is none.
pub(super) fn read(written: &BTreeSet<String>) -> Result<BTreeSet<String>, CaError> {
    if written.is_empty() {
        return Err(CaError::NoHosts);
    }
    let read = |host: &String| canonical(host).ok_or_else(|| CaError::Host { host: host.clone() });
    written.iter().map(read).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_and_a_dot_at_the_end_make_no_other_host() {
        for text in ["api.openai.com", "API.OpenAI.com", "api.openai.com."] {
            assert_eq!(canonical(text).as_deref(), Some("api.openai.com"), "{text}");
        }
        assert_eq!(canonical("localhost").as_deref(), Some("localhost"));
        assert_eq!(canonical("my_host.local").as_deref(), Some("my_host.local"));
    }

    #[test]
    fn what_is_no_name_is_none() {
        let long = "a".repeat(64) + ".com";
        let longer = "a.".repeat(127) + "com";
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "*.a.com",
            "a.*.com",
            "127.0.0.1",
            "127.1",
            "1",
            "0x7f.1",
            "a.0x7f",
            "[::1]",
            "::1",
            "a b",
            "a/b",
            "a:443",
            "käse.de",
            "-a.com",
            "a\0.com",
            &long,
            &longer,
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_that_is_none_and_no_host_at_all_are_refused() {
        let read = |hosts: &[&str]| read(&hosts.iter().map(|&host| host.to_owned()).collect());
        assert!(matches!(read(&[]), Err(CaError::NoHosts)));
        for wrong in ["10.0.0.1", "*.a.com", "a.com:443", "https://a.com", ""] {
            assert!(
                matches!(read(&[wrong, "a.com"]), Err(CaError::Host { host }) if host == wrong)
            );
        }
        let hosts = read(&["A.com", "a.com.", "b.com"]).unwrap();
        assert_eq!(hosts.into_iter().collect::<Vec<_>>(), ["a.com", "b.com"]);
    }

    proptest! {
        #[test]
        fn a_canonical_name_is_its_own_spelling_and_every_spelling_of_it_is_it(text in "[A-Za-z0-9_.*-]{0,40}", upper in any::<u64>()) {
            if let Some(name) = canonical(&text) {
                prop_assert_eq!(canonical(&name), Some(name.clone()));
                prop_assert!(!name.ends_with('.') && !name.contains('*') && name.parse::<std::net::IpAddr>().is_err());
                let spelt: String = name.char_indices().map(|(n, c)| if upper >> (n % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect();
                prop_assert_eq!(canonical(&spelt), Some(name.clone()));
                prop_assert_eq!(canonical(&(spelt + ".")), Some(name));
            }
        }

        #[test]
        fn any_text_is_read_without_harm(text in ".{0,300}") {
            let _ = canonical(&text);
        }
    }
}
