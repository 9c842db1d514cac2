use serde_json::{Value, json};
use tidings_model::{Body, Fact, Limits, Published};

use super::house::{House, Reply};

fn send(house: &House, body: &Value) -> Reply {
    house.post("/v1/messages", &[], &body.to_string())
}

/// The messages of the log, in order.
fn stored(house: &House) -> Vec<Published> {
    let whole = house.store.read(tidings_model::Position::ZERO, house.store.durable(), usize::MAX).unwrap();
    let message = |fact: &Fact| if let Fact::Published(message) = fact { Some(Published::clone(message)) } else { None };
    whole.entries.iter().filter_map(|entry| message(&entry.fact)).collect()
}

#[test]
fn what_is_accepted_is_answered_with_202_and_all_that_is_known() {
    let house = House::open();
    house.register("42", 1);
    let reply = send(&house, &json!({"to": {"uid": 42}, "data": "hi"}));
    let answer = reply.json();
    assert_eq!((reply.status, reply.header("content-type")), (202, Some("application/json")));
    assert_eq!((&answer["state"], &answer["targets"]), (&json!("accepted"), &json!({"devices": 1, "online": 1})));
    let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "seq", "state", "expires_at", "targets"]);
    assert_eq!(reply.header("preference-applied"), None);
}

#[test]
fn all_of_a_message_is_stored_as_it_was_said() {
    let house = House::open();
    let body = r#"{"to":{"all":true},"args":[ "a" , {"b": 0.10} ],"event_name":"news","collapse_key":"k","label":"spring","meta":"m"}"#;
    assert_eq!(house.post("/v1/messages", &["Content-Type: application/json"], body).status, 202);
    let content = stored(&house).remove(0).content;
    assert!(matches!(&content.body, Body::Args(args) if args.as_str() == r#"["a",{"b":0.10}]"#), "{content:?}");
    assert_eq!(content.event_name.as_ref().map(|name| name.as_str()), Some("news"));
    assert_eq!(content.collapse_key.as_ref().map(|key| key.as_str()), Some("k"));
    assert_eq!((content.label.as_deref(), content.meta.as_deref()), (Some("spring"), Some("m")));
}

#[test]
fn unknown_targets_are_named_and_the_others_get_it() {
    let house = House::open();
    let token = house.register("42", 1).token.to_string();
    let answer = send(&house, &json!({"to": {"uids": ["42", "nobody", 42]}, "data": 1})).json();
    assert_eq!(answer["targets"]["devices"], 1);
    assert_eq!(answer["invalid"], json!([{"value": "nobody", "code": "unknown_target"}]));
    let answer = send(&house, &json!({"to": {"tokens": [token, "p_x", token]}, "data": 1})).json();
    assert_eq!((&answer["targets"]["devices"], &answer["invalid"]), (&json!(1), &json!([{"value": "p_x", "code": "unknown_target"}])));
    // A user without the app is nothing unusual.
    let reply = send(&house, &json!({"to": {"uid": "nobody"}, "data": 1}));
    assert_eq!((reply.status, &reply.json()["targets"]["devices"]), (202, &json!(0)));
}

#[test]
fn the_first_hundred_unknown_targets_are_named() {
    let house = House::open();
    let uids: Vec<u32> = (0..300).collect();
    let answer = send(&house, &json!({"to": {"uids": uids}, "data": 1})).json();
    assert_eq!(answer["invalid"].as_array().unwrap().len(), 100);
}

#[test]
fn a_token_alone_must_be_alive() {
    let house = House::open();
    for token in ["p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "p_nobody", "42"] {
        let error = send(&house, &json!({"to": {"token": token}, "data": 1})).refused(404, "unknown_target");
        assert_eq!(error["field"], "to.token");
    }
    // The oldest of 21 devices has made room for the newest.
    let tokens: Vec<String> = (0..21).map(|n| house.register_device("42", &format!("d{n}"), n).token.to_string()).collect();
    let alive = |token: &&String| send(&house, &json!({"to": {"token": token}, "data": 1})).status == 202;
    let dead: Vec<_> = tokens.iter().filter(|token| !alive(token)).collect();
    assert_eq!(dead.len(), 1);
    let error = send(&house, &json!({"to": {"token": dead[0]}, "data": 1})).refused(410, "token_unregistered");
    assert_eq!(error["field"], "to.token");
    let answer = send(&house, &json!({"to": {"tokens": [dead[0]]}, "data": 1})).json();
    assert_eq!(answer["invalid"], json!([{"value": dead[0], "code": "token_unregistered"}]));
}

#[test]
fn a_mistake_is_refused_with_its_code_and_field_and_nothing_is_stored() {
    let house = House::open();
    for (body, status, code, field) in [
        (json!({"data": 1}), 400, "missing_target", "to"),
        (json!({"to": {"uid": "1", "uids": ["2"]}, "data": 1}), 400, "ambiguous_target", "to"),
        (json!({"to": {"tag": "t"}, "data": 1}), 400, "unknown_field", "to.tag"),
        (json!({"to": {"all": true}, "data": 1, "notification": {}}), 400, "unknown_field", "notification"),
        (json!({"to": {"all": true}}), 400, "invalid_field", "data"),
        (json!({"to": {"all": true}, "args": ["x"]}), 400, "invalid_field", "event_name"),
        (json!({"to": {"all": true}, "data": "x".repeat(4095)}), 413, "payload_too_large", "data"),
        (json!({"to": {"all": true}, "args": ["x".repeat(4093)], "event_name": "e"}), 413, "payload_too_large", "args"),
        (json!({"to": {"all": true}, "data": 1, "expires_at": "2020-01-01T00:00:00Z"}), 400, "invalid_field", "expires_at"),
        (json!({"to": {"all": true}, "data": 1, "expires_at": "2999-01-01T00:00:00Z"}), 400, "invalid_field", "expires_at"),
        (
            json!({"to": {"all": true}, "data": 1, "dry_run": true, "expires_at": "2020-01-01T00:00:00Z"}),
            400,
            "invalid_field",
            "expires_at",
        ),
    ] {
        let error = send(&house, &body).refused(status, code);
        assert_eq!(error["field"], field, "{body}");
    }
    let error = house.post("/v1/messages", &[], "[]").refused(400, "invalid_json");
    assert_eq!(error["field"], Value::Null);
    let error = house.post("/v1/messages", &["Prefer: wait=61"], r#"{"to":{"all":true},"data":1}"#).refused(400, "invalid_field");
    assert_eq!(error["field"], "Prefer");
    assert!(stored(&house).is_empty());
}

#[test]
fn where_uids_name_events_no_uid_may_be_a_reserved_name() {
    let house = House::open_with(tempfile::tempdir().unwrap(), Limits::default(), |config| config.uid_events = true);
    for (target, body, field) in [
        ("/message", json!({"data": 1, "uid": "disconnect"}), "uid"),
        ("/message", json!({"data": 1, "id": "_x"}), "id"),
        ("/v1/messages", json!({"to": {"uid": "app broadcast"}, "data": 1}), "to"),
        ("/v1/messages", json!({"to": {"uids": ["1", "p_x"]}, "data": 1}), "to"),
    ] {
        let error = house.post(target, &[], &body.to_string()).refused(400, "invalid_field");
        assert_eq!(error["field"], field, "{body}");
    }
    let token = house.register("42", 1).token.to_string();
    assert_eq!(house.message(&json!({"data": 1, "id": token}).to_string()).status, 200);
    // Where they name none, a uid is a uid.
    let house = House::open();
    assert_eq!(send(&house, &json!({"to": {"uid": "disconnect"}, "data": 1})).status, 202);
}

#[test]
fn it_expires_when_it_was_said_to() {
    let house = House::open();
    let longest = send(&house, &json!({"to": {"all": true}, "data": 1, "ttl": 2_419_200})).json();
    let until = longest["expires_at"].as_str().unwrap();
    let same = send(&house, &json!({"to": {"all": true}, "data": 1, "expires_at": until.replace('Z', "+00:00")})).json();
    assert_eq!(same["expires_at"], until);
    send(&house, &json!({"to": {"all": true}, "data": 1, "ttl": 0}));
    let messages = stored(&house);
    let left = |n: usize| messages[n].expires.0 - messages[n].id.time_ms();
    assert_eq!((left(0), messages[1].expires, left(2)), (2_419_200_000, messages[0].expires, 0));
}

#[test]
fn a_dry_run_counts_and_stores_nothing() {
    let house = House::open();
    house.register("42", 1);
    let dry = json!({"to": {"uids": ["42", "nobody"]}, "data": 1, "dry_run": true});
    let reply = house.post("/v1/messages", &["Idempotency-Key: k", "Prefer: wait=5"], &dry.to_string());
    let answer = reply.json();
    assert_eq!((reply.status, &answer["id"], &answer["seq"]), (200, &Value::Null, &Value::Null));
    assert_eq!((&answer["targets"], &answer["invalid"][0]["value"]), (&json!({"devices": 1, "online": 1}), &json!("nobody")));
    assert_eq!(reply.header("preference-applied"), None);
    assert!(stored(&house).is_empty());
    send(&house, &json!({"to": {"token": "p_x"}, "data": 1, "dry_run": true})).refused(404, "unknown_target");
    // The key is as free as before.
    let real = house.post("/v1/messages", &["Idempotency-Key: k"], &json!({"to": {"uid": "42"}, "data": 1}).to_string());
    assert_eq!((real.status, real.header("idempotency-replay")), (202, None));
}

#[test]
fn the_same_request_with_the_same_key_is_stored_once_and_after_a_restart_too() {
    let house = House::open();
    house.register("42", 1);
    let key = ["Idempotency-Key: one"];
    let first = house.post("/v1/messages", &key, r#"{"to":{"uids":["42","x"]},"data":1,"label":"l"}"#);
    let again = house.post("/v1/messages", &key, r#"{ "label":"l", "data":1, "to":{"uids":["42","x"]} }"#);
    assert_eq!((again.status, again.header("idempotency-replay"), &again.body), (202, Some("true"), &first.body));
    for other in [r#"{"to":{"uids":["42","x"]},"data":1}"#, r#"{"to":{"uids":["x","42"]},"data":1,"label":"l"}"#] {
        house.post("/v1/messages", &key, other).refused(422, "idempotency_mismatch");
    }
    // The other verb is another request.
    house.post("/message", &key, r#"{"data":1}"#).refused(422, "idempotency_mismatch");
    let house = house.reopen();
    let again = house.post("/v1/messages", &key, r#"{"to":{"uids":["42","x"]},"data":1,"label":"l"}"#);
    assert_eq!((again.header("idempotency-replay"), &again.body), (Some("true"), &first.body));
    assert_eq!(stored(&house).len(), 1);
}

#[test]
fn a_newer_message_with_the_key_names_what_it_replaces() {
    let house = House::open();
    let (a, b) = (house.register("a", 1).dev.unwrap(), house.register("b", 2).dev.unwrap());
    let keyed = |to: Value| send(&house, &json!({"to": to, "data": 1, "collapse_key": "k"}));
    for to in [json!({"uids": ["a", "b"]}), json!({"uid": "a"}), json!({"uids": ["b", "a"]}), json!({"all": true}), json!({"all": true})] {
        assert_eq!(keyed(to).status, 202);
    }
    let messages = stored(&house);
    let replaced = |n: usize| messages[n].replaces.iter().map(|old| old.devs.clone()).collect::<Vec<_>>();
    assert_eq!((replaced(0), replaced(1)), (vec![], vec![Some(vec![a])]));
    assert_eq!(replaced(2), [Some(vec![b]), Some(vec![a])], "the first for b, the second for a");
    // Broadcasts and direct messages do not replace one another.
    assert_eq!((replaced(3), replaced(4)), (vec![], vec![None]));
}

#[test]
fn meta_comes_back_in_the_events_of_its_message() {
    let house = House::open();
    let device = house.register("42", 1);
    send(&house, &json!({"to": {"uid": "42"}, "data": 1, "meta": "order \"7\""}));
    let at = house.message_behind(device.at);
    house.prove(device.dev.unwrap(), at, tidings_model::Proof::Engine);
    let events = house.get("/v1/events?types=message.reported", &[]).lines();
    assert_eq!((&events[0]["data"]["state"], &events[0]["data"]["meta"]), (&json!("reached"), &json!("order \"7\"")));
}
