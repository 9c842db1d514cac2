//! Handshake queries as tables.

use super::*;

fn uid(query: &str) -> Option<Result<String, Option<&'static str>>> {
    let hello = Hello::parse(query)?;
    hello.uid.map(|uid| uid.map(|uid| uid.as_str().to_owned()).map_err(|refusal| refusal.field))
}

#[test]
fn a_query_with_nothing_of_ours_is_nothing() {
    for query in ["", "EIO=4&transport=polling&t=abc&sid=x", "uid", "UID=1", "v=1", "v=2.0"] {
        assert_eq!(Hello::parse(query), None, "{query}");
    }
}

#[test]
fn a_uid_is_percent_decoded_and_checked() {
    let long = format!("uid={}", "x".repeat(129));
    let table = [
        ("EIO=4&uid=42&transport=websocket", Ok("42")),
        ("uid=Zo%C3%AB", Ok("Zoë")),
        ("uid=a+b%2Bc", Ok("a b+c")),
        ("uid=100%", Ok("100%")),
        ("uid=%zz%4", Ok("%zz%4")),
        ("uid=a%3Db=c", Ok("a=b=c")),
        ("uid=1&uid=2", Ok("2")),
        ("uid=", Err(Some("uid"))),
        ("uid=%00", Err(Some("uid"))),
        ("uid=%ff", Err(Some("uid"))),
        (&long, Err(Some("uid"))),
    ];
    for (query, expected) in table {
        assert_eq!(uid(query), Some(expected.map(str::to_owned)), "{query}");
    }
}

#[test]
fn a_bad_device_stands_in_the_way_and_a_good_one_does_not() {
    let good = Hello::parse("device=my%20phone").unwrap();
    assert_eq!((good.device_id().map(DeviceId::as_str), good.obstacle()), (Some("my phone"), None));
    for query in ["device=".to_owned(), "device=%0a".to_owned(), format!("device={}", "x".repeat(65))] {
        let bad = Hello::parse(&query).unwrap();
        assert_eq!(bad.device_id(), None);
        assert_eq!(bad.obstacle().map(|refusal| (refusal.code, refusal.field)), Some((Code::InvalidField, Some("device"))), "{query}");
    }
}

#[test]
fn version_two_stands_in_the_way() {
    let hello = Hello::parse("uid=42&v=2").unwrap();
    assert_eq!(hello.obstacle().map(|refusal| (refusal.code, refusal.field)), Some((Code::InvalidField, Some("v"))));
}
