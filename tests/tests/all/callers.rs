//! Callers, distinguished by key, by cookie, or by what the operator names.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Upstream, wire};

use super::config;

const ONE_EACH: &str = "[{ use: token-rate-limit, grants: [limits], config: { rules: [{ per: caller, requests: 1, every: 1h }] } }]";

fn start(caller: &str) -> (Upstream, Sidecar) {
    let upstream = Upstream::always(replies::json_body(&Api::Chat.whole("Hello")));
    let sidecar = Sidecar::start(&(config(&upstream, ONE_EACH) + caller));
    (upstream, sidecar)
}

fn status(sidecar: &Sidecar, headers: &[&str]) -> u16 {
    let body = Api::Chat.ask("m", "hi", false).to_string();
    let mut all = vec!["content-type: application/json", "connection: close"];
    all.extend(headers);
    let request = wire::request("POST", Api::Chat.path(), &all, body.as_bytes());
    wire::call(sidecar.base, &request).status
}

#[test]
fn callers_that_send_cookies_only_share_no_limit() {
    let (_upstream, sidecar) = start("");
    assert_eq!(status(&sidecar, &["cookie: sid=ana"]), 200);
    assert_eq!(status(&sidecar, &["cookie: sid=bob"]), 200);
    assert_eq!(status(&sidecar, &["cookie: sid=ana"]), 429);
}

#[test]
fn what_identifies_a_caller_is_configured() {
    let (_upstream, sidecar) = start("caller: { headers: [x-user], cookies: [sid] }\n");
    let key = "authorization: Bearer sk-shared";
    assert_eq!(status(&sidecar, &[key, "x-user: ana"]), 200);
    assert_eq!(status(&sidecar, &[key, "x-user: bob"]), 200);
    assert_eq!(status(&sidecar, &[key, "x-user: ana"]), 429);
    assert_eq!(status(&sidecar, &[key, "cookie: theme=dark; sid=eve"]), 200);
    assert_eq!(
        status(&sidecar, &[key, "cookie: sid=eve; theme=light"]),
        429
    );
}
