//! Requests for WebSockets.

use super::*;
use crate::exchange::socket::Tunnel;

fn ask() -> Request<Full<Bytes>> {
    let request = Request::get("/v1/realtime?model=gpt-realtime")
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    request.body(Full::new(Bytes::new())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_socket_into_which_a_policy_would_have_to_see_is_refused() {
    let rig = rig(&[Policy::Reads], []);
    let answered = rig.answer(ask()).await;
    assert_eq!(answered.status, 426);
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("websocket_unseen"));
    assert!(rig.seen().is_empty() && tokens(&record).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_the_upstream_refuses_is_answered_as_it_says() {
    let rig = rig(&[], [whole(403, "{}")]);
    let answered = rig.answer(ask()).await;
    assert_eq!((answered.status, &*answered.body), (403, "{}"));
    let seen = &rig.seen()[0];
    assert_eq!(seen.headers["upgrade"], "websocket");
    assert_eq!(seen.headers["connection"], "Upgrade");
    let record = rig.settled();
    assert_eq!((record.error.as_deref(), record.status), (None, 403));
}

#[tokio::test(start_paused = true)]
async fn a_socket_whose_connections_are_never_handed_over_is_settled_as_failed() {
    let switched = with(whole(101, ""), "upgrade", "websocket");
    let rig = rig(&[], [switched]);
    let mut response = rig.worker.handle(ask(), None).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["upgrade"], "websocket");
    let tunnel = response.extensions_mut().remove::<Tunnel>().unwrap();
    tunnel.run().await;
    let record = rig.settled();
    assert_eq!(record.error.as_deref(), Some("upgrade_failed"));
    assert_eq!(record.status, 101);
}
