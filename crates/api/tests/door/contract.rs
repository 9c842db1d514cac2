use serde_json::Value;

use super::house::{House, request};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Each documented path with its methods.
fn documented() -> Vec<(String, Vec<String>)> {
    let document: Value = serde_json::from_str(tidings_api::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    paths.iter().map(|(path, item)| (path.clone(), item.as_object().unwrap().keys().cloned().collect())).collect()
}

/// A path with something in the place of its names.
fn filled(path: &str) -> String {
    path.replace("{token}", "p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
        .split('{')
        .map(|part| part.rsplit_once('}').map_or(part.to_owned(), |(_, rest)| format!("x{rest}")))
        .collect()
}

#[test]
fn what_is_documented_is_served_by_those_methods_and_no_other() {
    let house = House::open();
    for (path, methods) in documented() {
        for method in METHODS {
            let reply = house.call(&request(&method.to_uppercase(), &filled(&path), &[], ""));
            let is_documented = methods.iter().any(|known| known == method);
            assert_eq!(reply.status != 405, is_documented, "{method} {path}: {reply:?}");
            assert!(!reply.body.contains("there is nothing at"), "{method} {path}: {reply:?}");
        }
    }
}

#[test]
fn a_wrong_method_is_told_so_whichever_app_is_named() {
    let house = House::open();
    house.call(&request("PUT", "/v1/events", &["Tidings-App: /nosuch"], "")).refused(405, "method_not_allowed");
}

#[test]
fn every_answer_has_a_status_that_is_documented() {
    let house = House::open();
    let document: Value = serde_json::from_str(tidings_api::openapi()).unwrap();
    for (path, methods) in documented() {
        for method in methods {
            let reply = house.call(&request(&method.to_uppercase(), &filled(&path), &[], "{"));
            let known = &document["paths"][&path][&method]["responses"][reply.status.to_string()];
            assert!(known.is_object(), "{method} {path}: {reply:?}");
        }
    }
}

#[test]
fn a_page_elsewhere_may_read_the_contract() {
    let house = House::open();
    let reply = house.get("/openapi.json", &["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"]);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.body, tidings_api::openapi());
}
