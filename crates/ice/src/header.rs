//! The fourteen bytes before every message.

use std::fmt;

use bytes::Bytes;

use crate::encoding::Encoder;

/// Bytes of a head.
pub const LEN: usize = 14;

/// ValidateConnection: the server's first word, and later a heartbeat.
pub(crate) const VALIDATE: [u8; LEN] = *b"IceP\x01\x00\x01\x00\x03\x00\x0e\x00\x00\x00";
/// CloseConnection.
pub(crate) const CLOSE: [u8; LEN] = *b"IceP\x01\x00\x01\x00\x04\x00\x0e\x00\x00\x00";

/// Magic, protocol 1.0, and the head's own encoding, which is always 1.0.
const START: [u8; 8] = *b"IceP\x01\x00\x01\x00";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request = 0,
    Batch = 1,
    Reply = 2,
    Validate = 3,
    Close = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    /// Bytes of the whole message, this head included; within the limit it was parsed under.
    pub size: usize,
}

/// What ends a connection without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Another magic, protocol or head encoding: not Ice, or none that exists.
    NotIce,
    UnknownType(u8),
    /// The peer compresses: its proxy has `-z` or an override.
    Compressed,
    BadCompression(u8),
    /// A size below a head's, or a body where there is none.
    BadSize(i32),
    /// Bytes, and how many may come.
    TooLarge {
        size: usize,
        limit: usize,
    },
    /// A request or reply whose head cannot be read.
    Malformed,
    /// Something before the server's ValidateConnection.
    NotValidated,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotIce => f.write_str("not the Ice protocol 1.0"),
            Self::UnknownType(kind) => write!(f, "unknown message type {kind}"),
            Self::Compressed => f.write_str("peer compresses; remove -z"),
            Self::BadCompression(status) => write!(f, "unknown compression status {status}"),
            Self::BadSize(size) => write!(f, "invalid message size {size}"),
            Self::TooLarge { size, limit } => write!(f, "message is {size} bytes, the limit is {limit}"),
            Self::Malformed => f.write_str("malformed message"),
            Self::NotValidated => f.write_str("the peer did not begin with ValidateConnection"),
        }
    }
}

impl std::error::Error for Violation {}

impl Header {
    /// `limit`: bytes of a message.
    pub fn parse(bytes: &[u8; LEN], limit: usize) -> Result<Self, Violation> {
        let [start @ .., kind, compression, s0, s1, s2, s3] = bytes;
        if *start != START {
            return Err(Violation::NotIce);
        }
        let kind = kind_of(*kind)?;
        let size = i32::from_le_bytes([*s0, *s1, *s2, *s3]);
        let size = usize::try_from(size).ok().filter(|&size| size >= LEN).ok_or(Violation::BadSize(size))?;
        if size > limit {
            return Err(Violation::TooLarge { size, limit });
        }
        if size > LEN && matches!(kind, Kind::Validate | Kind::Close) {
            return Err(Violation::BadSize(size as i32));
        }
        match compression {
            0 | 1 => Ok(Self { kind, size }),
            2 => Err(Violation::Compressed),
            other => Err(Violation::BadCompression(*other)),
        }
    }
}

fn kind_of(kind: u8) -> Result<Kind, Violation> {
    match kind {
        0 => Ok(Kind::Request),
        1 => Ok(Kind::Batch),
        2 => Ok(Kind::Reply),
        3 => Ok(Kind::Validate),
        4 => Ok(Kind::Close),
        other => Err(Violation::UnknownType(other)),
    }
}

/// A message: its head, and the body that `write` writes.
pub(crate) fn message(kind: Kind, write: impl FnOnce(&mut Encoder)) -> Bytes {
    let mut encoder = Encoder::new();
    encoder.raw(&START).raw(&[kind as u8, 0]).int32(0);
    write(&mut encoder);
    encoder.patch(LEN - 4, encoder.len());
    encoder.finish()
}
