//! What is never answered from the cache: where an equal request may rightly get another answer, or the answer is more than its text.

use outrigger_sdk::{Dialect, Request};

/// Parameters by which an answer depends on what is kept elsewhere, or looks something up.
const STATE: [&str; 8] = [
    "/conversation",
    "/previous_response_id",
    "/prompt/id",
    "/cachedContent",
    "/container",
    "/mcp_servers",
    "/web_search_options",
    "/background",
];
/// Where replies in other forms than text are asked for.
const MODALITIES: [&str; 3] = [
    "/modalities",
    "/generationConfig/responseModalities",
    "/generation_config/response_modalities",
];
/// Words in the tools of Gemini that make it look something up, or run something.
const HOSTED: [&str; 8] = [
    "googleSearch",
    "google_search",
    "codeExecution",
    "code_execution",
    "urlContext",
    "url_context",
    "retrieval",
    "fileSearch",
];

/// Without `Debug`: printing fractions takes more code than all of this policy.
pub(crate) struct Exclude {
    pub(crate) max_temperature: f64,
    /// Whether a request that names no temperature, which then is the provider's, mostly 1, is cached.
    pub(crate) without_temperature: bool,
    pub(crate) tools: bool,
}

impl Exclude {
    /// Why this request is not cached.
    pub(crate) fn reason(&self, request: &Request) -> Option<&'static str> {
        if request.dialect() == Dialect::Other || request.method() != "POST" {
            return Some("endpoint");
        }
        if request.images() > 0 {
            return Some("images");
        }
        let given = |pointer: &str| {
            request
                .parameter_json(pointer)
                .filter(|json| json != "null" && json != "false")
        };
        let other = |json: String| {
            let json = json.to_ascii_lowercase();
            json.contains("audio") || json.contains("image")
        };
        if given("/audio").is_some() || MODALITIES.iter().filter_map(|at| given(at)).any(other) {
            return Some("audio");
        }
        if STATE.iter().any(|at| given(at).is_some()) {
            return Some("state");
        }
        let tools = request.tools() > 0 || given("/functions").is_some();
        if tools && !(self.tools && functions_only(request)) {
            return Some("tools");
        }
        (!self.cold(request)).then_some("temperature")
    }

    /// Whether the model is asked to say the same again. Embeddings always are.
    fn cold(&self, request: &Request) -> bool {
        let at = match request.dialect() {
            Dialect::OpenaiEmbeddings => return true,
            Dialect::GeminiGenerate => "/generationConfig/temperature",
            _ => "/temperature",
        };
        match request.parameter_json(at).as_deref() {
            None | Some("null") => self.without_temperature,
            Some(number) => number
                .parse()
                .is_ok_and(|temperature: f64| temperature <= self.max_temperature),
        }
    }
}

/// Whether the app runs all tools itself: what the provider runs finds something else each time.
fn functions_only(request: &Request) -> bool {
    if request.dialect() == Dialect::GeminiGenerate {
        let tools = request.parameter_json("/tools").unwrap_or_default();
        return !HOSTED.iter().any(|word| tools.contains(word));
    }
    (0..request.tools()).all(|at| {
        let kind = request.parameter_json(&format!("/tools/{at}/type"));
        matches!(kind.as_deref(), None | Some("\"function\"" | "\"custom\""))
    })
}
