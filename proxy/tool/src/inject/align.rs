//! Two lists, item by item: what stays, what goes, what comes.

use super::tree::Node;

/// A step from an old list to a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// An old item stays, perhaps changed: its number before and now.
    Keep(usize, usize),
    /// An old item goes.
    Drop(usize),
    /// A new one comes.
    Add(usize),
}

/// Pairs the items of two lists that are the same: those that say the same, have the same `name`,
/// or are the same Kubernetes object.
pub(super) fn align(old: &[Node], new: &[Node]) -> Vec<Step> {
    let object = |node: &Node| {
        let name = node.find(&["metadata", "name"]).and_then(Node::chars);
        Some((node.str("kind")?.to_owned(), name.map(str::to_owned)))
    };
    pair(old, new, |a, b| {
        let named = a
            .str("name")
            .is_some_and(|name| b.str("name") == Some(name));
        named || (object(a).is_some() && object(a) == object(b)) || a.same(b)
    })
}

/// Pairs what is alike, in order.
pub(super) fn pair<T>(old: &[T], new: &[T], alike: impl Fn(&T, &T) -> bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut next = 0;
    for (number, item) in new.iter().enumerate() {
        let found = old
            .iter()
            .enumerate()
            .skip(next)
            .find(|(_, there)| alike(there, item));
        if let Some((there, _)) = found {
            steps.extend((next..there).map(Step::Drop));
            steps.push(Step::Keep(there, number));
            next = there + 1;
        } else {
            steps.push(Step::Add(number));
        }
    }
    steps.extend((next..old.len()).map(Step::Drop));
    steps
}
