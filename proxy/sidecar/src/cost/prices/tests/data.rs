//! The table against the file that it was made from.

use serde_json::Value;

use super::*;

/// The providers of the file, with their models.
fn data() -> Vec<Value> {
    let text = std::fs::read_to_string("data/prices/genai-prices.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The data's matching, as its own library does it, but without regard to capitals.
fn matched(clause: &Value, name: &str) -> bool {
    let (kind, value) = clause.as_object().unwrap().iter().next().unwrap();
    let text = value.as_str().unwrap_or_default().to_lowercase();
    match kind.as_str() {
        "or" => value.as_array().unwrap().iter().any(|c| matched(c, name)),
        "equals" => name == text,
        "starts_with" => name.starts_with(&text),
        "ends_with" => name.ends_with(&text),
        "contains" => name.contains(&text),
        "regex" => {
            let plain = text.trim_start_matches('^').replace("\\.", ".");
            match plain.strip_suffix("\\d{8}$") {
                Some(start) => name.strip_prefix(start).is_some_and(|rest| {
                    rest.len() == 8 && rest.chars().all(|c| c.is_ascii_digit())
                }),
                None => (name.strip_prefix(plain.strip_suffix("\\d").unwrap()))
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())),
            }
        }
        _ => panic!("{kind}"),
    }
}

fn literals(clause: &Value, into: &mut Vec<String>) {
    for (_, value) in clause.as_object().unwrap() {
        match value {
            Value::Array(inner) => inner.iter().for_each(|c| literals(c, into)),
            _ => into.push(value.as_str().unwrap().to_owned()),
        }
    }
}

/// The price of the data that is in force at `NOW`, as rates of the table; none where it has none.
fn expected(model: &Value) -> Option<Price> {
    let all = &model["prices"];
    let plain = [serde_json::json!({ "prices": all })];
    let eras = all.as_array().map_or(&plain[..], |eras| &eras[..]);
    let holds = |era: &&Value| {
        let limit = &era["constraint"];
        let day = limit["start_date"]
            .as_str()
            .is_none_or(|day| day <= "2026-11-22");
        let hour = limit["start_time"]
            .as_str()
            .is_none_or(|from| from <= "12:00:00Z");
        day && hour
            && limit["end_time"]
                .as_str()
                .is_none_or(|until| until > "12:00:00Z")
    };
    let prices = &eras.iter().rev().find(holds).unwrap_or(&eras[0])["prices"];
    let free = model["id"].as_str().unwrap().ends_with(":free") || model["id"] == "moderation";
    if prices.as_object().unwrap().is_empty() && !free {
        return None;
    }
    let rate = |key: &str, above: bool, otherwise: u32| {
        let value = &prices[key];
        let tiered = if above {
            &value["tiers"][0]["price"]
        } else {
            &value["base"]
        };
        let dollars = value.as_f64().or(tiered.as_f64());
        dollars.map_or(otherwise, |dollars| (dollars * 1e6).round() as u32)
    };
    let rates = |above: bool| Rates {
        input: rate("input_mtok", above, 0),
        cached: rate("cache_read_mtok", above, Rates::AS_INPUT),
        written: rate("cache_write_mtok", above, Rates::AS_INPUT),
        output: rate("output_mtok", above, 0),
    };
    let starts = prices.as_object().unwrap().values();
    Some(Price {
        base: rates(false),
        start: (starts
            .filter_map(|p| p["tiers"][0]["start"].as_u64())
            .next())
        .unwrap_or(0),
        above: rates(true),
        audio: AudioRates {
            input: rate("input_audio_mtok", false, Rates::AS_INPUT),
            cached: rate("cache_audio_read_mtok", false, Rates::AS_INPUT),
            output: rate("output_audio_mtok", false, Rates::AS_INPUT),
        },
        request: NanoDollars(rate("requests_kcount", false, 0).into()),
        ..Price::default()
    })
}

#[test]
fn every_model_of_the_data_is_found_by_every_name_that_it_has_there_at_its_price() {
    let (mut names_tried, mut models, mut unpriced) = (0, 0, 0);
    for (number, provider) in data().iter().enumerate() {
        let home = table::Home::Certain(u8::try_from(number).unwrap());
        let listed = provider["models"].as_array().unwrap();
        for model in listed {
            models += 1;
            let mut names = vec![model["id"].as_str().unwrap().to_owned()];
            literals(&model["match"], &mut names);
            for name in names
                .iter()
                .flat_map(|n| [n.clone(), format!("{n}-20991231"), format!("{n}x")])
            {
                let name = name.to_lowercase();
                // what is found without the date at its end has tests of its own
                let Some(first) = listed.iter().find(|m| matched(&m["match"], &name)) else {
                    continue;
                };
                let found = table::find(home, &name).unwrap_or_else(|| panic!("{name}"));
                let priced = found.priced(NOW);
                assert_eq!(
                    // factors and fees are no prices of the data
                    priced.map(|p| Price {
                        tiers: Tiers::default(),
                        search: NanoDollars(0),
                        ..p.price
                    }),
                    expected(first),
                    "{} {name}",
                    provider["id"]
                );
                if let Some(priced) = priced {
                    assert_eq!(priced.model, first["id"].as_str().unwrap());
                    assert!(priced.source.starts_with("http") && priced.date >= Some(Day(20_000)));
                } else {
                    unpriced += 1;
                }
                names_tried += 1;
            }
        }
    }
    assert_eq!(models, 1442);
    assert!(names_tried > 3500, "{names_tried}");
    assert!((1..60).contains(&unpriced), "{unpriced}");
}
