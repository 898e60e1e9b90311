//! The instructions and the items of a request.

use super::{
    super::super::{
        form::{Call, Media, MediaKind, Part, Role, Source, ToolResult, Turn},
        json::Json,
        loss::Refused,
        media::write_data_url,
        opaque::{Opaque, OpaqueKind},
        text::Text,
    },
    Writer,
    ids::Ids,
};

/// Between the blocks of instructions, and of a result.
const SEPARATOR: &[u8] = br"\n\n";

/// Names of files that have none, which the API wants where their bytes are sent.
const NAMES: [(&str, &str); 5] = [
    ("application/pdf", "document.pdf"),
    ("text/plain", "document.txt"),
    ("text/markdown", "document.md"),
    ("text/csv", "document.csv"),
    ("text/html", "document.html"),
];

impl Writer<'_, '_> {
    /// The instructions before the conversation, which are one string.
    pub(super) fn instructions(&mut self) {
        let request = self.request;
        if request.system.is_empty() {
            return;
        }
        self.json.key("instructions");
        self.joined(&request.system);
    }

    /// Texts as one string; other parts are none of it.
    fn joined<'p, 'a: 'p>(&mut self, parts: impl IntoIterator<Item = &'p Part<'a>>) {
        let dropped = &mut *self.dropped;
        self.json.literal(|out| {
            let mut is_first = true;
            for part in parts {
                let Part::Text { text, cache } = part else {
                    continue;
                };
                if cache.is_some() {
                    dropped.add("cache_control");
                }
                if !std::mem::take(&mut is_first) {
                    out.extend_from_slice(SEPARATOR);
                }
                text.write_inside(out);
            }
        });
    }

    pub(super) fn items(&mut self) -> Result<(), Refused> {
        let (request, mut ids) = (self.request, Ids::default());
        self.json.key("input");
        self.json.0.push(b'[');
        for turn in &request.turns {
            self.turn(turn, &mut ids)?;
        }
        self.json.0.push(b']');
        Ok(())
    }

    /// A turn: what was said is a message, the rest are items of their own, all in their order.
    fn turn(&mut self, turn: &Turn<'_>, ids: &mut Ids) -> Result<(), Refused> {
        let is_said =
            |part: &Part<'_>| matches!(part, Part::Text { .. } | Part::Media(_) | Part::Refusal(_));
        for run in turn
            .parts
            .chunk_by(|one, other| is_said(one) && is_said(other))
        {
            match run {
                [Part::Call(call)] => self.call(call, ids),
                [Part::Result(result)] => self.result(result, ids)?,
                [Part::Reasoning { text, opaque }] => {
                    self.reasoning_item(text.as_ref(), opaque.as_ref());
                }
                said => self.message(turn.role, said)?,
            }
        }
        Ok(())
    }

    fn message(&mut self, role: Role, parts: &[Part<'_>]) -> Result<(), Refused> {
        let name = match role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System if self.target.quirks.developer_role => "developer",
            Role::System => "system",
        };
        let is_own = role == Role::Assistant;
        if let [Part::Text { text, cache }] = parts {
            if cache.is_some() {
                self.dropped.add("cache_control");
            }
            if is_own && text.is_empty() {
                return Ok(());
            }
            self.json.object(|json| {
                json.key("role").str(name);
                json.key("content").text(text);
            });
            return Ok(());
        }
        self.open(name);
        self.json.key("content");
        self.json.0.push(b'[');
        for part in parts {
            self.part(part, is_own)?;
        }
        self.json.0.extend_from_slice(b"]}");
        Ok(())
    }

    /// Begins a message; its members follow.
    fn open(&mut self, role: &str) {
        if self.json.0.last() == Some(&b'}') {
            self.json.0.push(b',');
        }
        self.json.0.push(b'{');
        self.json.key("role").str(role);
    }

    fn part(&mut self, part: &Part<'_>, is_own: bool) -> Result<(), Refused> {
        match part {
            Part::Text { text, cache } => {
                if cache.is_some() {
                    self.dropped.add("cache_control");
                }
                self.json.object(|json| {
                    let kind = if is_own { "output_text" } else { "input_text" };
                    json.key("type").str(kind);
                    json.key("text").text(text);
                    if is_own {
                        json.key("annotations").source("[]");
                    }
                });
            }
            Part::Refusal(text) => {
                self.json.object(|json| {
                    json.key("type").str("refusal");
                    json.key("refusal").text(text);
                });
            }
            Part::Media(_) if is_own => {
                return Err(Refused::new(
                    "assistant message",
                    "has media, and the target's dialect takes none of the model's own",
                ));
            }
            Part::Media(media) => self.media(media)?,
            Part::Reasoning { .. } => self.dropped.add("reasoning"),
            Part::Call(_) | Part::Result(_) => {
                return Err(Refused::malformed(
                    "messages",
                    "has a call or a result of a tool where neither belongs",
                ));
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &Call<'_>, ids: &mut Ids) {
        if call.cache.is_some() {
            self.dropped.add("cache_control");
        }
        let id = ids.of_call(call);
        self.json.object(|json| {
            json.key("type").str("function_call");
            json.key("call_id").text(&id);
            json.key("name").text(&call.name);
            json.key("arguments").text(&call.arguments.source());
        });
    }

    /// A result: one string of its texts, or parts where it has media.
    fn result(&mut self, result: &ToolResult<'_>, ids: &mut Ids) -> Result<(), Refused> {
        if result.is_error {
            self.dropped.add("is_error");
        }
        if result.cache.is_some() {
            self.dropped.add("cache_control");
        }
        let id = ids.of_result(result)?;
        if self.json.0.last() == Some(&b'}') {
            self.json.0.push(b',');
        }
        self.json.0.push(b'{');
        self.json.key("type").str("function_call_output");
        self.json.key("call_id").text(&id);
        self.json.key("output");
        let is_text = |part: &Part<'_>| matches!(part, Part::Text { .. });
        match result.value {
            Some(value) => {
                let source = String::from_utf8_lossy(value);
                self.json.str(&source);
            }
            None if result.content.iter().all(is_text) => self.joined(&result.content),
            None => {
                self.json.0.push(b'[');
                for part in &result.content {
                    self.part(part, false)?;
                }
                self.json.0.push(b']');
            }
        }
        self.json.0.push(b'}');
        Ok(())
    }

    /// Reasoning goes home only; what can be read of it where the model wants that.
    fn reasoning_item(&mut self, text: Option<&Text<'_>>, opaque: Option<&Opaque<'_>>) {
        let target = self.target;
        let data = opaque.and_then(|opaque| opaque.at_home(target.origin, OpaqueKind::Encrypted));
        let own = text.filter(|_| data.is_none() && target.takes.wants_reasoning_back);
        if data.is_none() && (own.is_none() || opaque.is_some()) {
            self.dropped.add("reasoning");
        }
        if data.is_none() && own.is_none() {
            return;
        }
        let texts = |json: &mut Json, kind: &str, text: Option<&Text<'_>>| {
            json.array(|json| {
                if let Some(text) = text {
                    json.object(|json| {
                        json.key("type").str(kind);
                        json.key("text").text(text);
                    });
                }
            });
        };
        self.json.object(|json| {
            json.key("type").str("reasoning");
            json.key("summary");
            texts(json, "summary_text", text.filter(|_| own.is_none()));
            if own.is_some() {
                json.key("content");
                texts(json, "reasoning_text", own);
            }
            if let Some(data) = data {
                json.key("encrypted_content").text(data);
            }
        });
    }

    fn media(&mut self, media: &Media<'_>) -> Result<(), Refused> {
        if media.cache.is_some() {
            self.dropped.add("cache_control");
        }
        match (media.kind, &media.source) {
            (MediaKind::Image, source @ (Source::Base64 { .. } | Source::Url { .. })) => {
                let auto = Text::plain("auto");
                self.json.object(|json| {
                    json.key("type").str("input_image");
                    // some servers want it, though the API's default is the same
                    json.key("detail")
                        .text(media.detail.as_ref().unwrap_or(&auto));
                    json.key("image_url");
                    write_url(json, source);
                });
            }
            (MediaKind::Document, source @ Source::Base64 { media_type, .. }) => {
                let known = NAMES.into_iter().find(|(kind, _)| kind == media_type);
                let unnamed = Text::plain(known.map_or("document.pdf", |(_, name)| name));
                self.json.object(|json| {
                    json.key("type").str("input_file");
                    json.key("filename")
                        .text(media.title.as_ref().unwrap_or(&unnamed));
                    json.key("file_data");
                    write_url(json, source);
                });
            }
            // A file of an address takes no name.
            (MediaKind::Document, source @ Source::Url { .. }) => {
                self.json.object(|json| {
                    json.key("type").str("input_file");
                    json.key("file_url");
                    write_url(json, source);
                });
            }
            (MediaKind::Document, Source::Text(text)) => {
                self.json.object(|json| {
                    json.key("type").str("input_text");
                    json.key("text").text(text);
                });
            }
            (MediaKind::Image, Source::File(_) | Source::Text(_)) => {
                return Err(unreachable("image"));
            }
            (MediaKind::Document, Source::File(_)) => return Err(unreachable("document")),
            (MediaKind::Audio, _) => return Err(unreachable("audio")),
            (MediaKind::Video, _) => return Err(unreachable("video")),
        }
        Ok(())
    }
}

fn unreachable(field: &str) -> Refused {
    Refused::new(
        field,
        "stands where the target's provider can't reach it, or is of a kind that it does not take",
    )
}

fn write_url(json: &mut Json, source: &Source<'_>) {
    match source {
        Source::Base64 { media_type, data } => _ = write_data_url(json, media_type, data),
        Source::Url { url, .. } => _ = json.text(url),
        Source::File(text) | Source::Text(text) => _ = json.text(text),
    }
}
