//! Good and bad credentials as tables, with keys that are made here, and the property that no mutated one passes.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use tidings_model::{AppName, Claim, Code, Secret, Uid};

use crate::keys::KeySet;
use crate::secret::SharedSecret;
use crate::verifier::Verifier;

mod jwts;
mod mutations;
mod pem_and_jwks;
mod signed_uids;

/// When the tests happen, in seconds since 1970.
const NOW: u64 = 1_800_000_000;
const SECRET: &[u8] = b"a secret of thirty-two characters";

fn secret() -> SharedSecret {
    SharedSecret::parse(SECRET).unwrap()
}

fn claim(named: Option<&str>, credential: Option<&str>) -> Claim {
    let (named, credential) = (named.map(Secret::new), credential.map(Secret::new));
    Claim { app: AppName::root(), named, credential, device_id: None, addr: IpAddr::from([127, 0, 0, 1]) }
}

/// Who is let in, or the refusal's words.
fn verdict(verifier: &Verifier, named: Option<&str>, credential: Option<&str>) -> Result<String, String> {
    let verdict = verifier.verify(&claim(named, credential), NOW);
    verdict.map(|uid: Uid| uid.as_str().to_owned()).map_err(|refusal| {
        assert_eq!(refusal.code, Code::Forbidden);
        refusal.message.into_owned()
    })
}

/// A signer of one algorithm, and what a server is told of it.
enum Signer {
    Hs256,
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
    Rs256(Box<RsaKeyPair>),
}

impl Signer {
    fn all() -> Vec<Self> {
        vec![Self::Hs256, Self::es256(), Self::ed_dsa(), Self::rs256()]
    }

    fn es256() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Es256(Box::new(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()))
    }

    fn ed_dsa() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::EdDsa(Box::new(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()))
    }

    fn rs256() -> Self {
        Self::Rs256(Box::new(rsa()))
    }

    fn alg(&self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Hs256 => secret().sign(message).as_ref().to_vec(),
            Self::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// A token with this header and these claims.
    fn token_of(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", B64.encode(header), B64.encode(claims));
        format!("{signed}.{}", B64.encode(self.sign(signed.as_bytes())))
    }

    fn token(&self, claims: &str) -> String {
        self.token_of(&format!("{{\"alg\":\"{}\",\"typ\":\"JWT\"}}", self.alg()), claims)
    }

    /// As `jwt.secret_file` or `jwt.public_key_file`.
    fn keys(&self) -> KeySet {
        let mut keys = KeySet::default();
        match self {
            Self::Hs256 => keys.add_secret(secret()),
            Self::Es256(_) | Self::EdDsa(_) | Self::Rs256(_) => keys.add_pem(self.pem().as_bytes()).unwrap(),
        }
        keys
    }

    fn verifier(&self) -> Verifier {
        Verifier::Jwt(self.keys())
    }

    /// A SubjectPublicKeyInfo.
    fn pem(&self) -> String {
        const EC: &str = "06072a8648ce3d020106082a8648ce3d030107";
        const ED: &str = "06032b6570";
        const RSA: &str = "06092a864886f70d0101010500";
        let (algorithm, key) = match self {
            Self::Hs256 => panic!("it has no public key"),
            Self::Es256(pair) => (EC, pair.public_key().as_ref()),
            Self::EdDsa(pair) => (ED, pair.public_key().as_ref()),
            Self::Rs256(pair) => (RSA, pair.public_key().as_ref()),
        };
        let bits = der(3, &[&[0], key].concat());
        pem(&der(0x30, &[der(0x30, &hex(algorithm)), bits].concat()))
    }

    /// As an identity provider publishes it.
    fn jwk(&self, rest: &str) -> String {
        match self {
            Self::Hs256 => format!(r#"{{"kty":"oct","k":"{}"{rest}}}"#, B64.encode(SECRET)),
            Self::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                format!(r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"{rest}}}"#, B64.encode(x), B64.encode(y))
            }
            Self::EdDsa(pair) => format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"{rest}}}"#, B64.encode(pair.public_key())),
            Self::Rs256(pair) => {
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                format!(r#"{{"kty":"RSA","n":"{}","e":"{}"{rest}}}"#, B64.encode(n), B64.encode(e))
            }
        }
    }
}

/// An RSA key, which takes `openssl` to make.
fn rsa() -> RsaKeyPair {
    let made =
        std::process::Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output().unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).unwrap()).unwrap()
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let head = match value.len() {
        length @ 0..128 => vec![tag, length as u8],
        length @ 128..256 => vec![tag, 0x81, length as u8],
        length => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, value.to_vec()].concat()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The claims of a good token.
fn claims(rest: &str) -> String {
    format!(r#"{{"sub":"42","aud":"/","exp":{}{rest}}}"#, NOW + 3600)
}
