//! Signed uids, in place of the uid or beside it.

use super::*;
use crate::refusals::*;
use crate::signed::issue;

fn signed(uid: &str, exp_s: u64) -> String {
    issue(&secret(), &AppName::root(), &Uid::trusted(uid), exp_s)
}

fn told(named: Option<&str>, credential: Option<&str>) -> Result<String, String> {
    verdict(&Verifier::Signed(secret()), named, credential)
}

#[test]
fn the_form_is_the_documented_one() {
    // printf '/~42~1800000060' | openssl dgst -sha256 -hmac 'a secret of thirty-two characters' -binary | basenc --base64url
    assert_eq!(signed("42", NOW + 60), "42~1800000060~NGgQSZxhraKu_oOs2zRwRv8bblRKCIISK4In6DizWtg");
}

#[test]
fn a_signed_uid_is_read_from_the_right() {
    for uid in ["42", "a~b", "~", "~~", "42~1800000060", "42~1800000060~x", "Zoë", &"x".repeat(128)] {
        assert_eq!(told(Some(&signed(uid, NOW + 1)), None), Ok(uid.to_owned()));
        assert_eq!(told(None, Some(&signed(uid, NOW + 1))), Ok(uid.to_owned()));
        assert_eq!(told(Some(uid), Some(&signed(uid, NOW + 1))), Ok(uid.to_owned()), "as the plain uid beside it");
    }
}

#[test]
fn what_is_not_signed_is_refused() {
    let good = signed("42", NOW + 60);
    let other = SharedSecret::from_bytes(&[9; 32]);
    let shop = AppName::parse("/shop").unwrap();
    let table = [
        ("42".to_owned(), NOT_SIGNED),
        (String::new(), NOT_SIGNED),
        ("42~1800000060".to_owned(), NOT_SIGNED),
        ("42~1800000060~".to_owned(), SIGNATURE),
        (format!("{good}="), SIGNATURE),
        (format!(" {good}"), SIGNATURE),
        (good.replace("42~", "43~"), SIGNATURE),
        (good.replace("1800000060", "1800000061"), SIGNATURE),
        (good.replace("1800000060", "01800000060"), SIGNATURE),
        (issue(&other, &AppName::root(), &Uid::trusted("42"), NOW + 60), SIGNATURE),
        (issue(&secret(), &shop, &Uid::trusted("42"), NOW + 60), SIGNATURE),
        (signed("42", NOW), EXPIRED),
        (signed("42", u64::MAX), NOT_SIGNED),
    ];
    for (text, why) in table {
        assert_eq!(told(Some(&text), None), Err(why.to_owned()), "{text}");
        assert_eq!(told(None, Some(&text)), Err(why.to_owned()), "{text}");
    }
    assert_eq!(told(None, None), Err(MISSING_SIGNED.to_owned()));
}

#[test]
fn whoever_is_a_is_not_b() {
    let a = signed("a", NOW + 60);
    for b in ["b", "", "a ", "A", "a~1800000060"] {
        assert_eq!(told(Some(b), Some(&a)), Err(OTHER_USER.to_owned()), "{b}");
    }
    // A phone changes hands: what it says now is signed itself.
    assert_eq!(told(Some(&signed("b", NOW + 60)), Some(&a)), Ok("b".to_owned()));
}
