//! The record of what was added to a pod, kept in an annotation of it, so that it can be taken away
//! exactly, by another version and after edits, too.
//!
//! Containers and volumes need no note: their names are ours. The note is about what stands among
//! the pod's own things: variables, lists that were not there before, the grace period.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    names,
    tree::{Body, Node},
};

/// The note.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The defaults of whoever injected, where they are not the product's. The key is the one
    /// that running pods carry.
    #[serde(rename = "wish", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) defaults: BTreeMap<String, String>,
    /// Variables that containers got, where they had none of the name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) set: BTreeMap<String, String>,
    /// Text that was appended to a JVM's options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) java: Option<String>,
    /// Particulars of the pod's own containers, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) apps: BTreeMap<String, App>,
    /// Keys of the pod that were made: `annotations`, `initContainers`, `metadata`, `volumes`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) made: BTreeMap<String, Was>,
    /// The grace period that the pod had: its text, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grace: Option<Was>,
}

/// Particulars of one of the pod's own containers.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct App {
    /// Variables of [`Record::set`] that it had itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) kept: Vec<String>,
    /// Its keys that were made: `env`, `volumeMounts`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) made: BTreeMap<String, Was>,
}

/// The value that was replaced by something made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Was {
    /// There was not even the key.
    Absent,
    /// A scalar: the key with a null, or a number; its characters.
    Plain(String),
}

impl Was {
    /// Records the value of a key that has no collection to add to.
    pub(super) fn of(node: Option<&Node>) -> Self {
        match node.map(|node| &node.body) {
            Some(Body::Plain(text)) => Self::Plain(text.clone()),
            _ => Self::Absent,
        }
    }

    /// Puts the value back.
    pub(super) fn restore(&self, parent: &mut Node, key: &str) {
        match self {
            Self::Absent => parent.remove(key),
            Self::Plain(text) => parent.set(key, Node::plain(text)),
        }
    }
}

impl Record {
    /// The note of a pod; none where it was not injected.
    ///
    /// # Errors
    /// A sentence: the note is not there though the pod says that it was injected, or it is not
    /// ours.
    pub(super) fn of(metadata: Option<&Node>) -> Result<Option<Self>, String> {
        let all = metadata.and_then(|metadata| metadata.get("annotations"));
        let get = |key: &str| all.and_then(|all| all.str(key));
        match (get(names::INJECTED), get(names::RECORD)) {
            (None, None) => Ok(None),
            (_, Some(text)) => serde_json::from_str(text).map(Some).map_err(|_| {
                format!(
                    "annotation {} is not as Outrigger wrote it, so what was added can't be taken away; take the original manifest",
                    names::RECORD
                )
            }),
            (Some(_), None) => Err(format!(
                "annotation {} is there and {} is not, so what was added is not known; take the original manifest, or remove that annotation \
                 and what is called outrigger",
                names::INJECTED,
                names::RECORD
            )),
        }
    }

    /// Returns the record as the annotation has it.
    pub(super) fn text(&self) -> String {
        // Maps of strings always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}
