use serde_json::{Value, json};

use super::house::{House, Reply};

const URL: &str = "https://shop.example/hooks?key=1";

fn made(house: &House, body: Value) -> Value {
    let reply = house.post("/v1/webhooks", &[], &body.to_string());
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()
}

fn path(webhook: &Value) -> String {
    format!("/v1/webhooks/{}", webhook["id"].as_str().unwrap())
}

fn good(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

#[test]
fn a_webhook_is_made_shown_changed_and_ended() {
    let house = House::open();
    let first = made(&house, json!({"url": URL, "types": ["client.event", "device.online", "client.event"]}));
    let keys: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "url", "types", "app", "state", "cursor", "last_error", "parked", "secret"]);
    assert_eq!((&first["url"], &first["types"], &first["app"]), (&json!(URL), &json!(["client.event", "device.online"]), &json!("/")));
    assert_eq!((&first["state"], &first["last_error"], &first["parked"]), (&json!("active"), &Value::Null, &json!([])));
    assert!(first["secret"].as_str().unwrap().starts_with("whsec_") && first["secret"].as_str().unwrap().len() == 6 + 44);
    let second = made(&house, json!({"url": "http://shop.example", "types": null}));
    assert_eq!(second["types"], Value::Null);
    let mut shown = first.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(good(&house.get(&path(&first), &[])), shown);
    let listed = good(&house.get("/v1/webhooks", &[]));
    assert_eq!(listed["webhooks"].as_array().unwrap().iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&first["id"], &second["id"]]);
    let changed = good(&house.patch(&path(&first), &[], r#"{"url":"https://other.example/","types":null,"state":"paused"}"#));
    assert_eq!((&changed["url"], &changed["types"], &changed["state"]), (&json!("https://other.example/"), &Value::Null, &json!("paused")));
    assert_eq!((changed.get("secret"), &changed["cursor"]), (None, &first["cursor"]));
    let house = house.reopen();
    assert_eq!(good(&house.get(&path(&first), &[])), changed);
    assert_eq!(good(&house.patch(&path(&first), &[], r#"{"state":"active"}"#))["state"], "active");
    assert_eq!(house.delete(&path(&first), &[]).status, 204);
    for reply in [house.get(&path(&first), &[]), house.patch(&path(&first), &[], "{}"), house.delete(&path(&first), &[])] {
        reply.refused(404, "not_found");
    }
    assert_eq!(good(&house.get("/v1/webhooks", &[]))["webhooks"].as_array().unwrap().len(), 1);
}

#[test]
fn a_secret_is_told_only_when_it_is_drawn() {
    let house = House::open();
    let webhook = made(&house, json!({"url": URL}));
    let rotated = good(&house.patch(&path(&webhook), &[], r#"{"rotate":true}"#));
    assert!(rotated["secret"].as_str().unwrap().starts_with("whsec_") && rotated["secret"] != webhook["secret"]);
    assert_eq!(good(&house.patch(&path(&webhook), &[], r#"{"retire":true}"#)).get("secret"), None);
    assert!(!house.get("/v1/webhooks", &[]).body.contains("whsec_"));
}

#[test]
fn what_is_wrong_with_a_webhook_is_said_with_its_field() {
    let house = House::open();
    let webhook = made(&house, json!({"url": URL}));
    let (make, change, replay) = (String::from("/v1/webhooks"), path(&webhook), format!("{}:replay", path(&webhook)));
    for (target, body, field, words) in [
        (&make, json!({}), "url", "missing"),
        (&make, json!({"url": 1}), "url", "string"),
        (&make, json!({"url": "ftp://shop.example/"}), "url", "http://"),
        (&make, json!({"url": "http://user@shop.example/"}), "url", "user"),
        (&make, json!({"url": "http://127.0.0.1:5001/"}), "url", "sync.webhook_allow"),
        (&make, json!({"url": "http://[::ffff:10.0.0.1]/"}), "url", "sync.webhook_allow"),
        (&make, json!({"url": URL, "types": []}), "types", "null means all"),
        (&make, json!({"url": URL, "types": "client.event"}), "types", "array"),
        (&make, json!({"url": URL, "types": ["device.registred"]}), "types", "device.registered"),
        (&change, json!({"url": "https://10.0.0.1/"}), "url", "sync.webhook_allow"),
        (&change, json!({"types": ["message.report"]}), "types", "message.reported"),
        (&change, json!({"state": "stopped"}), "state", "active or paused"),
        (&change, json!({"rotate": 1}), "rotate", "true or false"),
        (&replay, json!({}), "cursor", "missing"),
        (&replay, json!({"cursor": "x"}), "cursor", "id of an event"),
        (&replay, json!({"cursor": "1-0", "from": "1-0"}), "from", "one of them"),
        (&replay, json!({"cursor": "99999999-0"}), "cursor", "set back"),
        (&replay, json!({"from": "99999999-1"}), "from", "set back"),
    ] {
        let method = if *target == change { House::patch } else { House::post };
        let error = method(&house, target, &[], &body.to_string()).refused(400, "invalid_field");
        let message = error["message"].as_str().unwrap();
        assert!(error["field"] == field && message.contains(words), "{body}: {error}");
    }
    house.post(&make, &[], r#"{"url":"https://shop.example/","secret":"x"}"#).refused(400, "unknown_field");
    for (method, target) in [("GET", ":test"), ("GET", ":replay"), ("PATCH", ":test"), ("DELETE", ":replay"), ("POST", "")] {
        house.call(&super::house::request(method, &format!("{change}{target}"), &[], "")).refused(405, "method_not_allowed");
    }
    house.post(&format!("{change}:nothing"), &[], "{}").refused(404, "not_found");
    house.patch(&format!("{change}:nothing"), &[], "{}").refused(404, "not_found");
    assert_eq!(good(&house.get("/v1/webhooks", &[]))["webhooks"].as_array().unwrap().len(), 1);
}

#[test]
fn an_app_has_so_many_webhooks_and_no_more() {
    let house = House::open();
    for _ in 0..20 {
        made(&house, json!({"url": URL}));
    }
    house.post("/v1/webhooks", &[], &json!({"url": URL}).to_string()).refused(429, "quota_exceeded");
}

#[test]
fn it_is_set_back_behind_a_cursor_or_from_an_event_on() {
    let house = House::open();
    house.register("42", 1);
    let webhook = made(&house, json!({"url": URL}));
    let events = house.get("/v1/events", &[]).lines();
    let first = events[0]["id"].as_str().unwrap();
    let replay = |body: Value| good(&house.post(&format!("{}:replay", path(&webhook)), &[], &body.to_string()))["cursor"].clone();
    let from = replay(json!({"from": first}));
    let behind = house.get(&format!("/v1/events?cursor={}", from.as_str().unwrap()), &[]).lines();
    assert_eq!(behind[0]["id"], first);
    house.post(&format!("{}:replay", path(&webhook)), &[], &json!({"cursor": webhook["cursor"]}).to_string()).refused(400, "invalid_field");
    assert_eq!(replay(json!({"cursor": "0-0"})), "0-0");
}

#[test]
fn a_try_says_what_came_of_it() {
    let house = House::open();
    let webhook = made(&house, json!({"url": "http://localhost:1/"}));
    let tried = good(&house.post(&format!("{}:test", path(&webhook)), &[], ""));
    let keys: Vec<&str> = tried.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["ok", "status", "ms", "error"]);
    assert_eq!((&tried["ok"], &tried["status"]), (&json!(false), &Value::Null));
    assert!(tried["error"].as_str().unwrap().contains("sync.webhook_allow"), "{tried}");
}
