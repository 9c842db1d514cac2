use super::*;

fn read(body: &str) -> Result<Wish, (Code, String)> {
    let Ok(json) = Json::parse(body.as_bytes()) else { panic!("no JSON: {body}") };
    Wish::read(json.as_str()).map_err(|failure| (failure.code(), failure.field().unwrap_or_default().to_owned()))
}

fn to(target: &str) -> Result<Target, (Code, String)> {
    read(&format!(r#"{{"to":{target},"data":1}}"#)).map(|wish| wish.to)
}

#[test]
fn data_and_a_target_are_all_that_is_needed() {
    let wish = read(r#"{"to":{"all":true},"data":{"a": [1, 2]}}"#).unwrap();
    assert_eq!(wish.content, Content::data(Json::trusted(r#"{"a":[1,2]}"#)));
    assert_eq!((wish.to, wish.lifetime, wish.dry_run), (Target::All, Lifetime::Ttl(86_400), false));
}

#[test]
fn everything_that_may_be_said_is_read() {
    let wish = read(
        r#"{"to":{"uid":42},"args":["é",{"b":1e400}],"event_name":"news","ttl":0,"collapse_key":"a.b:c_d-E9","label":"spring","meta":"\"x\"","dry_run":true}"#,
    );
    let wish = wish.unwrap();
    assert_eq!(wish.content.body, Body::Args(Json::trusted(r#"["é",{"b":1e400}]"#)));
    assert_eq!(wish.content.event_name, Some(EventName::parse("news").unwrap()));
    assert_eq!(wish.content.collapse_key, Some(CollapseKey::parse("a.b:c_d-E9").unwrap()));
    assert_eq!((wish.content.label.as_deref(), wish.content.meta.as_deref()), (Some("spring"), Some("\"x\"")));
    assert_eq!((wish.lifetime, wish.strictness, wish.dry_run), (Lifetime::Ttl(0), Strictness::MayBeUnknown, true));
    let until = read(r#"{"to":{"uid":"1"},"data":1,"expires_at":"1970-01-02T00:00:00Z"}"#).unwrap();
    assert_eq!(until.lifetime, Lifetime::Until(tidings_model::Millis(86_400_000)));
}

#[test]
fn a_target_is_one_of_six_kinds() {
    let uid = |text| Uid::parse(text).unwrap();
    let token = Token::from_random([7; 24]);
    assert_eq!(to(r#"{"uid":42.0}"#), Ok(Target::Uids(vec![uid("42")])));
    assert_eq!(to(r#"{"uids":["b",1,"a","b"]}"#), Ok(Target::Uids(vec![uid("b"), uid("1"), uid("a")])), "what stands twice counts once");
    assert_eq!(to(&format!(r#"{{"tokens":["{token}","x"]}}"#)), Ok(Target::Tokens(vec![token.clone(), Token::trusted("x")])));
    assert_eq!(to(r#"{"topic":"news"}"#), Ok(Target::Topic(tidings_model::TopicName::trusted("news"))));
    let alone = read(&format!(r#"{{"to":{{"token":"{token}"}},"data":1}}"#)).unwrap();
    assert_eq!((alone.to, alone.strictness), (Target::Tokens(vec![token]), Strictness::MustBeKnown));
}

#[test]
fn every_mistake_has_its_code_and_names_its_field() {
    let long = |n: usize| "x".repeat(n);
    for (body, code, field) in [
        (r#"{"data":1}"#.to_owned(), Code::MissingTarget, "to"),
        (r#"{"to":{},"data":1}"#.to_owned(), Code::MissingTarget, "to"),
        (r#"{"to":null,"data":1}"#.to_owned(), Code::InvalidField, "to"),
        (r#"{"to":"42","data":1}"#.to_owned(), Code::InvalidField, "to"),
        (r#"{"to":{"uid":"1","all":true},"data":1}"#.to_owned(), Code::AmbiguousTarget, "to"),
        (r#"{"to":{"all":false},"data":1}"#.to_owned(), Code::InvalidField, "to.all"),
        (r#"{"to":{"all":1},"data":1}"#.to_owned(), Code::InvalidField, "to.all"),
        (r#"{"to":{"uid":null},"data":1}"#.to_owned(), Code::InvalidField, "to.uid"),
        (format!(r#"{{"to":{{"uid":"{}"}},"data":1}}"#, long(129)), Code::InvalidField, "to.uid"),
        (r#"{"to":{"uids":"1"},"data":1}"#.to_owned(), Code::InvalidField, "to.uids"),
        (r#"{"to":{"uids":[]},"data":1}"#.to_owned(), Code::InvalidField, "to.uids"),
        (r#"{"to":{"uids":["1",""]},"data":1}"#.to_owned(), Code::InvalidField, "to.uids"),
        (format!(r#"{{"to":{{"uids":[{}1]}},"data":1}}"#, "1,".repeat(1000)), Code::InvalidField, "to.uids"),
        (r#"{"to":{"token":""},"data":1}"#.to_owned(), Code::InvalidField, "to.token"),
        (r#"{"to":{"token":5},"data":1}"#.to_owned(), Code::InvalidField, "to.token"),
        (r#"{"to":{"tokens":[]},"data":1}"#.to_owned(), Code::InvalidField, "to.tokens"),
        (r#"{"to":{"tag":"t"},"data":1}"#.to_owned(), Code::UnknownField, "to.tag"),
        (r#"{"to":{"tags":["t"]},"data":1}"#.to_owned(), Code::UnknownField, "to.tags"),
        (r#"{"to":{"all":true}}"#.to_owned(), Code::InvalidField, "data"),
        (r#"{"to":{"all":true},"data":1,"args":[1],"event_name":"e"}"#.to_owned(), Code::InvalidField, "args"),
        (r#"{"to":{"all":true},"args":[1]}"#.to_owned(), Code::InvalidField, "event_name"),
        (r#"{"to":{"all":true},"args":[],"event_name":"e"}"#.to_owned(), Code::InvalidField, "args"),
        (r#"{"to":{"all":true},"args":{},"event_name":"e"}"#.to_owned(), Code::InvalidField, "args"),
        (format!(r#"{{"to":{{"all":true}},"args":[{}1],"event_name":"e"}}"#, "1,".repeat(16)), Code::InvalidField, "args"),
        (r#"{"to":{"all":true},"data":1,"event_name":""}"#.to_owned(), Code::InvalidField, "event_name"),
        (r#"{"to":{"all":true},"data":1,"event_name":7}"#.to_owned(), Code::InvalidField, "event_name"),
        (r#"{"to":{"all":true},"data":1,"event_name":"a\u0000"}"#.to_owned(), Code::InvalidField, "event_name"),
        (format!(r#"{{"to":{{"all":true}},"data":1,"event_name":"{}"}}"#, long(65)), Code::InvalidField, "event_name"),
        (r#"{"to":{"all":true},"data":1,"ttl":-1}"#.to_owned(), Code::InvalidField, "ttl"),
        (r#"{"to":{"all":true},"data":1,"ttl":1.5}"#.to_owned(), Code::InvalidField, "ttl"),
        (r#"{"to":{"all":true},"data":1,"ttl":"60"}"#.to_owned(), Code::InvalidField, "ttl"),
        (r#"{"to":{"all":true},"data":1,"ttl":2419201}"#.to_owned(), Code::InvalidField, "ttl"),
        (r#"{"to":{"all":true},"data":1,"ttl":99999999999999999999}"#.to_owned(), Code::InvalidField, "ttl"),
        (r#"{"to":{"all":true},"data":1,"expires_at":1}"#.to_owned(), Code::InvalidField, "expires_at"),
        (r#"{"to":{"all":true},"data":1,"expires_at":"tomorrow"}"#.to_owned(), Code::InvalidField, "expires_at"),
        (r#"{"to":{"all":true},"data":1,"ttl":1,"expires_at":"2100-01-01T00:00:00Z"}"#.to_owned(), Code::InvalidField, "expires_at"),
        (r#"{"to":{"all":true},"data":1,"collapse_key":""}"#.to_owned(), Code::InvalidField, "collapse_key"),
        (r#"{"to":{"all":true},"data":1,"collapse_key":"a b"}"#.to_owned(), Code::InvalidField, "collapse_key"),
        (format!(r#"{{"to":{{"all":true}},"data":1,"collapse_key":"{}"}}"#, long(65)), Code::InvalidField, "collapse_key"),
        (format!(r#"{{"to":{{"all":true}},"data":1,"label":"{}"}}"#, "é".repeat(101)), Code::InvalidField, "label"),
        (r#"{"to":{"all":true},"data":1,"meta":{}}"#.to_owned(), Code::InvalidField, "meta"),
        (format!(r#"{{"to":{{"all":true}},"data":1,"meta":"{}"}}"#, long(1025)), Code::PayloadTooLarge, "meta"),
        (r#"{"to":{"all":true},"data":1,"dry_run":1}"#.to_owned(), Code::InvalidField, "dry_run"),
        (r#"{"to":{"all":true},"data":1,"dry_run":null}"#.to_owned(), Code::InvalidField, "dry_run"),
    ] {
        assert_eq!(read(&body), Err((code, field.to_owned())), "{body}");
    }
    for later in ["notification", "unreached_after_s", "priority", "send_at", "template_id", "uid", "TTL", ""] {
        let body = format!(r#"{{"to":{{"all":true}},"data":1,"{later}":1}}"#);
        assert_eq!(read(&body), Err((Code::UnknownField, later.to_owned())), "{body}");
    }
}

#[test]
fn the_largest_of_everything_is_taken() {
    let body = format!(
        r#"{{"to":{{"uids":[{}1]}},"args":[{}1],"event_name":"{}","ttl":2419200,"collapse_key":"{}","label":"{}","meta":"{}"}}"#,
        "1,".repeat(999),
        "1,".repeat(15),
        "e".repeat(64),
        "k".repeat(64),
        "é".repeat(100),
        "m".repeat(1024)
    );
    assert!(read(&body).is_ok());
}

#[test]
fn names_that_clients_keep_for_themselves_are_refused() {
    for name in ["connect", "disconnect", "error", "newListener", "ping", "reconnecting", "app broadcast", "_register", "_", "p_x"] {
        let body = format!(r#"{{"to":{{"all":true}},"data":1,"event_name":"{name}"}}"#);
        assert_eq!(read(&body), Err((Code::InvalidField, "event_name".to_owned())), "{name}");
    }
    for name in ["message", "Connect", "chat message", "P_x", "é"] {
        assert!(read(&format!(r#"{{"to":{{"all":true}},"data":1,"event_name":"{name}"}}"#)).is_ok(), "{name}");
    }
}
