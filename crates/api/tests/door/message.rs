use serde_json::json;

use super::house::{House, request};

#[test]
fn ok_is_answered_to_who_does_not_ask_for_more() {
    let house = House::open();
    for accept in ["Accept: */*", "Accept: text/plain", "X: y"] {
        let reply = house.post("/message", &[accept], r#"{"data":"hi"}"#);
        assert_eq!((reply.status, reply.body.as_str()), (200, "OK"));
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(reply.header("tidings-message-id").map(str::len), Some(36));
        assert_eq!(reply.header("idempotency-replay"), None);
    }
}

#[test]
fn the_content_type_is_not_looked_at() {
    let house = House::open();
    for kind in ["Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "Content-Type: nonsense"] {
        assert_eq!(house.post("/message", &[kind], r#"{"data":"hi"}"#).status, 200);
    }
}

#[test]
fn json_is_answered_to_who_asks_for_it() {
    let house = House::open();
    house.register("42", 1);
    house.register("43", 2);
    let reply = house.message(r#"{"data":"hi","uid":42}"#);
    let answer = reply.json();
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(answer["id"].as_str(), reply.header("tidings-message-id"));
    assert_eq!((&answer["state"], &answer["targets"]), (&json!("accepted"), &json!({"devices": 1, "online": 1})));
    assert!(answer["seq"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    assert!(answer["expires_at"].as_str().unwrap().ends_with('Z'));
    let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "seq", "state", "expires_at", "targets"]);
    assert_eq!(house.message(r#"{"data":"hi"}"#).json()["targets"], json!({"devices": 2, "online": 2}));
}

#[test]
fn a_target_may_be_named_by_uid_token_or_id() {
    let house = House::open();
    let token = house.register("42", 1).token;
    for target in [
        r#""uid":"42""#.to_owned(),
        r#""uid":42.0"#.to_owned(),
        r#""id":42"#.to_owned(),
        format!(r#""token":"{token}""#),
        format!(r#""id":"{token}""#),
    ] {
        let reply = house.message(&format!("{{\"data\":null,{target}}}"));
        assert_eq!(reply.json()["targets"]["devices"], 1, "{target}: {reply:?}");
    }
}

#[test]
fn the_same_request_with_the_same_key_is_stored_once() {
    let house = House::open();
    let key = ["Idempotency-Key: one", "Accept: application/json"];
    let first = house.post("/message", &key, r#"{"data":{"a":1,"b":"é"}}"#);
    assert_eq!((first.status, first.header("idempotency-replay")), (200, None));
    // Order, whitespace and escapes are not what makes a request another one.
    let again = house.post("/message", &key, "{ \"data\" : {\"b\":\"\\u00e9\", \"a\":1} }");
    assert_eq!((again.status, again.header("idempotency-replay")), (200, Some("true")));
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("tidings-message-id"), again.header("tidings-message-id"));
    let plain = house.post("/message", &["Idempotency-Key: one"], r#"{"data":{"a":1,"b":"é"}}"#);
    assert_eq!((plain.body.as_str(), plain.header("idempotency-replay")), ("OK", Some("true")));
}

#[test]
fn another_request_with_the_same_key_is_refused() {
    let house = House::open();
    house.register("42", 1);
    assert_eq!(house.post("/message", &["Idempotency-Key: one"], r#"{"data":1}"#).status, 200);
    for body in [r#"{"data":2}"#, r#"{"data":1.0}"#, r#"{"data":1,"uid":"42"}"#] {
        house.post("/message", &["Idempotency-Key: one"], body).refused(422, "idempotency_mismatch");
    }
    assert_eq!(house.post("/message", &["Idempotency-Key: two"], r#"{"data":2}"#).header("idempotency-replay"), None);
}

#[test]
fn a_key_is_known_after_a_restart() {
    let house = House::open();
    let key = ["Idempotency-Key: one", "Accept: application/json"];
    let first = house.post("/message", &key, r#"{"data":1}"#);
    let house = house.reopen();
    let again = house.post("/message", &key, r#"{"data":1}"#);
    assert_eq!((again.header("idempotency-replay"), &again.body), (Some("true"), &first.body));
}

#[test]
fn a_refusal_is_not_remembered() {
    let house = House::open();
    let key = ["Idempotency-Key: one"];
    let body = r#"{"data":1,"uid":"42"}"#;
    house.post("/message", &key, body).refused(404, "unknown_target");
    house.register("42", 1);
    let reply = house.post("/message", &key, body);
    assert_eq!((reply.status, reply.header("idempotency-replay")), (200, None));
}

#[test]
fn a_key_is_1_to_255_bytes_and_stands_once() {
    let house = House::open();
    assert_eq!(house.post("/message", &[&format!("Idempotency-Key: {}", "k".repeat(255))], r#"{"data":1}"#).status, 200);
    for lines in [
        vec![format!("Idempotency-Key: {}", "k".repeat(256))],
        vec!["Idempotency-Key: ".to_owned()],
        vec!["Idempotency-Key: a".to_owned(); 2],
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let error = house.post("/message", &lines, r#"{"data":1}"#).refused(400, "invalid_field");
        assert_eq!(error["field"], "Idempotency-Key");
    }
}

#[test]
fn callers_with_one_key_at_once_store_one_message() {
    let house = House::open();
    let text = request("POST", "/message", &["Idempotency-Key: race", "Accept: application/json"], r#"{"data":1}"#);
    let replies = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..16).map(|_| scope.spawn(|| house.call(&text))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    let firsts = replies.iter().filter(|reply| reply.header("idempotency-replay").is_none()).count();
    assert_eq!(firsts, 1);
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.body == replies[0].body));
}
