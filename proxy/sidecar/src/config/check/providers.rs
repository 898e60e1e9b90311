//! Addresses of upstreams, and the dialects that they offer there: by a provider's preset, or
//! written out.

use dialect::Dialect;
use route::{
    Endpoints, Family, Preset, ProviderRules, Quirks,
    provider::{Auth, Layout, Part, Parts},
};

use super::{Check, endpoint::base_url};
use crate::config::{
    Base, Kind, Upstream,
    file::{self, Text, auths_there_are, providers_there_are},
    problems::Path,
    scalars::listed,
};

/// The values of the keys that addresses are made of.
#[derive(Default)]
struct Values([Option<String>; Part::ALL.len()]);

impl Values {
    fn parts(&self) -> Parts<'_> {
        let [resource, region, project, location] = &self.0;
        Parts {
            resource: resource.as_deref(),
            region: region.as_deref(),
            project: project.as_deref(),
            location: location.as_deref(),
        }
    }
}

impl Check<'_> {
    /// An HTTP upstream's address and dialects, with every other default.
    pub(super) fn endpoint(&mut self, at: &Path, name: &str, written: &file::Upstream) -> Upstream {
        let provider = self.provider(&at.key("provider"), written.provider.as_ref());
        if written.dialect.is_some() && written.dialects.is_some() {
            let message = "stands beside `dialect`; keep one of them";
            self.problem(&at.key("dialects"), message);
        }
        let by_hand = written.dialect.is_some() && (written.url.is_some() || provider.is_none());
        let preset = provider.map(ProviderRules::preset);
        let used: &[Part] = match (preset, by_hand) {
            (Some(preset), false) => self.parts_used(written, preset),
            _ => &[],
        };
        let values = self.values(at, written, used);
        let mut bases = match (by_hand, &*written.dialects, preset) {
            (true, ..) => Vec::new(),
            (false, Some(dialects), _) => self.dialects(&at.key("dialects"), &dialects.0),
            (false, None, Some(preset)) => self.preset(at, written, preset, &values),
            // an unknown provider is a problem already
            (false, None, None) if written.provider.is_some() => Vec::new(),
            (false, None, None) => {
                self.problem(at, format!(
                    "has no `dialect`; write `dialect: openai`, `dialect: anthropic` or `dialect: gemini`, or the `provider` that it is: {}",
                    providers_there_are()
                ));
                Vec::new()
            }
        };
        let family = match (bases.first(), by_hand) {
            (Some(base), _) => base.family,
            (None, true) => self.family(&at.key("dialect"), written.dialect.as_ref()),
            (None, false) => Family::Openai,
        };
        let kind = self.kind(at, written, preset, &values, &mut bases);
        let mut upstream = Upstream::of(name, family, kind);
        upstream.bases = bases;
        if let Some(provider) = provider {
            upstream.provider = provider;
            upstream.quirks = Quirks::of(Some(provider));
        }
        upstream.usage = upstream.speaks(Family::Openai) && upstream.quirks.takes_stream_options;
        upstream.api_version = self.api_version(at, written, &upstream);
        self.auth(at, written, &mut upstream, preset.filter(|_| !by_hand));
        upstream
    }

    /// The model inside the binary, with every default.
    pub(super) fn embedded(&mut self, at: &Path, name: &str, written: &file::Upstream) -> Upstream {
        // Bound to one family it is as a provider's endpoint, and others are translated for it.
        let family = match written.dialect.is_some() {
            true => self.family(&at.key("dialect"), written.dialect.as_ref()),
            false => Family::Every,
        };
        let default = Upstream::of(name, family, Kind::Embedded);
        let provider = self.provider(&at.key("provider"), written.provider.as_ref());
        // Of a provider that needs no more to be known, it has the dialects and paths.
        let preset = provider.map(ProviderRules::preset);
        let preset = preset.filter(|preset| {
            let mut bases = preset.bases.iter();
            written.dialect.is_none() && bases.all(|base| !base.path.contains('{'))
        });
        let bases = preset.map(|preset| self.preset(at, written, preset, &Values::default()));
        let bases = bases.unwrap_or_default();
        Upstream {
            provider: provider.unwrap_or(default.provider),
            family: bases.first().map_or(default.family, |base| base.family),
            bases,
            ..default
        }
    }

    fn provider(&mut self, at: &Path, written: Option<&Text>) -> Option<ProviderRules> {
        self.parsed(at, written, None, |text| {
            ProviderRules::named(text).map(Some).ok_or_else(|| {
                format!(
                    "is none of {}; write one of them, or leave the key out, write `dialect` and `url`, and describe its errors under `failures`",
                    providers_there_are()
                )
            })
        })
    }

    fn family(&mut self, at: &Path, written: Option<&Text>) -> Family {
        self.parsed(at, written, Family::Openai, |text| {
            family_named(text).ok_or_else(|| match text {
                "bedrock" | "azure" | "vertex" => format!(
                    "is a provider and no dialect; write `provider: {text}`, or one of `openai`, `anthropic` or `gemini`"
                ),
                _ => "is no dialect; write `openai`, `anthropic` or `gemini`".to_owned(),
            })
        })
    }

    /// The keys that the address of a provider, or a path below it, is made of here.
    fn parts_used(&self, written: &file::Upstream, preset: &'static Preset) -> &'static [Part] {
        let parts = preset.address.parts();
        let in_paths = |part: &&Part| {
            let name = ["{", part.name(), "}"].concat();
            preset.bases.iter().any(|base| base.path.contains(&name))
        };
        // all of them or none: a path has what a region's host has not
        match written.url.is_none() || parts.iter().any(|part| in_paths(&part)) {
            true => parts,
            false => &[],
        }
    }

    /// The values of what addresses are made of. One that is of no use is a mistake, as is the lack
    /// of one that is needed.
    fn values(&mut self, at: &Path, written: &file::Upstream, used: &[Part]) -> Values {
        let mut values = Values::default();
        for (part, slot) in Part::ALL.into_iter().zip(&mut values.0) {
            let (key, is_used) = (at.key(part.name()), used.contains(&part));
            let text = match part {
                Part::Resource => written.resource.as_ref(),
                Part::Region => written.region.as_ref(),
                Part::Project => written.project.as_ref(),
                Part::Location => written.location.as_ref(),
            };
            match (text, is_used) {
                (Some(_), true) => {
                    let value =
                        self.parsed(&key, text, None, |text| part_value(part, text).map(Some));
                    *slot = Some(value.unwrap_or_else(|| part.example().to_owned()));
                }
                (None, true) => {
                    let names: Vec<_> =
                        used.iter().map(|one| format!("`{}`", one.name())).collect();
                    let message = format!(
                        "has no `{}`, and its address is made of {}; write one like `{0}: {}`",
                        part.name(),
                        listed(&names, "and"),
                        part.example()
                    );
                    self.problem(at, message);
                    *slot = Some(part.example().to_owned());
                }
                // everywhere else it is a label
                (Some(_), false) if part != Part::Region => {
                    self.problem(&key, match part {
                        Part::Resource => "has no effect here; it makes the address of `azure` and `foundry` where no `url` is written",
                        _ => "has no effect here; it makes the address of `vertex` where no `dialect` is written",
                    });
                }
                _ => {}
            }
        }
        values
    }

    /// The bases of a provider, or those of the family that is written.
    fn preset(
        &mut self,
        at: &Path,
        written: &file::Upstream,
        preset: &Preset,
        values: &Values,
    ) -> Vec<Base> {
        let only = written.dialect.as_ref();
        let only = only.map(|text| self.family(&at.key("dialect"), Some(text)));
        let parts = values.parts();
        let offered =
            (preset.bases.iter()).filter(|base| only.is_none_or(|only| base.family == only));
        let bases: Vec<_> = offered
            .map(|base| Base {
                family: base.family,
                dialects: base.dialects,
                path: parts.fill(base.path),
                layout: base.layout,
                auth: base.auth,
                claims: match only {
                    Some(_) => &[],
                    None => base.claims,
                },
            })
            .collect();
        if bases.is_empty() {
            let families: Vec<_> = preset
                .bases
                .iter()
                .map(|base| family_name(base.family))
                .collect();
            let message = format!(
                "is not offered by this provider; write {}, or leave the key out for all that it offers",
                listed(&families, "or")
            );
            self.problem(&at.key("dialect"), message);
        }
        bases
    }

    /// Families and dialects with their paths; OpenAI's first.
    fn dialects(
        &mut self,
        at: &Path,
        written: &std::collections::BTreeMap<String, Text>,
    ) -> Vec<Base> {
        if written.is_empty() {
            self.problem(at, "is empty; write one like `openai: /v1`");
        }
        let mut bases = Vec::new();
        for (word, path) in written {
            let at = at.key(word);
            let family = family_named(word).map(|family| (family, Endpoints::of_family(family)));
            let of_dialect = || {
                let dialect = Dialect::named(word)?;
                Some((Family::of(dialect)?, Endpoints::NONE.with(dialect)))
            };
            let Some((family, dialects)) = family.or_else(of_dialect) else {
                let all = Dialect::ALL.into_iter().filter(|dialect| dialect.is_read());
                let all: Vec<_> = all.map(|dialect| format!("`{}`", dialect.name())).collect();
                self.problem(
                    &at,
                    format!(
                        "is no dialect; write `openai`, `anthropic` or `gemini`, or one of {}",
                        listed(&all, "and")
                    ),
                );
                continue;
            };
            bases.push(Base {
                family,
                dialects,
                path: self.parsed(&at, Some(path), String::new(), base_path),
                layout: Layout::Plain,
                auth: Auth::of_family(family),
                claims: &[],
            });
        }
        crate::ordered::sort_by_key(&mut bases, |base| base.family as u8);
        bases
    }

    /// The address, and the paths of bases below it.
    fn kind(
        &mut self,
        at: &Path,
        written: &file::Upstream,
        preset: Option<&Preset>,
        values: &Values,
        bases: &mut [Base],
    ) -> Kind {
        let (origin, mut prefix) = match (&*written.url, preset) {
            (None, Some(preset)) => match preset.address.url(&values.parts()) {
                Some(url) => (url.parse().unwrap_or_default(), String::new()),
                None => {
                    self.problem(at, "has no `url`, and this provider has hosts of several regions; write the one that your key is of");
                    Default::default()
                }
            },
            (url, _) => {
                if url.is_none() && (written.dialect.is_some() || written.dialects.is_some()) {
                    self.problem(at, "has no `url`; write one like `url: https://api.openai.com/v1`, or the `provider` that it is, or `kind: embedded`");
                }
                self.parsed(&at.key("url"), url.as_ref(), Default::default(), base_url)
            }
        };
        if let Some(main) = bases.first() {
            let root = match *written.dialects {
                Some(_) => prefix.as_str(),
                None => without_overlap(&prefix, &main.path),
            }
            .to_owned();
            for base in &mut *bases {
                base.path.insert_str(0, &root);
            }
            prefix = bases
                .first()
                .map(|base| base.path.clone())
                .unwrap_or_default();
        }
        let roots = self.roots(&at.key("roots"), written.roots.as_ref());
        let roots = roots.map(|(path, _)| path);
        Kind::Http {
            origin,
            prefix,
            roots,
        }
    }

    fn api_version(
        &mut self,
        at: &Path,
        written: &file::Upstream,
        upstream: &Upstream,
    ) -> Option<Box<str>> {
        let at = at.key("api_version");
        let is_azure = upstream
            .bases
            .iter()
            .any(|base| base.layout == Layout::Azure);
        let text = written.api_version.as_ref()?;
        if !is_azure {
            self.problem(&at, "has no effect here; it is for `provider: azure` and `provider: foundry` without a `dialect` beside `url`");
            return None;
        }
        self.parsed(&at, Some(text), None, |text| {
            let is_version = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            match !text.is_empty() && text.bytes().all(is_version) {
                true => Ok(Some(text.into())),
                false => Err("is no version; write one like `2024-10-21` or `preview`".to_owned()),
            }
        })
    }

    /// The header of keys: as it is written, else none where nobody needs a key, else as the bases
    /// have it.
    fn auth(
        &mut self,
        at: &Path,
        written: &file::Upstream,
        upstream: &mut Upstream,
        preset: Option<&Preset>,
    ) {
        let at = at.key("auth");
        let has_keys =
            written.key.is_some() || written.keys.is_some() || written.identity.is_some();
        let own = self.parsed(&at, written.auth.as_ref(), None, |text| {
            Auth::named(text)
                .map(Some)
                .ok_or_else(|| format!("is none of {}; write one of them", auths_there_are()))
        });
        if own == Some(Auth::None) && has_keys {
            self.problem(&at, "sends no key, and one is written; remove one of them");
        }
        let keyless = preset.is_some_and(|preset| preset.keyless) && !has_keys;
        if let Some(auth) = own.or(keyless.then_some(Auth::None)) {
            upstream.auth = auth;
            for base in &mut upstream.bases {
                base.auth = auth;
            }
        } else if let Some(base) = upstream.bases.first() {
            upstream.auth = base.auth;
        }
    }
}

fn family_named(text: &str) -> Option<Family> {
    match text {
        "openai" => Some(Family::Openai),
        "anthropic" => Some(Family::Anthropic),
        "gemini" => Some(Family::Gemini),
        _ => None,
    }
}

const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Openai | Family::Every => "`openai`",
        Family::Anthropic => "`anthropic`",
        Family::Gemini => "`gemini`",
    }
}

/// Reads a part of an address. It becomes a part of a host or of a path, and is nothing more.
fn part_value(part: Part, text: &str) -> Result<String, String> {
    let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_right = |byte: u8| match part {
        // projects of domains are `example.com:name`
        Part::Project => is_label(byte) || matches!(byte, b'.' | b':'),
        Part::Resource | Part::Region | Part::Location => is_label(byte),
    };
    let edge = text.starts_with(['-', '.']) || text.ends_with(['-', '.']);
    match !text.is_empty() && !edge && text.len() <= 63 && text.bytes().all(is_right) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "is no name of a {}; write one like `{}`",
            part.name(),
            part.example()
        )),
    }
}

/// Reads the path of a base: empty, or from a slash on and without one at its end.
fn base_path(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    let is_path = path.is_empty() || path.starts_with('/');
    let dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    let parsed = path.is_empty() || http::uri::PathAndQuery::try_from(path).is_ok();
    match is_path && !dots && !path.contains(['?', '#']) && parsed {
        true => Ok(path.to_owned()),
        false => Err("is no path below `url`; write one like `/v1`, or an empty one".to_owned()),
    }
}

/// The beginning of a written path, without what it has in common with the beginning of a base's:
/// whoever writes `https://host/openai` or `https://host/openai/v1` means the base `/openai/v1`.
fn without_overlap<'a>(written: &'a str, base: &str) -> &'a str {
    let ends = base.match_indices('/').map(|(at, _)| at).skip(1);
    let ends = ends.chain([base.len()]);
    let overlaps = ends.filter_map(|end| written.strip_suffix(base.get(..end)?));
    overlaps.last().unwrap_or(written)
}
