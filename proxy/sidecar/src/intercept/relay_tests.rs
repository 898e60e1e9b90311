#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::VecDeque, io, task::Waker};

use http::StatusCode;
use http_body_util::{Empty, Full};
use proptest::prelude::*;

use super::*;

/// The results of a body's polls, one by one: pieces, nothing for now, an error, or its end.
type Turns = VecDeque<Poll<Option<Result<Frame<Bytes>, io::Error>>>>;

struct Scripted(Turns);

impl Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.pop_front().unwrap_or(Poll::Ready(None))
    }
}

fn piece(bytes: &[u8]) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
    Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(bytes)))))
}

/// A client: how much it takes in each write, what it sends in each read, what it got.
#[derive(Default)]
struct Client {
    takes: VecDeque<usize>,
    sends: VecDeque<Vec<u8>>,
    gone: bool,
    got: Vec<u8>,
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.sends.pop_front() {
            Some(bytes) => buffer.put_slice(&bytes),
            None if self.gone => {}
            None => return Poll::Pending,
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.takes.pop_front().unwrap_or(usize::MAX) {
            0 => Poll::Pending,
            most => {
                let some = most.min(bytes.len());
                self.got.extend_from_slice(&bytes[..some]);
                Poll::Ready(Ok(some))
            }
        }
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls `relay` until it is ready; returns the outcome and the number of polls.
fn run(relay: &mut Relay<Scripted>, client: &mut Client) -> (Outcome, usize) {
    let mut context = Context::from_waker(Waker::noop());
    for polls in 1..10_000 {
        if let Poll::Ready(outcome) = relay.poll(client, &mut context) {
            return (outcome, polls);
        }
    }
    panic!("it does not come to an end");
}

#[test]
fn pieces_that_come_together_leave_in_one_write_and_each_is_a_chunk() {
    let turns = [piece(b"data: a\n\n"), piece(b"data: bb\n\n"), Poll::Pending];
    let end = [piece(b""), piece(&[b'x'; 26]), Poll::Ready(None)];
    let mut relay = Relay::new(Scripted(turns.into_iter().chain(end).collect()));
    let mut client = Client::default();
    let mut context = Context::from_waker(Waker::noop());
    assert!(relay.poll(&mut client, &mut context).is_pending());
    assert_eq!(client.got, b"9\r\ndata: a\n\n\r\nA\r\ndata: bb\n\n\r\n");
    client.got.clear();
    assert_eq!(run(&mut relay, &mut client), (Outcome::Whole, 1));
    assert_eq!(
        client.got,
        [&b"1A\r\n"[..], &[b'x'; 26], b"\r\n0\r\n\r\n"].concat(),
        "an empty piece would have ended the body"
    );
    assert!(relay.into_early().is_empty());
}

#[test]
fn a_reply_that_breaks_off_has_no_last_chunk_and_what_came_before_is_written() {
    let cut = Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into())));
    let mut relay = Relay::new(Scripted([piece(b"error"), cut].into()));
    let mut client = Client::default();
    assert_eq!(run(&mut relay, &mut client), (Outcome::Broken, 1));
    assert_eq!(client.got, b"5\r\nerror\r\n");
}

#[test]
fn what_came_before_a_break_is_written_to_a_client_that_is_behind() {
    let cut = Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into())));
    let mut relay = Relay::new(Scripted([piece(b"one"), piece(b"error"), cut].into()));
    let mut client = Client {
        takes: [0, 0, 3, 0, 5, 0].into(),
        ..Client::default()
    };
    assert_eq!(run(&mut relay, &mut client).0, Outcome::Broken);
    assert_eq!(client.got, b"3\r\none\r\n5\r\nerror\r\n");
}

#[test]
fn a_client_that_leaves_ends_the_reply() {
    let mut relay = Relay::new(Scripted([Poll::Pending, Poll::Pending].into()));
    let mut client = Client::default();
    let mut context = Context::from_waker(Waker::noop());
    assert!(relay.poll(&mut client, &mut context).is_pending());
    client.gone = true;
    assert_eq!(run(&mut relay, &mut client).0, Outcome::Broken);
}

#[test]
fn what_a_client_sends_early_is_kept_and_read_once() {
    let mut relay = Relay::new(Scripted(
        [Poll::Pending, Poll::Pending, piece(b"x"), Poll::Ready(None)].into(),
    ));
    let mut client = Client {
        sends: [b"GET /v1".to_vec(), b"/models".to_vec()].into(),
        ..Client::default()
    };
    assert_eq!(run(&mut relay, &mut client).0, Outcome::Whole);
    assert_eq!(relay.into_early(), b"GET /v1");
    assert_eq!(client.sends.len(), 1, "the rest is hyper's to read");
}

#[test]
fn a_client_that_reads_nothing_stops_the_reply_at_the_bound() {
    let turns = (0..1000).map(|_| piece(&[b'x'; 1000]));
    let mut relay = Relay::new(Scripted(turns.collect()));
    let mut client = Client {
        takes: vec![0; 100].into(),
        ..Client::default()
    };
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..50 {
        assert!(relay.poll(&mut client, &mut context).is_pending());
    }
    assert!((AHEAD..AHEAD + 2000).contains(&relay.rest.len()));
    assert!(relay.rest.capacity() < AHEAD + 4000);
    assert_eq!(run(&mut relay, &mut client).0, Outcome::Whole);
    assert_eq!(client.got.len(), 1000 * (3 + 2 + 1000 + 2) + 5);
    assert!(relay.rest.is_empty());
}

proptest! {
    #[test]
    fn however_a_client_takes_it_every_byte_arrives_once(
        pieces in prop::collection::vec(prop::option::of(0_usize..3000), 0..60),
        takes in prop::collection::vec(0_usize..5000, 0..200),
    ) {
        let turns = pieces.iter().enumerate().map(|(number, length)| match length {
            Some(length) => piece(&vec![b'a' + u8::try_from(number % 26).unwrap(); *length]),
            None => Poll::Pending,
        });
        let mut relay = Relay::new(Scripted(turns.collect()));
        let mut client = Client { takes: takes.into(), ..Client::default() };
        prop_assert_eq!(run(&mut relay, &mut client).0, Outcome::Whole);
        let mut expected = Vec::new();
        for (number, length) in pieces.iter().enumerate() {
            let byte = b'a' + u8::try_from(number % 26).unwrap();
            write_chunk(&mut expected, &vec![byte; length.unwrap_or(0)]);
        }
        expected.extend_from_slice(LAST_CHUNK);
        prop_assert_eq!(client.got, expected);
    }
}

fn request(version: Version, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::post("/v1/chat/completions").version(version);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

#[test]
fn only_requests_whose_connection_stays_are_relayed() {
    assert!(allows_relay(&request(Version::HTTP_11, &[])));
    let stays = [("connection", "Keep-Alive")];
    assert!(allows_relay(&request(Version::HTTP_11, &stays)));
    for other in [
        &[("connection", "close")][..],
        &[("connection", "keep-alive, close")],
        &[("connection", "keep-alive"), ("connection", "close")],
    ] {
        assert!(
            !allows_relay(&request(Version::HTTP_11, other)),
            "{other:?}"
        );
    }
    assert!(!allows_relay(&request(Version::HTTP_10, &stays)));
    assert!(!allows_relay(&request(Version::HTTP_2, &[])));
    let mut head = request(Version::HTTP_11, &[]);
    *head.method_mut() = Method::HEAD;
    assert!(!allows_relay(&head));
}

#[test]
fn only_replies_that_hyper_sends_in_chunks_are_relayed() {
    let reply = || Response::new(Scripted([Poll::Pending].into()));
    assert!(is_chunked(&reply()));
    assert!(!is_chunked(&Response::new(Full::new(Bytes::from("whole")))));
    assert!(!is_chunked(&Response::new(Empty::<Bytes>::new())));
    for name in [
        "content-length",
        "transfer-encoding",
        "trailer",
        "connection",
        "upgrade",
    ] {
        let mut reply = reply();
        reply
            .headers_mut()
            .insert(name, http::HeaderValue::from_static("1"));
        assert!(!is_chunked(&reply), "{name}");
    }
    let mut old = reply();
    *old.version_mut() = Version::HTTP_10;
    assert!(!is_chunked(&old));
    let mut empty = reply();
    *empty.status_mut() = StatusCode::NO_CONTENT;
    assert!(!is_chunked(&empty));
}

#[test]
fn a_relay_is_due_once_the_head_is_out_and_nothing_is_left_to_read() {
    let progress = Arc::new(Progress::default());
    let turns = [Poll::Pending, piece(b"x"), Poll::Pending];
    let mut lent = Lent::new(Scripted(turns.into()), Arc::clone(&progress));
    let mut context = Context::from_waker(Waker::noop());
    let mut poll = || Pin::new(&mut lent).poll_frame(&mut context);
    progress.read(true);
    progress.replied(true);
    assert!(poll().is_pending());
    assert!(!progress.is_relay_due(), "the head is not written");
    progress.written(false);
    progress.written(true);
    assert!(progress.is_relay_due());
    assert!(poll().is_ready());
    progress.written(true);
    assert!(!progress.is_relay_due(), "the body may have more");
    assert!(poll().is_pending());
    assert!(progress.is_relay_due());
    progress.read(false);
    assert!(!progress.is_relay_due(), "the next request has begun");
    progress.read(true);
    let ((), body) = progress.take_body(|| drop(lent));
    assert!(body.is_some());
    progress.replied(false);
    assert!(!progress.is_relay_due());
    drop(Lent::new(Scripted(Turns::new()), Arc::clone(&progress)));
    assert!(progress.take_body(|| ()).1.is_none());
}

#[test]
fn a_head_is_deferred_until_the_reply_before_it_is_written() {
    let progress = Arc::new(Progress::default());
    let mut context = Context::from_waker(Waker::noop());
    progress.requested();
    progress.deferred();
    progress.written(true);
    assert!(!progress.is_restart_due(), "the reply is yet to come");
    let mut lent = Lent::new(Scripted([piece(b"x")].into()), Arc::clone(&progress));
    progress.replied(false);
    assert!(Pin::new(&mut lent).poll_frame(&mut context).is_ready());
    drop(lent);
    assert!(!progress.is_restart_due(), "hyper has yet to write it");
    progress.written(false);
    assert!(!progress.is_restart_due(), "the socket did not take all");
    progress.written(true);
    assert!(progress.is_restart_due());
}
