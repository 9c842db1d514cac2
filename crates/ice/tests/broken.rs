//! Bytes that are no protocol: closed or refused, never a panic, never more memory than a message may take.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(unsafe_code, reason = "an allocator that remembers the largest request can only be had so")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::Value;
use tidings_ice::header::Violation;
use tidings_ice::push::{self, Notice, PushError};
use tidings_ice::{Answer, Call, CallError, CallId, Connection, Input, Limits, Output, Reason, Request};

struct Measuring;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Measuring {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: the caller's promise is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the system's.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.with(|largest| largest.set(largest.get().max(size)));
        // SAFETY: the caller's promise is the system's.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static MEASURING: Measuring = Measuring;

/// Bytes of one message here; no single allocation may be larger.
const LIMIT: usize = 64 * 1024;

fn limits() -> Limits {
    Limits { message: LIMIT, ..Limits::server() }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do: it is never looked at again")]
fn some_instant() -> Instant {
    Instant::now()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn recorded() -> Value {
    serde_json::from_str(include_str!("vectors/ice_vectors.json")).unwrap()
}

/// A server machine's outputs after its first word.
fn server_hears(bytes: &[u8]) -> Vec<Output> {
    let now = some_instant();
    let mut machine = Connection::server(now, limits());
    assert!(matches!(machine.poll_output(), Some(Output::Send(_))));
    machine.handle_input(now, Input::Bytes(bytes));
    std::iter::from_fn(|| machine.poll_output()).collect()
}

/// A client machine's with four calls in flight.
fn client_hears(bytes: &[u8]) -> Vec<Output> {
    let now = some_instant();
    let mut machine = Connection::client(now, limits());
    machine.handle_input(now, Input::Bytes(b"IceP\x01\x00\x01\x00\x03\x00\x0e\x00\x00\x00"));
    for id in 1..=4 {
        let request = Request { operation: "any".to_owned(), ..Request::default() };
        machine.handle_input(now, Input::Call(Call { id: CallId(id), request, deadline: now + Duration::from_secs(9) }));
        assert!(matches!(machine.poll_output(), Some(Output::Send(_))));
    }
    machine.handle_input(now, Input::Bytes(bytes));
    std::iter::from_fn(|| machine.poll_output()).collect()
}

#[derive(Debug, PartialEq)]
enum Ours {
    Close(Violation),
    /// Status 5, and the connection goes on.
    Refused,
    Dispatched,
    Nothing,
}

fn told(name: &str) -> Ours {
    match name {
        "bad magic" | "protocol 2.0" | "protocol 1.1" | "header encoding 1.1" => Ours::Close(Violation::NotIce),
        "size 13" => Ours::Close(Violation::BadSize(13)),
        "negative size" => Ours::Close(Violation::BadSize(-1)),
        "unknown type 9" => Ours::Close(Violation::UnknownType(9)),
        "validate with body" => Ours::Close(Violation::BadSize(16)),
        "close with size 15" => Ours::Close(Violation::BadSize(15)),
        "unknown compression 3" => Ours::Close(Violation::BadCompression(3)),
        "garbage bzip2" => Ours::Close(Violation::Compressed),
        "two facets" | "mode 7" | "batch count -1" => Ours::Close(Violation::Malformed),
        "encaps size 5" | "encaps too long" | "encaps enc 1.2" | "encaps enc 2.0" | "invalid utf8" => Ours::Refused,
        "bytes after encaps" | "request id -1" | "empty op" | "empty identity" => Ours::Dispatched,
        "reply for unknown id" | "batch of 0" | "truncated header then FIN" => Ours::Nothing,
        other => panic!("a new frame: {other}"),
    }
}

/// What is dispatched is read as the door would.
fn became(outputs: &[Output]) -> Ours {
    match outputs {
        [] => Ours::Nothing,
        [Output::Close(Reason::Violation(violation))] => Ours::Close(*violation),
        [Output::Send(reply)] if reply[8] == 2 && reply[18] == 5 => Ours::Refused,
        [Output::Dispatch(_, request)] if push::builtin(request, &push::SERVICE_TYPES).is_some() => Ours::Dispatched,
        [Output::Dispatch(_, request)] => match push::Call::decode(request).map_err(Answer::from) {
            Err(Answer::BadRequest(_)) => Ours::Refused,
            _ => Ours::Dispatched,
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_broken_frame_is_met_as_the_protocol_asks() {
    let all = recorded();
    let frames = all["malformed_frames"].as_object().unwrap();
    assert_eq!(frames.len(), 26);
    for (name, frame) in frames {
        let bytes = hex(frame["sent_after_validation_hex"].as_str().unwrap());
        assert_eq!(became(&server_hears(&bytes)), told(name), "{name}");
    }
}

/// Reads what came as everything it could be meant for.
fn read_all(outputs: Vec<Output>) {
    for output in outputs {
        match output {
            Output::Dispatch(_, request) => {
                drop(push::builtin(&request, &push::SERVICE_TYPES));
                drop(push::Call::decode(&request));
                drop(Notice::decode(&request));
                for operation in ["info", "send", "sendMany", "status", "registered", "reportedBatch", "events"] {
                    let request = Request { operation: operation.to_owned(), ..request.clone() };
                    drop((push::Call::decode(&request), Notice::decode(&request)));
                }
            }
            Output::Done(_, Err(CallError::User(exception))) => drop(PushError::decode(&exception)),
            Output::Done(_, Ok(result)) => {
                drop(push::Call::Info.done(&result));
                drop(push::Call::Status { id: String::new() }.done(&result));
                drop(push::Call::Broadcast { payload: String::new(), extras: push::Extras::default() }.done(&result));
            }
            Output::Done(..) | Output::Send(_) | Output::Reading(_) | Output::Close(_) => {}
        }
    }
}

fn messages() -> Vec<Vec<u8>> {
    let all = recorded();
    let vectors = all["vectors"].as_array().unwrap().iter();
    let lists = vectors.flat_map(|vector| vector.as_object().unwrap().iter().filter(|(key, _)| key.starts_with("messages")));
    let messages = lists.flat_map(|(_, list)| list.as_array().unwrap());
    let mut messages: Vec<_> = messages.filter_map(|message| message["hex"].as_str().map(hex)).collect();
    messages.sort();
    messages.dedup();
    messages
}

#[test]
fn nothing_cut_or_flipped_panics_or_allocates_more_than_a_message() {
    let messages = messages();
    LARGEST.with(|largest| largest.set(0));
    for message in &messages {
        for end in 0..message.len() {
            read_all(server_hears(&message[..end]));
            read_all(client_hears(&message[..end]));
        }
        for at in 0..message.len() {
            for flip in [0xff, 0x01, 0x80, 0x20] {
                let mut flipped = message.clone();
                flipped[at] ^= flip;
                read_all(server_hears(&flipped));
                read_all(client_hears(&flipped));
            }
        }
    }
    let largest = LARGEST.with(Cell::get);
    assert!(largest <= LIMIT, "{largest} bytes at once");
}

#[test]
fn a_count_that_its_bytes_cannot_hold_is_refused_before_memory_is_taken() {
    LARGEST.with(|largest| largest.set(0));
    let count = [&[255][..], &i32::MAX.to_le_bytes()].concat();
    for operation in ["sendMany", "registeredBatch", "reportedBatch", "events", "online"] {
        let params = tidings_ice::Encapsulation::v1_1(count.clone());
        let request = Request { operation: operation.to_owned(), mode: tidings_ice::Mode::Normal, params, ..Request::default() };
        let call = push::Call::decode(&request).map(|_| ()).map_err(Answer::from);
        let notice = Notice::decode(&request).map(|_| ()).map_err(Answer::from);
        assert!([call, notice].contains(&Err(Answer::BadRequest("too many elements"))), "{operation}");
    }
    let largest = LARGEST.with(Cell::get);
    assert!(largest < 1024, "{largest} bytes at once");
}
