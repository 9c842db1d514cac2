use super::*;

/// Made with `openssl dgst -sha256 -mac HMAC`.
#[test]
fn the_signature_is_that_of_other_tools() {
    let secret = Secret::from_random(std::array::from_fn(|i| i as u8));
    assert_eq!(secret.reveal(), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    assert_eq!(secret.sign(b"msg_1.1763892000.{\"events\":[]}"), "v1,lZjiAKOXokiK0ul2UbqMu9B3DH3ukMvVa40yUp1+hX4=");
    assert_eq!(format!("{secret:?}"), "Secret(..)");
}
