//! Properties of odd, broken and repeated input.

use proptest::prelude::*;

use serde::Serialize;

use super::{inject, read, uninject, with, without};
use crate::inject::{Options, Settings, json::to_json};

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
        Just("  env: [{name: NODE_USE_ENV_PROXY, value: \"0\"}, {name: JAVA_TOOL_OPTIONS, value: '-Xmx1g'}]\n".to_owned()),
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

fn manifest() -> impl Strategy<Value = String> {
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
        if newline { text } else { text.trim_end().to_owned() }
    })
}

/// The same manifests in other ways of writing them.
fn styled() -> impl Strategy<Value = String> {
    (manifest(), 0..7_u8).prop_map(|(text, style)| {
        let json = || to_json(&read(&text).unwrap().root);
        let pretty = |unit: &[u8]| {
            let mut out = Vec::new();
            let formatter = serde_json::ser::PrettyFormatter::with_indent(unit);
            let mut writer = serde_json::Serializer::with_formatter(&mut out, formatter);
            json().serialize(&mut writer).unwrap();
            String::from_utf8(out).unwrap()
        };
        match style {
            0 => text.replace('\n', "\r\n"),
            1 => json().to_string(),
            2 => pretty(b"    ") + "\n",
            3 => pretty(b"\t").replace('\n', "\r\n"),
            4 => format!("# head\n--- # one\n{text}\n...\n---\n# tail\n"),
            // JSON as YAML, on one line and with comments that JSON has not.
            5 => format!("---\n# why\n{} # end\n", json()),
            _ => text,
        }
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
    (manifest(), proptest::collection::vec(change, 1..6)).prop_map(|(text, changes)| {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("PROPTEST_CASES").map_or(256, |n| n.parse().unwrap())))]

    #[test]
    fn whatever_comes_in_a_sentence_or_a_stream_comes_out(stream in prop_oneof![broken(), proptest::collection::vec(any::<u8>(), 0..64)]) {
        if let Ok(outcome) = inject(&stream, &Settings::default(), &Options::default()) {
            let again = inject(outcome.text.as_bytes(), &Settings::default(), &Options::default());
            prop_assert_eq!(&again.unwrap().text, &outcome.text);
            prop_assert!(uninject(outcome.text.as_bytes()).is_ok());
        }
        let _ = uninject(&stream);
    }

    #[test]
    fn twice_is_once_and_back_is_where_it_was(stream in styled()) {
        let once = with(&stream);
        prop_assert_ne!(&once, &stream);
        prop_assert_eq!(&with(&once), &once, "injected twice");
        prop_assert_eq!(&without(&once), &stream, "{}", once);
        let notes = inject(stream.as_bytes(), &Settings::default(), &Options::default()).unwrap().notes;
        prop_assert!(!notes.iter().any(|note| note.contains("not the bytes")), "{:?}", notes);
    }
}
