//! Puts values back into a reply, wherever the stream is cut.
//!
//! A model may bend a placeholder: other case, Markdown's backslashes, spaces inside the brackets,
//! single brackets. All of these are read. Only the end of the text waits that may still become a
//! placeholder *of this exchange*: `[E` waits where an `EMAIL` was hidden, and goes on where only a
//! card was. Placeholders that were never given out pass as they are.

use crate::{
    json,
    placeholder::{Entry, Vault},
};

/// Backslashes before a bracket or an underscore, and spaces between brackets, that are put up
/// with.
const BACKSLASHES: usize = 3;
const SPACES: usize = 2;

/// One channel of a reply: the text in hand, and how deep its JSON is quoted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Channel {
    pending: String,
    depth: json::Depth,
}

/// The reading of a place of the text.
#[derive(Debug, PartialEq)]
enum Reading<'v> {
    /// A placeholder of so many bytes, and what it stands for.
    Whole(usize, &'v Entry),
    /// The text ends before it is decided.
    Open,
    /// Something else.
    Other,
}

impl Channel {
    /// Takes what arrived and returns what may go; on `last`, all of it. `None` where `text` may go
    /// as it came.
    ///
    /// In JSON, values are escaped to the depth of the strings around them, and get quotes outside
    /// of any. `arguments` says that it is JSON if it looks so.
    pub(crate) fn push(
        &mut self,
        vault: &Vault,
        text: &str,
        last: bool,
        arguments: bool,
    ) -> Option<String> {
        if self.pending.is_empty() && begin(text.as_bytes(), 0).is_none() {
            self.depth.read(text);
            return None;
        }
        let pending = std::mem::take(&mut self.pending);
        let changed = !pending.is_empty();
        let all = if changed {
            pending + text
        } else {
            text.to_owned()
        };
        let mut out = String::with_capacity(all.len() + 64);
        let (mut done, mut at) = (0, 0);
        let mut replaced = false;
        let bytes = all.as_bytes();
        let mut open = None;
        while let Some(next) = begin(bytes, at) {
            at = next;
            match read(vault, bytes, at) {
                Reading::Whole(length, value) => {
                    self.release(&all[done..at], &mut out);
                    self.value(value, arguments, &mut out);
                    replaced = true;
                    at += length;
                    done = at;
                }
                Reading::Open if !last => {
                    open = Some(at);
                    break;
                }
                Reading::Open | Reading::Other => at += 1,
            }
        }
        let end = open.unwrap_or(all.len());
        self.release(&all[done..end], &mut out);
        all[end..].clone_into(&mut self.pending);
        (changed || replaced || open.is_some()).then_some(out)
    }

    fn release(&mut self, text: &str, out: &mut String) {
        self.depth.read(text);
        out.push_str(text);
    }

    fn value(&mut self, value: &Entry, arguments: bool, out: &mut String) {
        let open = self.depth.open();
        if self.depth.is_bare(arguments) {
            let text = json::unescape(&value.text, value.depth);
            match json::is_number(&text) {
                true => out.push_str(&text),
                false => out.push_str(&json::escape(&json::quote(&text), open)),
            }
        } else {
            out.push_str(&json::fit(&value.text, value.depth, open));
        }
        self.depth.skip_value();
    }
}

/// The first byte from `at` on with which a placeholder may begin.
fn begin(bytes: &[u8], at: usize) -> Option<usize> {
    Some(at + memchr::memchr2(b'[', b'\\', bytes.get(at..)?)?)
}

/// One past backslashes at `at`, where `wanted` follows them. `None`: something else follows;
/// `Some(None)`: the text ends.
fn skip_backslashes(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while end - at < BACKSLASHES && bytes.get(end) == Some(&b'\\') {
        end += 1;
    }
    end
}

fn skip_spaces(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while end - at < SPACES && bytes.get(end) == Some(&b' ') {
        end += 1;
    }
    end
}

/// Reads what begins at `at` with a bracket or a backslash before one.
fn read<'v>(vault: &'v Vault, bytes: &[u8], at: usize) -> Reading<'v> {
    // One or two brackets.
    let mut i = skip_backslashes(bytes, at);
    let escaped = i > at;
    match bytes.get(i) {
        None => return Reading::Open,
        Some(b'[') => i += 1,
        Some(_) => return Reading::Other,
    }
    i = skip_spaces(bytes, i);
    let inner = skip_backslashes(bytes, i);
    let double = match bytes.get(inner) {
        None => return Reading::Open,
        Some(b'[') => true,
        Some(_) => false,
    };
    if double {
        i = skip_spaces(bytes, inner + 1);
    }
    // The tag, as long as one of ours begins so.
    let mut tag = String::with_capacity(24);
    let end = loop {
        let next = skip_backslashes(bytes, i);
        let Some(&b) = bytes.get(next) else {
            return if vault.has_beginning(&tag) {
                Reading::Open
            } else {
                Reading::Other
            };
        };
        let belongs = b == b'_' || next == i && b.is_ascii_alphanumeric();
        if !belongs {
            break i;
        }
        tag.push(char::from(b.to_ascii_lowercase()));
        if !vault.has_beginning(&tag) {
            return Reading::Other;
        }
        i = next + 1;
    };
    let Some(value) = vault.entry(&tag) else {
        return Reading::Other;
    };
    // As many brackets as were opened; one will do.
    let Some(first) = close(bytes, end) else {
        return Reading::Open;
    };
    if first == 0 {
        return Reading::Other;
    }
    // Backslashes before the first bracket are the model's only if it bent the last ones, too: else
    // the text before ends with them.
    if escaped && bytes.get(skip_spaces(bytes, end)) != Some(&b'\\') {
        return Reading::Other;
    }
    let first = end + first;
    if !double {
        return Reading::Whole(first - at, value);
    }
    match close(bytes, first) {
        None => Reading::Open,
        Some(second) => Reading::Whole(first + second - at, value),
    }
}

/// Bytes of a closing bracket with what may stand before it, 0 where there is none; `None` where
/// the text ends first.
fn close(bytes: &[u8], at: usize) -> Option<usize> {
    let i = skip_backslashes(bytes, skip_spaces(bytes, at));
    match bytes.get(i) {
        None => None,
        Some(b']') => Some(i + 1 - at),
        Some(_) => Some(0),
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

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

    #[test]
    fn bent_placeholders_are_put_back_too() {
        let (vault, mail, _) = vault();
        let tag = mail.trim_matches(['[', ']']).to_owned();
        for bent in [
            mail.clone(),
            mail.to_lowercase(),
            mail.to_uppercase(),
            mail.replace('_', "\\_"),
            format!("[ [{tag}] ]"),
            format!("[[ {tag} ]]"),
            format!("\\[\\[{}\\]\\]", tag.replace('_', "\\_")),
            format!("[{tag}]"),
            format!("[ {tag} ]"),
        ] {
            assert_eq!(
                all_at_once(&vault, &format!("to {bent}, now"), false),
                "to Ana@x.com, now",
                "{bent}"
            );
        }
        assert_eq!(
            all_at_once(&vault, &format!("**{mail}**"), false),
            "**Ana@x.com**"
        );
        assert_eq!(
            all_at_once(&vault, &format!("[{mail}] [ {mail} ] [[{mail}]]"), false),
            "[Ana@x.com] [ Ana@x.com ] [[Ana@x.com]]"
        );
    }

    #[test]
    fn placeholders_that_were_never_given_out_pass() {
        let (vault, mail, _) = vault();
        let forged = format!("{}zz]]", &mail[..mail.len() - 4]);
        let text = format!(
            "[EMAIL_99] [[EMAIL_aaaaaa]] {forged} [[CARD_7f3a2c]] [[ [] [EMAIL [[EMAIL_ \\["
        );
        assert_eq!(all_at_once(&vault, &text, false), text);
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
        let mut channel = Channel::default();
        for c in format!("[[[[[[ a[ [ [{mail} [ \\\\\\\\\\ [[EMAIL_ text").chars() {
            channel.push(&vault, &c.to_string(), false, false);
            assert!(channel.pending.len() <= mail.len() + 2 * SPACES + 5 * BACKSLASHES);
        }
        assert_eq!(channel.pending.len(), 0);
    }

    #[test]
    fn what_can_be_no_placeholder_of_this_exchange_does_not_wait() {
        let (vault, ..) = vault();
        for text in ["[1", "[[CARD", "[[EMAIL_ ", "a [x", "[link](", "- [ ] t"] {
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
    fn backslashes_before_a_placeholder_stay_unless_the_model_bent_all_of_it() {
        let (vault, mail, _) = vault();
        let text = serde_json::json!({ "path": format!("C:\\{mail}\\x") }).to_string();
        let restored = all_at_once(&vault, &text, true);
        let value: serde_json::Value = serde_json::from_str(&restored).unwrap();
        assert_eq!(value["path"], "C:\\Ana@x.com\\x");
    }
}
