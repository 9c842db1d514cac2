//! The keys that tokens are checked against, each with the one algorithm that it is for.

use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};

use crate::refusals::{NO_KEY, SIGNATURE};
use crate::secret::SharedSecret;

mod jwks;
mod pem;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Es256,
    Rs256,
    EdDsa,
}

impl Algorithm {
    /// By its name in a token's header, or in a JWK.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::Hs256,
            "ES256" => Self::Es256,
            "RS256" => Self::Rs256,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug)]
enum Material {
    Secret(SharedSecret),
    /// An uncompressed point of P-256.
    P256(Box<[u8]>),
    /// An RSAPublicKey in DER.
    Rsa(Box<[u8]>),
    RsaParts {
        n: Box<[u8]>,
        e: Box<[u8]>,
    },
    Ed25519(Box<[u8]>),
}

/// An RSA modulus has so many bits at least.
const RSA_BITS_MIN: usize = 2048;

#[derive(Clone, Debug)]
struct Key {
    /// A token that names another is not for it.
    kid: Option<String>,
    material: Material,
}

/// All that are configured.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    pub fn add_secret(&mut self, secret: SharedSecret) {
        self.0.push(Key { kid: None, material: Material::Secret(secret) });
    }

    /// A PEM file with one PUBLIC KEY: P-256, RSA of 2048 bits or more, or Ed25519.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), String> {
        self.0.push(Key { kid: None, material: pem::parse(pem)? });
        Ok(())
    }

    /// A JWK set. Keys of other kinds are left out; with none left it is an error.
    pub fn add_jwks(&mut self, json: &[u8]) -> Result<(), String> {
        self.0.extend(jwks::parse(json)?);
        Ok(())
    }

    /// Whether one of the keys that may be meant has made this signature; else why not.
    pub(crate) fn verify(&self, algorithm: Algorithm, kid: Option<&str>, message: &[u8], signature: &[u8]) -> Result<(), &'static str> {
        let is_meant = |key: &&Key| match (&key.kid, kid) {
            (Some(of_key), Some(of_token)) => of_key == of_token,
            (None, _) | (_, None) => true,
        };
        let mut meant = self.0.iter().filter(|key| key.material.algorithm() == algorithm).filter(is_meant).peekable();
        meant.peek().ok_or(NO_KEY)?;
        if meant.any(|key| key.material.verifies(message, signature)) { Ok(()) } else { Err(SIGNATURE) }
    }
}

impl Material {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Secret(_) => Algorithm::Hs256,
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa(_) | Self::RsaParts { .. } => Algorithm::Rs256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let rsa = &signature::RSA_PKCS1_2048_8192_SHA256;
        match self {
            Self::Secret(secret) => secret.verifies(message, signature),
            Self::P256(point) => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok(),
            Self::Rsa(key) => UnparsedPublicKey::new(rsa, key).verify(message, signature).is_ok(),
            Self::RsaParts { n, e } => RsaPublicKeyComponents { n, e }.verify(rsa, message, signature).is_ok(),
            Self::Ed25519(key) => UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature).is_ok(),
        }
    }
}

/// A number without its leading zeros.
fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn bits(number: &[u8]) -> usize {
    let number = significant(number);
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}
