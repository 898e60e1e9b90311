//! The containers and volumes that a pod gets, and what its app's environment then holds.

use std::path::Path;

use outrigger::ca;

use super::{
    names,
    settings::{Mode, Policies, Settings, annotations},
    tree::Node,
};

/// Containers in the order in which the kubelet is to start them, before the app's own init
/// containers.
pub(super) struct Parts {
    /// Go to the head of `initContainers`.
    pub(super) init: Vec<Node>,
    /// Go to the head of `containers`.
    pub(super) beside: Vec<Node>,
    /// Go to the end of `volumes`.
    pub(super) volumes: Vec<Node>,
}

fn text(value: &str) -> Node {
    Node::text(value)
}

fn strings<'a>(items: impl IntoIterator<Item = &'a str>) -> Node {
    Node::list(items.into_iter().map(Node::text))
}

/// Builds all parts. `grace` is the pod's grace period in seconds.
pub(super) fn parts(settings: &Settings, metadata: Option<&Node>, grace: i64) -> Parts {
    let mut init = Vec::new();
    let mut beside = Vec::new();
    if settings.mode == Mode::Transparent {
        init.push(rules(settings));
    }
    let mut runs = Vec::new();
    if let Policies::Registry(reference) = &settings.policies {
        // Once before the sidecar, which needs the files; what has a digest can't come to mean
        // something else.
        init.push(pull(settings, names::PULL, reference, false));
        if !reference.contains('@') {
            runs.push(pull(settings, names::PULL_LOOP, reference, true));
        }
    }
    runs.push(sidecar(settings, metadata, grace));
    if settings.plain {
        beside = runs;
    } else {
        for mut container in runs {
            // This makes an init container a sidecar: it goes on while the others run, and ends
            // after them.
            if let Some(entries) = container.entries_mut() {
                let always = Node::map([("restartPolicy", text("Always"))]);
                entries.splice(2..2, always.entries().iter().cloned());
            }
            init.push(container);
        }
    }
    Parts {
        init,
        beside,
        volumes: volumes(settings),
    }
}

fn resources(cpu: &str, memory: &str, limit: &str) -> Node {
    Node::map([
        (
            "requests",
            Node::map([("cpu", text(cpu)), ("memory", text(memory))]),
        ),
        // No limit of CPU: throttling is latency.
        ("limits", Node::map([("memory", text(limit))])),
    ])
}

/// The settings that the `restricted` Pod Security Standard requires, and a root that can't be
/// written.
fn security(uid: i64, add: &[&str]) -> Node {
    let mut capabilities = Node::map([("drop", strings(["ALL"]))]);
    if !add.is_empty() {
        capabilities.set("add", strings(add.iter().copied()));
    }
    Node::map([
        ("runAsNonRoot", Node::plain(uid != 0)),
        ("runAsUser", Node::plain(uid)),
        ("runAsGroup", Node::plain(uid)),
        ("readOnlyRootFilesystem", Node::plain(true)),
        ("allowPrivilegeEscalation", Node::plain(false)),
        ("capabilities", capabilities),
        (
            "seccompProfile",
            Node::map([("type", text("RuntimeDefault"))]),
        ),
    ])
}

fn mount(volume: &str, path: &str, read_only: bool) -> Node {
    let mut mount = Node::map([("name", text(volume)), ("mountPath", text(path))]);
    if read_only {
        mount.set("readOnly", Node::plain(true));
    }
    mount
}

/// The mount of the CA's certificate and the bundle in an app's container.
pub(super) fn ca_mount() -> Node {
    mount(names::CA_VOLUME, names::CA_PATH, true)
}

fn rules(settings: &Settings) -> Node {
    Node::map([
        ("name", text(names::RULES)),
        ("image", text(&settings.image)),
        ("args", strings(["rules", "--install"])),
        ("resources", resources("10m", "16Mi", "64Mi")),
        // The pod's own settings (`runAsNonRoot` say) would keep it from setting rules: a
        // container's go before.
        ("securityContext", security(0, &["NET_ADMIN", "NET_RAW"])),
    ])
}

fn pull(settings: &Settings, name: &str, reference: &str, again: bool) -> Node {
    let mut args = vec!["pull", reference, "--into", names::POLICIES_PATH];
    match again {
        true => args.extend(["--every", "60s"]),
        false => args.push("--once"),
    }
    Node::map([
        ("name", text(name)),
        ("image", text(&settings.image)),
        ("args", strings(args)),
        ("resources", resources("10m", "16Mi", "64Mi")),
        ("securityContext", security(names::UID, &[])),
        (
            "volumeMounts",
            Node::list([mount(names::POLICIES_VOLUME, names::POLICIES_PATH, false)]),
        ),
    ])
}

fn sidecar(settings: &Settings, metadata: Option<&Node>, grace: i64) -> Node {
    let mut container = Node::map([
        ("name", text(names::SIDECAR)),
        ("image", text(&settings.image)),
        (
            "args",
            strings(arguments(settings.mode, grace).iter().map(String::as_str)),
        ),
        (
            "ports",
            Node::list([Node::map([
                ("name", text(names::ADMIN_PORT_NAME)),
                ("containerPort", Node::plain(names::ADMIN_PORT)),
            ])]),
        ),
        ("env", Node::list(tags(metadata))),
    ]);
    if let Some(secret) = &settings.secret {
        let from = Node::map([("secretRef", Node::map([("name", text(secret))]))]);
        container.set("envFrom", Node::list([from]));
    }
    // The app starts when listeners are up, policies are loaded and the CA's bundle is written.
    container.set("startupProbe", probe("/readyz", 1, 30));
    container.set("readinessProbe", probe("/readyz", 5, 3));
    container.set("livenessProbe", probe("/healthz", 10, 3));
    let resources = resources(
        &settings.cpu_request,
        &settings.memory_request,
        &settings.memory_limit,
    );
    container.set("resources", resources);
    container.set("securityContext", security(names::UID, &[]));
    let mut mounts = vec![
        mount(names::CONFIG_VOLUME, names::CONFIG_PATH, true),
        mount(names::POLICIES_VOLUME, names::POLICIES_PATH, true),
        mount(names::CACHE_VOLUME, names::CACHE_PATH, false),
    ];
    if settings.mode.has_ca() {
        mounts.push(mount(names::CA_KEY_VOLUME, names::CA_KEY_PATH, false));
        mounts.push(mount(names::CA_VOLUME, names::CA_PATH, false));
    }
    if !settings.tokens.is_empty() {
        mounts.push(mount(names::IDENTITY_VOLUME, names::IDENTITY_PATH, true));
    }
    container.set("volumeMounts", Node::list(mounts));
    container
}

/// Flags that override the configuration's file, so that one ConfigMap serves pods of every mode.
fn arguments(mode: Mode, grace: i64) -> Vec<String> {
    let mut args = vec![
        "run".to_owned(),
        "--config".to_owned(),
        names::CONFIG_FILE.to_owned(),
        format!("--admin=0.0.0.0:{}", names::ADMIN_PORT),
    ];
    match mode {
        Mode::Transparent => {
            args.push(format!(
                "--transparent=127.0.0.1:{}",
                names::TRANSPARENT_PORT
            ));
            args.push(format!(
                "--transparent=[::1]:{}",
                names::TRANSPARENT_PORT_V6
            ));
        }
        Mode::ForwardProxy => {
            args.push(format!(
                "--forward-proxy=127.0.0.1:{}",
                names::FORWARD_PROXY_PORT
            ));
        }
        Mode::BaseUrl => args.push(format!("--base-url=127.0.0.1:{}", names::BASE_URL_PORT)),
    }
    if mode.has_ca() {
        args.push(format!("--ca={}", names::CA_KEY_PATH));
        args.push(format!("--ca-bundle={}", names::CA_PATH));
    }
    args.push(format!("--drain={}s", (grace - names::GRACE_MARGIN).max(1)));
    args
}

/// The tags that the pod's exchanges are counted under. Taken from the pod's own fields where they
/// may change without us.
fn tags(metadata: Option<&Node>) -> Vec<Node> {
    let field = |name: &str, path: &str| {
        let from = Node::map([("fieldRef", Node::map([("fieldPath", text(path))]))]);
        Node::map([("name", text(name)), ("valueFrom", from)])
    };
    let mut all = vec![
        field("OUTRIGGER_TAG_POD", "metadata.name"),
        field("OUTRIGGER_TAG_NAMESPACE", "metadata.namespace"),
    ];
    let mut named: Vec<&str> = annotations(metadata)
        .filter_map(|(key, _)| key.strip_prefix("tag-"))
        .collect();
    named.sort_unstable();
    let labelled = metadata.and_then(|metadata| metadata.get("labels"));
    if labelled.is_some_and(|labels| labels.get("app.kubernetes.io/name").is_some())
        && !named.contains(&"feature")
    {
        all.push(field(
            "OUTRIGGER_TAG_FEATURE",
            "metadata.labels['app.kubernetes.io/name']",
        ));
    }
    for tag in named {
        let name = format!("OUTRIGGER_TAG_{}", tag.to_uppercase().replace('-', "_"));
        let path = format!("metadata.annotations['{}tag-{tag}']", names::DOMAIN);
        all.retain(|there| there.str("name") != Some(&name));
        all.push(field(&name, &path));
    }
    all
}

fn probe(path: &str, period: i64, failures: i64) -> Node {
    Node::map([
        (
            "httpGet",
            Node::map([("path", text(path)), ("port", text(names::ADMIN_PORT_NAME))]),
        ),
        ("periodSeconds", Node::plain(period)),
        ("failureThreshold", Node::plain(failures)),
    ])
}

fn volumes(settings: &Settings) -> Vec<Node> {
    let volume = |name: &str, kind: &str, of: Node| Node::map([("name", text(name)), (kind, of)]);
    let config = Node::map([("name", text(&settings.config))]);
    let space = |size: &str| Node::map([("sizeLimit", text(size))]);
    let memory = |size: &str| Node::map([("medium", text("Memory")), ("sizeLimit", text(size))]);
    let policies = match &settings.policies {
        Policies::ConfigMap(name) => {
            let mut map = Node::map([("name", text(name))]);
            // A namespace may do without policies; a name of one's own is meant.
            if name == names::DEFAULT_POLICIES {
                map.set("optional", Node::plain(true));
            }
            volume(names::POLICIES_VOLUME, "configMap", map)
        }
        Policies::Registry(_) => volume(names::POLICIES_VOLUME, "emptyDir", space("64Mi")),
    };
    let mut all = vec![
        volume(names::CONFIG_VOLUME, "configMap", config),
        policies,
        volume(names::CACHE_VOLUME, "emptyDir", space("256Mi")),
    ];
    if settings.mode.has_ca() {
        // In memory, and the key's in no container but the sidecar.
        all.push(volume(names::CA_KEY_VOLUME, "emptyDir", memory("1Mi")));
        all.push(volume(names::CA_VOLUME, "emptyDir", memory("4Mi")));
    }
    if !settings.tokens.is_empty() {
        let tokens = settings.tokens.iter().map(|token| {
            let of = Node::map([
                ("path", text(&token.file)),
                ("audience", text(&token.audience)),
                ("expirationSeconds", Node::plain(names::IDENTITY_LIFE)),
            ]);
            Node::map([("serviceAccountToken", of)])
        });
        let projected = Node::map([("sources", Node::list(tokens))]);
        all.push(volume(names::IDENTITY_VOLUME, "projected", projected));
    }
    all
}

/// Variables that replace or extend a client's trusted roots, and the file each gets.
pub(super) fn ca_variables() -> [(&'static str, String); 6] {
    ca::environment(Path::new(names::CA_PATH))
        .map(|(name, file)| (name, file.display().to_string()))
}
/// Variables that name a proxy for HTTPS.
pub(super) const PROXY_VARIABLES: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
/// The JVM's own.
pub(super) const JAVA_VARIABLE: &str = "JAVA_TOOL_OPTIONS";
/// The option in [`JAVA_VARIABLE`] that chooses trusted roots.
pub(super) const JAVA_TRUST: &str = "-Djavax.net.ssl.trustStore=";
/// Names and networks that are nobody's provider: in the cluster, and private ones (RFC 1918,
/// RFC 4193, RFC 3927).
const NO_PROXY: &str = "localhost,127.0.0.1,::1,.svc,.cluster.local,.local,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fd00::/8";

/// The environment variables of an app's container, in order; [`java`] apart.
pub(super) fn environment(mode: Mode) -> Vec<(&'static str, String)> {
    let proxy = format!("http://127.0.0.1:{}", names::FORWARD_PROXY_PORT);
    let base = format!("http://127.0.0.1:{}", names::BASE_URL_PORT);
    let mut all = Vec::new();
    if mode.has_ca() {
        all.extend(ca_variables());
    }
    match mode {
        Mode::Transparent => {}
        Mode::ForwardProxy => {
            // Not `HTTP_PROXY`: providers speak TLS, and a neighbour's bare name can't be written
            // into `NO_PROXY`.
            all.extend(PROXY_VARIABLES.map(|name| (name, proxy.clone())));
            all.extend(["NO_PROXY", "no_proxy"].map(|name| (name, NO_PROXY.to_owned())));
            // Node 24 reads the variables above when this one is set.
            all.push(("NODE_USE_ENV_PROXY", "1".to_owned()));
        }
        Mode::BaseUrl => {
            all.push(("OPENAI_BASE_URL", format!("{base}/v1")));
            all.push(("ANTHROPIC_BASE_URL", base.clone()));
            all.push(("GOOGLE_GEMINI_BASE_URL", base));
        }
    }
    all
}

/// The options to append to a JVM's; none where it needs nothing.
pub(super) fn java(mode: Mode) -> Option<String> {
    let trust = ca::java_options(Path::new(names::CA_PATH));
    match mode {
        Mode::Transparent => Some(trust),
        // The JVM reads no `HTTPS_PROXY`.
        Mode::ForwardProxy => Some(format!(
            "{trust} -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort={} -Dhttp.nonProxyHosts=localhost|127.*|[::1]|*.svc|*.cluster.local|*.local|10.*|192.168.*",
            names::FORWARD_PROXY_PORT
        )),
        Mode::BaseUrl => None,
    }
}
