//! Paths: from the one that an app requests to the one that an upstream serves.

use std::fmt::Write as _;

use dialect::Dialect;
use route::{Family, provider::Layout};

use super::{Base, Kind, Upstream};

/// A call, as far as the path of its endpoint depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// The format of its body.
    pub dialect: Dialect,
    /// The path and query that the app requests, as the dialect's designer writes them.
    pub path: &'a str,
    /// The model's name at the upstream.
    pub model: Option<&'a str>,
    /// True if its reply is a stream.
    pub is_streaming: bool,
}

/// The reasons for which a call has no path at an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPath {
    /// The model's name belongs into it, and there is none, or none that could stand there.
    #[error("this upstream has a path for each model, and the request names none; name a model")]
    NoModel,
    /// There is no such endpoint.
    #[error("this upstream counts no tokens by this API; leave the count out, or count elsewhere")]
    NoCounts,
}

impl Upstream {
    /// The path and query to request from this upstream for a call.
    ///
    /// For an upstream that is given by a dialect and a URL, it is [`Self::path`]'s. For one that
    /// offers several dialects it is below the base of the call's; what no dialect reads goes below
    /// the first.
    ///
    /// # Errors
    /// The path has the model in it, and the call names none; or there is no such endpoint.
    pub fn path_for(&self, call: &Endpoint<'_>) -> Result<String, NoPath> {
        let Some(base) = self.base_of(call) else {
            return Ok(self.path(call.path));
        };
        match base.layout {
            Layout::Plain => Ok(base.join(call.path)),
            Layout::Azure => self.azure(base, call),
            Layout::VertexClaude => base.vertex(call),
            Layout::BedrockInvoke => base.invoke(call),
            Layout::BedrockConverse => Ok([&base.path, call.path].concat()),
        }
    }

    /// The base of a call: its dialect's, or that of Bedrock's own API.
    fn base_of(&self, call: &Endpoint<'_>) -> Option<&Base> {
        let is_own = call.dialect == Dialect::Other && call.path.starts_with("/model/");
        let own = |base: &&Base| is_own && base.layout == Layout::BedrockConverse;
        let own = self.bases.iter().find(own);
        own.or_else(|| self.base(call.dialect))
    }

    /// Azure's: of an API version that is a date, deployments stand in the path of what they serve
    /// by themselves, and all others not.
    ///
    /// Source: <https://learn.microsoft.com/en-us/azure/ai-foundry/openai/reference>.
    fn azure(&self, base: &Base, call: &Endpoint<'_>) -> Result<String, NoPath> {
        let Some(version) = self.api_version.as_deref() else {
            return Ok(base.join(call.path));
        };
        let (path, query) = split(call.path);
        let rest = unversioned(path).unwrap_or(path);
        let dated = version.starts_with(|c: char| c.is_ascii_digit());
        let root = base.path.strip_suffix("/v1").unwrap_or(&base.path);
        let mut out = match (dated, call.dialect) {
            (false, _) => [&base.path, rest].concat(),
            (
                true,
                Dialect::OpenaiChat
                | Dialect::OpenaiCompletions
                | Dialect::OpenaiEmbeddings
                | Dialect::OpenaiImages,
            ) => {
                let model = name_of(call)?;
                [root, "/deployments/", &segment(model), rest].concat()
            }
            (true, _) => [root, rest].concat(),
        };
        out.push_str("?api-version=");
        out.push_str(version);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            if !pair.starts_with("api-version=") {
                out.push('&');
                out.push_str(pair);
            }
        }
        Ok(out)
    }

    /// Returns the path (and query) to request from this upstream for the app's `app_path`, where
    /// it is given by a dialect and a URL.
    ///
    /// Base URLs are written as each family's SDKs take them: OpenAI's with the version
    /// (`https://api.openai.com/v1`), Anthropic's without. An app may be pointed at
    /// `http://outrigger` or at `http://outrigger/v1`. So a leading `/v1` of the app's path stands
    /// for the URL's path. An OpenAI-like URL without any path takes the app's path as it came: the
    /// server is mounted where the app thinks it is.
    ///
    /// Gemini's SDKs write the version themselves (`/v1beta`), so its URL has none; a URL that has
    /// one, such as Vertex' with its project, takes the place of the app's, and a path without any
    /// gets `/v1beta`.
    pub fn path(&self, app_path: &str) -> String {
        let Kind::Http { prefix, .. } = &self.kind else {
            return app_path.to_owned();
        };
        match (self.family, unversioned(app_path)) {
            (Family::Gemini, _) => gemini(prefix, app_path),
            (Family::Anthropic, rest) => anthropic(prefix, rest.unwrap_or(app_path)),
            (_, Some(rest)) if !prefix.is_empty() => [prefix, rest].concat(),
            _ => [prefix, app_path].concat(),
        }
    }
}

impl Base {
    /// The app's path below this base, whose path has what stands before an endpoint's own.
    fn join(&self, app_path: &str) -> String {
        let rest = unversioned(app_path).unwrap_or(app_path);
        let path = match self.family {
            Family::Gemini => gemini(&self.path, app_path),
            Family::Anthropic => anthropic(&self.path, rest),
            Family::Openai | Family::Every => [&self.path, rest].concat(),
        };
        match path.starts_with('/') {
            true => path,
            false => ["/", &path].concat(),
        }
    }

    /// Claude on Vertex: the model and the kind of reply stand in the path.
    ///
    /// Source: <https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude>.
    fn vertex(&self, call: &Endpoint<'_>) -> Result<String, NoPath> {
        let (path, _) = split(call.path);
        if path.ends_with("/count_tokens") {
            return Ok([&self.path, "/models/count-tokens:rawPredict"].concat());
        }
        let method = match call.is_streaming {
            true => ":streamRawPredict",
            false => ":rawPredict",
        };
        let model = segment(name_of(call)?);
        Ok([&self.path, "/models/", &model, method].concat())
    }

    /// Bedrock's InvokeModel: ids hold colons, and ARNs slashes, which are escaped.
    ///
    /// Source: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html>.
    fn invoke(&self, call: &Endpoint<'_>) -> Result<String, NoPath> {
        if split(call.path).0.ends_with("/count_tokens") {
            return Err(NoPath::NoCounts);
        }
        let operation = match call.is_streaming {
            true => "/invoke-with-response-stream",
            false => "/invoke",
        };
        let model = segment(name_of(call)?);
        Ok([&self.path, "/model/", &model, operation].concat())
    }
}

/// The name that stands in a path.
fn name_of<'a>(call: &Endpoint<'a>) -> Result<&'a str, NoPath> {
    let name = call.model.filter(|name| !matches!(*name, "" | "." | ".."));
    name.ok_or(NoPath::NoModel)
}

/// A name as one segment of a path: everything is escaped but what no server takes for more
/// (RFC 3986 §2.3), and the `@` before the date of Vertex' models.
fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' | b'@' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
    out
}

fn split(path: &str) -> (&str, &str) {
    path.split_once('?').unwrap_or((path, ""))
}

/// The part behind a leading `/v1`.
fn unversioned(app_path: &str) -> Option<&str> {
    app_path
        .strip_prefix("/v1")
        .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

fn anthropic(prefix: &str, rest: &str) -> String {
    match prefix.ends_with("/v1") {
        true => [prefix, rest].concat(),
        false => [prefix, "/v1", rest].concat(),
    }
}

fn gemini(prefix: &str, app_path: &str) -> String {
    let version = |segment: &str| {
        let number = segment.strip_prefix('v').unwrap_or_default();
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let first = app_path.split('/').nth(1).unwrap_or_default();
    let first = first.split('?').next().unwrap_or_default();
    let versioned = version(first);
    match (versioned, prefix.split('/').any(version)) {
        (true, true) => {
            let rest = app_path.get(1 + first.len()..).unwrap_or_default();
            format!("{prefix}{rest}")
        }
        (false, false) => format!("{prefix}/v1beta{app_path}"),
        _ => format!("{prefix}{app_path}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
