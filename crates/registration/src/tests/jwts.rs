//! Tokens of each algorithm.

use super::*;
use crate::refusals::*;

#[test]
fn a_good_token_names_its_user_whatever_signed_it() {
    for signer in Signer::all() {
        let token = signer.token(&claims(""));
        let verifier = signer.verifier();
        assert_eq!(verdict(&verifier, None, Some(&token)), Ok("42".to_owned()), "{}", signer.alg());
        assert_eq!(verdict(&verifier, Some("42"), Some(&token)), Ok("42".to_owned()), "{}", signer.alg());
        assert_eq!(verdict(&verifier, Some("43"), Some(&token)), Err(OTHER_USER.to_owned()), "{}", signer.alg());
        assert_eq!(verdict(&verifier, Some("42"), None), Err(MISSING.to_owned()), "{}", signer.alg());
    }
}

#[test]
fn a_token_of_another_key_is_refused_whatever_signed_it() {
    for (signer, other) in Signer::all().into_iter().zip([None, Some(Signer::es256()), Some(Signer::ed_dsa()), Some(Signer::rs256())]) {
        let forged = match other {
            Some(other) => other.token(&claims("")),
            None => crate::jwt::issue(&SharedSecret::from_bytes(&[7; 32]), &AppName::root(), &Uid::trusted("42"), NOW + 60),
        };
        assert_eq!(verdict(&signer.verifier(), None, Some(&forged)), Err(SIGNATURE.to_owned()), "{}", signer.alg());
    }
}

#[test]
fn a_key_is_for_one_algorithm_only() {
    let rs256 = Signer::rs256();
    // The classic: the public key, known to all, as the secret of an HS256.
    let public = SharedSecret::from_bytes(rs256.pem().as_bytes());
    let forged = crate::jwt::issue(&public, &AppName::root(), &Uid::trusted("42"), NOW + 60);
    assert_eq!(verdict(&rs256.verifier(), None, Some(&forged)), Err(NO_KEY.to_owned()));
    for alg in ["none", "None", "HS384", "RS512", "PS256", "ES384", ""] {
        let token = rs256.token_of(&format!("{{\"alg\":\"{alg}\"}}"), &claims(""));
        assert_eq!(verdict(&rs256.verifier(), None, Some(&token)), Err(ALGORITHM.to_owned()), "{alg}");
    }
    let unsigned = format!("{}.{}.", B64.encode(r#"{"alg":"none"}"#), B64.encode(claims("")));
    assert_eq!(verdict(&rs256.verifier(), None, Some(&unsigned)), Err(ALGORITHM.to_owned()));
}

#[test]
fn what_a_token_says_is_checked() {
    let day = NOW + 24 * 3600;
    let table = [
        (claims(r#","nbf":1800000060"#), Ok("42")),
        (claims(r#","iat":1,"role":{"a":[1]}"#), Ok("42")),
        (format!(r#"{{"sub":"a~b","aud":["/shop","/"],"exp":{day}}}"#), Ok("a~b")),
        (format!(r#"{{"sub":42,"aud":"/","exp":{}.5}}"#, NOW), Ok("42")),
        (claims(r#","nbf":1800000061"#), Err(TOO_EARLY)),
        (claims(r#","nbf":"soon""#), Err(TOO_EARLY)),
        (format!(r#"{{"sub":"42","aud":"/","exp":{}}}"#, day + 1), Err(LONG_LIVED)),
        (r#"{"sub":"42","aud":"/","exp":1e308}"#.to_owned(), Err(LONG_LIVED)),
        (format!(r#"{{"sub":"42","aud":"/","exp":{NOW}}}"#), Err(EXPIRED)),
        (r#"{"sub":"42","aud":"/","exp":-1}"#.to_owned(), Err(EXPIRED)),
        (r#"{"sub":"42","aud":"/"}"#.to_owned(), Err(NO_EXPIRY)),
        (format!(r#"{{"sub":"42","aud":"/","exp":"{day}"}}"#), Err(NO_EXPIRY)),
        (r#"{"sub":"42","aud":"/","exp":1e400}"#.to_owned(), Err(NO_EXPIRY)),
        (format!(r#"{{"sub":"42","exp":{day}}}"#), Err(OTHER_APP)),
        (format!(r#"{{"sub":"42","aud":"/shop","exp":{day}}}"#), Err(OTHER_APP)),
        (format!(r#"{{"sub":"42","aud":[],"exp":{day}}}"#), Err(OTHER_APP)),
        (format!(r#"{{"sub":"42","aud":{{"/":"/"}},"exp":{day}}}"#), Err(OTHER_APP)),
        (format!(r#"{{"aud":"/","exp":{day}}}"#), Err(NO_SUBJECT)),
        (format!(r#"{{"sub":"","aud":"/","exp":{day}}}"#), Err(NO_SUBJECT)),
        (format!(r#"{{"sub":"{}","aud":"/","exp":{day}}}"#, "x".repeat(129)), Err(NO_SUBJECT)),
        // Which of the two would it be?
        (format!(r#"{{"sub":"42","sub":"43","aud":"/","exp":{day}}}"#), Err(NO_JWT)),
        ("[]".to_owned(), Err(NO_JWT)),
    ];
    let verifier = Signer::Hs256.verifier();
    for (claims, expected) in table {
        let told = verdict(&verifier, None, Some(&Signer::Hs256.token(&claims)));
        assert_eq!(told, expected.map(str::to_owned).map_err(str::to_owned), "{claims}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let good = Signer::Hs256.token(&claims(""));
    let (signed, _) = good.rsplit_once('.').unwrap();
    let table = [
        (String::new(), NO_JWT),
        ("42".to_owned(), NO_JWT),
        ("..".to_owned(), NO_JWT),
        (signed.to_owned(), NO_JWT),
        (format!("{signed}."), SIGNATURE),
        (format!("{good}."), SIGNATURE),
        (format!("{good}="), NO_JWT),
        (format!("Bearer {good}"), NO_JWT),
        (format!(" {good}"), NO_JWT),
        (format!("{good}.{good}"), SIGNATURE),
        (Signer::Hs256.token_of(r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, &claims("")), CRITICAL),
        (Signer::Hs256.token_of(r#"{"typ":"JWT"}"#, &claims("")), ALGORITHM),
        ("x".repeat(8 * 1024), NO_JWT),
        ("x".repeat(8 * 1024 + 1), LONG),
    ];
    for (text, why) in table {
        assert_eq!(verdict(&Signer::Hs256.verifier(), None, Some(&text)), Err(why.to_owned()), "{}", &text[..text.len().min(200)]);
    }
}

#[test]
fn a_token_is_for_one_app() {
    let shop = AppName::parse("/shop").unwrap();
    let token = crate::jwt::issue(&secret(), &shop, &Uid::trusted("42"), NOW + 60);
    let verifier = Signer::Hs256.verifier();
    let claim = Claim { app: shop, ..claim(None, Some(&token)) };
    assert_eq!(verifier.verify(&claim, NOW).unwrap().as_str(), "42");
    assert_eq!(verdict(&verifier, None, Some(&token)), Err(OTHER_APP.to_owned()));
}
