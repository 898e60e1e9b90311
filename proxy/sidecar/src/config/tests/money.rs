//! Prices and tags: one case for each mistake, and the forms that are right.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn prices_come_from_a_file_that_is_watched() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "models:\n  a: { input: 0.25, cached: 0.025, output: 2 }\n  'b-*': { input: 1, output: 2, request: 0.005, above: { tokens: 200000, input: 2, output: 4 } }\n";
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    let path = file.path().display().to_string();
    let config = parse(&format!("prices: {{ file: '{path}', reply_header: true }}")).unwrap();
    assert!(config.prices.reply_header && config.files == [file.path()]);
    assert_eq!(config.prices.file, path);
    let rates = |input, cached, output| PriceRates {
        input,
        cached,
        written: None,
        output,
    };
    let expected = [
        (
            "a".to_owned(),
            PriceLine {
                base: rates(250_000, Some(25_000), 2_000_000),
                above: None,
                request: 0,
            },
        ),
        (
            "b-*".to_owned(),
            PriceLine {
                base: rates(1_000_000, None, 2_000_000),
                above: Some((200_000, rates(2_000_000, None, 4_000_000))),
                request: 5_000_000,
            },
        ),
    ];
    assert_eq!(config.prices.models, expected.into());
    assert_eq!(parse("").unwrap().prices, Prices::default());
}

#[test]
fn what_is_wrong_with_a_price_is_reported_with_its_files_line_and_key() {
    for (text, said) in rows(
        r#"
             => missing field `models`
            models: {} => names no model
            models:\n  a: { input: 1 } => missing field `output`
            models:\n  a: { input: -1, output: 1 }
                => :2:15: models.a.input: `-1` is less than nothing
            models:\n  a: { input: 1, output: cheap }
                => :2:26: models.a.output: `cheap` is not an amount
            models:\n  a: { input: 1, output: 0.0000001 } => finer than a millionth
            models:\n  a: { input: 1, output: .inf } => is not an amount
            models:\n  a: { input: 5000, output: 1 } => more than the 4294
            models:\n  a: { input: 1, output: 1, cash: 1 } => unknown field `cash`
            models:\n  a: { input: 1, output: 1 }\n  A: { input: 1, output: 1 } => capitals only
            models:\n  a: { input: 1, output: 1 }\n  a: { input: 1, output: 1 } => stands twice
            models:\n  a: { input: 1, output: 1, above: { tokens: 0, input: 1, output: 1 } }
                => models.a.above.tokens: `0` is not a number of tokens
            models:\n  a: { input: 1, output: 1, cached: } => one value
            - a => is a list, and not
        "#,
    ) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let path = file.path().display().to_string();
        let errors = errors(&format!("prices: {{ file: '{path}' }}"));
        assert!(errors.starts_with(&path), "{text}: {errors}");
        assert!(
            said.iter().all(|word| errors.contains(word)),
            "{text}: {errors}"
        );
    }
    assert!(
        errors("prices: { file: /no/such/file }").contains(
            "t.yaml:1:17: prices.file: names a file that can't be read: it does not exist"
        )
    );
    assert!(errors("prices: { file: '${EMPTY}' }").contains("prices.file: is empty"));
    assert!(errors("prices: { files: x }").contains("unknown field"));
}

#[test]
fn tags_have_the_usual_names_and_the_operators_own() {
    let env = |name: &str| (name == "OUTRIGGER_TAG_COST_CENTER").then(|| "cc-7".to_owned());
    let yaml = "tags: { plan: { value: gold }, tenant: { headers: [X-Team], strip: false }, cost-center: {} }";
    let config = parse_in(yaml, &env).unwrap();
    let rule = |name: &str, headers: Option<&[&str]>, fixed: Option<&str>, strip| TagRule {
        name: name.into(),
        headers: headers.map(|h| h.iter().map(|h| h.parse().unwrap()).collect()),
        fixed: fixed.map(str::to_owned),
        strip,
    };
    assert_eq!(
        config.tags.rules,
        [
            rule("tenant", Some(&["x-team"]), None, Some(false)),
            rule("feature", None, None, None),
            rule("plan", Some(&[]), Some("gold"), None),
            rule("region", None, None, None),
            rule("cost-center", None, Some("cc-7"), None),
        ]
    );
}

#[test]
fn a_caller_is_known_by_headers_and_cookies_of_the_operators_choice() {
    let config = parse("caller: { headers: [X-User], cookies: [session, sid] }").unwrap();
    assert_eq!(config.caller.headers, ["x-user"]);
    assert_eq!(config.caller.cookies, ["session", "sid"]);
    assert_eq!(*parse("").unwrap().caller, Caller::default());
    mistakes(
        r#"
            caller: {} => caller: names nothing
            caller: { headers: [] } => caller.headers: is empty
            caller: { cookies: [] } => caller.cookies: is empty
            caller: { headers: ['x a'] } => t.yaml:1:21: caller.headers[0]: is no name of a header
            caller: { headers: [Cookie] } => caller.headers[0]: is all cookies together
            caller: { headers: [x-a, X-A] } => caller.headers[1]: is named already
            caller: { cookies: ['a=b'] } => caller.cookies[0]: is no name of a cookie
            caller: { header: [x-a] } => unknown field
        "#,
    );
}

#[test]
fn what_is_wrong_with_a_tag_is_reported_at_its_key() {
    mistakes(
        r#"
            tags: { Tenant: {} } => tags.Tenant: is no name for a tag
            tags: { 1a: {} } => is no name for a tag
            tags: { tenant: { headers: [x-a, X-A] } }
                => t.yaml:1:34: tags.tenant.headers[1]: is named for the tag `tenant` already
            tags: { tenant: { headers: [x-a] }, plan: { headers: [x-a] } }
                => tags.plan.headers[0]: is named for the tag `tenant`
            tags: { tenant: { headers: ['x a'] } } => is no name of a header
            tags: { tenant: { headers: [''] } } => is no name of a header
            tags: { tenant: { headers: [] } } => tags.tenant.headers: is empty
            tags: { tenant: { headers: [authorization] } } => bears a credential
            tags: { tenant: { headers: [X-Api-Key] } } => bears a credential
            tags: { tenant: { env: NO_SUCH } } => tags.tenant.env: the environment has no `NO_SUCH`
            tags: { tenant: { env: EMPTY } } => 1 to 128 bytes
            tags: { tenant: { env: TWO_LINES } } => 1 to 128 bytes
            tags: { tenant: { env: PORT, value: x } } => has both `env` and `value`
            tags: { tenant: { value: '' } } => tags.tenant.value: is no value
            tags: { tenant: { strip: true } } => tags.tenant.strip: has no effect
            tags: { tenant: { header: x-a } } => unknown field `header`
            tags: { tenant: x-a } => is a text, and not
        "#,
    );
}
