//! How an app's path becomes an upstream's.

use super::{Family, Kind, Upstream};

impl Upstream {
    /// The path (and query) to ask this upstream for, when the app asked for `app_path`.
    ///
    /// Base URLs are written as each family's SDKs take them: OpenAI's with the version (`https://api.openai.com/v1`), Anthropic's without. An
    /// app may be pointed at `http://outrigger` or at `http://outrigger/v1`. So a leading `/v1` of the app's path stands for the URL's
    /// path. An OpenAI-like URL without any path takes the app's path as it came: the server is mounted where the app thinks it is.
    pub fn path(&self, app_path: &str) -> String {
        let Kind::Http { prefix, .. } = &self.kind else {
            return app_path.to_owned();
        };
        let unversioned = app_path
            .strip_prefix("/v1")
            .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        match (self.family, unversioned) {
            (Family::Anthropic, rest) if !prefix.ends_with("/v1") => {
                format!("{prefix}/v1{}", rest.unwrap_or(app_path))
            }
            (_, Some(rest)) if !prefix.is_empty() => format!("{prefix}{rest}"),
            _ => format!("{prefix}{app_path}"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::config::Config;

    #[test]
    fn an_apps_path_is_joined_to_the_urls_path_with_one_version() {
        for (dialect, url, app_path, expected) in [
            (
                "openai",
                "https://api.openai.com/v1",
                "/v1/chat/completions",
                "/v1/chat/completions",
            ),
            (
                "openai",
                "https://api.openai.com/v1/",
                "/chat/completions",
                "/v1/chat/completions",
            ),
            (
                "openai",
                "https://api.openai.com/v1",
                "/v1/models?limit=2",
                "/v1/models?limit=2",
            ),
            ("openai", "https://api.openai.com/v1", "/v1", "/v1"),
            ("openai", "https://api.openai.com/v1", "/v1?x", "/v1?x"),
            (
                "openai",
                "https://api.openai.com/v1",
                "/v1beta/x",
                "/v1/v1beta/x",
            ),
            (
                "openai",
                "https://host/openai/v1",
                "/v1/responses",
                "/openai/v1/responses",
            ),
            (
                "openai",
                "https://host/openai/v1",
                "/responses",
                "/openai/v1/responses",
            ),
            (
                "openai",
                "https://host/api/v4",
                "/v1/chat/completions",
                "/api/v4/chat/completions",
            ),
            (
                "openai",
                "http://127.0.0.1:8000",
                "/v1/chat/completions",
                "/v1/chat/completions",
            ),
            (
                "openai",
                "http://127.0.0.1:8000",
                "/chat/completions",
                "/chat/completions",
            ),
            ("openai", "http://127.0.0.1:8000/", "/", "/"),
            (
                "anthropic",
                "https://api.anthropic.com",
                "/v1/messages",
                "/v1/messages",
            ),
            (
                "anthropic",
                "https://api.anthropic.com",
                "/messages",
                "/v1/messages",
            ),
            (
                "anthropic",
                "https://api.anthropic.com/v1",
                "/v1/messages?beta=true",
                "/v1/messages?beta=true",
            ),
            (
                "anthropic",
                "https://api.anthropic.com/v1",
                "/messages",
                "/v1/messages",
            ),
            (
                "anthropic",
                "https://gateway/anthropic",
                "/v1/messages",
                "/anthropic/v1/messages",
            ),
        ] {
            let yaml = format!("upstreams: {{ u: {{ dialect: {dialect}, url: '{url}' }} }}");
            let config = Config::parse(&yaml, "t.yaml", &|_| None).unwrap();
            assert_eq!(
                config.upstreams["u"].path(app_path),
                expected,
                "{url} + {app_path}"
            );
        }
    }
}
