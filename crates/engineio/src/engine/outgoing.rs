//! What leaves a session: frames encoded once and shared, and short packets of the engine's own.

use bytes::{BufMut, Bytes, BytesMut};

use crate::websocket::{self, Opcode};

/// A text packet (`4` and what follows) as a whole server frame. Server frames are unmasked, so the same bytes serve
/// every WebSocket, and without their head every polling payload. Cloning shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    head: u8,
}

impl Frame {
    /// `packet` begins with its type digit.
    pub fn new(packet: &str) -> Self {
        let head = websocket::head(Opcode::Text, packet.len());
        let mut bytes = BytesMut::with_capacity(head.as_ref().len() + packet.len());
        bytes.put_slice(head.as_ref());
        bytes.put_slice(packet.as_bytes());
        Self { bytes: bytes.freeze(), head: head.as_ref().len() as u8 }
    }

    /// The packet's text.
    pub fn packet(&self) -> &str {
        std::str::from_utf8(self.bytes.get(usize::from(self.head)..).unwrap_or_default()).unwrap_or_default()
    }

    /// The whole frame.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// What a session is asked to send.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A text packet.
    Text(Frame),
    /// A binary message, without a type byte.
    Binary(Bytes),
}

impl Outgoing {
    /// Its size on the wire, about.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(frame) => frame.bytes.len(),
            Self::Binary(bytes) => bytes.len() + 8,
        }
    }
}

pub(crate) const PING: &str = "2";
pub(crate) const PONG: &str = "3";
pub(crate) const NOOP: &str = "6";
pub(crate) const CLOSE: &str = "1";

/// `2` and `3` as whole server frames.
pub(crate) const PING_FRAME: &[u8] = &[0x81, 1, b'2'];
pub(crate) const PONG_FRAME: &[u8] = &[0x81, 1, b'3'];
pub(crate) const PROBE_PONG_FRAME: &[u8] = &[0x81, 6, b'3', b'p', b'r', b'o', b'b', b'e'];
