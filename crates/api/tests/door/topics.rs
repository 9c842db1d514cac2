use serde_json::{Value, json};
use tidings_model::{Leave, Request, SocketId};

use super::house::{House, Reply, request};

fn change(house: &House, method: &str, topic: &str, body: &Value) -> Reply {
    house.call(&request(method, &format!("/v1/topics/{topic}/subscribers"), &[], &body.to_string()))
}

fn devices(house: &House, topic: &str) -> u64 {
    let reply = house.get(&format!("/v1/topics/{topic}"), &[]);
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["devices"].as_u64().unwrap()
}

fn send(house: &House, to: &Value) -> Value {
    let reply = house.post("/v1/messages", &[], &json!({"to": to, "data": 1}).to_string());
    assert_eq!(reply.status, 202, "{reply:?}");
    reply.json()["targets"].clone()
}

#[test]
fn each_of_many_is_taken_or_refused_by_itself() {
    let house = House::open();
    let attached = house.register("42", 1);
    house.register("7", 2);
    let told = change(&house, "PUT", "news", &json!({"uids": ["42", "nobody", 7, "42"]})).json();
    let results = told["results"].as_array().unwrap();
    assert_eq!(results.len(), 3, "what stands twice counts once: {told}");
    assert_eq!((&results[0], &results[2]), (&json!({"value": "42", "devices": 1}), &json!({"value": "7", "devices": 1})));
    assert_eq!((&results[1]["value"], &results[1]["error"]["code"]), (&json!("nobody"), &json!("unknown_target")));
    assert_eq!(results[1]["error"]["field"], "uids");
    assert_eq!(devices(&house, "news"), 2);
    let told = change(&house, "DELETE", "news", &json!({"tokens": [attached.token.as_str(), "p_x"]})).json();
    assert_eq!(told["results"][0], json!({"value": attached.token.as_str(), "devices": 1}));
    assert_eq!(told["results"][1]["error"]["code"], "unknown_target");
    assert_eq!(devices(&house, "news"), 1);
    assert_eq!(change(&house, "DELETE", "news", &json!({"uids": ["42"]})).json()["results"][0]["devices"], 0, "he had left it");
}

#[test]
fn a_message_to_a_topic_counts_who_is_in_it() {
    let house = House::open();
    let attached = house.register("42", 1);
    assert_eq!(send(&house, &json!({"topic": "news"})), json!({"devices": 0, "online": 0}));
    change(&house, "PUT", "news", &json!({"uids": ["42"]}));
    assert_eq!(send(&house, &json!({"topic": "news"})), json!({"devices": 1, "online": 1}));
    house.ask(Request::Leave(Leave { reg: attached.reg, socket: SocketId(1) }));
    assert_eq!(send(&house, &json!({"topic": "news"})), json!({"devices": 1, "online": 0}));
    let device = house.get(&format!("/v1/devices/{}", attached.token), &[]).json();
    assert_eq!((&device["topics"], &device["mailbox"]["messages"]), (&json!(["news"]), &json!(2)));
    let timeline = house.get("/v1/users/42/timeline?limit=1", &[]).json();
    assert_eq!(timeline["items"][0]["data"]["to"], "topic");
    assert_eq!(timeline["items"][0]["data"]["devices"][0]["state"], "waiting");
    let dry = house.post("/v1/messages", &[], r#"{"to":{"topic":"news"},"data":1,"dry_run":true}"#).json();
    assert_eq!((&dry["id"], &dry["targets"]["devices"]), (&json!(null), &json!(1)));
    let waits = house.post("/v1/messages", &["Prefer: wait=5"], r#"{"to":{"topic":"news"},"data":1}"#);
    assert_eq!((waits.status, waits.header("preference-applied")), (202, None), "many are not waited for");
}

#[test]
fn a_topics_name_is_percent_encoded() {
    let house = House::open();
    house.register("42", 1);
    for (name, path) in [("a/b c", "a%2Fb%20c"), ("a:b", "a:b"), ("é", "%C3%A9"), ("subscribers", "subscribers")] {
        change(&house, "PUT", path, &json!({"uids": ["42"]}));
        assert_eq!(house.get(&format!("/v1/topics/{path}"), &[]).json(), json!({"topic": name, "devices": 1}));
        assert_eq!(send(&house, &json!({"topic": name}))["devices"], 1);
    }
    let long = "x".repeat(129);
    for (path, code) in [("%0a", "invalid_field"), ("%ff", "invalid_field"), (long.as_str(), "invalid_field"), ("a?x=1", "unknown_field")] {
        house.get(&format!("/v1/topics/{path}"), &[]).refused(400, code);
    }
    house.get("/v1/topics/", &[]).refused(404, "not_found");
}

#[test]
fn what_nobody_can_mean_is_refused() {
    let house = House::open();
    let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
    for (body, code, field) in [
        (json!({}), "missing_target", "uids"),
        (json!({"uids": ["1"], "tokens": ["p_x"]}), "ambiguous_target", "tokens"),
        (json!({"uids": []}), "invalid_field", "uids"),
        (json!({"uids": many}), "invalid_field", "uids"),
        (json!({"uids": "42"}), "invalid_field", "uids"),
        (json!({"tokens": [42]}), "invalid_field", "tokens"),
        (json!({"uid": "42"}), "unknown_field", "uid"),
    ] {
        for method in ["PUT", "DELETE"] {
            assert_eq!(change(&house, method, "news", &body).refused(400, code)["field"], field);
        }
    }
    for (topic, code) in [(json!(""), "invalid_field"), (json!(7), "invalid_field"), (json!("a\u{7}"), "invalid_field")] {
        let reply = house.post("/v1/messages", &[], &json!({"to": {"topic": topic}, "data": 1}).to_string());
        assert_eq!(reply.refused(400, code)["field"], "to.topic");
    }
}
