//! Mapping of an app's path to an upstream's.

use route::Family;

use super::{Kind, Upstream};

impl Upstream {
    /// Returns the path (and query) to request from this upstream for the app's `app_path`.
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
        if self.family == Family::Gemini {
            return gemini(prefix, app_path);
        }
        let unversioned = app_path
            .strip_prefix("/v1")
            .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        match (self.family, unversioned) {
            (Family::Anthropic, rest) if !prefix.ends_with("/v1") => {
                [prefix, "/v1", rest.unwrap_or(app_path)].concat()
            }
            (_, Some(rest)) if !prefix.is_empty() => [prefix, rest].concat(),
            _ => [prefix, app_path].concat(),
        }
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
mod tests {
    use crate::config::tests::{parse, rows};

    #[test]
    fn an_apps_path_is_joined_to_the_urls_path_with_one_version() {
        let table = "
            openai https://api.openai.com/v1 /v1/chat/completions => /v1/chat/completions
            openai https://api.openai.com/v1/ /chat/completions => /v1/chat/completions
            openai https://api.openai.com/v1 /v1/models?limit=2 => /v1/models?limit=2
            openai https://api.openai.com/v1 /v1 => /v1
            openai https://api.openai.com/v1 /v1?x => /v1?x
            openai https://api.openai.com/v1 /v1beta/x => /v1/v1beta/x
            openai https://host/openai/v1 /v1/responses => /openai/v1/responses
            openai https://host/openai/v1 /responses => /openai/v1/responses
            openai https://host/api/v4 /v1/chat/completions => /api/v4/chat/completions
            openai http://127.0.0.1:8000 /v1/chat/completions => /v1/chat/completions
            openai http://127.0.0.1:8000 /chat/completions => /chat/completions
            openai http://127.0.0.1:8000/ / => /
            anthropic https://api.anthropic.com /v1/messages => /v1/messages
            anthropic https://api.anthropic.com /messages => /v1/messages
            anthropic https://api.anthropic.com/v1 /v1/messages?beta=true => /v1/messages?beta=true
            anthropic https://api.anthropic.com/v1 /messages => /v1/messages
            anthropic https://gateway/anthropic /v1/messages => /anthropic/v1/messages
            gemini https://generativelanguage.googleapis.com /v1beta/models/m:generateContent
                => /v1beta/models/m:generateContent
            gemini https://generativelanguage.googleapis.com /models/m:streamGenerateContent?alt=sse
                => /v1beta/models/m:streamGenerateContent?alt=sse
            gemini https://generativelanguage.googleapis.com/v1beta /v1/models/m:generateContent
                => /v1beta/models/m:generateContent
            gemini https://generativelanguage.googleapis.com/v1beta/ /models?pageSize=2
                => /v1beta/models?pageSize=2
            gemini https://host/v1/projects/p/locations/l/publishers/google /v1beta/models/m:generateContent
                => /v1/projects/p/locations/l/publishers/google/models/m:generateContent
            gemini https://gateway/google /v1alpha/models => /google/v1alpha/models
            gemini https://gateway/google /vision/m => /google/v1beta/vision/m
        ";
        for (call, expected) in rows(table) {
            let [dialect, url, app_path] = call.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{call}")
            };
            let yaml = format!("upstreams: {{ u: {{ dialect: {dialect}, url: '{url}' }} }}");
            let path = parse(&yaml).unwrap().upstreams["u"].path(app_path);
            assert_eq!(expected, [path], "{call}");
        }
    }
}
