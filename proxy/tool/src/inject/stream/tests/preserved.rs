//! Text that stays as it was, and injection of what was injected before.

use super::{APP, deployment, in_mode, inject, injected, read, with, without};
use crate::inject::{Mode, Options, Settings, names};

#[test]
fn what_is_no_workload_passes_byte_for_byte() {
    let stream = "\u{feff}# a\n%YAML 1.2\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c} # c\ndata:\n  a: |\n    ---\n    x\n  b: \"\\u00e9\"\n  y: yes\n...\n---\n\n--- # empty\n---\nkind: Service\napiVersion: v1\r\nspec: &s {a: *s2}\n";
    let stream = stream.replace("&s {a: *s2}", "{}");
    let outcome = inject(stream.as_bytes(), &Settings::default(), &Options::default()).unwrap();
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
    // Between brackets, too.
    let flow = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [&a {name: one, args: [\"yes\", no, \"0777\", 0777, '1e3', 1e3, \"\", null, ~]}, {<<: *a, name: two}]}}\n";
    let text = with(flow);
    assert!(text.contains("{<<: *a, name: two}]"), "{text}");
    assert_eq!(without(&text), flow);
}

#[test]
fn json_bracketed_and_dos_files_are_taken() {
    let json = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"a","args":["yes"]}]}},{"apiVersion":"v1","kind":"Service"}]}"#;
    let outcome = inject(json.as_bytes(), &Settings::default(), &Options::default()).unwrap();
    assert_eq!(outcome.pods, 1);
    assert!(serde_json::from_str::<serde_json::Value>(&outcome.text).is_ok());
    assert_eq!(without(&outcome.text), json);
    let dos = deployment(APP).replace('\n', "\r\n");
    let text = with(&dos);
    assert!(!text.replace("\r\n", "").contains('\n'));
    assert_eq!(without(&text), dos);
    let marked = format!("--- {}\n", json.replace("\"yes\"", "0644"));
    assert_eq!(without(&with(&marked)), marked);
}

#[test]
fn other_defaults_later_are_taken_up_and_edits_since_stay() {
    let original = deployment(APP);
    let text = with(&original);
    let base = in_mode(Mode::BaseUrl);
    assert_eq!(injected(&text, &base), injected(&original, &base));
    // Somebody gives the app another variable, its own roots after all, another grace period, and a
    // container copied from it.
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
fn another_versions_pod_is_upgraded_on_request() {
    let original = deployment(APP);
    let old = with(&original).replace(names::VERSION, "0.0.1");
    assert_eq!(
        inject(
            old.as_bytes(),
            &Settings::default(),
            &Options {
                upgrade: true,
                ..Options::default()
            }
        )
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
    let outcome = inject(
        declining.as_bytes(),
        &Settings::default(),
        &Options::default(),
    )
    .unwrap();
    assert_eq!(outcome.text, declining);
    assert!(outcome.notes[0].contains("is left out"));
    let enabled = declining.replace("disabled", "enabled");
    assert_eq!(
        with(&with(&enabled).replace("inject: enabled", "inject: disabled")),
        declining
    );
}

/// Odd ways of writing a pod, all of which readers of YAML take.
const ODD: [&str; 9] = [
    // Anchors, aliases and merges, before and inside what changes.
    "x-env: &env\n- {name: A, value: \"1\"}\napiVersion: v1\nkind: Pod\nmetadata: &m { name: a, labels: &l { app: a } } # m\nspec:\n    containers:\n        - &c\n          name: a # n\n          image: 'nginx:1'\n          env: &e\n          - {name: A, value: \"1\"}\n        -   <<: *c\n            name: b\n",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: &m {name: a, labels: {a: b}}\nspec:\n  template:\n    metadata: {labels: {a: b}}\n    spec: &s\n      containers: [{name: a}] # c\n",
    // Comments at every depth, the last line without a line break.
    "# 1\napiVersion: v1 # 2\nkind: Pod\n# 3\nspec: # 4\n  # 5\n  containers: # 6\n  # 7\n  - name: a # 8\n    # 9\n  # 10\n# 11",
    // Brackets over lines, with comments and commas at their ends.
    "apiVersion: v1\nkind: Pod\nspec: {\n  containers: [ # ]\n    { name: a, args: [\"]\", '}', ] }, # }\n    {\n      name: b,\n    },\n  ],\n}\n",
    "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - { name: a, env: [ {name: A} ], volumeMounts: ~ }\n  volumes:  []\n  initContainers: # none\n",
    // Quoted keys, tabs where they may be, explicit tags.
    "\"apiVersion\": v1\n'kind': !!str Pod\n\"spec\":\n  \"containers\": \t# t\n  - \"name\": a\n    'image': \"i\"\t# i\n",
    // Lists under their keys and deeper, documents that end and begin again.
    "%YAML 1.2\n--- # first\napiVersion: v1\nkind: Pod\nspec:\n      containers:\n          -   name: a\n              args:\n              - |2\n                  deep\n              - >+\n                folded\n\n      volumes:\n      - name: v\n...\n# between\n---\n---\nkind: Service\napiVersion: v1\n...\n",
    // Kubernetes' own 30 s, and a number with an anchor.
    "apiVersion: v1\nkind: Pod\nspec: {terminationGracePeriodSeconds:   30 , containers: [{name: a}]}\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: é, annotations: {}}\nspec:\n  terminationGracePeriodSeconds: &g 30 # g\n  containers: [{name: ü, image: \"ß\"}]\n",
];

#[test]
fn however_it_is_written_what_is_taken_out_again_leaves_the_same_bytes() {
    for odd in ODD {
        for odd in [odd.to_owned(), odd.replace('\n', "\r\n")] {
            let outcome = inject(odd.as_bytes(), &Settings::default(), &Options::default());
            let outcome = outcome.unwrap_or_else(|wrong| panic!("{wrong:?}\n{odd}"));
            assert_eq!(outcome.notes, [""; 0], "{odd}");
            assert_eq!(without(&outcome.text), odd, "{}", outcome.text);
            assert_eq!(with(&outcome.text), outcome.text);
            // What was there is there still, in its order, but for a grace period and empty lists.
            if !["30", "[]", "{}"].iter().any(|word| odd.contains(word)) {
                let mut bytes = outcome.text.bytes();
                let kept = odd.bytes().all(|byte| bytes.any(|other| other == byte));
                assert!(kept, "{odd}\n{}", outcome.text);
            }
        }
    }
}

#[test]
fn every_manifest_of_this_repository_comes_back_to_the_byte() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let mut folders = vec![format!("{root}deploy"), format!("{root}tests/data/inject")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            // Templates of a chart, and patches that hold parts of the sidecar themselves.
            if name.contains("/helm") || name.contains("/kustomize") {
                continue;
            }
            if path.is_dir() {
                folders.push(name);
                continue;
            }
            if !name.ends_with(".yaml") || name.ends_with(".out.yaml") {
                continue;
            }
            let stream = std::fs::read_to_string(&path).unwrap();
            // Files that are no manifests, and the sidecars by hand, are refused.
            let Ok(outcome) = inject(
                stream.as_bytes(),
                &in_mode(Mode::BaseUrl),
                &Options::default(),
            ) else {
                continue;
            };
            seen += usize::from(outcome.pods > 0);
            assert!(without(&outcome.text) == stream, "{name}");
        }
    }
    assert!(seen >= 12, "{seen}");
}

#[test]
fn what_cannot_come_back_to_the_byte_is_noted() {
    let shared = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: &a {x: y}}\nspec:\n  containers: [{name: a}]\n  x-copy: *a\n";
    let outcome = inject(shared.as_bytes(), &Settings::default(), &Options::default()).unwrap();
    assert_eq!(
        outcome.notes,
        [
            "document 1, line 1: what an alias repeats, or what has a name of Outrigger's, had to be written anew: `outrigger uninject` will give back the meaning, not the bytes"
        ]
    );
    let back = without(&outcome.text);
    assert!(read(&back).unwrap().root.same(&read(shared).unwrap().root));
    // Options without quotes get quotes where what is appended needs them.
    let java = "apiVersion: v1\nkind: Pod\nspec:\n  containers: [{name: a, env: [{name: JAVA_TOOL_OPTIONS, value: -Xmx1g}]}]\n";
    let mode = in_mode(Mode::ForwardProxy);
    let outcome = inject(java.as_bytes(), &mode, &Options::default()).unwrap();
    assert_eq!(outcome.notes.len(), 1);
    assert_eq!(without(&outcome.text), java.replace("-Xmx1g", "'-Xmx1g'"));
}
