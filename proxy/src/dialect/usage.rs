//! What a reply cost, as the provider reports it in its `usage` object.

use super::{Dialect, Malformed, Usage, json::Cursor};

/// Reads the `usage` object at the cursor into `usage`; fields that it lacks stay as they are, and `null` changes nothing. Returns
/// whether a count was found.
///
/// # Errors
/// The value is malformed.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    dialect: Dialect,
    usage: &mut Usage,
) -> Result<bool, Malformed> {
    if cursor.kind()? != super::json::Kind::Object {
        cursor.skip()?;
        return Ok(false);
    }
    // Anthropic counts the prompt in three parts that exclude each other; message_delta may repeat each or none.
    let (mut fresh, mut written, mut cached) = (None, None, None);
    let mut found = false;
    cursor.object(|key, cursor| {
        if key.is("prompt_tokens") || key.is("input_tokens") {
            fresh = cursor.integer()?;
        } else if key.is("completion_tokens") || key.is("output_tokens") {
            if let Some(count) = cursor.integer()? {
                usage.output = count;
                found = true;
            }
        } else if key.is("cache_creation_input_tokens") {
            written = cursor.integer()?;
        } else if key.is("cache_read_input_tokens") {
            cached = cursor.integer()?;
        } else if key.is("prompt_tokens_details") || key.is("input_tokens_details") {
            detail(cursor, "cached_tokens", &mut usage.cached)?;
        } else if key.is("completion_tokens_details") || key.is("output_tokens_details") {
            detail(cursor, "reasoning_tokens", &mut usage.reasoning)?;
        }
        Ok(())
    })?;
    found |= fresh.is_some();
    if dialect == Dialect::AnthropicMessages {
        let parts = [fresh, written, cached];
        // message_delta may repeat the fresh part alone
        if fresh.is_some() && (usage.input == 0 || written.or(cached).is_some()) {
            usage.input = parts.iter().flatten().fold(0, |a, b| a.saturating_add(*b));
            usage.cached = cached.unwrap_or(0);
        }
    } else if let Some(count) = fresh {
        usage.input = count;
    }
    Ok(found)
}

fn detail(cursor: &mut Cursor<'_>, name: &str, count: &mut u64) -> Result<(), Malformed> {
    if cursor.kind()? != super::json::Kind::Object {
        return cursor.skip().map(drop);
    }
    cursor.object(|key, cursor| {
        if key.is(name)
            && let Some(n) = cursor.integer()?
        {
            *count = n;
        }
        Ok(())
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn usage(dialect: Dialect, objects: &[&str]) -> Usage {
        let mut usage = Usage::default();
        for object in objects {
            read(&mut Cursor::new(object.as_bytes()), dialect, &mut usage).unwrap();
        }
        usage
    }

    #[test]
    fn anthropics_prompt_is_the_sum_of_its_three_parts() {
        let start = r#"{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":1}"#;
        let end = r#"{"output_tokens":42}"#;
        let expected = Usage {
            input: 115,
            cached: 100,
            output: 42,
            ..Usage::default()
        };
        assert_eq!(usage(Dialect::AnthropicMessages, &[start, end]), expected);
        assert_eq!(
            usage(Dialect::AnthropicMessages, &[start, start, end]),
            expected
        );
        let end = r#"{"input_tokens":10,"output_tokens":42}"#;
        assert_eq!(usage(Dialect::AnthropicMessages, &[start, end]), expected);
    }

    #[test]
    fn openai_tells_details_and_null_changes_nothing() {
        let chat = r#"{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}"#;
        let responses = r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":3}}"#;
        let expected = Usage {
            input: 9,
            cached: 4,
            output: 7,
            reasoning: 3,
            estimated: false,
        };
        assert_eq!(usage(Dialect::OpenaiChat, &[chat, "null"]), expected);
        assert_eq!(usage(Dialect::OpenaiResponses, &[responses]), expected);
    }
}
