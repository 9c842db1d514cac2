//! A claim's verdict by keys alone: no clock, no file, no network.

use tidings_model::{Claim, Refusal, Secret, Uid, Verdict};

use crate::keys::KeySet;
use crate::refusals::{LONG, MISSING, MISSING_SIGNED, OTHER_USER, forbidden};
use crate::secret::SharedSecret;
use crate::{jwt, signed};

#[derive(Clone, Debug)]
pub enum Verifier {
    Jwt(KeySet),
    Signed(SharedSecret),
}

impl Verifier {
    /// At `now_s`, seconds since 1970.
    pub fn verify(&self, claim: &Claim, now_s: u64) -> Verdict {
        is_bounded(claim)?;
        match self {
            Self::Jwt(keys) => {
                let credential = claim.credential.as_ref().ok_or_else(|| forbidden(MISSING))?;
                let uid = jwt::verify(keys, &claim.app, credential.reveal(), now_s)?;
                is_nobody_else(claim, uid)
            }
            Self::Signed(secret) => verify_signed(secret, claim, now_s),
        }
    }
}

/// The name is the credential; an app that has it in its handshake may then say the plain uid.
fn verify_signed(secret: &SharedSecret, claim: &Claim, now_s: u64) -> Verdict {
    let verify = |text: &Secret| signed::verify(secret, &claim.app, text.reveal(), now_s);
    match (claim.named.as_ref().map(verify), &claim.credential) {
        (Some(Ok(uid)), _) => Ok(uid),
        (_, Some(credential)) => verify(credential).and_then(|uid| is_nobody_else(claim, uid)),
        (Some(Err(refusal)), None) => Err(refusal),
        (None, None) => Err(forbidden(MISSING_SIGNED)),
    }
}

/// Whoever says a name has to be that one.
pub(crate) fn is_nobody_else(claim: &Claim, uid: Uid) -> Verdict {
    let is_other = claim.named.as_ref().is_some_and(|named| named.reveal() != uid.as_str());
    if is_other { Err(forbidden(OTHER_USER)) } else { Ok(uid) }
}

pub(crate) fn is_bounded(claim: &Claim) -> Result<(), Refusal> {
    let mut shown = claim.named.iter().chain(&claim.credential);
    if shown.any(|secret| secret.reveal().len() > Secret::BYTES_MAX) { Err(forbidden(LONG)) } else { Ok(()) }
}
