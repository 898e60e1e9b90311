#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::Write;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use proptest::prelude::*;

use super::*;

const TEXT: &[u8] = b"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(text: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(text, 3).unwrap()
}

/// Brotli (RFC 7932) without compression: uncompressed meta-blocks, and an empty last one.
fn brotli(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, block) in text.chunks(1 << 16).enumerate() {
        let length = u32::try_from(block.len() - 1).unwrap();
        // not last, 4 nibbles of length, uncompressed; before the first block the window's size,
        // one bit
        let header = length << 3 | 1 << 19;
        let header = if at == 0 { header << 1 } else { header };
        out.extend_from_slice(&header.to_le_bytes()[..3]);
        out.extend_from_slice(block);
    }
    out.push(if out.is_empty() { 6 } else { 3 });
    out
}

fn codings(value: &str) -> Result<Codings, Unknown> {
    let mut headers = HeaderMap::new();
    headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
    Codings::of(&headers)
}

fn decoder(value: &str) -> Decoder {
    codings(value).unwrap().decoder(64 << 20).unwrap()
}

fn decode(value: &str, body: &[u8], size: usize) -> Result<Vec<u8>, Undecodable> {
    let mut decoder = decoder(value);
    let mut whole = Vec::new();
    for piece in body.chunks(size) {
        whole.extend_from_slice(&decoder.push(piece)?);
    }
    decoder.finish()?;
    Ok(whole)
}

fn encoded(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("gzip", gzip(text)),
        ("X-GZIP", gzip(text)),
        ("deflate", zlib(text)),
        ("deflate", bare_deflate(text)),
        ("br", brotli(text)),
        ("zstd", zstandard(text)),
        ("gzip, br", brotli(&gzip(text))),
        ("identity, zstd , identity, gzip", gzip(&zstandard(text))),
    ]
}

#[test]
fn every_coding_is_undone_however_its_bytes_are_split() {
    for (value, body) in encoded(TEXT) {
        for size in [1, 2, 3, 7, body.len()] {
            assert_eq!(
                decode(value, &body, size).unwrap(),
                TEXT,
                "{value} by {size}"
            );
        }
    }
}

#[test]
fn several_members_and_frames_are_one_body() {
    let twice = [TEXT, TEXT].concat();
    let both = [gzip(TEXT), gzip(TEXT)].concat();
    assert_eq!(decode("gzip", &both, 5).unwrap(), twice);
    let both = [zstandard(TEXT), zstandard(TEXT)].concat();
    assert_eq!(decode("zstd", &both, 5).unwrap(), twice);
}

#[test]
fn what_is_flushed_is_out_at_once_so_that_a_stream_stays_a_stream() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut decoder = decoder("gzip");
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        encoder.write_all(event.as_bytes()).unwrap();
        encoder.flush().unwrap();
        let piece = std::mem::take(encoder.get_mut());
        assert_eq!(decoder.push(&piece).unwrap(), event);
    }
    assert_eq!(
        decoder.finish(),
        Err(Undecodable::Corrupt),
        "it is not over"
    );
}

#[test]
fn a_cut_or_wrong_body_is_no_body() {
    for (value, body) in encoded(TEXT) {
        let cut = &body[..body.len() - 1];
        assert_eq!(
            decode(value, cut, 8),
            Err(Undecodable::Corrupt),
            "{value}, cut"
        );
        assert_eq!(
            decode(value, TEXT, 8),
            Err(Undecodable::Corrupt),
            "{value}, plain"
        );
        let longer = [&body[..], b"x"].concat();
        assert!(decode(value, &longer, 8).is_err(), "{value}, longer");
    }
    let mut wrong = gzip(TEXT);
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    assert_eq!(decode("gzip", &wrong, 8), Err(Undecodable::Corrupt));
}

#[test]
fn a_few_bytes_do_not_become_many() {
    let zeros = vec![0; 32 << 20];
    for (value, body) in [("gzip", gzip(&zeros)), ("zstd", zstandard(&zeros))] {
        assert!(body.len() < 64 << 10);
        assert_eq!(
            decode(value, &body, 4096),
            Err(Undecodable::TooLarge),
            "{value}"
        );
    }
    let small = vec![b'x'; 1 << 20];
    assert_eq!(
        decode("gzip", &gzip(&small), 64).unwrap(),
        small,
        "under the floor any ratio is good"
    );
    let mut limited = codings("gzip").unwrap().decoder(1000).unwrap();
    assert_eq!(limited.push(&gzip(&small)), Err(Undecodable::TooLarge));
}

#[test]
fn a_coding_that_nobody_knows_and_a_list_without_end_are_unknown() {
    for value in [
        "compress",
        "x",
        "gzip, x",
        "gzip, gzip, gzip, gzip",
        "aws-chunked",
    ] {
        assert_eq!(codings(value), Err(Unknown), "{value}");
    }
    for value in ["identity", "", "Identity, identity"] {
        assert!(codings(value).unwrap().is_empty(), "{value}");
    }
}

#[tokio::test]
async fn room_is_asked_for_as_a_body_grows() {
    let body = Bytes::from(gzip(TEXT));
    let mut grown = 0;
    let inside = inflate(&body, decoder("gzip"), |more| {
        grown += more;
        true
    });
    assert_eq!(inside.await.unwrap(), TEXT);
    assert_eq!(grown, TEXT.len());
    let refused = inflate(&body, decoder("gzip"), |more| more == 0).await;
    assert_eq!(refused, Err(Undecodable::NoRoom));
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>, size in 1_usize..64, which in 0_usize..4) {
        let value = ["gzip", "deflate", "br", "zstd"][which];
        let _ = decode(value, &bytes, size);
    }

    #[test]
    fn any_text_comes_back(text: Vec<u8>, size in 1_usize..64) {
        for (value, body) in encoded(&text) {
            prop_assert_eq!(&decode(value, &body, size).unwrap(), &text, "{}", value);
        }
    }
}
