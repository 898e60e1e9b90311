//! Tokens of content that is no text: images, sound, documents, video.
//!
//! Files are known by their first bytes, whatever they are called, and of those that are long only
//! the beginning is decoded. What the rules need and the file does not say is assumed, and named
//! here.

use super::{image, image_size};
use crate::describe::Provider;

/// Bytes of a file that are decoded to find an image's size, behind its metadata.
const HEADER: usize = 64 << 10;
/// Bytes of a document in which its pages are counted; the rest is taken for more of the same.
const DOCUMENT: usize = 1 << 20;
/// Bytes of sound a second where the file does not say: 64 kbit/s, as speech is encoded.
const SOUND: u64 = 8_000;
/// Bytes of video a second: 2 Mbit/s.
const VIDEO: u64 = 250_000;

/// The rates of a provider, in tokens.
struct Rates {
    /// Ten seconds of sound. Gemini: 32 a second
    /// (<https://ai.google.dev/gemini-api/docs/audio>). OpenAI: one for 100 ms
    /// (<https://platform.openai.com/docs/guides/realtime-costs>).
    sound: u64,
    /// A page of a document. Gemini: 258 (<https://ai.google.dev/gemini-api/docs/document-processing>).
    /// Anthropic: 1,500 to 3,000 of text, and an image of the page
    /// (<https://platform.claude.com/docs/en/build-with-claude/pdf-support>). OpenAI: text and an
    /// image, too (<https://platform.openai.com/docs/guides/pdf-files>).
    page: u64,
    /// A second of video: a frame of 258 and its sound
    /// (<https://ai.google.dev/gemini-api/docs/video-understanding>). Nobody else takes any.
    video: u64,
}

impl Rates {
    const fn of(provider: Option<Provider>) -> Self {
        let (sound, page) = match provider {
            Some(Provider::Google) => (320, 258),
            Some(Provider::Anthropic) => (100, 2_250 + 1_600),
            Some(Provider::Openai) | None => (100, 750 + 765),
        };
        Self {
            sound,
            page,
            video: 290,
        }
    }
}

/// Estimates an image that is not in the request.
pub(crate) fn unknown_image(provider: Option<Provider>, model: &str) -> u64 {
    image::tokens(image::UNKNOWN, provider, model, false)
}

/// Estimates one medium: base64, or a `data:` URL of it, as it stands in the document. `is_image`
/// is true where its surroundings say so; an address is then an image of 1,024 × 1,024 pixels.
/// None where nothing can be said of it by rule.
pub(crate) fn estimate(
    source: &[u8],
    is_image: bool,
    low_detail: bool,
    provider: Option<Provider>,
    model: &str,
) -> Option<u64> {
    let head = source.get(..source.len().min(256)).unwrap_or_default();
    let data = memchr::memmem::find(head, b"base64,").map_or(0, |at| at + 7);
    let base64 = source.get(data..).unwrap_or_default();
    let file = decode(base64, HEADER);
    if is_image {
        let size = image_size::size(&file).unwrap_or(image::UNKNOWN);
        return Some(image::tokens(size, provider, model, low_detail));
    }
    let rates = Rates::of(provider);
    let length = base64.len() as u64 / 4 * 3;
    match &*file {
        [b'%', b'P', b'D', b'F', ..] => Some(rates.page * pages(base64)),
        _ if image_size::size(&file).is_some() => {
            estimate(source, true, low_detail, provider, model)
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] | [0x1a, 0x45, 0xdf, 0xa3, ..] => {
            Some((rates.video * length / VIDEO).max(rates.video))
        }
        _ => {
            let a_second = sound_rate(&file)?;
            Some((rates.sound * length / a_second / 10).max(1))
        }
    }
}

/// Bytes a second of a file of sound. None where it is none.
fn sound_rate(file: &[u8]) -> Option<u64> {
    match file {
        // WAV: bytes a second stand in the header
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ] => {
            let rate = file.get(28..32)?.iter().rev();
            let rate = rate.fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            Some(if rate > 0 { rate } else { SOUND })
        }
        // MP3, with its tag before it or not, Ogg, FLAC
        [b'I', b'D', b'3', ..] | [0xff, 0xe0..=0xff, ..] | [b'O', b'g', b'g', b'S', ..] => {
            Some(SOUND)
        }
        [b'f', b'L', b'a', b'C', ..] => Some(10 * SOUND),
        _ => None,
    }
}

/// Pages of a PDF: its page objects, as far as they are not packed; else one for 50 KB.
fn pages(base64: &[u8]) -> u64 {
    let file = decode(base64, DOCUMENT);
    let mut found = 0;
    for at in memchr::memmem::find_iter(&file, b"/Type") {
        let rest = file.get(at + 5..).unwrap_or_default().trim_ascii_start();
        let page = rest.strip_prefix(b"/Page");
        found += u64::from(page.is_some_and(|rest| !rest.starts_with(b"s")));
    }
    let (seen, all) = (file.len().max(1) as u64, base64.len() as u64 / 4 * 3);
    match found {
        0 => (all / 50_000).max(1),
        found => (found * all / seen).max(found),
    }
}

/// Decodes the beginning of base64 of either alphabet (RFC 4648 §4, §5), `most` bytes. What is not
/// of the alphabet is passed over: line breaks, and backslashes before slashes in JSON.
fn decode(text: &[u8], most: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(most.min(text.len() / 4 * 3 + 3));
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            if out.len() == most {
                break;
            }
        }
    }
    out
}

/// Estimates the tokens of a part that holds no text, by its label in the coverage and its size as
/// JSON source. Generous: it stands until the provider reports usage, and an estimate of nothing
/// passes every limit.
pub(crate) fn estimate_part(label: &str, bytes: u64) -> u64 {
    // Base64 takes a third more than what it holds.
    let (least, bytes_each) = match label {
        // counted one by one
        "image" | "tokens" => return 0,
        // speech as MP3, 32 tokens a second; as WAV it is less dense, and this too much
        "audio" => (32, 512),
        // a page of a PDF is some 100 KB and 2,000 tokens; a name or URL gives no size
        "file" | "document" => (1000, 48),
        "video" => (256, 2048),
        // text in a form that nobody reads, sealed reasoning
        _ => (0, 4),
    };
    (bytes / bytes_each).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base64(bytes: &[u8]) -> Vec<u8> {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let group = |three: &[u8]| {
            let bits = three
                .iter()
                .fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            let bits = bits << (8 * (3 - three.len()));
            [18, 12, 6, 0].map(|shift| LETTERS[(bits >> shift & 63) as usize])
        };
        bytes.chunks(3).flat_map(group).collect()
    }

    #[test]
    fn files_are_known_by_their_first_bytes_and_counted_by_rule() {
        let wav = |seconds: usize| {
            let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0".to_vec();
            file.extend(32_000_u32.to_le_bytes());
            file.resize(44 + 32_000 * seconds, 0);
            base64(&file)
        };
        let pdf = |pages: usize| {
            let page = "1 0 obj <</Type /Page /Parent 2 0 R>> endobj ".repeat(pages);
            base64(format!("%PDF-1.7 <</Type/Pages/Count {pages}>> {page}").as_bytes())
        };
        let mp3 = base64(&[&b"ID3"[..], &[0; 80_000]].concat());
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x03\xe8\0\0\x03\xe8\x08";
        let url = [&b"data:image\\/png;base64,"[..], &base64(png)].concat();
        let (openai, google) = (Some(Provider::Openai), Some(Provider::Google));
        let anthropic = Some(Provider::Anthropic);
        for (source, is_image, provider, tokens) in [
            (wav(60), false, google, Some(1920)),
            (wav(60), false, openai, Some(600)),
            (mp3, false, google, Some(320)),
            (pdf(3), false, google, Some(3 * 258)),
            (pdf(40), false, anthropic, Some(40 * 3850)),
            (base64(b"%PDF-1.5 packed"), false, google, Some(258)),
            (url.clone(), true, anthropic, Some(1334)),
            // a file, says what is around it
            (url, false, anthropic, Some(1334)),
            (
                b"https://example.com/a.png".to_vec(),
                true,
                openai,
                Some(765),
            ),
            (base64(b"\0\0\0\x18ftypmp42"), false, google, Some(290)),
            (base64(b"of no kind"), false, google, None),
        ] {
            let found = estimate(&source, is_image, false, provider, "m");
            // a file's length is known to three bytes
            assert!(
                found == tokens || found.zip(tokens).is_some_and(|(a, b)| a.abs_diff(b) <= 1),
                "{found:?} {tokens:?}"
            );
        }
    }

    #[test]
    fn base64_is_decoded_of_either_alphabet_and_across_line_breaks() {
        for (text, bytes) in [
            (&b"AAEC"[..], &b"\0\x01\x02"[..]),
            (b"_-8=", b"\xff\xef"),
            (b"\\/+8=", b"\xff\xef"),
            (b"AA\nEC", b"\0\x01\x02"),
            (b"", b""),
        ] {
            assert_eq!(decode(text, 100), bytes);
        }
        assert_eq!(decode(b"AAECAAEC", 4).len(), 4);
    }

    #[test]
    fn no_part_but_those_that_are_counted_one_by_one_is_free() {
        for label in ["audio", "file", "video", "other", "signed_reasoning"] {
            assert!(estimate_part(label, 4096) > 0, "{label}");
        }
        // ten seconds of speech at 64 kbit/s
        let speech = 10 * 8000 * 4 / 3;
        assert!((100..1000).contains(&estimate_part("audio", speech)));
        // by its id: the size is not known
        assert_eq!(estimate_part("file", 40), 1000);
        assert_eq!(estimate_part("image", 1 << 20), 0);
    }
}
