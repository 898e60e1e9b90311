//! `identity:` of an upstream.

use super::{errors, mistakes, parse, parse_in};
use crate::config::{
    Identity,
    identity::{Anthropic, Authorization, Aws, AwsSource, Azure, Gcp, Openai},
};

/// The identity of an upstream in an environment of these variables.
fn identity(url: &str, written: &str, variables: &[(&str, &str)]) -> Identity {
    let yaml =
        format!("upstreams: {{ u: {{ dialect: openai, url: '{url}', identity: {written} }} }}");
    let env = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let mut config = parse_in(&yaml, &env).unwrap();
    let upstream = config.upstreams.remove("u").unwrap();
    assert!(upstream.keys.is_empty());
    assert!(!format!("{upstream:?}").contains("canary"), "{upstream:?}");
    (*upstream.identity.unwrap()).clone()
}

const RUNTIME: &str = "https://bedrock-runtime.eu-west-1.amazonaws.com";

fn aws(variables: &[(&str, &str)]) -> AwsSource {
    match identity(RUNTIME, "aws", variables) {
        Identity::Aws(Aws { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_environment_chooses_aws_source_in_the_order_of_its_own_clients() {
    let mut variables = vec![
        ("AWS_BEARER_TOKEN_BEDROCK", "canary"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "canary"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t/aws"),
        ("AWS_ROLE_ARN", "arn:r"),
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "http://169.254.170.23/v1/credentials",
        ),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/t/eks"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary"),
    ];
    assert!(matches!(aws(&variables), AwsSource::Bearer(token) if token.reveal() == "canary"));
    variables.remove(0);
    assert!(matches!(aws(&variables), AwsSource::Keys { id, token: None, .. } if id == "AKID"));
    variables.drain(..2);
    let web = AwsSource::WebIdentity {
        file: "/t/aws".into(),
        role: "arn:r".into(),
        session: "outrigger".into(),
        url: "https://sts.eu-west-1.amazonaws.com/".into(),
    };
    assert_eq!(aws(&variables), web);
    variables.drain(..2);
    let agent = AwsSource::Container {
        url: "http://169.254.170.23/v1/credentials".into(),
        authorization: Some(Authorization::File("/t/eks".into())),
    };
    assert_eq!(aws(&variables), agent);
    let instance = AwsSource::Instance {
        url: "http://169.254.169.254".into(),
    };
    assert_eq!(aws(&[]), instance);
    let ecs = aws(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/c")]);
    assert!(matches!(ecs, AwsSource::Container { url, .. } if url == "http://169.254.170.2/v2/c"));
}

#[test]
fn aws_region_and_service_are_written_or_the_hosts_or_the_environments() {
    let region = [("AWS_REGION", "us-east-1")];
    for (url, written, expected) in [
        (RUNTIME, "aws", ("eu-west-1", "bedrock")),
        (
            "https://bedrock-mantle.us-west-2.api.aws/v1",
            "aws",
            ("us-west-2", "bedrock-mantle"),
        ),
        ("https://vpce-1.example", "aws", ("us-east-1", "bedrock")),
        (
            RUNTIME,
            "{ from: aws, region: eu-north-1, service: other }",
            ("eu-north-1", "other"),
        ),
    ] {
        let Identity::Aws(aws) = identity(url, written, &region) else {
            panic!("{url}");
        };
        assert_eq!((&*aws.region, &*aws.service), expected, "{url} {written}");
    }
}

#[test]
fn google_has_a_file_or_the_metadata_server() {
    let metadata = |url: &str| Identity::Gcp(Gcp::Metadata { url: url.into() });
    let account = Identity::Gcp(Gcp::ServiceAccount {
        file: "/s/gcp.json".into(),
        scope: "https://www.googleapis.com/auth/cloud-platform".into(),
    });
    let of = |written, variables: &[_]| identity("https://g.test", written, variables);
    assert_eq!(of("gcp", &[]), metadata("http://metadata.google.internal"));
    assert_eq!(
        of("gcp", &[("GCE_METADATA_HOST", "127.0.0.1:9")]),
        metadata("http://127.0.0.1:9")
    );
    assert_eq!(of("{ from: gcp, file: /s/gcp.json }", &[]), account);
    assert_eq!(
        of("gcp", &[("GOOGLE_APPLICATION_CREDENTIALS", "/s/gcp.json")]),
        account
    );
}

#[test]
fn federations_are_written_or_the_environments_of_their_own_clients() {
    let of = |written, variables: &[_]| identity("https://m.test", written, variables);
    let azure = Identity::Azure(Azure {
        file: "/t/azure".into(),
        client: "c".into(),
        url: "https://login.microsoftonline.com/t/oauth2/v2.0/token".into(),
        scope: "https://ai.azure.com/.default".into(),
    });
    assert_eq!(
        of(
            "{ from: azure, token: /t/azure, client: c, tenant: t }",
            &[]
        ),
        azure
    );
    let variables = [
        ("AZURE_FEDERATED_TOKEN_FILE", "/t/azure"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
    ];
    assert_eq!(of("azure", &variables), azure);
    let anthropic = Identity::Anthropic(Anthropic {
        file: "/t/a".into(),
        url: "https://api.anthropic.com/v1/oauth/token".into(),
        federation_rule: "fdrl_1".into(),
        organization: "o".into(),
        service_account: "svac_1".into(),
        workspace: None,
    });
    let written = "{ from: anthropic, token: /t/a, federation_rule: fdrl_1, organization: o, service_account: svac_1 }";
    assert_eq!(of(written, &[]), anthropic);
    let variables = [
        ("ANTHROPIC_IDENTITY_TOKEN_FILE", "/t/a"),
        ("ANTHROPIC_FEDERATION_RULE_ID", "fdrl_1"),
        ("ANTHROPIC_ORGANIZATION_ID", "o"),
        ("ANTHROPIC_SERVICE_ACCOUNT_ID", "svac_1"),
    ];
    assert_eq!(of("anthropic", &variables), anthropic);
    let openai = Identity::Openai(Openai {
        file: "/t/o".into(),
        url: "http://127.0.0.1:9/oauth/token".into(),
        provider: "idp_1".into(),
        service_account: "sa_1".into(),
    });
    let written = "{ from: openai, token: /t/o, token_url: 'http://127.0.0.1:9/oauth/token', identity_provider: idp_1, service_account: sa_1 }";
    assert_eq!(of(written, &[]), openai);
}

#[test]
fn each_form_that_reads_is_valid_by_the_schema() {
    for written in [
        "gcp",
        "'${FROM:-gcp}'",
        "{ from: aws, region: eu-west-1, service: bedrock }",
        "{ from: openai, token: /t, identity_provider: i, service_account: '${S:-s}' }",
    ] {
        let yaml = format!(
            "upstreams: {{ u: {{ dialect: openai, url: 'http://a', identity: {written} }} }}"
        );
        parse(&yaml).unwrap();
    }
}

#[test]
fn each_mistake_in_an_identity_is_reported() {
    mistakes(
        r#"
            upstreams: { u: { dialect: openai, url: 'http://a', identity: gpc } }
                => upstreams.u.identity | `aws`, `gcp`, `azure`, `anthropic` and `openai`
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: gpc } } }
                => upstreams.u.identity.from | is none of
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { region: eu } } }
                => upstreams.u.identity | missing field `from`
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: gcp, files: /x } } }
                => upstreams.u.identity | unknown field `files`
            upstreams: { u: { dialect: openai, url: 'http://a', identity: } }
                => upstreams.u.identity
            upstreams: { u: { dialect: openai, url: 'http://a', identity: [aws] } }
                => upstreams.u.identity | a source of credentials like `aws`
            upstreams: { u: { dialect: openai, url: 'http://a', key: sk-canary, identity: gcp } }
                => upstreams.u.identity | beside `key` | keep one
            upstreams: { u: { dialect: openai, url: 'http://a', keys: [sk-canary], identity: gcp } }
                => upstreams.u.identity | beside `keys`
            upstreams: { u: { kind: embedded, identity: aws } } => upstreams.u.identity | no effect
            upstreams: { u: { dialect: openai, url: 'http://a', identity: aws } }
                => upstreams.u.identity | has no region | `AWS_REGION`
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: aws, region: '' } } }
                => upstreams.u.identity.region | is empty
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: gcp, region: eu } } }
                => upstreams.u.identity.region | no effect on `gcp` | `file` and `scope`
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: gcp, scope: s } } }
                => upstreams.u.identity.scope | no effect | `file`
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: azure, token: /t, client: c } } }
                => upstreams.u.identity | has no `tenant` | `AZURE_TENANT_ID`
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: azure, client: c, tenant: t } } }
                => upstreams.u.identity | has no `token` | `AZURE_FEDERATED_TOKEN_FILE`
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: anthropic, token: /t, organization: o, service_account: s } } }
                => upstreams.u.identity | has no `federation_rule` | `ANTHROPIC_FEDERATION_RULE_ID`
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: openai, token: /t, identity_provider: i } } }
                => upstreams.u.identity | has no `service_account`; write it
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: openai, token: /t, token_url: 'http://b/', identity_provider: i, service_account: s } } }
                => upstreams.u.identity.token_url | is no `https` URL
            upstreams: { u: { dialect: openai, url: 'http://a', identity: { from: openai, token: '${NO_SUCH}', identity_provider: i, service_account: s } } }
                => upstreams.u.identity.token | no `NO_SUCH`
        "#,
    );
}

#[test]
fn half_of_what_the_environment_should_have_is_reported() {
    let yaml =
        format!("upstreams: {{ u: {{ dialect: openai, url: '{RUNTIME}', identity: aws }} }}");
    for (variables, words) in [
        (
            vec![("AWS_ACCESS_KEY_ID", "canary")],
            "no `AWS_SECRET_ACCESS_KEY`",
        ),
        (
            vec![("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")],
            "no `AWS_ROLE_ARN`",
        ),
        (
            vec![(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://10.0.0.1/canary",
            )],
            "`AWS_CONTAINER_CREDENTIALS_FULL_URI`, which is no `https` URL",
        ),
        (
            vec![("AWS_EC2_METADATA_DISABLED", "true")],
            "finds no credentials",
        ),
    ] {
        let env = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let said = parse_in(&yaml, &env).unwrap_err().to_string();
        assert!(
            said.starts_with("t.yaml:1:") && said.contains("upstreams.u.identity"),
            "{said}"
        );
        assert!(said.contains(words) && !said.contains("canary"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert!(errors(&yaml.replace("aws }", "aws, nobody: 1 }")).contains("nobody"));
}
