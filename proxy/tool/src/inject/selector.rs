//! Objects that are chosen by kind and name: `outrigger inject --only KIND/NAME`, `--skip KIND`.

use std::{fmt, str::FromStr};

/// A kind, and perhaps a name. Kinds are compared without regard to case; `*` in either stands for
/// any number of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    kind: String,
    name: Option<String>,
    written: String,
    /// True once an object fitted it.
    used: bool,
}

/// The text is neither `KIND` nor `KIND/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither KIND nor KIND/NAME, as in Deployment/web-*")]
pub struct NoSelector(String);

impl FromStr for Selector {
    type Err = NoSelector;

    fn from_str(text: &str) -> Result<Self, NoSelector> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (kind, Some(name)),
            None => (text, None),
        };
        let kind_fits = |c: char| c.is_ascii_alphanumeric() || c == '*';
        let name_fits = |c: char| c.is_ascii_alphanumeric() || "-._:*".contains(c);
        let fits = !kind.is_empty()
            && kind.chars().all(kind_fits)
            && name.is_none_or(|name| !name.is_empty() && name.chars().all(name_fits));
        if !fits {
            return Err(NoSelector(text.to_owned()));
        }
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            name: name.map(str::to_owned),
            written: text.to_owned(),
            used: false,
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Selector {
    fn fits(&mut self, kind: &str, name: &str) -> bool {
        let fits = glob(&self.kind, &kind.to_ascii_lowercase())
            && self.name.as_ref().is_none_or(|own| glob(own, name));
        self.used |= fits;
        fits
    }
}

/// The objects of a stream that are to be changed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Choice {
    /// None but these; all where there are none.
    pub only: Vec<Selector>,
    /// Not these, whatever `only` says.
    pub skip: Vec<Selector>,
}

impl Choice {
    /// True if an object is to be changed.
    pub(super) fn takes(&mut self, kind: &str, name: &str) -> bool {
        // Each is asked, so that those that fit nothing are known.
        let any = |selectors: &mut [Selector]| {
            let fits = |any, one: &mut Selector| one.fits(kind, name) || any;
            selectors.iter_mut().fold(false, fits)
        };
        let skipped = any(&mut self.skip);
        (any(&mut self.only) || self.only.is_empty()) && !skipped
    }

    /// The flags that no object fitted: most likely misspelt.
    pub(super) fn unused(&self) -> impl Iterator<Item = String> {
        let of = |flag: &'static str, selectors: &[Selector]| {
            let unused = selectors.iter().filter(|one| !one.used);
            unused
                .map(|one| format!("--{flag} {one}"))
                .collect::<Vec<_>>()
        };
        of("only", &self.only)
            .into_iter()
            .chain(of("skip", &self.skip))
    }
}

/// True if a text is a pattern's, in which `*` stands for any number of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    // The leftmost place of each piece leaves the most room for those after it.
    while let Some((piece, after)) = rest.split_once('*') {
        let Some(at) = text.find(piece) else {
            return false;
        };
        text = text.get(at + piece.len()..).unwrap_or_default();
        rest = after;
    }
    text.ends_with(rest)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_number_of_characters() {
        for (pattern, text, fits) in [
            ("web", "web", true),
            ("web", "web-1", false),
            ("web-*", "web-1", true),
            ("*", "", true),
            ("*-api", "shop-api", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("**", "x", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_selector_is_a_kind_with_or_without_a_name() {
        for text in [
            "",
            "/web",
            "Deployment/",
            "a b",
            "Deployment/web/x",
            "apps/v1/*",
        ] {
            let error = text.parse::<Selector>().unwrap_err().to_string();
            assert!(error.contains("neither KIND nor KIND/NAME"), "{error}");
        }
        let mut choice = Choice {
            only: vec!["deployment".parse().unwrap(), "Pod/x".parse().unwrap()],
            skip: vec!["*/web-*".parse().unwrap(), "Job".parse().unwrap()],
        };
        assert!(choice.takes("Deployment", "api"));
        assert!(!choice.takes("Deployment", "web-1"));
        assert!(!choice.takes("StatefulSet", "api"));
        assert_eq!(
            choice.unused().collect::<Vec<_>>(),
            ["--only Pod/x", "--skip Job"]
        );
        assert!(Choice::default().takes("Pod", "p"));
    }
}
