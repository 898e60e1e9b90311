//! The changes since a mark, counted: for those who may not see texts.

use super::{Body, Mark, Place, State};

/// The number of edits since a [`Mark`], by what was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// Passages with another text, by place as [`Place::ALL`] has them.
    pub passages: [u32; Place::ALL.len()],
    /// Messages that were dropped.
    pub dropped: u32,
    /// True if another model is requested.
    pub model: bool,
    /// True if a parameter, or the body as a whole, was replaced.
    pub parameters: bool,
}

impl Body {
    /// Counts the edits since `mark` was taken.
    pub fn changes_since(&self, mark: &Mark) -> Changes {
        let before = &mark.0;
        let mut changes = Changes::default();
        let dropped = |state: &State| state.overlay.as_ref().map_or(0, |o| o.dropped.len());
        let more = dropped(&self.state).saturating_sub(dropped(before));
        changes.dropped = u32::try_from(more).unwrap_or(u32::MAX);
        let texts = |state: &State, id: u32| {
            let text = state.overlay.as_ref()?.texts.get(&id)?;
            Some(text.as_ptr())
        };
        for spot in self.live_spots() {
            let now = texts(&self.state, spot.id);
            if now.is_some()
                && now != texts(before, spot.id)
                && let Some(count) = changes.passages.get_mut(spot.place as usize)
            {
                *count += 1;
            }
        }
        let old = before.facts.model.as_ref();
        let old = old.and_then(|model| model.text(&before.bytes));
        changes.model = self.model() != old;
        let place = |state: &State| (state.bytes.as_ptr(), state.bytes.len());
        changes.parameters = place(&self.state) != place(before) && !changes.model;
        changes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Dialect;

    fn body() -> Body {
        let json = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"user","content":"b"}],"temperature":1}"#;
        let mut body = Body::wire(Dialect::OpenaiChat, Bytes::from_static(json.as_bytes()));
        body.index().unwrap();
        body
    }

    #[test]
    fn changes_are_counted_since_the_mark_by_place() {
        let mut body = body();
        assert_eq!(body.changes_since(&body.mark()), Changes::default());
        let users: Vec<u32> = (body
            .passages(crate::Places::NONE.with(Place::User), 0, 9)
            .iter())
        .map(|passage| passage.id)
        .collect();
        body.set_passage(users[0], "x".into()).unwrap();
        let mark = body.mark();
        assert_eq!(body.changes_since(&mark), Changes::default());
        for id in &users {
            body.set_passage(*id, "y".into()).unwrap();
        }
        let changes = body.changes_since(&mark);
        let mut expected = Changes::default();
        expected.passages[Place::User as usize] = 2;
        assert_eq!(changes, expected);
        body.drop_message(2).unwrap();
        let changes = body.changes_since(&mark);
        assert_eq!(
            (changes.passages[Place::User as usize], changes.dropped),
            (1, 1)
        );
    }

    #[test]
    fn another_model_is_no_parameter() {
        let (mut model, mut parameter) = (body(), body());
        let mark = model.mark();
        assert!(model.set_model("n"));
        let changes = model.changes_since(&mark);
        assert_eq!((changes.model, changes.parameters), (true, false));
        let mark = parameter.mark();
        parameter.set_parameter("/temperature", "0").unwrap();
        let changes = parameter.changes_since(&mark);
        assert_eq!((changes.model, changes.parameters), (false, true));
    }
}
