//! The bytes of a fact: a tag, a head (version and fields) and a body (what an app sent, as it stands).
//!
//! Tags and versions are for ever; a version's fields never change, new ones make a new version. It reads any bytes
//! without a panic and takes nothing it does not know.

use tidings_model::{Fact, Position};

use crate::ReadError;

mod bytes;
mod facts;
mod sinks;
mod tenancy;

pub(crate) use bytes::{Bytes, Malformed, Put};

/// A fact's bytes, without its check sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub tag: u8,
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Encoded {
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// CRC32C over the position, the tag, the head with its length, and the body.
    pub(crate) fn crc(&self, at: Position) -> u32 {
        checksum(at, self.tag, &self.head, &self.body)
    }
}

pub(crate) fn checksum(at: Position, tag: u8, head: &[u8], body: &[u8]) -> u32 {
    let mut front = [0; 13];
    front[..8].copy_from_slice(&at.raw().to_le_bytes());
    front[8] = tag;
    front[9..].copy_from_slice(&(head.len() as u32).to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&front), head), body)
}

/// The version that every tag has.
const VERSION: u8 = 1;
/// Versions of `tag::PUBLISHED`: more than `data`; a topic. Each message is written as the lowest that can say it.
const PUBLISHED_MORE: u8 = 2;
const PUBLISHED_TOPIC: u8 = 3;

mod tag {
    pub(super) const STARTED: u8 = 1;
    pub(super) const TICK: u8 = 2;
    pub(super) const APP_PUT: u8 = 3;
    pub(super) const APP_GONE: u8 = 4;
    pub(super) const KEY_PUT: u8 = 5;
    pub(super) const KEY_GONE: u8 = 6;
    pub(super) const REGISTERED: u8 = 10;
    pub(super) const UNREGISTERED: u8 = 11;
    pub(super) const PRESENCE: u8 = 12;
    pub(super) const ERASED: u8 = 14;
    pub(super) const DISCONNECTED: u8 = 15;
    pub(super) const SUBSCRIBED: u8 = 16;
    pub(super) const GHOST: u8 = 17;
    pub(super) const PUBLISHED: u8 = 20;
    pub(super) const PROVEN: u8 = 21;
    pub(super) const REPORTED: u8 = 22;
    pub(super) const OVERFLOWED: u8 = 23;
    pub(super) const RECALLED: u8 = 24;
    pub(super) const ENDED: u8 = 28;
    pub(super) const CLIENT_EVENT: u8 = 29;
    pub(super) const SINK_PUT: u8 = 30;
    pub(super) const SINK_GONE: u8 = 31;
    pub(super) const SINK_MOVED: u8 = 32;
}

pub(crate) use facts::{encode, proof, state};
pub(crate) use sinks::{put_conf, put_error, put_event, take_conf, take_error, take_event, take_sink_state};

/// `at` is named in the error.
pub(crate) fn decode(at: Position, tag: u8, head: &[u8], body: &[u8]) -> Result<Fact, ReadError> {
    let version = head.first().copied().unwrap_or(0);
    if !facts::knows(tag, version) {
        return Err(ReadError::Newer { at, tag, version });
    }
    facts::decode(tag, head, body).map_err(|Malformed(what)| ReadError::Corrupt { at, what })
}

#[cfg(test)]
mod tests;
