//! Every name, path, port and number that an injected pod and the rest of the product must agree
//! on, in one place.

/// The proxy's user and group. The rules let its traffic pass, so no app may have it.
pub const UID: i64 = 13370;
/// The version that injects: an injected pod carries it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Health, readiness and metrics.
pub const ADMIN_PORT: u16 = 4190;
/// Port that apps with a base URL connect to.
pub const BASE_URL_PORT: u16 = 4141;
/// Port that apps with a proxy connect to.
pub const FORWARD_PROXY_PORT: u16 = 4142;
/// Port that redirected IPv4 connections arrive at.
pub const TRANSPARENT_PORT: u16 = 15001;
/// Port that redirected IPv6 connections arrive at.
pub const TRANSPARENT_PORT_V6: u16 = 15006;
/// All of them: an app that wants one of these can't have Outrigger beside it.
pub const PORTS: [u16; 5] = [
    BASE_URL_PORT,
    FORWARD_PROXY_PORT,
    ADMIN_PORT,
    TRANSPARENT_PORT,
    TRANSPARENT_PORT_V6,
];
/// The name of the admin port, for probes and scrapers.
pub const ADMIN_PORT_NAME: &str = "outrigger-admin";

/// The proxy itself.
pub const SIDECAR: &str = "outrigger";
/// Installs the redirect, once, before anything else runs.
pub const RULES: &str = "outrigger-rules";
/// Fetches policies from a registry, once.
pub const PULL: &str = "outrigger-pull";
/// Fetches them again and again, where the reference may come to mean something else.
pub const PULL_LOOP: &str = "outrigger-pull-loop";
/// All containers that injection may add.
pub const CONTAINERS: [&str; 4] = [RULES, PULL, PULL_LOOP, SIDECAR];

/// The configuration's volume.
pub const CONFIG_VOLUME: &str = "outrigger-config";
/// The policies' volume.
pub const POLICIES_VOLUME: &str = "outrigger-policies";
/// Compiled code.
pub const CACHE_VOLUME: &str = "outrigger-cache";
/// The CA's key: only the sidecar mounts it.
pub const CA_KEY_VOLUME: &str = "outrigger-ca-key";
/// The CA's certificate and the bundle: the app mounts it, too.
pub const CA_VOLUME: &str = "outrigger-ca";
/// Tokens of the cluster, by which the sidecar has credentials: only the sidecar mounts them.
pub const IDENTITY_VOLUME: &str = "outrigger-identity";
/// All volumes that injection may add.
pub const VOLUMES: [&str; 6] = [
    CONFIG_VOLUME,
    POLICIES_VOLUME,
    CACHE_VOLUME,
    CA_KEY_VOLUME,
    CA_VOLUME,
    IDENTITY_VOLUME,
];

/// Mount path of the configuration's ConfigMap.
pub const CONFIG_PATH: &str = "/etc/outrigger/config";
/// The configuration.
pub const CONFIG_FILE: &str = "/etc/outrigger/config/outrigger.yaml";
/// Directory of the policies.
pub const POLICIES_PATH: &str = "/etc/outrigger/policies";
/// Directory of compiled code.
pub const CACHE_PATH: &str = "/var/cache/outrigger";
/// Directory of the CA's key.
pub const CA_KEY_PATH: &str = "/var/lib/outrigger/ca";
/// Directory of the CA's certificate and of the bundle, in the sidecar and in the app.
pub const CA_PATH: &str = "/var/run/outrigger/ca";
/// Directory of the cluster's tokens.
pub const IDENTITY_PATH: &str = "/var/run/secrets/tokens";
/// Life of such a token in seconds; the kubelet replaces it after four fifths of that.
pub const IDENTITY_LIFE: i64 = 3600;
/// The pod's CA alone.
pub const CA_FILE: &str = "/var/run/outrigger/ca/ca.pem";

/// Name of the configuration's ConfigMap, unless another is configured.
pub const DEFAULT_CONFIG: &str = "outrigger";
/// Name of the policies' ConfigMap, unless another is configured.
pub const DEFAULT_POLICIES: &str = "outrigger-policies";
/// The image without its tag, which is the version.
pub const IMAGE: &str = "ghcr.io/outrigger-proxy/outrigger";

/// Prefix of all our annotations.
pub const DOMAIN: &str = "outrigger.dev/";
/// The version that injected the pod.
pub const INJECTED: &str = "outrigger.dev/injected";
/// The annotation that records what was added, so that it can be taken away exactly.
pub const RECORD: &str = "outrigger.dev/injection";
/// `enabled` or `disabled`.
pub const INJECT: &str = "outrigger.dev/inject";

/// A pod's `terminationGracePeriodSeconds` where it has none of its own: streams take longer than
/// Kubernetes' 30 s.
pub const GRACE: i64 = 120;
/// The API server's default grace period, in seconds; counts as nothing written.
pub const GRACE_OF_KUBERNETES: i64 = 30;
/// Seconds between the proxy's end and the end of the grace period.
pub const GRACE_MARGIN: i64 = 5;
