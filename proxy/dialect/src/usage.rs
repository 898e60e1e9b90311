//! The tokens of a reply, as the provider reports them in its `usage` object.
//!
//! Providers count differently: Anthropic's prompt is the sum of three parts that exclude each
//! other, Gemini's output excludes its thoughts, and some servers of OpenAI's dialect leave
//! reasoning out of the output. Here `input` and `output` are always everything. A stream may
//! report several times, each report fuller than the one before or not: the counts of a report
//! replace what was known, those that it leaves out stay. Zeros count for nothing: some servers
//! write them until they know, others write them last; neither takes the place of a count, and an
//! object of nothing else is no report.

use super::{Dialect, Malformed, Usage, json::Cursor};

mod details;

pub use details::{Details, Tier};

/// The rule by which the numbers of a usage object add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sums {
    /// The prompt's number is all of it, and so is the output's.
    Inclusive,
    /// Fresh, cached and written tokens of the prompt exclude each other.
    Disjoint,
    /// The output's number is without its thoughts.
    ThoughtsApart,
    /// There is a prompt and no output: where only a total is reported, it is the prompt's.
    Total,
}

/// The counts of one object.
#[derive(Default)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    cached: Option<u64>,
    written: Option<u64>,
    /// The sum of a breakdown of `written`, for objects that have no more.
    written_parts: Option<u64>,
    reasoning: Option<u64>,
    /// Gemini: what tools added to the prompt.
    tools: Option<u64>,
    total: Option<u64>,
    details: details::Report,
}

/// The extent of a usage object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// A report without a count, or with zeros only.
    Blank,
    /// A report that counts the prompt, and nothing that was generated.
    Prompt,
    /// A report that counts what was generated.
    Output,
}

/// Reads the usage object at the cursor into `usage`; fields that it lacks stay as they are, and
/// `null` changes nothing.
///
/// # Errors
/// The value is malformed.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    dialect: Dialect,
    usage: &mut Usage,
) -> Result<Report, Malformed> {
    let mut counts = Counts::default();
    cursor.object_or_skip(|key, cursor| {
        let slot = match &*key.bytes() {
            b"prompt_tokens" | b"input_tokens" | b"promptTokenCount" | b"total_input_tokens" => {
                &mut counts.input
            },
            b"completion_tokens" | b"output_tokens" | b"candidatesTokenCount"
            | b"total_output_tokens" => &mut counts.output,
            b"cache_read_input_tokens"
            | b"cachedContentTokenCount"
            | b"total_cached_tokens"
            | b"prompt_cache_hit_tokens" // DeepSeek
            | b"cached_tokens" // Moonshot
            => &mut counts.cached,
            b"cache_creation_input_tokens" => &mut counts.written,
            b"thoughtsTokenCount" | b"total_thought_tokens" => &mut counts.reasoning,
            b"toolUsePromptTokenCount" | b"total_tool_use_tokens" => &mut counts.tools,
            b"total_tokens" => &mut counts.total,
            b"prompt_tokens_details" | b"input_tokens_details" | b"input_token_details" => {
                return input_details(cursor, &mut counts);
            }
            b"completion_tokens_details" | b"output_tokens_details" | b"output_token_details" => {
                let (mut reasoning, mut thinking) = (None, None);
                let slots = &mut [
                    ("reasoning_tokens", &mut reasoning),
                    ("thinking_tokens", &mut thinking), // Anthropic's
                    ("audio_tokens", &mut counts.details.audio_output),
                ];
                detail(cursor, slots)?;
                counts.reasoning = reasoning.or(thinking).or(counts.reasoning);
                return Ok(());
            }
            b"cache_creation" => {
                let (mut short, mut long) = (None, None);
                let slots = &mut [
                    ("ephemeral_5m_input_tokens", &mut short),
                    ("ephemeral_1h_input_tokens", &mut long),
                ];
                detail(cursor, slots)?;
                counts.written_parts = sum([short, long]);
                counts.details.written_long = long;
                return Ok(());
            }
            key => return counts.details.member(key, cursor).map(drop),
        };
        *slot = tokens(cursor)?.or(*slot);
        Ok(())
    })?;
    counts.written = counts.written.or(counts.written_parts);
    let sums = (dialect.description()).map_or(Sums::Inclusive, |row| row.usage);
    if sums == Sums::Total {
        counts.input = some(counts.input).or(counts.total);
    }
    if counts.is_blank() {
        return Ok(Report::Blank);
    }
    counts.settle(sums, usage);
    counts.details.settle(&mut usage.details);
    Ok(counts.report())
}

/// The most tokens that one exchange is believed to have taken; a larger number is a server's
/// mistake.
pub(crate) const MOST: u64 = 1_000_000_000;

/// Takes a number of tokens; `None` for what can be none.
fn tokens(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Malformed> {
    Ok(cursor.count()?.filter(|count| *count <= MOST))
}

impl Counts {
    /// Reports whether it has no count but zeros.
    fn is_blank(&self) -> bool {
        let counts = [
            self.input,
            self.output,
            self.cached,
            self.written,
            self.reasoning,
            self.tools,
        ];
        counts.iter().all(|count| count.unwrap_or(0) == 0)
    }

    fn report(&self) -> Report {
        if some(self.output).or(some(self.reasoning)).is_some() {
            Report::Output
        } else if self.input.or(self.output).is_some() {
            Report::Prompt
        } else {
            Report::Blank
        }
    }

    /// Takes the counts into `usage`.
    fn settle(&self, sums: Sums, usage: &mut Usage) {
        match sums {
            Sums::Disjoint => self.settle_parts(usage),
            Sums::ThoughtsApart => {
                let thoughts = some(self.reasoning).unwrap_or(usage.reasoning);
                let said = usage.output.saturating_sub(usage.reasoning);
                usage.output = some(self.output).unwrap_or(said).saturating_add(thoughts);
                if let Some(prompt) = some(self.input) {
                    usage.input = prompt.saturating_add(self.tools.unwrap_or(0));
                }
                usage.reasoning = thoughts;
                usage.cached = self.cached.unwrap_or(usage.cached);
            }
            Sums::Inclusive | Sums::Total => {
                usage.input = some(self.input).unwrap_or(usage.input);
                usage.cached = self.cached.unwrap_or(usage.cached);
                usage.written = self.written.unwrap_or(usage.written);
                usage.reasoning = self.reasoning.unwrap_or(usage.reasoning);
                if let Some(output) = some(self.output) {
                    // xAI: the total shows that reasoning comes on top
                    let beside = self.input.and_then(|input| {
                        let parts = [Some(input), Some(output), self.reasoning];
                        sum(parts).filter(|all| self.total == Some(*all))
                    });
                    let on_top = beside.and(self.reasoning).unwrap_or(0);
                    usage.output = output.saturating_add(on_top);
                }
            }
        }
    }

    /// Anthropic: fresh, cached and written exclude each other. `message_delta` may repeat each, or
    /// none, and counts where it does.
    fn settle_parts(&self, usage: &mut Usage) {
        let known = usage.cached.saturating_add(usage.written);
        let fresh = usage.input.saturating_sub(known);
        // a bare 0 is what servers write that report the prompt only once
        let blank = self.input == Some(0) && self.cached.or(self.written).is_none();
        let fresh = self.input.filter(|_| !blank).unwrap_or(fresh);
        usage.cached = self.cached.unwrap_or(usage.cached);
        usage.written = self.written.unwrap_or(usage.written);
        usage.input = fresh
            .saturating_add(usage.cached)
            .saturating_add(usage.written);
        usage.output = some(self.output).unwrap_or(usage.output);
        usage.reasoning = self.reasoning.unwrap_or(usage.reasoning);
    }
}

/// A count that is no zero.
fn some(count: Option<u64>) -> Option<u64> {
    count.filter(|count| *count > 0)
}

fn sum<const N: usize>(parts: [Option<u64>; N]) -> Option<u64> {
    let counts = parts.into_iter().flatten();
    counts.reduce(u64::saturating_add)
}

/// Reads the parts of the prompt, as OpenAI's family has them.
fn input_details(cursor: &mut Cursor<'_>, counts: &mut Counts) -> Result<(), Malformed> {
    cursor.object_or_skip(|key, cursor| {
        let slot = match &*key.bytes() {
            b"cached_tokens" => &mut counts.cached,
            b"cache_write_tokens" => &mut counts.written, // OpenRouter's
            b"audio_tokens" => &mut counts.details.audio_input,
            b"cached_tokens_details" => {
                let slots = &mut [("audio_tokens", &mut counts.details.audio_cached)];
                return detail(cursor, slots);
            }
            _ => return Ok(()),
        };
        *slot = tokens(cursor)?.or(*slot);
        Ok(())
    })
}

/// Reads the counts of an object in the object.
fn detail(
    cursor: &mut Cursor<'_>,
    slots: &mut [(&str, &mut Option<u64>)],
) -> Result<(), Malformed> {
    cursor.object_or_skip(|key, cursor| {
        if let Some((_, slot)) = slots.iter_mut().find(|(name, _)| key.is(name)) {
            **slot = tokens(cursor)?.or(**slot);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
