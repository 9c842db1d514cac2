//! What an EIO3 client does to non-ASCII text before it counts and sends it (rule R3).

use std::borrow::Cow;

/// Remembered per session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    Unknown,
    /// JS 1.x: UTF-8 encoded into a string of chars up to U+00FF, then once more by the HTTP layer.
    Double,
    /// JS 2.x, Java 1.0.2, Swift: plain UTF-8.
    Raw,
}

impl Dialect {
    /// Undoes the double encoding where it is one.
    pub(super) fn decode<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        if text.is_ascii() || *self == Self::Raw {
            return Cow::Borrowed(text);
        }
        let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        match bytes {
            None => {
                *self = Self::Raw;
                Cow::Borrowed(text)
            }
            Some(bytes) => match String::from_utf8(bytes) {
                Ok(decoded) => {
                    *self = Self::Double;
                    Cow::Owned(decoded)
                }
                Err(_) => Cow::Borrowed(text),
            },
        }
    }
}
