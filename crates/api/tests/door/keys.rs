use serde_json::{Value, json};
use tempfile::tempdir;
use tidings_api::StandingKey;
use tidings_model::Limits;

use super::house::{House, bearer, request};

fn scopes(names: &[&str]) -> Value {
    json!({"scopes": names})
}

#[test]
fn keyless_ends_with_the_first_key_and_for_good() {
    let house = House::open();
    assert_eq!(house.message(r#"{"data":1}"#).status, 200);
    house.post("/v1/keys", &[], &scopes(&["send"]).to_string()).refused(409, "conflict");
    house.post("/v1/keys", &[], r#"{"scopes":["admin"],"app":"/shop"}"#).refused(409, "conflict");
    assert_eq!(house.message(r#"{"data":1}"#).status, 200, "a refused key is none");
    let admin = house.key(&[], scopes(&["admin"]));
    house.message(r#"{"data":1}"#).refused(401, "invalid_key");
    house.get("/v1/events", &[]).refused(401, "invalid_key");
    assert_eq!(house.get("/healthz", &[]).status, 200);
    assert_eq!(house.get("/v1/keys", &[&bearer(&admin)]).status, 200);
    let house = house.reopen();
    house.message(r#"{"data":1}"#).refused(401, "invalid_key");
    assert_eq!(house.get("/v1/keys", &[&bearer(&admin)]).status, 200);
}

#[test]
fn the_last_admin_key_stays() {
    let house = House::open();
    let admin = house.key(&[], scopes(&["admin", "read"]));
    let auth = bearer(&admin);
    let id = id_of(&admin);
    house.delete(&format!("/v1/keys/{id}"), &[&auth]).refused(409, "conflict");
    house.patch(&format!("/v1/keys/{id}"), &[&auth], r#"{"scopes":["read"]}"#).refused(409, "conflict");
    house.patch(&format!("/v1/keys/{id}"), &[&auth], r#"{"expires_at":"2001-01-01T00:00:00Z"}"#).refused(409, "conflict");
    let second = house.key(&[&auth], scopes(&["admin"]));
    assert_eq!(house.delete(&format!("/v1/keys/{id}"), &[&auth]).status, 204);
    house.get("/v1/keys", &[&auth]).refused(401, "invalid_key");
    assert_eq!(house.get("/v1/keys", &[&bearer(&second)]).json()["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn two_secrets_live_while_callers_change() {
    let house = House::open();
    let admin = bearer(&house.key(&[], scopes(&["admin"])));
    let first = house.key(&[&admin], json!({"scopes": ["send:all"], "name": "shop server"}));
    let path = format!("/v1/keys/{}", id_of(&first));
    let said = house.patch(&path, &[&admin], r#"{"rotate":true}"#);
    let second = said.json()["key"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let works = |key: &str| house.post("/message", &[&bearer(key)], r#"{"data":1}"#).status;
    assert_eq!((works(&first), works(&second)), (200, 200));
    let third = house.patch(&path, &[&admin], r#"{"rotate":true}"#).json()["key"].as_str().unwrap().to_owned();
    assert_eq!((works(&first), works(&second), works(&third)), (401, 200, 200));
    let said = house.patch(&path, &[&admin], r#"{"retire":true}"#).json();
    assert_eq!((said["key"].is_null(), said["name"].as_str()), (true, Some("shop server")));
    assert_eq!((works(&second), works(&third)), (401, 200));
    let fourth = house.patch(&path, &[&admin], r#"{"rotate":true,"retire":true}"#).json()["key"].as_str().unwrap().to_owned();
    assert_eq!((works(&third), works(&fourth)), (401, 200));
    let house = house.reopen();
    assert_eq!(house.post("/message", &[&bearer(&fourth)], r#"{"data":1}"#).status, 200);
}

#[test]
fn a_key_is_told_once_and_shows_itself_as_promised() {
    let house = House::open();
    let admin = bearer(&house.key(&[], scopes(&["admin"])));
    let body = r#"{"name":"till","scopes":["send","read"],"expires_at":"2100-01-01T00:00:00Z"}"#;
    let made = house.post("/v1/keys", &[&admin], body);
    assert_eq!(made.status, 201);
    let (made, key) = (made.json(), made.json()["key"].as_str().unwrap().to_owned());
    let keys: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "name", "app", "scopes", "created_at", "expires_at", "key"]);
    assert_eq!(
        (&made["app"], &made["scopes"], &made["expires_at"]),
        (&json!("/"), &json!(["send", "read"]), &json!("2100-01-01T00:00:00.000Z"))
    );
    assert_eq!(key.len(), "tdk_".len() + 10 + 1 + 64);
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    for shown in [house.get(&path, &[&admin]).body, house.get("/v1/keys", &[&admin]).body] {
        assert!(shown.contains("\"till\"") && !shown.contains("\"key\":") && !shown.contains(&key[20..]), "{shown}");
    }
}

#[test]
fn a_key_ends_at_its_time_and_says_so_to_who_has_it() {
    let house = House::open();
    let admin = bearer(&house.key(&[], scopes(&["admin"])));
    let over = house.key(&[&admin], json!({"scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"}));
    house.get("/v1/events", &[&bearer(&over)]).refused(401, "expired_key");
    house.get("/v1/events", &[&bearer(&format!("{over}x"))]).refused(401, "invalid_key");
    house.patch(&format!("/v1/keys/{}", id_of(&over)), &[&admin], r#"{"expires_at":null}"#);
    assert_eq!(house.get("/v1/events", &[&bearer(&over)]).status, 200);
}

#[test]
fn a_key_is_shown_as_bearer_or_basic_and_in_no_other_way() {
    let house = House::open();
    let admin = house.key(&[], scopes(&["admin"]));
    let (id, secret) = admin.strip_prefix("tdk_").unwrap().split_once('_').unwrap();
    let basic = |pair: &str| format!("Authorization: Basic {}", base64(pair));
    for line in [bearer(&admin), format!("authorization: bearer  {admin}"), basic(&format!("{id}:{secret}"))] {
        assert_eq!(house.get("/v1/keys", &[&line]).status, 200, "{line}");
    }
    let twice = bearer(&admin);
    for lines in [
        vec![twice.as_str(), twice.as_str()],
        vec!["Authorization: Bearer"],
        vec!["Authorization: Bearer "],
        vec!["Authorization: Basic !!!"],
        vec!["Authorization: Digest x"],
        vec!["X-Api-Key: x"],
    ] {
        let reply = house.get("/v1/keys", &lines);
        reply.refused(401, "invalid_key");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "no browser asks for a password");
    }
    house.get("/v1/keys", &[&basic(&format!("{id}:{secret}x"))]).refused(401, "invalid_key");
    house.get(&format!("/v1/keys?key={admin}"), &[]).refused(401, "invalid_key");
}

#[test]
fn bad_keys_are_refused_with_the_field_at_fault() {
    let house = House::open();
    let admin = bearer(&house.key(&[], scopes(&["admin"])));
    for (body, code, field) in [
        ("{}", "invalid_field", "scopes"),
        (r#"{"scopes":[]}"#, "invalid_field", "scopes"),
        (r#"{"scopes":"send"}"#, "invalid_field", "scopes"),
        (r#"{"scopes":["sned"]}"#, "invalid_field", "scopes"),
        (r#"{"scopes":["send"],"name":5}"#, "invalid_field", "name"),
        (r#"{"scopes":["send"],"expires_at":"tomorrow"}"#, "invalid_field", "expires_at"),
        (r#"{"scopes":["send"],"hash":"x"}"#, "unknown_field", "hash"),
    ] {
        assert_eq!(house.post("/v1/keys", &[&admin], body).refused(400, code)["field"], field, "{body}");
    }
    assert_eq!(house.post("/v1/keys", &[&admin], r#"{"scopes":["send"],"app":"/nosuch"}"#).refused(404, "not_found")["field"], "app");
}

#[test]
fn apps_are_made_changed_and_ended() {
    let house = House::open();
    assert_eq!(
        house.get("/v1/apps", &[]).json(),
        json!({"apps": [{"name": "/", "disabled": false, "client_topics": [], "created_at": null}]})
    );
    let made = house.post("/v1/apps", &[], r#"{"name":"/shop","client_topics":["news.*"]}"#);
    assert_eq!((made.status, made.json()["client_topics"].clone()), (201, json!(["news.*"])));
    assert!(made.json()["warning"].as_str().unwrap().contains("Engine.IO 3"));
    assert!(house.post("/v1/apps", &[], r#"{"name":"/bank"}"#).json()["warning"].is_null(), "there was more than one before");
    assert_eq!(house.post("/v1/apps", &[], r#"{"name":"/shop"}"#).refused(409, "conflict")["field"], "name");
    for name in ["shop", "/backend", "/Shop", "//", ""] {
        let body = json!({"name": name}).to_string();
        assert_eq!(house.post("/v1/apps", &[], &body).refused(400, "invalid_field")["field"], "name");
    }
    assert_eq!(house.post("/message", &["Tidings-App: /shop"], r#"{"data":1}"#).status, 200);
    assert_eq!(house.patch("/v1/apps/%2Fshop", &[], r#"{"disabled":true}"#).json()["disabled"], true);
    house.post("/message", &["Tidings-App: /shop"], r#"{"data":1}"#).refused(403, "app_disabled");
    let house = house.reopen();
    assert_eq!(house.get("/v1/apps/shop", &[]).json()["client_topics"], json!(["news.*"]));
    house.patch("/v1/apps/shop", &[], r#"{"disabled":false,"client_topics":[]}"#);
    assert_eq!(house.post("/message", &["Tidings-App: /shop"], r#"{"data":1}"#).status, 200);
    assert_eq!(house.delete("/v1/apps/shop", &[]).status, 204);
    house.post("/message", &["Tidings-App: /shop"], r#"{"data":1}"#).refused(404, "not_found");
    house.get("/v1/apps/shop", &[]).refused(404, "not_found");
    house.delete("/v1/apps/%2F", &[]).refused(409, "conflict");
}

#[test]
fn an_app_that_is_made_again_has_nothing_of_the_one_before() {
    let house = House::open();
    let admin = bearer(&house.key(&[], scopes(&["admin"])));
    house.post("/v1/apps", &[&admin], r#"{"name":"/shop"}"#);
    let old = house.key(&[&admin], json!({"scopes": ["admin"], "app": "/shop"}));
    assert_eq!(house.get("/v1/apps", &[&bearer(&old)]).status, 200);
    house.delete("/v1/apps/shop", &[&admin]);
    house.post("/v1/apps", &[&admin], r#"{"name":"/shop"}"#);
    house.get("/v1/apps", &[&bearer(&old)]).refused(401, "invalid_key");
    let house = house.reopen();
    house.get("/v1/apps", &[&bearer(&old)]).refused(401, "invalid_key");
}

#[test]
fn a_standing_key_is_an_admin_from_the_start_and_is_stored_nowhere() {
    let key = format!("tdk_boot_{}", "s".repeat(40));
    let standing = Some(StandingKey::parse(&key).unwrap());
    let house = House::open_standing(tempdir().unwrap(), Limits::default(), standing);
    house.message(r#"{"data":1}"#).refused(401, "invalid_key");
    let auth = bearer(&key);
    assert_eq!(house.get("/v1/keys", &[&auth]).json(), json!({"keys": []}));
    house.get("/v1/keys", &[&bearer(&format!("{key}x"))]).refused(401, "invalid_key");
    // It can make keys again, so the first stored one need not be an admin, and the last admin may go.
    house.key(&[&auth], scopes(&["send"]));
    let admin = house.key(&[&auth], scopes(&["admin"]));
    assert_eq!(house.delete(&format!("/v1/keys/{}", id_of(&admin)), &[&auth]).status, 204);
    let house = house.reopen();
    house.get("/v1/keys", &[&auth]).refused(401, "invalid_key");
}

#[test]
fn an_app_has_its_broadcasts_an_hour_and_is_told_when_there_are_more() {
    let limits = Limits { broadcasts_per_hour: 2, api_calls_per_s: 1_000_000, ..Limits::default() };
    let house = House::open_standing(tempdir().unwrap(), limits, None);
    house.post("/v1/apps", &[], r#"{"name":"/shop"}"#);
    for _ in 0..2 {
        let reply = house.message(r#"{"data":1}"#);
        assert_eq!((reply.status, reply.header("ratelimit-limit")), (200, Some("1000000")));
        assert!(reply.header("ratelimit-remaining").is_some() && reply.header("ratelimit-reset") == Some("1"));
    }
    let reply = house.message(r#"{"data":1}"#);
    let error = reply.refused(429, "rate_limited");
    assert_eq!((error["retryable"].as_bool(), error["limit"].as_u64()), (Some(true), Some(2)));
    assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() > 3500);
    assert_eq!((reply.header("ratelimit-limit"), reply.header("ratelimit-remaining")), (Some("2"), Some("0")));
    assert_eq!(house.post("/message", &["Tidings-App: /shop"], r#"{"data":1}"#).status, 200, "another app has its own");
    assert_eq!(house.get("/healthz", &[]).header("ratelimit-limit"), None);
}

#[test]
fn a_call_that_only_looks_like_a_preflight_is_not_let_in() {
    let house = House::open();
    house.key(&[], scopes(&["admin"]));
    let lines = ["Origin: http://evil.example", "Access-Control-Request-Method: POST"];
    let reply = house.call(&request("OPTIONS", "/v1/keys", &lines, ""));
    reply.refused(401, "invalid_key");
    assert_eq!(reply.header("access-control-allow-origin"), None);
}

fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let three = |bytes: &[u8]| {
        let group = bytes.iter().chain([0, 0].iter()).take(3).fold(0, |group, byte| group << 8 | usize::from(*byte));
        (0..4).map(|n| if n > bytes.len() { '=' } else { char::from(ALPHABET[group >> (18 - 6 * n) & 63]) }).collect::<String>()
    };
    text.as_bytes().chunks(3).map(three).collect()
}
