//! A hook's call that runs to its end, even where its waiter leaves.
//!
//! An app that hangs up drops the exchange, and with it the wait for a policy's call. The call
//! itself is not cancelled inside the guest, which made wasmtime panic (RUSTSEC-2026-0022): it goes
//! on as a task of its own, until it returns or its limits end it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// A call, with a flag that is set once it has begun.
pub(super) struct ToItsEnd<F: Future<Output: Send> + Send + 'static> {
    call: Option<Pin<Box<F>>>,
    begun: bool,
}

impl<F: Future<Output: Send> + Send + 'static> ToItsEnd<F> {
    /// Wraps a call that has not begun.
    pub(super) fn new(call: F) -> Self {
        Self {
            call: Some(Box::pin(call)),
            begun: false,
        }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for ToItsEnd<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.begun = true;
        let Some(call) = &mut self.call else {
            return Poll::Pending; // polled after its end, which no caller does
        };
        let poll = call.as_mut().poll(context);
        if poll.is_ready() {
            self.call = None;
        }
        poll
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for ToItsEnd<F> {
    fn drop(&mut self) {
        let Some(call) = self.call.take().filter(|_| self.begun) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_under_way_ends_though_nobody_waits() {
        let ended = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&ended);
        let call = ToItsEnd::new(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            noted.store(true, Ordering::Relaxed);
        });
        let left = tokio::time::timeout(Duration::from_millis(1), call).await;
        assert!(left.is_err() && !ended.load(Ordering::Relaxed));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(ended.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_began_never_does() {
        let begun = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&begun);
        drop(ToItsEnd::new(async move {
            noted.store(true, Ordering::Relaxed);
        }));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!begun.load(Ordering::Relaxed));
    }
}
