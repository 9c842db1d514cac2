//! A message: as a backend asks for it, and what identifies it.

use std::fmt;
use std::str::FromStr;

use tidings_json::Json;

use crate::{AppNo, Dev, Token, Uid};

/// UUIDv7 (RFC 9562): its milliseconds are the log time of its record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; 16]);

impl MessageId {
    /// `time_ms` in the first 48 bits, `random` behind it, version and variant set.
    pub fn v7(time_ms: u64, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&time_ms.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        bytes[6] = 0x70 | bytes[6] & 0x0f;
        bytes[8] = 0x80 | bytes[8] & 0x3f;
        Self(bytes)
    }

    pub fn time_ms(self) -> u64 {
        self.0[..6].iter().fold(0, |ms, b| ms << 8 | u64::from(*b))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMessageId;

impl FromStr for MessageId {
    type Err = NoMessageId;

    fn from_str(text: &str) -> Result<Self, NoMessageId> {
        let hex: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
        if text.len() != 36 || hex.len() != 32 {
            return Err(NoMessageId);
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let digit = |b: u8| char::from(b).to_digit(16).ok_or(NoMessageId);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

/// Whom a backend names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Everyone in the app.
    All,
    Uids(Vec<Uid>),
    Tokens(Vec<Token>),
    /// The tutorial's `id`: a known token, else a uid. Decided by the writer; never in a fact.
    TokenOrUid(String),
}

/// Whom the writer found: the devices that a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Sorted, without repeats.
    Devices(Vec<Dev>),
    /// Everyone in the app at this fact's own position.
    Everyone,
}

/// What a backend asks to have stored and carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub app: AppNo,
    pub to: Target,
    pub data: Json,
    /// Seconds; 0: only who is connected now.
    pub ttl_s: u32,
    pub strictness: Strictness,
    pub idempotency: Option<Idempotency>,
}

/// What a target that nobody has registered as means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// `/message` and a lone token: `unknown_target`, `token_unregistered`.
    MustBeKnown,
    /// `/v1/messages`: accepted, named in `invalid`.
    MayBeUnknown,
}

/// The digests of an Idempotency-Key (with its app) and of verb and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Idempotency {
    pub key: [u8; 16],
    pub request: u64,
}
