//! Names that strangers send, parsed once at the border.

use std::fmt;
use std::sync::Arc;

use tidings_json::{Kind, kind, unescape};

/// Why a name is refused; the text continues a sentence that begins with the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError(pub &'static str);

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NameError {}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes a name that was checked before it was stored.
            pub fn trusted(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    };
}

name! {
    /// A user's id as the backend knows it: 1-128 bytes of UTF-8 without control characters.
    Uid
}
name! {
    /// One installation's id as the app names it: 1-64 bytes without control characters.
    DeviceId
}
name! {
    /// What a registration is known by: `p_` and 32 base64url characters (192 random bits).
    Token
}
name! {
    /// An app's name: `/`, or `/` and 1-63 of a-z 0-9 _ -.
    AppName
}
name! {
    /// A Socket.IO event name that a message may travel under: 1-64 bytes without control characters, not reserved.
    EventName
}
name! {
    /// What devices subscribe to: 1-128 bytes of UTF-8 without control characters.
    TopicName
}
name! {
    /// What a newer message replaces an older one by: 1-64 of A-Z a-z 0-9 _ . : -
    CollapseKey
}

fn bounded(text: &str, bytes_max: usize, long: &'static str) -> Result<Arc<str>, NameError> {
    if text.is_empty() {
        return Err(NameError("must not be empty"));
    }
    if text.len() > bytes_max {
        return Err(NameError(long));
    }
    if text.chars().any(char::is_control) {
        return Err(NameError("must not hold control characters"));
    }
    Ok(text.into())
}

impl Uid {
    pub const BYTES_MAX: usize = 128;

    pub fn parse(text: &str) -> Result<Self, NameError> {
        bounded(text, Self::BYTES_MAX, "is longer than 128 bytes").map(Self)
    }

    /// A JSON string, or a number of integer value within +-(2^53-1) which becomes its decimal text
    /// (`1.0` and `1e3` count, `-0` is `0`).
    pub fn from_json(raw: &str) -> Result<Self, NameError> {
        match kind(raw) {
            Kind::String => Self::parse(&unescape(raw).unwrap_or_default()),
            Kind::Number => {
                let number: f64 = raw.parse().map_err(|_| NameError("is no number"))?;
                const SAFE: f64 = 9_007_199_254_740_991.0;
                if number.fract() != 0.0 || number.abs() > SAFE {
                    return Err(NameError("is a number, but no integer within 2^53-1"));
                }
                // Exact: |number| < 2^53 and without a fraction.
                Ok(Self(format!("{}", number as i64).into()))
            }
            Kind::Null | Kind::Bool | Kind::Array | Kind::Object => Err(NameError("must be a string or an integer")),
        }
    }
}

impl DeviceId {
    pub const BYTES_MAX: usize = 64;

    pub fn parse(text: &str) -> Result<Self, NameError> {
        bounded(text, Self::BYTES_MAX, "is longer than 64 bytes").map(Self)
    }
}

impl Token {
    /// 24 random bytes.
    pub fn from_random(bits: [u8; 24]) -> Self {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::with_capacity(34);
        text.push_str("p_");
        for three in bits.chunks_exact(3) {
            let group = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
            for shift in [18, 12, 6, 0] {
                text.push(char::from(ALPHABET[(group >> shift & 63) as usize]));
            }
        }
        Self(text.into())
    }

    pub fn parse(text: &str) -> Result<Self, NameError> {
        let body = text.strip_prefix("p_").ok_or(NameError("is no token"))?;
        let ok = body.len() == 32 && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if ok { Ok(Self(text.into())) } else { Err(NameError("is no token")) }
    }

    /// The first characters, for a log line.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl AppName {
    /// `/` and so many more.
    const CHARS_MAX: usize = 63;
    /// Not for an app: the page events' namespace.
    const RESERVED: &'static str = "/backend";

    pub fn root() -> Self {
        Self("/".into())
    }

    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text == Self::RESERVED {
            return Err(NameError("is reserved"));
        }
        let rest = text.strip_prefix('/').filter(|rest| rest.len() <= Self::CHARS_MAX);
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if rest.is_some_and(|rest| rest.bytes().all(fits)) {
            Ok(Self(text.into()))
        } else {
            Err(NameError("must be /, or / and 1 to 63 of a-z 0-9 _ -"))
        }
    }
}

impl TopicName {
    pub const BYTES_MAX: usize = 128;

    pub fn parse(text: &str) -> Result<Self, NameError> {
        bounded(text, Self::BYTES_MAX, "is longer than 128 bytes").map(Self)
    }
}

impl CollapseKey {
    pub const BYTES_MAX: usize = 64;

    pub fn parse(text: &str) -> Result<Self, NameError> {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
        let fits = (1..=Self::BYTES_MAX).contains(&text.len()) && text.bytes().all(known);
        if fits { Ok(Self(text.into())) } else { Err(NameError("must be 1 to 64 of A-Z a-z 0-9 _ . : -")) }
    }
}

impl EventName {
    pub const BYTES_MAX: usize = 64;

    pub fn parse(text: &str) -> Result<Self, NameError> {
        if Self::is_reserved(text) {
            return Err(NameError("is a name that clients or Tidings keep for themselves"));
        }
        bounded(text, Self::BYTES_MAX, "is longer than 64 bytes").map(Self)
    }

    const RESERVED: [&'static str; 17] = [
        "connect",
        "connecting",
        "connect_error",
        "connect_timeout",
        "disconnect",
        "disconnecting",
        "error",
        "newListener",
        "removeListener",
        "ping",
        "pong",
        "reconnect",
        "reconnect_attempt",
        "reconnect_failed",
        "reconnect_error",
        "reconnecting",
        "app broadcast",
    ];

    /// Names that some client keeps for itself, or that Tidings uses: no message and no uid-named event may have one.
    pub fn is_reserved(name: &str) -> bool {
        Self::RESERVED.contains(&name) || name.starts_with('_') || name.starts_with("p_")
    }
}
