//! The names of what no policy can be shown: kinds of content inside a body, and endpoints whose
//! bodies or replies no dialect reads. Coverage counts under them, and `on_unseen` has them as keys.

use crate::{describe::Exempt, recognise::labels};

/// Iterates over the names, each once: the kinds of content, then the endpoints. `audio` is both,
/// sound within a call and the endpoints of sound.
pub fn names() -> impl Iterator<Item = &'static str> {
    let kinds = Exempt::ALL.map(Exempt::name);
    let endpoints = (labels::ALL.into_iter()).filter(move |label| !kinds.contains(label));
    kinds.into_iter().chain(endpoints)
}

/// Returns the name that is spelt like this; none where there is none.
pub fn named(name: &str) -> Option<&'static str> {
    names().find(|known| *known == name)
}

/// Returns the endpoints' name that a kind of content is easily taken for: whoever blocks `images`
/// means pictures in messages as well.
pub fn plural(kind: &str) -> Option<&'static str> {
    match Exempt::named(kind)? {
        Exempt::Image => Some("images"),
        Exempt::File => Some("files"),
        Exempt::Audio
        | Exempt::Tokens
        | Exempt::SignedReasoning
        | Exempt::Encrypted
        | Exempt::Logprobs => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    #[test]
    fn a_name_stands_once_and_can_be_a_key() {
        let all: Vec<_> = names().collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        for name in all {
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{name}"
            );
            assert_eq!(named(name), Some(name));
            assert!(plural(name).is_none_or(|plural| named(plural) == Some(plural)));
        }
        assert_eq!(named("default"), None);
    }

    #[test]
    fn each_dialect_is_counted_by_one_of_them_where_its_endpoint_is_not_read() {
        for row in Dialect::ALL.into_iter().filter_map(Dialect::description) {
            assert_eq!(named(row.unread), Some(row.unread));
        }
    }
}
