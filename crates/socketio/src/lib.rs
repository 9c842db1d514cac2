//! Socket.IO packets (protocol 4 and 5): text in, packets out, attachments put together, and what the two protocols do
//! differently about namespaces.
//!
//! It knows nothing of Engine.IO and of our events, and keeps nothing per socket but a packet whose attachments are due.

pub mod attachments;
mod codec;
pub mod namespace;
mod packet;

pub use codec::{Malformed, decode, encode};
pub use packet::{Event, Packet, PacketType};
