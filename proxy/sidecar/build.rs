//! Makes the price table, and says how the program is linked (`build/link.rs`).
//!
//! The table: `data/prices/*.json` become static arrays of numbers and offsets into one
//! piece of text.
//!
//! Nothing of it is parsed, allocated or relocated when Outrigger starts: the table lies in the
//! binary's read-only pages and takes memory only where it is looked at. What the data says in a
//! form that is not known here (another kind of match, another constraint) fails the build with a
//! sentence, so that an update of the data can't silently lose a price. `src/cost/prices/table.rs`
//! holds the types and looks up.

use std::{
    collections::{BTreeMap, HashMap},
    env, fs,
    path::Path,
};

use serde_json::Value;

#[path = "build/link.rs"]
mod link;
#[path = "build/words.rs"]
mod words;

use words::{clauses, days, hosts, millionths, minute, text, whole};

/// When the data was taken: the date of every price that names none of its own.
const TAKEN: &str = "2026-11-22";
/// A rate that the provider does not tell.
const NONE: u32 = u32::MAX;

fn main() -> Result<(), String> {
    for file in ["build.rs", "build", "data/prices"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let prices = read("data/prices/genai-prices.json")?;
    let limits = read("data/prices/model-limits.json")?;
    let mut table = Table::default();
    let limits = limits.as_object().ok_or("the limits are no object")?;
    table.limits = limits
        .iter()
        .map(|(k, v)| (k.clone(), (whole(&v[0]), whole(&v[1]))))
        .collect();
    let providers = prices.as_array().ok_or("the prices are no list")?;
    for (number, provider) in providers.iter().enumerate() {
        table
            .provider(number, provider, providers)
            .map_err(|e| format!("{}: {e}", provider["id"]))?;
    }
    let out = env::var("OUT_DIR").map_err(|e| e.to_string())?;
    fs::write(Path::new(&out).join("prices.rs"), table.source()?).map_err(|e| e.to_string())?;
    link::arguments(Path::new(&out))
}

fn read(file: &str) -> Result<Value, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    serde_json::from_str(&text).map_err(|e| format!("{file}: {e}"))
}

/// The arrays, each element as Rust source; `names` is the text that offsets point into.
#[derive(Default)]
struct Table {
    limits: BTreeMap<String, (u32, u32)>,
    names: String,
    known: HashMap<String, usize>,
    providers: Vec<String>,
    hosts: Vec<String>,
    families: Vec<String>,
    spellings: Vec<String>,
    rows: Vec<String>,
    eras: Vec<String>,
    rates: Vec<[u32; 4]>,
    audio: Vec<[u32; 3]>,
    exact: Vec<String>,
    rules: Vec<String>,
}

impl Table {
    fn provider(&mut self, number: usize, provider: &Value, all: &[Value]) -> Result<(), String> {
        let id = text(&provider["id"])?;
        let source = provider["pricing_urls"][0].as_str().unwrap_or_default();
        for (starts, ends, path) in hosts(id, text(&provider["api_pattern"])?)? {
            let [starts, ends, path] = [starts, ends, path].map(|t| self.text(&t));
            self.hosts.push(format!(
                "Host {{ starts: {starts}, ends: {ends}, path: {path}, provider: {number} }}"
            ));
        }
        for (clause, to_families) in [
            (&provider["model_match"], true),
            (&provider["provider_match"], false),
        ] {
            for (kind, literal) in clauses(clause)? {
                let rule = format!(
                    "Rule {{ kind: Kind::{kind}, text: {}, row: {number} }}",
                    self.text(&literal)
                );
                if to_families {
                    self.families.push(rule)
                } else {
                    self.spellings.push(rule)
                }
            }
        }
        let (first_exact, first_rule) = (self.exact.len(), self.rules.len());
        // Of two models with one name the first counts, as everywhere in this data.
        let mut exact: BTreeMap<String, usize> = BTreeMap::new();
        for model in provider["models"].as_array().ok_or("has no models")? {
            let row = self
                .model(id, model)
                .map_err(|e| format!("{}: {e}", model["id"]))?;
            for (kind, literal) in clauses(&model["match"])? {
                if kind == "Equals" {
                    exact.entry(literal).or_insert(row);
                } else {
                    let rule = format!(
                        "Rule {{ kind: Kind::{kind}, text: {}, row: {row} }}",
                        self.text(&literal)
                    );
                    self.rules.push(rule);
                }
            }
        }
        for (name, row) in exact {
            let name = self.text(&name);
            self.exact.push(format!("({name}, {row})"));
        }
        let mut fallbacks = Vec::new();
        for name in provider["fallback_model_providers"]
            .as_array()
            .into_iter()
            .flatten()
        {
            fallbacks.push(
                all.iter()
                    .position(|p| p["id"] == *name)
                    .ok_or("falls back on nobody")?,
            );
        }
        fallbacks.resize(2, usize::from(u8::MAX));
        let (id, source) = (self.text(id), self.text(source));
        self.providers.push(format!(
            "Listed {{ id: {id}, source: {source}, exact: ({first_exact}, {}), rules: ({first_rule}, {}), fallbacks: {fallbacks:?} }}",
            self.exact.len(), self.rules.len()
        ));
        Ok(())
    }

    /// The number of its row. One without a price has a row too, without eras: it must not be taken
    /// for the next model that matches.
    fn model(&mut self, provider: &str, model: &Value) -> Result<usize, String> {
        let id = text(&model["id"])?;
        let plain = [model["prices"].clone()];
        let eras = match &model["prices"] {
            Value::Array(_) => model["prices"]
                .as_array()
                .ok_or("")?
                .iter()
                .map(|e| (&e["constraint"], &e["prices"]))
                .collect(),
            _ => vec![(&Value::Null, &plain[0])],
        };
        let first = self.eras.len();
        for (constraint, prices) in eras {
            let prices = prices.as_object().ok_or("has prices in another form")?;
            // `{}` says that a model is free where its name says so too, and elsewhere that nobody
            // knows.
            if prices.is_empty() && !id.ends_with(":free") && id != "moderation" {
                continue;
            }
            let era = self.era(constraint, prices)?;
            self.eras.push(era);
        }
        let (context, output) = self.limits_of(provider, model)?;
        let row = format!(
            "Row {{ name: {}, eras: ({first}, {}), context: {context}, output: {output} }}",
            self.text(id),
            self.eras.len()
        );
        self.rows.push(row);
        Ok(self.rows.len() - 1)
    }

    fn era(
        &mut self,
        constraint: &Value,
        prices: &serde_json::Map<String, Value>,
    ) -> Result<String, String> {
        let (mut base, mut above, mut start) = ([NONE; 4], [NONE; 4], 0);
        let (mut audio, mut request) = ([NONE; 3], 0);
        for (key, value) in prices {
            let at = match key.as_str() {
                "input_mtok" => 0,
                "cache_read_mtok" => 1,
                "cache_write_mtok" => 2,
                "output_mtok" => 3,
                "requests_kcount" => {
                    // dollars for a thousand requests are millions of nano-dollars for one
                    request = millionths(value)?;
                    continue;
                }
                "input_audio_mtok" | "cache_audio_read_mtok" | "output_audio_mtok" => {
                    let at = match key.as_str() {
                        "input_audio_mtok" => 0,
                        "cache_audio_read_mtok" => 1,
                        _ => 2,
                    };
                    // fails where it has tiers
                    audio[at] = millionths(value)?;
                    continue;
                }
                _ => return Err(format!("has a price for `{key}`")),
            };
            if let Some(tiers) = value["tiers"].as_array() {
                let [tier] = tiers.as_slice() else {
                    return Err("has several tiers".into());
                };
                if start != 0 && start != whole(&tier["start"]) {
                    return Err("has tiers that begin at different lengths".into());
                }
                start = whole(&tier["start"]);
                (base[at], above[at]) = (millionths(&value["base"])?, millionths(&tier["price"])?);
            } else {
                base[at] = millionths(value)?;
            }
        }
        // embeddings have no output, free models have no prices at all
        for at in [0, 3] {
            base[at] = if base[at] == NONE { 0 } else { base[at] };
        }
        for at in 0..4 {
            above[at] = if above[at] == NONE {
                base[at]
            } else {
                above[at]
            };
        }
        let (base, above) = (self.rates(base), self.rates(above));
        let audio = place(&mut self.audio, audio);
        let mut since = 0;
        let mut minutes = (0, 0);
        if let Some(constraint) = constraint.as_object() {
            for (key, value) in constraint {
                match key.as_str() {
                    "start_date" => since = days(text(value)?)?,
                    "start_time" => minutes.0 = minute(text(value)?)?,
                    "end_time" => minutes.1 = minute(text(value)?)?,
                    _ => return Err(format!("has prices under the condition `{key}`")),
                }
            }
        }
        Ok(format!(
            "Era {{ since: {since}, minutes: {minutes:?}, base: {base}, start: {start}, above: {above}, audio: {audio}, request: {request} }}"
        ))
    }

    fn rates(&mut self, rates: [u32; 4]) -> usize {
        place(&mut self.rates, rates)
    }

    /// Context window and output limit, 0 where unknown: of the prices' data, else of the limits'
    /// entry that has the model's name as LiteLLM writes it.
    fn limits_of(&self, provider: &str, model: &Value) -> Result<(u32, u32), String> {
        let prefixes: &[&str] = match provider {
            "azure" => &["azure/", "azure_ai/"],
            "fireworks" => &["fireworks_ai/", "fireworks_ai/accounts/fireworks/models/"],
            "google" => &["gemini/", "vertex_ai/", ""],
            "moonshotai" => &["moonshot/"],
            "together" => &["together_ai/"],
            "voyageai" => &["voyage/"],
            "x-ai" => &["xai/", ""],
            "zhipuai" => &["zai/"],
            "anthropic" | "aws" | "cohere" | "openai" => &[""],
            other => &[&format!(
                "{}/",
                other.strip_prefix("huggingface_").unwrap_or(other)
            )],
        };
        let id = text(&model["id"])?;
        let mut names = vec![(true, id.to_owned())];
        for (kind, literal) in clauses(&model["match"])? {
            names.push((kind == "Equals", literal));
        }
        if provider == "openrouter" {
            names.extend(
                id.split_once('/')
                    .map(|(_, bare)| (true, format!("../{bare}"))),
            );
        }
        let mut found = None;
        for (whole_name, name) in &names {
            for prefix in prefixes {
                let key = name
                    .strip_prefix("../")
                    .map_or_else(|| format!("{prefix}{name}"), str::to_owned);
                let entry = self
                    .limits
                    .range(key.clone()..)
                    .next()
                    .filter(|(k, _)| **k == key || !whole_name && k.starts_with(&key));
                found = found.or(entry.map(|(_, limits)| *limits));
            }
        }
        let (context, output) = found.unwrap_or_default();
        Ok((
            model["context_window"]
                .as_u64()
                .map_or(context, |n| u32::try_from(n).unwrap_or(0)),
            output,
        ))
    }

    /// The place of the text in `names`.
    fn text(&mut self, text: &str) -> String {
        let at = *self.known.entry(text.to_owned()).or_insert_with(|| {
            self.names.push_str(text);
            self.names.len() - text.len()
        });
        format!("Text({at}, {})", text.len())
    }

    fn source(&self) -> Result<String, String> {
        let taken = days(TAKEN)?;
        let mut out = format!(
            "const TAKEN: Day = Day({taken});\nstatic NAMES: &str = {:?};\n",
            self.names
        );
        let mut array = |name: &str, kind: &str, items: &[String]| {
            out += &format!(
                "static {name}: [{kind}; {}] = [\n{},\n];\n",
                items.len(),
                items.join(",\n")
            );
        };
        let rates: Vec<_> = self
            .rates
            .iter()
            .map(|[i, c, w, o]| {
                format!("Rates {{ input: {i}, cached: {c}, written: {w}, output: {o} }}")
            })
            .collect();
        let audio: Vec<_> = self
            .audio
            .iter()
            .map(|[i, c, o]| format!("AudioRates {{ input: {i}, cached: {c}, output: {o} }}"))
            .collect();
        array("PROVIDERS", "Listed", &self.providers);
        array("HOSTS", "Host", &self.hosts);
        array("FAMILIES", "Rule", &self.families);
        array("SPELLINGS", "Rule", &self.spellings);
        array("ROWS", "Row", &self.rows);
        array("ERAS", "Era", &self.eras);
        array("RATES", "Rates", &rates);
        array("AUDIO", "AudioRates", &audio);
        array("EXACT", "(Text, u16)", &self.exact);
        array("RULES", "Rule", &self.rules);
        Ok(out)
    }
}

/// The place of a row, which is made where there is none.
fn place<T: PartialEq>(rows: &mut Vec<T>, row: T) -> usize {
    rows.iter()
        .position(|known| *known == row)
        .unwrap_or_else(|| {
            rows.push(row);
            rows.len() - 1
        })
}
