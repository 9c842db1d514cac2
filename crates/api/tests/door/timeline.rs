use serde_json::{Value, json};
use tidings_json::Json;
use tidings_model::{Answer, Attached, ClientEvent, DirectProof, EventName, Leave, Position, Proof, Proofs, Request, SocketId, State};

use super::house::{House, request};

fn page(house: &House, rest: &str) -> Value {
    house.get(&format!("/v1/users/42/timeline{rest}"), &[]).json()
}

/// The items of a type, newest first, by their data.
fn of(page: &Value, kind: &str) -> Vec<Value> {
    page["items"].as_array().unwrap().iter().filter(|item| item["type"] == kind).map(|item| item["data"].clone()).collect()
}

fn send(house: &House, body: &str) -> (String, Position) {
    let answer = house.message(body).json();
    (answer["id"].as_str().unwrap().to_owned(), answer["seq"].as_str().unwrap().parse().unwrap())
}

fn prove(house: &House, of: &Attached, message: Position) {
    let direct = DirectProof { message, dev: of.dev.unwrap(), state: State::Reached, proof: Proof::Engine, after_ms: 7 };
    house.ask(Request::Prove(Proofs { cursors: vec![(of.dev.unwrap(), message)], direct: vec![direct] }));
}

fn fate(sent: &Value) -> Value {
    let device = &sent["devices"][0];
    json!([device["state"], device["proof"], device["after_ms"], device["reason"]])
}

#[test]
fn it_says_what_was_sent_and_what_became_of_it() {
    let house = House::open();
    let phone = house.register("42", 1);
    house.register("43", 2);
    let (reached, at) = send(&house, r#"{"data":1,"uid":"42"}"#);
    send(&house, r#"{"data":2,"uid":"43"}"#);
    prove(&house, &phone, at);
    house.report(&phone, r#""seen""#);
    let (waiting, _) = send(&house, r#"{"data":3,"uid":"42"}"#);
    house.ask(Request::Leave(Leave { reg: phone.reg, socket: SocketId(1) }));
    let page = page(&house, "");
    assert_eq!((&page["uid"], &page["next_cursor"]), (&json!("42"), &json!(null)));
    let sent = of(&page, "message.sent");
    assert_eq!(sent.iter().map(|sent| sent["message_id"].as_str().unwrap()).collect::<Vec<_>>(), [waiting.as_str(), reached.as_str()]);
    assert_eq!(fate(&sent[0]), json!(["waiting", null, null, "offline"]));
    assert_eq!(fate(&sent[1]), json!(["reached", "engine", 7, null]));
    assert_eq!(
        of(&page, "message.reported"),
        [json!({"message_id": null, "token": phone.token.as_str(), "device_id": null, "status": "seen", "inferred": false})]
    );
    assert_eq!(of(&page, "device.registered"), [json!({"token": phone.token.as_str(), "device_id": null, "first": true})]);
    let ids: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap().parse::<tidings_model::EventId>().unwrap())
        .collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
}

#[test]
fn what_waits_for_a_connected_device_is_unproven() {
    let house = House::open();
    house.register("42", 1);
    send(&house, r#"{"data":1,"uid":"42"}"#);
    assert_eq!(fate(&of(&page(&house, ""), "message.sent")[0]), json!(["waiting", null, null, "unproven"]));
}

#[test]
fn a_broadcast_is_reached_when_the_cursor_has_passed_it() {
    let house = House::open();
    let phone = house.register("42", 1);
    send(&house, r#"{"data":1}"#);
    let (_, at) = send(&house, r#"{"data":2,"uid":"42"}"#);
    prove(&house, &phone, at);
    let sent = of(&page(&house, ""), "message.sent");
    assert_eq!((fate(&sent[1]), &sent[1]["to"]), (json!(["reached", null, null, null]), &json!("all")));
}

#[test]
fn what_the_registration_left_behind_is_lost() {
    let house = House::open();
    let mut last = 0;
    let mut register = |device: String| {
        last += 1;
        house.register_device("42", &device, last)
    };
    register("first".to_owned());
    send(&house, r#"{"data":1,"uid":"42"}"#);
    // One more than a user may have: the oldest makes room.
    house.ask(Request::Leave(Leave { reg: tidings_model::RegNo(0), socket: SocketId(1) }));
    for device in 0..20 {
        register(format!("d{device}"));
    }
    let page = page(&house, "?limit=100");
    assert_eq!(fate(&of(&page, "message.sent")[0]), json!(["lost", null, null, "unregistered"]));
    assert_eq!(of(&page, "device.unregistered")[0]["reason"], "evicted");
}

#[test]
fn pages_join_without_a_gap_and_tell_the_same() {
    let house = House::open();
    let phone = house.register("42", 1);
    for data in 0..30 {
        let (_, at) = send(&house, &format!(r#"{{"data":{data},"uid":"42"}}"#));
        prove(&house, &phone, at);
        send(&house, r#"{"data":"other"}"#);
    }
    let whole = page(&house, "?limit=100");
    assert_eq!(whole["next_cursor"], json!(null));
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = page(&house, &format!("?limit=7{cursor}"));
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let sent = |items: &[Value]| items.iter().filter(|item| item["type"] != "device.online").cloned().collect::<Vec<_>>();
    assert_eq!(sent(&items), sent(whole["items"].as_array().unwrap()));
    assert!(items.len() > 60, "{}", items.len());
}

#[test]
fn what_an_app_emitted_stands_in_its_users_timeline_alone() {
    let house = House::open();
    let (phone, other) = (house.register("42", 1), house.register("43", 2));
    for (of, args) in [(&phone, "[{\"n\":1.0},2]"), (&other, "[]")] {
        let event_name = EventName::parse("cart").unwrap();
        let event = ClientEvent { reg: of.reg, dev: of.dev, event_name, args: Json::parse(args.as_bytes()).unwrap() };
        assert!(matches!(house.ask(Request::Emit(event)), Answer::Done));
    }
    assert_eq!(
        of(&page(&house, ""), "client.event"),
        [json!({"token": phone.token.as_str(), "device_id": null, "event_name": "cart", "args": [{"n": 1.0}, 2]})]
    );
}

#[test]
fn nothing_of_an_erased_user_is_in_his_successors_timeline() {
    let house = House::open();
    house.register("42", 1);
    send(&house, r#"{"data":"secret","uid":"42"}"#);
    house.call(&request("DELETE", "/v1/users/42", &[], ""));
    house.get("/v1/users/42/timeline", &[]).refused(404, "not_found");
    house.register("42", 2);
    let page = page(&house, "");
    assert_eq!((of(&page, "message.sent").len(), of(&page, "device.registered").len()), (0, 1));
}

#[test]
fn a_wrong_question_about_a_timeline_is_refused() {
    let house = House::open();
    house.register("42", 1);
    for (query, field) in [("cursor=x", "cursor"), ("limit=0", "limit"), ("limit=101", "limit")] {
        assert_eq!(house.get(&format!("/v1/users/42/timeline?{query}"), &[]).refused(400, "invalid_field")["field"], field);
    }
    house.get("/v1/users/42/timeline?x=1", &[]).refused(400, "unknown_field");
    house.get("/v1/users/%ff/timeline", &[]).refused(400, "invalid_field");
    house.post("/v1/users/42/timeline", &[], "").refused(405, "method_not_allowed");
}

#[test]
fn what_a_newer_message_replaced_is_superseded() {
    let house = House::open();
    let phone = house.register("42", 1);
    let send = |data: u32| {
        let body = format!(r#"{{"to":{{"uid":"42"}},"data":{data},"collapse_key":"k"}}"#);
        house.post("/v1/messages", &[], &body).json()["seq"].as_str().unwrap().parse::<Position>().unwrap()
    };
    send(1);
    let newer = send(2);
    let fates = |house: &House| of(&page(house, ""), "message.sent").iter().map(fate).collect::<Vec<_>>();
    let superseded = json!(["lost", null, null, "superseded"]);
    assert_eq!(fates(&house), [json!(["waiting", null, null, "unproven"]), superseded.clone()]);
    prove(&house, &phone, newer);
    assert_eq!(fates(&house), [json!(["reached", "engine", 7, null]), superseded]);
}
