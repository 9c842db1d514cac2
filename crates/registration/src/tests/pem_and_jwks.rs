//! Files of keys: what is taken, what is told of what is not.

use super::*;
use crate::refusals::*;

fn jwks(keys: &[String]) -> Result<Verifier, String> {
    let mut set = KeySet::default();
    set.add_jwks(format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes())?;
    Ok(Verifier::Jwt(set))
}

#[test]
fn a_jwk_set_holds_keys_of_every_algorithm() {
    let signers = Signer::all();
    let all: Vec<String> = signers.iter().map(|signer| signer.jwk(&format!(r#","alg":"{}","use":"sig""#, signer.alg()))).collect();
    let verifier = jwks(&all).unwrap();
    for signer in &signers {
        assert_eq!(verdict(&verifier, None, Some(&signer.token(&claims("")))), Ok("42".to_owned()), "{}", signer.alg());
    }
}

#[test]
fn a_kid_chooses_among_keys() {
    let (old, new) = (Signer::es256(), Signer::es256());
    let verifier = jwks(&[old.jwk(r#","kid":"old""#), new.jwk(r#","kid":"new""#)]).unwrap();
    let token = |kid: &str| new.token_of(&format!(r#"{{"alg":"ES256"{kid}}}"#), &claims(""));
    assert_eq!(verdict(&verifier, None, Some(&token(r#","kid":"new""#))), Ok("42".to_owned()));
    assert_eq!(verdict(&verifier, None, Some(&token(""))), Ok("42".to_owned()), "without one, all are tried");
    assert_eq!(verdict(&verifier, None, Some(&token(r#","kid":"old""#))), Err(SIGNATURE.to_owned()));
    assert_eq!(verdict(&verifier, None, Some(&token(r#","kid":"third""#))), Err(NO_KEY.to_owned()));
}

#[test]
fn keys_for_something_else_are_left_out() {
    let signer = Signer::es256();
    let strange = [
        signer.jwk(r#","use":"enc""#),
        signer.jwk(r#","alg":"ES384""#),
        signer.jwk(r#","alg":"HS256""#),
        r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#.to_owned(),
        r#"{"kty":"oct","k":"c2hvcnQ"}"#.to_owned(),
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
        "{}".to_owned(),
        "42".to_owned(),
    ];
    assert!(jwks(&strange).unwrap_err().contains("and 8 others"));
    let mut with_a_good_one = strange.to_vec();
    with_a_good_one.push(signer.jwk(""));
    assert_eq!(verdict(&jwks(&with_a_good_one).unwrap(), None, Some(&signer.token(&claims("")))), Ok("42".to_owned()));
}

#[test]
fn what_is_no_key_is_told() {
    let mut keys = KeySet::default();
    let damaged = Signer::rs256().pem().replace("-----END", "!----END");
    let p384 = pem(&der(0x30, &[der(0x30, &hex("06072a8648ce3d020106052b81040022")), der(3, &[&[0, 4][..], &[1; 96]].concat())].concat()));
    let weak = pem(&der(0x30, &[der(0x30, &hex("06092a864886f70d0101010500")), der(3, &weak_rsa())].concat()));
    for (file, why) in [("", "no public key"), (&damaged, "no public key"), (&p384, "another curve"), (&weak, "less than 2048 bits")] {
        assert!(keys.add_pem(file.as_bytes()).unwrap_err().contains(why), "{why}");
    }
    for (file, why) in [("", "no JSON"), ("[]", "no JWK set"), ("{\"keys\":{}}", "no JWK set"), ("{\"keys\":[]}", "no key for")] {
        assert!(keys.add_jwks(file.as_bytes()).unwrap_err().contains(why), "{why}");
    }
    assert!(SharedSecret::parse(&[b'x'; 31]).unwrap_err().contains("31 bytes"));
    assert!(SharedSecret::parse(&[&[b'x'; 31][..], b"\r\n"].concat()).unwrap_err().contains("31 bytes"));
}

/// The bit string of an RSAPublicKey of 1024 bits.
fn weak_rsa() -> Vec<u8> {
    let modulus = der(2, &[&[0][..], &[0xff; 128]].concat());
    [vec![0], der(0x30, &[modulus, der(2, &[1, 0, 1])].concat())].concat()
}

#[test]
fn a_line_end_behind_a_secret_does_not_count() {
    let token = Signer::Hs256.token(&claims(""));
    for end in ["", "\n", "\r\n"] {
        let mut keys = KeySet::default();
        keys.add_secret(SharedSecret::parse(&[SECRET, end.as_bytes()].concat()).unwrap());
        assert_eq!(verdict(&Verifier::Jwt(keys), None, Some(&token)), Ok("42".to_owned()));
    }
}

#[test]
fn nothing_that_is_secret_shows_itself() {
    let token = Signer::Hs256.token(&claims(""));
    let shown = format!("{:?} {:?} {:?}", secret(), Signer::Hs256.keys(), claim(Some("42"), Some(&token)));
    assert!(!shown.contains("thirty-two") && !shown.contains(&token) && shown.contains("secret bytes"), "{shown}");
}
