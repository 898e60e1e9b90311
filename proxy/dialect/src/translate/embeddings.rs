//! Embeddings: a request of `openai.embeddings` served by Gemini's `:embedContent`, or for several
//! texts `:batchEmbedContents` (<https://ai.google.dev/api/embeddings>), and its reply back.
//!
//! Gemini's vectors of fewer dimensions than its own are not of length 1, as OpenAI's are; they
//! are handed on as they come.

use super::{
    Dropped, Refused, Target, Written, base64, gemini::model_path, json::Json, text::Text,
};
use crate::{
    Dialect, Malformed, Usage,
    json::{Kind, outlined::Cursor},
    usage,
};

/// The most texts of one request: <https://ai.google.dev/gemini-api/docs/embeddings>.
const MOST: usize = 100;

/// The parts of a request that its reply depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The model, as the caller named it.
    pub model: String,
    /// Vectors as their bytes in base64: 32-bit floats, the lowest byte first.
    pub base64: bool,
    /// Tokens of the texts, by estimate, for replies that tell none.
    pub tokens: u64,
}

/// The members of a request.
#[derive(Default)]
struct Members<'a> {
    model: Option<Text<'a>>,
    texts: Option<Vec<Text<'a>>>,
    is_list: bool,
    dimensions: Option<u64>,
    base64: bool,
}

/// Translates a request. `tokens` is an estimate of its texts.
///
/// # Errors
/// The body would be refused by its own dialect, or holds token ids, which mean nothing to another
/// model; or the target is Vertex AI, which embeds by other means.
pub fn request(
    body: &[u8],
    tokens: u64,
    target: &Target<'_>,
) -> Result<(Written, Dropped, Wanted), Refused> {
    if target.quirks.vertex {
        return Err(Refused::new("input", "is not translated for Vertex AI"));
    }
    let mut dropped = Dropped::default();
    let members = read(body, &mut dropped)?;
    let wanted = Wanted {
        model: members.model.as_ref().map_or_else(
            || target.model.to_owned(),
            |name| name.decode().into_owned(),
        ),
        base64: members.base64,
        tokens,
    };
    let Some(texts) = members.texts else {
        return Err(Refused::malformed("input", "is missing"));
    };
    if texts.is_empty() || texts.iter().any(Text::is_empty) {
        return Err(Refused::malformed("input", "must not be empty"));
    }
    if texts.len() > MOST {
        return Err(Refused::new(
            "input",
            "has more texts than the target takes",
        ));
    }
    if let Some(field) = dropped.fields().first().filter(|_| target.strict) {
        return Err(Refused::new(
            *field,
            "can't be carried to this target, and `strict` refuses what would be dropped",
        ));
    }
    let path = model_path(target.model);
    let name = path.strip_prefix("/v1beta/").unwrap_or(&path);
    let mut out = Json::with_capacity(body.len() + 64);
    let one = |text: &Text<'_>, out: &mut Json| {
        out.object(|out| {
            out.key("model").str(name);
            out.key("content").object(|out| {
                out.key("parts").array(|out| {
                    out.object(|out| {
                        out.key("text").text(text);
                    });
                });
            });
            if let Some(dimensions) = members.dimensions {
                out.key("outputDimensionality").number(dimensions);
            }
        });
    };
    let method = match (members.is_list, texts.first()) {
        (false, Some(text)) => {
            one(text, &mut out);
            "embedContent"
        }
        _ => {
            out.object(|out| {
                out.key("requests").array(|out| {
                    for text in &texts {
                        one(text, out);
                    }
                });
            });
            "batchEmbedContents"
        }
    };
    let written = Written {
        path: format!("{path}:{method}"),
        body: out.0,
    };
    Ok((written, dropped, wanted))
}

fn read<'a>(body: &'a [u8], dropped: &mut Dropped) -> Result<Members<'a>, Refused> {
    let mut members = Members::default();
    let mut fault = None;
    let mut cursor = Cursor::new(body);
    let read = cursor.object(|key, cursor| {
        let kind = cursor.kind()?;
        if kind == Kind::Null {
            return Ok(());
        }
        let name = key.decode();
        let refused = match (&*name, kind) {
            ("model", Kind::String) => {
                members.model = Some(Text::read(cursor, body)?);
                None
            }
            ("input", Kind::String) => {
                members.is_list = false;
                members.texts = Some(vec![Text::read(cursor, body)?]);
                None
            }
            ("input", Kind::Array) => {
                members.is_list = true;
                let (mut texts, mut ids) = (Vec::new(), false);
                cursor.array(|_, cursor| {
                    match Text::read_or_skip(cursor, body)? {
                        Some(text) => texts.push(text),
                        None => ids = true,
                    }
                    Ok(())
                })?;
                members.texts = Some(texts);
                ids.then(|| {
                    Refused::new(
                        "input",
                        "holds token ids, which mean nothing to another model",
                    )
                })
            }
            ("dimensions", Kind::Number) => {
                members.dimensions = cursor.count()?;
                None
            }
            ("encoding_format", Kind::String) => {
                let format = Text::read(cursor, body)?;
                members.base64 = format.is("base64");
                let known = members.base64 || format.is("float");
                (!known).then(|| Refused::malformed("encoding_format", "is not known"))
            }
            ("user", Kind::String) => {
                dropped.add("user");
                None
            }
            ("model" | "input" | "dimensions" | "encoding_format" | "user", _) => {
                Some(Refused::malformed(&*name, "has the wrong type"))
            }
            _ => Some(Refused::new(
                &*name,
                "is not known, so its meaning can't be carried",
            )),
        };
        fault = fault.take().or(refused);
        Ok(())
    });
    read.and_then(|()| cursor.end())
        .map_err(|_| Refused::malformed("body", "is no JSON object"))?;
    fault.map_or(Ok(members), Err)
}

/// Translates a reply.
///
/// # Errors
/// It is malformed, or has no vectors.
pub fn reply(doc: &[u8], wanted: &Wanted) -> Result<Vec<u8>, Malformed> {
    let mut out = Json::with_capacity(doc.len() + 256);
    let (mut usage, mut count, mut read) = (Usage::default(), 0_u64, Ok(()));
    out.object(|out| {
        out.key("object").str("list");
        out.key("data").array(|out| {
            let mut cursor = Cursor::new(doc);
            read = cursor.object(|key, cursor| match &*key.bytes() {
                b"embedding" => vector(doc, cursor, wanted.base64, &mut count, out),
                b"embeddings" => cursor
                    .array_or_skip(|_, cursor| vector(doc, cursor, wanted.base64, &mut count, out)),
                b"usageMetadata" => {
                    usage::read(cursor.inlined(), Dialect::GeminiGenerate, &mut usage).map(drop)
                }
                _ => Ok(()),
            });
            read = std::mem::replace(&mut read, Ok(())).and_then(|()| cursor.end());
        });
        out.key("model").str(&wanted.model);
        let tokens = match usage.input {
            0 => wanted.tokens,
            tokens => tokens,
        };
        out.key("usage").object(|out| {
            out.key("prompt_tokens").number(tokens);
            out.key("total_tokens").number(tokens);
        });
    });
    read?;
    match count {
        0 => Err(Malformed::new("a reply has no vectors", 0)),
        _ => Ok(out.0),
    }
}

/// Writes one vector.
fn vector(
    doc: &[u8],
    cursor: &mut Cursor<'_>,
    in_base64: bool,
    index: &mut u64,
    out: &mut Json,
) -> Result<(), Malformed> {
    let mut values = None;
    cursor.object(|key, cursor| {
        if key.is("values") {
            let place = *cursor;
            values = Some((place, cursor.skip()?));
        }
        Ok(())
    })?;
    let Some((mut place, source)) = values else {
        return Err(Malformed::new("a vector has no values", cursor.at()));
    };
    let mut bytes = Vec::new();
    place.array(|_, cursor| {
        let number = doc
            .get(cursor.skip()?)
            .and_then(|number| str::from_utf8(number).ok());
        let number = number.and_then(|number| number.parse::<f32>().ok());
        let Some(number) = number else {
            return Err(Malformed::new("a number is expected", cursor.at()));
        };
        if in_base64 {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Ok(())
    })?;
    out.object(|out| {
        out.key("object").str("embedding");
        out.key("index").number(*index);
        out.key("embedding");
        match in_base64 {
            true => out.str(&base64::encode(&bytes)),
            false => out.source(doc.get(source).unwrap_or_default()),
        };
    });
    *index += 1;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::translate::{Quirks, Wire, opaque::Origin, takes::ModelTakes};

    fn translated(body: &str, strict: bool) -> Result<(String, String, Wanted), Refused> {
        let takes = ModelTakes::default();
        let target = Target {
            wire: Wire::Gemini,
            model: "gemini-embedding-001",
            origin: Origin(1),
            strict,
            takes: &takes,
            quirks: &Quirks::NONE,
        };
        let (written, _, wanted) = request(body.as_bytes(), 9, &target)?;
        let body = String::from_utf8(written.body).unwrap();
        Ok((written.path, body, wanted))
    }

    #[test]
    fn one_text_is_one_request_and_a_list_is_a_batch() {
        let (path, body, wanted) = translated(
            r#"{"model":"e","input":"a\u0041","dimensions":256,"encoding_format":"base64"}"#,
            false,
        )
        .unwrap();
        assert_eq!(path, "/v1beta/models/gemini-embedding-001:embedContent");
        assert_eq!(
            body,
            r#"{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a\u0041"}]},"outputDimensionality":256}"#
        );
        assert_eq!(
            (&*wanted.model, wanted.base64, wanted.tokens),
            ("e", true, 9)
        );

        let (path, body, wanted) = translated(r#"{"input":["a"],"model":"e"}"#, true).unwrap();
        assert_eq!(
            path,
            "/v1beta/models/gemini-embedding-001:batchEmbedContents"
        );
        assert_eq!(
            body,
            r#"{"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]}}]}"#
        );
        assert!(!wanted.base64);
    }

    #[test]
    fn what_can_not_be_embedded_is_refused_by_its_name() {
        for (body, field, malformed) in [
            (r#"{"model":"e"}"#, "input", true),
            (r#"{"model":"e","input":[]}"#, "input", true),
            (r#"{"model":"e","input":["a",""]}"#, "input", true),
            (r#"{"model":"e","input":[[1,2]]}"#, "input", false),
            (r#"{"model":"e","input":[1,2]}"#, "input", false),
            (r#"{"model":"e","input":7}"#, "input", true),
            (
                r#"{"model":"e","input":"a","encoding_format":"hex"}"#,
                "encoding_format",
                true,
            ),
            (r#"{"model":"e","input":"a","novel":1}"#, "novel", false),
            (r#"{"model":"e","input":"a""#, "body", true),
            (r#"{"model":"e","input":"a","user":"u"}"#, "user", false),
        ] {
            let refused = translated(body, true).unwrap_err();
            assert_eq!(
                (&*refused.field, refused.is_malformed),
                (field, malformed),
                "{body}"
            );
        }
        assert!(translated(r#"{"model":"e","input":"a","user":"u"}"#, false).is_ok());
    }

    #[test]
    fn vectors_come_back_as_numbers_or_as_their_bytes() {
        let wanted = |base64| Wanted {
            model: "e".to_owned(),
            base64,
            tokens: 9,
        };
        let batch = br#"{"embeddings":[{"values":[0.50, -1]},{"values":[1e-3]}]}"#;
        let numbers = reply(batch, &wanted(false)).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&numbers),
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.50, -1]},{"object":"embedding","index":1,"embedding":[1e-3]}],"model":"e","usage":{"prompt_tokens":9,"total_tokens":9}}"#
        );
        let one = br#"{"usageMetadata":{"promptTokenCount":4},"embedding":{"values":[0.5,-1]}}"#;
        let bytes = reply(one, &wanted(true)).unwrap();
        // 0x3f000000 and 0xbf800000, the lowest byte first
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAPwAAgL8="}],"model":"e","usage":{"prompt_tokens":4,"total_tokens":4}}"#
        );
    }

    #[test]
    fn a_reply_without_vectors_is_malformed() {
        let wanted = Wanted {
            model: String::new(),
            base64: false,
            tokens: 0,
        };
        for doc in [
            "",
            "{}",
            r#"{"embeddings":[]}"#,
            r#"{"embeddings":[{}]}"#,
            r#"{"embedding":{"values":["a"]}}"#,
            r#"{"embedding":{"values":[1]}} x"#,
        ] {
            assert!(reply(doc.as_bytes(), &wanted).is_err(), "{doc}");
        }
    }
}
