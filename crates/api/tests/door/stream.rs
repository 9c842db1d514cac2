use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::house::{House, bearer, request};

const STREAM: &str = "Accept: text/event-stream";

/// An open stream, read event by event.
struct Reader {
    lines: BufReader<TcpStream>,
    head: String,
}

/// One block of a stream: its data, if it has any.
#[derive(Debug, PartialEq)]
struct Block {
    data: Option<Value>,
}

impl Block {
    fn new(id: String, data: Option<String>) -> Self {
        let data: Option<Value> = data.map(|text| serde_json::from_str(&text).unwrap());
        assert!(data.as_ref().is_none_or(|data| data["id"] == id.as_str()), "{id} {data:?}");
        Self { data }
    }
}

impl Reader {
    fn open(house: &House, target: &str, lines: &[&str]) -> Self {
        let mut stream = house.connect();
        let lines = [&[STREAM], lines].concat();
        stream.write_all(request("GET", target, &lines, "").replace("HTTP/1.1", "HTTP/1.0").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).unwrap(), 0, "{head}");
        }
        Self { lines, head }
    }

    /// A line; empty at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The next block that has an id; None: the end.
    fn next(&mut self) -> Option<Block> {
        let (mut id, mut data) = (None, None);
        loop {
            let line = self.line();
            if line.is_empty() {
                return None;
            } else if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.trim_end().to_owned());
            } else if let Some(text) = line.strip_prefix("data: ") {
                data = Some(text.to_owned());
            }
            if let Some(id) = id.take_if(|_| line == "\n") {
                return Some(Block::new(id, data));
            }
        }
    }

    /// The next event; where there is nothing new, only the cursor moves.
    fn data(&mut self) -> Value {
        loop {
            if let Some(data) = self.next().unwrap().data {
                return data;
            }
        }
    }
}

#[test]
fn a_stream_tells_what_was_and_what_comes() {
    let house = House::open();
    let attached = house.register("42", 1);
    let mut reader = Reader::open(&house, "/v1/events", &[]);
    assert!(reader.head.starts_with("HTTP/1.0 200") && reader.head.contains("content-type: text/event-stream\r\n"), "{}", reader.head);
    assert_eq!([reader.data()["type"].clone(), reader.data()["type"].clone()], ["device.registered", "device.online"]);
    house.report(&attached, r#""seen""#);
    let event = reader.data();
    assert_eq!((&event["type"], &event["data"]["status"]), (&json!("message.reported"), &json!("seen")));
    let read = house.get("/v1/events", &[]).lines();
    assert_eq!(read[2], event);
}

#[test]
fn a_stream_goes_on_behind_the_last_event_whatever_its_address_says() {
    let house = House::open();
    for uid in 0..150 {
        house.register(&uid.to_string(), uid);
    }
    let all = house.get("/v1/events?limit=1000", &[]).lines();
    let target = format!("/v1/events?cursor={}", all[9]["id"].as_str().unwrap());
    let mut reader = Reader::open(&house, &target, &[]);
    let first: Vec<Value> = (0..200).map(|_| reader.data()).collect();
    assert_eq!(first, all[10..210]);
    drop(reader);
    let last = format!("Last-Event-ID: {}", all[209]["id"].as_str().unwrap());
    let mut reader = Reader::open(&house, &target, &[&last]);
    let rest: Vec<Value> = (0..90).map(|_| reader.data()).collect();
    assert_eq!(rest, all[210..]);
}

#[test]
fn a_stream_has_the_types_that_are_asked_for_and_those_of_its_app() {
    let house = House::open();
    house.register("42", 1);
    let mut reader = Reader::open(&house, "/v1/events?types=device.online", &[]);
    assert_eq!(reader.data()["type"], "device.online");
    house.register("43", 2);
    let event = reader.data();
    assert_eq!((&event["type"], &event["data"]["uid"]), (&json!("device.online"), &json!("43")));
}

#[test]
fn what_a_stream_may_be_asked_is_fixed() {
    let house = House::open();
    for (query, lines, code, field) in [
        ("limit=5", [STREAM, "X: y"], "unknown_field", "limit"),
        ("wait_s=5", [STREAM, "X: y"], "unknown_field", "wait_s"),
        ("cursor=x", [STREAM, "X: y"], "invalid_field", "cursor"),
        ("types=x", [STREAM, "X: y"], "invalid_field", "types"),
        ("", [STREAM, "Last-Event-ID: x"], "invalid_field", "Last-Event-ID"),
    ] {
        let error = house.get(&format!("/v1/events?{query}"), &lines).refused(400, code);
        assert_eq!(error["field"], field);
    }
    // A browser that has seen nothing yet.
    assert!(Reader::open(&house, "/v1/events", &["Last-Event-ID: "]).head.starts_with("HTTP/1.0 200"));
}

#[test]
fn a_stop_ends_the_streams() {
    let mut house = House::open();
    let mut reader = Reader::open(&house, "/v1/events?types=message.reported", &[]);
    let mut hello = String::new();
    reader.lines.read_line(&mut hello).unwrap();
    assert_eq!(hello, "retry: 2000\n");
    house.close_door();
    let mut rest = String::new();
    reader.lines.read_to_string(&mut rest).unwrap();
    house.close_store();
}

#[test]
fn a_stream_ends_with_the_key_that_opened_it() {
    let house = House::open();
    let admin = bearer(&house.key(&[], json!({"name": "first", "scopes": ["admin", "read"]})));
    let key = house.key(&[&admin], json!({"name": "reader", "scopes": ["read"]}));
    let id = key.split('_').nth(1).unwrap();
    let mut reader = Reader::open(&house, "/v1/events", &[&bearer(&key)]);
    house.register("42", 1);
    assert_eq!(reader.data()["type"], "device.registered");
    assert_eq!(reader.data()["type"], "device.online");
    assert_eq!(house.delete(&format!("/v1/keys/{id}"), &[&admin]).status, 204);
    house.register("43", 2);
    assert_eq!(reader.next(), None);
}

#[test]
fn a_reader_that_does_not_read_costs_the_others_nothing() {
    let house = House::open();
    let attached = house.register("42", 1);
    let stuck = Reader::open(&house, "/v1/events", &[]);
    let mut reader = Reader::open(&house, "/v1/events?types=message.reported", &[]);
    // More than the two sockets take.
    let status = format!("\"{}\"", "x".repeat(1000));
    for n in 0..3000 {
        house.report(&attached, &status);
        if n % 50 == 49 {
            (0..50).for_each(|_| assert_eq!(reader.data()["type"], "message.reported"));
        }
    }
    stuck.lines.get_ref().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut stuck = stuck;
    assert_eq!((0..3002).filter(|_| stuck.data()["type"] == "message.reported").count(), 3000);
}
