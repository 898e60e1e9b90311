//! File descriptors: connections of apps never take those of upstreams and of the admin address.

use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Upstream, wire};

use super::config;

#[test]
fn idle_connections_leave_descriptors_for_upstreams_and_for_the_admin_address() {
    let upstream = Upstream::always(replies::json_body(&Api::Chat.whole("done")));
    let sidecar = Sidecar::start_under(&["prlimit", "--nofile=256:256"], &config(&upstream, ""));
    let body = Api::Chat.ask("m", "hi", false).to_string();
    let ask = wire::request("POST", Api::Chat.path(), &[], body.as_bytes());
    let mut used = wire::Connection::open(sidecar.base);
    used.send(&ask);
    assert_eq!(used.reply().status, 200);
    // Longer than its connection to the upstream is kept.
    let idle: Vec<_> = (0..400)
        .map(|_| wire::Connection::open(sidecar.base))
        .collect();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(wire::get(sidecar.admin, "/healthz").status, 200);
    used.send(&ask);
    assert_eq!(used.reply().status, 200);
    assert_eq!(upstream.connections(), 2);
    assert!(sidecar.metric("outrigger_shed_total", &["connections"]) > 0.5);
    assert!(
        !sidecar.log().contains("no connection accepted"),
        "{}",
        sidecar.log()
    );
    drop(idle);
}
