//! Bounds how many requests each value of a header may make in a time. Needs the grant `values`.
use std::time::Duration;

use outrigger_sdk::{Decision, Policy, Refusal, Request, export_policy, log, values};

/// The policy's `config:` in `outrigger.yaml`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnLimit {
    /// The header whose value says whose requests are counted together, `x-team` say. Requests
    /// without it are not limited.
    header: String,
    requests: u32,
    seconds: u32,
}

impl Policy for TurnLimit {
    fn on_request(&mut self, request: &mut Request) -> Decision {
        let Some(who) = request.header(&self.header) else {
            return Decision::Forward;
        };
        let time = Duration::from_secs(self.seconds.into());
        match values::increment(&who, 1, Some(time)) {
            Ok(count) if count > self.requests.into() => {
                let message = format!("more than {} requests in {} s", self.requests, self.seconds);
                Refusal::new(429, message).retry_after(time).into()
            }
            Ok(_) => Decision::Forward,
            Err(_) => {
                log::error("requests are not counted: the store did not take the value");
                Refusal::new(503, "the request could not be counted")
                    .code("store_unavailable")
                    .into()
            }
        }
    }
}
export_policy!(TurnLimit);

#[cfg(test)]
mod tests {
    use outrigger_sdk::bench::{Bench, set_clock};
    use serde_json::json;

    use super::*;

    #[test]
    #[expect(clippy::unwrap_used, reason = "tests")]
    fn the_third_request_waits_for_the_end_of_its_time_and_others_do_not() {
        let config = json!({ "header": "x-team", "requests": 2, "seconds": 60 });
        let bench = Bench::<TurnLimit>::new(config).unwrap();
        let ask = |team| {
            bench
                .request(Request::chat("m").with_header("x-team", team))
                .decision
        };
        assert_eq!([ask("a"), ask("a")], [Decision::Forward, Decision::Forward]);
        let refused =
            Refusal::new(429, "more than 2 requests in 60 s").retry_after(Duration::from_secs(60));
        assert_eq!([ask("a"), ask("b")], [refused.into(), Decision::Forward]);
        set_clock(Duration::from_secs(60));
        assert_eq!(ask("a"), Decision::Forward);
        assert_eq!(
            bench.request(Request::chat("m")).decision,
            Decision::Forward
        );
    }
}
