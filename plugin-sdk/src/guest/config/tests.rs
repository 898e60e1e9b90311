#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::from_json;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it parses is looked at")]
struct Config {
    rules: Vec<Rule>,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it parses is looked at")]
struct Rule {
    weight: u8,
    word: Option<Word>,
    mode: Option<Mode>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Mask,
    Replace { with: String },
    Keep(u8),
}

#[derive(Deserialize, Debug)]
#[serde(try_from = "String")]
struct Word;

impl TryFrom<String> for Word {
    type Error = &'static str;
    fn try_from(word: String) -> Result<Self, Self::Error> {
        if word == "good" {
            Ok(Self)
        } else {
            Err("that is no good word")
        }
    }
}

#[test]
fn an_error_opens_with_the_path_of_its_key_and_quotes_no_value() {
    for (config, expected) in [
        (
            r#"{"rules":[{"weight":1},{"weight":"x"}]}"#,
            "rules[1].weight: expected u8, found a text",
        ),
        (
            r#"{"rules":[{"weight":300}],"name":"n"}"#,
            "rules[0].weight: expected u8, found a number that is none",
        ),
        (
            r#"{"rules":[{"weight":1.5}]}"#,
            "rules[0].weight: expected u8, found a number with a fraction",
        ),
        (
            r#"{"rules":[{"weight":1,"word":"bad, \"bad"}]}"#,
            "rules[0].word: that is no good word",
        ),
        (
            r#"{"rules":[{"weight":1,"weigth":2}]}"#,
            "rules[0].weigth: unknown key; expected `weight`, `word` or `mode`",
        ),
        (
            r#"{"rules":[{"weight":1,"mode":"msak"}]}"#,
            "rules[0].mode: unknown word; expected `mask`, `replace` or `keep`",
        ),
        (
            r#"{"rules":[{"weight":1,"mode":{"keep":"x"}}]}"#,
            "rules[0].mode.keep: expected u8, found a text",
        ),
        (
            r#"{"rules":[{"weight":1,"mode":{"replace":{}}}]}"#,
            "rules[0].mode.replace: the key `with` is missing",
        ),
        (
            r#"{"rules":[{"weight":1,"mode":7}]}"#,
            "rules[0].mode: expected enum Mode, found a number",
        ),
        (
            r#"{"rules":[{"word":"good"}]}"#,
            "rules[0]: the key `weight` is missing",
        ),
        (r#"{"name":"x"}"#, "the key `rules` is missing"),
        (r#"{"rules":{}}"#, "rules: expected a sequence, found a map"),
        (
            r#"{"rules":null}"#,
            "rules: expected a sequence, found nothing",
        ),
        (
            "{\"rules\":[]} x",
            "the configuration is no JSON at byte 13",
        ),
        ("{\"rules\":[", "rules: expected u8"),
    ] {
        let error = from_json::<Config>(config).unwrap_err().to_string();
        assert!(
            error == expected
                || expected == "rules: expected u8" && error.ends_with("is no JSON at byte 10"),
            "{config}\n{error}\n{expected}"
        );
    }
}

#[test]
fn enums_are_read_as_they_are_elsewhere() {
    assert_eq!(from_json::<Mode>("\"mask\"").unwrap(), Mode::Mask);
    assert_eq!(
        from_json::<Mode>(r#"{ "replace": { "with": "x" } }"#).unwrap(),
        Mode::Replace { with: "x".into() }
    );
    assert_eq!(
        from_json::<Mode>(r#"{ "keep": 4 }"#).unwrap(),
        Mode::Keep(4)
    );
    assert!(from_json::<Mode>(r#"{ "keep": 4, "mask": null }"#).is_err());
    assert_eq!(
        from_json::<BTreeMap<u16, bool>>(r#"{ "7": true }"#).unwrap(),
        [(7, true)].into()
    );
}

#[test]
fn it_reads_what_serde_json_reads_and_refuses_what_that_refuses() {
    for json in [
        "null",
        "true",
        "[]",
        "{}",
        "[1, -2, 3.5]",
        "{\"a\":{\"b\":[null,\"c\"]}}",
        " [ 1 , 2 ] ",
        "\"\"",
        "\"\\u00e9\\ud83d\\ude00\\n\\/\\\"\"",
        "\"é😀\"",
        "18446744073709551615",
        "-9223372036854775808",
        "0",
        "01",
        "-01",
        "00.5",
        "-0.5",
        "0.5",
        "1e2",
        "1E+2",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "tru",
        "nul",
        "01x",
        "+1",
        ".5",
        "1.",
        "-",
        "\"a",
        "\"\\x\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ude00\"",
        "\"a\nb\"",
        "",
        " ",
        "1 2",
        "]",
        "{\"a\":1 \"b\":2}",
        "[1 2]",
        "{\"a\" 1}",
    ] {
        let theirs = serde_json::from_str::<Value>(json).ok();
        let ours = from_json::<Value>(json).ok();
        assert_eq!(ours, theirs, "{json}");
    }
}

#[test]
fn whoever_asks_for_a_fraction_gets_the_exact_one() {
    for number in [
        0.1 + 0.2,
        1.0 / 3.0,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        123_456.789,
        -0.25,
        7.0,
    ] {
        let json = serde_json::to_string(&number).unwrap();
        assert_eq!(
            from_json::<f64>(&json).unwrap().to_bits(),
            number.to_bits(),
            "{json}"
        );
    }
    assert_eq!(from_json::<f64>("3").unwrap(), 3.0);
    assert_eq!(from_json::<Option<f64>>(" 0.5").unwrap(), Some(0.5));
    assert_eq!(
        from_json::<f64>("\"x\"").unwrap_err().to_string(),
        "expected f64, found a text"
    );
}

#[test]
fn a_nest_without_end_is_an_error_and_no_overflow() {
    let error = from_json::<Value>(&"[".repeat(100_000))
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("nested too deeply"), "{error}");
}
