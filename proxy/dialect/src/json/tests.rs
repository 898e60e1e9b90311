#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::arbitrary::{document, mutated};

/// Walks everything, strings decoded, as a reader would.
fn walk(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    match cursor.kind()? {
        Kind::Object => cursor.object(|_, value| walk(value)),
        Kind::Array => cursor.array(|_, value| walk(value)),
        Kind::String => cursor.text().map(drop),
        _ => cursor.skip().map(drop),
    }
}

fn whole(
    bytes: &[u8],
    take: impl Fn(&mut Cursor<'_>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(bytes);
    take(&mut cursor)?;
    cursor.end()
}

fn skip_all(bytes: &[u8]) -> Result<(), Malformed> {
    whole(bytes, |cursor| cursor.skip().map(drop))
}

/// Rebuilds a document from what the cursor says.
fn rebuild(bytes: &[u8], cursor: &mut Cursor<'_>) -> Value {
    match cursor.kind().unwrap() {
        Kind::Object => {
            let mut map = serde_json::Map::new();
            let each = |key: Key<'_>, value: &mut Cursor<'_>| {
                assert!(key.is(&key.decode()));
                map.insert(key.decode().into_owned(), rebuild(bytes, value));
                Ok(())
            };
            cursor.object(each).unwrap();
            Value::Object(map)
        }
        Kind::Array => {
            let mut list = Vec::new();
            let each = |index: usize, value: &mut Cursor<'_>| {
                assert_eq!(index, list.len());
                list.push(rebuild(bytes, value));
                Ok(())
            };
            cursor.array(each).unwrap();
            Value::Array(list)
        }
        Kind::String => Value::String(cursor.text().unwrap().decode(bytes).into_owned()),
        _ => serde_json::from_slice(&bytes[cursor.skip().unwrap()]).unwrap(),
    }
}

proptest! {
    #[test]
    fn what_the_cursor_reads_is_what_serde_json_reads(json in document()) {
        let value: Value = serde_json::from_slice(&json).unwrap();
        let mut cursor = Cursor::new(&json);
        prop_assert_eq!(rebuild(&json, &mut cursor), value);
        prop_assert_eq!(cursor.end(), Ok(()));
        prop_assert_eq!(skip_all(&json), Ok(()));
    }

    #[test]
    fn the_cursor_accepts_exactly_what_serde_json_accepts(json in mutated()) {
        // `IgnoredAny` checks syntax and neither UTF-8 nor surrogates, as `skip` does
        let valid = serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok();
        prop_assert_eq!(skip_all(&json).is_ok(), valid, "{:?}", String::from_utf8_lossy(&json));
        let walked = whole(&json, walk).is_ok();
        prop_assert!(valid || !walked);
        // decoding adds nothing but UTF-8
        let utf8 = str::from_utf8(&json).is_ok();
        prop_assert!(walked || !valid || !utf8);
    }

    #[test]
    fn passing_over_a_value_ends_where_skipping_it_ends(json in document()) {
        let (mut passed, mut skipped) = (Cursor::new(&json), Cursor::new(&json));
        passed.pass().unwrap();
        skipped.skip().unwrap();
        prop_assert_eq!(passed.at(), skipped.at());
    }

    #[test]
    fn no_bytes_make_the_cursor_panic(bytes in prop_oneof![any::<Vec<u8>>(), mutated()]) {
        let _ = whole(&bytes, |cursor| cursor.pass());
        let _ = skip_all(&bytes);
        let _ = whole(&bytes, walk);
        let _ = pointer(&bytes, "/a/0");
        let _ = Cursor::new(&bytes).object(|key, value| {
            let _ = key.decode();
            value.text_or_skip().map(drop)
        });
    }

    #[test]
    fn a_quoted_text_reads_back_as_itself(text: String, wide in "[\u{0}-\u{7f}\"\\\\]{0,80}") {
        for text in [text, wide] {
            let mut json = Vec::new();
            quote(&text, &mut json);
            prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text.clone());
            let literal = Cursor::new(&json).text().unwrap();
            prop_assert_eq!(literal.decode(&json), text);
        }
    }

    #[test]
    fn a_pointer_finds_what_serde_json_finds(json in document(), tokens in prop::collection::vec("[ab~/01]{0,2}", 0..4)) {
        let path: String = tokens.iter().map(|t| format!("/{}", t.replace('~', "~0").replace('/', "~1"))).collect();
        let value: Value = serde_json::from_slice(&json).unwrap();
        let found = pointer(&json, &path).map(|range| serde_json::from_slice::<Value>(&json[range]).unwrap());
        prop_assert_eq!(found.as_ref(), value.pointer(&path));
    }
}

#[test]
fn special_bytes_are_found_at_every_offset_of_a_string() {
    for length in 0..100 {
        let text = "x".repeat(length);
        let plain = format!("\"{text}\" ");
        assert_eq!(Cursor::new(plain.as_bytes()).skip().unwrap(), 0..length + 2);
        for at in 0..length {
            for (special, valid) in [
                ("\\n", true),
                ("\\q", false),
                ("\n", false),
                ("\u{1f}", false),
                ("é", true),
            ] {
                let json = format!("\"{}{special}{}\"", &text[..at], &text[at..]);
                assert_eq!(skip_all(json.as_bytes()).is_ok(), valid, "{json:?}");
            }
        }
    }
}

#[test]
fn escaped_keys_are_the_keys_that_they_spell() {
    let json = br#"{"\u006dod\u0065l": 1, "a\/b": 2, "model2": 3}"#;
    let mut found = Vec::new();
    let each = |key: Key<'_>, _: &mut Cursor<'_>| {
        found.push((key.is("model"), key.is("a/b"), &json[key.range()]));
        Ok(())
    };
    Cursor::new(json).object(each).unwrap();
    let expected: [(bool, bool, &[u8]); 3] = [
        (true, false, br#""\u006dod\u0065l""#),
        (false, true, br#""a\/b""#),
        (false, false, br#""model2""#),
    ];
    assert_eq!(found, expected);
}

#[test]
fn nesting_ends_at_128_whether_walked_or_skipped() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert_eq!(skip_all(nested(128).as_bytes()), Ok(()));
        assert_eq!(whole(nested(128).as_bytes(), walk), Ok(()));
        for depth in [129, 100_000] {
            let json = nested(depth);
            let what = "the document is nested too deeply";
            let at = 128 * open.len();
            assert_eq!(skip_all(json.as_bytes()), Err(Malformed::new(what, at)));
            assert_eq!(whole(json.as_bytes(), walk), Err(Malformed::new(what, at)));
        }
    }
    // half walked, half skipped
    let json = format!("{}{}", "[".repeat(129), "]".repeat(129));
    let outer = Cursor::new(json.as_bytes()).array(|_, value| value.skip().map(drop));
    assert!(outer.is_err());
}

#[test]
fn surrogates_decode_in_pairs_and_to_the_replacement_character_alone() {
    for (json, text) in [
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\uD83D\uDE00!""#, "😀!"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ud83dx""#, "\u{fffd}x"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\u0000\/\"\\\b\f\r\té""#, "\0/\"\\\u{8}\u{c}\r\té"),
    ] {
        let literal = Cursor::new(json.as_bytes()).text().unwrap();
        assert!(literal.escaped);
        assert_eq!(literal.decode(json.as_bytes()), text, "{json}");
    }
}

#[test]
fn numbers_are_integers_only_where_they_are_spelled_and_fit_so() {
    for (json, expected) in [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("1e3", None),
        ("1.0", None),
        ("-1", None),
        ("\"1\"", None),
        ("[1]", None),
        ("null", None),
    ] {
        assert_eq!(
            whole(json.as_bytes(), |c| {
                assert_eq!(c.integer()?, expected);
                Ok(())
            }),
            Ok(()),
            "{json}"
        );
    }
    let huge = "9".repeat(100_000);
    assert_eq!(Cursor::new(huge.as_bytes()).integer(), Ok(None));
    assert_eq!(skip_all(b"1e99999999999"), Ok(()));
    for json in [
        "01", "-", "1.", ".5", "1e", "+1", "1e+", "0x1", "--1", "NaN", "Infinity",
    ] {
        assert!(skip_all(json.as_bytes()).is_err(), "{json}");
    }
}

#[test]
fn a_count_is_taken_as_far_as_its_number_goes_and_refused_where_skipping_refuses_it() {
    let nines = "9".repeat(19);
    let longer = "9".repeat(20);
    for (number, expected) in [
        ("0", Some(0)),
        ("7", Some(7)),
        ("900", Some(900)),
        (&nines, Some(9_999_999_999_999_999_999)),
        (&longer, Some(u64::MAX)),
        ("900.0", Some(900)),
        ("0.5", Some(1)),
        ("9e2", Some(900)),
        ("9E2", Some(900)),
        ("-1", None),
        ("null", None),
        ("\"7\"", None),
        ("[7]", None),
    ] {
        for after in ["", ",", " ", "}", "]x"] {
            let document = [" ", number, after].concat();
            let mut cursor = Cursor::new(document.as_bytes());
            assert_eq!(cursor.count(), Ok(expected), "{document}");
            assert_eq!(cursor.at(), 1 + number.len(), "{document}");
        }
    }
    for number in ["00", "01", "1.", "1e", "1e+", ".5", "-", "+1", "", "x"] {
        let mut cursor = Cursor::new(number.as_bytes());
        let ends = cursor.count().and_then(|_| cursor.end());
        assert!(ends.is_err(), "{number}");
        assert!(skip_all(number.as_bytes()).is_err(), "{number}");
    }
}

#[test]
fn a_key_ends_at_its_colon_wherever_that_is() {
    for length in 0..40 {
        let name = "k".repeat(length);
        for colon in [":", " :", "\n\t: "] {
            let document = format!("{{\"{name}\"{colon}1}}");
            let mut seen = 0;
            let mut cursor = Cursor::new(document.as_bytes());
            let each = |key: Key<'_>, _: &mut Cursor<'_>| {
                assert!(key.is(&name) && !key.is_escaped());
                assert_eq!(key.range(), 1..length + 3);
                seen += 1;
                Ok(())
            };
            cursor.object(each).unwrap();
            cursor.end().unwrap();
            assert_eq!(seen, 1, "{document}");
        }
        for bad in ["", "1", "\"1\"", ",", "}"] {
            let document = format!("{{\"{name}\"{bad}1}}");
            assert!(skip_all(document.as_bytes()).is_err(), "{document}");
        }
    }
}

#[test]
fn a_string_that_is_decoded_must_be_utf8_and_one_that_is_skipped_need_not() {
    let json = b"\"a\xff\"";
    assert_eq!(skip_all(json), Ok(()));
    let what = "a string is not UTF-8";
    assert_eq!(Cursor::new(json).text(), Err(Malformed::new(what, 0)));
}

#[test]
fn what_a_callback_leaves_untouched_is_skipped() {
    let json = br#" { "a" : [1, {"b": 2}] , "c" : true } "#;
    let mut last = None;
    let each = |key: Key<'_>, value: &mut Cursor<'_>| {
        if key.is("c") {
            last = value.boolean()?;
        }
        Ok(())
    };
    let mut cursor = Cursor::new(json);
    cursor.object(each).unwrap();
    assert_eq!((last, cursor.end()), (Some(true), Ok(())));
}

#[test]
fn a_lenient_cursor_takes_what_clients_take() {
    let document = b"{\"a\":[NaN,-Infinity,Infinity,1],\"b\":\"x\ty\"}";
    assert!(Cursor::new(document).skip().is_err());
    let mut cursor = Cursor::lenient(document, 0);
    cursor.skip().unwrap();
    cursor.end().unwrap();
    for bad in [&b"[Nan]"[..], b"[1,]", b"{\"a\":I}", b"[--1]"] {
        assert!(Cursor::lenient(bad, 0).skip().is_err());
    }
}

#[test]
fn a_string_ends_at_its_quote_wherever_that_is_and_whatever_precedes_it() {
    use super::text::end;
    for length in 0..200_usize {
        for escapes in 0..4 {
            let mut inside = vec![b'x'; length];
            inside.extend(std::iter::repeat_n(b'\\', escapes));
            let quote = inside.len();
            inside.extend_from_slice(b"\", \"b\": 1");
            let expected = match escapes % 2 {
                0 => quote,
                _ => quote + 3, // the quote is escaped, the next one is not
            };
            assert_eq!(end(&inside), Some(expected), "{length} {escapes}");
            let literal = [b"\"", &inside[..]].concat();
            let mut cursor = Cursor::new(&literal);
            cursor.pass().unwrap();
            assert_eq!(cursor.at(), expected + 2, "{length} {escapes}");
            assert_eq!(end(&inside[..quote]), None);
        }
    }
    let quotes = "\\\"".repeat(100) + "\"";
    assert_eq!(end(quotes.as_bytes()), Some(200));
}
