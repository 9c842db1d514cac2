use serde_json::json;
use tidings_model::{Answer, AppNo, Fact, Leave, Position, Request, SocketId};

use super::house::{House, request};

fn facts(house: &House) -> Vec<Fact> {
    let batch = house.store.read(Position::ZERO, house.store.durable(), usize::MAX).unwrap();
    batch.entries.iter().map(|entry| (*entry.fact).clone()).collect()
}

fn delete(house: &House, target: &str) -> super::house::Reply {
    house.call(&request("DELETE", target, &[], ""))
}

#[test]
fn a_device_is_shown_as_its_token_names_it() {
    let house = House::open();
    let attached = house.register("42", 1);
    house.message(r#"{"data":"hello","uid":"42"}"#);
    house.message(r#"{"data":1}"#);
    let reply = house.get(&format!("/v1/devices/{}", attached.token), &[]);
    let device = reply.json();
    let keys: Vec<_> = device.as_object().unwrap().keys().map(String::as_str).collect();
    let shape = ["token", "uid", "device_id", "platform", "app_version", "online", "since", "last_seen", "created_at", "mailbox", "topics"];
    assert_eq!(keys, shape);
    assert_eq!((&device["token"], &device["uid"]), (&json!(attached.token.as_str()), &json!("42")));
    assert_eq!((&device["online"], &device["device_id"], &device["topics"]), (&json!(true), &json!(null), &json!([])));
    assert_eq!(device["mailbox"], json!({"messages": 2, "bytes": 8}));
    for time in ["since", "last_seen", "created_at"] {
        assert!(device[time].as_str().unwrap().ends_with('Z'), "{device}");
    }
}

#[test]
fn who_left_is_offline_with_the_time_it_was_seen() {
    let house = House::open();
    let attached = house.register("42", 1);
    house.ask(Request::Leave(Leave { reg: attached.reg, socket: SocketId(1) }));
    let user = house.get("/v1/users/42", &[]).json();
    assert_eq!((&user["uid"], &user["online"], user["devices"].as_array().unwrap().len()), (&json!("42"), &json!(false), 1));
    assert_eq!((&user["devices"][0]["online"], &user["devices"][0]["since"]), (&json!(false), &json!(null)));
    assert_eq!(user["last_seen"], user["devices"][0]["last_seen"]);
    assert!(user["last_seen"].is_string());
}

#[test]
fn what_nobody_has_is_not_found() {
    let house = House::open();
    house.get("/v1/users/42", &[]).refused(404, "not_found");
    house.post("/v1/users/42:disconnect", &[], "").refused(404, "not_found");
    delete(&house, "/v1/users/42").refused(404, "not_found");
    for token in ["p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "nonsense", "p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:x"] {
        house.get(&format!("/v1/devices/{token}"), &[]).refused(404, "not_found");
    }
}

#[test]
fn a_uid_is_percent_encoded_and_the_verb_follows_the_last_colon() {
    let house = House::open();
    for (uid, path) in [("a:b/c d", "a%3Ab%2Fc%20d"), ("é+", "%C3%A9+"), ("x:disconnect", "x%3Adisconnect")] {
        house.register(uid, 1);
        assert_eq!(house.get(&format!("/v1/users/{path}"), &[]).json()["uid"], uid);
        assert_eq!(house.post(&format!("/v1/users/{path}:disconnect"), &[], "").json(), json!({"closed": 1}));
    }
    for (method, path, status, code) in [
        ("GET", "/v1/users/42:disconnect", 405, "method_not_allowed"),
        ("DELETE", "/v1/users/42:disconnect", 405, "method_not_allowed"),
        ("POST", "/v1/users/42", 405, "method_not_allowed"),
        ("POST", "/v1/users/42:nothing", 404, "not_found"),
        ("GET", "/v1/users/42:", 404, "not_found"),
        ("GET", "/v1/users/%ff", 400, "invalid_field"),
        ("GET", "/v1/users/%0a", 400, "invalid_field"),
        ("GET", "/v1/users/42?x=1", 400, "unknown_field"),
    ] {
        let reply = house.call(&request(method, path, &[], ""));
        reply.refused(status, code);
        assert_eq!(reply.header("allow").is_some(), status == 405, "{method} {path}");
    }
}

#[test]
fn many_users_are_asked_for_at_once() {
    let house = House::open();
    house.register("42", 1);
    let away = house.register("43", 2);
    house.ask(Request::Leave(Leave { reg: away.reg, socket: SocketId(2) }));
    let users = house.post("/v1/users:status", &[], r#"{"uids":["43",42,"nobody"]}"#).json()["users"].clone();
    let short = |index: usize| {
        let user = &users[index];
        json!([user["uid"], user["known"], user["online"], user["devices"], user["last_seen"].is_string()])
    };
    assert_eq!(short(0), json!(["43", true, false, 1, true]));
    assert_eq!(short(1), json!(["42", true, true, 1, true]));
    assert_eq!(short(2), json!(["nobody", false, false, 0, false]));
    assert_eq!(house.post("/v1/users:status", &[], r#"{"uids":[]}"#).json(), json!({"users": []}));
}

#[test]
fn a_wrong_question_about_users_names_the_field() {
    let house = House::open();
    let many = format!("{{\"uids\":[{}]}}", vec!["1"; 1001].join(","));
    let most = format!("{{\"uids\":[{}]}}", vec!["1"; 1000].join(","));
    assert_eq!(house.post("/v1/users:status", &[], &most).status, 200);
    for body in [r#"{}"#, r#"{"uids":1}"#, r#"{"uids":[null]}"#, r#"{"uids":[""]}"#, &many] {
        assert_eq!(house.post("/v1/users:status", &[], body).refused(400, "invalid_field")["field"], "uids", "{body}");
    }
    house.post("/v1/users:status", &[], r#"{"uids":[],"x":1}"#).refused(400, "unknown_field");
    house.get("/v1/users:status", &[]).refused(405, "method_not_allowed");
}

#[test]
fn a_disconnect_names_the_sockets_that_are_there() {
    let house = House::open();
    let first = house.register("42", 1);
    house.register("42", 2);
    assert_eq!(house.post("/v1/users/42:disconnect", &[], "").json(), json!({"closed": 2}));
    let closed: Vec<_> =
        facts(&house).into_iter().filter_map(|fact| if let Fact::Disconnected(fact) = fact { Some(fact) } else { None }).collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].regs, [first.reg]);
    for socket in [1, 2] {
        house.ask(Request::Leave(Leave { reg: first.reg, socket: SocketId(socket) }));
    }
    assert_eq!(house.post("/v1/users/42:disconnect", &[], "").json(), json!({"closed": 0}));
    assert_eq!(house.register("42", 3).token, first.token);
}

#[test]
fn an_erased_user_is_unreadable_and_undeliverable_at_once() {
    let house = House::open();
    let before = house.register("42", 1);
    house.register("43", 2);
    house.message(r#"{"data":"secret","uid":"42"}"#);
    house.report(&before, r#""seen""#);
    let told = |house: &House| {
        let lines = house.get("/v1/events?limit=1000", &[]).lines();
        lines.iter().filter(|event| event["data"]["uid"] == "42" || event["data"]["token"] == before.token.as_str()).count()
    };
    assert!(told(&house) > 1);
    let reply = delete(&house, "/v1/users/42");
    assert_eq!((reply.status, reply.body.as_str()), (202, ""));
    assert_eq!(told(&house), 0);
    house.get("/v1/users/42", &[]).refused(404, "not_found");
    delete(&house, "/v1/users/42").refused(404, "not_found");
    house.get(&format!("/v1/devices/{}", before.token), &[]).refused(410, "token_unregistered");
    house.message(r#"{"data":1,"uid":"42"}"#).refused(404, "unknown_target");
    house.message(&format!(r#"{{"data":1,"token":"{}"}}"#, before.token)).refused(410, "token_unregistered");
    assert_eq!(house.get("/v1/users/43", &[]).status, 200);
    assert!(matches!(
        house.ask(Request::Adopt(tidings_model::Adopt {
            reg: before.reg,
            print: tidings_model::Print(1),
            addr: std::net::IpAddr::from([127, 0, 0, 1]),
            cursor: before.at,
            socket: SocketId(1),
        })),
        Answer::Refused(_)
    ));
}

#[test]
fn a_register_after_an_erasure_starts_afresh() {
    let house = House::open();
    let before = house.register("42", 1);
    house.message(r#"{"data":"secret","uid":"42"}"#);
    assert_eq!(delete(&house, "/v1/users/42").status, 202);
    let house = house.reopen();
    let after = house.register("42", 2);
    assert_ne!((&after.token, after.reg), (&before.token, before.reg));
    let user = house.get("/v1/users/42", &[]).json();
    assert_eq!(user["devices"][0]["mailbox"], json!({"messages": 0, "bytes": 0}));
    let erased = facts(&house).into_iter().find_map(|fact| if let Fact::Erased(fact) = fact { Some(fact) } else { None }).unwrap();
    assert_eq!((erased.app, erased.regs), (AppNo::DEFAULT, vec![before.reg]));
    house.get(&format!("/v1/devices/{}", before.token), &[]).refused(410, "token_unregistered");
    let uids = house.get("/v1/events?types=device.registered", &[]).lines();
    assert_eq!(uids.iter().map(|event| event["data"]["token"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), [after.token.as_str()]);
}

#[test]
fn nobody_is_disconnected_or_erased_while_it_stops() {
    let house = House::open();
    house.register("42", 1);
    house.drain();
    house.post("/v1/users/42:disconnect", &[], "").refused(503, "draining");
    delete(&house, "/v1/users/42").refused(503, "draining");
    assert_eq!(house.get("/v1/users/42", &[]).status, 200);
}
