//! `openai.embeddings`, as the embedded model writes it: words, and their letters by threes, are
//! hashed into a vector, so that texts that share words lie close together, and those that share
//! stems a little less. It knows no meaning, and says by its name that it is no model.

use serde_json::Value;

use super::{quote, request::Request};

/// The dimensions where none are requested, and the most.
const DIMENSIONS: u64 = 256;
const MOST: u64 = 4096;

/// The name that replies give as that of their model, whatever was requested.
const NAME: &str = "embedded-no-model";

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let dimensions = request.raw.get("dimensions").and_then(Value::as_u64);
    let dimensions = dimensions.unwrap_or(DIMENSIONS).clamp(1, MOST) as usize;
    let packed = request.raw.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let data: Vec<_> = request
        .inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = embed(text, dimensions);
            let written = if packed {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                quote(&base64(&bytes))
            } else {
                let numbers: Vec<_> = vector.iter().map(f32::to_string).collect();
                format!("[{}]", numbers.join(","))
            };
            format!(r#"{{"object":"embedding","index":{index},"embedding":{written}}}"#)
        })
        .collect();
    let tokens = request.input_tokens;
    format!(
        r#"{{"object":"list","data":[{}],"model":{},"usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#,
        data.join(","),
        quote(NAME)
    )
}

/// The cosine of the vectors of two texts, 0 at least.
pub(super) fn closeness(one: &str, other: &str) -> f32 {
    let [one, other] = [one, other].map(|text| embed(text, DIMENSIONS as usize));
    let product = one.iter().zip(&other).map(|(x, y)| x * y);
    product.sum::<f32>().clamp(0.0, 1.0)
}

/// A vector of length one.
fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions];
    let mut add = |feature: &str, weight: f32| {
        let hash = fnv(feature);
        let sign = if hash >> 63 == 0 { weight } else { -weight };
        if let Some(place) = vector.get_mut((hash % dimensions as u64) as usize) {
            *place += sign;
        }
    };
    let words = text.split(|c: char| !c.is_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        add(&word, 1.0);
        // All threes of a word weigh as much as the word.
        let letters: Vec<char> = format!("<{word}>").chars().collect();
        let threes = letters.windows(3);
        let weight = (threes.len() as f32).sqrt().recip();
        for three in threes {
            add(&three.iter().collect::<String>(), weight);
        }
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    } else if let Some(first) = vector.first_mut() {
        *first = 1.0;
    }
    vector
}

/// FNV-1a.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// RFC 4648 §4.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: u32| char::from(LETTERS[(bits & 63) as usize]);
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let three = [0, 1, 2].map(|at| chunk.get(at).copied().unwrap_or(0));
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            out.push(if at <= chunk.len() {
                letter(bits >> shift)
            } else {
                '='
            });
        }
    }
    out
}
