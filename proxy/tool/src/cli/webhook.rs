//! `outrigger webhook`: the injector as a mutating admission webhook.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use tokio::runtime::Builder;

use super::{Stop, inject::Defaults, shutdown, start_log};
use crate::inject::{self, Address, Settings};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// The certificate and what signed it, PEM. Taken anew when it changes.
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// YAML with defaults (mode, image, config, policies, secret, plain-container …); flags go
    /// before it, annotations before both.
    #[arg(long, value_name = "FILE")]
    config_defaults: Option<PathBuf>,
    #[command(flatten)]
    defaults: Defaults,
    /// Seconds that it goes on after SIGTERM, until endpoints have heard of it.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    linger: u64,
}

pub(super) fn webhook(arguments: &Arguments) -> Result<(), Stop> {
    let mut settings = Settings::default();
    if let Some(file) = &arguments.config_defaults {
        let text = fs::read_to_string(file).map_err(|error| error.to_string());
        settings = text
            .and_then(|text| defaults(&text))
            .map_err(|why| Stop::Mistake(format!("the defaults in {}: {why}", file.display())))?;
    }
    let settings = arguments.defaults.over(settings)?;
    start_log()?;
    let address = Address {
        listen: arguments.listen,
        cert: arguments.cert.clone(),
        key: arguments.key.clone(),
        linger: Duration::from_secs(arguments.linger),
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Ok(inject::serve(address, settings, shutdown()?).await?) })
}

/// The defaults that a file gives.
fn defaults(text: &str) -> Result<Settings, String> {
    use serde_yaml::Value;
    let mut settings = Settings::default();
    let map = match serde_yaml::from_str(text).map_err(|error| error.to_string())? {
        Value::Null => return Ok(settings),
        Value::Mapping(map) => map,
        _ => return Err("is no map of keys to values".to_owned()),
    };
    for (key, value) in &map {
        let key = key.as_str().unwrap_or("(no text)");
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(is) => is.to_string(),
            Value::Number(number) => number.to_string(),
            _ => return Err(format!("{key}: is no text")),
        };
        settings
            .set(key, &value)
            .map_err(|why| format!("{key}: {why}"))?;
    }
    Ok(settings)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_defaults_is_read_and_its_mistakes_are_named() {
        let settings =
            defaults("mode: base-url\nplain-container: true\nmemory-limit: 256Mi\n").unwrap();
        assert!(
            settings.plain
                && settings.mode == inject::Mode::BaseUrl
                && settings.memory_limit == "256Mi"
        );
        assert_eq!(defaults("# nothing\n").unwrap(), Settings::default());
        for (text, says) in [
            ("mod: x", "mod: not known; there are mode, image"),
            ("mode: x", "mode: `x` is no mode"),
            ("[a]", "is no map"),
            ("mode: [a]", "mode: is no text"),
            ("a: b: c", "line 1"),
        ] {
            assert!(defaults(text).unwrap_err().contains(says), "{text}");
        }
    }
}
