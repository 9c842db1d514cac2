use std::time::Duration;

use serde_json::{Value, json};
use tidings_model::{Leave, Limits, Position, Proof, Report, Request};

use super::house::{House, Reply};

const WAIT: &str = "Prefer: wait=60";

fn to(uid: &str) -> String {
    json!({"to": {"uid": uid}, "data": 1}).to_string()
}

#[test]
fn the_call_returns_when_the_first_device_has_it() {
    let house = House::open();
    let (legacy, phone) = (house.register("42", 1), house.register_device("42", "phone-1", 2));
    let mut waiting = house.begin("/v1/messages", &[WAIT], &to("42"));
    let at = house.message_behind(phone.at);
    waiting.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(waiting.peek(&mut [0]).is_err(), "answered before a device had it");
    waiting.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    house.prove(phone.dev.unwrap(), at, Proof::Engine);
    let reply = Reply::read(&mut waiting);
    let answer = reply.json();
    assert_eq!((reply.status, reply.header("preference-applied")), (200, Some("wait=60")));
    assert_eq!((&answer["state"], &answer["proof"], &answer["after_ms"]), (&json!("reached"), &json!("engine"), &json!(17)));
    assert_eq!((&answer["device_id"], &answer["targets"]["devices"]), (&json!("phone-1"), &json!(2)));
    assert_eq!(answer["seq"], at.to_string());

    // An implicit device has no id; `/message` can wait too, and then answers in JSON.
    let mut waiting = house.begin("/message", &["Prefer: wait=9"], r#"{"data":1,"uid":42}"#);
    let at = house.message_behind(at);
    house.prove(legacy.dev.unwrap(), at, Proof::Peer);
    let reply = Reply::read(&mut waiting);
    let answer = reply.json();
    assert_eq!((reply.status, reply.header("preference-applied")), (200, Some("wait=9")));
    assert_eq!(reply.header("tidings-message-id"), answer["id"].as_str());
    assert_eq!((&answer["state"], &answer["proof"], &answer["device_id"]), (&json!("reached"), &json!("peer"), &Value::Null));
}

#[test]
fn what_is_not_proven_in_time_is_kept_for_the_device() {
    let house = House::open();
    let device = house.register("42", 1);
    for (target, body) in [("/v1/messages", to("42")), ("/message", r#"{"data":1,"uid":42}"#.to_owned())] {
        let reply = house.post(target, &["Prefer: wait=1"], &body);
        assert_eq!((reply.status, reply.header("preference-applied")), (202, Some("wait=1")), "{target}");
        assert_eq!((&reply.json()["state"], reply.json().get("proof")), (&json!("accepted"), None));
    }
    let query = tidings_model::MailboxQuery {
        dev: device.dev.unwrap(),
        after: device.cursor,
        upto: house.store.durable(),
        messages_max: 10,
        bytes_max: 10_000,
        first: false,
    };
    let (told, page) = std::sync::mpsc::sync_channel(1);
    assert!(house.store.mailbox(query, Box::new(move |page| told.send(page).unwrap())).is_ok());
    assert_eq!(page.recv().unwrap().unwrap().messages.len(), 2);
}

#[test]
fn only_a_proof_of_this_message_ends_the_wait() {
    let house = House::open();
    let device = house.register("42", 1);
    house.post("/v1/messages", &[], &to("42"));
    let earlier = house.message_behind(Position::ZERO);
    let mut waiting = house.begin("/v1/messages", &[WAIT], &to("42"));
    let at = house.message_behind(earlier);
    house.prove(device.dev.unwrap(), earlier, Proof::Engine);
    // A report that names the message proves it, by the grade of a peer.
    let id = house.store.read(earlier, house.store.durable(), usize::MAX).unwrap().entries.iter().find_map(|entry| match &*entry.fact {
        tidings_model::Fact::Published(message) => Some(message.id),
        _ => None,
    });
    let status = tidings_json::Json::string("seen");
    let (app, reg, dev) = (tidings_model::AppNo::DEFAULT, Some(device.reg), device.dev);
    house.ask(Request::Report(Report { app, reg, dev, id, inferred: None, written: at, status }));
    let answer = Reply::read(&mut waiting).json();
    assert_eq!((&answer["proof"], &answer["state"]), (&json!("peer"), &json!("reached")));
    assert!(answer["after_ms"].as_u64().unwrap() < 60_000);
}

#[test]
fn nobody_waits_for_a_broadcast_or_for_nobody() {
    let house = House::open();
    house.register("42", 1);
    let away = house.register("away", 2);
    house.ask(Request::Leave(Leave { reg: away.reg, socket: away.socket }));
    for body in [
        json!({"to": {"all": true}, "data": 1}),
        json!({"to": {"uid": "nobody"}, "data": 1}),
        json!({"to": {"uid": "away"}, "data": 1, "ttl": 0}),
    ] {
        let reply = house.post("/v1/messages", &[WAIT], &body.to_string());
        assert_eq!((reply.status, reply.header("preference-applied")), (202, None), "{body}");
    }
    let reply = house.post("/message", &[WAIT], r#"{"data":1}"#);
    assert_eq!((reply.status, reply.header("preference-applied")), (200, None));
    assert_eq!(reply.json()["state"], "accepted");
}

#[test]
fn a_repeated_call_waits_for_the_first_ones_message_and_hears_what_was_told_before() {
    let house = House::open();
    let device = house.register("42", 1);
    let lines = ["Idempotency-Key: k", WAIT];
    let mut first = house.begin("/v1/messages", &lines, &to("42"));
    let at = house.message_behind(device.at);
    let mut second = house.begin("/v1/messages", &lines, &to("42"));
    house.prove(device.dev.unwrap(), at, Proof::Engine);
    let (first, second) = (Reply::read(&mut first), Reply::read(&mut second));
    assert_eq!((first.status, second.status, first.header("idempotency-replay")), (200, 200, None));
    assert_eq!((first.body.as_str(), second.header("idempotency-replay")), (second.body.as_str(), Some("true")));
    let third = house.post("/v1/messages", &lines, &to("42"));
    assert_eq!((third.status, &third.body), (200, &first.body), "it is in the log already");
}

#[test]
fn so_many_callers_wait_and_the_next_is_answered_at_once() {
    let house = House::open_in(tempfile::tempdir().unwrap(), Limits { waiting_callers: 3, ..Limits::default() });
    let mut last = house.register("42", 1).at;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(house.begin("/v1/messages", &[WAIT], &to("42")));
        last = house.message_behind(last);
    }
    for (target, body) in [("/v1/messages", to("42")), ("/message", r#"{"data":1,"uid":42}"#.to_owned())] {
        let reply = house.post(target, &[WAIT], &body);
        assert_eq!((reply.status, reply.header("preference-applied"), &reply.json()["state"]), (202, None, &json!("accepted")));
    }
    // Whoever hangs up makes room.
    drop(waiting);
    while house.post("/v1/messages", &["Prefer: wait=1"], &to("42")).header("preference-applied").is_none() {}
}

#[test]
fn a_stop_ends_the_waits() {
    let mut house = House::open();
    let device = house.register("42", 1);
    let mut waiting = house.begin("/v1/messages", &[WAIT], &to("42"));
    house.message_behind(device.at);
    house.close_door();
    let reply = Reply::read(&mut waiting);
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("accepted")));
    house.close_store();
}
