//! The operator's facts of models, as checked: before the tables that ship.

use route::ModelFacts;

use super::pattern::Pattern;

/// The `model_facts:` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnFacts(Vec<OwnFact>);

/// The operator's word on a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFact {
    /// The model as it is written: a name, `upstream/name`, or either with `*` in it.
    pub written: String,
    /// The name under which the tables know it.
    pub like: Option<String>,
    /// Facts of it.
    pub facts: ModelFacts,
    pattern: Pattern,
}

impl OwnFact {
    /// Facts of the models of this name or pattern.
    pub fn new(written: String, like: Option<String>, facts: ModelFacts) -> Self {
        let pattern = Pattern::of(&written);
        Self {
            written,
            like,
            facts,
            pattern,
        }
    }
}

impl FromIterator<OwnFact> for OwnFacts {
    fn from_iter<I: IntoIterator<Item = OwnFact>>(facts: I) -> Self {
        let mut all: Vec<_> = facts.into_iter().collect();
        crate::ordered::sort_by_key(&mut all, |fact| fact.pattern.rank());
        Self(all)
    }
}

impl OwnFacts {
    /// The entry for a model at an upstream: by a name before a pattern, by a long one before a
    /// short one, and by one alone.
    pub fn find(&self, upstream: &str, model: &str) -> Option<&OwnFact> {
        let model = model.to_lowercase();
        let target = [&upstream.to_lowercase(), "/", &model].concat();
        let mut all = self.0.iter();
        all.find(|fact| fact.pattern.matches(&target) || fact.pattern.matches(&model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_name_says_what_a_model_takes() {
        let names = [
            "*",
            "gpt-*",
            "gpt-5*",
            "azure/*",
            "gpt-5-mini",
            "azure/gpt-5-mini",
        ];
        let facts = |name: &&str| OwnFact::new((*name).to_owned(), None, ModelFacts::UNKNOWN);
        let all: OwnFacts = names.iter().map(facts).collect();
        for (upstream, model, expected) in [
            ("azure", "gpt-5-mini", "azure/gpt-5-mini"),
            ("o", "GPT-5-Mini", "gpt-5-mini"),
            ("azure", "prod", "azure/*"),
            ("o", "gpt-5-nano", "gpt-5*"),
            ("o", "gpt-4o", "gpt-*"),
            ("o", "llama", "*"),
        ] {
            let found = all.find(upstream, model).map(|fact| &*fact.written);
            assert_eq!(found, Some(expected), "{upstream}/{model}");
        }
        assert_eq!(OwnFacts::default().find("o", "m"), None);
    }
}
