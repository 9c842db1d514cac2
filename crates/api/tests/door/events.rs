use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::house::{House, Reply, request};

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn what_devices_do_is_read_in_order() {
    let house = House::open();
    let attached = house.register("42", 1);
    house.report(&attached, r#"{"b": 0.10, "a": "é"}"#);
    let reply = house.get("/v1/events", &[]);
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    let events = reply.lines();
    assert_eq!(types(&events), ["device.registered", "device.online", "message.reported"]);
    assert_eq!(events[0]["app"], "/");
    assert_eq!(
        events[0]["data"],
        json!({"uid": "42", "token": attached.token.as_str(), "device_id": null, "platform": null, "app_version": null, "first": true})
    );
    assert_eq!(reply.header("tidings-next-cursor"), events[2]["id"].as_str());
    // Spelled as it came; only whitespace went.
    assert!(reply.body.contains(r#""status":{"b":0.10,"a":"é"},"inferred":false"#), "{}", reply.body);
}

#[test]
fn a_cursor_goes_on_behind_what_was_read() {
    let house = House::open();
    for uid in 0..5 {
        house.register(&uid.to_string(), uid);
    }
    let all = house.get("/v1/events?limit=1000", &[]).lines();
    assert_eq!(all.len(), 10);
    let mut read = Vec::new();
    let mut target = "/v1/events?limit=3".to_owned();
    loop {
        let page = house.get(&target, &[]);
        let lines = page.lines();
        if lines.is_empty() {
            break;
        }
        assert!(lines.len() <= 3);
        read.extend(lines);
        target = format!("/v1/events?limit=3&cursor={}", page.header("tidings-next-cursor").unwrap());
    }
    assert_eq!(read, all);
    let behind_third = house.get(&format!("/v1/events?cursor={}", all[2]["id"].as_str().unwrap()), &[]).lines();
    assert_eq!(behind_third, all[3..]);
}

#[test]
fn types_choose_and_the_cursor_moves_even_where_nothing_matched() {
    let house = House::open();
    house.register("42", 1);
    house.register("43", 2);
    let online = house.get("/v1/events?types=device.online", &[]).lines();
    assert_eq!(types(&online), ["device.online", "device.online"]);
    let two = house.get("/v1/events?types=device.online,device.registered", &[]).lines();
    assert_eq!(two.len(), 4);
    let none = house.get("/v1/events?types=message.reported", &[]);
    assert!(none.lines().is_empty());
    let cursor = none.header("tidings-next-cursor").unwrap();
    assert!(house.get(&format!("/v1/events?cursor={cursor}"), &[]).lines().is_empty());
}

#[test]
fn what_the_query_may_say_is_fixed() {
    let house = House::open();
    for (query, code, field) in [
        ("nonsense=1", "unknown_field", "nonsense"),
        ("Limit=1", "unknown_field", "Limit"),
        ("limit=0", "invalid_field", "limit"),
        ("limit=1001", "invalid_field", "limit"),
        ("limit=", "invalid_field", "limit"),
        ("limit=%2B5", "invalid_field", "limit"),
        ("limit=1&limit=2", "invalid_field", "limit"),
        ("wait_s=61", "invalid_field", "wait_s"),
        ("wait_s=-1", "invalid_field", "wait_s"),
        ("wait_s=1.5", "invalid_field", "wait_s"),
        ("cursor=", "invalid_field", "cursor"),
        ("cursor=12", "invalid_field", "cursor"),
        ("cursor=x-0", "invalid_field", "cursor"),
        ("cursor=99999999999999999999-0", "invalid_field", "cursor"),
        ("types=", "invalid_field", "types"),
        ("types=device.online,nonsense", "invalid_field", "types"),
    ] {
        let error = house.get(&format!("/v1/events?{query}"), &[]).refused(400, code);
        assert_eq!(error["field"], field, "{query}");
    }
    for query in ["", "limit=1000", "limit=1&wait_s=0&types=device.online&cursor=0-0", "types=device%2Eonline"] {
        assert_eq!(house.get(&format!("/v1/events?{query}"), &[]).status, 200, "{query}");
    }
}

#[test]
fn a_wait_ends_with_the_first_event() {
    let house = House::open();
    let cursor = house.get("/v1/events", &[]).header("tidings-next-cursor").unwrap().to_owned();
    let mut waiting = house.connect();
    waiting
        .write_all(request("GET", &format!("/v1/events?cursor={cursor}&wait_s=60&types=device.registered"), &[], "").as_bytes())
        .unwrap();
    // What does not match does not end it.
    assert_eq!(house.message(r#"{"data":1}"#).status, 200);
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(waiting.peek(&mut [0]).is_err(), "answered without an event");
    waiting.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    house.register("42", 1);
    assert_eq!(types(&Reply::read(&mut waiting).lines()), ["device.registered"]);
}

#[test]
fn a_wait_without_events_ends_in_time_with_the_cursor() {
    let house = House::open();
    let reply = house.get("/v1/events?wait_s=1", &[]);
    assert!(reply.lines().is_empty());
    assert!(reply.header("tidings-next-cursor").is_some());
}

#[test]
fn a_wait_is_not_waited_for_where_there_is_something() {
    let house = House::open();
    house.register("42", 1);
    let mut stream = house.connect();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request("GET", "/v1/events?wait_s=60", &[], "").as_bytes()).unwrap();
    assert_eq!(Reply::read(&mut stream).lines().len(), 2);
}

#[test]
fn events_outlive_a_restart_with_the_same_ids() {
    let house = House::open();
    house.register("42", 1);
    let before = house.get("/v1/events", &[]).lines();
    let house = house.reopen();
    assert_eq!(house.get("/v1/events", &[]).lines()[..2], before[..2]);
}
