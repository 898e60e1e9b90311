//! Requests that are never answered from the cache: where an equal request may rightly get another
//! answer, or the answer is more than its text.
//!
//! A request is cached where all of it is *known* to be pure: [`members`] lists what is, and
//! anything else is a reason of its own.

use outrigger_sdk::{Dialect, Request};

use crate::{
    members,
    shape::{self, Unknown},
};

/// Larger bodies are not walked: in bytes. Nobody sends the same megabyte twice by chance.
const LARGEST: u64 = 1 << 20;

/// Members and words that are known to be no part of a pure request, without case and underscores,
/// by the reason.
#[rustfmt::skip] // a table
const IMPURE: [(&str, &[&str]); 4] = [
    ("state", &[
        "conversation", "previousresponseid", "prompt", "cachedcontent", "container", "mcpservers",
        "background", "itemreference", "datasources", "contextmanagement", "websearchoptions",
        "searchparameters", "enablesearch", "websearch", "plugins", "connectors",
        "retrievalconfig", "models",
    ]),
    ("files", &[
        "file", "fileid", "fileids", "fileurl", "fileuri", "filedata", "url", "documenturl",
        "containerupload",
    ]),
    ("audio", &[
        "audio", "speechconfig", "audiourl",
    ]),
    ("images", &[
        "image", "imageurl", "inputimage", "imageconfig", "video",
    ]),
];

/// Members that are counted by their name; all others as `other`, for a policy has 32 metrics at
/// the most.
const COUNTED: [&str; 12] = [
    "cached_content",
    "container",
    "context_management",
    "conversation",
    "enable_search",
    "extra_body",
    "file_id",
    "mcp_servers",
    "plugins",
    "previous_response_id",
    "search_parameters",
    "web_search_options",
];

/// Parts of the names of models that look things up by themselves.
const SEARCHES: [&str; 9] = [
    "search",
    "sonar",
    "compound",
    ":online",
    "-online",
    "browse",
    "browsing",
    "alltools",
    "all-tools",
];

/// The requests to leave out. Without `Debug`: printing fractions takes more code than all of this
/// policy.
pub struct Exclude {
    /// The highest temperature that a request may name, 0 to 2.
    pub max_temperature: f64,
    /// True if a request that names no temperature, which then is the provider's, mostly 1, is
    /// cached.
    pub without_temperature: bool,
    /// True if requests with tools of the app's own are cached.
    pub tools: bool,
    /// Members of the body that the operator knows to be pure.
    pub known: Vec<String>,
}

/// The reason why a request is not cached.
pub struct Reason {
    /// A word for metrics and headers, of a bounded set.
    pub word: &'static str,
    /// The member that is not known to be pure, as the app wrote it.
    pub member: Option<String>,
    /// Its name among those that are counted, or `other`.
    pub counted: Option<&'static str>,
}

impl From<&'static str> for Reason {
    fn from(word: &'static str) -> Self {
        Self {
            word,
            member: None,
            counted: None,
        }
    }
}

impl Exclude {
    /// The reason why this request is not cached.
    pub fn reason(&self, request: &Request) -> Option<Reason> {
        let dialect = request.dialect();
        // a conversation that is made once more is another one
        let keeps = dialect == Dialect::OpenaiConversations;
        if dialect == Dialect::Other || keeps || request.method() != "POST" {
            return Some("endpoint".into());
        }
        if request.body_size() > LARGEST {
            return Some("size".into());
        }
        if request.images() > 0 {
            return Some("images".into());
        }
        if dialect != Dialect::OpenaiEmbeddings && request.model().is_some_and(searches) {
            return Some("model".into());
        }
        let body = request.parameter_json("").unwrap_or_default();
        let either = dialect == Dialect::GeminiGenerate;
        let unknown = shape::unknown(&body, members::of(dialect), &self.known, either);
        let tools = !request.tools().is_empty() || request.is_set("/functions");
        if tools && !self.tools {
            return Some("tools".into());
        }
        if let Some(unknown) = unknown {
            return Some(reason(unknown));
        }
        (!self.cold(request)).then(|| "temperature".into())
    }

    /// True if the model is to say the same again. Embeddings always are.
    fn cold(&self, request: &Request) -> bool {
        let places: &[&str] = match request.dialect() {
            Dialect::OpenaiEmbeddings => return true,
            Dialect::GeminiGenerate => &[
                "/generationConfig/temperature",
                "/generation_config/temperature",
            ],
            _ => &["/temperature"],
        };
        let mut said = places
            .iter()
            .filter_map(|at| request.parameter_json(at))
            .filter(|json| json != "null")
            .peekable();
        if said.peek().is_none() {
            return self.without_temperature;
        }
        said.all(|number| {
            number
                .parse()
                .is_ok_and(|temperature: f64| temperature <= self.max_temperature)
        })
    }
}

/// The reason why a request that contains this is not cached.
fn reason(unknown: Unknown) -> Reason {
    if unknown.name.is_empty() {
        return "ambiguous".into();
    }
    let plain = plain(&unknown.name);
    let counted = COUNTED
        .iter()
        .find(|name| name.bytes().filter(|byte| *byte != b'_').eq(plain.bytes()));
    let word = match unknown.top.as_str() {
        "tools" => "tools",
        "modalities" => "audio",
        _ => impure_by(&plain).unwrap_or("unknown"),
    };
    Reason {
        word,
        member: Some(unknown.name),
        counted: Some(counted.unwrap_or(&"other")),
    }
}

/// True if a model's name says that it looks things up by itself.
fn searches(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    SEARCHES.iter().any(|part| model.contains(part))
}

/// True if no operator may say of a member that it is pure: one that is known not to be stays out
/// of the cache.
pub fn impure(member: &str) -> bool {
    impure_by(&plain(member)).is_some()
}

/// The reason why a member, given as [`plain`] writes it, is known not to be pure.
fn impure_by(plain: &str) -> Option<&'static str> {
    let (reason, _) = IMPURE.iter().find(|(_, names)| names.contains(&plain))?;
    Some(reason)
}

/// A member's name without case and underscores.
fn plain(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}
