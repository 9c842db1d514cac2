//! What is asked and what is answered, as tables; real calls are made end to end.

use std::net::{IpAddr, Ipv6Addr};

use tidings_model::{AppName, DeviceId, Secret};

use super::*;

fn claim(named: Option<&str>) -> Claim {
    Claim {
        app: AppName::parse("/shop").unwrap(),
        named: named.map(Secret::new),
        credential: Some(Secret::new("a\"b\u{1}")),
        device_id: Some(DeviceId::parse("d").unwrap()),
        addr: IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

#[test]
fn the_question_is_the_documented_one() {
    assert_eq!(question::of(&claim(Some("42"))), r#"{"app":"/shop","uid":"42","credential":"a\"b\u0001","device_id":"d","address":"::1"}"#);
    let bare = Claim { device_id: None, credential: None, ..claim(None) };
    assert_eq!(question::of(&bare), r#"{"app":"/shop","uid":null,"credential":null,"device_id":null,"address":"::1"}"#);
}

/// Whom the device names, the answer's status and body, and what that comes to.
type Row<'a> = (Option<&'a str>, u16, &'a str, Result<&'a str, (Code, &'a str)>);

#[test]
fn only_200_is_yes_and_only_403_is_no() {
    let long = format!("{{\"message\":\"{}\"}}", "x".repeat(300));
    let table: [Row<'_>; 16] = [
        (Some("42"), 200, "", Ok("42")),
        (Some("42"), 200, "OK", Ok("42")),
        (Some("42"), 200, "{}", Ok("42")),
        (Some("42"), 200, r#"{"uid":"42"}"#, Ok("42")),
        (Some("42"), 200, r#"{"uid":42}"#, Ok("42")),
        (None, 200, r#"{"uid":"42"}"#, Ok("42")),
        (None, 200, "", Err((Code::Forbidden, "neither"))),
        (Some("42"), 200, r#"{"uid":"43"}"#, Err((Code::Forbidden, "another user"))),
        (Some("42"), 200, r#"{"uid":null}"#, Err((Code::Forbidden, "no uid"))),
        (Some(""), 200, "", Err((Code::InvalidField, "must not be empty"))),
        (Some("42"), 403, "", Err((Code::Forbidden, "refuses the credential"))),
        (Some("42"), 403, &long, Err((Code::Forbidden, &long[12..212]))),
        (Some("42"), 401, r#"{"uid":"42"}"#, Err((Code::Overloaded, "answered 401"))),
        (Some("42"), 204, "", Err((Code::Overloaded, "answered 204"))),
        (Some("42"), 302, r#"{"uid":"42"}"#, Err((Code::Overloaded, "answered 302"))),
        (Some("42"), 500, r#"{"uid":"42"}"#, Err((Code::Overloaded, "answered 500"))),
    ];
    for (named, status, body, expected) in table {
        match (answer::verdict(&claim(named), status, body.as_bytes()), expected) {
            (Ok(uid), Ok(expected)) => assert_eq!(uid.as_str(), expected),
            (Err(refusal), Err((code, words))) => {
                assert_eq!(refusal.code, code);
                assert!(refusal.message.contains(words) && refusal.message.len() < 260, "{refusal}");
            }
            (told, expected) => panic!("{named:?} {status} {body}: {told:?}, not {expected:?}"),
        }
    }
}

#[test]
fn a_target_is_http_or_https_to_a_host() {
    for good in ["http://127.0.0.1:8080/", "https://example.com", "https://[::1]:8443/a?b=c"] {
        assert!(Target::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "/register", "example.com/x", "ftp://example.com/", "https://", "http://user:pass@example.com/", "unix:/x"] {
        assert!(Target::parse(bad).is_err(), "{bad}");
    }
    let secret = Target::parse("https://example.com/canary?key=canary").unwrap();
    assert_eq!(format!("{secret:?}"), "example.com");
}

/// A business server that takes connections and never answers.
#[test]
fn claims_beyond_the_bound_are_refused_at_once_and_the_end_leaves_nobody_behind() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let callback = Callback::start(&Target::parse(&format!("http://{}/", silent.local_addr().unwrap())).unwrap()).unwrap();
    let (told, verdicts) = std::sync::mpsc::sync_channel(WAITING_MAX + CALLS_MAX + 1);
    for _ in 0..=WAITING_MAX + CALLS_MAX {
        let told = told.clone();
        callback.ask(claim(Some("42")), Box::new(move |verdict| drop(told.send(verdict))));
    }
    let first = verdicts.recv().unwrap().unwrap_err();
    assert_eq!((first.code, first.code.is_retryable()), (Code::Overloaded, true), "{first}");
    drop(callback);
}
