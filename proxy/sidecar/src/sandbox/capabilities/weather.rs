//! How warm it is, from whoever the proxy was given.

use super::{
    super::bindings::interfaces::weather as wit, Access, Capability, Nothing, State, Work,
};

pub use wit::Error;

/// The capability `weather`.
pub static WEATHER: Capability = Capability {
    name: "weather",
    about: "asks how warm it is",
    access: Access::Named,
    linked: linked!(weather since V0_3),
};

/// Somebody who knows.
pub trait Weather: Send + Sync {
    /// Tenths of a degree Celsius.
    fn temperature<'a>(&'a self, place: &'a str) -> Work<'a, Result<i32, Error>>;
}

impl wit::Host for State {
    async fn temperature(&mut self, place: String) -> wasmtime::Result<Result<i32, Error>> {
        self.live()?;
        let shared = self.shared.clone();
        self.within(shared.host.weather.temperature(&place)).await
    }
}

impl Weather for Nothing {
    fn temperature<'a>(&'a self, _: &'a str) -> Work<'a, Result<i32, Error>> {
        Work::now(Err(Error::Unavailable))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::config::{Config, cases::Cases};

    #[test]
    fn cases_and_configuration_know_it_and_say_so() {
        let grants = |list: &str| {
            let yaml =
                format!("policies: {{ directory: /tmp, chain: [{{ use: a, grants: [{list}] }}] }}");
            Config::parse(&yaml, "t.yaml", &|_| None)
        };
        assert_eq!(
            grants("weather").unwrap().policies.chain[0].grants.words(),
            ["weather"]
        );
        let why = grants("wether").unwrap_err().to_string();
        assert!(why.contains("`replies`, `weather`, `body`"), "{why}");
        assert!(crate::config::file::schema().contains("`weather` asks how warm it is"));
        let cases = Cases::parse("grants: [weather]\ncases: [{ name: a, request: {} }]").unwrap();
        assert!(cases.grants().unwrap().has(&WEATHER));
    }
}
