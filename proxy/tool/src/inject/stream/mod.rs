//! A stream of Kubernetes documents: finds the pods in it, and gives it back with them changed and
//! everything else as it was.
//!
//! All or nothing: one document that can't be read, or one pod that can't have Outrigger, and
//! nothing is given back but all the reasons; unless the caller would rather have that object as it
//! was and the others changed ([`Options::keep_going`]).

use std::collections::BTreeMap;

use super::{
    names, operators, pod,
    print::print,
    read::{SyntaxError, read},
    record::Record,
    refuse::{Surroundings, check},
    selector::Choice,
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
    /// Reasons, each with its object, of objects that are in the text as they were; none unless the
    /// caller asked to go on.
    pub refused: Vec<String>,
    /// Pods that were found (templates of workloads count) and are among the chosen.
    pub pods: usize,
}

/// The caller's choices about a whole stream.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Also pods that another version has added Outrigger to.
    pub upgrade: bool,
    /// An object that can't be changed stays as it was, and the others are changed.
    pub keep_going: bool,
    /// The objects to change.
    pub choice: Choice,
}

/// Adds Outrigger to every pod that is chosen.
///
/// # Errors
/// Sentences, each with its document, line, object and container where they are known.
pub fn inject(
    stream: &[u8],
    defaults: &Settings,
    options: &Options,
) -> Result<Outcome, Vec<String>> {
    let mut change = |pod: &mut Node, surroundings: &Surroundings| {
        add(pod, defaults, options.upgrade, surroundings)
    };
    let mut walk = Walk::new(options, &mut change);
    walk.adds = true;
    walk.stream(stream)
}

/// Takes it away again: what remains is what was there before, to the byte; only where [`inject`]
/// noted that it wrote something out it says the same in other bytes.
///
/// # Errors
/// As [`inject`].
pub fn uninject(stream: &[u8]) -> Result<Outcome, Vec<String>> {
    let options = Options::default();
    let mut remove = |pod: &mut Node, _: &Surroundings| {
        if let Some(record) = Record::of(pod.get("metadata")).map_err(|why| vec![why])? {
            pod::remove(pod, &record);
        }
        Ok(Vec::new())
    };
    Walk::new(&options, &mut remove).stream(stream)
}

/// A document without what was added to it.
fn restored(text: &str) -> Option<String> {
    uninject(text.as_bytes()).ok().map(|outcome| outcome.text)
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
    /// True if something is added: then notes say what stays without it.
    adds: bool,
    keep_going: bool,
    choice: Choice,
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

impl<'a> Walk<'a> {
    fn new(options: &Options, change: Change<'a>) -> Self {
        Self {
            change,
            adds: false,
            keep_going: options.keep_going,
            choice: options.choice.clone(),
            standards: BTreeMap::new(),
            wrong: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    fn stream(mut self, stream: &[u8]) -> Result<Outcome, Vec<String>> {
        let whole = text(stream).map_err(|why| vec![why])?;
        let stream = whole.strip_prefix('\u{feff}').unwrap_or(whole);
        let documents = split(stream);
        // All before any is changed: namespaces anywhere in the stream count.
        let roots: Vec<_> = documents
            .iter()
            .map(|document| self.root(document))
            .collect();
        let mut out = String::with_capacity(stream.len() + 8192);
        out += whole.strip_suffix(stream).unwrap_or_default();
        for (document, root) in documents.iter().zip(&roots) {
            out.push_str(document.marker);
            match root.as_ref().and_then(|root| self.document(document, root)) {
                Some(changed) => out.push_str(&changed),
                None => out.push_str(document.text),
            }
        }
        let unused = self.choice.unused();
        let unused = unused.map(|flag| format!("{flag} fits no object of the manifest"));
        self.outcome.notes.extend(unused);
        if self.keep_going {
            self.outcome.refused = self.wrong;
        } else if !self.wrong.is_empty() {
            return Err(self.wrong);
        }
        self.outcome.text = out;
        Ok(self.outcome)
    }

    /// The document's new text. None where it stays as it is.
    fn document(&mut self, document: &Document<'_>, root: &Node) -> Option<String> {
        let mut now = root.clone();
        self.object(&mut now, document);
        if let Some(spliced) = splice(document.text, root, &now) {
            self.note_unlike(document, &spliced);
            return Some(spliced);
        }
        let printed = reprint(document, &now);
        // Text that the parser let pass between brackets may be no YAML in lines.
        if !read(&printed).is_ok_and(|back| back.root.same(&now)) {
            self.wrong.push(format!(
                "document {}, line {}: can't be written back as it was read; write it in lines, without brackets and aliases",
                document.number, document.line
            ));
            return None;
        }
        self.note_unlike(document, &printed);
        Some(printed)
    }

    /// Notes where taking away what was added does not give back the same bytes.
    fn note_unlike(&mut self, document: &Document<'_>, changed: &str) {
        if self.adds && changed != document.text && restored(changed) != restored(document.text) {
            self.outcome.notes.push(format!(
                "document {}, line {}: what an alias repeats, or what has a name of Outrigger's, had to be written anew: `outrigger uninject` will give back the meaning, not the bytes",
                document.number, document.line
            ));
        }
    }

    /// Reads a document. None where there is nothing to look into.
    fn root(&mut self, document: &Document<'_>) -> Option<Node> {
        let wrong = |line: usize, what: &str| {
            let line = document.line + line.max(1) - 1;
            format!("document {}, line {line}: {what}", document.number)
        };
        let found = match read(document.text) {
            Ok(found) => found,
            Err(SyntaxError { line, what }) => {
                let template = if document.text.contains("{{") {
                    "; a chart's template is rendered first, by `helm template`"
                } else {
                    ""
                };
                self.wrong
                    .push(wrong(line, &format!("is no YAML: {what}{template}")));
                return None;
            }
        };
        let root = found.root;
        if root.is_null() {
            return None;
        }
        let line = root.at.map_or(1, |at| at.line);
        let (Some(kind), Some(_)) = (root.str("kind"), root.str("apiVersion")) else {
            let what = "is no Kubernetes object: it needs apiVersion and kind";
            self.wrong.push(wrong(line, what));
            return None;
        };
        let list = kind.ends_with("List");
        let changed = list || workload(&root).is_some() && self.choice.takes(kind, name(&root));
        if let Some(SyntaxError { line, what }) = found.duplicate_key.filter(|_| changed) {
            let what = format!("{what}; readers differ in which one counts, keep one");
            self.wrong.push(wrong(line, &what));
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
        let name = name(root);
        let line = document.line + root.at.map_or(1, |at| at.line) - 1;
        let who = format!("{kind}/{name} (document {}, line {line})", document.number);
        let path = workload(root);
        let other = path.is_none() && self.adds;
        let other = other.then(|| operators::note(root)).flatten();
        if path.is_none() && other.is_none() || !self.choice.takes(&kind, name) {
            return;
        }
        let Some(path) = path else {
            let note = other.map(|note| format!("{who} {note}"));
            self.outcome.notes.extend(note);
            return;
        };
        let metadata = root.get("metadata");
        let namespace = metadata.and_then(|metadata| metadata.str("namespace"));
        let namespace = namespace.unwrap_or("default").to_owned();
        let surroundings = Surroundings {
            standard: self
                .standards
                .get(&namespace)
                .map(|standard| (standard.clone(), namespace)),
            job: matches!(kind.as_str(), "Job" | "CronJob"),
        };
        let mut wrong = Vec::new();
        if !path.is_empty()
            && let Some((key, _)) = annotations(metadata).next()
        {
            wrong.push(format!(
                "annotation {}{key} has no effect here; write it under {}.metadata.annotations",
                names::DOMAIN,
                path.join(".")
            ));
        }
        let Some(pod) = root.find_mut(path).filter(|pod| pod.is_map()) else {
            self.wrong.push(format!("{who}: has no {}", path.join(".")));
            return;
        };
        let was = pod.clone();
        match (self.change)(pod, &surroundings) {
            Ok(notes) if wrong.is_empty() => {
                self.outcome.pods += 1;
                let notes = notes.iter().map(|note| format!("{who}: {note}"));
                self.outcome.notes.extend(notes);
            }
            result => {
                *pod = was;
                wrong.extend(result.err().unwrap_or_default());
                let wrong = wrong.iter().map(|why| format!("{who}: {why}"));
                self.wrong.extend(wrong);
            }
        }
    }
}

fn name(root: &Node) -> &str {
    let metadata = root.get("metadata");
    let get = |key: &str| metadata.and_then(|metadata| metadata.str(key));
    get("name").or(get("generateName")).unwrap_or("(no name)")
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
