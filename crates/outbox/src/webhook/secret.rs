//! What a webhook is signed with, as Standard Webhooks has it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use tidings_model::SinkSecret;

/// `whsec_` and base64: what the receiver is given.
pub fn revealed(secret: &SinkSecret) -> String {
    format!("whsec_{}", STANDARD.encode(secret.bytes()))
}

/// `v1,` and base64.
pub(super) fn signature(secret: &SinkSecret, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, message)))
}

#[cfg(test)]
mod tests;
