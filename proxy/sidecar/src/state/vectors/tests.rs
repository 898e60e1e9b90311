//! Properties of vectors in memory alone; those of every store are in `tests/stores`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use policy::{Partition, Region, Vector};

use super::{
    memory::{Memory, Row},
    quantised::Quantised,
    region_id,
    rows::Rows,
};

/// Numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A vector of the length 1, that leans towards a common direction by `common`.
    fn vector(&mut self, dimensions: usize, common: f32) -> Vec<f32> {
        let mut number = || (self.next() >> 40) as f32 / (1 << 24) as f32 - 0.5;
        let numbers: Vec<f32> = (0..dimensions).map(|_| number() + common).collect();
        let length = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
        numbers.iter().map(|n| n / length).collect()
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn id(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

const REGION: [u8; 16] = [7; 16];
/// Loss of a cosine by a byte a number, where there are few of them.
const ROUGH: f32 = 0.012;

#[test]
fn what_is_found_is_what_comparing_every_number_finds() {
    for (dimensions, common) in [(1, 0.0), (3, 0.0), (128, 0.3), (200, 0.0), (384, 0.5)] {
        let mut numbers = Numbers(dimensions as u64 + 99);
        let memory = Memory::new(64 << 20);
        let mut vectors = Vec::new();
        let mut rows: Vec<Option<Row>> = Vec::new();
        for n in 0..900 {
            let vector = numbers.vector(dimensions, common);
            rows.push(Some(memory.add(REGION, id(n), None, &vector)));
            vectors.push(vector);
        }
        for row in &mut rows {
            if numbers.next().is_multiple_of(3) {
                *row = None;
            }
        }
        for (least, count) in [(-1.0, 16), (0.2, 900), (0.75, 1), (0.9, 5), (0.999, 16)] {
            let query = numbers.vector(dimensions, common);
            let found = memory.nearest(&REGION, &query, least, count, 0).found;
            let mut all: Vec<f32> = (vectors.iter().zip(&rows))
                .filter(|(_, row)| row.is_some())
                .map(|(vector, _)| cosine(vector, &query))
                .collect();
            all.sort_by(|one, other| other.total_cmp(one));
            let near = |margin: f32| all.iter().filter(|c| **c >= least + margin).count();
            let expected = near(ROUGH).min(count)..=near(-ROUGH).min(count);
            let case = format!("{dimensions} dimensions, least {least}, count {count}");
            assert!(
                expected.contains(&found.len()),
                "{case}: {} of {expected:?}",
                found.len()
            );
            for (found, expected) in found.iter().zip(&all) {
                let number = u128::from_be_bytes(found.id) as usize;
                let own = cosine(&vectors[number], &query);
                assert!((found.similarity - own).abs() < ROUGH, "{case}: {own}");
                assert!((found.similarity - expected).abs() < ROUGH, "{case}");
                assert!(rows[number].is_some(), "{case}");
            }
            assert!(found.is_sorted_by(|one, other| one.similarity >= other.similarity));
        }
    }
}

#[test]
fn a_vector_has_the_cosine_one_with_itself_and_minus_one_with_its_opposite() {
    let mut numbers = Numbers(5);
    for dimensions in [1, 2, 127, 129, 384, 1536] {
        let memory = Memory::new(1 << 20);
        let vector = numbers.vector(dimensions, 0.1);
        let _row = memory.add(REGION, id(1), None, &vector);
        let found = memory.nearest(&REGION, &vector, 1.0, 1, 0).found;
        assert!(found[0].similarity > 0.999_999, "{dimensions}: {found:?}");
        let opposite: Vec<f32> = vector.iter().map(|n| -n).collect();
        let found = memory.nearest(&REGION, &opposite, -1.0, 1, 0).found;
        assert!(found[0].similarity < -0.999_999, "{dimensions}: {found:?}");
    }
}

#[test]
fn what_is_there_and_what_it_costs_goes_with_the_rows() {
    let mut numbers = Numbers(3);
    let memory = Memory::new(1 << 20);
    let mut rows: Vec<Row> = Vec::new();
    for n in 0..600 {
        let mut region = REGION;
        region[0] = (n % 3) as u8;
        rows.push(memory.add(region, id(n), None, &numbers.vector(100, 0.0)));
    }
    assert_eq!(memory.figures().entries, 600);
    let bytes = memory.figures().bytes;
    assert_eq!(bytes, 3 * 256 + 600 * Rows::row_bytes(1) as u64);
    while !rows.is_empty() {
        let at = numbers.next() as usize % rows.len();
        rows.swap_remove(at);
        assert_eq!(memory.figures().entries, rows.len() as u64);
    }
    assert_eq!(memory.figures().bytes, 0);
}

#[test]
fn where_there_is_no_room_the_oldest_of_all_regions_leave() {
    let mut numbers = Numbers(3);
    let memory = Memory::new(64 << 10);
    let mut rows: Vec<Row> = Vec::new();
    let vector = numbers.vector(384, 0.0);
    for n in 0..2000 {
        let mut region = REGION;
        region[0] = (n % 4) as u8;
        rows.push(memory.add(region, id(n), None, &vector));
        assert!(memory.figures().bytes <= 64 << 10);
    }
    let mut left: Vec<u64> = (0..4)
        .flat_map(|n| {
            let mut region = REGION;
            region[0] = n;
            memory.nearest(&region, &vector, 0.9, 2000, 0).found
        })
        .map(|found| u128::from_be_bytes(found.id) as u64)
        .collect();
    left.sort_unstable();
    assert!((100..140).contains(&left.len()), "{}", left.len());
    assert_eq!(left, (2000 - left.len() as u64..2000).collect::<Vec<_>>());
    drop(rows);
    assert_eq!((memory.figures().entries, memory.figures().bytes), (0, 0));
}

#[test]
fn a_region_holds_a_hundred_thousand_and_the_oldest_leave() {
    let memory = Memory::new(64 << 20);
    let rows: Vec<Row> = (0..100_010)
        .map(|n| memory.add(REGION, id(n), None, &[1.0]))
        .collect();
    assert_eq!(memory.figures().entries, 100_000);
    let found = memory.nearest(&REGION, &[1.0], 0.9, 200_000, 0).found;
    assert_eq!(found.len(), 100_000);
    assert_eq!(found.last().unwrap().id, id(10));
    drop(rows);
}

#[test]
fn a_hundred_thousand_of_384_dimensions_have_room_in_64_mib() {
    let row = Rows::row_bytes(Quantised::of(&[1.0; 384]).planes.len());
    assert!(100_000 * row + 256 < 64 << 20, "{row}");
}

#[test]
fn rows_that_come_go_and_are_searched_at_once_leave_nothing_behind() {
    let memory = Memory::new(256 << 10);
    let done = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (memory, done) = (memory.clone(), Arc::clone(&done));
            scope.spawn(move || {
                let mut numbers = Numbers(thread + 1);
                let mut rows: Vec<Row> = Vec::new();
                for n in 0..3000 {
                    let mut region = REGION;
                    region[0] = (numbers.next() % 5) as u8;
                    let vector = numbers.vector(20, 0.0);
                    rows.push(memory.add(region, id(n), None, &vector));
                    while numbers.next().is_multiple_of(2) && !rows.is_empty() {
                        let at = numbers.next() as usize % rows.len();
                        rows.swap_remove(at);
                    }
                    if n % 100 == 0 {
                        rows.clear();
                    }
                }
                drop(rows);
                done.store(true, Ordering::Relaxed);
            });
        }
        let mut numbers = Numbers(9);
        while !done.load(Ordering::Relaxed) {
            let mut region = REGION;
            region[0] = (numbers.next() % 5) as u8;
            memory.nearest(&region, &numbers.vector(20, 0.0), -1.0, 16, 0);
        }
    });
    // Rows that left during a search are removed by the next one.
    for n in 0..5 {
        let mut region = REGION;
        region[0] = n;
        memory.nearest(&region, &[1.0; 20], 0.0, 1, 0);
    }
    assert_eq!((memory.figures().entries, memory.figures().bytes), (0, 0));
}

#[test]
fn regions_differ_where_policy_partition_embedder_or_dimensions_do() {
    let vector = |embedder: &str, dimensions: usize| {
        Vector::new(embedder.into(), vec![1.0; dimensions]).unwrap()
    };
    let of = |space: &str, partition: u8, vector: &Vector| {
        region_id(space, &Region::of(Partition([partition; 32]), vector))
    };
    let one = of("p", 1, &vector("up/m", 3));
    assert_eq!(one, of("p", 1, &vector("up/m", 3)));
    for other in [
        of("q", 1, &vector("up/m", 3)),
        of("", 1, &vector("up/m", 3)),
        of("p", 2, &vector("up/m", 3)),
        of("p", 1, &vector("up/n", 3)),
        of("p", 1, &vector("up/m", 4)),
    ] {
        assert_ne!(one, other);
    }
}
