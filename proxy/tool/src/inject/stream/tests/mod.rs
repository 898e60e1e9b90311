//! Tests of streams, by subject; here is the input that they share.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::{Options, inject, uninject};
use crate::inject::{Mode, Settings, read::read, tree::Node};

mod added;
mod chosen;
mod preserved;
mod properties;
mod refused;

fn injected(stream: &str, settings: &Settings) -> String {
    inject(stream.as_bytes(), settings, &Options::default())
        .unwrap()
        .text
}

fn with(stream: &str) -> String {
    injected(stream, &Settings::default())
}

fn without(stream: &str) -> String {
    uninject(stream.as_bytes()).unwrap().text
}

fn in_mode(mode: Mode) -> Settings {
    Settings {
        mode,
        ..Settings::default()
    }
}

/// A Deployment `web` whose pod's spec is this, indented by six.
fn deployment(spec: &str) -> String {
    let spec = spec.trim_end().replace('\n', "\n      ");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: {{matchLabels: {{a: b}}}}\n  template:\n    metadata:\n      labels: {{a: b}}\n    spec:\n      {spec}\n"
    )
}

const APP: &str = "containers:\n- name: app\n  image: a\n";

fn pod_of(text: &str) -> Node {
    let root = read(text).unwrap().root;
    root.find(&["spec", "template", "spec"]).unwrap().clone()
}

fn names_of(pod: &Node, list: &str) -> Vec<String> {
    pod.items_of(list)
        .iter()
        .map(|item| item.str("name").unwrap().to_owned())
        .collect()
}
