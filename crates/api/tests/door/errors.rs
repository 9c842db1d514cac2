use std::io::Write;

use tidings_model::Limits;

use super::house::{House, Reply, request};

#[test]
fn an_unknown_path_is_404_and_a_wrong_method_405() {
    let house = House::open();
    for target in ["/nothing", "/messages", "/message/", "/v1/events/", "/socket.io/?EIO=4&transport=polling", "/v1/messages/"] {
        house.get(target, &[]).refused(404, "not_found");
    }
    for (method, target, allow) in [
        ("GET", "/message", "POST"),
        ("DELETE", "/message", "POST"),
        ("POST", "/v1/events", "GET,HEAD"),
        ("GET", "/v1/messages", "POST"),
        ("GET", "/v1/messages:batch", "POST"),
        ("OPTIONS", "/healthz", "GET,HEAD"),
    ] {
        let reply = house.call(&request(method, target, &[], ""));
        reply.refused(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(allow));
    }
}

#[test]
fn a_body_that_is_no_strict_json_object_is_refused() {
    let house = House::open();
    let deep = format!("{{\"data\":{}1{}}}", "[".repeat(128), "]".repeat(128));
    for body in [
        "",
        "{",
        "[]",
        "\"data\"",
        "null",
        r#"{"data":1,"data":2}"#,
        r#"{"data":{"a":1,"a":2}}"#,
        r#"{"data":"\ud800"}"#,
        r#"{"data":01}"#,
        &deep,
        "data=1",
    ] {
        house.message(body).refused(400, "invalid_json");
    }
    let mut stream = house.connect();
    stream
        .write_all(b"POST /message HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 12\r\n\r\n{\"data\":\"\xff\"}")
        .unwrap();
    Reply::read(&mut stream).refused(400, "invalid_json");
}

#[test]
fn every_wrong_body_has_its_code_and_names_its_field() {
    let house = House::open();
    let token = "p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (body, status, code, field) in [
        (r#"{"uid":"42"}"#.to_owned(), 400, "invalid_field", Some("data")),
        (r#"{"data":1,"uidd":"42"}"#.to_owned(), 400, "unknown_field", Some("uidd")),
        (r#"{"data":1,"uid":null}"#.to_owned(), 400, "invalid_field", Some("uid")),
        (r#"{"data":1,"id":[]}"#.to_owned(), 400, "invalid_field", Some("id")),
        (r#"{"data":1,"token":7}"#.to_owned(), 400, "invalid_field", Some("token")),
        (r#"{"data":1,"uid":"1","token":"2"}"#.to_owned(), 400, "ambiguous_target", Some("token")),
        (r#"{"data":1,"uid":"nobody"}"#.to_owned(), 404, "unknown_target", Some("uid")),
        (r#"{"data":1,"id":"nobody"}"#.to_owned(), 404, "unknown_target", Some("id")),
        (format!(r#"{{"data":1,"token":"{token}"}}"#), 404, "unknown_target", Some("token")),
    ] {
        let error = house.message(&body).refused(status, code);
        assert_eq!(error["field"].as_str(), field, "{body}");
        assert_eq!(error["retryable"], false);
    }
    assert!(house.get("/v1/events", &[]).lines().is_empty());
}

#[test]
fn an_unknown_target_is_told_how_it_becomes_known() {
    let house = House::open();
    let error = house.message(r#"{"data":1,"uid":42}"#).refused(404, "unknown_target");
    assert_eq!(error["message"], "nobody has registered as 42 yet; try: tidings listen --uid 42 --legacy");
}

#[test]
fn data_is_measured_as_it_is_kept() {
    let house = House::open();
    let of = |size: usize| format!("{{ \"data\" : \"{}\" }}", "x".repeat(size - 2));
    assert_eq!(house.message(&of(4096)).status, 200);
    let error = house.message(&of(4097)).refused(413, "payload_too_large");
    assert_eq!((error["field"].as_str(), error["limit"].as_u64(), error["actual"].as_u64()), (Some("data"), Some(4096), Some(4097)));
    // Whitespace between tokens is not kept, so it is not counted.
    assert_eq!(house.message(&format!("{{\"data\":[{}1]}}", " ".repeat(10_000))).status, 200);
}

#[test]
fn the_limit_of_data_is_the_configured_one() {
    let house = House::open_in(tempfile::tempdir().unwrap(), Limits { payload: 10, ..Limits::default() });
    assert_eq!(house.message(r#"{"data":"12345678"}"#).status, 200);
    let error = house.message(r#"{"data":"123456789"}"#).refused(413, "payload_too_large");
    assert_eq!(error["limit"], 10);
}

#[test]
fn a_body_beyond_a_mebibyte_is_refused() {
    let house = House::open();
    let announced = "POST /message HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1048577\r\n\r\n";
    let error = house.call(announced).refused(413, "payload_too_large");
    assert_eq!((error["limit"].as_u64(), error["actual"].as_u64()), (Some(1_048_576), Some(1_048_577)));

    let mut stream = house.connect();
    stream.write_all(b"POST /message HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..16 {
        stream.write_all(&chunk).unwrap();
    }
    stream.write_all(b"1\r\n ").unwrap();
    let error = Reply::read(&mut stream).refused(413, "payload_too_large");
    assert_eq!(error["limit"], 1_048_576);
}

#[test]
fn a_chunked_body_is_a_body() {
    let house = House::open();
    let reply = house.call("POST /message HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"dat\r\n5\r\na\":1}\r\n0\r\n\r\n");
    assert_eq!((reply.status, reply.body.as_str()), (200, "OK"));
}

#[test]
fn request_ids_are_all_different() {
    let house = House::open();
    let mut ids: Vec<String> = (0..5).map(|_| house.get("/healthz", &[]).header("tidings-request-id").unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_store_that_has_closed_takes_nothing() {
    let mut house = House::open();
    house.close_store();
    let error = house.message(r#"{"data":1}"#).json()["error"].clone();
    assert_eq!(error["retryable"], true, "{error}");
}

#[test]
fn a_full_disk_is_told_and_nothing_is_stored() {
    let house = House::open_in(tempfile::tempdir().unwrap(), Limits { disk_reserve_bytes: u64::MAX / 4, ..Limits::default() });
    let error = house.message(r#"{"data":1}"#).refused(503, "storage_unavailable");
    assert_eq!(error["retryable"], true);
    house.get("/readyz", &[]).refused(503, "storage_unavailable");
    assert_eq!(house.get("/healthz", &[]).status, 200);
    assert!(house.get("/v1/events", &[]).lines().is_empty());
}
