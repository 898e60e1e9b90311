//! Vectors of texts and the partitions in which they are compared.
//!
//! Vectors of two embedders can't be compared, and replies of two partitions must not meet. Both hold
//! by construction: what a store searches is named by a [`Region`], which a partition and a vector
//! make together, and nothing else does.

use std::sync::Arc;

use bytes::Bytes;

/// A text's vector: its length is 1, and each number is finite.
#[derive(Debug, PartialEq)]
pub struct Vector {
    embedder: Arc<str>,
    numbers: Box<[f32]>,
}

impl Vector {
    /// Scales numbers to the length 1. `None` where there is none, one is not finite, or all are 0.
    pub fn new(embedder: Arc<str>, mut numbers: Vec<f32>) -> Option<Self> {
        let square: f64 = numbers.iter().map(|n| f64::from(*n) * f64::from(*n)).sum();
        let length = square.sqrt();
        if !length.is_finite() || length == 0.0 {
            return None;
        }
        for number in &mut numbers {
            #[expect(clippy::cast_possible_truncation, reason = "it is 1 at most")]
            let scaled = (f64::from(*number) / length) as f32;
            *number = scaled;
        }
        Some(Self {
            embedder,
            numbers: numbers.into(),
        })
    }

    /// Returns the name of the embedder that made it, `upstream/model`.
    pub fn embedder(&self) -> &str {
        &self.embedder
    }

    /// Returns the numbers.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }
}

/// A hash of all that two exchanges must have in common for the reply of the one to answer the
/// other, their question apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Partition(pub [u8; 32]);

/// The part of a store in which vectors are compared: those of one embedder, with as many numbers, in
/// one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Region {
    partition: Partition,
    embedder: Arc<str>,
    dimensions: usize,
}

impl Region {
    /// Names the region of a vector in a partition.
    pub fn of(partition: Partition, vector: &Vector) -> Self {
        Self {
            partition,
            embedder: Arc::clone(&vector.embedder),
            dimensions: vector.numbers.len(),
        }
    }

    /// Returns bytes that differ where two regions do, to be hashed into a key of a store.
    pub fn name(&self) -> Vec<u8> {
        let mut name = self.partition.0.to_vec();
        name.extend_from_slice(&(self.dimensions as u64).to_le_bytes());
        name.extend_from_slice(self.embedder.as_bytes());
        name
    }
}

/// The question that a reply answers, under which it is found by those that are like it.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// Partition in which it is compared.
    pub partition: Partition,
    /// Its vector.
    pub vector: Arc<Vector>,
    /// Bytes that the policy noted beside it.
    pub note: Bytes,
}

impl Near {
    /// Returns the region in which it is compared.
    pub fn region(&self) -> Region {
        Region::of(self.partition, &self.vector)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn vector(embedder: &str, numbers: &[f32]) -> Option<Vector> {
        Vector::new(embedder.into(), numbers.to_vec())
    }

    #[test]
    fn a_vector_has_the_length_one_or_is_none() {
        let made = vector("a/m", &[3.0, -4.0]).unwrap();
        assert_eq!((made.numbers(), made.embedder()), (&[0.6, -0.8][..], "a/m"));
        assert!(vector("a/m", &[f32::MAX, f32::MAX]).is_some());
        for numbers in [
            &[][..],
            &[0.0, 0.0],
            &[f32::NAN, 1.0],
            &[f32::INFINITY, 1.0],
        ] {
            assert!(vector("a/m", numbers).is_none(), "{numbers:?}");
        }
    }

    #[test]
    fn vectors_of_another_embedder_size_or_partition_are_in_another_region() {
        let region = |partition, embedder, numbers: &[f32]| {
            Region::of(
                Partition([partition; 32]),
                &vector(embedder, numbers).unwrap(),
            )
        };
        let one = region(1, "a/m", &[1.0, 2.0]);
        assert_eq!(one, region(1, "a/m", &[2.0, 1.0]));
        for other in [
            region(2, "a/m", &[1.0, 2.0]),
            region(1, "a/n", &[1.0, 2.0]),
            region(1, "a/m", &[1.0, 2.0, 0.0]),
        ] {
            assert!(one != other && one.name() != other.name());
        }
    }
}
