//! The Socket.IO doors: a listener, workers that own their sockets from the accept on, HTTP/1 heads, TLS later.
//!
//! It moves bytes and time and decides nothing: no cursor, no proof, no event name, no SQL.

pub mod clock;
pub mod devices;
pub mod http;

mod config;
mod crowd;
mod door;
mod gateway;
mod inbox;
mod listener;
mod metrics;
mod slab;
mod table;
mod tls;
mod wheel;
mod worker;

pub use config::{Config, Deadlines};
pub use door::{Client, Document, Door, Found, Output, Reception, Slot, Visit, Visitor};
pub use gateway::{Gateway, StartError, WorkerDied};
pub use inbox::{FEED_MAX, Mailbox, Refused, Sender, inbox};
pub use metrics::{Gauge, Numbers};
pub use slab::Slab;
pub use tls::Certificate;
