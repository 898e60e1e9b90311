//! AWS's identities: the environment chooses the source, and a host of Bedrock names region and
//! service.

use http::Uri;

use super::Check;
use crate::config::{
    Secret,
    file::IdentityEntry,
    identity::{Authorization, Aws, AwsSource},
    problems::Path,
};

/// Hosts that AWS's own clients take an agent's `http` URL of, besides loopback: ECS, EKS.
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

impl Check<'_> {
    /// An identity at AWS of an upstream at `url`.
    pub(super) fn aws(
        &mut self,
        at: &Path,
        entry: &IdentityEntry,
        url: Option<&Uri>,
    ) -> Option<Aws> {
        let host = url.and_then(Uri::host).unwrap_or_default();
        let (service_of_host, region_of_host) = bedrock(host);
        let service = self.written(at, "service", entry.service.as_ref());
        let region = self.written(at, "region", entry.region.as_ref());
        let source = self.aws_source(at)?;
        let region = region
            .or(region_of_host.map(Into::into))
            .or_else(|| self.variable("AWS_REGION"))
            .or_else(|| self.variable("AWS_DEFAULT_REGION"));
        if region.is_none() && entry.region.is_none() && !matches!(source, AwsSource::Bearer(_)) {
            self.problem(at, "has no region; write `identity: { from: aws, region: eu-west-1 }`, or set `AWS_REGION`");
        }
        let source = match source {
            AwsSource::WebIdentity {
                file,
                role,
                session,
                url,
            } if url.is_empty() => {
                let region = region.as_deref().unwrap_or_default();
                let url = format!("https://sts.{region}.{}/", domain(region));
                AwsSource::WebIdentity {
                    file,
                    role,
                    session,
                    url,
                }
            }
            source => source,
        };
        Some(Aws {
            region: region.unwrap_or_default(),
            service: service.unwrap_or_else(|| service_of_host.to_owned()),
            source,
        })
    }

    /// The source that the environment chooses, in the order of AWS's own clients. The URL of STS is
    /// empty where it is the region's.
    fn aws_source(&mut self, at: &Path) -> Option<AwsSource> {
        if let Some(token) = self.variable("AWS_BEARER_TOKEN_BEDROCK") {
            return Some(AwsSource::Bearer(Secret::new(token)));
        }
        if let Some(id) = self.variable("AWS_ACCESS_KEY_ID") {
            let secret = self.needed(at, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")?;
            let token = self.variable("AWS_SESSION_TOKEN").map(Secret::new);
            let secret = Secret::new(secret);
            return Some(AwsSource::Keys { id, secret, token });
        }
        if let Some(file) = self.variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
            let role = self.needed(at, "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")?;
            let session = self.variable("AWS_ROLE_SESSION_NAME");
            let url = match self.variable("AWS_ENDPOINT_URL_STS") {
                None => String::new(),
                Some(url) => self.safe_url(at, Some("AWS_ENDPOINT_URL_STS"), url, &[])?,
            };
            return Some(AwsSource::WebIdentity {
                file: file.into(),
                role,
                session: session.unwrap_or_else(|| "outrigger".into()),
                url,
            });
        }
        const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        let relative = self.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let relative = relative.map(|path| format!("http://{}{path}", AGENTS[0]));
        if let Some(url) = relative.or_else(|| self.variable(FULL)) {
            let file = self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
            let text = self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
            let file = file.map(|file| Authorization::File(file.into()));
            return Some(AwsSource::Container {
                url: self.safe_url(at, Some(FULL), url, &AGENTS)?,
                authorization: file.or(text.map(|text| Authorization::Text(Secret::new(text)))),
            });
        }
        let disabled = self.variable("AWS_EC2_METADATA_DISABLED");
        if disabled.is_some_and(|word| word.eq_ignore_ascii_case("true")) {
            self.problem(at, "finds no credentials: the environment has no keys, no `AWS_WEB_IDENTITY_TOKEN_FILE` and no `AWS_CONTAINER_CREDENTIALS_FULL_URI`, and `AWS_EC2_METADATA_DISABLED` is set");
            return None;
        }
        let mode = self.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        let usual = match mode.is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6")) {
            true => "http://[fd00:ec2::254]",
            false => "http://169.254.169.254",
        };
        let url = self.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        Some(AwsSource::Instance {
            url: url.unwrap_or_else(|| usual.into()),
        })
    }
}

/// The service and the region that a host of Bedrock names.
fn bedrock(host: &str) -> (&'static str, Option<&str>) {
    let region_after = |prefix: &str| {
        let region = host.strip_prefix(prefix)?.split('.').next()?;
        Some(region).filter(|region| region.contains('-'))
    };
    if let Some(region) = region_after("bedrock-mantle.") {
        return ("bedrock-mantle", Some(region));
    }
    let runtime =
        region_after("bedrock-runtime.").or_else(|| region_after("bedrock-runtime-fips."));
    ("bedrock", runtime)
}

/// The domain of a region's partition.
fn domain(region: &str) -> &'static str {
    match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    }
}
