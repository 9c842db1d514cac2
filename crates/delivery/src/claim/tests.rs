//! What is carried to a verifier, as tables.

use super::*;

fn shown(secret: &Option<Secret>) -> Option<&str> {
    secret.as_ref().map(Secret::reveal)
}

#[test]
fn a_query_carries_a_uid_and_a_token() {
    let long = "x".repeat(200);
    let table = [
        ("EIO=4&token=a.b.c&transport=websocket", None, Some("a.b.c")),
        ("uid=42~1~abc", Some("42~1~abc"), None),
        ("uid=Zo%C3%AB+x&token=a%7Eb", Some("Zoë x"), Some("a~b")),
        ("token=1&token=2", None, Some("2")),
        ("token=", None, Some("")),
        ("token=%ff", None, Some("")),
        (&format!("uid={long}"), Some(&*long), None),
    ];
    for (query, named, token) in table {
        let presented = Presented::parse(query).unwrap();
        assert_eq!((shown(&presented.named), shown(&presented.token)), (named, token), "{query}");
    }
    for query in ["", "EIO=4&sid=x", "tokens=1", "token"] {
        assert_eq!(Presented::parse(query), None, "{query}");
    }
}

#[test]
fn register_carries_whom_it_names_and_what_it_shows() {
    let table = [
        (r#"{"data":"42"}"#, "42", None),
        (r#"{"data":42,"auth":"a.b.c"}"#, "42", Some("a.b.c")),
        (r#"{"data":1e3,"auth":null}"#, "1000", None),
        (r#"{"data":"42~1\u007eabc","v":1}"#, "42~1~abc", None),
        // No verifier takes it.
        (r#"{"data":"42","auth":{"token":"x"}}"#, "42", Some(r#"{"token":"x"}"#)),
    ];
    for (arg, named, auth) in table {
        let wanted = Wanted::parse(Some(arg)).unwrap();
        assert_eq!((wanted.named.reveal(), shown(&wanted.auth)), (named, auth), "{arg}");
    }
}

#[test]
fn register_refuses_what_names_nobody() {
    for arg in [None, Some("null"), Some("\"42\""), Some("{}"), Some(r#"{"data":null}"#), Some(r#"{"data":[]}"#), Some(r#"{"data":1.5}"#)] {
        assert_eq!(Wanted::parse(arg).unwrap_err().field, Some("data"), "{arg:?}");
    }
    assert_eq!(Wanted::parse(Some(r#"{"v":2,"data":"42","auth":"x"}"#)).unwrap_err().field, Some("v"));
}

#[test]
fn a_credential_does_not_show_itself() {
    let presented = Presented::parse("uid=canary-uid&token=canary-token").unwrap();
    let wanted = Wanted::parse(Some(r#"{"data":"canary-data","auth":"canary-auth"}"#)).unwrap();
    assert!(!format!("{presented:?} {wanted:?}").contains("canary"));
}
