//! Effect on an exchange of a policy that fails, or that can't see a part of it: in general, and by
//! the kind of that part.

use std::fmt;

use dialect::describe::Exempt;

/// The kinds of content inside a body that no policy can be shown.
const KINDS: [Exempt; Exempt::ALL.len()] = Exempt::ALL;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnUnseen {
    /// Effect on content of no kind: endpoints, encodings and replies that no dialect reads.
    general: Effect,
    /// Effects on the kinds that the operator named, in the order of [`KINDS`].
    named: [Option<Effect>; KINDS.len()],
}

impl From<Effect> for OnUnseen {
    /// Applies one effect to everything, except the kinds that pass unless they are named.
    fn from(general: Effect) -> Self {
        Self {
            general,
            named: [None; KINDS.len()],
        }
    }
}

impl OnUnseen {
    /// Returns the same with another effect for one kind.
    #[must_use]
    pub fn with(mut self, kind: Exempt, effect: Effect) -> Self {
        for (known, named) in KINDS.into_iter().zip(&mut self.named) {
            if known == kind {
                *named = Some(effect);
            }
        }
        self
    }

    /// Reports whether content of no kind is refused.
    pub const fn blocks(&self) -> bool {
        matches!(self.general, Effect::Block)
    }

    /// Reports whether a request is refused that has content of the kind called `kind` in coverage.
    pub fn blocks_in_request(&self, kind: &str) -> bool {
        match self.named(kind) {
            Some(effect) => effect == Effect::Block,
            None => self.blocks() && Exempt::blocks(kind),
        }
    }

    /// Reports the same for a reply, where only kinds that are named are refused: the app requested
    /// it.
    pub fn blocks_in_reply(&self, kind: &str) -> bool {
        self.named(kind) == Some(Effect::Block)
    }

    fn named(&self, kind: &str) -> Option<Effect> {
        let mut all = KINDS.into_iter().zip(self.named);
        all.find(|(known, _)| known.name() == kind)?.1
    }
}

impl fmt::Display for OnUnseen {
    /// Writes it as the configuration does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let general = self.general.name();
        if self.named.iter().all(Option::is_none) {
            return f.write_str(general);
        }
        write!(f, "{{ default: {general}")?;
        for (kind, effect) in KINDS.into_iter().zip(self.named) {
            if let Some(effect) = effect {
                write!(f, ", {}: {}", kind.name(), effect.name())?;
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
        for kind in KINDS {
            let name = kind.name();
            assert_eq!(block.blocks_in_request(name), kind.facts().1, "{name}");
            assert!(!skip.blocks_in_request(name), "{name}");
            assert!(!block.blocks_in_reply(name), "{name}");
        }
        assert!(block.blocks_in_request("hologram") && !skip.blocks_in_request("hologram"));
        assert!(block.blocks() && !skip.blocks());
    }

    #[test]
    fn a_kind_that_is_named_does_as_it_says_whatever_the_rest_does() {
        for general in [Effect::Block, Effect::Skip] {
            for kind in KINDS {
                let blocks = OnUnseen::from(general).with(kind, Effect::Block);
                let skips = OnUnseen::from(general).with(kind, Effect::Skip);
                let name = kind.name();
                assert!(blocks.blocks_in_request(name) && blocks.blocks_in_reply(name));
                assert!(!skips.blocks_in_request(name) && !skips.blocks_in_reply(name));
                assert_eq!(skips.blocks(), general == Effect::Block);
            }
        }
    }

    #[test]
    fn it_is_printed_as_it_is_written() {
        let plain = OnUnseen::from(Effect::Skip);
        assert_eq!(plain.to_string(), "skip");
        let named = plain
            .with(Exempt::SignedReasoning, Effect::Skip)
            .with(Exempt::Image, Effect::Block);
        let text = "{ default: skip, image: block, signed_reasoning: skip }";
        assert_eq!(named.to_string(), text);
    }
}
