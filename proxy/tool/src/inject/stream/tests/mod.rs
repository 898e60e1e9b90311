#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::inject::{Mode, Settings};

fn with(stream: &str) -> String {
    inject(stream.as_bytes(), &Settings::default(), false)
        .unwrap()
        .text
}

fn without(stream: &str) -> String {
    uninject(stream.as_bytes()).unwrap().text
}

fn refused(stream: impl AsRef<[u8]>, mode: Mode) -> Vec<String> {
    let settings = Settings {
        mode,
        ..Settings::default()
    };
    inject(stream.as_ref(), &settings, false).unwrap_err()
}

/// A Deployment `web` whose pod's spec is this, indented by six.
fn deployment(spec: &str) -> String {
    let spec = spec.trim_end().replace('\n', "\n      ");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: {{matchLabels: {{a: b}}}}\n  template:\n    metadata:\n      labels: {{a: b}}\n    spec:\n      {spec}\n"
    )
}

const APP: &str = "containers:\n- name: app\n  image: a\n";

fn pod_of(text: &str) -> Node {
    let root = read(text).unwrap().root;
    root.find(&["spec", "template", "spec"]).unwrap().clone()
}

fn names_of(pod: &Node, list: &str) -> Vec<String> {
    let items = pod.get(list).map(Node::items).unwrap_or_default();
    items
        .iter()
        .map(|item| item.str("name").unwrap().to_owned())
        .collect()
}

#[test]
fn rules_come_first_then_the_sidecar_then_the_apps_own() {
    let text = with(&deployment(&format!(
        "initContainers:\n- name: migrate\n  image: m\n{APP}"
    )));
    let pod = pod_of(&text);
    assert_eq!(
        names_of(&pod, "initContainers"),
        ["outrigger-rules", "outrigger", "migrate"]
    );
    let init = pod.get("initContainers").unwrap().items();
    assert_eq!(
        init[0]
            .find(&["securityContext", "runAsNonRoot"])
            .unwrap()
            .truth(),
        Some(false)
    );
    assert_eq!(init[1].str("restartPolicy"), Some("Always"));
    for app in [&init[2], &pod.get("containers").unwrap().items()[0]] {
        let env = app.get("env").unwrap().items();
        assert!(env.iter().any(|e| e.str("name") == Some("SSL_CERT_FILE")
            && e.str("value") == Some("/var/run/outrigger/ca/bundle.pem")));
        assert_eq!(
            app.get("volumeMounts").unwrap().items()[0]
                .get("readOnly")
                .unwrap()
                .truth(),
            Some(true)
        );
    }
    // The key's volume is the sidecar's alone.
    assert_eq!(
        text.matches("name: outrigger-ca-key").count(),
        2,
        "a volume and one mount"
    );
}

#[test]
fn each_mode_sets_what_its_clients_need_and_no_more() {
    let said = |mode| {
        let settings = Settings {
            mode,
            ..Settings::default()
        };
        inject(deployment(APP).as_bytes(), &settings, false)
            .unwrap()
            .text
    };
    let (transparent, forward, base) = (
        said(Mode::Transparent),
        said(Mode::ForwardProxy),
        said(Mode::BaseUrl),
    );
    for (text, there, not) in [
        (
            &transparent,
            vec![
                "NET_ADMIN",
                "--transparent=127.0.0.1:15001",
                "SSL_CERT_FILE",
                "bundle.p12",
            ],
            vec!["HTTPS_PROXY", "_BASE_URL"],
        ),
        (
            &forward,
            vec![
                "--forward-proxy=127.0.0.1:4142",
                "name: HTTPS_PROXY",
                "name: no_proxy",
                "NODE_USE_ENV_PROXY",
                "SSL_CERT_FILE",
            ],
            vec!["NET_ADMIN", "_BASE_URL", "name: HTTP_PROXY"],
        ),
        (
            &base,
            vec![
                "--base-url=127.0.0.1:4141",
                "value: http://127.0.0.1:4141/v1",
                "ANTHROPIC_BASE_URL",
            ],
            vec![
                "NET_ADMIN",
                "SSL_CERT_FILE",
                "outrigger-ca\n",
                "HTTPS_PROXY",
            ],
        ),
    ] {
        there
            .iter()
            .for_each(|word| assert!(text.contains(word), "{word}\n{text}"));
        not.iter()
            .for_each(|word| assert!(!text.contains(word), "{word}\n{text}"));
        assert!(text.contains("--admin=0.0.0.0:4190") && text.contains("--drain=115s"));
    }
}

#[test]
fn the_drain_window_follows_the_grace_period() {
    let drain = |grace: &str| {
        let text = with(&deployment(&format!("{grace}{APP}")));
        let pod = pod_of(&text);
        assert_eq!(without(&text), deployment(&format!("{grace}{APP}")));
        let drain = text
            .split("--drain=")
            .nth(1)
            .unwrap()
            .split('\n')
            .next()
            .unwrap()
            .to_owned();
        (
            pod.get("terminationGracePeriodSeconds")
                .unwrap()
                .int()
                .unwrap(),
            drain,
        )
    };
    let key = "terminationGracePeriodSeconds";
    assert_eq!(drain(""), (120, "115s".to_owned()));
    assert_eq!(drain(&format!("{key}: 30\n")), (120, "115s".to_owned()));
    assert_eq!(
        drain(&format!("{key}: 660 # agents\n")),
        (660, "655s".to_owned())
    );
    assert_eq!(drain(&format!("{key}: 3\n")), (3, "1s".to_owned()));
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
            "{apiVersion: v1, kind: Pod, metadata: {name: p, |x: y}, spec: {containers: [{name: a}]}}\n".to_owned(),
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
    // The same namespace takes a pod that needs no capability, and another namespace is another matter.
    let settings = Settings {
        mode: Mode::ForwardProxy,
        ..Settings::default()
    };
    assert!(inject((restricted.to_owned() + &shop).as_bytes(), &settings, false).is_ok());
    assert!(
        inject(
            (restricted.to_owned() + &deployment(APP)).as_bytes(),
            &Settings::default(),
            false
        )
        .is_ok()
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
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
        inject(deployment(spec).as_bytes(), settings, false)
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
        notes(
            own,
            &Settings {
                mode: Mode::BaseUrl,
                ..Settings::default()
            }
        )
        .contains("sets OPENAI_BASE_URL itself, and keeps it")
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
    let outcome = inject(rollout.as_bytes(), &Settings::default(), false).unwrap();
    assert_eq!((outcome.text, outcome.pods), (rollout, 0));
    assert!(outcome.notes[0].contains("Rollout/web (document 1, line 1) is left as it is"));
}

#[test]
fn what_is_no_workload_passes_byte_for_byte() {
    let stream = "\u{feff}# a\n%YAML 1.2\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c} # c\ndata:\n  a: |\n    ---\n    x\n  b: \"\\u00e9\"\n  y: yes\n...\n---\n\n--- # empty\n---\nkind: Service\napiVersion: v1\r\nspec: &s {a: *s2}\n";
    let stream = stream.replace("&s {a: *s2}", "{}");
    let outcome = inject(stream.as_bytes(), &Settings::default(), false).unwrap();
    assert_eq!((outcome.text, outcome.pods), (stream, 0));
    assert_eq!(with(""), "");
    // Between other documents, too.
    let around = format!(
        "# head\napiVersion: v1\nkind: Secret # s\n---\n{}---\n# tail\n",
        deployment(APP)
    );
    let text = with(&around);
    assert!(
        text.starts_with("# head\napiVersion: v1\nkind: Secret # s\n---\napiVersion: apps/v1\n"),
        "{text}"
    );
    assert!(text.ends_with("\n---\n# tail\n"));
    assert_eq!(without(&text), around);
}

#[test]
fn what_yaml_readers_differ_in_stays_as_it_was() {
    let spec = "automountServiceAccountToken: no\ncontainers:\n- name: app\n  image: a\n  args: [\"on\", 'yes', \"0777\", \"1e3\", '12:30:45', \"~\", \"123456789012345678901234567890\", 2001-01-01]\n  command:\n  - |\n    ---\n    a: b\n\n  - >-\n    folded\n    text\n  env:\n  - name: \"n\"\n    value: \"0o17\"\n  - {name: T, value: 'it''s'}\nvolumes:\n- name: v\n  configMap: {name: c, defaultMode: 0644}\n- name: w\n  emptyDir: {sizeLimit: 1_000}\n";
    let text = with(&deployment(spec));
    for kept in [
        "automountServiceAccountToken: no\n",
        "args: [\"on\", 'yes', \"0777\", \"1e3\", '12:30:45', \"~\", \"123456789012345678901234567890\", 2001-01-01]\n",
        "defaultMode: 0644",
        "value: \"0o17\"",
        "sizeLimit: 1_000",
        "    - |\n          ---\n          a: b\n",
    ] {
        assert!(text.contains(kept), "{kept}\n{text}");
    }
    assert_eq!(without(&text), deployment(spec));
    // The same where everything must be printed anew.
    let flow = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [&a {name: one, args: [\"yes\", no, \"0777\", 0777, '1e3', 1e3, \"\", null, ~]}, {<<: *a, name: two}]}}\n";
    let text = with(flow);
    for printed in [
        "- 'yes'\n",
        "- no\n",
        "- '0777'\n",
        "- 0777\n",
        "- '1e3'\n",
        "- 1e3\n",
        "- ''\n",
        "- null\n",
        "- ~\n",
    ] {
        assert_eq!(text.matches(printed).count(), 2, "{printed}\n{text}");
    }
    let back = without(&text);
    assert!(
        read(&back).unwrap().root.same(&read(flow).unwrap().root),
        "{back}"
    );
    assert_eq!(without(&with(&back)), back, "from then on to the byte");
}

#[test]
fn json_bracketed_and_dos_files_are_taken() {
    let json = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"a","args":["yes"]}]}},{"apiVersion":"v1","kind":"Service"}]}"#;
    let outcome = inject(json.as_bytes(), &Settings::default(), false).unwrap();
    assert_eq!(outcome.pods, 1);
    assert!(
        read(&without(&outcome.text))
            .unwrap()
            .root
            .same(&read(json).unwrap().root)
    );
    let dos = deployment(APP).replace('\n', "\r\n");
    let text = with(&dos);
    assert!(!text.replace("\r\n", "").contains('\n'));
    assert_eq!(without(&text), dos);
    let marked = format!("--- {}\n", json.replace("\"yes\"", "0644"));
    assert!(
        with(&marked).starts_with("---\napiVersion: v1\n"),
        "{}",
        with(&marked)
    );
}

#[test]
fn other_defaults_later_are_taken_up_and_edits_since_stay() {
    let original = deployment(APP);
    let text = with(&original);
    let base = Settings {
        mode: Mode::BaseUrl,
        ..Settings::default()
    };
    let changed = inject(text.as_bytes(), &base, false).unwrap().text;
    assert_eq!(
        changed,
        inject(original.as_bytes(), &base, false).unwrap().text
    );
    // Somebody gives the app another variable, its own roots after all, another grace period, and a container copied from it.
    let edited = text
        .replace("        - name: SSL_CERT_FILE\n          value: /var/run/outrigger/ca/bundle.pem\n", "        - name: SSL_CERT_FILE\n          value: /mine\n        - name: NEW\n          value: x\n")
        .replace("terminationGracePeriodSeconds: 120", "terminationGracePeriodSeconds: 90");
    assert_ne!(edited, text);
    let expected = deployment(
        "containers:\n- name: app\n  image: a\n  env:\n  - name: SSL_CERT_FILE\n    value: /mine\n  - name: NEW\n    value: x\nterminationGracePeriodSeconds: 90\n",
    );
    assert!(
        read(&without(&edited))
            .unwrap()
            .root
            .same(&read(&expected).unwrap().root),
        "{}",
        without(&edited)
    );
}

#[test]
fn another_versions_pod_is_upgraded_when_asked() {
    let original = deployment(APP);
    let old = with(&original).replace(names::VERSION, "0.0.1");
    assert_eq!(
        inject(old.as_bytes(), &Settings::default(), true)
            .unwrap()
            .text,
        with(&original)
    );
    assert_eq!(without(&old), original);
}

#[test]
fn who_declines_is_left_alone_and_loses_what_it_had() {
    let declining = deployment(APP).replace(
        "      labels: {a: b}",
        "      annotations:\n        outrigger.dev/inject: disabled\n",
    );
    let outcome = inject(declining.as_bytes(), &Settings::default(), false).unwrap();
    assert_eq!(outcome.text, declining);
    assert!(outcome.notes[0].contains("is left out"));
    let enabled = declining.replace("disabled", "enabled");
    assert_eq!(
        with(&with(&enabled).replace("inject: enabled", "inject: disabled")),
        declining
    );
}

#[test]
fn policies_from_a_registry_are_there_before_the_sidecar_starts() {
    let digest = format!("oci://ghcr.io/a/b@sha256:{}", "a".repeat(64));
    let pod = |reference: &str| {
        let settings = Settings {
            policies: reference.parse().unwrap(),
            ..Settings::default()
        };
        pod_of(
            &inject(deployment(APP).as_bytes(), &settings, false)
                .unwrap()
                .text,
        )
    };
    let pinned = pod(&digest);
    assert_eq!(
        names_of(&pinned, "initContainers"),
        ["outrigger-rules", "outrigger-pull", "outrigger"]
    );
    assert!(
        pinned.get("initContainers").unwrap().items()[1]
            .get("restartPolicy")
            .is_none(),
        "once"
    );
    let tagged = pod("oci://ghcr.io/a/b:stable");
    assert_eq!(
        names_of(&tagged, "initContainers"),
        [
            "outrigger-rules",
            "outrigger-pull",
            "outrigger-pull-loop",
            "outrigger"
        ]
    );
    let again = &tagged.get("initContainers").unwrap().items()[2];
    let args: Vec<_> = again
        .get("args")
        .unwrap()
        .items()
        .iter()
        .filter_map(Node::chars)
        .collect();
    assert_eq!(
        args,
        [
            "pull",
            "oci://ghcr.io/a/b:stable",
            "--into",
            "/etc/outrigger/policies",
            "--every",
            "60s"
        ]
    );
    assert_eq!(again.str("restartPolicy"), Some("Always"));
}

/// A pod's spec, odd but valid in shape.
fn spec() -> impl Strategy<Value = String> {
    let value = proptest::sample::select(vec![
        "a",
        "\"yes\"",
        "'0777'",
        "\"1e3\"",
        "|\n      x\n\n      y\n",
        "''",
        "\"é\" # é",
    ]);
    let env = prop_oneof![
        Just(String::new()),
        Just("  env: []\n".to_owned()),
        Just("  env:\n".to_owned()),
        Just("  env: ~ # none\n".to_owned()),
        value.prop_map(|value| format!("  env:\n  # why\n  - name: A\n    value: {value}\n")),
        Just("  env: [{name: NODE_USE_ENV_PROXY, value: \"0\"}, {name: JAVA_TOOL_OPTIONS, value: -Xmx1g}]\n".to_owned()),
    ];
    let mounts = prop_oneof![
        Just(String::new()),
        Just("  volumeMounts: null\n".to_owned()),
        Just("  volumeMounts:\n  - {name: t, mountPath: /t} # t\n".to_owned()),
    ];
    let container = (env, mounts, any::<bool>()).prop_map(|(env, mounts, first)| {
        if first {
            format!("  image: i # image\n{env}{mounts}")
        } else {
            format!("{mounts}\n{env}  image: i\n")
        }
    });
    let containers = |names: &'static [&'static str]| {
        proptest::collection::vec(container.clone(), names.len()).prop_map(move |all| {
            all.iter()
                .zip(names)
                .map(|(rest, name)| format!("- name: {name}\n{rest}"))
                .collect::<String>()
        })
    };
    let init = prop_oneof![
        Just(String::new()),
        Just("initContainers: []\n".to_owned()),
        Just("initContainers:\n".to_owned()),
        containers(&["first"]).prop_map(|all| format!("# before\ninitContainers: # all\n{all}")),
    ];
    let volumes = prop_oneof![
        Just(String::new()),
        Just("volumes:\n- name: t\n  emptyDir: {}\n".to_owned()),
        Just("volumes: [{name: t, configMap: {name: t, defaultMode: 0644}}]\n".to_owned()),
        Just("volumes: null # none\n".to_owned()),
    ];
    let grace = prop_oneof![
        Just(String::new()),
        (0_u32..200).prop_map(|n| format!("terminationGracePeriodSeconds: {n} # s\n")),
    ];
    (
        init,
        containers(&["app", "other"]),
        volumes,
        grace,
        any::<bool>(),
    )
        .prop_map(|(init, apps, volumes, grace, last)| {
            let apps = format!("containers:\n{apps}");
            if last {
                format!("{grace}{volumes}{init}{apps}# end\n")
            } else {
                format!("{apps}{init}{volumes}{grace}")
            }
        })
}

fn manifest() -> impl Strategy<Value = (String, bool)> {
    let meta = prop_oneof![
        Just(String::new()),
        Just("metadata:\n  labels: {app.kubernetes.io/name: x}\n".to_owned()),
        Just("metadata:\n".to_owned()),
        Just("metadata:\n  annotations: {}\n  creationTimestamp: null\n".to_owned()),
        Just("metadata:\n  annotations:\n    outrigger.dev/mode: MODE\n    outrigger.dev/tag-tenant: \"on\"\n".to_owned()),
    ];
    let mode = proptest::sample::select(vec!["transparent", "forward-proxy", "base-url"]);
    (meta, spec(), mode, 0..4_u8, any::<bool>()).prop_map(|(meta, spec, mode, shape, newline)| {
        let spec = spec.lines().map(|line| format!("  {line}\n")).collect::<String>();
        let pod = format!("{}spec:\n{spec}", meta.replace("MODE", mode));
        let deep = |pod: &str, by: &str| pod.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
        let text = match shape {
            0 if meta.is_empty() => format!("apiVersion: v1\nkind: Pod\n{pod}"),
            1 => format!("apiVersion: batch/v1\nkind: CronJob\nspec:\n  jobTemplate:\n    spec:\n      template:\n{}", deep(&pod, "        ")),
            2 => format!("apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: StatefulSet\n  spec:\n    template:\n{}- kind: Service\n  apiVersion: v1\n", deep(&pod, "      ")),
            _ => format!("# head\napiVersion: apps/v1\nkind: Deployment\nspec:\n  template: # t\n{}", deep(&pod, "    ")),
        };
        let lines = !text.contains("env: []") && !text.contains("env: [{") && !text.contains("# none") && !text.contains("volumes: [{") && !text.contains("annotations: {}") && !text.contains("Containers: []");
        (if newline { text } else { text.trim_end().to_owned() }, lines)
    })
}

/// Manifests with some bytes of them changed: mostly wrong, each differently.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let bytes = b" \n\t:-#{}[]|>&*!%@`'\",?~<.\\\0\xff\x85\r".to_vec();
    let change = (
        any::<proptest::sample::Index>(),
        proptest::sample::select(bytes),
        0..3_u8,
    );
    (manifest(), proptest::collection::vec(change, 1..6)).prop_map(|((text, _), changes)| {
        let mut bytes = text.into_bytes();
        for (at, byte, kind) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        bytes
    })
}

#[test]
fn a_list_of_exceptions_in_either_spelling_is_the_containers_own() {
    let settings = Settings {
        mode: Mode::ForwardProxy,
        ..Settings::default()
    };
    let own = deployment(
        "containers:\n- name: app\n  env:\n  - name: NO_PROXY\n    value: .example.com\n",
    );
    let text = inject(own.as_bytes(), &settings, false).unwrap().text;
    assert!(!text.contains("name: no_proxy") && text.contains("name: https_proxy"));
    assert_eq!(without(&text), own);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("PROPTEST_CASES").map_or(256, |n| n.parse().unwrap())))]

    #[test]
    fn whatever_comes_in_a_sentence_or_a_stream_comes_out(stream in prop_oneof![broken(), proptest::collection::vec(any::<u8>(), 0..64)]) {
        if let Ok(outcome) = inject(&stream, &Settings::default(), false) {
            let again = inject(outcome.text.as_bytes(), &Settings::default(), false);
            prop_assert_eq!(&again.unwrap().text, &outcome.text);
            prop_assert!(uninject(outcome.text.as_bytes()).is_ok());
        }
        let _ = uninject(&stream);
    }

    #[test]
    fn twice_is_once_and_back_is_where_it_was((stream, lines) in manifest()) {
        let once = with(&stream);
        prop_assert_ne!(&once, &stream);
        prop_assert_eq!(&with(&once), &once, "injected twice");
        let back = without(&once);
        prop_assert!(read(&back).unwrap().root.same(&read(&stream).unwrap().root), "{}\n{}", stream, back);
        if lines {
            prop_assert_eq!(&back, &stream, "in blocks: to the byte\n{}", once);
        }
        prop_assert_eq!(&without(&back), &back);
        // Whatever it was, from here on it is to the byte.
        let again = without(&with(&back));
        prop_assert_eq!(again, back);
    }
}
