//! The embedder of cases: the vectors that a case gives to texts, and for all others such as are near
//! to each other where words are shared. It knows no meaning, and is the native bench's.

use std::{collections::BTreeMap, sync::Arc};

use policy::Vector;

use crate::config::cases::CaseVector;

/// Numbers of a vector that no case gives.
const DIMENSIONS: usize = 256;

/// Returns the vector of a text.
pub(super) fn embed(given: &BTreeMap<String, CaseVector>, text: &str) -> Option<Arc<Vector>> {
    match given.get(text) {
        Some(CaseVector(vector)) => Some(Arc::clone(vector)),
        None => {
            let embedder = CaseVector::EMBEDDER.into();
            let hashed = Vector::new(Arc::clone(&embedder), words(text));
            // A text without words, and one whose words cancel each other.
            let or_whole = hashed.or_else(|| Vector::new(embedder, whole(text)));
            or_whole.map(Arc::new)
        }
    }
}

/// Hashes the words of a text and their trigrams into places of a vector.
fn words(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    let text = text.to_lowercase();
    let parts = text.split(|c: char| !c.is_alphanumeric());
    for word in parts.filter(|word| !word.is_empty()) {
        add(&mut vector, word, 1.0);
        let padded: Vec<char> = format!(" {word} ").chars().collect();
        for three in padded.windows(3) {
            add(&mut vector, &three.iter().collect::<String>(), 0.5);
        }
    }
    vector
}

fn whole(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    add(&mut vector, text, 1.0);
    vector
}

fn add(vector: &mut [f32], part: &str, weight: f32) {
    // FNV-1a.
    let hash = part.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    if let Some(place) = vector.get_mut(hash as usize % DIMENSIONS) {
        *place += if hash >> 63 == 0 { weight } else { -weight };
    }
}
