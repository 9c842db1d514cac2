//! A binary packet while its attachments are due: exactly so many binary messages, at once and in order.
//!
//! The socket's owner keeps a box of it only so long; a text packet, or a binary one that nothing announced, breaks the
//! protocol, which the owner sees by having or not having it.

use std::fmt;

use bytes::Bytes;

use crate::{Malformed, Packet, decode, encode};

#[cfg(test)]
mod tests;

/// More are refused on the header.
pub const ATTACHMENTS_MAX: usize = 10;

/// More than a packet may bring. It closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// More attachments than may be announced, or one that was not announced.
    Count,
    /// More bytes than all of them together may have.
    Bytes,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "too many attachments",
            Self::Bytes => "attachments too long",
        })
    }
}

impl std::error::Error for Excess {}

/// A header, and what has come of its attachments. Placeholders stay in the header's JSON as they are: nested, in any order.
#[derive(Debug)]
pub struct Pending {
    header: Box<str>,
    due: usize,
    attachments: Vec<Bytes>,
    bytes_left: usize,
}

impl Pending {
    /// `bytes_max`: of all attachments together.
    pub fn new(packet: Packet<'_>, bytes_max: usize) -> Result<Self, Excess> {
        if packet.attachments > ATTACHMENTS_MAX {
            return Err(Excess::Count);
        }
        let due = packet.attachments;
        Ok(Self { header: encode(&packet).into(), due, attachments: Vec::with_capacity(due), bytes_left: bytes_max })
    }

    /// True at once where none were announced: a count of 0 is legal.
    pub fn is_complete(&self) -> bool {
        self.attachments.len() == self.due
    }

    /// One more attachment; true when it was the last.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool, Excess> {
        if self.is_complete() {
            return Err(Excess::Count);
        }
        self.bytes_left = self.bytes_left.checked_sub(bytes.len()).ok_or(Excess::Bytes)?;
        self.attachments.push(Bytes::copy_from_slice(bytes));
        Ok(self.is_complete())
    }

    /// The header's text, as [`encode`] writes it.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// The header as a packet. An error only where [`Pending::new`] was given a packet that no text can say.
    pub fn packet(&self) -> Result<Packet<'_>, Malformed> {
        decode(&self.header)
    }

    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    pub fn into_attachments(self) -> Vec<Bytes> {
        self.attachments
    }
}
