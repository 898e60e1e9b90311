//! A stream of Kubernetes documents: finds the pods in it, and gives it back with them changed and
//! everything else as it was.
//!
//! All or nothing: one document that can't be read, or one pod that can't have Outrigger, and
//! nothing is given back but all the reasons.

use std::collections::BTreeMap;

use super::{
    names, pod,
    print::print,
    read::{SyntaxError, read},
    record::Record,
    refuse::{Surroundings, check},
    settings::{Settings, annotations, declined},
    splice::splice,
    split::{Document, split},
    tree::Node,
};

/// The result of a stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The whole stream.
    pub text: String,
    /// Notes for the caller.
    pub notes: Vec<String>,
    /// Pods that were found (templates of workloads count).
    pub pods: usize,
}

/// Adds Outrigger to every pod. `upgrade`: also to those that another version has added it to.
///
/// # Errors
/// Sentences, each with its document, line, object and container where they are known.
pub fn inject(stream: &[u8], defaults: &Settings, upgrade: bool) -> Result<Outcome, Vec<String>> {
    change_pods(stream, &mut |pod, surroundings| {
        add(pod, defaults, upgrade, surroundings)
    })
}

/// Takes it away again: what remains says what was there before, and where the manifest is written
/// in blocks it is so to the byte.
///
/// # Errors
/// As [`inject`].
pub fn uninject(stream: &[u8]) -> Result<Outcome, Vec<String>> {
    change_pods(stream, &mut |pod, _| {
        if let Some(record) = Record::of(pod.get("metadata")).map_err(|why| vec![why])? {
            pod::remove(pod, &record);
        }
        Ok(Vec::new())
    })
}

/// Adds Outrigger to one pod; gives notes or reasons, without the pod's name.
pub(super) fn add(
    pod: &mut Node,
    defaults: &Settings,
    upgrade: bool,
    surroundings: &Surroundings,
) -> Result<Vec<String>, Vec<String>> {
    let metadata = pod.get("metadata").cloned();
    let metadata = metadata.as_ref();
    let record = Record::of(metadata).map_err(|why| vec![why])?;
    let by = metadata.and_then(|metadata| metadata.find(&["annotations", names::INJECTED]));
    let by = by.and_then(Node::chars).unwrap_or(names::VERSION);
    if record.is_some() && by != names::VERSION && !upgrade {
        return Err(vec![format!(
            "was injected by Outrigger {by}, and this is {}; pass it through `outrigger uninject` first, or use --upgrade",
            names::VERSION
        )]);
    }
    for path in [&["metadata"][..], &["metadata", "annotations"]] {
        let there = pod.find(path);
        if there.is_some_and(|there| !there.is_null() && !there.is_map()) {
            return Err(vec![format!("{} is no map", path.join("."))]);
        }
    }
    if let Some(record) = &record {
        pod::remove(pod, record);
    }
    if declined(metadata) {
        let says = format!("is left out, as {} is disabled", names::INJECT);
        return Ok(vec![says]);
    }
    let settings = defaults.for_pod(pod.get("metadata"))?;
    let Some(spec) = pod.get("spec").filter(|spec| spec.is_map()) else {
        return Err(vec!["has no spec".to_owned()]);
    };
    let verdict = check(spec, &settings, surroundings);
    if !verdict.wrong.is_empty() {
        return Err(verdict.wrong);
    }
    pod::add(pod, &settings, defaults);
    Ok(verdict.notes)
}

/// The change to make to a pod: gives notes or reasons.
type Change<'a> = &'a mut dyn FnMut(&mut Node, &Surroundings) -> Result<Vec<String>, Vec<String>>;

fn change_pods(stream: &[u8], change: Change<'_>) -> Result<Outcome, Vec<String>> {
    let whole = text(stream).map_err(|why| vec![why])?;
    let stream = whole.strip_prefix('\u{feff}').unwrap_or(whole);
    let mut walk = Walk {
        change,
        standards: BTreeMap::new(),
        wrong: Vec::new(),
        outcome: Outcome::default(),
    };
    let documents = split(stream);
    // All before any is changed: namespaces anywhere in the stream count.
    let roots: Vec<_> = documents
        .iter()
        .map(|document| walk.root(document))
        .collect();
    let mut out = String::with_capacity(stream.len() + 8192);
    out += whole.strip_suffix(stream).unwrap_or_default();
    for (document, root) in documents.iter().zip(&roots) {
        out.push_str(document.marker);
        let Some(root) = root else {
            out.push_str(document.text);
            continue;
        };
        let mut now = root.clone();
        walk.object(&mut now, document);
        if let Some(spliced) = splice(document.text, root, &now) {
            out.push_str(&spliced);
            continue;
        }
        let printed = reprint(document, &now);
        // Text that the parser let pass between brackets may be no YAML in lines.
        if !read(&printed).is_ok_and(|back| back.root.same(&now)) {
            walk.wrong.push(format!(
                "document {}, line {}: can't be written back as it was read; write it in lines, without brackets and aliases",
                document.number, document.line
            ));
        }
        out.push_str(&printed);
    }
    if walk.wrong.is_empty() {
        walk.outcome.text = out;
        Ok(walk.outcome)
    } else {
        Err(walk.wrong)
    }
}

fn text(stream: &[u8]) -> Result<&str, String> {
    if stream.starts_with(&[0xff, 0xfe]) || stream.starts_with(&[0xfe, 0xff]) {
        return Err("the input is UTF-16; save it as UTF-8".to_owned());
    }
    std::str::from_utf8(stream).map_err(|error| {
        let before = stream.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line} is not UTF-8; save the input as UTF-8")
    })
}

/// A document printed from its value; the comments above it stay.
fn reprint(document: &Document<'_>, now: &Node) -> String {
    let inline = !document.marker.is_empty() && !document.marker.ends_with('\n');
    if inline {
        return format!("\n{}\n", print(now, 0));
    }
    let above = document.text.split_inclusive('\n').take_while(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#')
    });
    let newline = if document.text.contains("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    above.collect::<String>() + &(print(now, 0) + "\n").replace('\n', newline)
}

struct Walk<'a> {
    change: Change<'a>,
    /// The standards that namespaces of this stream enforce.
    standards: BTreeMap<String, String>,
    wrong: Vec<String>,
    outcome: Outcome,
}

/// Path of the pod in each kind of workload.
const WORKLOADS: [(&str, &str, &[&str]); 9] = [
    ("", "Pod", &[]),
    ("", "PodTemplate", &["template"]),
    ("", "ReplicationController", &["spec", "template"]),
    ("apps", "Deployment", &["spec", "template"]),
    ("apps", "StatefulSet", &["spec", "template"]),
    ("apps", "DaemonSet", &["spec", "template"]),
    ("apps", "ReplicaSet", &["spec", "template"]),
    ("batch", "Job", &["spec", "template"]),
    (
        "batch",
        "CronJob",
        &["spec", "jobTemplate", "spec", "template"],
    ),
];

impl Walk<'_> {
    /// Reads a document. None where there is nothing to look into.
    fn root(&mut self, document: &Document<'_>) -> Option<Node> {
        let mut wrong = |line: usize, what: &str| {
            let line = document.line + line.max(1) - 1;
            self.wrong
                .push(format!("document {}, line {line}: {what}", document.number));
        };
        let found = match read(document.text) {
            Ok(found) => found,
            Err(SyntaxError { line, what }) => {
                wrong(line, &format!("is no YAML: {what}"));
                return None;
            }
        };
        let root = found.root;
        if root.is_null() {
            return None;
        }
        let line = root.at.map_or(1, |at| at.line);
        let (Some(kind), Some(_)) = (root.str("kind"), root.str("apiVersion")) else {
            wrong(
                line,
                "is no Kubernetes object: it needs apiVersion and kind",
            );
            return None;
        };
        let workload = self::workload(&root).is_some() || kind.ends_with("List");
        if let Some(SyntaxError { line, what }) = found.duplicate_key.filter(|_| workload) {
            wrong(
                line,
                &format!("{what}; readers differ in which one counts, keep one"),
            );
            return None;
        }
        self.namespaces(&root);
        Some(root)
    }

    fn namespaces(&mut self, root: &Node) {
        for item in root.items_of("items") {
            self.namespaces(item);
        }
        let label = ["metadata", "labels", "pod-security.kubernetes.io/enforce"];
        let name = root.find(&["metadata", "name"]).and_then(Node::chars);
        if root.str("kind") == Some("Namespace")
            && let Some(standard) = root.find(&label).and_then(Node::chars)
            && let Some(name) = name.filter(|_| ["baseline", "restricted"].contains(&standard))
        {
            self.standards.insert(name.to_owned(), standard.to_owned());
        }
    }

    fn object(&mut self, root: &mut Node, document: &Document<'_>) {
        let kind = root.str("kind").unwrap_or_default().to_owned();
        if kind.ends_with("List")
            && let Some(items) = root.items_of_mut("items")
        {
            items
                .iter_mut()
                .for_each(|item| self.object(item, document));
            return;
        }
        let metadata = root.get("metadata");
        let get = |key: &str| metadata.and_then(|metadata| metadata.str(key));
        let name = get("name").or(get("generateName")).unwrap_or("(no name)");
        let line = document.line + root.at.map_or(1, |at| at.line) - 1;
        let who = format!("{kind}/{name} (document {}, line {line})", document.number);
        let Some(path) = workload(root) else {
            if root
                .find(&["spec", "template", "spec", "containers"])
                .is_some()
            {
                let note = format!(
                    "{who} is left as it is: its kind is not known here; the webhook sees its pods"
                );
                self.outcome.notes.push(note);
            }
            return;
        };
        let namespace = get("namespace").unwrap_or("default").to_owned();
        let surroundings = Surroundings {
            standard: self
                .standards
                .get(&namespace)
                .map(|standard| (standard.clone(), namespace)),
            job: matches!(kind.as_str(), "Job" | "CronJob"),
        };
        if !path.is_empty()
            && let Some((key, _)) = annotations(metadata).next()
        {
            self.wrong.push(format!(
                "{who}: annotation {}{key} has no effect here; write it under {}.metadata.annotations",
                names::DOMAIN,
                path.join(".")
            ));
        }
        let Some(pod) = root.find_mut(path).filter(|pod| pod.is_map()) else {
            self.wrong.push(format!("{who}: has no {}", path.join(".")));
            return;
        };
        self.outcome.pods += 1;
        match (self.change)(pod, &surroundings) {
            Ok(notes) => self
                .outcome
                .notes
                .extend(notes.iter().map(|note| format!("{who}: {note}"))),
            Err(wrong) => self
                .wrong
                .extend(wrong.iter().map(|why| format!("{who}: {why}"))),
        }
    }
}

fn workload(root: &Node) -> Option<&'static [&'static str]> {
    let (kind, version) = (root.str("kind")?, root.str("apiVersion")?);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let group = if group == "extensions" { "apps" } else { group };
    let known = WORKLOADS
        .iter()
        .find(|(of, name, _)| *name == kind && *of == group);
    known.map(|(.., path)| *path)
}

#[cfg(test)]
mod tests;
