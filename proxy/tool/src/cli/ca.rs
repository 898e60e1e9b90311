//! `outrigger ca`: makes the pod's CA ahead of time, or tells where it is and what an app needs to
//! trust it.
//!
//! The same code as at the start of `run`; running it beside a sidecar with the same configuration
//! changes nothing.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

use time::OffsetDateTime;

use super::{Stop, environment, say};
use outrigger::{
    ca::{self, Authority},
    config::{Ca, Config},
};

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("for").required(true).multiple(false).args(["config", "host"])))]
pub(super) struct Arguments {
    /// The configuration whose hosts the CA is for.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A host that the CA is for, such as `api.openai.com`; may be given several times.
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    /// Directory of the key, instead of `ca.directory`.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Directory of the certificates for apps, instead of `ca.bundle`.
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    /// Prints the CA's certificate instead.
    #[arg(long, conflicts_with = "env")]
    print: bool,
    /// Prints the environment variables that an app needs instead, for a shell to read.
    #[arg(long)]
    env: bool,
}

pub(super) fn ca(arguments: &Arguments) -> Result<(), Stop> {
    let (mut settings, hosts) = match &arguments.config {
        Some(file) => {
            let config = Config::load(file, &environment)?;
            (config.ca.clone(), ca::hosts(&config))
        }
        None => (Ca::default(), arguments.host.iter().cloned().collect()),
    };
    if let Some(directory) = &arguments.directory {
        settings.directory.clone_from(directory);
    }
    if let Some(bundle) = &arguments.bundle {
        settings.bundle.clone_from(bundle);
    }
    let authority = Authority::open(&settings, &hosts, SystemTime::now())?;
    if arguments.print {
        let pem = std::fs::read_to_string(authority.certificate_file())?;
        return say(&pem);
    }
    if arguments.env {
        return say(&exports(&std::path::absolute(&settings.bundle)?));
    }
    say(&describe(&authority))
}

fn describe(authority: &Authority) -> String {
    let hosts: BTreeSet<String> = authority.hosts();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let files = authority.app_files().map(|file| file.display().to_string());
    format!(
        "key           {}\nfor apps      {}\nhosts         {}\nexpires       {} (followed by the next one from {})\nfingerprint   {} (SHA-256)\n",
        authority.key_file().display(),
        files.join("\n              "),
        hosts.join("\n              "),
        date(authority.not_after()),
        date(authority.next_due()),
        authority.fingerprint(),
    )
}

/// `export` lines for a POSIX shell.
fn exports(bundle: &Path) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let lines = ca::environment(bundle)
        .map(|(name, file)| format!("export {name}={}\n", quoted(&file.display().to_string())));
    let java = quoted(&ca::java_options(bundle));
    lines.concat()
        + &format!(
            "export JAVA_TOOL_OPTIONS=\"${{JAVA_TOOL_OPTIONS:+$JAVA_TOOL_OPTIONS }}\"{java}\n"
        )
}

/// `2027-11-22`, UTC.
fn date(at: SystemTime) -> String {
    OffsetDateTime::from(at).date().to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn dates_are_written_as_people_read_them() {
        for (seconds, written) in [
            (0, "1970-01-01"),
            (951_868_799, "2000-02-29"),
            (1_795_324_260, "2026-11-22"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(UNIX_EPOCH + Duration::from_secs(seconds)), written);
        }
    }

    #[test]
    fn a_directory_of_any_name_is_one_word_to_the_shell() {
        let lines = exports(Path::new("/a b/it's"));
        assert!(
            lines.contains(r"export SSL_CERT_FILE='/a b/it'\''s/bundle.pem'"),
            "{lines}"
        );
        assert!(
            lines.contains(r"export NODE_EXTRA_CA_CERTS='/a b/it'\''s/ca.pem'"),
            "{lines}"
        );
        assert_eq!(lines.lines().count(), 7);
    }
}
