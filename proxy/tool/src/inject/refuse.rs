//! Reasons why a pod can't have Outrigger beside it as it is: each a sentence that names the
//! container and the remedy.
//!
//! Something that would only weaken it is a note instead. All reasons of a pod are reported at
//! once. A pod that was injected is judged without what was added.

use super::{
    names, parts,
    settings::{Mode, Settings},
    tree::{CONTAINER_LISTS, Node},
};

/// Reasons against injecting a pod, and notes for whoever injects.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Reasons against it.
    pub(super) wrong: Vec<String>,
    /// Notes that are no reasons against it.
    pub(super) notes: Vec<String>,
}

/// The pod's surroundings, as far as they are known.
#[derive(Debug, Default, Clone)]
pub(super) struct Surroundings {
    /// The Pod Security Standard that its namespace enforces, and the namespace.
    pub(super) standard: Option<(String, String)>,
    /// True if it belongs to a Job.
    pub(super) job: bool,
}

/// Checks a pod. `spec` must be there.
pub(super) fn check(spec: &Node, settings: &Settings, surroundings: &Surroundings) -> Verdict {
    let mut verdict = Verdict::default();
    check_shape(spec, &mut verdict);
    if verdict.wrong.is_empty() {
        check_pod(spec, settings, surroundings, &mut verdict);
        for one in spec.containers() {
            check_container(one, spec, settings, &mut verdict);
        }
    }
    verdict
}

fn list_or_nothing(node: Option<&Node>) -> bool {
    node.is_none_or(|node| node.is_null() || node.items_are_maps())
}

impl Node {
    fn items_are_maps(&self) -> bool {
        matches!(&self.body, super::tree::Body::List(items) if items.iter().all(Self::is_map))
    }
}

fn check_shape(spec: &Node, verdict: &mut Verdict) {
    let containers = spec.get("containers");
    if containers.is_none_or(|list| list.is_empty() || !list.items_are_maps()) {
        let says = "has no list of containers; write spec.containers";
        verdict.wrong.push(says.to_owned());
        return;
    }
    let grace = spec.get("terminationGracePeriodSeconds");
    if grace.is_some_and(|grace| !grace.is_null() && grace.int().is_none_or(|n| n < 0)) {
        let says = "spec.terminationGracePeriodSeconds is no number of seconds";
        verdict.wrong.push(says.to_owned());
    }
    for key in ["initContainers", "volumes"] {
        if !list_or_nothing(spec.get(key)) {
            verdict.wrong.push(format!("spec.{key} is no list of maps"));
        }
    }
    for list in CONTAINER_LISTS {
        for one in spec.items_of(list) {
            let Some(name) = one.str("name").filter(|name| !name.is_empty()) else {
                verdict
                    .wrong
                    .push(format!("spec.{list} has a container without a name"));
                continue;
            };
            for key in ["env", "volumeMounts"] {
                if !list_or_nothing(one.get(key)) {
                    verdict
                        .wrong
                        .push(format!("container {name}: {key} is no list of maps"));
                }
            }
        }
    }
}

fn check_pod(spec: &Node, settings: &Settings, surroundings: &Surroundings, verdict: &mut Verdict) {
    let truth = |key: &str| spec.get(key).and_then(Node::truth) == Some(true);
    let mut wrong = |says: String| verdict.wrong.push(says);
    if truth("hostNetwork") {
        wrong(format!(
            "hostNetwork is true: rules and ports would be the node's, not the pod's; set it to false, or leave the pod out with the annotation {}: disabled",
            names::INJECT
        ));
    }
    let system = spec.find(&["os", "name"]).and_then(Node::chars);
    let selected = spec
        .find(&["nodeSelector", "kubernetes.io/os"])
        .and_then(Node::chars);
    if system == Some("windows") || selected == Some("windows") {
        wrong(format!(
            "is a Windows pod, and Outrigger is for Linux; leave it out with the annotation {}: disabled",
            names::INJECT
        ));
    }
    if let Some((standard, namespace)) = &surroundings.standard
        && settings.mode == Mode::Transparent
    {
        wrong(format!(
            "namespace {namespace} enforces the Pod Security Standard `{standard}`, which forbids NET_ADMIN to the container {}; annotate the pod \
             with outrigger.dev/mode: forward-proxy or base-url (or inject with --mode), or label the namespace privileged",
            names::RULES
        ));
    }
    if settings.plain && surroundings.job {
        wrong(
            "belongs to a Job, which would never be complete with the plain container beside it; use the native sidecar (Kubernetes 1.29 or later)"
                .to_owned(),
        );
    }
    for volume in spec.items_of("volumes") {
        if let Some(name) = volume
            .str("name")
            .filter(|name| names::VOLUMES.contains(name))
        {
            wrong(format!(
                "has a volume {name}, which is the name of one of Outrigger's; give yours another"
            ));
        }
    }
    for name in spec.containers().filter_map(|one| one.str("name")) {
        if names::CONTAINERS.contains(&name) {
            wrong(format!(
                "has a container {name} that `outrigger inject` did not put there; take it away, or leave the pod as it is with the annotation {}: disabled",
                names::INJECT
            ));
        }
    }
    if truth("shareProcessNamespace") {
        verdict.notes.push(
            "shareProcessNamespace is true: a root process of the app can read the sidecar's environment and memory, keys included".to_owned(),
        );
    }
    let early = !spec.items_of("initContainers").is_empty();
    if settings.plain && early && settings.mode == Mode::Transparent {
        verdict.notes.push(
            "its init containers run before the plain container: their connections to port 443 are refused; native sidecars have no such gap"
                .to_owned(),
        );
    }
}

fn check_container(one: &Node, spec: &Node, settings: &Settings, verdict: &mut Verdict) {
    let name = one.str("name").unwrap_or_default();
    check_user(one, spec, name, verdict);
    for port in one.items_of("ports") {
        let number = port.get("containerPort").and_then(Node::int);
        if let Some(taken) = names::PORTS
            .iter()
            .find(|taken| number == Some(i64::from(**taken)))
        {
            verdict.wrong.push(format!(
                "container {name} listens on port {taken}, which Outrigger needs in the pod; give it another port"
            ));
        }
    }
    if settings.mode.has_ca() {
        check_mounts(one, name, verdict);
    }
    check_variables(one, name, settings, verdict);
}

fn check_user(one: &Node, spec: &Node, name: &str, verdict: &mut Verdict) {
    let of = |node: &Node| {
        node.find(&["securityContext", "runAsUser"])
            .and_then(Node::int)
    };
    let own = of(one);
    if own.or(of(spec)) == Some(names::UID) {
        let whose = if own.is_some() {
            ""
        } else {
            " (by the pod's securityContext)"
        };
        verdict.wrong.push(format!(
            "container {name} runs as user {}{whose}, which is the proxy's: rules let its connections pass, and files are its; give it another runAsUser",
            names::UID
        ));
    }
}

fn check_mounts(one: &Node, name: &str, verdict: &mut Verdict) {
    for mount in one.items_of("volumeMounts") {
        let path = mount
            .str("mountPath")
            .unwrap_or_default()
            .trim_end_matches('/');
        let below = format!("{path}/");
        let read_only = mount.get("readOnly").and_then(Node::truth) == Some(true);
        if path == names::CA_PATH || path.starts_with(&format!("{}/", names::CA_PATH)) {
            verdict.wrong.push(format!(
                "container {name} mounts something at {path}, where the pod's CA goes; mount it elsewhere"
            ));
        } else if read_only && names::CA_PATH.starts_with(&below) {
            verdict.wrong.push(format!(
                "container {name} mounts {path} read-only, and the pod's CA can't be mounted inside it; mount it more narrowly or writable, or take outrigger.dev/mode: base-url"
            ));
        }
    }
}

fn check_variables(one: &Node, name: &str, settings: &Settings, verdict: &mut Verdict) {
    let env = one.items_of("env");
    let wanted = parts::environment(settings.mode);
    let trusted = parts::ca_variables();
    for entry in env {
        let Some(variable) = entry.str("name") else {
            continue;
        };
        let value = entry.str("value");
        let same = wanted
            .iter()
            .any(|(name, ours)| *name == variable && value == Some(ours));
        if same {
            continue;
        }
        let ca = settings.mode.has_ca()
            && (trusted.iter().any(|(known, _)| *known == variable)
                || variable == parts::JAVA_VARIABLE
                    && value.is_some_and(|value| value.contains(parts::JAVA_TRUST)));
        if ca && settings.keep_ca {
            verdict.notes.push(format!(
                "container {name} keeps its own {variable}: it must trust the pod's CA as well, {}",
                names::CA_FILE
            ));
        } else if ca {
            verdict.wrong.push(format!(
                "container {name} sets {variable} itself, so it would not trust the pod's CA; take the variable away, or annotate the pod with \
                 outrigger.dev/keep-ca: \"true\" and put {} into its bundle, or take outrigger.dev/mode: base-url",
                names::CA_FILE
            ));
        } else if variable == parts::JAVA_VARIABLE && value.is_none() && settings.mode.has_ca() {
            verdict.notes.push(format!(
                "container {name} takes {variable} from elsewhere, so nothing is appended: a JVM in it does not trust the pod's CA"
            ));
        } else if parts::PROXY_VARIABLES.contains(&variable) && settings.mode == Mode::ForwardProxy
        {
            verdict.wrong.push(format!(
                "container {name} sets {variable} itself, so its calls would not come to Outrigger; take the variable away, or take outrigger.dev/mode: transparent or base-url"
            ));
        } else if variable.ends_with("_BASE_URL")
            && wanted.iter().any(|(known, _)| *known == variable)
        {
            verdict.notes.push(format!(
                "container {name} sets {variable} itself, and keeps it: those calls do not come to Outrigger"
            ));
        }
    }
}
