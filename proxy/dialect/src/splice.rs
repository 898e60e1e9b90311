//! Splices: replacing a few ranges of a document and leaving every other byte as it came.

use std::ops::Range;

/// Bytes that take the place of a range; an empty range inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// The range that is replaced. Offsets are those of the untouched document.
    pub range: Range<usize>,
    /// The bytes that replace it.
    pub with: Vec<u8>,
}

impl Splice {
    /// A splice that takes `range` out.
    pub(crate) fn cut(range: Range<usize>) -> Self {
        Self {
            range,
            with: Vec::new(),
        }
    }
}

/// Copies `within` of the document with the splices that lie in it. Splices may come in any order;
/// where two overlap, the one that begins first wins, and of two that begin together the longer
/// one, so what lies in something that is taken out goes with it. Insertions at one place keep
/// their order.
pub fn apply(bytes: &[u8], within: Range<usize>, splices: &mut [Splice]) -> Vec<u8> {
    let (mut out, mut done) = (Vec::with_capacity(within.len()), within.start);
    in_force(&within, splices, |splice| {
        out.extend_from_slice(bytes.get(done..splice.range.start).unwrap_or_default());
        out.extend_from_slice(&splice.with);
        done = splice.range.end;
    });
    out.extend_from_slice(bytes.get(done..within.end).unwrap_or_default());
    out
}

/// The number of bytes that [`apply`] would give.
pub(crate) fn size(within: Range<usize>, splices: &mut [Splice]) -> usize {
    let mut size = within.len();
    in_force(&within, splices, |splice| {
        size = size - splice.range.len() + splice.with.len();
    });
    size
}

fn in_force(within: &Range<usize>, splices: &mut [Splice], mut each: impl FnMut(&Splice)) {
    splices.sort_by_key(|s| {
        let (start, end) = (s.range.start, s.range.end);
        (start, end > start, usize::MAX - end)
    });
    let mut done = within.start;
    for splice in splices.iter() {
        if splice.range.start >= done
            && splice.range.end <= within.end
            && splice.range.start <= splice.range.end
        {
            each(splice);
            done = splice.range.end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(range: Range<usize>, text: &str) -> Splice {
        Splice {
            range,
            with: text.into(),
        }
    }

    #[test]
    fn splices_apply_in_any_order_and_the_outer_one_wins() {
        let mut splices = [
            with(8..9, "!"),
            with(3..4, "never"),
            with(2..6, "-"),
            with(0..0, ">"),
        ];
        let out = apply(b"0123456789", 0..10, &mut splices);
        assert_eq!(out, b">01-67!9");
        assert_eq!(size(0..10, &mut splices), out.len());
    }

    #[test]
    fn insertions_keep_their_order_beside_a_replacement() {
        let mut splices = [
            with(1..2, "B"),
            with(1..1, "x"),
            with(1..1, "y"),
            with(2..2, "z"),
        ];
        assert_eq!(apply(b"abc", 0..3, &mut splices), b"axyBzc");
    }

    #[test]
    fn a_part_of_the_document_takes_only_the_splices_that_lie_in_it() {
        let mut splices = [with(0..1, "A"), with(2..3, "CC"), with(4..6, "no")];
        assert_eq!(apply(b"abcdef", 1..5, &mut splices), b"bCCde");
    }
}
