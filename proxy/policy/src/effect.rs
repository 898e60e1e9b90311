//! Effect on an exchange of a policy that fails, or that can't see a part of it: in general, and by
//! the name of that part.

use std::fmt;

use dialect::{describe::Exempt, unseen};

/// Effect on an exchange that a policy fails, or can't see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Refuses the exchange.
    Block,
    /// Lets the exchange go on as if the policy were not there.
    Skip,
}

impl Effect {
    /// Returns the word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Skip => "skip",
        }
    }
}

/// Effect on an exchange of which a policy can't see a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnUnseen {
    /// Effect on all that is not named.
    general: Effect,
    /// Effects on the kinds of content and the endpoints that the operator named; see
    /// [`unseen::names`].
    named: Vec<(&'static str, Effect)>,
}

impl From<Effect> for OnUnseen {
    /// Applies one effect to everything, except the kinds that pass unless they are named.
    fn from(general: Effect) -> Self {
        Self {
            general,
            named: Vec::new(),
        }
    }
}

impl OnUnseen {
    /// Returns the same with another effect for what is called `name`.
    #[must_use]
    pub fn with(mut self, name: &'static str, effect: Effect) -> Self {
        self.named.retain(|(known, _)| *known != name);
        self.named.push((name, effect));
        self
    }

    /// Reports whether a request or a reply that can't be read is refused, for the reason `name`:
    /// an endpoint, an encoding.
    pub fn blocks(&self, name: &str) -> bool {
        self.named(name).unwrap_or(self.general) == Effect::Block
    }

    /// Reports whether a request is refused that has content of the kind called `kind` in coverage.
    pub fn blocks_in_request(&self, kind: &str) -> bool {
        match self.named(kind) {
            Some(effect) => effect == Effect::Block,
            None => self.general == Effect::Block && Exempt::blocks(kind),
        }
    }

    /// Reports the same for a reply, where only kinds that are named are refused: the app requested
    /// it.
    pub fn blocks_in_reply(&self, kind: &str) -> bool {
        self.named(kind) == Some(Effect::Block)
    }

    /// The effect by name. What blocks `images` blocks `image`, too, unless that has its own word;
    /// what lets the one pass says nothing of the other.
    fn named(&self, name: &str) -> Option<Effect> {
        let written = |name: &str| {
            let found = self.named.iter().find(|(known, _)| *known == name);
            found.map(|(_, effect)| *effect)
        };
        let of_plural = || written(unseen::plural(name)?).filter(|of| *of == Effect::Block);
        written(name).or_else(of_plural)
    }
}

impl fmt::Display for OnUnseen {
    /// Writes it as the configuration does, names in the order of [`unseen::names`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let general = self.general.name();
        if self.named.is_empty() {
            return f.write_str(general);
        }
        write!(f, "{{ default: {general}")?;
        for name in unseen::names() {
            let written = self.named.iter().find(|(known, _)| *known == name);
            if let Some((_, effect)) = written {
                write!(f, ", {name}: {}", effect.name())?;
            }
        }
        f.write_str(" }")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_a_kind_is_refused_where_it_may_hold_a_prompt_and_never_in_a_reply() {
        let (block, skip) = (OnUnseen::from(Effect::Block), OnUnseen::from(Effect::Skip));
        for kind in Exempt::ALL {
            let name = kind.name();
            assert_eq!(block.blocks_in_request(name), kind.facts().1, "{name}");
            assert!(!skip.blocks_in_request(name), "{name}");
            assert!(!block.blocks_in_reply(name), "{name}");
        }
        assert!(block.blocks_in_request("hologram") && !skip.blocks_in_request("hologram"));
        assert!(block.blocks("files") && !skip.blocks("files"));
    }

    #[test]
    fn what_is_named_does_as_it_says_whatever_the_rest_does() {
        for general in [Effect::Block, Effect::Skip] {
            for name in unseen::names() {
                let blocks = OnUnseen::from(general).with(name, Effect::Block);
                let skips = OnUnseen::from(general).with(name, Effect::Skip);
                assert!(blocks.blocks_in_request(name) && blocks.blocks_in_reply(name));
                assert!(!skips.blocks_in_request(name) && !skips.blocks_in_reply(name));
                assert!(blocks.blocks(name) && !skips.blocks(name));
                assert_eq!(skips.blocks("gzip"), general == Effect::Block);
            }
        }
    }

    #[test]
    fn blocking_images_blocks_pictures_in_messages_and_letting_them_pass_does_not() {
        let plain = || OnUnseen::from(Effect::Block);
        assert!(
            plain()
                .with("images", Effect::Block)
                .blocks_in_request("image")
        );
        assert!(
            plain()
                .with("files", Effect::Skip)
                .blocks_in_request("file")
        );
        let both = plain()
            .with("images", Effect::Block)
            .with("image", Effect::Skip);
        assert!(!both.blocks_in_request("image") && both.blocks("images"));
    }

    #[test]
    fn it_is_printed_as_it_is_written() {
        let plain = OnUnseen::from(Effect::Skip);
        assert_eq!(plain.to_string(), "skip");
        let named = plain
            .with("compact", Effect::Block)
            .with("signed_reasoning", Effect::Skip)
            .with("image", Effect::Block);
        let text = "{ default: skip, image: block, signed_reasoning: skip, compact: block }";
        assert_eq!(named.to_string(), text);
    }
}
