//! One Engine.IO client's life on the wire, revisions 3 and 4 as data: packets, polling payloads, WebSocket frames,
//! heartbeat, upgrade, proof questions.
//!
//! It does no I/O and reads no clock: bytes and `now` in, packets, bytes and deadlines out. It knows nothing of
//! Socket.IO (that is `socketio`) nor of HTTP heads (that is `gateway::http`).

pub mod engine;
pub mod polling;
pub mod websocket;

mod link;
mod moment;
mod packet;
mod sid;

pub use engine::{By, Engine, Event, Events, Frame, Outgoing, Reason, Settings};
pub use link::{Action, Content, Exchange, Fault, Form, Goodbye, Input, Link, Opening, Response, Transport};
pub use moment::Moment;
pub use packet::{Data, NoPacket, Packet, PacketType, Revision};
pub use sid::Sid;
pub use websocket::Message;
