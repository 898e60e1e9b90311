//! The width and height of an image, from the first bytes of its file. Nothing is decoded.

use super::image::Size;

/// Reads the size of a PNG (RFC 2083 §4.1.1), GIF (GIF89a §18), WebP (RFC 9649 §2.3 to 2.7) or JPEG
/// (ITU-T T.81 §B.2.2) from the beginning of the file. None where it is none of them, or cut before
/// its size.
pub(crate) fn size(file: &[u8]) -> Option<Size> {
    let (width, height) = match file {
        [0x89, b'P', b'N', b'G', ..] => (big(file, 16, 4)?, big(file, 20, 4)?),
        [b'G', b'I', b'F', b'8', ..] => (little(file, 6, 2)?, little(file, 8, 2)?),
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
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp(file)?,
        [0xff, 0xd8, ..] => jpeg(file)?,
        _ => return None,
    };
    (width > 0 && height > 0).then_some(Size { width, height })
}

fn webp(file: &[u8]) -> Option<(u32, u32)> {
    match file.get(12..16)? {
        b"VP8X" => Some((little(file, 24, 3)? + 1, little(file, 27, 3)? + 1)),
        b"VP8L" => {
            let bits = little(file, 21, 4)?;
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => Some((little(file, 26, 2)? & 0x3fff, little(file, 28, 2)? & 0x3fff)),
        _ => None,
    }
}

/// Goes from segment to segment up to the frame's header.
fn jpeg(file: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *file.get(at)? != 0xff {
            return None;
        }
        match *file.get(at + 1)? {
            // filling
            0xff => at += 1,
            // a frame of any process, and not a table that shares its numbers
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((big(file, at + 7, 2)?, big(file, at + 5, 2)?));
            }
            0x01 | 0xd0..=0xd8 => at += 2,
            // the picture itself, or its end
            0xd9 | 0xda => return None,
            _ => at += 2 + big(file, at + 2, 2)? as usize,
        }
    }
}

fn big(file: &[u8], at: usize, length: usize) -> Option<u32> {
    let bytes = file.get(at..at.checked_add(length)?)?;
    Some(
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
    )
}

fn little(file: &[u8], at: usize, length: usize) -> Option<u32> {
    let bytes = file.get(at..at.checked_add(length)?)?;
    Some((bytes.iter().rev()).fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_format_says_its_size_in_its_first_bytes() {
        let jpeg = [
            &[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2][..],
            &[0xff, 0xff, 0xc4, 0, 3, 9],
            &[0xff, 0xc2, 0, 17, 8, 0x02, 0x1c, 0x03, 0xc0, 3],
        ]
        .concat();
        let webp =
            |kind: &[u8], rest: &[u8]| [b"RIFF\0\0\0\0WEBP", kind, b"\0\0\0\0", rest].concat();
        let (wide, high) = (960_u32, 540_u32);
        let packed = (wide - 1) | (high - 1) << 14;
        for (format, file) in [
            (
                "png",
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x03\xc0\0\0\x02\x1c\x08".to_vec(),
            ),
            ("gif", b"GIF89a\xc0\x03\x1c\x02".to_vec()),
            ("jpeg", jpeg),
            ("webp", webp(b"VP8X", b"\0\0\0\0\xbf\x03\0\x1b\x02\0")),
            (
                "webp",
                webp(b"VP8L", &[&[0x2f], &packed.to_le_bytes()[..]].concat()),
            ),
            ("webp", webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a\xc0\x03\x1c\x02")),
        ] {
            let found = size(&file).unwrap();
            assert_eq!((found.width, found.height), (wide, high), "{format}");
            for end in 0..file.len() {
                // cut short: no size, or the same
                let cut = size(file.get(..end).unwrap());
                assert!(cut.is_none_or(|cut| cut == found), "{format} {end}");
            }
        }
        for none in [&b""[..], b"%PDF-1.7", b"\xff\xd8\xff\xda\0\0", b"BM\0\0"] {
            assert_eq!(size(none), None);
        }
    }
}
