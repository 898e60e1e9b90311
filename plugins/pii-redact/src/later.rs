//! Requests of which the reply can't be restored: the table of placeholders lives and dies with the
//! exchange, and the reply, or what it is about, is of another one.

use outrigger_sdk::{Decision, Dialect, Refusal, Request, metrics};

/// Members that put earlier turns, with their placeholders, before the request.
const EARLIER: [&str; 3] = [
    "/previous_response_id",
    "/conversation",
    "/previous_interaction_id",
];

/// The refusal of a request that builds on turns which the provider keeps.
pub(crate) fn earlier_turns(request: &Request, dialect: Dialect) -> Option<Decision> {
    let keeps = [Dialect::OpenaiResponses, Dialect::GeminiInteractions];
    if !keeps.contains(&dialect) {
        return None;
    }
    let pointer = EARLIER.into_iter().find(|at| request.is_set(at))?;
    let member = pointer.trim_start_matches('/');
    Some(refuse(&format!(
        "with `{member}` the reply may hold placeholders of earlier turns, whose values are not known any more: send the whole conversation in the request"
    )))
}

/// The refusal of a request whose reply is fetched by another exchange. For one in which something
/// was hidden.
pub(crate) fn in_the_background(request: &Request, dialect: Dialect) -> Option<Decision> {
    match dialect {
        Dialect::AnthropicBatches => Some(refuse(
            "the replies to a batch are fetched later, when the values behind their placeholders are not known any more: send its requests one by one",
        )),
        Dialect::OpenaiConversations => Some(refuse(
            "what is kept in a conversation comes back with later replies, when the values behind its placeholders are not known any more: send the whole conversation in each request",
        )),
        Dialect::OpenaiResponses | Dialect::GeminiInteractions => request.is_set("/background").then(|| {
            refuse("with `background` the reply is fetched later, when the values behind its placeholders are not known any more: leave it out")
        }),
        _ => None,
    }
}

fn refuse(why: &str) -> Decision {
    metrics::count("refused_later_replies", 1);
    let message = format!(
        "{why}, or have the operator set `later_replies: pass`, or another `mode` than tokenize, for the policy that hides personal data"
    );
    Refusal::new(400, message)
        .code("reply_not_restorable")
        .into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use outrigger_sdk::bench::{self, Bench};
    use serde_json::{Value, json};

    use super::*;
    use crate::PiiRedact;

    /// The status and code of the refusal, if it is one.
    fn refused(config: Value, text: &str, member: &str, value: Value) -> Option<(u16, String)> {
        let body = json!({ "model": "m", "input": text, member: value });
        let request = Request::from_json(Dialect::OpenaiResponses, body);
        match Bench::<PiiRedact>::new(config).map(|bench| bench.request(request).decision) {
            Ok(Decision::Refuse(refusal)) => {
                assert!(
                    refusal.message.contains(member)
                        && refusal.message.contains("later_replies: pass")
                );
                Some((refusal.status, refusal.code))
            }
            Ok(Decision::Forward) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_whose_reply_can_not_be_restored_is_refused_with_what_would_help() {
        let no = Some((400, "reply_not_restorable".to_owned()));
        let mail = "I am ana@x.com";
        let of = |config: Value, text: &str| {
            [
                ("previous_response_id", json!("resp_1")),
                ("conversation", json!({ "id": "conv_1" })),
                ("conversation", json!("conv_1")),
                ("background", json!(true)),
            ]
            .map(|(member, value)| refused(config.clone(), text, member, value))
        };
        assert_eq!(of(json!({}), mail), [(); 4].map(|()| no.clone()));
        // Nothing was hidden in a reply that comes later; what earlier turns hid is not known.
        assert_eq!(of(json!({}), "hi"), [no.clone(), no.clone(), no, None]);
        assert_eq!(bench::counter("refused_later_replies"), 7);
        assert_eq!(
            of(json!({ "later_replies": "pass" }), mail),
            [(); 4].map(|()| None)
        );
        assert_eq!(of(json!({ "mode": "mask" }), mail), [(); 4].map(|()| None));
    }

    #[test]
    fn an_interaction_that_goes_on_from_another_is_refused_as_well() {
        for (member, value) in [
            ("previous_interaction_id", json!("v1_6")),
            ("background", json!(true)),
        ] {
            let body = json!({ "model": "g", "input": "I am ana@x.com", member: value });
            let request = Request::from_json(Dialect::GeminiInteractions, body);
            let done = Bench::<PiiRedact>::new(json!({})).unwrap().request(request);
            match done.decision {
                Decision::Refuse(refusal) => assert_eq!(refusal.code, "reply_not_restorable"),
                other => panic!("{member}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_batch_in_which_something_was_hidden_is_refused_and_a_mask_needs_no_reply() {
        let decide = |config: Value, text: &str| {
            let params = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] });
            let body = json!({ "requests": [{ "custom_id": "a", "params": params }] });
            let request = Request::from_json(Dialect::AnthropicBatches, body);
            let done = Bench::<PiiRedact>::new(config).unwrap().request(request);
            match done.decision {
                Decision::Forward => None,
                Decision::Refuse(refusal) => Some(refusal.code),
                other => panic!("{other:?}"),
            }
        };
        let no = Some("reply_not_restorable".to_owned());
        assert_eq!(decide(json!({}), "I am ana@x.com"), no);
        assert_eq!(decide(json!({}), "hi"), None);
        for config in [
            json!({ "later_replies": "pass" }),
            json!({ "mode": "mask" }),
        ] {
            assert_eq!(decide(config, "I am ana@x.com"), None);
        }
    }

    #[test]
    fn items_that_are_kept_are_refused_where_something_was_hidden_in_one() {
        let decide = |config: Value, text: &str| {
            let items =
                json!([{ "role": "user", "content": "hi" }, { "role": "user", "content": text }]);
            let request =
                Request::from_json(Dialect::OpenaiConversations, json!({ "items": items }));
            let done = Bench::<PiiRedact>::new(config).unwrap().request(request);
            match done.decision {
                Decision::Forward => None,
                Decision::Refuse(refusal) => Some(refusal.code),
                other => panic!("{other:?}"),
            }
        };
        let no = Some("reply_not_restorable".to_owned());
        assert_eq!(decide(json!({}), "I am ana@x.com"), no);
        assert_eq!(decide(json!({}), "hi"), None);
        for config in [
            json!({ "later_replies": "pass" }),
            json!({ "mode": "mask" }),
        ] {
            assert_eq!(decide(config, "I am ana@x.com"), None);
        }
    }

    #[test]
    fn members_that_say_nothing_refuse_nothing() {
        for (member, value) in [
            ("previous_response_id", json!(null)),
            ("conversation", json!(null)),
            ("background", json!(false)),
        ] {
            assert_eq!(refused(json!({}), "ana@x.com", member, value), None);
        }
    }
}
