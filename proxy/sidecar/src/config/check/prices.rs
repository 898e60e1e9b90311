//! `prices:` and the file that it names.

use std::{collections::BTreeMap, path::PathBuf};

use super::Check;
use crate::{
    config::{
        Config, Kind, PriceLine, PriceRates, Prices, Target,
        file::{self, Dollars, PriceFile},
        problems::{Path, Problem, io_words},
        values,
    },
    cost,
    exchange::generation,
};

impl Check<'_> {
    pub(super) fn prices(&mut self, written: file::Prices) -> Prices {
        let at = Path::default().key("prices");
        let file_at = at.key("file");
        let file = self
            .text(&file_at, written.file.as_ref())
            .unwrap_or_default();
        let mut models = BTreeMap::new();
        if written.file.is_some() && !file.is_empty() {
            match std::fs::read_to_string(&file) {
                Ok(yaml) => models = self.price_file(&file, &yaml),
                Err(error) => self.problem(
                    &file_at,
                    format!("names a file that can't be read: {}", io_words(&error)),
                ),
            }
            self.read.push(PathBuf::from(&file));
        } else if written.file.is_some() {
            self.problem(&file_at, "is empty; name a file, or leave the key out");
        }
        Prices {
            file,
            models,
            reply_header: written.reply_header.unwrap_or(false),
        }
    }

    /// Reports targets of which a cap on costs says nothing, as they have no price. The embedded model
    /// costs nothing.
    pub(super) fn caps_have_prices(&mut self, config: &Config) {
        let now = generation::now();
        let mut known = None;
        for (name, alias) in &config.models {
            if alias.max_cost.is_none() {
                continue;
            }
            let known = known.get_or_insert_with(|| cost::Prices::of(config));
            let canary = alias.canary.as_ref().map(|canary| &canary.target);
            let targets = alias.targets.iter().map(|of| &of.target).chain(canary);
            let unpriced = targets.filter(|target| {
                let upstream = config.upstreams.get(&target.upstream);
                let is_embedded = upstream.is_some_and(|of| matches!(of.kind, Kind::Embedded));
                !is_embedded && known.find(&target.upstream, &target.model, now).is_none()
            });
            let at = Path::default().key("models").key(name).key("max_usd");
            for Target { upstream, model } in unpriced {
                self.problem(
                    &at,
                    format!("caps costs, and `{upstream}/{model}` has no price, so the cap says nothing of it; add it under `prices`, or leave `max_usd` out"),
                );
            }
        }
    }

    /// The prices in the file; its problems bear its own name and lines.
    fn price_file(&mut self, name: &str, yaml: &str) -> BTreeMap<String, PriceLine> {
        let written = match PriceFile::read(yaml) {
            Ok(written) => written,
            Err(error) => {
                self.problems.push(Problem::from_yaml(name, yaml, &error));
                return BTreeMap::new();
            }
        };
        let mut inner = Check {
            name,
            yaml,
            env: self.env,
            machine: self.machine,
            problems: Vec::new(),
            absent: Vec::new(),
            read: Vec::new(),
        };
        let models = inner.price_lines(written);
        self.problems.append(&mut inner.problems);
        self.absent.append(&mut inner.absent);
        models
    }

    fn price_lines(&mut self, written: PriceFile) -> BTreeMap<String, PriceLine> {
        let at = Path::default().key("models");
        if written.models.0.is_empty() {
            self.problem(&at, "names no model; add one, or leave `prices.file` out");
        }
        let mut lines: BTreeMap<String, PriceLine> = BTreeMap::new();
        for (model, price) in written.models.0 {
            let at = at.key(&model);
            if model.is_empty() || model.len() > 200 || model.chars().any(char::is_control) {
                self.problem(
                    &at,
                    "is no name of a model; write one, or a pattern like `my-*`",
                );
            }
            if let Some(twin) = lines.keys().find(|k| k.eq_ignore_ascii_case(&model)) {
                let message = format!(
                    "differs from `{twin}` in capitals only, which count for nothing; remove one"
                );
                self.problem(&at, message);
            }
            let line = self.price_line(&at, price);
            lines.insert(model, line);
        }
        lines
    }

    fn price_line(&mut self, at: &Path, written: file::Price) -> PriceLine {
        let above = written.above.map(|above| {
            let at = at.key("above");
            let tokens = self.parsed(&at.key("tokens"), Some(&above.tokens), 1, |text| match text
                .parse()
            {
                Ok(tokens @ 1..=1_000_000_000_000_u64) => Ok(tokens),
                _ => Err(format!(
                    "`{text}` is not a number of tokens; write one like `200000`"
                )),
            });
            let rates = self.rates(
                &at,
                [&above.input, &above.output],
                [&above.cached, &above.written],
            );
            (tokens, rates)
        });
        let request = self.dollars(&at.key("request"), written.request.as_ref());
        PriceLine {
            base: self.rates(
                at,
                [&written.input, &written.output],
                [&written.cached, &written.written],
            ),
            above,
            request: u64::from(request.unwrap_or(0)) * 1000,
        }
    }

    fn rates(
        &mut self,
        at: &Path,
        [input, output]: [&Dollars; 2],
        [cached, written]: [&Option<Dollars>; 2],
    ) -> PriceRates {
        let input = self.dollars(&at.key("input"), Some(input));
        let cached = self.dollars(&at.key("cached"), cached.as_ref());
        let written = self.dollars(&at.key("written"), written.as_ref());
        let output = self.dollars(&at.key("output"), Some(output));
        PriceRates {
            input: input.unwrap_or(0),
            cached,
            written,
            output: output.unwrap_or(0),
        }
    }

    fn dollars(&mut self, at: &Path, written: Option<&Dollars>) -> Option<u32> {
        Some(self.parsed(at, Some(written?), 0, values::dollars))
    }
}
