//! Order for a few entries: sets and maps that are filled one by one, lists sorted by insertion.
//!
//! `collect` into a `BTreeMap` or a `BTreeSet`, and `sort`, bring ten kilobytes of code for each type
//! of entry, which pay from some hundred entries on. A configuration has a dozen.

use std::collections::{BTreeMap, BTreeSet};

/// A set of these entries.
pub(crate) fn set<T: Ord>(entries: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(entries);
    set
}

/// A map of these entries; of those with one key the last counts.
pub(crate) fn map<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}

/// Sorts a short list; entries of one key stay as they stand.
pub(crate) fn sort_by_key<T, K: Ord>(entries: &mut [T], key: impl Fn(&T) -> K) {
    for end in 1..entries.len() {
        let mut at = end;
        while let Some([before, entry]) = at
            .checked_sub(1)
            .and_then(|before| entries.get_mut(before..=at))
            && key(entry) < key(before)
        {
            std::mem::swap(before, entry);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_list_is_sorted_as_std_sorts_it(list: Vec<(u8, u16)>) {
            let (mut ours, mut theirs) = (list.clone(), list);
            sort_by_key(&mut ours, |(key, _)| *key % 4);
            theirs.sort_by_key(|(key, _)| *key % 4);
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn of_entries_with_one_key_the_last_counts(list: Vec<(u8, u16)>) {
            prop_assert_eq!(map(list.clone()), list.clone().into_iter().collect());
            prop_assert_eq!(set(list.clone()), list.into_iter().collect());
        }
    }
}
