//! One admission review: the API server's request about one pod, and the answer.
//!
//! A pod that can't have Outrigger is refused with the sentences that `outrigger inject` would say.
//! One that another version has injected is admitted with a warning: it has its sidecar, and
//! turning it away would keep a workload from starting whenever the webhook is newer.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    json::{from_json, patch},
    names,
    record::Record,
    refuse::Surroundings,
    settings::Settings,
    stream,
};

/// The part of the API server's request that matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    request: Option<Request>,
}

#[derive(Debug, Deserialize)]
struct Request {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    object: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Kind {
    #[serde(default)]
    group: String,
    #[serde(default)]
    kind: String,
}

/// The answer, and what the log says of it.
#[derive(Debug)]
pub struct Answer {
    /// The whole AdmissionReview, JSON.
    pub body: Vec<u8>,
    /// The pod, for the log: `namespace/name`.
    pub pod: String,
    /// Reasons for the refusal; empty if the pod was admitted.
    pub refused: Vec<String>,
    /// Notes for the pod's author.
    pub warnings: Vec<String>,
    /// Number of operations in the patch.
    pub operations: usize,
}

/// Answers a review.
///
/// # Errors
/// A sentence for status 400: the body is no AdmissionReview of `admission.k8s.io/v1`.
pub fn answer(body: &[u8], settings: &Settings) -> Result<Answer, String> {
    let review: Review = serde_json::from_slice(body).map_err(|error| {
        // Not the error's own text: it may quote the pod.
        format!(
            "the body is no AdmissionReview: no JSON of its shape at line {} column {}",
            error.line(),
            error.column()
        )
    })?;
    if review.kind != "AdmissionReview" || review.api_version != "admission.k8s.io/v1" {
        return Err(
            "the body is no AdmissionReview of admission.k8s.io/v1; register the webhook with admissionReviewVersions: [v1]"
                .to_owned(),
        );
    }
    let Some(request) = review.request else {
        return Err("the AdmissionReview has no request".to_owned());
    };
    let pod = name(&request);
    let (decision, operations) = decide(&request, settings);
    let (warnings, refused) = match decision {
        Ok(warnings) => (warnings, Vec::new()),
        Err(refused) => (Vec::new(), refused),
    };
    let mut response = json!({ "uid": request.uid, "allowed": refused.is_empty() });
    if !refused.is_empty() {
        let message = format!("outrigger: pod {pod}: {}", refused.join("; "));
        response["status"] = json!({ "code": 422, "reason": "Invalid", "message": message });
    }
    if !operations.is_empty() {
        let patch = Value::from(operations.clone()).to_string();
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(BASE64.encode(patch));
    }
    if !warnings.is_empty() {
        let lines = warnings.iter().map(|line| format!("outrigger: {line}"));
        response["warnings"] = lines.collect();
    }
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": response,
    });
    Ok(Answer {
        body: review.to_string().into_bytes(),
        pod,
        refused,
        warnings,
        operations: operations.len(),
    })
}

fn name(request: &Request) -> String {
    let metadata = |key: &str| request.object["metadata"][key].as_str();
    let name = metadata("name").or(metadata("generateName"));
    let name = name.unwrap_or("(no name)");
    if request.namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{}/{name}", request.namespace)
    }
}

/// Warnings or reasons, and the patch.
fn decide(
    request: &Request,
    settings: &Settings,
) -> (Result<Vec<String>, Vec<String>>, Vec<Value>) {
    let pod = request.kind.kind == "Pod" && request.kind.group.is_empty();
    if !pod || request.operation != "CREATE" {
        return (Ok(Vec::new()), Vec::new());
    }
    let old = from_json(&request.object);
    let annotation = |key: &str| {
        let annotations = old.find(&["metadata", "annotations"]);
        annotations.and_then(|annotations| annotations.str(key))
    };
    // The kubelet's image of a static pod: the API server takes it as it is or not at all.
    if annotation("kubernetes.io/config.mirror").is_some() {
        return (Ok(Vec::new()), Vec::new());
    }
    let has_sidecar = old.get("spec").is_some_and(|spec| {
        let mut names = spec.containers().filter_map(|one| one.str("name"));
        names.any(|name| name == names::SIDECAR)
    });
    let other = annotation(names::INJECTED).filter(|by| *by != names::VERSION);
    if let Some(by) = other.filter(|_| has_sidecar) {
        let warning = format!(
            "the pod was injected by {by} and the webhook is {}; it is left as it is",
            names::VERSION
        );
        return (Ok(vec![warning]), Vec::new());
    }
    let owners = old
        .get("metadata")
        .map(|all| all.items_of("ownerReferences"));
    let mut owners = owners.unwrap_or_default().iter();
    let surroundings = Surroundings {
        standard: None,
        job: owners.any(|owner| owner.str("kind") == Some("Job")),
    };
    // A pod that was injected before, by the filter with its flags say, keeps the defaults of then.
    let record = Record::of(old.get("metadata")).ok().flatten();
    let former = record.and_then(|record| Settings::from_overrides(&record.defaults).ok());
    let mut new = old.clone();
    let decision = stream::add(
        &mut new,
        former.as_ref().unwrap_or(settings),
        false,
        &surroundings,
    );
    let operations = if decision.is_ok() {
        patch(&old, &new)
    } else {
        Vec::new()
    };
    (decision, operations)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::inject::{self, read::read};

    fn ask(pod: &Value) -> Value {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": { "uid": "u1", "kind": { "group": "", "version": "v1", "kind": "Pod" }, "namespace": "shop", "operation": "CREATE", "object": pod },
        });
        let answer = answer(review.to_string().as_bytes(), &Settings::default()).unwrap();
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (&said["kind"], &said["response"]["uid"]),
            (&json!("AdmissionReview"), &json!("u1"))
        );
        said["response"].clone()
    }

    fn pod() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "generateName": "web-", "labels": { "app.kubernetes.io/name": "web" } },
            "spec": {
                "terminationGracePeriodSeconds": 30,
                "containers": [{ "name": "app", "image": "a", "env": [{ "name": "X", "value": "yes" }], "volumeMounts": [{ "name": "t", "mountPath": "/t" }] }],
                "initContainers": [{ "name": "first", "image": "f" }],
                "volumes": [{ "name": "t", "emptyDir": {} }],
            },
        })
    }

    #[test]
    fn the_patch_makes_the_pod_that_the_filter_makes() {
        let said = ask(&pod());
        assert_eq!(
            (&said["allowed"], &said["patchType"]),
            (&json!(true), &json!("JSONPatch"))
        );
        let patch = BASE64.decode(said["patch"].as_str().unwrap()).unwrap();
        let operations: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
        let mut patched = pod();
        json_patch::patch(&mut patched, &operations).unwrap();
        let patch: Vec<Value> = serde_json::from_slice(&patch).unwrap();
        let filtered = inject::inject(
            pod().to_string().as_bytes(),
            &Settings::default(),
            &Default::default(),
        )
        .unwrap();
        assert!(
            from_json(&patched).same(&read(&filtered.text).unwrap().root),
            "{}",
            filtered.text
        );
        // Minimal: what was there is not sent again.
        assert!(
            patch.iter().all(|operation| operation["op"] != "remove"),
            "{patch:?}"
        );
        assert!(!patch.iter().any(
            |operation| operation["path"] == "/spec" || operation["path"] == "/spec/containers"
        ));
        // Sent again, as with reinvocation: nothing more to do.
        let again = ask(&patched);
        assert_eq!(
            (&again["allowed"], again.get("patch")),
            (&json!(true), None)
        );
    }

    #[test]
    fn a_pod_that_the_filter_injected_with_flags_keeps_them() {
        let settings = Settings {
            mode: inject::Mode::BaseUrl,
            image: "mine:1".to_owned(),
            ..Settings::default()
        };
        let filtered =
            inject::inject(pod().to_string().as_bytes(), &settings, &Default::default()).unwrap();
        let said = ask(&crate::inject::json::to_json(
            &read(&filtered.text).unwrap().root,
        ));
        assert_eq!((&said["allowed"], said.get("patch")), (&json!(true), None));
    }

    #[test]
    fn a_pod_that_cannot_have_it_is_refused_with_the_sentence() {
        let mut host = pod();
        host["spec"]["hostNetwork"] = json!(true);
        let said = ask(&host);
        assert_eq!((&said["allowed"], said.get("patch")), (&json!(false), None));
        let message = said["status"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("outrigger: pod shop/web-: hostNetwork is true"),
            "{message}"
        );
    }

    #[test]
    fn who_declines_is_a_mirror_or_is_no_pod_is_left_alone() {
        let mut declines = pod();
        declines["metadata"]["annotations"] = json!({ "outrigger.dev/inject": "disabled" });
        let mut mirror = pod();
        mirror["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "x" });
        mirror["spec"]["hostNetwork"] = json!(true);
        for pod in [declines, mirror] {
            let said = ask(&pod);
            assert_eq!((&said["allowed"], said.get("patch")), (&json!(true), None));
        }
    }

    #[test]
    fn another_versions_pod_is_let_in_with_a_warning_unless_it_only_says_so() {
        let mut other = pod();
        other["metadata"]["annotations"] = json!({ "outrigger.dev/injected": "0.0.1" });
        assert_eq!(ask(&other)["allowed"], false, "it has no sidecar");
        other["spec"]["initContainers"][0]["name"] = json!("outrigger");
        let said = ask(&other);
        assert_eq!((&said["allowed"], said.get("patch")), (&json!(true), None));
        assert!(
            said["warnings"][0]
                .as_str()
                .unwrap()
                .contains("injected by 0.0.1")
        );
    }

    #[test]
    fn what_is_no_review_is_refused_without_quoting_it() {
        for body in [
            "",
            "{",
            "[]",
            "{\"kind\":\"Pod\",\"secret\":\"s3cret\"}",
            "{\"apiVersion\":\"admission.k8s.io/v1beta1\",\"kind\":\"AdmissionReview\"}",
            "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\"}",
        ] {
            let said = answer(body.as_bytes(), &Settings::default()).unwrap_err();
            assert!(
                said.contains("AdmissionReview") && !said.contains("s3cret"),
                "{said}"
            );
        }
    }
}
