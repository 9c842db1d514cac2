//! The sockets: a server that dispatches and a client that calls, thin around [`crate::Connection`].
//!
//! A task per connection reads, waits and writes; every task belongs to [`serve`] or to a [`Client`], which end it. It decides
//! nothing of the protocol, and nothing of what operations mean.

use std::future::Future;
use std::net::SocketAddr;

mod client;
mod dial;
mod invoke;
mod link;
mod serve;
pub mod tls;

#[cfg(test)]
mod tests;

pub use client::{Client, ClientSettings};
pub use dial::{DialError, DialFailure};
pub use invoke::{Execution, InvokeError, NotExecuted, Outcome, Proxy};
pub use serve::{Counters, ServerSettings, serve};

use crate::connection::Answer;
use crate::request::Request;

/// Answers what comes in through [`serve`]. One request is one call; those of a connection run side by side.
pub trait Dispatch: Send + Sync + 'static {
    /// `peer`: who asks. A panic in here is answered as an internal error.
    fn dispatch(&self, request: Request, peer: SocketAddr) -> impl Future<Output = Answer> + Send;
}
