//! Details of a report beyond sums: parts that have prices of their own, the tier, fees, and the
//! price where the provider itself reports it.

use crate::{
    Malformed,
    json::{Cursor, Kind},
};

/// Parts of a usage that have prices of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Details {
    /// Of the tokens written into the cache, those that are kept for an hour and not five minutes
    /// (<https://platform.claude.com/docs/en/build-with-claude/prompt-caching>).
    pub written_long: u64,
    /// Of the input, sound.
    pub audio_input: u64,
    /// Of the cached input, sound.
    pub audio_cached: u64,
    /// Of the output, sound.
    pub audio_output: u64,
    /// Searches of the web that the provider made and charges for one by one.
    pub searches: u64,
    /// The tier that the exchange was served in.
    pub tier: Tier,
    /// Billionths of a dollar: what the provider says that the exchange costs.
    pub cost: Option<u64>,
}

/// A tier of service with prices of its own. One that is not known counts as standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tier {
    /// The listed prices.
    #[default]
    Standard,
    /// Slower and cheaper.
    Flex,
    /// Faster and dearer.
    Priority,
    /// Within a batch.
    Batch,
}

impl Tier {
    /// The tier of OpenAI's and Anthropic's `service_tier`, of Gemini's `serviceTier` and of Vertex
    /// AI's `trafficType`, by its JSON source. `None` for a name of none: `auto`, `null`.
    pub(crate) fn named(source: &[u8]) -> Option<Self> {
        let name = source.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(match name.to_ascii_lowercase().as_slice() {
            b"standard" | b"default" | b"on_demand" => Self::Standard,
            b"flex" | b"on_demand_flex" => Self::Flex,
            b"priority" | b"fast" | b"on_demand_priority" => Self::Priority,
            b"batch" => Self::Batch,
            _ => return None,
        })
    }
}

impl Details {
    /// The sum of two exchanges. What they cost is known where both say it.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            written_long: self.written_long.saturating_add(other.written_long),
            audio_input: self.audio_input.saturating_add(other.audio_input),
            audio_cached: self.audio_cached.saturating_add(other.audio_cached),
            audio_output: self.audio_output.saturating_add(other.audio_output),
            searches: self.searches.saturating_add(other.searches),
            tier: other.tier,
            cost: (self.cost.zip(other.cost)).map(|(one, other)| one.saturating_add(other)),
        }
    }
}

/// The details of one object; those that it lacks stay as they are.
#[derive(Default)]
pub(super) struct Report {
    pub(super) written_long: Option<u64>,
    pub(super) audio_input: Option<u64>,
    pub(super) audio_cached: Option<u64>,
    pub(super) audio_output: Option<u64>,
    /// Tokens that tools added to the prompt.
    audio_tools: Option<u64>,
    searches: Option<u64>,
    tier: Option<Tier>,
    /// The provider's charge, and what the owner of the key pays another one besides.
    cost: Option<u64>,
    upstream_cost: Option<u64>,
    own_key: bool,
}

impl Report {
    /// Reads a member that is about details alone. `false`: it is not.
    pub(super) fn member(
        &mut self,
        key: &[u8],
        cursor: &mut Cursor<'_>,
    ) -> Result<bool, Malformed> {
        match key {
            b"service_tier" | b"serviceTier" | b"trafficType" => {
                self.tier = Tier::named(cursor.source()?).or(self.tier);
            }
            b"server_tool_use" => cursor.object_or_skip(|key, cursor| {
                if key.is("web_search_requests") {
                    self.searches = super::tokens(cursor)?;
                }
                Ok(())
            })?,
            b"promptTokensDetails" | b"input_tokens_by_modality" => {
                self.audio_input = audio(cursor)?.or(self.audio_input);
            }
            b"cacheTokensDetails" | b"cached_tokens_by_modality" => {
                self.audio_cached = audio(cursor)?.or(self.audio_cached);
            }
            b"candidatesTokensDetails" | b"output_tokens_by_modality" => {
                self.audio_output = audio(cursor)?.or(self.audio_output);
            }
            b"toolUsePromptTokensDetails" | b"tool_use_tokens_by_modality" => {
                self.audio_tools = audio(cursor)?.or(self.audio_tools);
            }
            // OpenRouter's, and Perplexity's object
            b"cost" => match cursor.kind()? {
                Kind::Object => cursor.object(|key, cursor| {
                    if key.is("total_cost") {
                        self.cost = nano_dollars(cursor.source()?);
                    }
                    Ok(())
                })?,
                Kind::Array | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                    self.cost = nano_dollars(cursor.source()?);
                }
            },
            b"is_byok" => self.own_key = cursor.boolean()? == Some(true),
            b"cost_details" => cursor.object_or_skip(|key, cursor| {
                if key.is("upstream_inference_cost") {
                    self.upstream_cost = nano_dollars(cursor.source()?);
                }
                Ok(())
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn settle(&self, details: &mut Details) {
        let set = |to: &mut u64, count: Option<u64>| *to = count.unwrap_or(*to);
        set(&mut details.written_long, self.written_long);
        let tools = self.audio_tools.unwrap_or(0);
        set(
            &mut details.audio_input,
            self.audio_input
                .or(self.audio_tools.map(|_| 0))
                .map(|count| count.saturating_add(tools)),
        );
        set(&mut details.audio_cached, self.audio_cached);
        set(&mut details.audio_output, self.audio_output);
        set(&mut details.searches, self.searches);
        details.tier = self.tier.unwrap_or(details.tier);
        // a zero is what servers write that know no price
        let cost = match (self.own_key, self.cost, self.upstream_cost) {
            (true, cost, upstream) => {
                upstream.map(|upstream| upstream.saturating_add(cost.unwrap_or(0)))
            }
            (false, cost, _) => cost,
        };
        details.cost = cost.filter(|cost| *cost > 0).or(details.cost);
    }
}

/// The tokens of sound in a list of counts by modality.
fn audio(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Malformed> {
    let mut sum = None;
    cursor.array_or_skip(|_, cursor| {
        let (mut is_audio, mut count) = (false, None);
        cursor.object_or_skip(|key, cursor| {
            if key.is("modality") {
                is_audio = cursor.source()?.eq_ignore_ascii_case(b"\"audio\"");
            } else if key.is("tokenCount") || key.is("tokens") {
                count = super::tokens(cursor)?;
            }
            Ok(())
        })?;
        let count = if is_audio { count.unwrap_or(0) } else { 0 };
        sum = Some(sum.unwrap_or(0_u64).saturating_add(count));
        Ok(())
    })?;
    Ok(sum)
}

/// A number of dollars in billionths, rounded up; `None` for one that no exchange costs.
fn nano_dollars(source: &[u8]) -> Option<u64> {
    const MOST: f64 = 1e15;
    let dollars: f64 = str::from_utf8(source).ok()?.parse().ok()?;
    // 0.1 is a little more than a tenth
    let nano = (dollars * 1e9 - 1e-3).ceil();
    (0.0..=MOST).contains(&nano).then_some(nano as u64)
}
