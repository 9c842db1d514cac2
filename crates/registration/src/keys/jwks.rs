//! A JWK set (RFC 7517): `{"keys":[...]}`, public keys as an identity provider publishes them, or shared secrets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tidings_json::{Json, Kind, elements, kind, unescape};

use super::{Algorithm, Key, Material, RSA_BITS_MIN};
use crate::secret::SharedSecret;

/// Errors go on from the file's name.
pub(super) fn parse(json: &[u8]) -> Result<Vec<Key>, String> {
    let set = Json::parse(json).map_err(|error| format!("is no JSON: {error}"))?;
    let keys = set.member("keys").filter(|keys| kind(keys) == Kind::Array).ok_or("is no JWK set: {\"keys\":[...]} is expected")?;
    let (mut known, mut strange) = (Vec::new(), 0);
    for jwk in elements(keys).into_iter().flatten() {
        match key(&Json::trusted(jwk)) {
            Some(key) => known.push(key),
            None => strange += 1,
        }
    }
    if known.is_empty() {
        return Err(format!("holds no key for HS256, ES256, RS256 (2048 bits or more) or EdDSA, and {strange} others"));
    }
    Ok(known)
}

/// None: for something else, or damaged.
fn key(jwk: &Json) -> Option<Key> {
    let word = |name: &str| jwk.member(name).and_then(unescape);
    if word("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let material = match (word("kty")?.as_ref(), word("crv").as_deref()) {
        ("EC", Some("P-256")) => point(&part(jwk, "x")?, &part(jwk, "y")?),
        ("OKP", Some("Ed25519")) => part(jwk, "x").filter(|x| x.len() == 32).map(|x| Material::Ed25519(x.into())),
        ("RSA", None) => rsa(&part(jwk, "n")?, &part(jwk, "e")?),
        ("oct", None) => {
            part(jwk, "k").filter(|k| k.len() >= SharedSecret::BYTES_MIN).map(|k| Material::Secret(SharedSecret::from_bytes(&k)))
        }
        _ => None,
    }?;
    let is_for = word("alg").map(|alg| Algorithm::named(&alg));
    if is_for.is_some_and(|alg| alg != Some(material.algorithm())) {
        return None;
    }
    Some(Key { kid: word("kid").map(std::borrow::Cow::into_owned), material })
}

fn part(jwk: &Json, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(unescape(jwk.member(name)?)?.as_bytes()).ok()
}

fn point(x: &[u8], y: &[u8]) -> Option<Material> {
    (x.len() == 32 && y.len() == 32).then(|| Material::P256([&[4], x, y].concat().into()))
}

fn rsa(n: &[u8], e: &[u8]) -> Option<Material> {
    // Some write a leading zero, which is no part of the number.
    let (n, e) = (super::significant(n), super::significant(e));
    (super::bits(n) >= RSA_BITS_MIN && !e.is_empty()).then(|| Material::RsaParts { n: n.into(), e: e.into() })
}
