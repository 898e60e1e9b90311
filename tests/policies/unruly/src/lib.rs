//! A policy that misbehaves as its configuration says. `{"request": "loop"}` loops in `on-request`;
//! hooks are `configure`, `describe`, `request`, `attempt`, `reply` and `end`; `reads` names the one place
//! that it reads. On the bare contract, for the SDK would not let it.
#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code, clippy::unwrap_used, reason = "the generated glue")]
#![allow(missing_docs, unreachable_pub, reason = "nobody links to it")]

use std::{cell::RefCell, hint::black_box};

include!("../../../../plugin-sdk/src/abi/generated.rs");

use exports::outrigger::policy::policy::{
    AttemptReply, Decision, Delta, Failure, Guest, Manifest, Outcome, Refusal, ReplyHead, Request,
    Verdict,
};
use outrigger::policy::types::Reply;
use outrigger::policy::{clock, fetch, log, metrics, random, values};

thread_local! {
    static CONFIG: RefCell<String> = const { RefCell::new(String::new()) };
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The value of a key of flat JSON without escapes.
fn behaviour(hook: &str) -> String {
    CONFIG.with_borrow(|config| {
        let key = format!("\"{hook}\":\"");
        let packed: String = config.split(": ").collect::<Vec<_>>().join(":");
        match packed
            .split_once(&key)
            .and_then(|(_, rest)| rest.split_once('"'))
        {
            Some((value, _)) => value.to_owned(),
            None => String::new(),
        }
    })
}

fn recurse(depth: u64) -> u64 {
    let pad = black_box([depth; 32]);
    match black_box(depth) {
        u64::MAX => 0,
        _ => 1 + recurse(depth + 1) + black_box(pad)[0],
    }
}

/// Faults that can be made at any hook.
fn misbehave(how: &str) {
    match how {
        "loop" => loop {
            black_box(());
        },
        "trap" => core::arch::wasm32::unreachable(),
        "panic" => panic!("on purpose"),
        "grow" => loop {
            let block = vec![1_u8; 1 << 20];
            std::mem::forget(black_box(block));
        },
        "grow_politely" => {
            // As much as there is, then goes on: no fault.
            while core::arch::wasm32::memory_grow::<0>(16) != usize::MAX {}
        }
        "recursion" => {
            black_box(recurse(0));
        }
        "log" => (0..1000).for_each(|_| log::write(log::Level::Info, "on and on")),
        "metrics" => (0..1000).for_each(|n| metrics::count(&format!("n{n}"), 1)),
        "clock" => {
            black_box((clock::now_ms(), clock::monotonic_ns(), random::u64()));
        }
        "random" => {
            black_box(random::bytes(u32::MAX));
        }
        _ => {}
    }
}

/// Calls of capabilities, which must be granted.
fn capabilities(how: &str, request: &Request) {
    match how {
        "values" => {
            let result = values::increment("n", 2, 0);
            request.set_tag("values", &format!("{result:?}"));
        }
        "fetch" => {
            let call = fetch::Call {
                method: "GET".into(),
                url: "https://granted.example/x".into(),
                headers: vec![],
                body: vec![],
                timeout_ms: 0,
            };
            let result = fetch::send(&call).map(|answer| answer.status);
            request.set_tag("fetch", &format!("{result:?}"));
        }
        _ => {}
    }
}

fn refusal(status: u16, code: &str) -> Refusal {
    Refusal {
        status,
        code: code.into(),
        message: "no".into(),
        retry_after_ms: None,
    }
}

struct Unruly;

impl Guest for Unruly {
    fn describe() -> Manifest {
        misbehave(&behaviour("describe"));
        Manifest {
            name: "unruly".into(),
            version: "0.1.0".into(),
            hooks: match behaviour("hooks").as_str() {
                "" => ["request", "attempt", "reply", "end", "failure"]
                    .map(String::from)
                    .into(),
                one => vec![one.to_owned()],
            },
            reads: match behaviour("reads").as_str() {
                "" => ["user", "system"].map(String::from).into(),
                place => vec![place.to_owned()],
            },
            rewrites: vec!["assistant".to_owned()],
            config_schema: String::new(),
        }
    }

    fn configure(config: String) -> Result<(), String> {
        CONFIG.set(config);
        match behaviour("configure").as_str() {
            "error" => Err("`behaviour` \"x\" is\nnot known".into()),
            how => {
                misbehave(how);
                Ok(())
            }
        }
    }

    fn on_request(request: &Request) -> Decision {
        let how = behaviour("request");
        misbehave(&how);
        capabilities(&how, request);
        match how.as_str() {
            "hold" => {
                request.hold_reply(&["assistant".to_owned(), "hologram".to_owned()]);
                Decision::Forward
            }
            "leak" => {
                // What an instance before this one left behind, and what this one leaves.
                let before = SEEN.with_borrow(Vec::len);
                request.set_tag("seen_before", &before.to_string());
                SEEN.with_borrow_mut(|seen| {
                    seen.extend(request.passages(0, 9).into_iter().map(|p| p.text))
                });
                Decision::Forward
            }
            "echo_config" => Decision::Reply(Reply {
                text: CONFIG.with_borrow(String::clone),
            }),
            "edit" => {
                let passages = request.passages(0, 100);
                let edits: Vec<_> = passages
                    .iter()
                    .map(|p| (p.id, p.text.to_uppercase()))
                    .collect();
                request.set_passages(&edits);
                request.set_model("edited");
                request.set_header("x-edited", "yes");
                request.set_tag("tenant", "t1");
                Decision::Forward
            }
            "huge_return" => Decision::Reply(Reply {
                text: "x".repeat(8 << 20),
            }),
            "many_headers" => {
                (0..40_000).for_each(|n| request.set_header(&format!("x-{n}"), "v"));
                Decision::Forward
            }
            "reserved_header" => {
                request.set_header("content-length", "0");
                Decision::Forward
            }
            "credentials" => {
                let dump = request.headers();
                let dump: Vec<_> = dump
                    .iter()
                    .map(|h| format!("{}={}", h.name, h.value))
                    .collect();
                let authorization = request.header("Authorization").join(",");
                Decision::Reply(Reply {
                    text: format!("{} {authorization} {}", dump.join(" "), request.path()),
                })
            }
            "targets" => Decision::Reply(Reply {
                text: format!("{:?} {:?}", request.deadline_ms(), request.targets()),
            }),
            "route" => {
                request.prefer(&["b/m".to_owned(), "a/m".to_owned()]);
                request.exclude(&["c/m".to_owned()]);
                request.mirror("d/m");
                request.set_deadline_ms(5000);
                Decision::Forward
            }
            "many_targets" => {
                let names: Vec<String> = (0..65).map(|n| format!("a/{n}")).collect();
                request.prefer(&names);
                Decision::Forward
            }
            "nameless_target" => {
                request.exclude(&[String::new()]);
                Decision::Forward
            }
            "try_now" => Decision::TryNow(vec!["a/m".into()]),
            "body" => Decision::Reply(Reply {
                text: request.body().len().to_string(),
            }),
            "set_body" => {
                request.set_body(b"{}");
                Decision::Forward
            }
            "bad_passage" => {
                request.set_passage(999, "x");
                Decision::Forward
            }
            "bad_return" => Decision::Refuse(refusal(200, "ok")),
            "bad_code" => Decision::Refuse(refusal(403, "Not A Word")),
            "refuse" => Decision::Refuse(refusal(403, "no_way")),
            _ => Decision::Forward,
        }
    }

    fn on_reply(head: &ReplyHead, deltas: Vec<Delta>) -> Result<Vec<Option<String>>, Refusal> {
        let how = behaviour("reply");
        misbehave(&how);
        match how.as_str() {
            "bad_return" => Ok(vec![None; deltas.len() + 1]),
            "bad_status" => Err(refusal(302, "moved")),
            "huge_return" => Ok(deltas.iter().map(|_| Some("x".repeat(8 << 20))).collect()),
            "repeated_return" => {
                // One text, returned under many names: small here, large where it is copied out.
                let text = String::leak("x".repeat(1 << 20));
                let (start, length) = (text.as_mut_ptr(), text.len());
                // SAFETY: none. The names alias, and freeing them would be wrong; the host is to
                // end this before.
                let name = || unsafe { String::from_raw_parts(start, length, length) };
                Ok(deltas.iter().map(|_| Some(name())).collect())
            }
            "refuse" => Err(refusal(403, "no_way")),
            "upper" => Ok(deltas
                .iter()
                .map(|d| Some(format!("{}{}", head.status(), d.text.to_uppercase())))
                .collect()),
            "remember" => Ok(deltas
                .iter()
                .map(|_| Some(SEEN.with_borrow(|seen| seen.join("|"))))
                .collect()),
            _ => Ok(vec![]),
        }
    }

    fn on_attempt(reply: AttemptReply, deltas: Vec<Delta>) -> Verdict {
        let how = behaviour("attempt");
        misbehave(&how);
        match how.as_str() {
            "bad_code" => Verdict::Reject("Not A Word".into()),
            "huge_return" => Verdict::Reject("x".repeat(8 << 20)),
            "wait" => Verdict::Wait,
            "echo" => {
                let texts: Vec<_> = deltas.into_iter().map(|delta| delta.text).collect();
                let finish = reply.finish.unwrap_or_default();
                Verdict::Reject(format!("{}_{}_{finish}", reply.status, texts.join("_")))
            }
            _ => Verdict::Accept,
        }
    }

    fn on_failure(failure: Failure) -> Decision {
        let how = behaviour("failure");
        misbehave(&how);
        match how.as_str() {
            "reply" => Decision::Reply(Reply {
                text: format!("{} {}", failure.status, failure.code),
            }),
            "try_now" => {
                let tried = failure.attempts.iter().map(|tried| tried.target.clone());
                Decision::TryNow(tried.chain([failure.class]).collect())
            }
            "try_nothing" => Decision::TryNow(vec![]),
            "serve" => Decision::Serve("key".into()),
            _ => Decision::Forward,
        }
    }

    fn on_end(outcome: Outcome) {
        let how = behaviour("end");
        if how == "attempts" {
            // A trap says that there were none.
            let tried = outcome.attempts.iter().map(|tried| tried.class.as_str());
            assert!(tried.eq(["overload", "success"]));
        }
        black_box(outcome);
        misbehave(&how);
    }
}

export_guest!(Unruly with_types_in self);
