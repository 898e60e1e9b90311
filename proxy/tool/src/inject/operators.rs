//! Kinds whose pods a controller makes of something else than a template that is known here.
//!
//! There is nothing in such an object that containers could be added to for certain: the controller
//! decides what of it becomes a pod. The webhook sees the pod.

use super::{names, tree::Node};

/// A controller and the kinds that it makes pods of.
struct Operator {
    group: &'static str,
    kinds: &'static [&'static str],
    /// Its name, as a sentence's subject.
    name: &'static str,
    /// The place of its pods' annotations.
    annotations: &'static str,
}

/// Sources: each project's API reference.
const OPERATORS: [Operator; 13] = [
    Operator {
        group: "monitoring.coreos.com",
        kinds: &[
            "Prometheus",
            "PrometheusAgent",
            "Alertmanager",
            "ThanosRuler",
        ],
        name: "the Prometheus operator",
        annotations: "spec.podMetadata.annotations",
    },
    Operator {
        group: "argoproj.io",
        kinds: &["Rollout"],
        name: "Argo Rollouts",
        annotations: "spec.template.metadata.annotations",
    },
    Operator {
        group: "argoproj.io",
        kinds: &["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate"],
        name: "Argo Workflows",
        annotations: "spec.podMetadata.annotations",
    },
    Operator {
        group: "argoproj.io",
        kinds: &["CronWorkflow"],
        name: "Argo Workflows",
        annotations: "spec.workflowSpec.podMetadata.annotations",
    },
    Operator {
        group: "serving.knative.dev",
        kinds: &["Service", "Configuration"],
        name: "Knative",
        annotations: "spec.template.metadata.annotations",
    },
    Operator {
        group: "serving.kserve.io",
        kinds: &["InferenceService"],
        name: "KServe",
        annotations: "metadata.annotations",
    },
    Operator {
        group: "sparkoperator.k8s.io",
        kinds: &["SparkApplication"],
        name: "the Spark operator",
        annotations: "spec.driver.annotations and spec.executor.annotations",
    },
    Operator {
        group: "sparkoperator.k8s.io",
        kinds: &["ScheduledSparkApplication"],
        name: "the Spark operator",
        annotations: "spec.template.driver.annotations and spec.template.executor.annotations",
    },
    Operator {
        group: "ray.io",
        kinds: &["RayCluster"],
        name: "KubeRay",
        annotations: "template.metadata.annotations of spec.headGroupSpec and of spec.workerGroupSpecs",
    },
    Operator {
        group: "ray.io",
        kinds: &["RayJob", "RayService"],
        name: "KubeRay",
        annotations: "template.metadata.annotations of the head's and the workers' groups",
    },
    Operator {
        group: "tekton.dev",
        kinds: &["Task", "TaskRun", "Pipeline", "PipelineRun"],
        name: "Tekton",
        annotations: "metadata.annotations",
    },
    Operator {
        group: "keda.sh",
        kinds: &["ScaledJob"],
        name: "KEDA",
        annotations: "spec.jobTargetRef.template.metadata.annotations",
    },
    Operator {
        group: "batch.volcano.sh",
        kinds: &["Job"],
        name: "Volcano",
        annotations: "template.metadata.annotations of spec.tasks",
    },
];

/// Levels of an object that are searched for a pod's containers.
const DEEPEST: usize = 12;

/// Returns a sentence, without its subject, about an object of no known workload whose pods get no
/// sidecar from a file; none where it has no pods, as far as can be seen.
pub(super) fn note(root: &Node) -> Option<String> {
    let (kind, version) = (root.str("kind")?, root.str("apiVersion")?);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let known = OPERATORS
        .iter()
        .find(|operator| operator.group == group && operator.kinds.contains(&kind));
    let webhook = format!(
        "the webhook adds Outrigger to them where their namespace is labelled {}: enabled",
        names::INJECT
    );
    if let Some(operator) = known {
        return Some(format!(
            "is left as it is: {} makes its pods; {webhook}, and what is for them alone goes under {}",
            operator.name, operator.annotations
        ));
    }
    let place = containers(root, DEEPEST)?;
    Some(format!(
        "is left as it is: its kind is not known here, and pods may be made of its {place}; {webhook}"
    ))
}

/// The path of a list of containers: maps with a name and an image.
fn containers(node: &Node, depth: usize) -> Option<String> {
    let inner = depth.checked_sub(1)?;
    node.entries().iter().find_map(|entry| {
        let key = entry.key.chars()?;
        let holds = |item: &Node| item.str("name").is_some() && item.str("image").is_some();
        if key == "containers" && entry.value.items().iter().any(holds) {
            return Some(key.to_owned());
        }
        let below = |node: &Node| containers(node, inner);
        let rest = below(&entry.value).or_else(|| entry.value.items().iter().find_map(below));
        rest.map(|rest| format!("{key}.{rest}"))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::inject::read::read;

    fn of(text: &str) -> Option<String> {
        note(&read(text).unwrap().root)
    }

    #[test]
    fn a_row_says_who_makes_the_pods_and_where_their_annotations_go() {
        for (version, kind, maker, place) in [
            (
                "monitoring.coreos.com/v1",
                "Prometheus",
                "the Prometheus operator",
                "spec.podMetadata.annotations",
            ),
            (
                "argoproj.io/v1alpha1",
                "Rollout",
                "Argo Rollouts",
                "spec.template.metadata",
            ),
            (
                "argoproj.io/v1alpha1",
                "CronWorkflow",
                "Argo Workflows",
                "spec.workflowSpec.podMetadata",
            ),
            (
                "serving.knative.dev/v1",
                "Service",
                "Knative",
                "spec.template.metadata",
            ),
            (
                "sparkoperator.k8s.io/v1beta2",
                "SparkApplication",
                "the Spark operator",
                "spec.driver.annotations",
            ),
            ("ray.io/v1", "RayCluster", "KubeRay", "spec.headGroupSpec"),
        ] {
            let said = of(&format!("apiVersion: {version}\nkind: {kind}\n")).unwrap();
            assert!(
                said.contains(&format!("is left as it is: {maker} makes its pods")),
                "{said}"
            );
            assert!(
                said.contains(place) && said.contains("outrigger.dev/inject: enabled"),
                "{said}"
            );
        }
        let rows = OPERATORS
            .iter()
            .flat_map(|row| row.kinds.iter().map(|kind| (row.group, *kind)));
        let unique: std::collections::BTreeSet<_> = rows.clone().collect();
        assert_eq!(rows.count(), unique.len());
    }

    #[test]
    fn an_unknown_kind_is_noted_where_it_holds_containers_and_only_there() {
        let said = of("apiVersion: x.io/v1\nkind: Fleet\nspec:\n  groups:\n  - pod:\n      containers: [{name: a, image: b}]\n").unwrap();
        assert!(
            said.contains("pods may be made of its spec.groups.pod.containers"),
            "{said}"
        );
        for text in [
            "apiVersion: v1\nkind: Service\n",
            "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nspec: {endpoints: [{port: a}]}\n",
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {schema: {properties: {containers: {type: array}}}}\n",
            "apiVersion: x.io/v1\nkind: Policy\nspec: {containers: [app, other]}\n",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
