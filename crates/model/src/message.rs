//! A message: as a backend asks for it, and what identifies it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tidings_json::Json;

use crate::{AppNo, CollapseKey, Dev, EventName, Limits, Millis, Token, TopicName, TopicNo, Uid};

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
    /// Who has subscribed to it.
    Topic(TopicName),
}

/// Whom the writer found: the devices that a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Sorted, without repeats.
    Devices(Vec<Dev>),
    /// Everyone in the app at this fact's own position.
    Everyone,
    /// The topic's members at this fact's own position.
    Members(TopicNo),
}

impl Targets {
    /// One message for many, kept once: what a device has of it is told by its cursor alone.
    pub const fn is_wide(&self) -> bool {
        match self {
            Self::Devices(_) => false,
            Self::Everyone | Self::Members(_) => true,
        }
    }
}

/// What the app's handler is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// One argument, `{"data": X}`.
    Data(Json),
    /// Exactly these arguments: a JSON array.
    Args(Json),
}

impl Body {
    /// As it is kept, and measured.
    pub fn text(&self) -> &str {
        match self {
            Self::Data(json) | Self::Args(json) => json.as_str(),
        }
    }
}

/// What a message says, and how it is told: the backend's words, kept as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub body: Body,
    /// The event that carries it; None: `app broadcast`, or the one named by the device's token.
    pub event_name: Option<EventName>,
    /// The newest with this key replaces the one that still waits.
    pub collapse_key: Option<CollapseKey>,
    /// For statistics by campaign.
    pub label: Option<Arc<str>>,
    /// Comes back in every receipt.
    pub meta: Option<Arc<str>>,
}

impl Content {
    /// `data` alone, as most messages are.
    pub fn data(data: Json) -> Self {
        Self { body: Body::Data(data), event_name: None, collapse_key: None, label: None, meta: None }
    }

    /// Whether it is `data` alone.
    pub fn is_plain(&self) -> bool {
        let Self { body, event_name, collapse_key, label, meta } = self;
        matches!(body, Body::Data(_)) && event_name.is_none() && collapse_key.is_none() && label.is_none() && meta.is_none()
    }

    /// About what its texts take.
    pub fn bytes(&self) -> usize {
        let Self { body, event_name, collapse_key, label, meta } = self;
        let name = event_name.as_ref().map_or(0, |name| name.as_str().len());
        let key = collapse_key.as_ref().map_or(0, |key| key.as_str().len());
        let opaque = [label, meta].into_iter().flatten().map(|text| text.len()).sum::<usize>();
        body.text().len() + name + key + opaque
    }
}

/// When nobody gets a message any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Seconds from its publish; 0: only who is connected now.
    Ttl(u32),
    /// At this log time.
    Until(Millis),
}

/// What a backend asks to have stored and carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub app: AppNo,
    pub to: Target,
    pub content: Arc<Content>,
    pub lifetime: Lifetime,
    pub strictness: Strictness,
    pub idempotency: Option<Idempotency>,
}

impl Draft {
    /// With every default: a day, unknown targets are named, no key.
    pub fn new(app: AppNo, to: Target, content: Content) -> Self {
        let lifetime = Lifetime::Ttl(Limits::TTL_S);
        Self { app, to, content: Arc::new(content), lifetime, strictness: Strictness::MayBeUnknown, idempotency: None }
    }
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
