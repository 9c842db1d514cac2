use serde_json::{Value, json};

use super::house::{House, Reply};

fn batch(house: &House, lines: &[&str], messages: &Value) -> Reply {
    house.post("/v1/messages:batch", lines, &json!({"messages": messages}).to_string())
}

fn to(uid: &str, data: u32) -> Value {
    json!({"to": {"uid": uid}, "data": data})
}

#[test]
fn each_item_is_answered_in_its_place() {
    let house = House::open();
    house.register("42", 1);
    let messages = json!([
        to("42", 1),
        {"to": {"tag": "t"}, "data": 1},
        {"to": {"all": true}, "data": 1, "dry_run": true},
        7,
        {"to": {"token": "p_x"}, "data": 1},
        {"to": {"all": true}, "data": "x".repeat(5000)},
        to("nobody", 2),
    ]);
    let reply = batch(&house, &[], &messages);
    assert_eq!(reply.status, 200);
    let results = reply.json()["results"].as_array().unwrap().clone();
    let said = |n: usize| (results[n]["error"]["code"].as_str(), results[n]["error"]["field"].as_str());
    assert_eq!(results.len(), 7);
    assert_eq!((&results[0]["state"], &results[0]["targets"]["devices"]), (&json!("accepted"), &json!(1)));
    assert_eq!(said(1), (Some("unknown_field"), Some("to.tag")));
    assert_eq!((&results[2]["id"], &results[2]["targets"]["devices"]), (&Value::Null, &json!(1)));
    assert_eq!(said(3), (Some("invalid_field"), Some("messages")));
    assert_eq!(said(4), (Some("unknown_target"), Some("to.token")));
    assert_eq!(said(5), (Some("payload_too_large"), Some("data")));
    assert_eq!(results[6]["invalid"][0]["value"], "nobody");
    assert_eq!(results[1]["error"]["request_id"].as_str(), reply.header("tidings-request-id"));
}

#[test]
fn items_stand_in_the_log_in_their_order() {
    let house = House::open();
    let messages: Vec<Value> = (0..500).map(|n| to("42", n)).collect();
    let results = batch(&house, &[], &json!(messages)).json()["results"].as_array().unwrap().clone();
    let seqs: Vec<u64> = results.iter().map(|result| result["seq"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(seqs.len(), 500);
    assert!(seqs.is_sorted_by(|one, next| one < next));
}

#[test]
fn a_batch_holds_1_to_500_messages() {
    let house = House::open();
    for (body, code, field) in [
        (json!({}), "invalid_field", "messages"),
        (json!({"messages": {}}), "invalid_field", "messages"),
        (json!({"messages": []}), "invalid_field", "messages"),
        (json!({"messages": vec![to("42", 1); 501]}), "invalid_field", "messages"),
        (json!({"messages": [to("42", 1)], "dry_run": true}), "unknown_field", "dry_run"),
    ] {
        let error = house.post("/v1/messages:batch", &[], &body.to_string()).refused(400, code);
        assert_eq!(error["field"], field);
    }
    let spaces = format!("{{\"messages\":[{}]}}", " ".repeat(1 << 20));
    house.post("/v1/messages:batch", &[], &spaces).refused(413, "payload_too_large");
}

#[test]
fn a_retry_replays_what_was_stored_and_sends_the_rest() {
    let house = House::open();
    let key = ["Idempotency-Key: batch"];
    let refused = json!({"to": {"token": "p_x"}, "data": 1});
    let first = batch(&house, &key, &json!([to("1", 1), refused, to("3", 3)]));
    assert_eq!(first.header("idempotency-replay"), None);
    let again = batch(&house, &key, &json!([to("1", 1), refused, to("3", 3)]));
    assert_eq!(again.header("idempotency-replay"), Some("true"));
    let (first, again) = (first.json(), again.json());
    for n in [0, 2] {
        assert_eq!(first["results"][n], again["results"][n]);
    }
    assert_eq!(again["results"][1]["error"]["code"], "unknown_target", "refusals are not remembered");
    // Each item has a key of its own; one that has changed is refused alone.
    let changed = batch(&house, &key, &json!([to("1", 1), to("2", 2), to("3", 4)]));
    assert_eq!(changed.header("idempotency-replay"), None);
    let changed = changed.json();
    assert_eq!((&changed["results"][0], &changed["results"][1]["state"]), (&first["results"][0], &json!("accepted")));
    assert_eq!(changed["results"][2]["error"]["code"], "idempotency_mismatch");
    // Nor is the key of a lone message that of an item.
    assert_eq!(house.post("/v1/messages", &key, &to("1", 1).to_string()).header("idempotency-replay"), None);
}
