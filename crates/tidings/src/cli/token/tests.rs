//! Lifetimes as a table; what is made is checked by the verifier's own tests and end to end.

use super::*;

#[test]
fn a_lifetime_is_a_number_and_a_unit() {
    for (text, seconds) in [("1s", 1), ("90m", 5400), ("1h", 3600), ("24h", 86_400), ("7d", 604_800), ("3650d", 315_360_000)] {
        assert_eq!(ttl(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "h", "1", "1w", "-1h", "1.5h", "0s", "3651d", "99999999999999999999d", "18446744073709551615d", "1ü"] {
        assert!(ttl(text).is_err(), "{text}");
    }
}

#[test]
fn a_jwt_that_no_server_takes_is_not_made() {
    let flags =
        Flags { app: AppName::root(), uid: Uid::trusted("42"), ttl: Duration::from_secs(86_401), secret: "none".into(), signed_uid: false };
    assert_eq!(flags.credential(0).unwrap_err().1, Exit::Usage);
}
