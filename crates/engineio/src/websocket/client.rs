//! The other side, for tools and tests: a client's masked frames, and a reader of what a server sends.

use super::reader::{Sender, Taken};
use super::{Opcode, Violation, head, mask};

/// A whole client frame.
pub fn frame(opcode: Opcode, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let head = head(opcode, payload.len());
    let mut bytes = Vec::with_capacity(head.as_ref().len() + key.len() + payload.len());
    bytes.extend_from_slice(head.as_ref());
    if let Some(len) = bytes.get_mut(1) {
        *len |= 0x80;
    }
    bytes.extend_from_slice(&key);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    mask::apply(bytes.get_mut(start..).unwrap_or_default(), key);
    bytes
}

/// Reads a server's frames.
#[derive(Debug, Default)]
pub struct Reader(super::Reader);

impl Reader {
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`super::Reader::read`], for unmasked frames.
    pub fn read<'a>(&'a mut self, bytes: &'a mut [u8], max: usize) -> Result<Option<Taken<'a>>, Violation> {
        self.0.read_from(Sender::Server, bytes, max)
    }
}
