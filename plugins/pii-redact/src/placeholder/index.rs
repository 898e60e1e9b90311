//! Finds places in a list by a hash, in one flat table.

/// Places by hash, for as many as half of its cells. Cells hold a place and one; 0 is empty.
#[derive(Debug, Default, Clone)]
pub(super) struct Index {
    cells: Vec<u32>,
    used: usize,
}

impl Index {
    /// True if the next place needs more room.
    pub(super) const fn is_full(&self) -> bool {
        self.used * 2 >= self.cells.len()
    }

    /// Makes room for so many more places; `hash` gives those of the present ones.
    pub(super) fn reserve(&mut self, more: usize, hash: impl Fn(usize) -> u64) {
        let wanted = ((self.used + more) * 2).next_power_of_two().max(16);
        if wanted <= self.cells.len() {
            return;
        }
        let places = std::mem::replace(&mut self.cells, vec![0; wanted]);
        self.used = 0;
        for cell in places {
            if let Some(place) = cell.checked_sub(1) {
                self.add(hash(place as usize), place as usize);
            }
        }
    }

    /// Adds a place, for which there is room.
    pub(super) fn add(&mut self, hash: u64, place: usize) {
        let cell = u32::try_from(place + 1).unwrap_or(0);
        let free = self.probe(hash).find(|&at| self.cells.get(at) == Some(&0));
        if let Some(free) = free.and_then(|at| self.cells.get_mut(at)) {
            *free = cell;
            self.used += 1;
        }
    }

    /// The place of this hash for which `is` holds.
    pub(super) fn find(&self, hash: u64, is: impl Fn(usize) -> bool) -> Option<usize> {
        for at in self.probe(hash) {
            let place = self.cells.get(at)?.checked_sub(1)? as usize;
            if is(place) {
                return Some(place);
            }
        }
        None
    }

    /// The cells where a hash may be, in order.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let cells = self.cells.len();
        let mask = cells.saturating_sub(1);
        let first = usize::try_from(hash & 0xffff_ffff).unwrap_or(0) & mask;
        (0..cells).map(move |step| (first + step) & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_by_its_hash_and_no_other() {
        let mut index = Index::default();
        let hash = |place: usize| (place as u64).wrapping_mul(0x9e37_79b9) & 0xff; // many the same
        for place in 0..300 {
            if index.is_full() {
                index.reserve(place.max(8), hash);
            }
            index.add(hash(place), place);
        }
        for place in 0..300 {
            assert_eq!(index.find(hash(place), |at| at == place), Some(place));
        }
        assert_eq!(index.find(7, |_| false), None);
        assert_eq!(Index::default().find(7, |_| true), None);
    }
}
