//! The provider's side: connections, TLS, credentials, and the model that is built in.
//!
//! A request is sent in two steps: [`credentials::outgoing`] writes its head for one upstream,
//! [`pool::Pool::send`] puts it on a connection, after the credential of the pod's [`identity`]
//! where the upstream has one. Nothing here decides: the exchange chooses the
//! upstream, the number of attempts and the time-outs. [`side`] is separate; it serves the
//! policies' own calls.

pub mod addresses;
pub mod body;
pub mod collector;
pub mod connect;
pub mod credentials;
pub mod embeddings;
pub mod identity;
pub mod pool;
pub mod side;

pub use body::{Ahead, Decoded, Inbound, Payload};
pub use pool::{Connection, Pool, SendError, Workers};

pub use crate::BoxError;

/// Finds an error of type `T` among an error's causes, those wrapped in an `io::Error` included
/// (whose `source` skips them).
pub fn cause<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    None
}
