//! Services whose names stand before what is assigned to them: `ALGOLIA_KEY`, `cloudflare: …`.

/// Names of services, in small letters, as a part of a name has them.
#[rustfmt::skip] // a table
const SERVICES: &[&str] = &[
    "adafruit", "adobe", "airtable", "algolia", "alibaba", "aliyun", "anthropic", "artifactory", "asana", "atlassian", "aws", "azure", "beamer", "bintray", "bitbucket", "bittrex", "cloudflare",
    "codecov", "cohere", "coinbase", "confluence", "confluent", "contentful", "datadog", "deepl", "deepseek", "digitalocean", "discord", "droneci", "dropbox", "elastic", "etsy", "facebook", "fastly",
    "figma", "finicity", "finnhub", "firebase", "flickr", "freshbooks", "gcp", "gemini", "github", "gitlab", "gitter", "gocardless", "google", "grafana", "groq", "heroku", "hubspot", "huggingface",
    "intercom", "jfrog", "jira", "kraken", "kucoin", "launchdarkly", "linear", "linkedin", "lob", "looker", "mailchimp", "mailgun", "mapbox", "mattermost", "meraki", "messagebird", "mistral",
    "netlify", "newrelic", "notion", "npm", "nytimes", "okta", "openai", "openrouter", "pagerduty", "paypal", "plaid", "postmark", "privateai", "pusher", "rapidapi", "razorpay", "segment",
    "sendbird", "sendgrid", "sendinblue", "sentry", "shodan", "shopify", "slack", "snyk", "sonar", "sonarqube", "squarespace", "stripe", "sumologic", "supabase", "telegram", "travis", "trello",
    "twilio", "twitch", "twitter", "typeform", "virustotal", "yandex", "zendesk",
];

/// True if a part of a name, in small letters, is the name of a service.
pub(super) fn is_one(part: &[u8]) -> bool {
    part.len() >= 3 && SERVICES.iter().any(|service| service.as_bytes() == part)
}
