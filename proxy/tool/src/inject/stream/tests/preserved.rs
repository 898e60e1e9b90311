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
    let outcome = inject(json.as_bytes(), &Settings::default(), &Options::default()).unwrap();
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
