//! What an EIO3 client does to non-ASCII text before it counts and sends it.

use std::borrow::Cow;

/// Remembered per session: one byte.
///
/// A text whose chars are all at most U+00FF, and as bytes are valid UTF-8, is taken for doubly encoded. A client that sends
/// `Ã©` raw is misread as saying `é` until it has sent a char that no double encoding holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    Unknown,
    /// JS 1.x: UTF-8 encoded into a string of chars up to U+00FF, then once more by the HTTP layer.
    Double,
    /// JS 2.x, Java 1.0.2, Swift: plain UTF-8. For good.
    Raw,
}

impl Dialect {
    /// Looks at a whole body before its packets are read: one wide char anywhere makes all of them raw.
    pub(super) fn observe(&mut self, body: &str) {
        if *self != Self::Raw && !body.is_ascii() && body.chars().any(|c| c > '\u{ff}') {
            *self = Self::Raw;
        }
    }

    /// Undoes the double encoding where it is one.
    pub(super) fn decode<'a>(&mut self, packet: &'a str) -> Cow<'a, str> {
        if *self == Self::Raw || packet.is_ascii() {
            return Cow::Borrowed(packet);
        }
        let bytes: Option<Vec<u8>> = packet.chars().map(|c| u8::try_from(c).ok()).collect();
        match bytes.map(String::from_utf8) {
            Some(Ok(decoded)) => {
                *self = Self::Double;
                Cow::Owned(decoded)
            }
            Some(Err(_)) | None => Cow::Borrowed(packet),
        }
    }
}
