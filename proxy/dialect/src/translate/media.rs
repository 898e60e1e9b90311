//! Media in the three ways in which dialects name them: bytes in base64, `data:` URLs, addresses.

use std::borrow::Cow;

use super::{form::Source, json::Json, text::Text};

impl<'a> Source<'a> {
    /// The source that a URL names: the bytes themselves where it is a `data:` URL in base64.
    pub(crate) fn of_url(url: Text<'a>) -> Self {
        let parts = match &url {
            Text::Literal(literal) if memchr::memchr(b'\\', literal).is_none() => {
                let inside = literal.get(1..literal.len().saturating_sub(1));
                let text = inside.and_then(|inside| str::from_utf8(inside).ok());
                text.and_then(data_url)
                    .map(|(kind, data)| (Cow::Borrowed(kind), Cow::Borrowed(data)))
            }
            Text::Literal(_) | Text::Plain(_) => {
                let text = url.decode();
                data_url(&text)
                    .map(|(kind, data)| (Cow::Owned(kind.to_owned()), Cow::Owned(data.to_owned())))
            }
        };
        match parts {
            Some((media_type, data)) => Self::Base64 { media_type, data },
            None => Self::Url {
                media_type: None,
                url,
            },
        }
    }
}

/// Takes a `data:` URL in base64 apart: media type and bytes.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let rest = url
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("data:"));
    let (head, data) = rest.and_then(|_| url.get(5..)?.split_once(','))?;
    let kind = head.strip_suffix(";base64")?;
    let kind = kind.split(';').next().unwrap_or_default();
    Some((if kind.is_empty() { "text/plain" } else { kind }, data))
}

/// Appends a `data:` URL as a string.
pub(crate) fn write_data_url<'j>(json: &'j mut Json, media_type: &str, data: &str) -> &'j mut Json {
    json.literal(|out| {
        out.extend_from_slice(b"data:");
        Text::plain(media_type).write_inside(out);
        out.extend_from_slice(b";base64,");
        Text::plain(data).write_inside(out);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_url_is_its_bytes_and_every_other_an_address() {
        let read = |url: &str| match Source::of_url(Text::plain(url.to_owned())) {
            Source::Base64 { media_type, data } => format!("{media_type} {data}"),
            Source::Url { url, .. } => url.decode().into_owned(),
            Source::File(_) | Source::Text(_) => String::new(),
        };
        for (url, expected) in [
            ("data:image/png;base64,iVBO/+=", "image/png iVBO/+="),
            ("DATA:image/png;charset=x;base64,AA", "image/png AA"),
            ("data:;base64,AA", "text/plain AA"),
            ("data:text/plain,hello", "data:text/plain,hello"),
            ("https://host/a.png", "https://host/a.png"),
            ("data", "data"),
            ("", ""),
        ] {
            assert_eq!(read(url), expected);
        }
        let literal = Text::Literal(br#""data:image\/png;base64,a\/b""#);
        let Source::Base64 { media_type, data } = Source::of_url(literal) else {
            panic!("no bytes");
        };
        assert_eq!((&*media_type, &*data), ("image/png", "a/b"));
    }
}
