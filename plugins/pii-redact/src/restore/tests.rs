//! Whole texts and streams: bent forms, and what must not be taken for one.

use super::{read::FARTHEST, symbol::LONGEST_PIECE, *};

/// Bytes that a stream may hold back.
const LONGEST_WAIT: usize = FARTHEST + LONGEST_PIECE;

fn vault() -> (Vault, String, String) {
    let mut vault = Vault::new(b"key");
    let (mail, quote) = (
        vault.issue("EMAIL", "Ana@x.com", 0),
        vault.issue("SECRET", "a\"b\nc", 0),
    );
    (vault, mail, quote)
}

fn all_at_once(vault: &Vault, text: &str, source: bool) -> String {
    Channel::default()
        .push(vault, text, true, source)
        .unwrap_or_else(|| text.to_owned())
}

/// The text in pieces, cut at these places.
fn in_pieces(vault: &Vault, text: &str, cuts: &[usize], arguments: bool) -> String {
    let mut channel = Channel::default();
    let (mut got, mut done) = (String::new(), 0);
    for (i, &cut) in cuts.iter().chain([&text.len()]).enumerate() {
        let (part, last) = (&text[done..cut], i == cuts.len());
        let out = channel.push(vault, part, last, arguments);
        got.push_str(&out.unwrap_or_else(|| part.to_owned()));
        assert!(channel.pending.len() <= LONGEST_WAIT, "{}", channel.pending);
        done = cut;
    }
    got
}

/// The ways a model may write a placeholder, and what is left around the value.
fn bent(placeholder: &str) -> Vec<(String, &'static str)> {
    let tag = placeholder.trim_matches(['[', ']']);
    let (label, characters) = tag.rsplit_once('_').unwrap();
    let (front, back) = characters.split_at(characters.len() / 2);
    let with = |separator: &str| format!("{label}{separator}{characters}");
    let between = |dress: &str| {
        let letters: Vec<String> = placeholder.chars().map(String::from).collect();
        letters.join(dress)
    };
    let wide = |c: char| char::from_u32(u32::from(c) - 0x21 + 0xff01).unwrap();
    let bold = |c: char| {
        let bold = match c {
            'A'..='Z' => u32::from(c) - 0x41 + 0x1d400,
            'a'..='z' => u32::from(c) - 0x61 + 0x1d41a,
            '0'..='9' => u32::from(c) - 0x30 + 0x1d7ce,
            c => u32::from(c),
        };
        char::from_u32(bold).unwrap()
    };
    let encoded = |form: &dyn Fn(char) -> String, which: &str| -> String {
        let chars = placeholder.chars();
        chars
            .map(|c| match which.contains(c) {
                true => form(c),
                false => c.to_string(),
            })
            .collect()
    };
    let percent = |c: char| format!("%{:02X}", u32::from(c));
    let twice = |c: char| format!("%25{:02x}", u32::from(c));
    let unicode = |c: char| format!("\\u{:04x}", u32::from(c));
    let deeper = |c: char| format!("\\\\u{:04X}", u32::from(c));
    let hex = |c: char| format!("\\x{:02x}", u32::from(c));
    let braced = |c: char| format!("\\u{{{:x}}}", u32::from(c));
    let number = |c: char| format!("&#{};", u32::from(c));
    let hexadecimal = |c: char| format!("&#x{:X};", u32::from(c));
    let ampersand = |c: char| format!("&amp;#{};", u32::from(c));
    let plain = vec![
        placeholder.to_owned(),
        placeholder.to_lowercase(),
        placeholder.to_uppercase(),
        placeholder.replace('_', "\\_"),
        placeholder.replace('_', "\\\\_"),
        // Without brackets, and with fewer.
        tag.to_owned(),
        tag.to_lowercase(),
        tag.to_uppercase(),
        format!("[{tag}]"),
        format!("[ {tag} ]"),
        format!("[[{tag}]"),
        format!("[ [{tag}] ]"),
        format!("[[ {tag} ]]"),
        format!("[[  {tag}\t]]"),
        format!("[[\n  {tag}\n]]"),
        format!("[[\u{a0}{tag}\u{a0}]]"),
        format!("\\[\\[{}\\]\\]", tag.replace('_', "\\_")),
        format!("\\[{tag}\\]"),
        // Other brackets.
        format!("{{{{{tag}}}}}"),
        format!("{{{{ {tag} }}}}"),
        format!("{{{tag}}}"),
        format!("(({tag}))"),
        format!("<<{tag}>>"),
        format!("［［{tag}］］"),
        format!("［{tag}］"),
        format!("【{tag}】"),
        format!("〔{tag}〕"),
        format!("⟦{tag}⟧"),
        format!("⟨⟨{tag}⟩⟩"),
        format!("〈〈{tag}〉〉"),
        // Another separator, or none.
        format!("[[{}]]", with("-")),
        format!("[[{}]]", with("\u{2011}")),
        format!("[[{}]]", with("–")),
        format!("[[{}]]", with(" ")),
        format!("[[{}]]", with(": ")),
        format!("[[{}]]", with("+")),
        format!("[[{}]]", with("__")),
        format!("[[{}]]", with("")),
        format!("[[{}]]", with("_\n")),
        format!("[[{}]]", with("_\\n")),
        format!("[[{}]]", with(" _ ")),
        with("-"),
        with(" "),
        with("\\_"),
        // Inside of the characters.
        format!("[[{label}_{front} {back}]]"),
        format!("[[{label}_{front}\n{back}]]"),
        between("\u{200b}"),
        between("\u{ad}"),
        between("\\u200b"),
        between("\u{2060}"),
        format!("[[{}]]", between(" ").trim_matches(['[', ' ', ']'])),
        // Marks inside of the brackets.
        format!("[[**{tag}**]]"),
        format!("[[`{tag}`]]"),
        format!("[[_{tag}_]]"),
        format!("[[*{label}*_{characters}]]"),
        // Encoded.
        encoded(&percent, "[]"),
        encoded(&percent, "[_]").to_lowercase(),
        encoded(&twice, "[]"),
        encoded(&unicode, "[]"),
        encoded(&unicode, "[_]"),
        encoded(&deeper, "[]"),
        encoded(&hex, "[]"),
        encoded(&braced, "[]"),
        encoded(&number, "[]"),
        encoded(&number, "[_]"),
        encoded(&hexadecimal, "[]"),
        encoded(&ampersand, "[]"),
        format!("&lsqb;&lsqb;{tag}&rsqb;&rsqb;"),
        format!("&lbrack;&lbrack;{}&rbrack;&rbrack;", with("&lowbar;")),
        format!("%EF%BC%BB{tag}%EF%BC%BD"),
        placeholder.chars().map(wide).collect(),
        placeholder.chars().map(bold).collect(),
    ];
    let mut all: Vec<(String, &str)> = plain.into_iter().map(|form| (form, "$")).collect();
    all.extend([
        (format!("**{placeholder}**"), "**$**"),
        (format!("**{tag}**"), "**$**"),
        (format!("_{tag}_"), "_$_"),
        (format!("__{tag}__"), "__$__"),
        (format!("`{tag}`"), "`$`"),
        (format!("`{placeholder}`"), "`$`"),
        (format!("~~{tag}~~"), "~~$~~"),
        (format!("\"{tag}\""), "\"$\""),
        (format!("({tag})"), "($)"),
        (format!("<{tag}>"), "<$>"),
        (format!("&lt;{tag}&gt;"), "&lt;$&gt;"),
        (format!("（{tag}）"), "（$）"),
        (format!("「{tag}」"), "「$」"),
        (format!("\\url{{{tag}}}"), "\\url{$}"),
        (format!("[{placeholder}]"), "[$]"),
        (format!("{{{{{placeholder}}}}}"), "{{$}}"),
        (format!("[[{tag}, and"), "[[$, and"),
        (format!("[{tag}](mailto:{tag})"), "[$](mailto:$)"),
        (format!("[\"{tag}\"]"), "[\"$\"]"),
        (format!("/u/{tag}?a=%20{tag}&b={tag}"), "/u/$?a=%20$&b=$"),
        (format!("\\n{tag}\\n"), "\\n$\\n"),
        (format!("日本語{tag}です"), "日本語$です"),
        (format!("{tag}-Adresse"), "$-Adresse"),
        (format!("{tag}."), "$."),
    ]);
    all
}

#[test]
fn bent_placeholders_are_put_back_however_the_text_is_cut() {
    let (vault, mail, _) = vault();
    let mut plain = Vault::new(b"key");
    let short = plain.issue("EMAIL", "ana@x.com", 0);
    assert_eq!((mail.len(), short.len()), (18, 16));
    let table = [(&vault, mail, "Ana@x.com"), (&plain, short, "ana@x.com")];
    for (vault, placeholder, value) in table {
        for (form, around) in bent(&placeholder) {
            let text = format!("to {form}, now {form}");
            let around = around.replace('$', value);
            let expected = format!("to {around}, now {around}");
            assert_eq!(all_at_once(vault, &text, false), expected, "{form}");
            let cuts: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
            assert_eq!(in_pieces(vault, &text, &cuts, false), expected, "{form}");
            for (i, &a) in cuts.iter().enumerate() {
                assert_eq!(
                    in_pieces(vault, &text, &[a], false),
                    expected,
                    "{form}: {a}"
                );
                for &b in cuts.iter().skip(i).step_by(5) {
                    let got = in_pieces(vault, &text, &[a, b], false);
                    assert_eq!(got, expected, "{form}: {a}, {b}");
                }
            }
        }
    }
}

#[test]
fn placeholders_that_were_never_given_out_pass() {
    let (vault, mail, _) = vault();
    let tag = &mail[2..mail.len() - 2];
    let characters = &tag[6..];
    let foreign = Vault::new(b"other").issue("EMAIL", "Ana@x.com", 0);
    let mut forms: Vec<String> = bent(&foreign).into_iter().map(|(form, _)| form).collect();
    for wrong in [
        format!("EMAIL_{}", &characters[..6]),
        format!("EMAIL_{}", &characters[..7]),
        format!("EMAIL_{}zz", &characters[..6]),
        format!("PHONE_{characters}"),
        format!("SECRET_{characters}"),
        format!("_{characters}"),
        "EMAIL_1".to_owned(),
        "EMAIL_99".to_owned(),
        "CARD_7f3a2c".to_owned(),
    ] {
        forms.extend(
            bent(&format!("[[{wrong}]]"))
                .into_iter()
                .map(|(form, _)| form),
        );
    }
    // A name of something else, which has one of ours in it.
    for name in [
        format!("{tag}z"),
        format!("{tag}2"),
        format!("x{tag}"),
        format!("{tag}_2"),
        format!("{tag}_old"),
        format!("{tag}\\_2"),
        format!("{tag}-2"),
        format!("{tag}\u{200b}7"),
        format!("WORK_{tag}"),
        format!("work\\_{tag}"),
        format!("my__{tag}"),
        format!("EMAIL_{} {}", &characters[..7], &characters[7..]),
        format!("EMAIL_{}, {}", &characters[..7], &characters[7..]),
    ] {
        forms.extend([format!("[[{name}"), format!(" {name} ")]);
    }
    for form in forms {
        let text = format!("to {form}, now");
        assert_eq!(all_at_once(&vault, &text, false), text);
        assert_eq!(all_at_once(&vault, &form, true), form);
        let cuts: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        assert_eq!(in_pieces(&vault, &text, &cuts, false), text);
    }
    let text =
        "[EMAIL_99] [[EMAIL_aaaaaa]] [[CARD_7f3a2c]] [[ [] [EMAIL % & &#9 %5 email e [[EMAIL_ \\[";
    assert_eq!(all_at_once(&vault, text, false), text);
}

#[test]
fn every_cut_gives_the_same_text() {
    let (vault, mail, quote) = vault();
    let text = format!(
        "é [x] {mail}{quote} \\[ [[{mail} ** [ [{} ] [[EMAIL_zz]] {mail}",
        &mail[2..]
    );
    let whole = all_at_once(&vault, &text, false);
    assert_eq!(whole.matches("Ana@x.com").count(), 4);
    let cuts: Vec<usize> = text
        .char_indices()
        .map(|(i, _)| i)
        .chain([text.len()])
        .collect();
    for &a in &cuts {
        for &b in cuts.iter().filter(|&&b| b >= a) {
            let mut channel = Channel::default();
            let mut got = String::new();
            for (part, last) in [
                (&text[..a], false),
                (&text[a..b], false),
                (&text[b..], true),
            ] {
                got.push_str(
                    &channel
                        .push(&vault, part, last, false)
                        .unwrap_or_else(|| part.to_owned()),
                );
            }
            assert_eq!(got, whole, "cut at {a} and {b}");
        }
    }
}

#[test]
fn no_more_waits_than_a_bent_placeholder_is_long() {
    let (vault, mail, _) = vault();
    let tag = &mail[2..mail.len() - 2];
    let slow: String = tag
        .chars()
        .map(|c| format!("{c}&#8203; \u{200b} "))
        .collect();
    let text = format!(
        "[[[[[[ a[ [ [{mail} [ \\\\\\\\\\ [[EMAIL_ text {slow}{} {tag}{} [[        [",
        "\u{200b}".repeat(200),
        "_".repeat(300),
    );
    let mut channel = Channel::default();
    for c in text.chars() {
        channel.push(&vault, &c.to_string(), false, false);
        assert!(channel.pending.len() <= LONGEST_WAIT);
    }
    channel.push(&vault, " text", false, false);
    assert_eq!(channel.pending.len(), 0);
}

#[test]
fn what_can_be_no_placeholder_of_this_exchange_does_not_wait() {
    let (vault, ..) = vault();
    for text in [
        "[1",
        "[[CARD",
        "[[EMAIL_ 0",
        "a [x",
        "[x](h",
        "- [ ] t",
        "then",
        "every",
        "Emil",
        "R&D ",
        "100% ",
        "at 50%, ",
        "C:\\d",
        "\\q",
        "“E” ",
        "xe",
        "e_x",
        "日本語、",
    ] {
        let mut channel = Channel::default();
        channel.push(&vault, text, false, false);
        assert_eq!(channel.pending.len(), 0, "{text}");
    }
}

#[test]
fn values_in_arguments_are_escaped_to_the_depth_of_the_string_around_them() {
    let (vault, mail, quote) = vault();
    let source = format!(
        r#"{{"to":"{mail}","key":"{quote}","body":"{{\"key\":\"{quote}\",\"n\":\"x\"}} {quote}"}}"#
    );
    let restored = all_at_once(&vault, &source, true);
    let value: serde_json::Value = serde_json::from_str(&restored).unwrap();
    assert_eq!(
        (value["to"].as_str(), value["key"].as_str()),
        (Some("Ana@x.com"), Some("a\"b\nc"))
    );
    let body = value["body"].as_str().unwrap();
    let inner: serde_json::Value =
        serde_json::from_str(body.trim_end_matches("a\"b\nc").trim_end()).unwrap();
    assert_eq!(inner["key"].as_str(), Some("a\"b\nc"));
    for cut in source.char_indices().map(|(i, _)| i) {
        let mut channel = Channel::default();
        let mut got = channel
            .push(&vault, &source[..cut], false, true)
            .unwrap_or_else(|| source[..cut].to_owned());
        got.push_str(
            &channel
                .push(&vault, &source[cut..], true, true)
                .unwrap_or_else(|| source[cut..].to_owned()),
        );
        assert_eq!(got, restored);
    }
}

#[test]
fn a_value_is_encoded_as_its_placeholder_was() {
    let mut vault = Vault::new(b"key");
    let placeholder = vault.issue("SECRET", "é \"<a&b>\"", 0);
    let tag = placeholder.trim_matches(['[', ']']);
    let mail = vault.issue("EMAIL", "ana@x.com", 0);
    let mail = mail.trim_matches(['[', ']']);
    for (text, expected) in [
        (
            format!("https://x.com/?q=%5B%5B{tag}%5D%5D&r=1"),
            "https://x.com/?q=%C3%A9%20%22%3Ca%26b%3E%22&r=1",
        ),
        (
            format!("https://x.com/?q=%5B%5B{mail}%5D%5D"),
            "https://x.com/?q=ana@x.com",
        ),
        (
            format!("<td>&#91;&#91;{tag}&#93;&#93;</td>"),
            "<td>é \"&lt;a&amp;b&gt;\"</td>",
        ),
        (
            format!(r#"{{"a":"&lsqb;{tag}&rsqb;"}}"#),
            r#"{"a":"é \"&lt;a&amp;b&gt;\""}"#,
        ),
        (
            format!(r#"{{"a":"%5B{tag}%5D"}}"#),
            r#"{"a":"%C3%A9%20%22%3Ca%26b%3E%22"}"#,
        ),
        (
            format!(r#"{{"a":"\u005b\u005b{tag}\u005d\u005d"}}"#),
            r#"{"a":"é \"<a&b>\""}"#,
        ),
        (
            format!(r#"{{"a":"{{\"b\":\"\\u005b{tag}\\u005d\"}}"}}"#),
            r#"{"a":"{\"b\":\"é \\\"<a&b>\\\"\"}"}"#,
        ),
        (format!(r#"{{"a":%5B{tag}%5D}}"#), r#"{"a":"é \"<a&b>\""}"#),
    ] {
        assert_eq!(all_at_once(&vault, &text, true), expected);
    }
}

#[test]
fn backslashes_before_a_placeholder_stay_unless_the_model_bent_all_of_it() {
    let (vault, mail, _) = vault();
    let text = serde_json::json!({ "path": format!("C:\\{mail}\\x") }).to_string();
    let restored = all_at_once(&vault, &text, true);
    let value: serde_json::Value = serde_json::from_str(&restored).unwrap();
    assert_eq!(value["path"], "C:\\Ana@x.com\\x");
}
