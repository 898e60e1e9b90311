//! The question of a request: the text of its last message, if that is the user's and short.

use outrigger_sdk::{Dialect, NO_MESSAGE, Request};

/// The form of a note.
const FORM: u8 = 1;

/// The question of a request.
pub(crate) struct Question {
    pub(crate) text: String,
    /// Its passages.
    pub(crate) ids: Vec<u32>,
}

impl Question {
    /// Reads it, or says in a word why there is none that could be compared.
    ///
    /// Two messages are a turn.
    pub(crate) fn of(request: &Request, turns: u32, bytes: usize) -> Result<Self, &'static str> {
        let messages = request.messages();
        if request.dialect() == Dialect::OpenaiEmbeddings {
            return Err("endpoint");
        }
        if messages > turns.saturating_mul(2) {
            return Err("turns");
        }
        let mut question = Self {
            text: String::new(),
            ids: Vec::new(),
        };
        for passage in request.last_user() {
            // an answer that was begun, or a tool's result, stands behind it
            if passage.message != NO_MESSAGE && passage.message + 1 != messages {
                return Err("question");
            }
            if passage.json || question.text.len() + passage.text.len() > bytes {
                return Err("question");
            }
            if !question.text.is_empty() {
                question.text.push('\n');
            }
            question.text.push_str(&passage.text);
            question.ids.push(passage.id);
        }
        let text = question.text.trim();
        let json = text.starts_with(['{', '[']) && text.ends_with(['}', ']']);
        match text.is_empty() || json {
            true => Err("question"),
            false => Ok(question),
        }
    }

    /// The note that is kept beside its reply.
    pub(crate) fn note(&self) -> Vec<u8> {
        let mut note = vec![FORM];
        note.extend_from_slice(self.text.as_bytes());
        note
    }
}

/// The question that a note holds; `None` where another version of this policy wrote it.
pub(crate) fn noted(note: &[u8]) -> Option<&str> {
    let (form, text) = note.split_first()?;
    match *form == FORM {
        true => std::str::from_utf8(text).ok(),
        false => None,
    }
}
