use super::Depth;

fn depth(text: &str) -> u32 {
    let mut depth = Depth::default();
    depth.read(text);
    depth.open()
}

#[test]
fn strings_inside_strings_are_counted_where_their_text_is_json() {
    assert_eq!(depth(r#"{"a":1,"b":"#), 0);
    assert_eq!(depth(r#"{"a":"x"#), 1);
    assert_eq!(depth(r#"{"a":"he said \"hi\" to \"#), 1);
    assert_eq!(depth(r#"{"a":"he said \"hi to "#), 1);
    assert_eq!(depth(r#"{"a":"{\"b\":\""#), 2);
    assert_eq!(depth(r#"{"a":"{\"b\":\"{\\\"c\\\":\\\""#), 3);
    assert_eq!(depth(r#"{"a":"{\"b\":\"x\"}","c":""#), 1);
    assert_eq!(depth(r#"{"a":"\u007b\u0022b\u0022:\u0022"#), 2);
    assert_eq!(depth(r#"{"a":"\"\\\"x"#), 3);
    assert_eq!(depth(r#" ["a", "b"#), 1);
}

#[test]
fn prose_has_no_strings_until_an_object_begins_and_none_after_it_was_no_json() {
    assert_eq!(depth(r#"he said "hi"#), 0);
    assert_eq!(depth(r#""hi"#), 0);
    assert_eq!(depth(r#"curl -d '{"a":"x"#), 1);
    assert_eq!(depth(r#"{"c":"curl -d '{\"a\":\"x"#), 2);
    assert_eq!(depth(r#"fn f() { let a = "x"#), 0);
    assert_eq!(depth(r#"{ key: "x"#), 0);
    assert_eq!(depth("{'a': \"x"), 0);
    assert_eq!(depth("see {\"a\nb: \"x"), 0);
    assert_eq!(depth(r#"{"a":1} and "x"#), 0);
    assert_eq!(depth("{\"a\":1}\n{\"a\":\"x"), 1);
}

proptest::proptest! {
    #[test]
    fn a_text_in_which_nothing_opens_need_not_be_read(text in r#"[{\[":,\\a1 \n\f]{0,12}"#) {
        for end in 0..=text.len() {
            let (mut read, mut passed) = (Depth::default(), Depth::of_whole(&text));
            read.read(&text[..end]);
            passed.read(&text[..end]);
            let state = |depth: &Depth| {
                let bare = [false, true].map(|known| depth.is_bare(known));
                let before = if bare[1] { depth.scalar() } else { 0 };
                (depth.open(), bare, depth.pending(), before)
            };
            proptest::prop_assert_eq!(state(&read), state(&passed));
        }
    }

    #[test]
    fn a_text_read_at_once_and_byte_by_byte_ends_in_the_same_state(text in r#"[{}\[\]":,\\a1 \n]{0,60}"#) {
        let (mut whole, mut bytewise) = (Depth::default(), Depth::default());
        whole.read(&text);
        bytewise.read("");
        text.bytes().for_each(|byte| bytewise.byte(byte));
        proptest::prop_assert_eq!(whole, bytewise);
    }
}

#[test]
fn a_value_outside_of_strings_needs_quotes_in_json_only() {
    let bare = |text: &str, known: bool| {
        let mut depth = Depth::default();
        depth.read(text);
        depth.is_bare(known)
    };
    for (text, prose, known) in [
        (r#"{"a":"#, true, true),
        (r#"{"a":-12"#, true, true),
        (r#"{"a":[1,"#, true, true),
        (r#"{"a":"{\"b\":"#, true, true),
        ("[", false, true),
        ("see [", false, false),
        (r#"{"a":""#, false, false),
        ("{", false, false),
        ("", false, false),
    ] {
        assert_eq!(
            (bare(text, false), bare(text, true)),
            (prose, known),
            "{text}"
        );
    }
}
