//! Whole bodies, within bounds.

use std::{pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};

use crate::{BoxError, config::Limits};

/// Largest buffer that is made on the word of a `content-length` alone.
const TRUSTED: usize = 1 << 20;
/// The time for which the rest of a refused body is taken.
const LINGER: Duration = Duration::from_secs(1);
/// The most bytes of it.
const LINGER_BYTES: usize = 64 << 20;

/// A reason for which a body is not whole.
#[derive(Debug)]
pub(super) enum Incomplete {
    /// Over the limit.
    TooLarge,
    /// Nothing came for too long, or too little.
    Silent,
    /// Other bodies take all the memory that bodies may.
    NoRoom,
    /// The peer broke off.
    Broken(BoxError),
}

/// Takes and forgets what is left of a refused body, within bounds: a peer that is still writing
/// would lose the answer to the reset that closing on unread bytes causes (RFC 9112 §9.6).
pub(super) async fn discard<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let mut left = LINGER_BYTES;
    let drain = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Out of patience is as good as done.
    let _ = timeout(LINGER, drain).await;
}

/// Leaves the body of a request that its head alone was enough to refuse. An app that waits for
/// `100 Continue` keeps it (RFC 9110 §10.1.1): it gets its answer in that one's place. What others
/// are sending already is taken and forgotten.
pub(super) async fn decline<B: Body<Data = Bytes> + Unpin>(headers: &HeaderMap, body: B) {
    if !body.is_end_stream() && !headers.contains_key(header::EXPECT) {
        discard(body).await;
    }
}

/// The slowest that a body may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between two pieces, and before `rate` counts.
    pub(super) silence: Duration,
    /// Bytes a second, on average: one byte before each end of the silence would hold a connection
    /// for ever. 0: any.
    pub(super) rate: usize,
}

impl Pace {
    /// For requests.
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            silence: limits.body_timeout,
            rate: limits.body_rate,
        }
    }

    /// The longest that the next piece may take, of a body of which so much came in so long.
    pub(super) fn patience(self, came: usize, took: Duration) -> Duration {
        let earned = came
            .checked_div(self.rate)
            .map_or(u64::MAX, |seconds| seconds as u64);
        let all = self.silence.saturating_add(Duration::from_secs(earned));
        self.silence.min(all.saturating_sub(took))
    }
}

/// Reads a reply's `body` to its end: `limit` bytes at most, no longer than `silence` between two
/// pieces.
pub(super) async fn collect<B>(
    body: B,
    limit: usize,
    silence: Duration,
) -> Result<Bytes, Incomplete>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    gather(body, limit, Pace { silence, rate: 0 }, |_| true).await
}

/// Reads `body` to its end: `limit` bytes at most, as slow as `pace` allows, each piece where
/// `room` is for it.
pub(super) async fn gather<B>(
    mut body: B,
    limit: usize,
    pace: Pace,
    mut room: impl FnMut(usize) -> bool,
) -> Result<Bytes, Incomplete>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let mut begun = None;
    let expected = body.size_hint().lower();
    if expected > limit as u64 {
        return Err(Incomplete::TooLarge);
    }
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    loop {
        // A piece that is there already costs no timer.
        let frame = match std::future::poll_fn(|context| {
            std::task::Poll::Ready(Pin::new(&mut body).poll_frame(context))
        })
        .await
        {
            std::task::Poll::Ready(frame) => frame,
            std::task::Poll::Pending => {
                let came = rest.as_ref().map_or(first.len(), BytesMut::len);
                let begun = begun.get_or_insert_with(Instant::now);
                timeout(pace.patience(came, begun.elapsed()), body.frame())
                    .await
                    .map_err(|_| Incomplete::Silent)?
            }
        };
        let Some(frame) = frame else {
            return Ok(rest.map_or(first, BytesMut::freeze));
        };
        let Ok(piece) = frame
            .map_err(|error| Incomplete::Broken(error.into()))?
            .into_data()
        else {
            continue; // trailers say nothing that we need
        };
        if rest.as_ref().map_or(first.len(), BytesMut::len) + piece.len() > limit {
            discard(body).await;
            return Err(Incomplete::TooLarge);
        }
        if !room(piece.len()) {
            discard(body).await;
            return Err(Incomplete::NoRoom);
        }
        match &mut rest {
            Some(rest) => rest.extend_from_slice(&piece),
            None if first.is_empty() => first = piece,
            None => {
                let room = usize::try_from(expected).unwrap_or(TRUSTED).min(TRUSTED);
                let mut whole = BytesMut::with_capacity(room.max(first.len() + piece.len()));
                whole.extend_from_slice(&first);
                whole.extend_from_slice(&piece);
                rest = Some(whole);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    const SILENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn one_piece_is_not_copied() {
        let bytes = Bytes::from(vec![7; 100]);
        let whole = collect(Full::new(bytes.clone()), 100, SILENCE)
            .await
            .unwrap();
        assert_eq!(whole.as_ptr(), bytes.as_ptr());
    }

    #[tokio::test]
    async fn a_byte_too_many_is_too_large_declared_or_not() {
        let declared = collect(Full::new(Bytes::from(vec![7; 101])), 100, SILENCE).await;
        assert!(matches!(declared, Err(Incomplete::TooLarge)));
        let (sender, body) = http_body_util::channel::Channel::<Bytes>::new(4);
        let mut sender = sender;
        sender.send_data(Bytes::from(vec![7; 60])).await.unwrap();
        sender.send_data(Bytes::from(vec![7; 41])).await.unwrap();
        assert!(matches!(
            collect(body, 100, SILENCE).await,
            Err(Incomplete::TooLarge)
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_given_up_and_one_that_keeps_the_rate_is_not() {
        let drip = |bytes: usize| {
            let pieces = futures_util::stream::unfold(0, move |n| async move {
                tokio::time::sleep(Duration::from_millis(4900)).await;
                let piece = http_body::Frame::data(Bytes::from(vec![7; bytes]));
                (n < 100).then_some((Ok::<_, std::io::Error>(piece), n + 1))
            });
            StreamBody::new(Box::pin(pieces))
        };
        let pace = Pace {
            silence: SILENCE,
            rate: 1024,
        };
        let begun = Instant::now();
        let slow = gather(drip(1), 1 << 20, pace, |_| true).await;
        assert!(matches!(slow, Err(Incomplete::Silent)));
        assert_eq!(begun.elapsed(), SILENCE);
        let steady = gather(drip(5 << 10), 1 << 20, pace, |_| true)
            .await
            .unwrap();
        assert_eq!(steady.len(), 500 << 10);
    }

    #[tokio::test]
    async fn a_piece_for_which_there_is_no_room_is_not_taken() {
        let body = || Full::new(Bytes::from(vec![7; 60]));
        let pace = Pace {
            silence: SILENCE,
            rate: 0,
        };
        let none = gather(body(), 100, pace, |more| more < 60).await;
        assert!(matches!(none, Err(Incomplete::NoRoom)));
        assert!(gather(body(), 100, pace, |more| more == 60).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_is_given_up_after_the_configured_silence() {
        let never =
            futures_util::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
        let begun = tokio::time::Instant::now();
        assert!(matches!(
            collect(StreamBody::new(never), 100, SILENCE).await,
            Err(Incomplete::Silent)
        ));
        assert_eq!(begun.elapsed(), SILENCE);
    }
}
