//! An embedder in memory: vectors that the test gives to texts, and for all others such as are near
//! where words are shared. It knows no meaning, and has no network to fail but where a test says so.

use std::{collections::BTreeMap, rc::Rc};

use super::with;
pub(crate) use crate::abi::outrigger::policy::embeddings::Error;

/// The name of the embedder.
const NAME: &str = "bench/words";
/// Numbers of a vector that no test set.
const DIMENSIONS: usize = 256;
/// Texts of one call.
const TEXTS: usize = 16;
/// Vectors of one exchange.
const MOST: usize = 64;

#[derive(Clone, Default)]
pub(super) struct Embeddings {
    set: BTreeMap<String, Rc<[f32]>>,
    fails: bool,
    /// Vectors that an exchange was given, by their number.
    made: BTreeMap<u64, Vec<Rc<[f32]>>>,
    texts: Vec<String>,
}

impl Embeddings {
    fn vector(&self, text: &str) -> Rc<[f32]> {
        self.set.get(text).map_or_else(|| words(text), Rc::clone)
    }
}

/// Gives texts vectors of their own, in the place of those before; they are scaled to the length 1.
/// All other texts have vectors of 256 numbers, which are near to each other where words and parts
/// of words are shared. Vectors are near to none of another length.
///
/// ```
/// use outrigger_sdk::{Decision, Policy, Request, bench, embeddings};
///
/// #[derive(serde::Deserialize)]
/// struct Embeds {}
/// impl Policy for Embeds {
///     fn on_request(&mut self, _: &mut Request) -> Decision {
///         match embeddings::embed(&["hello", "hello there"]) {
///             Ok(made) => Decision::reply(format!("{:?}", made[0].numbers())),
///             Err(_) => Decision::Forward,
///         }
///     }
/// }
///
/// bench::vectors([("hello", [3.0, 4.0])]);
/// let embeds = bench::Bench::<Embeds>::new(bench::json!({}))?;
/// assert_eq!(embeds.request(Request::chat("m")).decision, Decision::reply("[0.6, 0.8]"));
/// assert_eq!(bench::embedded(), ["hello", "hello there"]);
/// bench::embedder_fails(true);
/// assert!(embeds.request(Request::chat("m")).is_forwarded());
/// # Ok::<(), String>(())
/// ```
///
/// # Panics
/// If a vector has no direction: no numbers, only zeros, or one that is not finite.
#[track_caller]
pub fn vectors<T: AsRef<str>, N: AsRef<[f32]>>(set: impl IntoIterator<Item = (T, N)>) {
    let scaled = |(text, numbers): (T, N)| {
        let text = text.as_ref().to_owned();
        match scale(numbers.as_ref()) {
            Some(vector) => (text, vector),
            None => panic!("the vector of {text:?} has no direction"),
        }
    };
    let set = set.into_iter().map(scaled).collect();
    with(|world| world.embeddings.set = set);
}

/// Makes the embedder unreachable, or reachable again.
pub fn embedder_fails(fail: bool) {
    with(|world| world.embeddings.fails = fail);
}

/// The texts that policies had embedded, in their order.
#[must_use]
pub fn embedded() -> Vec<String> {
    with(|world| world.embeddings.texts.clone())
}

pub(crate) fn embed(texts: &[String]) -> Result<Vec<u32>, Error> {
    let exchange = super::deciding("embeddings::embed");
    match texts.len() {
        1..=TEXTS if texts.iter().all(|text| !text.is_empty()) => {}
        1..=TEXTS => return Err(Error::Invalid("a text is empty".into())),
        _ => {
            return Err(Error::Invalid(
                "1 to 16 texts are embedded in a call".into(),
            ));
        }
    }
    with(|world| {
        let embeddings = &mut world.embeddings;
        let vectors: Vec<_> = texts.iter().map(|text| embeddings.vector(text)).collect();
        let made = embeddings.made.entry(exchange).or_default();
        let first = made.len();
        assert!(
            first + vectors.len() <= MOST,
            "an exchange has {MOST} vectors at most"
        );
        if embeddings.fails {
            return Err(Error::Unavailable);
        }
        embeddings.texts.extend_from_slice(texts);
        made.extend(vectors);
        Ok((0..).skip(first).take(texts.len()).collect())
    })
}

pub(crate) fn vector(id: u32) -> Vec<f32> {
    made(super::deciding("Vector::numbers"), id).to_vec()
}

pub(crate) fn embedder() -> Option<String> {
    Some(NAME.into())
}

/// Returns the vector of a number, which this exchange was given.
pub(super) fn made(exchange: u64, id: u32) -> Rc<[f32]> {
    let made = with(|world| {
        let made = world.embeddings.made.get(&exchange)?;
        made.get(id as usize).map(Rc::clone)
    });
    made.unwrap_or_else(|| panic!("there is no vector {id}"))
}

/// The cosine of two vectors of the length 1.
pub(super) fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Scales numbers to the length 1.
fn scale(numbers: &[f32]) -> Option<Rc<[f32]>> {
    let square: f64 = numbers.iter().map(|n| f64::from(*n) * f64::from(*n)).sum();
    let length = square.sqrt();
    if !length.is_finite() || length == 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is 1 at most")]
    let scaled = |n: &f32| (f64::from(*n) / length) as f32;
    Some(numbers.iter().map(scaled).collect())
}

/// The words of a text and their trigrams, hashed into places of a vector. A text that has none is
/// a word of its own.
fn words(text: &str) -> Rc<[f32]> {
    let mut vector = [0.0; DIMENSIONS];
    let mut add = |part: &str, weight: f32| {
        let hash = fnv(part);
        let place = hash as usize % DIMENSIONS;
        vector[place] += if hash >> 63 == 0 { weight } else { -weight };
    };
    let text = text.to_lowercase();
    let parts = text.split(|c: char| !c.is_alphanumeric());
    for word in parts.filter(|word| !word.is_empty()) {
        add(word, 1.0);
        let padded: Vec<char> = format!(" {word} ").chars().collect();
        for three in padded.windows(3) {
            add(&three.iter().collect::<String>(), 0.5);
        }
    }
    // A text without words, and one whose words cancel each other.
    scale(&vector).unwrap_or_else(|| {
        let mut one = [0.0; DIMENSIONS];
        one[fnv(&text) as usize % DIMENSIONS] = 1.0;
        one.into()
    })
}

/// FNV-1a.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
