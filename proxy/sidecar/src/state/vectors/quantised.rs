//! Vectors in a byte a number, in planes.
//!
//! A number is scaled so that the largest of its vector is 127, and rounded. What a cosine loses by
//! that is under 0.005 at the dimensions of embedders. A plane is 128 consecutive numbers. By the
//! inequality of Cauchy and Schwarz, what the planes after some plane can add to a cosine is at most
//! the product of the lengths of the two vectors' rests: where the sum so far and that product are
//! too little, the other planes need not be read. The result is the same as if they were.

/// Numbers of a plane. Vectors are filled up with zeros to a multiple of it.
pub(super) const PLANE: usize = 128;

/// A vector as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantised {
    pub(super) planes: Vec<[i8; PLANE]>,
    /// For each plane, the length of what follows it, as a part of the whole.
    pub(super) rests: Vec<f32>,
    /// Reciprocal of the length of the rounded numbers.
    pub(super) scale: f32,
}

/// A vector that others are compared with.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) planes: Vec<[i16; PLANE]>,
    pub(super) rests: Vec<f32>,
    pub(super) scale: f32,
}

impl Quantised {
    /// Rounds a vector, whose numbers are finite and not all zero.
    pub(super) fn of(numbers: &[f32]) -> Self {
        let most = numbers.iter().fold(0_f32, |most, n| most.max(n.abs()));
        let factor = 127.0 / most;
        let planes = numbers.chunks(PLANE).map(|numbers| {
            let mut plane = [0; PLANE];
            for (to, from) in plane.iter_mut().zip(numbers) {
                #[expect(clippy::cast_possible_truncation, reason = "it is 127 at most")]
                let rounded = (from * factor).round() as i8;
                *to = rounded;
            }
            plane
        });
        Self::made_of(planes.collect())
    }

    /// Makes a vector of its rounded numbers.
    pub(super) fn made_of(planes: Vec<[i8; PLANE]>) -> Self {
        let squares = planes.iter().map(|plane| {
            let squares = plane.iter().map(|n| f64::from(*n) * f64::from(*n));
            squares.sum::<f64>()
        });
        let whole: f64 = squares.clone().sum();
        let mut left = whole;
        let rests = squares.map(|square| {
            left -= square;
            narrow((left.max(0.0) / whole).sqrt())
        });
        Self {
            rests: rests.collect(),
            scale: narrow(whole.sqrt().recip()),
            planes,
        }
    }

    /// Widens it to a query.
    pub(super) fn query(&self) -> Query {
        Query {
            planes: self
                .planes
                .iter()
                .map(|plane| plane.map(i16::from))
                .collect(),
            rests: self.rests.clone(),
            scale: self.scale,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float stays one")]
fn narrow(number: f64) -> f32 {
    number as f32
}

/// Numbers that are multiplied at a time: compilers find the best instructions for so many, as was
/// measured.
const STEP: usize = 32;

/// Sums the products of two planes' numbers.
#[inline(always)]
pub(super) fn dot(row: &[i8; PLANE], query: &[i16; PLANE]) -> i32 {
    let (row, _) = row.as_chunks::<STEP>();
    let (query, _) = query.as_chunks::<STEP>();
    let mut sum = 0;
    for (row, query) in row.iter().zip(query) {
        let mut part = 0;
        for (one, other) in row.iter().zip(query) {
            part += i32::from(*one) * i32::from(*other);
        }
        sum += part;
    }
    sum
}
