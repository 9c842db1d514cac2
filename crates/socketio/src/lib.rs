//! Socket.IO packets (protocol 4 and 5): text in, packets out, attachments put together.
//!
//! It knows nothing of Engine.IO, of namespaces' meaning or of our events.

pub mod attachments;
mod codec;
mod packet;

#[cfg(test)]
mod tests;

pub use codec::{Malformed, decode, encode};
pub use packet::{Event, Packet, PacketType};
