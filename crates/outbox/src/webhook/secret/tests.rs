use super::*;

/// Made with `openssl dgst -sha256 -mac HMAC`.
#[test]
fn the_signature_is_that_of_other_tools() {
    let secret = SinkSecret::new(&std::array::from_fn::<u8, 32, _>(|i| i as u8));
    assert_eq!(revealed(&secret), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    assert_eq!(signature(&secret, b"msg_1.1763892000.{\"events\":[]}"), "v1,lZjiAKOXokiK0ul2UbqMu9B3DH3ukMvVa40yUp1+hX4=");
}
