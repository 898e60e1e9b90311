//! The size of a request in memory: its images, tools and tokens.

use serde_json::{Value, json};

use super::{
    super::{super::passages, with},
    Request,
};
use crate::Unit;

/// Assumed tokens of a reply where neither the request nor the test gives a number.
const OUTPUT_TOKENS: u64 = 256;

impl Request {
    pub(crate) fn images(&self) -> u32 {
        fn count(value: &Value) -> u32 {
            match value {
                Value::Object(map)
                    if matches!(
                        map.get("type").and_then(Value::as_str),
                        Some("image" | "image_url" | "input_image")
                    ) =>
                {
                    1
                }
                Value::Object(map) => map.values().map(count).sum(),
                Value::Array(list) => list.iter().map(count).sum(),
                _ => 0,
            }
        }
        let state = self.0.borrow();
        count(&state.body[passages::messages_key(state.dialect)])
    }
    pub(crate) fn tools(&self) -> u32 {
        let state = self.0.borrow();
        state.body["tools"]
            .as_array()
            .map_or(0, |tools| u32::try_from(tools.len()).unwrap_or(u32::MAX))
    }
    pub(crate) fn input_tokens(&self) -> u64 {
        let estimates = &self.0.borrow().estimates;
        let estimate = estimates.get(&(Unit::InputTokens as u8)).copied();
        estimate.unwrap_or_else(|| self.body_size() / 4)
    }
    pub(crate) fn estimate(&self, unit: Unit) -> Option<u64> {
        if let Some(amount) = self.0.borrow().estimates.get(&(unit as u8)) {
            return Some(*amount);
        }
        let tokens = |unit| self.estimate(unit).unwrap_or(0);
        Some(match unit {
            Unit::Requests => 1,
            Unit::InputTokens => self.input_tokens(),
            Unit::OutputTokens => self.max_output_tokens().unwrap_or(OUTPUT_TOKENS),
            Unit::TotalTokens => tokens(Unit::InputTokens) + tokens(Unit::OutputTokens),
            Unit::Microusd => {
                let model = self.model()?;
                let price = with(|world| world.prices.get(&model).copied())?;
                tokens(Unit::TotalTokens) * price
            }
        })
    }
    pub(crate) fn max_output_tokens(&self) -> Option<u64> {
        let state = self.0.borrow();
        match state.batched() {
            Some(requests) => requests
                .filter_map(|params| params["max_tokens"].as_u64())
                .max(),
            None => state.body[state.limit_name()].as_u64(),
        }
    }
    pub(crate) fn set_max_output_tokens(&self, tokens: u64) {
        let state = &mut *self.0.borrow_mut();
        let name = state.limit_name();
        state.body[name] = json!(tokens);
    }
}
