//! Services whose names stand before what is assigned to them: `ALGOLIA_KEY`, `cloudflare: …`.

use super::read::{is_blank, is_quote};
use super::words::Words;
use super::{Span, name, run, span, value};
use crate::detect::text::{before, byte};

/// Bytes of a value that are looked at.
const TASTE: usize = 256;

/// Names of services, in small letters, as a part of a name has them.
#[rustfmt::skip] // a table
static SERVICES: Words = Words::of(&[
    "adafruit", "adobe", "airtable", "algolia", "alibaba", "aliyun", "anthropic", "artifactory", "asana", "atlassian", "aws", "azure", "beamer", "bintray", "bitbucket", "bittrex", "cloudflare",
    "codecov", "cohere", "coinbase", "confluence", "confluent", "contentful", "datadog", "deepl", "deepseek", "digitalocean", "discord", "droneci", "dropbox", "elastic", "etsy", "facebook", "fastly",
    "figma", "finicity", "finnhub", "firebase", "flickr", "freshbooks", "gcp", "gemini", "github", "gitlab", "gitter", "gocardless", "google", "grafana", "groq", "heroku", "hubspot", "huggingface",
    "intercom", "jfrog", "jira", "kraken", "kucoin", "launchdarkly", "linear", "linkedin", "lob", "looker", "mailchimp", "mailgun", "mapbox", "mattermost", "meraki", "messagebird", "mistral",
    "netlify", "newrelic", "notion", "npm", "nytimes", "okta", "openai", "openrouter", "pagerduty", "paypal", "plaid", "postmark", "privateai", "pusher", "rapidapi", "razorpay", "segment",
    "sendbird", "sendgrid", "sendinblue", "sentry", "shodan", "shopify", "slack", "snyk", "sonar", "sonarqube", "squarespace", "stripe", "sumologic", "supabase", "telegram", "travis", "trello",
    "twilio", "twitch", "twitter", "typeform", "virustotal", "yandex", "zendesk",
]);

/// True if a part of a name, in small letters, is the name of a service.
pub(super) fn is_one(part: &[u8]) -> bool {
    SERVICES.has(part)
}

/// The value of a name that is a service's alone: `cloudflare: "v"`. `at` is the `=` or `:`.
pub(super) fn assigned(bytes: &[u8], at: usize) -> Option<Span> {
    // Most values are too short, or have other characters: look at the value first.
    let mut start = run(bytes, at, 4, |b| matches!(b, b'=' | b':' | b'>'));
    start = run(bytes, start, 8, |b| {
        is_blank(b) || is_quote(b) || b == b'\\'
    });
    let end = run(bytes, start, TASTE, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'/' | b'~')
    });
    if end - start < 14 {
        return None;
    }
    let end = run(bytes, end, 2, |b| b == b'=');
    if end - start < 16
        || !matches!(
            byte(bytes, end),
            0..=b' ' | b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'}' | b')' | b'&' | b'\\'
        )
    {
        return None;
    }
    let mut name_end = at;
    while at - name_end < 6
        && matches!(
            before(bytes, name_end, 1),
            b' ' | b'"' | b'\'' | b'\\' | b':' | b'?'
        )
    {
        name_end -= 1;
    }
    let value = bytes.get(start..end)?;
    if !value.iter().any(u8::is_ascii_digit)
        || !name::is_of_service(bytes, name_end)
        || !value::is_of_service(value)
    {
        return None;
    }
    span(start, end)
}
