//! Additions to a pod, by mode and settings.

use super::{APP, deployment, in_mode, injected, names_of, pod_of, with, without};
use crate::inject::{Mode, Settings, tree::Node};

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
    for (mode, there, not) in [
        (
            Mode::Transparent,
            vec![
                "NET_ADMIN",
                "--transparent=127.0.0.1:15001",
                "SSL_CERT_FILE",
                "bundle.p12",
            ],
            vec!["HTTPS_PROXY", "_BASE_URL"],
        ),
        (
            Mode::ForwardProxy,
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
            Mode::BaseUrl,
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
        let text = injected(&deployment(APP), &in_mode(mode));
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
fn policies_from_a_registry_are_there_before_the_sidecar_starts() {
    let digest = format!("oci://ghcr.io/a/b@sha256:{}", "a".repeat(64));
    let pod = |reference: &str| {
        let settings = Settings {
            policies: reference.parse().unwrap(),
            ..Settings::default()
        };
        pod_of(&injected(&deployment(APP), &settings))
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

#[test]
fn a_list_of_exceptions_in_either_spelling_is_the_containers_own() {
    let own = deployment(
        "containers:\n- name: app\n  env:\n  - name: NO_PROXY\n    value: .example.com\n",
    );
    let text = injected(&own, &in_mode(Mode::ForwardProxy));
    assert!(!text.contains("name: no_proxy") && text.contains("name: https_proxy"));
    assert_eq!(without(&text), own);
}
