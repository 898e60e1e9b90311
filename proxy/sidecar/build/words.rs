//! The meaning of single values of the data: matches, hosts, amounts, dates.

use serde_json::Value;

/// A match as a list of alternatives, in lower case as all look-ups are.
pub(super) fn clauses(clause: &Value) -> Result<Vec<(&'static str, String)>, String> {
    let Some(object) = clause.as_object() else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (key, value) in object {
        let kind = match key.as_str() {
            "or" => {
                for inner in value.as_array().into_iter().flatten() {
                    found.extend(clauses(inner)?);
                }
                continue;
            }
            // only `huggingface_…` providers have it, and their ids say the same
            "and" => continue,
            "equals" => "Equals",
            "starts_with" => "Starts",
            "contains" => "Contains",
            "ends_with" => "Ends",
            "regex" => {
                found.extend(regex(text(value)?)?);
                continue;
            }
            _ => return Err(format!("has the match `{key}`")),
        };
        found.push((kind, text(value)?.to_ascii_lowercase()));
    }
    Ok(found)
}

/// The few regular expressions of the data, as plain rules.
fn regex(pattern: &str) -> Result<Vec<(&'static str, String)>, String> {
    match pattern {
        "(?:mi|code|dev|magi|mini)stral" => {
            return Ok(["mi", "code", "dev", "magi", "mini"]
                .map(|s| ("Contains", format!("{s}stral")))
                .into());
        }
        "^o[134]" => return Ok(["o1", "o3", "o4"].map(|s| ("Starts", s.to_owned())).into()),
        _ => {}
    }
    let rest = pattern
        .strip_prefix('^')
        .map(|rest| rest.replace("\\.", "."));
    let rule = rest.as_deref().and_then(|rest| {
        rest.strip_suffix("\\d{8}$")
            .map(|p| ("StartsThenDate", p))
            .or_else(|| rest.strip_suffix("\\d").map(|p| ("StartsThenDigit", p)))
    });
    match rule {
        Some((kind, prefix))
            if !prefix.contains(['\\', '[', '(', '*', '+', '?', '|', '{', '^', '$']) =>
        {
            Ok(vec![(kind, prefix.to_ascii_lowercase())])
        }
        _ => Err(format!(
            "has the regular expression `{pattern}`, which build.rs can't say"
        )),
    }
}

/// The beginnings and ends of the hosts of a provider's API, and the beginning of the path.
pub(super) fn hosts(id: &str, pattern: &str) -> Result<Vec<(String, String, String)>, String> {
    let some = |hosts: &[(&str, &str, &str)]| {
        Ok(hosts
            .iter()
            .map(|(a, b, c)| ((*a).into(), (*b).into(), (*c).into()))
            .collect())
    };
    match id {
        "aws" => return some(&[("bedrock-runtime.", ".amazonaws.com", "")]),
        "azure" => {
            return some(&[
                ("", ".openai.azure.com", ""),
                ("", ".azure-api.net", ""),
                ("", ".cognitiveservices.azure.com", ""),
            ]);
        }
        "cohere" => return some(&[("api.cohere.ai", "", ""), ("api.cohere.com", "", "")]),
        "google" => {
            return some(&[
                ("", ".googleapis.com", ""),
                ("", "-aiplatform.googleapis.com", ""),
            ]);
        }
        "minimax" => return some(&[("api.minimax.", "", ""), ("api.minimaxi.", "", "")]),
        "moonshotai" => return some(&[("api.moonshot.", "", "")]),
        "openrouter" => return some(&[("openrouter.ai", "", ""), ("api.openrouter.ai", "", "")]),
        "together" => return some(&[("api.together.xyz", "", ""), ("api.together.ai", "", "")]),
        _ => {}
    }
    let plain = pattern
        .strip_prefix("https://")
        .unwrap_or_default()
        .replace("\\.", ".");
    if plain.is_empty() || plain.contains(['\\', '[', '(', '*', '+', '?', '|', '{', '^', '$']) {
        return Err(format!(
            "has the API pattern `{pattern}`, which build.rs can't say"
        ));
    }
    let (host, path) = plain.split_at(plain.find('/').unwrap_or(plain.len()));
    some(&[(host, "", path)])
}

/// Dollars as whole millionths: 0.25 is 250,000. The seven prices of the data that are finer are
/// twelfths and thirds, rounded here.
pub(super) fn millionths(value: &Value) -> Result<u32, String> {
    let dollars = value.as_f64().ok_or("has a price that is no number")?;
    let millionths = (dollars * 1e6).round();
    if (0.0..f64::from(u32::MAX)).contains(&millionths) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in range"
        )]
        return Ok(millionths as u32);
    }
    Err(format!("costs {dollars}"))
}

pub(super) fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| "has something else where text was expected".into())
}

pub(super) fn whole(value: &Value) -> u32 {
    value
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or(0)
}

/// `16:30:00Z` as minutes of the day.
pub(super) fn minute(time: &str) -> Result<u32, String> {
    let part = |n: usize| {
        time.split([':', 'Z'])
            .nth(n)
            .and_then(|p| p.parse::<u32>().ok())
    };
    Ok(part(0).ok_or("has a time in another form")? * 60
        + part(1).ok_or("has a time in another form")?)
}

/// `2026-03-13` as days since 1970. After Howard Hinnant, "chrono-compatible low-level date
/// algorithms".
pub(super) fn days(date: &str) -> Result<i64, String> {
    let parts: Vec<i64> = date.split('-').filter_map(|p| p.parse().ok()).collect();
    let [year, month, day] = parts[..] else {
        return Err(format!("has the date `{date}`"));
    };
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Ok(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}
