//! The handles that one worker has met, by their labels.
//!
//! Most apps use a few models of one provider all day, so the few that were used last are found by
//! comparing labels, without a hash; the others are in a map, whose hash has a random key, as
//! labels have words of callers in them.

use std::{collections::HashMap, hash::Hash};

/// The number of handles that are found by comparison.
const RECENT: usize = 8;

/// Handles by their labels. A clone of one is another pointer to the same.
pub(super) struct Handles<K, V> {
    recent: Vec<(K, V)>,
    all: HashMap<K, V>,
}

impl<K, V> Default for Handles<K, V> {
    fn default() -> Self {
        Self {
            recent: Vec::new(),
            all: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Handles<K, V> {
    /// Returns the handle whose labels `is` recognises; where none is known, it is made of those
    /// that `key` returns.
    pub(super) fn find(
        &mut self,
        is: impl Fn(&K) -> bool,
        key: impl FnOnce() -> K,
        make: impl FnOnce(&K) -> V,
    ) -> V {
        if let Some(at) = self.recent.iter().position(|(known, _)| is(known)) {
            let sooner = at.saturating_sub(1);
            self.recent.swap(at, sooner);
            if let Some((_, handle)) = self.recent.get(sooner) {
                return handle.clone();
            }
        }
        let key = key();
        let handle = match self.all.get(&key) {
            Some(handle) => handle.clone(),
            None => {
                let made = make(&key);
                self.all.insert(key.clone(), made.clone());
                made
            }
        };
        self.recent.truncate(RECENT - 1);
        self.recent.push((key, handle.clone()));
        handle
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    #[test]
    fn a_handle_is_made_once_however_many_there_are_and_in_whatever_order() {
        let (mut handles, made) = (Handles::<usize, Rc<usize>>::default(), Cell::new(0));
        for round in 0..5 {
            for number in 0..RECENT * 3 {
                let number = (number * 7 + round) % (RECENT * 3);
                for _ in 0..2 {
                    let make = |key: &usize| {
                        made.set(made.get() + 1);
                        Rc::new(*key)
                    };
                    let found = handles.find(|known| *known == number, || number, make);
                    assert_eq!(*found, number);
                }
            }
        }
        assert_eq!(made.get(), RECENT * 3);
        assert!(handles.recent.len() <= RECENT);
    }
}
