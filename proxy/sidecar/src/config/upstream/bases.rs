//! The dialects that an upstream offers, each below a path of its own.

use dialect::{Dialect, request::Platform};
use route::{
    Endpoints, Family,
    provider::{Auth, Layout},
};

use super::Upstream;

/// Dialects that an upstream serves together, below one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Their family.
    pub family: Family,
    /// The dialects.
    pub dialects: Endpoints,
    /// Path at the upstream's origin, without a slash at its end.
    pub path: String,
    /// The order of path segments behind it.
    pub layout: Layout,
    /// The header that carries the operator's key there.
    pub auth: Auth,
    /// Names of models that are served here and by no other base; a `*` stands for any letters.
    /// Empty: those that no other base claims.
    pub claims: &'static [&'static str],
}

impl Base {
    /// Returns whether it serves a dialect.
    pub const fn serves(&self, dialect: Dialect) -> bool {
        self.dialects.contains(dialect)
    }
}

impl Upstream {
    /// The dialects that it offers.
    pub fn offers(&self) -> Endpoints {
        match self.bases.as_slice() {
            [] => Endpoints::of_family(self.family),
            bases => bases
                .iter()
                .fold(Endpoints::NONE, |all, base| all.or(base.dialects)),
        }
    }

    /// The dialects that it offers a model of this name in: fewer where models are served by
    /// whoever designed them.
    pub fn offers_for(&self, model: &str) -> Endpoints {
        let is_claimed = |base: &&Base| route::provider::is_claimed(base.claims, model);
        let any_claims = self.bases.iter().any(|base| is_claimed(&base));
        let serving = self.bases.iter().filter(|base| match any_claims {
            true => is_claimed(base),
            false => base.claims.is_empty(),
        });
        match self.bases.is_empty() {
            true => self.offers(),
            false => serving.fold(Endpoints::NONE, |all, base| all.or(base.dialects)),
        }
    }

    /// Returns whether it offers a dialect. What no dialect reads is its main family's.
    pub fn serves(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Other || self.offers().contains(dialect)
    }

    /// Returns whether some of its models are served in fewer dialects than others.
    pub fn is_served_by_model(&self) -> bool {
        self.bases.iter().any(|base| !base.claims.is_empty())
    }

    /// Returns whether it offers a dialect of this family.
    pub fn speaks(&self, family: Family) -> bool {
        self.family == family || self.bases.iter().any(|base| base.family == family)
    }

    /// The base that serves a dialect; none where it is as the upstream's URL has it.
    pub fn base(&self, dialect: Dialect) -> Option<&Base> {
        let serving = self.bases.iter().find(|base| base.serves(dialect));
        serving.or_else(|| self.bases.first())
    }

    /// Returns whether it serves Bedrock's Converse, which no caller speaks.
    pub fn serves_converse(&self) -> bool {
        let mut bases = self.bases.iter();
        bases.any(|base| base.layout == Layout::BedrockConverse)
    }

    /// The platform whose members its bodies of a dialect need; none of most.
    pub fn platform(&self, dialect: Dialect) -> Option<Platform> {
        match self.bases.iter().find(|base| base.serves(dialect))?.layout {
            Layout::VertexClaude => Some(Platform::VertexClaude),
            Layout::BedrockInvoke => Some(Platform::BedrockClaude),
            Layout::Plain | Layout::Azure | Layout::BedrockConverse => None,
        }
    }

    /// The header in which the operator's key goes to the endpoint of a dialect.
    pub fn auth_for(&self, dialect: Dialect) -> Auth {
        self.base(dialect).map_or(self.auth, |base| base.auth)
    }

    /// Returns whether it may be sent what was not meant for it: it has a key of its own, or needs
    /// none.
    pub fn has_credentials(&self) -> bool {
        self.has_own_credentials()
            || self.auth == Auth::None
            || matches!(self.kind, super::Kind::Embedded)
    }
}
