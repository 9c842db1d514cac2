use serde_json::json;
use tidings_model::{Fact, Position, Recalled};

use super::house::{House, Reply, bearer, request};

fn recalled(house: &House) -> Vec<Recalled> {
    let batch = house.store.read(Position::ZERO, house.store.durable(), usize::MAX).unwrap();
    let facts = batch.entries.iter().map(|entry| (*entry.fact).clone());
    facts.filter_map(|fact| if let Fact::Recalled(fact) = fact { Some(fact) } else { None }).collect()
}

fn sent(house: &House, lines: &[&str], to: &serde_json::Value) -> String {
    let body = json!({"to": to, "data": 1}).to_string();
    house.post("/v1/messages", lines, &body).json()["id"].as_str().unwrap().to_owned()
}

fn recall(house: &House, id: &str, lines: &[&str]) -> Reply {
    house.call(&request("DELETE", &format!("/v1/messages/{id}"), lines, ""))
}

#[test]
fn a_message_is_taken_back_once_and_again_is_answered_alike() {
    let house = House::open();
    let attached = house.register("42", 1);
    let id = sent(&house, &[], &json!({"uid": "42"}));
    for _ in 0..2 {
        let reply = recall(&house, &id, &[]);
        assert_eq!((reply.status, reply.json()), (202, json!({"id": id, "state": "recalled"})));
    }
    let facts = recalled(&house);
    assert_eq!(
        facts.iter().map(|fact| (fact.by.clone(), fact.devs.clone())).collect::<Vec<_>>(),
        [(None, Some(vec![attached.dev.unwrap()]))]
    );
    let device = house.get(&format!("/v1/devices/{}", attached.token), &[]).json();
    assert_eq!(device["mailbox"], json!({"messages": 0, "bytes": 0}));
}

#[test]
fn what_names_no_message_is_not_found() {
    let house = House::open();
    for id in ["01900000-0000-7000-8000-000000000000", "nothing", "%00", "%zz", "a:b"] {
        let error = recall(&house, id, &[]).refused(404, "not_found");
        assert_eq!(error["field"], "id", "{id}");
    }
    assert_eq!(house.get("/v1/messages/nothing", &[]).status, 405);
    assert_eq!(recalled(&house), []);
}

#[test]
fn who_may_send_there_may_take_back_and_the_fact_says_who_did() {
    let house = House::open();
    let root = house.key(&[], json!({"scopes": ["admin"]}));
    let root = bearer(&root);
    let [send, all, read] = ["send", "send:all", "read"].map(|scope| house.key(&[&root], json!({"scopes": [scope]})));
    let (one, everyone) = (sent(&house, &[&bearer(&send)], &json!({"uid": "42"})), sent(&house, &[&bearer(&all)], &json!({"all": true})));
    recall(&house, &everyone, &[&bearer(&send)]).refused(403, "scope_denied");
    recall(&house, &one, &[&bearer(&all)]).refused(403, "scope_denied");
    recall(&house, &one, &[&bearer(&read)]).refused(403, "scope_denied");
    assert_eq!(recalled(&house), []);
    assert_eq!(recall(&house, &everyone, &[&bearer(&all)]).status, 202);
    assert_eq!(recall(&house, &one, &[&bearer(&send)]).status, 202);
    let by: Vec<_> = recalled(&house).into_iter().map(|fact| fact.by.unwrap().as_str().to_owned()).collect();
    assert_eq!(by, [&all, &send].map(|key| key.split('_').nth(1).unwrap().to_owned()));
}
