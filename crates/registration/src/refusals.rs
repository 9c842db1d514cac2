//! Why somebody is not let in, in the words that a device's developer reads.

use tidings_model::{Code, Refusal};

pub(crate) const MISSING: &str =
    "registration needs a credential: auth in register, or token in the auth object or in the handshake's query";
pub(crate) const MISSING_SIGNED: &str = "registration needs a signed uid: uid~exp~signature, in place of the uid";
pub(crate) const LONG: &str = "the credential is longer than 8 KiB";
pub(crate) const NO_JWT: &str = "the credential is no JWT: three parts of base64url, the first two JSON objects";
pub(crate) const ALGORITHM: &str = "the credential's alg is none of HS256, ES256, RS256 and EdDSA";
pub(crate) const CRITICAL: &str = "the credential has critical extensions (crit), none is known here";
pub(crate) const NO_KEY: &str = "no key that is configured fits the credential's alg and kid";
pub(crate) const SIGNATURE: &str = "the credential's signature is wrong";
pub(crate) const NO_EXPIRY: &str = "the credential has no exp: a number of seconds since 1970";
pub(crate) const EXPIRED: &str = "the credential has expired";
pub(crate) const LONG_LIVED: &str = "the credential's exp is more than 24 hours ahead";
pub(crate) const TOO_EARLY: &str = "the credential is not valid yet (nbf)";
pub(crate) const NO_SUBJECT: &str = "the credential has no sub that is a uid";
pub(crate) const OTHER_APP: &str = "the credential is for another app (aud)";
pub(crate) const OTHER_USER: &str = "the credential names another user";
pub(crate) const NOT_SIGNED: &str = "the uid is not signed: uid~exp~signature is expected";

pub(crate) fn forbidden(why: &'static str) -> Refusal {
    Refusal::new(Code::Forbidden, why)
}
