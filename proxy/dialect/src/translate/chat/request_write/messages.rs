//! Messages of a request.

use super::{
    super::super::{
        form::{Call, Media, MediaKind, Part, Role, Source, ToolResult, Turn},
        json::Json,
        loss::Refused,
        media::write_data_url,
        takes::SystemRole,
        text::Text,
    },
    Writer,
};

/// Letters and digits of an id that Mistral takes.
const SHORT_ID: usize = 9;

impl Writer<'_, '_> {
    pub(super) fn messages(&mut self) -> Result<(), Refused> {
        let request = self.request;
        self.json.key("messages");
        self.json.0.push(b'[');
        if !request.system.is_empty() {
            self.begin(self.system_role());
            self.content(&request.system)?;
            self.end();
        }
        for (number, turn) in request.turns.iter().enumerate() {
            match turn.role {
                Role::User => self.user(turn)?,
                Role::Assistant => self.assistant(number, turn)?,
                Role::System => {
                    self.begin(self.system_role());
                    self.content(&turn.parts)?;
                    self.end();
                }
            }
        }
        self.json.0.push(b']');
        Ok(())
    }

    fn system_role(&self) -> &'static str {
        match (
            self.target.takes.system_role,
            self.target.quirks.developer_role,
        ) {
            (SystemRole::None, _) => "user",
            (SystemRole::Developer | SystemRole::Unknown, true) => "developer",
            (SystemRole::System, _) | (SystemRole::Developer | SystemRole::Unknown, false) => {
                "system"
            }
        }
    }

    /// Begins a message; its members follow.
    fn begin(&mut self, role: &str) {
        if self.json.0.last() == Some(&b'}') {
            self.json.0.push(b',');
        }
        self.json.0.push(b'{');
        self.json.key("role").str(role);
    }

    fn end(&mut self) {
        self.json.0.push(b'}');
    }

    /// A turn of the caller's: each result of a tool is a message of its own, the rest is one.
    fn user(&mut self, turn: &Turn<'_>) -> Result<(), Refused> {
        for part in &turn.parts {
            if let Part::Result(result) = part {
                self.result(result)?;
            }
        }
        let is_rest = |part: &&Part<'_>| !matches!(part, Part::Result(_));
        if turn.parts.iter().any(|part| is_rest(&part)) || turn.parts.is_empty() {
            self.begin("user");
            let rest = turn.parts.iter().filter(is_rest);
            self.content(rest)?;
            self.end();
        }
        Ok(())
    }

    fn result(&mut self, result: &ToolResult<'_>) -> Result<(), Refused> {
        if result.is_error {
            self.dropped.add("is_error");
        }
        if result.cache.is_some() {
            self.dropped.add("cache_control");
        }
        self.begin("tool");
        let id = result.id.as_ref().or(result.name.as_ref());
        if let Some(id) = id {
            let id = self.id(id);
            self.json.key("tool_call_id").text(&id);
        }
        match result.value {
            Some(value) => {
                let source = String::from_utf8_lossy(value);
                self.json.key("content").str(&source);
            }
            None if result.content.is_empty() => _ = self.json.key("content").str(""),
            None => {
                let is_text = |part: &Part<'_>| matches!(part, Part::Text { .. });
                if !result.content.iter().all(is_text) {
                    return Err(Refused::new(
                        "tool result",
                        "has media, and the target's dialect takes text only there",
                    ));
                }
                self.content(&result.content)?;
            }
        }
        self.end();
        Ok(())
    }

    fn assistant(&mut self, number: usize, turn: &Turn<'_>) -> Result<(), Refused> {
        self.begin("assistant");
        self.own_reasoning(turn);
        let is_said = |part: &&Part<'_>| matches!(part, Part::Text { .. } | Part::Media(_));
        match turn.parts.iter().any(|part| is_said(&part)) {
            true => self.content(turn.parts.iter().filter(is_said))?,
            false => _ = self.json.key("content").null(),
        }
        if let Some(Part::Refusal(refusal)) =
            (turn.parts.iter()).find(|part| matches!(part, Part::Refusal(_)))
        {
            self.json.key("refusal").text(refusal);
        }
        let mut calls = (turn.parts.iter())
            .filter_map(|part| match part {
                Part::Call(call) => Some(call),
                Part::Text { .. }
                | Part::Media(_)
                | Part::Result(_)
                | Part::Reasoning { .. }
                | Part::Refusal(_) => None,
            })
            .enumerate()
            .peekable();
        if calls.peek().is_some() {
            self.json.key("tool_calls");
            self.json.0.push(b'[');
            for (index, call) in calls {
                self.call(number, index, call);
            }
            self.json.0.push(b']');
        }
        self.end();
        Ok(())
    }

    /// Reasoning goes back only where the model wants that; what no other can read stays here.
    fn own_reasoning(&mut self, turn: &Turn<'_>) {
        let mut texts = Vec::new();
        for part in &turn.parts {
            if let Part::Reasoning { text, opaque } = part {
                texts.extend(text);
                if opaque.is_some() {
                    self.dropped.add("reasoning");
                }
            }
        }
        if self.target.takes.wants_reasoning_back && !self.target.takes.refuses_reasoning_back {
            let field = self.target.quirks.reasoning_field;
            self.json.key(field).literal(|out| {
                for text in &texts {
                    text.write_inside(out);
                }
            });
        } else if !texts.is_empty() {
            self.dropped.add("reasoning");
        }
    }

    fn call(&mut self, turn: usize, index: usize, call: &Call<'_>) {
        if call.cache.is_some() {
            self.dropped.add("cache_control");
        }
        let minted = Text::plain(format!("call_{turn}_{index}"));
        let id = self.id(call.id.as_ref().unwrap_or(&minted));
        self.json.object(|json| {
            json.key("id").text(&id);
            json.key("type").str("function");
            json.key("function").object(|json| {
                json.key("name").text(&call.name);
                json.key("arguments").text(&call.arguments.source());
            });
        });
    }

    /// A call's id as the target takes it: the same for the same one, wherever it stands.
    fn id<'i>(&self, id: &Text<'i>) -> Text<'i> {
        if !self.target.quirks.nine_letter_ids {
            return id.clone();
        }
        let text = id.decode();
        if text.len() == SHORT_ID && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return id.clone();
        }
        // FNV-1a: Mistral's ids need be no more than different from each other.
        let mut hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let short = (0..SHORT_ID).map(|_| {
            let digit = (hash % 36) as u32;
            hash /= 36;
            char::from_digit(digit, 36).unwrap_or('0')
        });
        Text::plain(short.collect::<String>())
    }

    /// The content of a message: a string where it is one text, else parts.
    fn content<'p, 'a: 'p>(
        &mut self,
        parts: impl IntoIterator<Item = &'p Part<'a>, IntoIter: Clone>,
    ) -> Result<(), Refused> {
        let parts = parts.into_iter();
        let mut rest = parts.clone();
        let only = rest.next().filter(|_| rest.next().is_none());
        if let Some(Part::Text { text, cache }) = only {
            if cache.is_some() {
                self.dropped.add("cache_control");
            }
            self.json.key("content").text(text);
            return Ok(());
        }
        self.json.key("content");
        self.json.0.push(b'[');
        for part in parts {
            self.part(part)?;
        }
        self.json.0.push(b']');
        Ok(())
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Refused> {
        match part {
            Part::Text { text, cache } => {
                if cache.is_some() {
                    self.dropped.add("cache_control");
                }
                self.json.object(|json| {
                    json.key("type").str("text");
                    json.key("text").text(text);
                });
            }
            Part::Media(media) => self.media(media)?,
            Part::Refusal(text) => {
                self.json.object(|json| {
                    json.key("type").str("refusal");
                    json.key("refusal").text(text);
                });
            }
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

    fn media(&mut self, media: &Media<'_>) -> Result<(), Refused> {
        if media.cache.is_some() {
            self.dropped.add("cache_control");
        }
        match (media.kind, &media.source) {
            (MediaKind::Image, Source::Base64 { .. } | Source::Url { .. }) => {
                self.json.object(|json| {
                    json.key("type").str("image_url");
                    json.key("image_url").object(|json| {
                        json.key("url");
                        write_url(json, &media.source);
                        if let Some(detail) = &media.detail {
                            json.key("detail").text(detail);
                        }
                    });
                });
            }
            (MediaKind::Audio, Source::Base64 { media_type, data }) => {
                let format = match media_type.strip_prefix("audio/") {
                    Some("mpeg" | "mp3") => "mp3",
                    Some("wav" | "x-wav" | "wave") => "wav",
                    _ => {
                        return Err(Refused::new(
                            "audio",
                            "is neither wav nor mp3, which is all that the target's dialect takes",
                        ));
                    }
                };
                self.json.object(|json| {
                    json.key("type").str("input_audio");
                    json.key("input_audio").object(|json| {
                        json.key("data").str(data);
                        json.key("format").str(format);
                    });
                });
            }
            (MediaKind::Document, Source::Base64 { .. }) => {
                let unnamed = Text::plain("document.pdf");
                self.json.object(|json| {
                    json.key("type").str("file");
                    json.key("file").object(|json| {
                        let title = media.title.as_ref().unwrap_or(&unnamed);
                        json.key("filename").text(title);
                        json.key("file_data");
                        write_url(json, &media.source);
                    });
                });
            }
            (MediaKind::Document, Source::Text(text)) => {
                self.json.object(|json| {
                    json.key("type").str("text");
                    json.key("text").text(text);
                });
            }
            (MediaKind::Image, _) => return Err(unreachable_media("image")),
            (MediaKind::Audio, _) => return Err(unreachable_media("audio")),
            (MediaKind::Document, _) => return Err(unreachable_media("document")),
            (MediaKind::Video, _) => return Err(unreachable_media("video")),
        }
        Ok(())
    }
}

fn unreachable_media(field: &str) -> Refused {
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
