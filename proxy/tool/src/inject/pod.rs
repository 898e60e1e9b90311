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
    tree::{CONTAINER_LISTS, Node},
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
    if let Some(metadata) = ensure(pod, "metadata", Node::map([]), &mut record.made) {
        ensure(metadata, "annotations", Node::map([]), &mut record.made);
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
    for list in CONTAINER_LISTS {
        for container in spec.items_of_mut(list).into_iter().flatten() {
            add_to_container(container, &variables, settings, &mut record);
        }
    }
    for (list, new) in [("initContainers", parts.init), ("containers", parts.beside)] {
        if !new.is_empty()
            && let Some(items) = ensure_list(spec, list, &mut record.made)
        {
            items.splice(0..0, new);
        }
    }
    if let Some(volumes) = ensure_list(spec, "volumes", &mut record.made) {
        volumes.extend(parts.volumes);
    }
    if let Some(annotations) = pod.find_mut(&["metadata", "annotations"]) {
        annotations.set(names::INJECTED, Node::text(names::VERSION));
        annotations.set(names::RECORD, Node::text(record.text()));
    }
}

/// Makes a key hold a collection, and notes it where it had none.
fn ensure<'a>(
    parent: &'a mut Node,
    key: &str,
    empty: Node,
    made: &mut BTreeMap<String, Was>,
) -> Option<&'a mut Node> {
    let there = parent.get(key);
    if there.is_none_or(Node::is_null) {
        made.insert(key.to_owned(), Was::of(there));
        parent.set(key, empty);
    }
    parent.get_mut(key)
}

fn ensure_list<'a>(
    parent: &'a mut Node,
    key: &str,
    made: &mut BTreeMap<String, Was>,
) -> Option<&'a mut Vec<Node>> {
    ensure(parent, key, Node::list([]), made)?.items_mut()
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

fn add_to_container(
    container: &mut Node,
    variables: &[(&str, String)],
    settings: &Settings,
    record: &mut Record,
) {
    let mut app = App::default();
    let sets = |name: &str, container: &Node| {
        // `no_proxy` and `NO_PROXY` are one: the second would go before the first with some
        // clients.
        let same = |there: &str| there.eq_ignore_ascii_case(name);
        let mut env = container.items_of("env").iter();
        env.any(|entry| entry.str("name").is_some_and(same))
    };
    let variable = |name: &str, value: &str| {
        Node::map([("name", Node::text(name)), ("value", Node::text(value))])
    };
    let mut add = Vec::new();
    for (name, value) in variables {
        if sets(name, container) {
            app.kept.push((*name).to_owned());
        } else {
            add.push(variable(name, value));
        }
    }
    if let Some(java) = parts::java(settings.mode) {
        if sets(parts::JAVA_VARIABLE, container) {
            append_java(container, &java);
        } else {
            add.push(variable(parts::JAVA_VARIABLE, &java));
        }
    }
    if !add.is_empty()
        && let Some(env) = ensure_list(container, "env", &mut app.made)
    {
        env.extend(add);
    }
    if settings.mode.has_ca()
        && let Some(mounts) = ensure_list(container, "volumeMounts", &mut app.made)
    {
        mounts.push(parts::ca_mount());
    }
    if let Some(name) = container.str("name").filter(|_| app != App::default()) {
        record.apps.insert(name.to_owned(), app);
    }
}

/// Appends to the options of a container's JVM, where they are written there and name no trusted
/// roots.
fn append_java(container: &mut Node, java: &str) {
    let env = container.items_of_mut("env");
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
        let named = |item: &Node, names: &[&str]| {
            let name = item.str("name");
            name.is_some_and(|name| names.contains(&name))
        };
        for list in CONTAINER_LISTS {
            if let Some(items) = spec.items_of_mut(list) {
                items.retain(|item| !named(item, &names::CONTAINERS));
                for container in items {
                    remove_from_container(container, record);
                }
            }
        }
        if let Some(volumes) = spec.items_of_mut("volumes") {
            volumes.retain(|item| !named(item, &names::VOLUMES));
        }
        for key in ["initContainers", "volumes"] {
            restore(spec, key, &record.made);
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
        restore(metadata, "annotations", &record.made);
    }
    restore(pod, "metadata", &record.made);
}

fn restore(parent: &mut Node, key: &str, made: &BTreeMap<String, Was>) {
    if let Some(was) = made.get(key)
        && parent.get(key).is_some_and(Node::is_empty)
    {
        was.restore(parent, key);
    }
}

fn remove_from_container(container: &mut Node, record: &Record) {
    let nothing = App::default();
    let app = container.str("name").and_then(|name| record.apps.get(name));
    let app = app.unwrap_or(&nothing).clone();
    if let Some(env) = container.items_of_mut("env") {
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
    if let Some(mounts) = container.items_of_mut("volumeMounts") {
        mounts.retain(|mount| mount.str("name") != Some(names::CA_VOLUME));
    }
    for key in ["env", "volumeMounts"] {
        restore(container, key, &app.made);
    }
}
