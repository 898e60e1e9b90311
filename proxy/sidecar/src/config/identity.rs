//! Identities of the pod: where an upstream's credentials come from when they are no key.
//!
//! The environment is read once, with the configuration; files are named here, and read anew each
//! time a credential is fetched, as they are replaced while the process runs.

use std::path::{Path, PathBuf};

use super::Secret;

/// Source of an upstream's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Requests are signed (SigV4), or carry Bedrock's bearer token.
    Aws(Aws),
    /// Google's access tokens.
    Gcp(Gcp),
    /// Entra's access tokens.
    Azure(Azure),
    /// Anthropic's access tokens, for a token of the cluster.
    Anthropic(Anthropic),
    /// OpenAI's access tokens, for a token of the cluster.
    Openai(Openai),
}

/// An identity at AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aws {
    /// Region that requests are signed for, such as `eu-west-1`.
    pub region: String,
    /// Service that they are signed for, such as `bedrock`.
    pub service: String,
    /// Source of the keys.
    pub source: AwsSource,
}

/// Sources of AWS's credentials, of which the environment chooses one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsSource {
    /// Bedrock's own bearer token, `AWS_BEARER_TOKEN_BEDROCK`: nothing is signed.
    Bearer(Secret),
    /// Keys in the environment.
    Keys {
        /// `AWS_ACCESS_KEY_ID`.
        id: String,
        /// `AWS_SECRET_ACCESS_KEY`.
        secret: Secret,
        /// `AWS_SESSION_TOKEN`.
        token: Option<Secret>,
    },
    /// A token of the cluster that STS exchanges (IAM roles for service accounts).
    WebIdentity {
        /// `AWS_WEB_IDENTITY_TOKEN_FILE`.
        file: PathBuf,
        /// `AWS_ROLE_ARN`.
        role: String,
        /// `AWS_ROLE_SESSION_NAME`. Default `outrigger`.
        session: String,
        /// URL of STS.
        url: String,
    },
    /// An agent on the node: EKS Pod Identity, ECS.
    Container {
        /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`, or that of `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`.
        url: String,
        /// The pod's proof towards the agent.
        authorization: Option<Authorization>,
    },
    /// The instance's metadata service, version 2.
    Instance {
        /// URL of the service.
        url: String,
    },
}

/// The pod's proof towards an agent on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
    File(PathBuf),
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    Text(Secret),
}

/// Sources of Google's access tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gcp {
    /// The metadata server, of the node or of the cluster's workload identity.
    Metadata {
        /// Its URL.
        url: String,
    },
    /// The key of a service account, in a file.
    ServiceAccount {
        /// The file of JSON, which also names the token endpoint.
        file: PathBuf,
        /// OAuth scope of the tokens.
        scope: String,
    },
}

/// An identity at Entra: workload identity of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Azure {
    /// File of the cluster's token.
    pub file: PathBuf,
    /// Id of the application or the managed identity.
    pub client: String,
    /// URL of the token endpoint.
    pub url: String,
    /// Scope of the tokens.
    pub scope: String,
}

/// A federated identity at Anthropic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anthropic {
    /// File of the cluster's token.
    pub file: PathBuf,
    /// URL of the token endpoint.
    pub url: String,
    /// Id of the federation rule.
    pub federation_rule: String,
    /// Id of the organization.
    pub organization: String,
    /// Id of the service account.
    pub service_account: String,
    /// Id of the workspace, where the rule is for several.
    pub workspace: Option<String>,
}

/// A federated identity at OpenAI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Openai {
    /// File of the cluster's token.
    pub file: PathBuf,
    /// URL of the token endpoint.
    pub url: String,
    /// Id of the identity provider.
    pub provider: String,
    /// Id of the service account.
    pub service_account: String,
}

impl Identity {
    /// The source's name in configuration, logs and messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Aws(_) => "aws",
            Self::Gcp(_) => "gcp",
            Self::Azure(_) => "azure",
            Self::Anthropic(_) => "anthropic",
            Self::Openai(_) => "openai",
        }
    }

    /// The file that is read for each credential.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Aws(aws) => match &aws.source {
                AwsSource::WebIdentity { file, .. }
                | AwsSource::Container {
                    authorization: Some(Authorization::File(file)),
                    ..
                } => Some(file),
                AwsSource::Bearer(_)
                | AwsSource::Keys { .. }
                | AwsSource::Container { .. }
                | AwsSource::Instance { .. } => None,
            },
            Self::Gcp(Gcp::ServiceAccount { file, .. }) => Some(file),
            Self::Gcp(Gcp::Metadata { .. }) => None,
            Self::Azure(azure) => Some(&azure.file),
            Self::Anthropic(anthropic) => Some(&anthropic.file),
            Self::Openai(openai) => Some(&openai.file),
        }
    }

    /// The URL that credentials are fetched from. None where none is, or where the file of a
    /// service account names it.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Aws(aws) => match &aws.source {
                AwsSource::WebIdentity { url, .. }
                | AwsSource::Container { url, .. }
                | AwsSource::Instance { url } => Some(url),
                AwsSource::Bearer(_) | AwsSource::Keys { .. } => None,
            },
            Self::Gcp(Gcp::Metadata { url }) => Some(url),
            Self::Gcp(Gcp::ServiceAccount { .. }) => None,
            Self::Azure(azure) => Some(&azure.url),
            Self::Anthropic(anthropic) => Some(&anthropic.url),
            Self::Openai(openai) => Some(&openai.url),
        }
    }
}
