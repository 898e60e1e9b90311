//! File descriptors: connections of apps never take those of upstreams and of the admin address.

use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, wire};

use super::config;

#[test]
fn idle_connections_leave_descriptors_for_upstreams_and_for_the_admin_address() {
    // Closes each connection after its reply, so that the second request needs a new one.
    let reply = replies::json_body(&Api::Chat.whole("done"));
    let upstream = Upstream::start(move |_, _| vec![Step::Send(reply.clone()), Step::Close]);
    let sidecar = Sidecar::start_under(&["prlimit", "--nofile=256:256"], &config(&upstream, ""));
    let body = Api::Chat.ask("m", "hi", false).to_string();
    let ask = wire::request("POST", Api::Chat.path(), &[], body.as_bytes());
    let mut used = wire::Connection::open(sidecar.base);
    used.send(&ask);
    assert_eq!(used.reply().status, 200);
    let idle: Vec<_> = (0..400)
        .map(|_| wire::Connection::open(sidecar.base))
        .collect();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(wire::get(sidecar.admin, "/healthz").status, 200);
    used.send(&ask);
    assert_eq!(used.reply().status, 200);
    // A third one may have been opened ahead of the next request.
    assert!((2..=3).contains(&upstream.connections()));
    assert!(sidecar.metric("outrigger_shed_total", &["connections"]) > 0.5);
    assert!(
        !sidecar.log().contains("no connection accepted"),
        "{}",
        sidecar.log()
    );
    drop(idle);
}
