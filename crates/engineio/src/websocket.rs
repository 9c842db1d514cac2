//! WebSocket (RFC 6455) without extensions: frames in and out. It imports nothing of Engine.IO.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use sha1::{Digest, Sha1};

pub mod client;
mod mask;
mod reader;

#[cfg(test)]
mod tests;

pub use reader::{Reader, Taken, Violation, need};

/// A whole message or a control frame, unmasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    /// Close frame with its code, if it has one.
    Close(Option<u16>),
}

/// RFC 6455, section 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    pub(crate) const fn parse(nibble: u8) -> Option<Self> {
        Some(match nibble {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    pub(crate) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The head of a server frame: final, unmasked.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; 10],
    len: u8,
}

impl AsRef<[u8]> for Head {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

pub fn head(opcode: Opcode, len: usize) -> Head {
    let first = 0x80 | opcode as u8;
    let mut bytes = [first, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let [_, small, rest @ ..] = &mut bytes;
    let used = if len < 126 {
        *small = len as u8;
        2
    } else if let Ok(len) = u16::try_from(len) {
        *small = 126;
        rest[..2].copy_from_slice(&len.to_be_bytes());
        4
    } else {
        *small = 127;
        rest.copy_from_slice(&(len as u64).to_be_bytes());
        10
    };
    Head { bytes, len: used }
}

/// A whole server frame.
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let head = head(opcode, payload.len());
    let mut bytes = BytesMut::with_capacity(head.as_ref().len() + payload.len());
    bytes.put_slice(head.as_ref());
    bytes.put_slice(payload);
    bytes.freeze()
}

pub fn close_frame(code: u16) -> Bytes {
    frame(Opcode::Close, &code.to_be_bytes())
}

/// `Sec-WebSocket-Accept`; None where the key is not 16 bytes of base64.
pub fn accept(key: &str) -> Option<String> {
    if STANDARD.decode(key).ok()?.len() != 16 {
        return None;
    }
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    Some(STANDARD.encode(hash.finalize()))
}
