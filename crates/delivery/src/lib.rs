//! What one socket may get next: phases, the seam between mailbox and live, queues, replays, proofs; and a worker's roster.
//!
//! Here is the product. It nests the wire machines and does no I/O: bytes, answers, facts and `now` in; bytes, requests
//! and deadlines out. It deliberately knows no store, no socket, no thread and no clock, so that a simulator can run whole
//! histories of it under one seed.

mod claim;
mod config;
mod context;
mod encoded;
mod intent;
mod mark;
mod output;
mod pattern;
mod proof;
mod query;
mod rate;
mod recalls;
mod roster;
mod session;
mod slab;
mod stream;

pub use config::{Config, DirectEvent, Planted, Registration};
pub use output::{Heard, Output, Query, Saying, Ticket};
pub use pattern::Pattern;
pub use roster::{Client, Counters, Found, Roster, Traveller};
