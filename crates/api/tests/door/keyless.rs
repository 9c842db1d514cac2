use super::house::{House, request};

/// What a browser cannot leave out when a page calls us.
#[test]
fn a_web_page_cannot_send() {
    let house = House::open();
    let body = r#"{"data":1}"#;
    let own = format!("Origin: http://{}", house.addr);
    for (lines, status) in [
        (vec![], 200),
        (vec!["Sec-Fetch-Site: same-origin", "Origin: http://localhost"], 200),
        (vec!["Sec-Fetch-Site: none"], 200),
        (vec!["Sec-Fetch-Site: cross-site"], 403),
        (vec!["Sec-Fetch-Site: same-site"], 403),
        (vec!["Origin: http://evil.example"], 403),
        (vec!["Origin: https://localhost"], 403),
        (vec!["Origin: null"], 403),
        // Another name of ours is not the name that was called.
        (vec![own.as_str()], 403),
    ] {
        let reply = house.post("/message", &lines, body);
        assert_eq!(reply.status, status, "{lines:?} {reply:?}");
        if status == 403 {
            reply.refused(403, "forbidden");
        }
    }
}

#[test]
fn a_rebound_name_reaches_nothing() {
    let house = House::open();
    for target in ["/message", "/v1/events", "/healthz", "/readyz", "/", "/nothing"] {
        for host in ["Host: evil.example\r\n", "Host: 10.0.0.1:5001\r\n", "Host: localhost\r\nHost: localhost\r\n", ""] {
            house.call(&format!("GET {target} HTTP/1.1\r\nConnection: close\r\n{host}\r\n")).refused(403, "forbidden");
        }
        let named = format!("GET {target} HTTP/1.1\r\nConnection: close\r\nHost: {}\r\n\r\n", house.addr);
        assert_ne!(house.call(&named).status, 403, "{target}");
    }
}

#[test]
fn health_may_be_read_by_anyone_who_names_us() {
    let house = House::open();
    let foreign = ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"];
    for (target, status) in [("/healthz", 200), ("/readyz", 200), ("/", 403), ("/v1/events", 403), ("/message", 403)] {
        assert_eq!(house.get(target, &foreign).status, status, "{target}");
    }
    house.call(&request("POST", "/healthz", &foreign, "")).refused(403, "forbidden");
}

#[test]
fn an_app_that_is_not_there_is_not_found() {
    let house = House::open();
    assert_eq!(house.post("/message", &["Tidings-App: /"], r#"{"data":1}"#).status, 200);
    for app in ["/shop", "", "shop", "//"] {
        house.post("/message", &[&format!("Tidings-App: {app}")], r#"{"data":1}"#).refused(404, "not_found");
        house.get("/v1/events", &[&format!("Tidings-App: {app}")]).refused(404, "not_found");
    }
    house.post("/message", &["Tidings-App: /", "Tidings-App: /"], r#"{"data":1}"#).refused(404, "not_found");
}
