//! The codes of every refusal: the contract. `api::error` maps them to HTTP, doors put them into `_register_error` and acks.

use std::borrow::Cow;
use std::fmt;

macro_rules! codes {
    ($($variant:ident = $text:literal $number:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($variant = $number,)* }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The number that the log keeps; never reused.
            pub const fn number(self) -> u8 {
                self as u8
            }
        }
    };
}

codes! {
    InvalidJson = "invalid_json" 1,
    InvalidField = "invalid_field" 2,
    UnknownField = "unknown_field" 3,
    MissingTarget = "missing_target" 4,
    AmbiguousTarget = "ambiguous_target" 5,
    InvalidKey = "invalid_key" 6,
    ExpiredKey = "expired_key" 7,
    ScopeDenied = "scope_denied" 8,
    AppDisabled = "app_disabled" 9,
    Forbidden = "forbidden" 10,
    NotFound = "not_found" 11,
    UnknownTarget = "unknown_target" 12,
    MethodNotAllowed = "method_not_allowed" 13,
    TokenUnregistered = "token_unregistered" 14,
    CursorExpired = "cursor_expired" 15,
    TooLate = "too_late" 16,
    Conflict = "conflict" 17,
    PayloadTooLarge = "payload_too_large" 18,
    UnsupportedMedia = "unsupported_media" 19,
    IdempotencyMismatch = "idempotency_mismatch" 20,
    RateLimited = "rate_limited" 21,
    QuotaExceeded = "quota_exceeded" 22,
    Internal = "internal" 23,
    Overloaded = "overloaded" 24,
    Draining = "draining" 25,
    StorageUnavailable = "storage_unavailable" 26,
    OutcomeUnknown = "outcome_unknown" 27,
    Timeout = "timeout" 28,
}

impl Code {
    /// Whether the same request may succeed later (with the same idempotency key).
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::QuotaExceeded
                | Self::Internal
                | Self::Overloaded
                | Self::Draining
                | Self::StorageUnavailable
                | Self::OutcomeUnknown
                | Self::Timeout
        )
    }

    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request that was refused: what the caller reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// What, why, what to do: a lower-case fragment without a full stop.
    pub message: Cow<'static, str>,
    pub field: Option<&'static str>,
    pub limit: Option<u64>,
    pub actual: Option<u64>,
    /// `cursor_expired`: the oldest one kept.
    pub oldest: Option<String>,
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), field: None, limit: None, actual: None, oldest: None, retry_after_ms: None }
    }

    #[must_use]
    pub fn field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    #[must_use]
    pub fn sizes(mut self, limit: u64, actual: u64) -> Self {
        (self.limit, self.actual) = (Some(limit), Some(actual));
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}
