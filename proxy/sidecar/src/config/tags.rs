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
    /// Longest tag, in bytes.
    pub const LONGEST: usize = 128;

    /// Reports whether this may be a tag: some text, none of it a control character, 128 bytes at
    /// most.
    pub fn valid(value: &str) -> bool {
        (1..=Self::LONGEST).contains(&value.len()) && !value.chars().any(char::is_control)
    }

    /// Reports whether this may be a tag's name.
    pub fn valid_name(name: &str) -> bool {
        name.len() <= 32
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
    }
}
