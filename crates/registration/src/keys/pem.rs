//! A public key from a PEM file (SubjectPublicKeyInfo, as `openssl pkey -pubout` writes it).

use spki::der::asn1::{AnyRef, BitString, UintRef};
use spki::der::{Decode, DecodePem, Reader, SliceReader};
use spki::{ObjectIdentifier, SubjectPublicKeyInfo, SubjectPublicKeyInfoOwned};

use super::{Material, RSA_BITS_MIN};

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Errors go on from the file's name.
pub(super) fn parse(pem: &[u8]) -> Result<Material, String> {
    let key = SubjectPublicKeyInfoOwned::from_pem(pem)
        .map_err(|_| "holds no public key in PEM (-----BEGIN PUBLIC KEY-----): openssl pkey -in KEY -pubout writes one".to_owned())?;
    let bits: Box<[u8]> = key.subject_public_key.as_bytes().ok_or("holds a damaged public key")?.into();
    match key.algorithm.oid {
        EC if curve(&key) == Some(P256) && bits.first() == Some(&4) && bits.len() == 65 => Ok(Material::P256(bits)),
        EC => Err("holds a key on another curve than P-256, or compressed".to_owned()),
        ED25519 if bits.len() == 32 => Ok(Material::Ed25519(bits)),
        RSA if modulus_bits(&bits).is_some_and(|bits| bits >= RSA_BITS_MIN) => Ok(Material::Rsa(bits)),
        RSA => Err(format!("holds an RSA key of less than {RSA_BITS_MIN} bits")),
        _ => Err("holds a key that is neither P-256, RSA nor Ed25519".to_owned()),
    }
}

fn curve(key: &SubjectPublicKeyInfo<spki::der::Any, BitString>) -> Option<ObjectIdentifier> {
    key.algorithm.parameters.as_ref()?.decode_as().ok()
}

/// Of an RSAPublicKey: a sequence that begins with the modulus.
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let sequence = AnyRef::from_der(der).ok()?;
    let mut parts = SliceReader::new(sequence.value()).ok()?;
    let modulus: UintRef<'_> = parts.decode().ok()?;
    Some(super::bits(modulus.as_bytes()))
}
