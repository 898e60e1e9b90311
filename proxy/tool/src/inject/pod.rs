//! Adds Outrigger to one pod, and takes it away again. A pod here is whatever has `metadata` and
//! `spec`: a Pod, or a workload's template.
//!
//! Adding to a pod that has it already takes it away first, so doing it twice is doing it once, and
//! a container that came since is seen, too.

use std::collections::BTreeMap;

use super::{
    names, parts,
    record::{App, Record, Was},
    settings::Settings,
    tree::{Body, Node},
};

/// Adds all that the settings ask for. The pod was checked before: what has another shape than it
/// should is left alone.
///
/// `defaults` are what `settings` was made from: the note keeps them, so that whoever comes to the
/// pod next can keep to them.
pub(super) fn add(pod: &mut Node, settings: &Settings, defaults: &Settings) {
    let mut record = Record {
        defaults: defaults.overrides(),
        ..Record::default()
    };
    let metadata = pod.get("metadata").cloned();
    ensure(pod, "metadata", Body::Map(Vec::new()), &mut record.made);
    if let Some(metadata) = pod.get_mut("metadata") {
        ensure(
            metadata,
            "annotations",
            Body::Map(Vec::new()),
            &mut record.made,
        );
    }
    let Some(spec) = pod.get_mut("spec") else {
        return;
    };
    let grace = grace(spec, &mut record);
    let parts = parts::parts(settings, metadata.as_ref(), grace);
    let variables = parts::environment(settings.mode);
    record.set = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    record.java = parts::java(settings.mode);
    for list in ["initContainers", "containers"] {
        for container in spec
            .get_mut(list)
            .and_then(Node::items_mut)
            .into_iter()
            .flatten()
        {
            app(container, &variables, settings, &mut record);
        }
    }
    for (list, new) in [("initContainers", parts.init), ("containers", parts.beside)] {
        if !new.is_empty() {
            ensure(spec, list, Body::List(Vec::new()), &mut record.made);
            if let Some(items) = spec.get_mut(list).and_then(Node::items_mut) {
                items.splice(0..0, new);
            }
        }
    }
    ensure(spec, "volumes", Body::List(Vec::new()), &mut record.made);
    if let Some(volumes) = spec.get_mut("volumes").and_then(Node::items_mut) {
        volumes.extend(parts.volumes);
    }
    if let Some(annotations) = pod.find_mut(&["metadata", "annotations"]) {
        annotations.set(names::INJECTED, Node::text(names::VERSION));
        annotations.set(names::RECORD, Node::text(record.text()));
    }
}

/// Makes a key hold a collection, and notes it where it had none.
fn ensure(parent: &mut Node, key: &str, empty: Body, made: &mut BTreeMap<String, Was>) {
    let there = parent.get(key);
    if there.is_none_or(Node::is_null) {
        made.insert(key.to_owned(), Was::of(there));
        let mut node = Node::list([]);
        node.body = empty;
        parent.set(key, node);
    }
}

/// The pod's grace period, which is made longer where nobody chose it.
fn grace(spec: &mut Node, record: &mut Record) -> i64 {
    let key = "terminationGracePeriodSeconds";
    let there = spec.get(key);
    match there.and_then(Node::int) {
        Some(seconds) if seconds != names::GRACE_OF_KUBERNETES => seconds,
        _ => {
            record.grace = Some(Was::of(there));
            spec.set(key, Node::plain(names::GRACE));
            names::GRACE
        }
    }
}

fn app(
    container: &mut Node,
    variables: &[(&str, String)],
    settings: &Settings,
    record: &mut Record,
) {
    let mut app = App::default();
    let own = |name: &str, container: &Node| {
        let env = container.get("env").map(Node::items).unwrap_or_default();
        // `no_proxy` and `NO_PROXY` are one: the second would go before the first with some
        // clients.
        let same = |there: &str| there.eq_ignore_ascii_case(name);
        env.iter().any(|entry| entry.str("name").is_some_and(same))
    };
    let mut add = Vec::new();
    for (name, value) in variables {
        if own(name, container) {
            app.kept.push((*name).to_owned());
        } else {
            add.push(Node::map([
                ("name", Node::text(*name)),
                ("value", Node::text(value)),
            ]));
        }
    }
    if let Some(java) = parts::java(settings.mode) {
        if own(parts::JAVA_VARIABLE, container) {
            append(container, &java);
        } else {
            let name = Node::text(parts::JAVA_VARIABLE);
            add.push(Node::map([("name", name), ("value", Node::text(java))]));
        }
    }
    if !add.is_empty() {
        ensure(container, "env", Body::List(Vec::new()), &mut app.made);
        if let Some(env) = container.get_mut("env").and_then(Node::items_mut) {
            env.extend(add);
        }
    }
    if settings.mode.has_ca() {
        ensure(
            container,
            "volumeMounts",
            Body::List(Vec::new()),
            &mut app.made,
        );
        if let Some(mounts) = container.get_mut("volumeMounts").and_then(Node::items_mut) {
            mounts.push(parts::ca_mount());
        }
    }
    if let Some(name) = container.str("name").filter(|_| app != App::default()) {
        record.apps.insert(name.to_owned(), app);
    }
}

/// Appends to the options of a container's JVM, where they are written there and name no trusted
/// roots.
fn append(container: &mut Node, java: &str) {
    let env = container.get_mut("env").and_then(Node::items_mut);
    for entry in env.into_iter().flatten() {
        if entry.str("name") == Some(parts::JAVA_VARIABLE)
            && let Some(value) = entry.str("value")
            && !value.contains(parts::JAVA_TRUST)
        {
            let longer = format!("{value} {java}");
            entry.set("value", Node::text(longer));
        }
    }
}

/// Takes away what `record` lists. What somebody changed since is theirs and stays.
pub(super) fn remove(pod: &mut Node, record: &Record) {
    if let Some(spec) = pod.get_mut("spec") {
        for list in ["initContainers", "containers"] {
            if let Some(items) = spec.get_mut(list).and_then(Node::items_mut) {
                items.retain(|item| {
                    !item
                        .str("name")
                        .is_some_and(|name| names::CONTAINERS.contains(&name))
                });
                items
                    .iter_mut()
                    .for_each(|container| unapp(container, record));
            }
        }
        if let Some(volumes) = spec.get_mut("volumes").and_then(Node::items_mut) {
            volumes.retain(|item| {
                !item
                    .str("name")
                    .is_some_and(|name| names::VOLUMES.contains(&name))
            });
        }
        for key in ["initContainers", "volumes"] {
            unmake(spec, key, &record.made);
        }
        let key = "terminationGracePeriodSeconds";
        if let Some(was) = &record.grace
            && spec.get(key).and_then(Node::int) == Some(names::GRACE)
        {
            was.restore(spec, key);
        }
    }
    if let Some(metadata) = pod.get_mut("metadata") {
        if let Some(annotations) = metadata.get_mut("annotations") {
            annotations.remove(names::INJECTED);
            annotations.remove(names::RECORD);
        }
        unmake(metadata, "annotations", &record.made);
    }
    unmake(pod, "metadata", &record.made);
}

fn unmake(parent: &mut Node, key: &str, made: &BTreeMap<String, Was>) {
    if let Some(was) = made.get(key)
        && parent.get(key).is_some_and(Node::is_empty)
    {
        was.restore(parent, key);
    }
}

fn unapp(container: &mut Node, record: &Record) {
    let nothing = App::default();
    let app = container.str("name").and_then(|name| record.apps.get(name));
    let app = app.unwrap_or(&nothing).clone();
    if let Some(env) = container.get_mut("env").and_then(Node::items_mut) {
        // Of a container that came since, too: it was copied from one of ours, and the files are
        // gone.
        env.retain(|entry| {
            let (Some(name), Some(value)) = (entry.str("name"), entry.str("value")) else {
                return true;
            };
            let kept = app.kept.iter().any(|kept| kept == name);
            let ours = record.set.get(name).is_some_and(|set| set == value);
            let java = name == parts::JAVA_VARIABLE && record.java.as_deref() == Some(value);
            kept || !(ours || java)
        });
        for entry in env.iter_mut() {
            if entry.str("name") == Some(parts::JAVA_VARIABLE)
                && let Some(java) = &record.java
                && let Some(own) = entry
                    .str("value")
                    .and_then(|value| value.strip_suffix(java.as_str()))
            {
                let own = own.strip_suffix(' ').unwrap_or(own).to_owned();
                entry.set("value", Node::text(own));
            }
        }
    }
    if let Some(mounts) = container.get_mut("volumeMounts").and_then(Node::items_mut) {
        mounts.retain(|mount| mount.str("name") != Some(names::CA_VOLUME));
    }
    for key in ["env", "volumeMounts"] {
        unmake(container, key, &app.made);
    }
}
