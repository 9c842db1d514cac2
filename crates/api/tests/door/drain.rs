use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::house::{House, Reply, request};

#[test]
fn a_draining_door_says_so_and_still_tells_events() {
    let house = House::open();
    house.register("42", 1);
    assert_eq!(house.get("/readyz", &[]).status, 200);
    house.drain();
    let error = house.message(r#"{"data":1}"#).refused(503, "draining");
    assert_eq!((error["retryable"].as_bool(), error["retry_after_ms"].as_u64()), (Some(true), Some(1000)));
    let reply = house.get("/readyz", &[]);
    reply.refused(503, "draining");
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(house.get("/healthz", &[]).status, 200);
    assert_eq!(house.get("/v1/events?wait_s=60", &[]).lines().len(), 2);
}

#[test]
fn a_drain_ends_waits_at_once() {
    let house = House::open();
    let mut waiting = house.connect();
    waiting.write_all(request("GET", "/v1/events?wait_s=60", &[], "").as_bytes()).unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(waiting.peek(&mut [0]).is_err(), "answered without an event");
    waiting.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    house.drain();
    assert!(Reply::read(&mut waiting).lines().is_empty());
}

#[test]
fn a_running_publish_ends_well_and_the_door_waits_for_it() {
    let mut house = House::open();
    let mut running = house.connect();
    running.write_all(b"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n").unwrap();
    // It is asked for its body: the request is running.
    let mut go_on = [0; 25];
    running.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    house.drain();
    house.message(r#"{"data":1}"#).refused(503, "draining");
    running.write_all(br#"{"data":1}"#).unwrap();
    house.close_door();
    let reply = Reply::read(&mut running);
    assert_eq!((reply.status, reply.body.as_str()), (200, "OK"));
    assert_eq!(TcpStream::connect(house.addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    house.close_store();
}

#[test]
fn idle_connections_do_not_hold_a_stop() {
    let mut house = House::open();
    let idle = house.connect();
    let mut used = house.connect();
    used.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 12];
    used.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    house.close_door();
    for mut stream in [idle, used] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    }
    house.close_store();
}
