//! Base64 (RFC 4648), in either alphabet, with and without padding.

/// The letters of the standard alphabet (§4).
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// The letters of the alphabet for addresses and file names (§5).
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Bytes in the standard alphabet, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    encode_in(STANDARD, bytes)
}

/// Bytes in the alphabet for addresses, padded.
pub(crate) fn encode_url_safe(bytes: &[u8]) -> String {
    encode_in(URL_SAFE, bytes)
}

fn encode_in(alphabet: &[u8; 64], bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for letter in 0..4 {
            let index = (bits >> (18 - 6 * letter)) as usize & 63;
            let byte = alphabet.get(index).copied().unwrap_or(b'=');
            out.push(if letter > three.len() {
                '='
            } else {
                char::from(byte)
            });
        }
    }
    out
}

/// The bytes of a text in either alphabet, or in both; `None` if it is none.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for four in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for letter in four {
            bits = bits << 6 | value(*letter)?;
        }
        let count = match four.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        bits <<= 6 * (4 - four.len());
        out.extend(bits.to_be_bytes().into_iter().skip(1).take(count));
    }
    Some(out)
}

const fn value(letter: u8) -> Option<u32> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    } as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_are_written_and_read() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded).as_deref(), Some(plain.as_bytes()));
            let bare = coded.trim_end_matches('=');
            assert_eq!(decode(bare).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn both_alphabets_are_read_and_other_texts_are_none() {
        let bytes = [0xfb, 0xff, 0xbf];
        assert_eq!(
            (&*encode(&bytes), &*encode_url_safe(&bytes)),
            ("+/+/", "-_-_")
        );
        assert_eq!(decode("+/-_"), Some(bytes.to_vec()));
        for text in ["a", "a b=", "é===", "Zm9vY"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
