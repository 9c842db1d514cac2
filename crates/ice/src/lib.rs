//! ZeroC Ice's protocol 1.0, both ends, written from its documented wire format: encodings 1.1 and 1.0, without classes.
//!
//! Codec ([`encoding`], [`exception`], [`header`], [`request`], [`reply`], [`proxy`]) and machine ([`connection`]) do no I/O and
//! read no clock. The feature `shell` adds the sockets. Two APIs are what others build on:
//! - a door: [`shell::Dispatch`] answers requests that [`shell::serve`] takes from a listener;
//! - a sink: [`shell::Client`] dials an [`Address`], and its [`shell::Proxy::invoke`] says what became of a call.
//!
//! [`push`] has the types and operations of `idl/Push.ice`, written by hand. What they mean is decided elsewhere. There is no
//! UDP, no WebSocket, no locator, no compression, and nobody can make us connect to an address that came over the wire.

pub mod connection;
pub mod encoding;
pub mod exception;
pub mod header;
pub mod limits;
pub mod proxy;
pub mod push;
pub mod reply;
pub mod request;
#[cfg(feature = "shell")]
pub mod shell;

pub use connection::{Answer, Call, CallError, CallId, Connection, Input, Output, Reason, Ticket};
pub use encoding::{DecodeError, Decoder, Encapsulation, Encoder, Encoding, Value};
pub use limits::Limits;
pub use proxy::{Address, BadAddress, Endpoint, Identity};
pub use reply::Reply;
pub use request::{Context, Mode, Request};
