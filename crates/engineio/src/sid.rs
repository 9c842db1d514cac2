//! An Engine.IO session id: where the session lives, and 96 random bits. So no table of sids is needed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

#[cfg(test)]
mod tests;

/// base64url(worker, slot, key): 24 characters. A secret: whoever has it can speak for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sid {
    pub worker: u16,
    pub slot: u32,
    pub key: [u8; 12],
}

impl Sid {
    pub const LEN: usize = 24;

    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 18];
        if text.len() != Self::LEN || URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) != Ok(18) {
            return None;
        }
        let [w0, w1, s0, s1, s2, s3, key @ ..] = bytes;
        Some(Self { worker: u16::from_be_bytes([w0, w1]), slot: u32::from_be_bytes([s0, s1, s2, s3]), key })
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 18];
        bytes[..2].copy_from_slice(&self.worker.to_be_bytes());
        bytes[2..6].copy_from_slice(&self.slot.to_be_bytes());
        bytes[6..].copy_from_slice(&self.key);
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}
