//! Any value, anywhere in any JSON, however the stream is cut.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

/// The text in pieces, cut at these places.
fn streamed(vault: &Vault, text: &str, cuts: &[usize], arguments: bool) -> String {
    let mut cuts: Vec<usize> = cuts
        .iter()
        .map(|cut| text.floor_char_boundary(cut % (text.len() + 1)))
        .collect();
    cuts.sort_unstable();
    let (mut channel, mut out, mut done) = (Channel::default(), String::new(), 0);
    for (end, last) in cuts
        .into_iter()
        .map(|cut| (cut, false))
        .chain([(text.len(), true)])
    {
        let piece = &text[done..end];
        out.push_str(
            &channel
                .push(vault, piece, last, arguments)
                .unwrap_or_else(|| piece.to_owned()),
        );
        done = end;
    }
    out
}

/// JSON that holds `leaf` in a string, `depth` strings deep, among other members and in any layout.
fn nested(leaf: &str, key: bool, depth: usize, layout: &[u8]) -> String {
    let mut text = leaf.to_owned();
    for level in 0..depth {
        let form = layout.get(level).copied().unwrap_or_default();
        let value = match (form % 4, level == 0 && key) {
            (_, true) => serde_json::json!({ text: 1 }),
            (0, _) => serde_json::json!({ "a": "\"{[", "b": text, "c": null }),
            (1, _) => serde_json::json!([1, "x\\", { "b": [text] }]),
            (2, _) => serde_json::json!({ "n": -1.5e3, "é \"": { "b": text, "z": {} } }),
            _ if level > 0 => serde_json::json!(text),
            _ => serde_json::json!({ "b": text }),
        };
        // The outermost text is no bare string, and a string of a string is as good as any other
        // inside.
        let value = match value.is_string() && level + 1 == depth {
            true => serde_json::json!({ "b": value }),
            false => value,
        };
        text = match form & 4 {
            0 => value.to_string(),
            _ => serde_json::to_string_pretty(&value).unwrap(),
        };
    }
    text
}

/// The string that holds the leaf, parsed out again.
fn leaf(text: &str, depth: usize) -> String {
    fn find(value: &serde_json::Value) -> Option<&str> {
        match value {
            serde_json::Value::Object(map) => match map.get("b") {
                Some(below) if *below != 1 => find(below), // 1 is behind a key that is the leaf
                _ => map.iter().find_map(|(key, value)| {
                    if *value == 1 {
                        Some(key.as_str())
                    } else {
                        find(value)
                    }
                }),
            },
            serde_json::Value::Array(list) => list.iter().rev().find_map(find),
            serde_json::Value::String(text) => Some(text),
            _ => None,
        }
    }
    let mut text = text.to_owned();
    for _ in 0..depth {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        text = find(&value).unwrap().to_owned();
    }
    text
}

/// The forms that JSON's own writing does not undo, by a number.
fn bend(placeholder: &str, form: usize) -> String {
    let tag = placeholder.trim_matches(['[', ']']);
    match form {
        0 => placeholder.to_lowercase(),
        1 => tag.to_owned(),
        2 => tag.replace('_', "-"),
        3 => placeholder.replace('_', "\\_"),
        4 => placeholder.replace('_', "_\n"),
        5 => placeholder.replace('_', "\u{a0}"),
        6 => format!("{{{{\t{tag} }}}}"),
        7 => format!("\\[\\[{tag}\\]\\]"),
        8 => format!("［{tag}］"),
        9 => placeholder.replace('E', "\u{200b}E\u{200b}"),
        10 => format!("[[**{tag}**]]"),
        _ => placeholder.to_owned(),
    }
}

proptest! {
    #[test]
    fn a_text_becomes_the_same_however_it_is_cut(
        parts in proptest::collection::vec((0_usize..26, any::<usize>()), 1..12),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
        arguments in any::<bool>(),
    ) {
        let mut vault = Vault::new(b"key");
        let all = [
            vault.issue("EMAIL", "Ana@x.com", 0),
            vault.issue("EMAIL", "ana@x.com", 0),
            vault.issue("UK_NINO", "a \"b\" & c", 0),
        ];
        let dress = [
            "[", "]", "{{", "}", "<", "(", "\\", "\\\\", "\\n", "_", "-", " ", "\n", "*", "\u{200b}",
            "%5B", "%5", "&#91;", "&#", "\\u005b", "\"", "x", "e", "2", "【", "\u{a0}",
        ];
        let text: String = parts
            .iter()
            .map(|&(part, which)| {
                let placeholder = &all[which % 3];
                match which % 5 {
                    0 => bend(placeholder, part),
                    // Some of its letters.
                    1 => placeholder[part % 8..8 + part % 6].to_owned(),
                    _ => dress[part].to_owned(),
                }
            })
            .collect();
        let whole = streamed(&vault, &text, &[], arguments);
        prop_assert_eq!(&streamed(&vault, &text, &cuts, arguments), &whole, "{}", text);
        let each: Vec<usize> = (0..text.len()).collect();
        prop_assert_eq!(&streamed(&vault, &text, &each, arguments), &whole, "{}", text);
        for cut in each {
            prop_assert_eq!(&streamed(&vault, &text, &[cut], arguments), &whole, "{} at {}", text, cut);
        }
    }

    #[test]
    fn bent_placeholders_in_json_leave_the_very_value(
        value in "[\\PC\"\\\\\n\t{}\\[\\]:,]{1,20}",
        form in 0_usize..11,
        key in any::<bool>(),
        depth in 1_usize..=3,
        layout in proptest::collection::vec(0_u8..8, 4),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let mut vault = Vault::new(b"key");
        let bent = bend(&vault.issue("EMAIL", &value, 0), form);
        for (before, after) in [("to ", ", then"), ("", "")] {
            let text = nested(&format!("{before}{bent}{after}"), key, depth, &layout);
            let restored = streamed(&vault, &text, &cuts, true);
            let got = leaf(&restored, depth);
            prop_assert_eq!(got, format!("{before}{value}{after}"), "{} -> {}", text, restored);
        }
    }

    #[test]
    fn json_stays_json_and_holds_the_very_value_at_any_depth_and_cut(
        value in "[\\PC\"\\\\\n\t\u{1}{}\\[\\]:,]{1,20}",
        before in "[a-z\"\\\\ \n:,.é]{0,8}",
        after in "[a-z\"\\\\ \n:,.}\\]é]{0,8}",
        key in any::<bool>(),
        depth in 1_usize..=4,
        layout in proptest::collection::vec(0_u8..8, 4),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
        arguments in any::<bool>(),
    ) {
        // What begins with a quote is a JSON string of its own; that is another depth.
        let before = before.trim_start_matches(['"', ' ', '\n']);
        let before = match before {
            "" => "x",
            before => before,
        };
        let mut vault = Vault::new(b"key");
        let placeholder = vault.issue("SECRET", &value, 0);
        let text = nested(&format!("{before}{placeholder}{after}"), key, depth, &layout);
        let restored = streamed(&vault, &text, &cuts, arguments);
        prop_assert_eq!(leaf(&restored, depth), format!("{before}{value}{after}"), "{} -> {}", text, restored);
        // And where the value is all of the string.
        let text = nested(&placeholder, key, depth, &layout);
        let restored = streamed(&vault, &text, &cuts, arguments);
        prop_assert_eq!(leaf(&restored, depth), value, "{} -> {}", text, restored);
    }

    #[test]
    fn a_placeholder_in_a_value_s_place_becomes_a_value(
        value in "[\\PC\"\\\\\n]{1,12}|-?[1-9][0-9]{0,12}",
        form in 0_usize..3,
        inner in any::<bool>(),
        cuts in proptest::collection::vec(any::<usize>(), 0..4),
    ) {
        let mut vault = Vault::new(b"key");
        let placeholder = bend(&vault.issue("CPF", &value, 0), form);
        let text = format!(r#"{{"a": [1, {placeholder}], "b":{placeholder}, "c": 1}}"#);
        let text = match inner {
            true => serde_json::json!({ "in": text }).to_string(),
            false => text,
        };
        let restored = streamed(&vault, &text, &cuts, true);
        let mut parsed: serde_json::Value = serde_json::from_str(&restored).unwrap();
        if inner {
            parsed = serde_json::from_str(parsed["in"].as_str().unwrap()).unwrap();
        }
        let expected = match json::is_number(&value) {
            true => serde_json::from_str(&value).unwrap(),
            false => serde_json::json!(value),
        };
        prop_assert_eq!(&parsed["a"][1], &expected);
        prop_assert_eq!(&parsed["b"], &expected);
    }

    #[test]
    fn prose_gets_the_value_as_it_is(value in "[\\PC\"\\\\\n]{1,12}", before in "[a-z\"\\\\ \n:,.é\\]}(]{0,12}", arguments in any::<bool>()) {
        let mut vault = Vault::new(b"key");
        let placeholder = vault.issue("SECRET", &value, 0);
        let restored = streamed(&vault, &format!("{before}{placeholder}\"."), &[], arguments);
        prop_assert_eq!(restored, format!("{before}{value}\"."));
    }
}
