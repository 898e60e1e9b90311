//! A batch: several requests in one body, each with a model, a conversation and a limit on output
//! of its own.

use std::ops::Range;

use bytes::Bytes;

use super::{Body, facts::Model};
use crate::{
    Malformed,
    describe::shape::is_word,
    json::{Kind, Text, outlined::Cursor, quote},
    splice::{self, Splice},
};

/// The places of a batch's requests, and the facts of each.
#[derive(Default)]
pub(super) struct Batch {
    /// The requests' own bodies.
    params: Vec<Range<usize>>,
    /// The literals of their models.
    models: Vec<Range<usize>>,
    /// Their limits on output.
    limits: Vec<(Range<usize>, u64)>,
    /// The model that all of them name.
    pub(super) model: Option<Model>,
    /// True if they name several models, or one of them names none.
    mixed: bool,
    /// True if a member that counts occurs twice in one object.
    pub(super) ambiguous: bool,
    /// True if the members could not be walked to their end: what was found up to there counts.
    pub(super) malformed: bool,
}

impl Batch {
    pub(super) fn find(bytes: &[u8]) -> Self {
        let (mut batch, mut lists) = (Self::default(), 0);
        let walked = Cursor::new(bytes).object(|key, value| {
            if !key.is("requests") {
                return value.pass();
            }
            lists += 1;
            match value.kind()? {
                Kind::Array => value.array(|_, entry| match entry.kind()? {
                    Kind::Object => {
                        let before = batch.params.len();
                        entry.object(|key, value| match key.is("params") {
                            true => batch.request(value, bytes),
                            false => value.pass(),
                        })?;
                        batch.ambiguous |= batch.params.len() > before + 1;
                        Ok(())
                    }
                    Kind::Array | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                        entry.pass()
                    }
                }),
                Kind::Object | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                    value.pass()
                }
            }
        });
        batch.malformed = walked.is_err();
        batch.ambiguous |= lists > 1;
        if batch.mixed {
            batch.model = None;
        }
        batch
    }

    fn request(&mut self, params: &mut Cursor<'_>, bytes: &[u8]) -> Result<(), Malformed> {
        if params.kind()? != Kind::Object {
            self.mixed = true;
            return params.pass();
        }
        let (start, mut models, mut named) = (params.at(), 0, None);
        params.object(|key, value| {
            if key.is("model") {
                models += 1;
                named = value.text_or_skip()?;
            } else if key.is("max_tokens") {
                value.kind()?;
                let start = value.at();
                if let Some(limit) = value.count()? {
                    self.limits.push((start..value.at(), limit));
                }
            } else {
                value.pass()?;
            }
            Ok(())
        })?;
        self.params.push(start..params.at());
        self.ambiguous |= models > 1;
        match named {
            Some(text) => self.named(&text, bytes),
            None => self.mixed = true,
        }
        Ok(())
    }

    fn named(&mut self, text: &Text, bytes: &[u8]) {
        let name = text.decode(bytes);
        // another one is a passage
        self.mixed |= !is_word(name.as_bytes());
        match &self.model {
            Some(model) => self.mixed |= model.text(bytes) != Some(&*name),
            None => self.model = Some(Model::read(text, bytes)),
        }
        self.models.push(text.range.clone());
    }
}

impl Body {
    /// The requests of a batch as they stand, each a body of its own; `None` where this is no
    /// batch.
    pub fn batched(&self) -> Option<Vec<Self>> {
        let of = self.dialect.description()?.batch_of?;
        let bytes = self.render();
        let part = |range: Range<usize>| Self::wire(of, bytes.slice(range));
        let params = Batch::find(&bytes).params;
        Some(params.into_iter().map(part).collect())
    }

    /// Reports whether it is a batch whose requests do not all name one model, so that no policy
    /// can be given its model.
    pub fn has_several_models(&self) -> bool {
        self.state.facts.batch.as_ref().is_some_and(|b| b.mixed)
    }

    /// The most that any of a batch's requests may generate.
    pub(super) fn batch_limit(&self, batch: &Batch) -> Option<u64> {
        batch.limits.iter().map(|(_, limit)| *limit).max()
    }

    /// Limits what each of a batch's requests may generate. Those with a lower limit are left as
    /// they are.
    pub(super) fn bound_batch(&mut self, batch: &Batch, tokens: u64) -> bool {
        let over = batch.limits.iter().filter(|(_, limit)| *limit > tokens);
        let with = tokens.to_string().into_bytes();
        let splices = over.map(|(range, _)| Splice {
            range: range.clone(),
            with: with.clone(),
        });
        let splices = splices.collect();
        !batch.malformed && self.splice_all(splices)
    }

    /// Has all requests of a batch ask for this model.
    pub(super) fn set_models(&mut self, batch: &Batch, model: &str) -> bool {
        let known = batch.models.len() == batch.params.len() && !batch.models.is_empty();
        if !known || batch.ambiguous || batch.malformed {
            return false;
        }
        let mut with = Vec::with_capacity(model.len() + 2);
        quote(model, &mut with);
        let splices = batch.models.iter().map(|range| Splice {
            range: range.clone(),
            with: with.clone(),
        });
        self.splice_all(splices.collect())
    }

    /// Puts splices that touch no passage into the bytes at once. They come in the order of the
    /// document. False, without a change, where it can't.
    fn splice_all(&mut self, mut splices: Vec<Splice>) -> bool {
        if let Some(index) = &self.state.index
            && splices.iter().any(|splice| index.touches(&splice.range))
        {
            return false;
        }
        if splices.is_empty() {
            return true;
        }
        let moves: Vec<(usize, usize, usize)> = splices
            .iter()
            .map(|splice| (splice.range.end, splice.range.len(), splice.with.len()))
            .collect();
        let before = &self.state.bytes;
        let bytes = Bytes::from(splice::apply(before, 0..before.len(), &mut splices));
        if u32::try_from(bytes.len()).is_err() {
            return false;
        }
        if let Some(index) = &mut self.state.index {
            std::sync::Arc::make_mut(index).shift_all(&moves);
        }
        self.set_bytes(bytes, None);
        true
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Dialect, NO_MESSAGE, Place, Places};

    fn request(model: &str, text: &str, most: u64) -> Value {
        json!({ "model": model, "max_tokens": most, "system": "be kind", "messages": [
            { "role": "user", "content": text },
            { "role": "assistant", "content": [{ "type": "text", "text": "hm" }, { "type": "thinking", "thinking": "sealed", "signature": "c2ln" }] },
        ] })
    }

    fn batch(requests: &[Value]) -> Body {
        let entries = requests.iter().enumerate();
        let entries: Vec<Value> = entries
            .map(|(at, params)| json!({ "custom_id": format!("id-{at}"), "params": params }))
            .collect();
        let bytes = json!({ "requests": entries }).to_string();
        Body::wire(Dialect::AnthropicBatches, bytes.into())
    }

    fn sent(body: &Body) -> Value {
        serde_json::from_slice(&body.render()).unwrap()
    }

    #[test]
    fn every_text_of_every_request_is_a_passage_and_its_messages_are_numbered_on() {
        let mut body = batch(&[request("m", "one", 5), request("m", "two", 5)]);
        body.index().unwrap();
        let shown: Vec<(Place, u32, String)> = (body.passages(Places::ALL, 0, 99).into_iter())
            .map(|passage| (passage.place, passage.message, passage.text))
            .collect();
        for expected in [
            (Place::System, NO_MESSAGE, "be kind"),
            (Place::User, 0, "one"),
            (Place::Assistant, 1, "hm"),
            (Place::User, 2, "two"),
            (Place::Assistant, 3, "hm"),
        ] {
            let expected = (expected.0, expected.1, expected.2.to_owned());
            assert!(shown.contains(&expected), "{expected:?} of {shown:?}");
        }
        assert_eq!(body.messages(), 4);
        assert_eq!(
            body.unseen(),
            [("signed_reasoning", 2 * "sealedc2ln".len() as u64)]
        );
        assert!(
            body.drop_message(1).is_err(),
            "there is no one conversation"
        );
        let two = body.passages(Places::ALL, 0, 99);
        let two = two.iter().find(|passage| passage.text == "two").unwrap().id;
        body.set_passage(two, "2".into()).unwrap();
        let sent = sent(&body);
        assert_eq!(sent["requests"][1]["params"]["messages"][0]["content"], "2");
        assert_eq!(
            sent["requests"][0]["params"]["messages"][0]["content"],
            "one"
        );
    }

    #[test]
    fn a_request_without_a_conversation_or_with_two_of_one_key_makes_the_batch_unreadable() {
        let twice = r#"{"requests":[{"custom_id":"a","params":{"messages":[],"messages":[]}}]}"#;
        for json in [
            r#"{"requests":[]}"#,
            r#"{"requests":[{"custom_id":"a","params":{"model":"m"}}]}"#,
            r#"{"messages":[{"role":"user","content":"hi"}]}"#,
            twice,
        ] {
            let mut body = Body::wire(Dialect::AnthropicBatches, json.into());
            assert!(body.index().is_err(), "{json}");
        }
    }

    #[test]
    fn what_is_no_request_is_shown_all_the_same() {
        let json = r#"{"requests":[{"custom_id":"ana@x.com","params":{"messages":[],"model":"bob@x.com"}},{"params":"eve@x.com"}],"more":{"k":"joe@x.com"}}"#;
        let mut body = Body::wire(Dialect::AnthropicBatches, json.into());
        body.index().unwrap();
        let shown: String = (body.passages(Places::ALL, 0, 99).into_iter())
            .map(|passage| passage.text + "\n")
            .collect();
        for address in ["ana@x.com", "bob@x.com", "eve@x.com", "joe@x.com"] {
            assert!(shown.contains(address), "{address} of {shown}");
        }
        assert_eq!(body.model(), None);
    }

    #[test]
    fn the_model_is_the_one_that_all_requests_name() {
        let all = batch(&[request("m", "a", 5), request("m", "b", 5)]);
        assert_eq!((all.model(), all.has_several_models()), (Some("m"), false));
        let several = batch(&[request("m", "a", 5), request("n", "b", 5)]);
        assert_eq!(
            (several.model(), several.has_several_models()),
            (None, true)
        );
        let some = batch(&[request("m", "a", 5), json!({ "messages": [] })]);
        assert_eq!((some.model(), some.has_several_models()), (None, true));
        let twice = r#"{"requests":[{"params":{"model":"a","model":"b","messages":[]}}]}"#;
        let twice = Body::wire(Dialect::AnthropicBatches, twice.into());
        assert!(twice.ambiguous());
        assert!(!all.streaming() && !all.ambiguous());
    }

    #[test]
    fn another_model_stands_in_all_requests_and_edits_stay_where_they_are() {
        let mut body = batch(&[request("m", "one", 5), request("m", "two", 5)]);
        body.index().unwrap();
        let mark = body.mark();
        for passage in body.passages(Places::NONE.with(Place::User), 0, 9) {
            body.set_passage(passage.id, format!("«{}»", passage.text))
                .unwrap();
        }
        assert!(body.set_model("a-longer-name"));
        assert_eq!(body.model(), Some("a-longer-name"));
        let last = body.passages(Places::ALL, 0, 99).pop().unwrap();
        body.set_passage(last.id, "x".into()).unwrap();
        let (sent, mut expected) = (sent(&body), json!({ "requests": [] }));
        for (at, text) in ["«one»", "«two»"].into_iter().enumerate() {
            let params = request("a-longer-name", text, 5);
            let entry = json!({ "custom_id": format!("id-{at}"), "params": params });
            expected["requests"].as_array_mut().unwrap().push(entry);
        }
        let differs = |at: usize| sent["requests"][at] != expected["requests"][at];
        assert!(!differs(0), "{sent}");
        assert!(differs(1), "the last passage was edited: {sent}");
        body.roll_back(mark);
        assert_eq!(body.model(), Some("m"));
    }

    #[test]
    fn a_bound_on_output_lowers_what_is_above_it_in_each_request() {
        let mut body = batch(&[request("m", "a", 100), request("m", "b", 9000)]);
        assert_eq!(body.max_output_tokens(), Some(9000));
        assert!(body.set_max_output_tokens(512));
        let sent = sent(&body);
        let most = |at: usize| sent["requests"][at]["params"]["max_tokens"].clone();
        assert_eq!((most(0), most(1)), (json!(100), json!(512)));
        assert_eq!(body.max_output_tokens(), Some(512));
    }

    #[test]
    fn its_tokens_are_those_of_its_requests() {
        let requests = [
            request("m", &"a word ".repeat(300), 5),
            request("m", "b", 5),
        ];
        let each = requests.iter().map(|request| {
            Body::wire(Dialect::AnthropicMessages, request.to_string().into()).input_tokens()
        });
        assert_eq!(batch(&requests).input_tokens(), each.sum::<u64>());
    }
}
