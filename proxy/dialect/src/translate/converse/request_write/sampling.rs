//! `inferenceConfig`, and what of sampling only some makers' models take.

use super::{
    super::{super::loss::Refused, family::Family},
    Writer, is_blank, open,
    reasoning::Plan,
};

/// The least `top_p` that Claude takes while it thinks.
const LEAST_TOP_P: f64 = 0.95;
/// The most texts to stop at: see `InferenceConfiguration`.
const MOST_STOPS: usize = 2500;

impl Writer<'_, '_> {
    pub(super) fn sampling(&mut self, plan: &Plan) -> Result<(), Refused> {
        self.check_stop()?;
        let (request, takes) = (self.request, self.target.takes);
        let is_narrow = plan.thinks() || plan.reasons && takes.refuses_sampling_with_reasoning;
        let temperature =
            request
                .temperature
                .filter(|number| match takes.refuses_temperature || is_narrow {
                    true => value(number) == Some(1.0),
                    false => is_within(number, 0.0),
                });
        let top_p = request.top_p.filter(|number| {
            let is_taken = match (takes.refuses_top_p, is_narrow) {
                (true, _) => value(number) == Some(1.0),
                (false, true) => is_within(number, LEAST_TOP_P),
                (false, false) => is_within(number, 0.0),
            };
            is_taken && !(temperature.is_some() && takes.refuses_temperature_with_top_p)
        });
        if temperature.is_none() && request.temperature.is_some() {
            self.dropped.add("temperature");
        }
        if top_p.is_none() && request.top_p.is_some() {
            self.dropped.add("top_p");
        }
        self.top_k(is_narrow);
        if plan.max.is_none() && temperature.is_none() && top_p.is_none() && request.stop.is_empty()
        {
            return Ok(());
        }
        open(&mut self.json, "inferenceConfig", b'{');
        if let Some(max) = plan.max {
            self.json.key("maxTokens").number(max);
        }
        for (name, value) in [("temperature", temperature), ("topP", top_p)] {
            if let Some(value) = value {
                self.json.key(name).source(value);
            }
        }
        if !request.stop.is_empty() {
            self.json.key("stopSequences").array(|json| {
                for stop in &request.stop {
                    json.text(stop);
                }
            });
        }
        self.json.0.push(b'}');
        Ok(())
    }

    fn check_stop(&self) -> Result<(), Refused> {
        let stop = &self.request.stop;
        if stop.is_empty() {
            return Ok(());
        }
        let why = if self.target.takes.refuses_stop {
            "is not taken by the target's model"
        } else if stop.len() > MOST_STOPS {
            "has more texts than the target's dialect takes"
        } else if self.family == Family::Claude && stop.iter().any(is_blank) {
            "has a text of nothing but whitespace, which the target's model does not take"
        } else {
            return Ok(());
        };
        Err(Refused::new("stop", why))
    }

    fn top_k(&mut self, is_narrow: bool) {
        let Some(top_k) = self.request.top_k else {
            return;
        };
        match self.family {
            Family::Claude | Family::Mistral if !is_narrow && !self.target.takes.refuses_top_k => {
                self.additional.key("top_k").source(top_k);
            }
            Family::Nova | Family::Nova2 if !self.target.takes.refuses_top_k => {
                self.additional
                    .key("inferenceConfig")
                    .object(|json| _ = json.key("topK").source(top_k));
            }
            Family::Claude
            | Family::Mistral
            | Family::Nova
            | Family::Nova2
            | Family::Openai
            | Family::Other => self.dropped.add("top_k"),
        }
    }
}

/// The value of a number, for comparisons.
fn value(number: &[u8]) -> Option<f64> {
    str::from_utf8(number).ok()?.parse().ok()
}

/// Reports whether a number is between `least` and 1: Converse takes none above.
fn is_within(number: &[u8], least: f64) -> bool {
    value(number).is_some_and(|number| (least..=1.0).contains(&number))
}
