//! The vectors of a region, in the order in which they came.
//!
//! They lie in blocks of rows, plane by plane: a search reads the first planes one after another,
//! and of the others only what can still reach the least cosine. A row that leaves is marked, and a
//! block of which half has left is written anew, so that leaving costs no more than a block.

use std::collections::VecDeque;

use super::{
    super::replies::Id,
    quantised::{PLANE, Quantised, Query, dot},
};

/// Rows of a block.
const BLOCK: usize = 256;
/// Difference in floats between two cosines of the same vectors.
const SLACK: f32 = 1e-6;
/// Bytes of a row besides its planes: what it is searched by and what finds it again.
const ROW: usize = size_of::<Head>() + size_of::<f32>() + 64;

/// The rows of a region.
#[derive(Debug)]
pub(super) struct Rows {
    planes: usize,
    live: usize,
    blocks: VecDeque<Block>,
}

#[derive(Debug)]
struct Block {
    heads: Vec<Head>,
    /// Of a row that has left: not a number, so that its cosine reaches nothing.
    scales: Vec<f32>,
    planes: Vec<Plane>,
    live: usize,
}

#[derive(Debug, Default)]
struct Plane {
    numbers: Vec<[i8; PLANE]>,
    rests: Vec<f32>,
}

/// Names a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// Higher than those of all rows before it.
    pub(super) serial: u64,
    /// The reply that it leads to.
    pub(super) id: Id,
    /// Time at which that expires, in milliseconds since 1970; never is the largest number.
    pub(super) expires: u64,
}

/// A row that a search found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::state) struct Match {
    pub(in crate::state) similarity: f32,
    pub(in crate::state) id: Id,
    pub(in crate::state) serial: u64,
}

/// The result of a search.
#[derive(Debug, Default)]
pub(in crate::state) struct Matches {
    /// Nearest first.
    pub(in crate::state) found: Vec<Match>,
    /// Replies that were met and have expired.
    pub(in crate::state) expired: Vec<Id>,
}

/// Terms of a search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) least: f32,
    pub(super) count: usize,
    pub(super) now: u64,
}

impl Rows {
    /// Makes an empty region for vectors with so many planes.
    pub(super) fn new(planes: usize) -> Self {
        Self {
            planes,
            live: 0,
            blocks: VecDeque::new(),
        }
    }

    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// Returns the bytes of a row.
    pub(super) fn row_bytes(planes: usize) -> usize {
        planes * (PLANE + size_of::<f32>()) + ROW
    }

    /// Adds a row behind all others.
    pub(super) fn push(&mut self, head: Head, vector: &Quantised) {
        if self
            .blocks
            .back()
            .is_none_or(|last| last.heads.len() >= BLOCK)
        {
            self.blocks.push_back(Block::new(self.planes));
        }
        if let Some(last) = self.blocks.back_mut() {
            last.push(head, vector);
            self.live += 1;
        }
    }

    /// Removes a row. Returns true if it was there.
    pub(super) fn remove(&mut self, serial: u64) -> bool {
        let Some((at, row)) = self.place(serial) else {
            return false;
        };
        let Some(block) = self.blocks.get_mut(at) else {
            return false;
        };
        if let Some(scale) = block.scales.get_mut(row) {
            *scale = f32::NAN;
        }
        block.live -= 1;
        self.live -= 1;
        if block.live == 0 {
            self.blocks.remove(at);
        } else if block.live * 2 <= block.heads.len() {
            *block = block.without_gone();
        }
        true
    }

    /// Returns the serial of the oldest row.
    pub(super) fn oldest(&self) -> Option<u64> {
        let block = self.blocks.front()?;
        let mut rows = block.scales.iter().zip(&block.heads);
        rows.find_map(|(scale, head)| (!scale.is_nan()).then_some(head.serial))
    }

    /// True if a row is there.
    pub(super) fn contains(&self, serial: u64) -> bool {
        self.place(serial).is_some()
    }

    /// Returns the vector of a row.
    pub(super) fn get(&self, serial: u64) -> Option<Quantised> {
        let (at, row) = self.place(serial)?;
        let planes = self.blocks.get(at)?.planes.iter();
        let planes = planes.filter_map(|plane| plane.numbers.get(row).copied());
        Some(Quantised::made_of(planes.collect()))
    }

    /// Finds the rows that are nearest to a vector.
    pub(super) fn nearest(&self, query: &Query, terms: Terms) -> Matches {
        let mut matches = Matches::default();
        let mut least = terms.least - SLACK;
        if terms.count == 0 {
            return matches;
        }
        let (mut reaching, mut spare) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
        for block in &self.blocks {
            block.search(query, least, &mut reaching, &mut spare);
            if reaching.is_empty() {
                continue;
            }
            for (row, sum) in &reaching {
                let (Some(head), Some(scale)) = (block.heads.get(*row), block.scales.get(*row))
                else {
                    continue;
                };
                if head.expires <= terms.now {
                    matches.expired.push(head.id);
                    continue;
                }
                matches.found.push(Match {
                    similarity: (*sum * (scale * query.scale)).clamp(-1.0, 1.0),
                    id: head.id,
                    serial: head.serial,
                });
            }
            matches.found.sort_by(|one, other| {
                let nearer = other.similarity.total_cmp(&one.similarity);
                nearer.then(other.serial.cmp(&one.serial)) // of equal ones the youngest
            });
            matches.found.truncate(terms.count);
            if let Some(last) = matches.found.get(terms.count - 1) {
                least = least.max(last.similarity - SLACK);
            }
        }
        matches
    }

    /// Finds a row: its block, and its place there.
    fn place(&self, serial: u64) -> Option<(usize, usize)> {
        let first = |block: &Block| block.heads.first().map_or(0, |head| head.serial);
        let after = self.blocks.partition_point(|block| first(block) <= serial);
        let at = after.checked_sub(1)?;
        let block = self.blocks.get(at)?;
        let row = block
            .heads
            .binary_search_by_key(&serial, |head| head.serial)
            .ok()?;
        let gone = block.scales.get(row)?.is_nan();
        (!gone).then_some((at, row))
    }
}

impl Block {
    fn new(planes: usize) -> Self {
        Self {
            heads: Vec::new(),
            scales: Vec::new(),
            planes: (0..planes).map(|_| Plane::default()).collect(),
            live: 0,
        }
    }

    fn push(&mut self, head: Head, vector: &Quantised) {
        self.heads.push(head);
        self.scales.push(vector.scale);
        let planes = vector.planes.iter().zip(&vector.rests);
        for (to, (numbers, rest)) in self.planes.iter_mut().zip(planes) {
            to.numbers.push(*numbers);
            to.rests.push(*rest);
        }
        self.live += 1;
    }

    /// Copies the rows that have not left.
    fn without_gone(&self) -> Self {
        let mut kept = self.scales.iter().map(|scale| !scale.is_nan());
        let kept: Vec<bool> = kept.by_ref().collect();
        Self {
            heads: of(&self.heads, &kept),
            scales: of(&self.scales, &kept),
            planes: (self.planes.iter())
                .map(|plane| Plane {
                    numbers: of(&plane.numbers, &kept),
                    rests: of(&plane.rests, &kept),
                })
                .collect(),
            live: self.live,
        }
    }

    /// Writes the rows that reach the least cosine into `reaching`, each with its sum of products.
    fn search(&self, query: &Query, least: f32, reaching: &mut Reaching, spare: &mut Reaching) {
        reaching.clear();
        let queries = query.planes.iter().zip(&query.rests);
        let mut planes = self.planes.iter().zip(queries);
        let Some((plane, (numbers, rest))) = planes.next() else {
            return;
        };
        let rows = plane.numbers.iter().zip(&plane.rests).zip(&self.scales);
        for (row, ((own, own_rest), scale)) in rows.enumerate() {
            let sum = dot(own, numbers) as f32;
            if sum * (scale * query.scale) + own_rest * rest >= least {
                reaching.push((row, sum));
            }
        }
        for (plane, (numbers, rest)) in planes {
            std::mem::swap(reaching, spare);
            reaching.clear();
            for (row, sum) in spare.iter() {
                let own = plane.numbers.get(*row).zip(plane.rests.get(*row));
                let (Some((own, own_rest)), Some(scale)) = (own, self.scales.get(*row)) else {
                    continue;
                };
                let sum = sum + dot(own, numbers) as f32;
                if sum * (scale * query.scale) + own_rest * rest >= least {
                    reaching.push((*row, sum));
                }
            }
        }
    }
}

/// Rows of a block, each with its sum of products.
type Reaching = Vec<(usize, f32)>;

/// Copies those values that are kept.
fn of<T: Copy>(values: &[T], kept: &[bool]) -> Vec<T> {
    let values = values.iter().zip(kept);
    values
        .filter_map(|(value, kept)| kept.then_some(*value))
        .collect()
}
