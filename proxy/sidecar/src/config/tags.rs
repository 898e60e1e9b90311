//! Sources of tags, as checked. `cost::tags` reads them from a request.

/// The `tags:` section, with the defaults for what it leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// `tenant`, `feature`, `plan`, `region`, then the operator's own by name.
    pub rules: Vec<TagRule>,
}

/// Source of one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRule {
    /// `[a-z][a-z0-9_-]{0,31}`.
    pub name: String,
    /// Headers, the first that is there counts; none: the usual ones.
    pub headers: Option<Vec<http::HeaderName>>,
    /// The tag where no header gives one.
    pub fixed: Option<String>,
    /// True if the operator's `headers` are removed before the request goes upstream; none: as
    /// `cost::tags` decides.
    pub strip: Option<bool>,
}

impl Tags {
    /// Tags that exist without an entry in the file.
    pub const USUAL: [&str; 4] = ["tenant", "feature", "plan", "region"];
}
