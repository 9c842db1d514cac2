//! The outbox: the log seen as events, and the sinks that take them to the business server.
//!
//! It deliberately keeps no copy of the events and decides nothing about messages: a sink is a cursor into the one log.

mod carrier;
pub mod course;
mod driver;
mod event;
mod webhook;

pub use carrier::{Carrier, Carriers, Outcome};
pub use driver::{Meter, Outbox, SinkNumbers};
pub use event::{data, line, object};
pub use webhook::{Allowed, Target, Tried, Webhook, Webhooks, revealed};
