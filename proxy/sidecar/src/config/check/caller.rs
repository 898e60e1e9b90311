//! `caller:`.

use http::HeaderName;
use policy::Caller;

use super::Check;
use crate::config::{
    file::{self, Text},
    problems::Path,
};

impl Check<'_> {
    pub(super) fn caller(&mut self, written: Option<file::Caller>) -> Caller {
        let at = Path::default().key("caller");
        let Some(written) = written else {
            return Caller::default();
        };
        if written.headers.is_none() && written.cookies.is_none() {
            self.problem(
                &at,
                "names nothing; write `headers` or `cookies`, or leave the key out",
            );
        }
        let headers = self.each(&at.key("headers"), "a header", &written.headers, |text| {
            let header = text.parse::<HeaderName>();
            match header {
                Ok(header) if header == http::header::COOKIE => {
                    Err("is all cookies together; name those that count under `cookies`")
                }
                Ok(header) => Ok(header),
                Err(_) => Err("is no name of a header; write one like `x-user`"),
            }
        });
        let cookies = self.each(&at.key("cookies"), "a cookie", &written.cookies, |text| {
            // RFC 6265 §4.1.1: a token, as a header's name is
            match text.parse::<HeaderName>() {
                Ok(_) => Ok(text.to_owned()),
                Err(_) => Err("is no name of a cookie; write one like `session`"),
            }
        });
        Caller { headers, cookies }
    }

    fn each<T: PartialEq>(
        &mut self,
        at: &Path,
        what: &str,
        written: &Option<Vec<Text>>,
        read: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Vec<T> {
        if written.as_ref().is_some_and(Vec::is_empty) {
            self.problem(at, format!("is empty; name {what}, or leave the key out"));
        }
        let mut names = Vec::new();
        for (n, text) in written.iter().flatten().enumerate() {
            let at = at.index(n);
            let Some(text) = self.text(&at, Some(text)) else {
                continue;
            };
            match read(&text) {
                Ok(name) if names.contains(&name) => {
                    self.problem(&at, "is named already; keep one");
                }
                Ok(name) => names.push(name),
                Err(problem) => self.problem(&at, problem),
            }
        }
        names
    }
}
