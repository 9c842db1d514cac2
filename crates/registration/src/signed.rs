//! Signed uids, for apps that cannot change: the uid that the business server gives them carries its own proof.
//!
//! `uid~exp~base64url(HMAC-SHA256(secret, app~uid~exp))`, `exp` in seconds since 1970. A uid may hold `~` itself, neither an
//! app's name nor what stands behind the uid can: so both forms are read from the right, and no two mean the same.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tidings_model::{AppName, Refusal, Uid};

use crate::refusals::{EXPIRED, NO_SUBJECT, NOT_SIGNED, SIGNATURE, forbidden};
use crate::secret::SharedSecret;

/// Digits of `exp`: enough for any time, and no overflow.
const EXP_DIGITS: usize = 15;

/// Whose uid it is, at `now_s`.
pub(crate) fn verify(secret: &SharedSecret, app: &AppName, text: &str, now_s: u64) -> Result<Uid, Refusal> {
    let (signed, tag) = text.rsplit_once('~').ok_or_else(|| forbidden(NOT_SIGNED))?;
    let (uid, exp) = signed.rsplit_once('~').ok_or_else(|| forbidden(NOT_SIGNED))?;
    let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| forbidden(SIGNATURE))?;
    if !secret.verifies(format!("{app}~{signed}").as_bytes(), &tag) {
        return Err(forbidden(SIGNATURE));
    }
    // Signed by the business server: what is wrong from here on is its own doing.
    if now_s >= seconds(exp).ok_or_else(|| forbidden(NOT_SIGNED))? {
        return Err(forbidden(EXPIRED));
    }
    Uid::parse(uid).map_err(|_| forbidden(NO_SUBJECT))
}

fn seconds(text: &str) -> Option<u64> {
    let is_number = text.len() <= EXP_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// A signed uid that is good until `exp_s`.
pub fn issue(secret: &SharedSecret, app: &AppName, uid: &Uid, exp_s: u64) -> String {
    let tag = secret.sign(format!("{app}~{uid}~{exp_s}").as_bytes());
    format!("{uid}~{exp_s}~{}", URL_SAFE_NO_PAD.encode(tag))
}
