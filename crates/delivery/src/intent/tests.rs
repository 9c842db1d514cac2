//! The legacy events as tables.

use super::*;

/// Code and field of a refusal.
type Refused = (Code, Option<&'static str>);

fn parse(name: &str, args: &[&str]) -> Result<Intent, Refused> {
    Intent::parse(name, args).map_err(|refusal| (refusal.code, refusal.field))
}

#[test]
fn register_takes_a_uid_as_string_or_integer() {
    let long = format!("{{\"data\":\"{}\"}}", "x".repeat(128));
    let table = [
        (r#"{"data":"42"}"#, "42"),
        (r#"{"data":42}"#, "42"),
        (r#"{"data":1.0}"#, "1"),
        (r#"{"data":1e3}"#, "1000"),
        (r#"{"data":-0}"#, "0"),
        (r#"{"data":-7}"#, "-7"),
        (r#"{"data":9007199254740991}"#, "9007199254740991"),
        (r#"{"data":"Zo\u00eb"}"#, "Zoë"),
        (r#"{"data":"42","extra":[1,{"data":2}]}"#, "42"),
        (r#"{"v":1,"data":"42"}"#, "42"),
        (r#"{"v":"2","data":"42"}"#, "42"),
        (r#"{"v":2.0,"data":"42"}"#, "42"),
        (&long, &long[9..137]),
    ];
    for (arg, uid) in table {
        assert_eq!(parse("register", &[arg]), Ok(Intent::Register(Uid::parse(uid).unwrap())), "{arg}");
    }
}

#[test]
fn register_refuses_everything_else() {
    let long = format!("{{\"data\":\"{}\"}}", "x".repeat(129));
    let args = [
        "null",
        "42",
        "\"42\"",
        "[]",
        "[{\"data\":\"42\"}]",
        "{}",
        r#"{"uid":"42"}"#,
        r#"{"data":null}"#,
        r#"{"data":true}"#,
        r#"{"data":[]}"#,
        r#"{"data":{}}"#,
        r#"{"data":""}"#,
        r#"{"data":1.5}"#,
        r#"{"data":9007199254740992}"#,
        r#"{"data":"a\nb"}"#,
        r#"{"data":"\u0000"}"#,
        &long,
    ];
    for arg in args {
        assert_eq!(parse("register", &[arg]), Err((Code::InvalidField, Some("data"))), "{arg}");
    }
    assert_eq!(parse("register", &[]), Err((Code::InvalidField, Some("data"))));
}

#[test]
fn version_two_is_refused_and_never_served_as_version_one() {
    for arg in [r#"{"v":2,"data":"42"}"#, r#"{"data":"42","v":2}"#, r#"{"v":2}"#] {
        assert_eq!(parse("register", &[arg]), Err((Code::InvalidField, Some("v"))), "{arg}");
    }
}

#[test]
fn a_report_is_an_object_with_status_or_a_bare_status() {
    let id = "0190a1b2-c3d4-7e5f-8a6b-0c1d2e3f4a5b";
    let named = format!(r#"{{"status":"read","id":"{id}"}}"#);
    let ours = Some(ReportedId::Message(id.parse().unwrap()));
    let table = [
        (r#"{"status":{"a":1}}"#, r#"{"a":1}"#, None),
        (r#"{"status":null,"other":1}"#, "null", None),
        (r#"{"a":1}"#, r#"{"a":1}"#, None),
        (r#"{"id":"x"}"#, r#"{"id":"x"}"#, None),
        (r#""read""#, r#""read""#, None),
        ("[1,2]", "[1,2]", None),
        (&named, r#""read""#, ours),
        (r#"{"status":1,"id":"not ours"}"#, "1", Some(ReportedId::Foreign)),
        (r#"{"status":1,"id":7}"#, "1", Some(ReportedId::Foreign)),
    ];
    for (name, (arg, status, id)) in ["report", "reporter"].into_iter().flat_map(|name| table.map(|case| (name, case))) {
        assert_eq!(parse(name, &[arg]), Ok(Intent::Report { status: Json::trusted(status), id }), "{arg}");
    }
    assert_eq!(parse("report", &[]), Ok(Intent::Report { status: Json::trusted("null"), id: None }));
}

#[test]
fn a_status_of_more_than_1024_bytes_is_too_large() {
    let status = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    for form in [|status: String| status, |status: String| format!("{{\"status\":{status},\"more\":\"{}\"}}", "y".repeat(2000))] {
        assert!(parse("report", &[&form(status(1024))]).is_ok());
        assert_eq!(parse("report", &[&form(status(1025))]), Err((Code::PayloadTooLarge, Some("status"))));
    }
    let refusal = Intent::parse("report", &[&status(1025)]).unwrap_err();
    assert_eq!((refusal.limit, refusal.actual), (Some(1024), Some(1025)));
}

#[test]
fn other_events_are_named_for_what_they_are() {
    let table =
        [("my event", Intent::Chatter), ("broadcast", Intent::PageEvent), ("p2p", Intent::PageEvent), ("Register", Intent::Unknown)];
    for (name, intent) in table {
        assert_eq!(parse(name, &["{}"]), Ok(intent), "{name}");
    }
}

#[test]
fn a_refusal_is_told_as_code_message_and_field() {
    let plain = Refusal::new(Code::RateLimited, "say \"less\"");
    assert_eq!(refusal_json(&plain), r#"{"code":"rate_limited","message":"say \"less\""}"#);
    let field = Refusal::new(Code::InvalidField, "no").field("data");
    assert_eq!(refusal_json(&field), r#"{"code":"invalid_field","message":"no","field":"data"}"#);
}
