//! Objects that are chosen, left out, or left as they were.

use super::{APP, deployment, inject};
use crate::inject::{Choice, Options, Settings, stream::Outcome};

fn chosen(only: &[&str], skip: &[&str]) -> Options {
    let parse = |all: &[&str]| all.iter().map(|one| one.parse().unwrap()).collect();
    let (only, skip) = (parse(only), parse(skip));
    Options {
        choice: Choice { only, skip },
        ..Options::default()
    }
}

fn outcome(stream: &str, options: &Options) -> Outcome {
    inject(stream.as_bytes(), &Settings::default(), options).unwrap()
}

fn named(name: &str) -> String {
    deployment(APP).replace("name: web", &format!("name: {name}"))
}

const ON_THE_NODE: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: node} # as it was\nspec: {hostNetwork: true, containers: [{name: a}]}\n";

#[test]
fn what_is_not_chosen_stays_as_it_was_and_is_not_judged() {
    let stream = [named("web-1"), ON_THE_NODE.to_owned(), named("api")].join("---\n");
    for (only, skip, pods) in [
        (&["Deployment"][..], &[][..], 2),
        (&["deployment/web-*"], &[], 1),
        (&["Deployment/*"], &["*/web-*"], 1),
        (&[], &["Pod/node"], 2),
        (&[], &["Pod", "Deployment"], 0),
    ] {
        let outcome = outcome(&stream, &chosen(only, skip));
        assert_eq!(outcome.pods, pods, "{only:?} {skip:?}");
        assert_eq!(outcome.notes, [""; 0]);
        assert!(outcome.text.contains(ON_THE_NODE));
        let stayed = 2 - pods;
        assert_eq!(outcome.text.matches("outrigger.dev/injected").count(), pods);
        assert_eq!(
            [named("web-1"), named("api")]
                .iter()
                .filter(|one| outcome.text.contains(*one))
                .count(),
            stayed
        );
    }
    // A list's items, too.
    let other = "- {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {hostNetwork: true, containers: [{name: c}]}}\n";
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{name: c}}]}}}}\n{other}"
    );
    let outcome = outcome(&list, &chosen(&["Pod/a"], &[]));
    assert_eq!(outcome.pods, 1);
    assert!(outcome.text.ends_with(other), "{}", outcome.text);
}

#[test]
fn a_choice_that_fits_nothing_is_noted() {
    let outcome = outcome(&named("web"), &chosen(&["Deployment", "Pod"], &["*/wbe"]));
    assert_eq!(
        outcome.notes,
        [
            "--only Pod fits no object of the manifest",
            "--skip */wbe fits no object of the manifest"
        ]
    );
}

#[test]
fn on_request_what_cant_be_injected_stays_and_the_rest_is_injected() {
    let going = Options {
        keep_going: true,
        ..Options::default()
    };
    let broken = "a: [1\n# end\n";
    let twice = "apiVersion: v1\nkind: Pod\nkind: Pod\nspec: {containers: [{name: a}]}\n";
    let stream = [
        named("web").as_str(),
        ON_THE_NODE,
        broken,
        twice,
        &named("api"),
    ]
    .join("---\n");
    let outcome = outcome(&stream, &going);
    assert_eq!(outcome.pods, 2);
    for same in [ON_THE_NODE, broken, twice] {
        assert!(outcome.text.contains(&format!("---\n{same}")), "{same}");
    }
    for (said, begins) in outcome.refused.iter().zip([
        "document 3, line ",
        "document 4, line ",
        "Pod/node (document 2, line ",
    ]) {
        assert!(said.starts_with(begins), "{said}");
    }
    assert_eq!(outcome.refused.len(), 3);
    // A pod that is refused is as it was, even where it was injected before.
    let injected = super::with(&named("web"));
    let wrong = injected.replace(
        "      - name: app\n",
        "      - name: app\n        ports: [{containerPort: 4190}]\n",
    );
    let outcome = self::outcome(&wrong, &going);
    assert_eq!((outcome.text, outcome.pods), (wrong, 0));
    assert_eq!(outcome.refused.len(), 1, "{:?}", outcome.refused);
}

#[test]
fn what_others_make_pods_of_is_noted_unless_it_is_left_out() {
    let stream = "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: k8s}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: s}\n";
    let all = outcome(stream, &Options::default());
    assert_eq!(all.text, stream);
    assert_eq!(all.notes.len(), 1, "{:?}", all.notes);
    assert!(all.notes[0].starts_with("Prometheus/k8s (document 1, line 1) is left as it is: the Prometheus operator makes its pods"));
    assert_eq!(
        outcome(stream, &chosen(&[], &["Prometheus"])).notes,
        [""; 0]
    );
}

#[test]
fn a_charts_template_is_named_as_such() {
    let template =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\n";
    let wrong = inject(
        template.as_bytes(),
        &Settings::default(),
        &Options::default(),
    );
    assert!(wrong.unwrap_err()[0].contains("`helm template`"));
}
