//! JSON Web Tokens, as far as they are let in: compact, signed, with `sub`, `exp` and `aud`.
//!
//! A key knows its algorithm (`keys.rs`), so a token's `alg` chooses among keys and never how one is used.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tidings_json::{Json, Kind, elements, kind, unescape, write_string};
use tidings_model::{AppName, Refusal, Uid};

use crate::LIFETIME_MAX_S;
use crate::keys::{Algorithm, KeySet};
use crate::refusals::*;
use crate::secret::SharedSecret;

/// Clocks may differ so much, where a token says from when on it is good.
const SKEW_S: f64 = 60.0;

/// Whose token it is, at `now_s`.
pub(crate) fn verify(keys: &KeySet, app: &AppName, text: &str, now_s: u64) -> Result<Uid, Refusal> {
    let (signed, signature) = text.rsplit_once('.').ok_or_else(|| forbidden(NO_JWT))?;
    let (header, claims) = signed.split_once('.').ok_or_else(|| forbidden(NO_JWT))?;
    let (header, signature) = (object(header)?, decoded(signature)?);
    if header.member("crit").is_some() {
        return Err(forbidden(CRITICAL));
    }
    let algorithm = header.member("alg").and_then(unescape).and_then(|name| Algorithm::named(&name));
    let algorithm = algorithm.ok_or_else(|| forbidden(ALGORITHM))?;
    let kid = header.member("kid").and_then(unescape);
    keys.verify(algorithm, kid.as_deref(), signed.as_bytes(), &signature).map_err(forbidden)?;
    admitted(&object(claims)?, app, now_s)
}

/// What a key has vouched for.
fn admitted(claims: &Json, app: &AppName, now_s: u64) -> Result<Uid, Refusal> {
    let now = now_s as f64;
    let exp = number(claims, "exp").ok_or_else(|| forbidden(NO_EXPIRY))?;
    if now >= exp {
        return Err(forbidden(EXPIRED));
    }
    if exp - now > LIFETIME_MAX_S as f64 {
        return Err(forbidden(LONG_LIVED));
    }
    if claims.member("nbf").is_some() && number(claims, "nbf").is_none_or(|nbf| nbf > now + SKEW_S) {
        return Err(forbidden(TOO_EARLY));
    }
    if !claims.member("aud").is_some_and(|aud| is_for(aud, app)) {
        return Err(forbidden(OTHER_APP));
    }
    claims.member("sub").and_then(|sub| Uid::from_json(sub).ok()).ok_or_else(|| forbidden(NO_SUBJECT))
}

/// One app's name, or a list that holds it.
fn is_for(aud: &str, app: &AppName) -> bool {
    let is_it = |name: &str| unescape(name).is_some_and(|name| name == app.as_str());
    match kind(aud) {
        Kind::Array => elements(aud).into_iter().flatten().any(is_it),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => is_it(aud),
    }
}

fn number(claims: &Json, name: &str) -> Option<f64> {
    let raw = claims.member(name).filter(|raw| kind(raw) == Kind::Number)?;
    raw.parse().ok().filter(|number: &f64| number.is_finite())
}

fn object(part: &str) -> Result<Json, Refusal> {
    let json = Json::parse(&decoded(part)?).map_err(|_| forbidden(NO_JWT))?;
    if json.kind() == Kind::Object { Ok(json) } else { Err(forbidden(NO_JWT)) }
}

fn decoded(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| forbidden(NO_JWT))
}

/// A token by HS256 that is good until `exp_s`.
pub fn issue(secret: &SharedSecret, app: &AppName, uid: &Uid, exp_s: u64) -> String {
    let mut claims = "{\"sub\":".to_owned();
    write_string(&mut claims, uid.as_str());
    claims.push_str(&format!(",\"exp\":{exp_s},\"aud\":"));
    write_string(&mut claims, app.as_str());
    claims.push('}');
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims));
    let tag = secret.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}
