//! Refusals of pods and streams, and notes.

use super::{APP, deployment, in_mode, inject};
use crate::inject::{Mode, Options, Settings};

fn refused(stream: impl AsRef<[u8]>, mode: Mode) -> Vec<String> {
    inject(stream.as_ref(), &in_mode(mode), &Options::default()).unwrap_err()
}

#[test]
fn bad_pods_are_refused_with_a_sentence_that_names_them_and_the_way_out() {
    let t = Mode::Transparent;
    for (mode, spec, says) in [
        (t, format!("hostNetwork: yes\n{APP}"), "hostNetwork is true: rules and ports would be the node's, not the pod's; set it to false"),
        (t, format!("os: {{name: windows}}\n{APP}"), "is a Windows pod"),
        (t, format!("securityContext: {{runAsUser: 13370}}\n{APP}"), "container app runs as user 13370 (by the pod's securityContext), which is the proxy's"),
        (t, "containers:\n- name: app\n  securityContext: {runAsUser: 0x343a}\n".to_owned(), "container app runs as user 13370, which is the proxy's"),
        (t, "containers:\n- name: app\n  env:\n  - {name: SSL_CERT_FILE, value: /x}\n".to_owned(), "container app sets SSL_CERT_FILE itself, so it would not trust the pod's CA; take the variable away, or annotate the pod with outrigger.dev/keep-ca: \"true\""),
        (t, "containers:\n- name: app\n  env:\n  - {name: JAVA_TOOL_OPTIONS, value: -Djavax.net.ssl.trustStore=/x}\n".to_owned(), "container app sets JAVA_TOOL_OPTIONS itself"),
        (t, "containers:\n- name: app\n  ports:\n  - containerPort: 4190\n".to_owned(), "container app listens on port 4190, which Outrigger needs"),
        (t, "containers:\n- name: outrigger\n".to_owned(), "has a container outrigger that `outrigger inject` did not put there"),
        (t, format!("volumes:\n- name: outrigger-ca\n{APP}"), "has a volume outrigger-ca"),
        (t, "containers:\n- name: app\n  volumeMounts:\n  - {name: v, mountPath: /var/run/outrigger/ca/}\n".to_owned(), "container app mounts something at /var/run/outrigger/ca"),
        (t, "containers:\n- name: app\n  volumeMounts:\n  - {name: v, mountPath: /var/run, readOnly: true}\n".to_owned(), "container app mounts /var/run read-only"),
        (Mode::ForwardProxy, "containers:\n- name: app\n  env:\n  - {name: https_proxy, value: http://p}\n".to_owned(), "container app sets https_proxy itself, so its calls would not come to Outrigger"),
        (t, "containers: []\n".to_owned(), "has no list of containers"),
        (t, "containers:\n- image: a\n".to_owned(), "spec.containers has a container without a name"),
        (t, "containers:\n- name: app\n  env: x\n".to_owned(), "container app: env is no list of maps"),
        (t, format!("terminationGracePeriodSeconds: '120'\n{APP}"), "spec.terminationGracePeriodSeconds is no number of seconds"),
        (t, format!("volumes: x\n{APP}"), "spec.volumes is no list of maps"),
    ] {
        let wrong = refused(deployment(&spec), mode);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with("Deployment/web (document 1, line 1): "), "{wrong:?}");
        assert!(wrong[0].contains(says), "{says}\n{wrong:?}");
    }
}

#[test]
fn bad_streams_are_refused_with_document_and_line() {
    let t = Mode::Transparent;
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  template:\n    metadata:\n      annotations: {outrigger.dev/plain-container: 'true'}\n    spec:\n      containers: [{name: app}]\n";
    let restricted = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {pod-security.kubernetes.io/enforce: restricted}\n---\n";
    let shop = deployment(APP).replace("name: web", "name: web\n  namespace: shop");
    for (stream, says) in [
        (
            "a: 1\n---\n\nb: [\n".to_owned(),
            vec![
                "document 1, line 1: is no Kubernetes object: it needs apiVersion and kind",
                "document 2, line",
            ],
        ),
        (
            "{{ .Values.x }}\n".to_owned(),
            vec!["document 1, line 1: is no"],
        ),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: p, |x: y}, spec: {containers: [{name: a}], volumes: &v , x: *v}}\n".to_owned(),
            vec!["document 1, line 1: can't be written back as it was read"],
        ),
        (
            "just words\n".to_owned(),
            vec!["document 1, line 1: is no Kubernetes object"],
        ),
        (
            format!("---\n{}", deployment(&format!("{APP}containers: []\n"))),
            vec!["document 1, line 15: the key `containers` is there twice"],
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 1}\n"
                .to_owned(),
            vec!["Deployment/x (document 1, line 1): has no spec.template"],
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {}}\n"
                .to_owned(),
            vec!["has no spec"],
        ),
        (
            job.to_owned(),
            vec!["Job/j (document 1, line 1): belongs to a Job, which would never be complete"],
        ),
        (
            restricted.to_owned() + &shop,
            vec![
                "Deployment/web (document 2, line 7): namespace shop enforces the Pod Security Standard `restricted`",
            ],
        ),
        (
            deployment(APP).replace(
                "name: web",
                "name: web\n  annotations: {outrigger.dev/mode: base-url}",
            ),
            vec![
                "annotation outrigger.dev/mode has no effect here; write it under spec.template.metadata.annotations",
            ],
        ),
        (
            deployment(APP).replace(
                "      labels: {a: b}",
                "      annotations: {outrigger.dev/mod: x}",
            ),
            vec!["annotation outrigger.dev/mod: not known"],
        ),
        (
            deployment(APP).replace(
                "      labels: {a: b}",
                "      annotations: {outrigger.dev/injected: 0.0.1, outrigger.dev/injection: '{}'}",
            ),
            vec![
                "was injected by Outrigger 0.0.1, and this is",
                "`outrigger uninject` first, or use --upgrade",
            ],
        ),
        (
            deployment(APP).replace(
                "      labels: {a: b}",
                "      annotations: {outrigger.dev/injected: 0.0.1}",
            ),
            vec!["outrigger.dev/injection is not, so what was added is not known"],
        ),
        (
            deployment(APP).replace(
                "      labels: {a: b}",
                "      annotations: {outrigger.dev/injection: 'x'}",
            ),
            vec!["is not as Outrigger wrote it"],
        ),
    ] {
        let wrong = refused(&stream, t).join("\n");
        says.iter()
            .for_each(|says| assert!(wrong.contains(says), "{says}\n{wrong}"));
    }
    assert_eq!(
        refused(b"a: 1\nb: \xff\n", t),
        ["line 2 is not UTF-8; save the input as UTF-8"]
    );
    assert_eq!(
        refused(b"\xff\xfea\0", t),
        ["the input is UTF-16; save it as UTF-8"]
    );
    // The same namespace takes a pod that needs no capability, and another namespace is another
    // matter.
    for (stream, mode) in [(shop, Mode::ForwardProxy), (deployment(APP), t)] {
        let stream = restricted.to_owned() + &stream;
        assert!(inject(stream.as_bytes(), &in_mode(mode), &Options::default()).is_ok());
    }
}

#[test]
fn all_that_is_wrong_is_reported_at_once() {
    let bad = deployment(&format!(
        "hostNetwork: true\n{APP}  securityContext: {{runAsUser: 13370}}\n"
    ));
    assert_eq!(
        refused(format!("{bad}---\n{bad}"), Mode::Transparent).len(),
        4
    );
}

#[test]
fn soft_things_are_notes() {
    let notes = |spec: &str, settings: &Settings| {
        inject(deployment(spec).as_bytes(), settings, &Options::default())
            .unwrap()
            .notes
            .join("\n")
    };
    let own = "containers:\n- name: app\n  env:\n  - {name: SSL_CERT_FILE, value: /x}\n  - {name: OPENAI_BASE_URL, value: http://x}\n  - {name: JAVA_TOOL_OPTIONS, valueFrom: {configMapKeyRef: {name: a, key: b}}}\n";
    let kept = notes(
        own,
        &Settings {
            keep_ca: true,
            ..Settings::default()
        },
    );
    assert!(
        kept.contains("container app keeps its own SSL_CERT_FILE")
            && kept.contains("takes JAVA_TOOL_OPTIONS from elsewhere"),
        "{kept}"
    );
    assert!(
        notes(own, &in_mode(Mode::BaseUrl)).contains("sets OPENAI_BASE_URL itself, and keeps it")
    );
    assert!(
        notes(
            &format!("shareProcessNamespace: true\n{APP}"),
            &Settings::default()
        )
        .contains("shareProcessNamespace")
    );
    let plain = Settings {
        plain: true,
        ..Settings::default()
    };
    assert!(
        notes(&format!("initContainers:\n- name: i\n{APP}"), &plain)
            .contains("init containers run before the plain container")
    );
    let rollout = deployment(APP)
        .replace("apps/v1", "argoproj.io/v1")
        .replace("Deployment", "Rollout");
    let outcome = inject(
        rollout.as_bytes(),
        &Settings::default(),
        &Options::default(),
    )
    .unwrap();
    assert_eq!((outcome.text, outcome.pods), (rollout, 0));
    assert!(outcome.notes[0].contains("Rollout/web (document 1, line 1) is left as it is"));
}
