//! A secret that is shared with the business server, from a file.

use std::fmt;

use ring::hmac;

/// A key for HMAC-SHA256. It never shows itself.
#[derive(Clone)]
pub struct SharedSecret(hmac::Key);

impl SharedSecret {
    /// Shorter ones can be guessed.
    pub const BYTES_MIN: usize = 32;

    /// A file's bytes; a line's end behind them does not count. Errors go on from the file's name.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.len() < Self::BYTES_MIN {
            let (length, least) = (bytes.len(), Self::BYTES_MIN);
            return Err(format!("holds {length} bytes; a secret has at least {least}: openssl rand -hex 32 makes one"));
        }
        Ok(Self::from_bytes(bytes))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, message)
    }

    /// In constant time.
    pub(crate) fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret")
    }
}
