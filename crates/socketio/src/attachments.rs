//! A binary packet while its attachments are due: exactly so many binary messages, at once and in order.

use bytes::Bytes;

use crate::{Malformed, Packet, encode};

/// More are refused on the header.
pub const ATTACHMENTS_MAX: usize = 10;

/// A header, and what has come of its attachments. Placeholders stay in the header's JSON as they are.
#[derive(Debug)]
pub struct Pending {
    header: String,
    due: usize,
    attachments: Vec<Bytes>,
    bytes_left: usize,
}

impl Pending {
    /// `bytes_max`: of all attachments together.
    pub fn new(packet: Packet<'_>, bytes_max: usize) -> Result<Self, Malformed> {
        if packet.attachments > ATTACHMENTS_MAX {
            return Err(Malformed::Attachments);
        }
        Ok(Self { due: packet.attachments, header: encode(&packet), attachments: Vec::new(), bytes_left: bytes_max })
    }

    pub fn is_complete(&self) -> bool {
        self.attachments.len() == self.due
    }

    /// One more attachment; true when it was the last.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool, Malformed> {
        if self.is_complete() {
            return Err(Malformed::Attachments);
        }
        self.bytes_left = self.bytes_left.checked_sub(bytes.len()).ok_or(Malformed::Attachments)?;
        self.attachments.push(Bytes::copy_from_slice(bytes));
        Ok(self.is_complete())
    }

    /// The header's text, to be decoded again when all is there.
    pub fn header(&self) -> &str {
        &self.header
    }

    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }
}
