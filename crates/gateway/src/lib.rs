//! The Socket.IO doors: a listener, workers that own their sockets from the accept on, HTTP/1 heads, TLS later.
//!
//! It moves bytes and time and decides nothing: no cursor, no proof, no event name, no SQL.

mod door;

pub use door::{Client, Door, Found, Output, Slot};
