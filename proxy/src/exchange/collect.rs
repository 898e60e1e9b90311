//! Whole bodies, within bounds.

use std::{pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::timeout;

/// Largest buffer that is made on the word of a `content-length` alone.
const TRUSTED: usize = 1 << 20;
/// How long the rest of a refused body is taken.
const LINGER: Duration = Duration::from_secs(1);
/// How much of it.
const LINGER_BYTES: usize = 64 << 20;

/// Why a body is not whole.
#[derive(Debug)]
pub(super) enum Incomplete {
    /// Over the limit.
    TooLarge,
    /// Nothing came for too long.
    Silent,
    /// The peer broke off.
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

/// Takes and forgets what is left of a refused body, within bounds: a peer that is still writing would lose the answer to the reset that
/// closing on unread bytes causes (RFC 9112 §9.6).
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

/// Reads `body` to its end: `limit` bytes at most, no longer than `silence` between two pieces.
pub(super) async fn collect<B>(
    mut body: B,
    limit: usize,
    silence: Duration,
) -> Result<Bytes, Incomplete>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
{
    let expected = body.size_hint().lower();
    if expected > limit as u64 {
        discard(body).await;
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
            std::task::Poll::Pending => timeout(silence, body.frame())
                .await
                .map_err(|_| Incomplete::Silent)?,
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
    async fn a_byte_too_many_is_too_large_told_or_not() {
        let told = collect(Full::new(Bytes::from(vec![7; 101])), 100, SILENCE).await;
        assert!(matches!(told, Err(Incomplete::TooLarge)));
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
