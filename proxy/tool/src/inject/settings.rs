//! The settings of a pod: the defaults of whoever injects, and over them what the pod's own
//! annotations say.

use std::collections::BTreeMap;

use super::{names, tree::Node};

/// The means by which the app's calls get to the sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Connections to port 443 are redirected; the app changes nothing and trusts the pod's CA.
    #[default]
    Transparent,
    /// `HTTPS_PROXY`, and the pod's CA.
    ForwardProxy,
    /// `OPENAI_BASE_URL` and its like; no CA, no rules.
    BaseUrl,
}

impl Mode {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, Self); 3] = [
        ("transparent", Self::Transparent),
        ("forward-proxy", Self::ForwardProxy),
        ("base-url", Self::BaseUrl),
    ];

    /// Returns the mode's name in annotations.
    pub fn name(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, mode)| *mode == self);
        known.map_or("", |(name, _)| name)
    }

    /// True if the app must trust the pod's CA.
    pub fn has_ca(self) -> bool {
        self != Self::BaseUrl
    }
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text);
        known.map(|(_, mode)| *mode).ok_or_else(|| {
            format!("`{text}` is no mode; take transparent, forward-proxy or base-url")
        })
    }
}

/// The source of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policies {
    /// A ConfigMap of the pod's namespace.
    ConfigMap(String),
    /// `oci://…`, as `outrigger pull` takes it.
    Registry(String),
}

impl std::str::FromStr for Policies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(reference) = text.strip_prefix("oci://") else {
            return object_name(text).map(Self::ConfigMap);
        };
        let plain = reference.contains('/') && !reference.contains(is_odd);
        checked(
            text,
            plain,
            "is no reference; write oci://REGISTRY/NAME@sha256:DIGEST",
        )?;
        let digest = reference.split_once('@').map(|(_, digest)| digest);
        let whole = digest.is_none_or(|digest| {
            let hex = digest.strip_prefix("sha256:").unwrap_or_default();
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
        });
        let otherwise = "has no whole digest; it is @sha256: and 64 hexadecimal digits";
        checked(text, whole, otherwise).map(Self::Registry)
    }
}

fn checked(text: &str, right: bool, otherwise: &str) -> Result<String, String> {
    match right {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` {otherwise}")),
    }
}

fn is_odd(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// A name that Kubernetes takes for a ConfigMap or a Secret (RFC 1123 subdomain).
pub(super) fn object_name(text: &str) -> Result<String, String> {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'.');
    let edge = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let right = (1..=253).contains(&bytes.len())
        && bytes.iter().copied().all(fits)
        && edge(bytes.first())
        && edge(bytes.last());
    let otherwise = "is no name of an object; take small letters, digits, `-` and `.`";
    checked(text, right, otherwise)
}

fn image(text: &str) -> Result<String, String> {
    let right = !text.is_empty() && !text.contains(is_odd);
    checked(text, right, "is no image")
}

fn quantity(text: &str) -> Result<String, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let units = ["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"];
    let number = text.strip_suffix(unit).unwrap_or_default();
    let right = number.parse::<f64>().is_ok_and(|n| n > 0.0) && units.contains(&unit);
    checked(text, right, "is no quantity; write 20m, 0.5, 64Mi")
}

/// A token of the cluster for the sidecar: its file's name, and the audience that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Name of its file.
    pub file: String,
    /// The audience, such as `https://api.anthropic.com`.
    pub audience: String,
}

/// Reads `AUDIENCE`, whose file is `token`, or `FILE=AUDIENCE`, or several of either with commas
/// between.
fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let otherwise = || {
        format!(
            "`{text}` is no audience; write one like `https://api.anthropic.com`, or `anthropic=https://api.anthropic.com,openai=https://api.openai.com/v1`"
        )
    };
    let mut all: Vec<Token> = Vec::new();
    for entry in text.split(',').map(str::trim) {
        let (file, audience) = entry.split_once('=').unwrap_or(("token", entry));
        let right = !audience.is_empty() && !audience.contains(is_odd);
        let is_twin = all.iter().any(|known| known.file == file);
        if !right || is_twin || object_name(file).is_err() {
            return Err(otherwise());
        }
        all.push(Token {
            file: file.to_owned(),
            audience: audience.to_owned(),
        });
    }
    Ok(all)
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is neither true nor false"))
}

/// The settings of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The means by which calls get in.
    pub mode: Mode,
    /// The image of all containers that are added.
    pub image: String,
    /// The ConfigMap that holds `outrigger.yaml`.
    pub config: String,
    /// The source of policies.
    pub policies: Policies,
    /// A Secret that becomes the sidecar's environment, the providers' keys say.
    pub secret: Option<String>,
    /// Tokens of the cluster that upstreams' `identity` reads, in the sidecar alone.
    pub tokens: Vec<Token>,
    /// A container beside the app's instead of a native sidecar: for Kubernetes before 1.29.
    pub plain: bool,
    /// Leaves a container's own CA variables alone instead of refusing it.
    pub keep_ca: bool,
    /// Requested CPU of the sidecar.
    pub cpu_request: String,
    /// Requested memory of the sidecar.
    pub memory_request: String,
    /// Limit of the sidecar's memory.
    pub memory_limit: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            image: format!("{}:{}", names::IMAGE, names::VERSION),
            config: names::DEFAULT_CONFIG.to_owned(),
            policies: Policies::ConfigMap(names::DEFAULT_POLICIES.to_owned()),
            secret: None,
            tokens: Vec::new(),
            plain: false,
            keep_ca: false,
            cpu_request: "20m".to_owned(),
            memory_request: "32Mi".to_owned(),
            memory_limit: "128Mi".to_owned(),
        }
    }
}

impl Settings {
    /// The keys that can be set, in annotations (`outrigger.dev/KEY`) and in the webhook's file of
    /// defaults (`KEY: …`).
    pub const KEYS: [&'static str; 11] = [
        "mode",
        "image",
        "config",
        "policies",
        "secret",
        "identity-audience",
        "plain-container",
        "keep-ca",
        "cpu-request",
        "memory-request",
        "memory-limit",
    ];

    /// Sets one of [`Self::KEYS`].
    ///
    /// # Errors
    /// A sentence without the key: it is not known, or its value is none for it.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
        match key {
            "mode" => self.mode = text.parse()?,
            "image" => self.image = image(text)?,
            "config" => self.config = object_name(text)?,
            "policies" => self.policies = text.parse()?,
            "secret" => self.secret = Some(object_name(text)?),
            "identity-audience" => self.tokens = tokens(text)?,
            "plain-container" => self.plain = yes_or_no(text)?,
            "keep-ca" => self.keep_ca = yes_or_no(text)?,
            "cpu-request" => self.cpu_request = quantity(text)?,
            "memory-request" => self.memory_request = quantity(text)?,
            "memory-limit" => self.memory_limit = quantity(text)?,
            _ => {
                let known = Self::KEYS.join(", ");
                return Err(format!("not known; there are {known}"));
            }
        }
        Ok(())
    }

    /// The value of one of [`Self::KEYS`], as it is written; empty where there is none.
    fn value(&self, key: &str) -> String {
        match key {
            "mode" => self.mode.name().to_owned(),
            "image" => self.image.clone(),
            "config" => self.config.clone(),
            "policies" => match &self.policies {
                Policies::ConfigMap(name) | Policies::Registry(name) => name.clone(),
            },
            "secret" => self.secret.clone().unwrap_or_default(),
            "identity-audience" => {
                let entries = self.tokens.iter();
                let entries = entries.map(|token| [&token.file, "=", &token.audience].concat());
                entries.collect::<Vec<_>>().join(",")
            }
            "plain-container" => self.plain.to_string(),
            "keep-ca" => self.keep_ca.to_string(),
            "cpu-request" => self.cpu_request.clone(),
            "memory-request" => self.memory_request.clone(),
            "memory-limit" => self.memory_limit.clone(),
            _ => String::new(),
        }
    }

    /// Returns what differs from the product's defaults, by key.
    pub(super) fn overrides(&self) -> BTreeMap<String, String> {
        let usual = Self::default();
        let keys = Self::KEYS
            .iter()
            .filter(|key| self.value(key) != usual.value(key));
        keys.map(|key| ((*key).to_owned(), self.value(key)))
            .collect()
    }

    /// Returns the product's defaults with what [`Self::overrides`] returned.
    ///
    /// # Errors
    /// A sentence: somebody else wrote them.
    pub(super) fn from_overrides(overrides: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut settings = Self::default();
        for (key, value) in overrides {
            settings
                .set(key, value)
                .map_err(|why| format!("{key}: {why}"))?;
        }
        Ok(settings)
    }

    /// Returns these settings as the pod's annotations change them. `metadata` is the pod's.
    ///
    /// # Errors
    /// A sentence per annotation that is not known or has no sense.
    pub(super) fn for_pod(&self, metadata: Option<&Node>) -> Result<Self, Vec<String>> {
        let mut settings = self.clone();
        let mut wrong = Vec::new();
        for (key, text) in annotations(metadata) {
            let full = format!("{}{key}", names::DOMAIN);
            if [names::INJECTED, names::RECORD].contains(&full.as_str()) {
                continue;
            }
            let checked = match key {
                "inject" if ["enabled", "disabled"].contains(&text) => Ok(()),
                "inject" => Err(format!("`{text}` is neither enabled nor disabled")),
                _ => match key.strip_prefix("tag-") {
                    Some(tag) if policy::tags::is_name(tag) => Ok(()),
                    Some(tag) => Err(format!(
                        "`{tag}` is no tag; take small letters, digits, `-` and `_`, 32 at most"
                    )),
                    None => settings.set(key, text),
                },
            };
            if let Err(why) = checked {
                let extra = if why.starts_with("not known") {
                    ", inject and tag-NAME"
                } else {
                    ""
                };
                wrong.push(format!("annotation {full}: {why}{extra}"));
            }
        }
        if wrong.is_empty() {
            Ok(settings)
        } else {
            Err(wrong)
        }
    }
}

/// Our annotations: what follows the domain, and the value.
pub(super) fn annotations(metadata: Option<&Node>) -> impl Iterator<Item = (&str, &str)> {
    let all = metadata.and_then(|metadata| metadata.get("annotations"));
    let entries = all.map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|entry| {
        let key = entry.key.chars()?.strip_prefix(names::DOMAIN)?;
        Some((key, entry.value.chars().unwrap_or_default()))
    })
}

/// True if a pod says that it wants none of this: by annotation, or by a label of the same name,
/// which the webhook's selector looks at.
pub(super) fn declined(metadata: Option<&Node>) -> bool {
    ["annotations", "labels"].iter().any(|kind| {
        let all = metadata.and_then(|metadata| metadata.get(kind));
        all.and_then(|all| all.str(names::INJECT)) == Some("disabled")
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::inject::read::read;

    fn of(yaml: &str) -> Result<Settings, Vec<String>> {
        Settings::default().for_pod(Some(&read(yaml).unwrap().root))
    }

    #[test]
    fn annotations_go_before_defaults() {
        let digest = "a".repeat(64);
        let settings = of(&format!("annotations:\n  outrigger.dev/mode: base-url\n  outrigger.dev/policies: oci://ghcr.io/a/b@sha256:{digest}\n  outrigger.dev/secret: keys\n  outrigger.dev/plain-container: 'true'\n  outrigger.dev/inject: enabled\n  outrigger.dev/tag-tenant: acme\n  outrigger.dev/memory-limit: 256Mi\n  other.dev/mode: x\n")).unwrap();
        assert_eq!((settings.mode, settings.plain), (Mode::BaseUrl, true));
        assert_eq!(
            settings.policies,
            Policies::Registry(format!("oci://ghcr.io/a/b@sha256:{digest}"))
        );
        assert_eq!(
            (settings.secret.as_deref(), settings.memory_limit.as_str()),
            (Some("keys"), "256Mi")
        );
        assert_eq!(
            settings.image,
            format!("ghcr.io/outrigger-proxy/outrigger:{}", names::VERSION)
        );
    }

    #[test]
    fn audiences_have_a_file_each() {
        let files = |text: &str| {
            let read = of(&format!(
                "annotations: {{ outrigger.dev/identity-audience: '{text}' }}"
            ));
            let tokens = read.unwrap().tokens.into_iter();
            let tokens = tokens.map(|token| (token.file, token.audience));
            tokens.collect::<Vec<_>>()
        };
        let pair = |file: &str, audience: &str| (file.to_owned(), audience.to_owned());
        let one = "https://api.anthropic.com";
        assert_eq!(files(one), [pair("token", one)]);
        assert_eq!(
            files("anthropic=https://api.anthropic.com, openai=https://api.openai.com/v1"),
            [
                pair("anthropic", one),
                pair("openai", "https://api.openai.com/v1")
            ]
        );
        let mut settings = Settings::default();
        settings.set("identity-audience", one).unwrap();
        let again = Settings::from_overrides(&settings.overrides()).unwrap();
        assert_eq!(again, settings);
    }

    #[test]
    fn each_way_to_get_an_annotation_wrong_has_its_sentence() {
        for (line, says) in [
            ("mode: proxy", "`proxy` is no mode; take transparent"),
            ("mod: base-url", "not known; there are mode, image"),
            ("inject: 'true'", "neither enabled nor disabled"),
            ("config: A_B", "is no name of an object"),
            ("policies: oci://x", "is no reference"),
            ("policies: oci://x/y@sha256:12", "has no whole digest"),
            ("secret: ''", "is no name of an object"),
            ("identity-audience: ''", "is no audience; write one like"),
            ("identity-audience: 'a,b'", "is no audience"),
            ("identity-audience: '../x=a'", "is no audience"),
            ("keep-ca: maybe", "neither true nor false"),
            ("memory-limit: much", "is no quantity"),
            ("image: 'a b'", "is no image"),
            ("tag-Tenant: x", "is no tag"),
        ] {
            let wrong = of(&format!("annotations: {{ outrigger.dev/{line} }}")).unwrap_err();
            assert!(
                wrong[0].starts_with("annotation outrigger.dev/"),
                "{wrong:?}"
            );
            assert!(wrong[0].contains(says), "{line}: {wrong:?}");
        }
    }

    #[test]
    fn a_pod_declines_by_annotation_or_label() {
        let declines = |yaml: &str| declined(Some(&read(yaml).unwrap().root));
        assert!(declines("annotations: { outrigger.dev/inject: disabled }"));
        assert!(declines("labels: { outrigger.dev/inject: disabled }"));
        assert!(!declines("labels: { outrigger.dev/inject: enabled }"));
    }
}
