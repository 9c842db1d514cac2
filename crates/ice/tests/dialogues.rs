//! Recorded dialogues between real peers, replayed between two machines of ours: what they decode, they encode to the same bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tidings_ice::header::Violation;
use tidings_ice::{Answer, Call, CallError, CallId, Connection, Input, Limits, Output, Reason, Reply, Request, Ticket};

const VALIDATE: [u8; 14] = *b"IceP\x01\x00\x01\x00\x03\x00\x0e\x00\x00\x00";
const CLOSE: [u8; 14] = *b"IceP\x01\x00\x01\x00\x04\x00\x0e\x00\x00\x00";

#[expect(clippy::disallowed_methods, reason = "any instant will do: it is never looked at again")]
fn some_instant() -> Instant {
    Instant::now()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum From {
    Client,
    Server,
}

impl From {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// One TCP connection of one release's dialogue: whole messages, None for an end.
struct Dialogue {
    name: String,
    messages: Vec<(From, Option<Vec<u8>>)>,
}

/// All whose messages were recorded whole.
fn dialogues() -> Vec<Dialogue> {
    let text = include_str!("vectors/ice_vectors.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let mut dialogues = Vec::new();
    for vector in all["vectors"].as_array().unwrap() {
        for (key, messages) in vector.as_object().unwrap().iter().filter(|(key, _)| key.starts_with("messages")) {
            let messages = messages.as_array().unwrap();
            if messages.iter().any(|message| message.get("hex_head").is_some()) {
                continue;
            }
            let mut by_connection: HashMap<u64, Vec<_>> = HashMap::new();
            for message in messages {
                let from = if message["dir"] == "C>S" { From::Client } else { From::Server };
                let bytes = message["hex"].as_str().map(hex);
                by_connection.entry(message["conn"].as_u64().unwrap()).or_default().push((from, bytes));
            }
            for (connection, messages) in by_connection {
                let name = format!("{} {key} connection {connection}", vector["name"].as_str().unwrap());
                dialogues.push(Dialogue { name, messages });
            }
        }
    }
    assert!(dialogues.len() > 95, "{} dialogues", dialogues.len());
    dialogues
}

/// Both ends, and what is between them.
struct Stage {
    now: Instant,
    ends: HashMap<From, Connection>,
    tickets: HashMap<(From, i32), Ticket>,
    name: String,
}

impl Stage {
    fn new(name: &str) -> Self {
        let now = some_instant();
        let ends = HashMap::from([
            (From::Client, Connection::client(now, Limits::client())),
            (From::Server, Connection::server(now, Limits::server())),
        ]);
        let mut stage = Self { now, ends, tickets: HashMap::new(), name: name.to_owned() };
        assert_eq!(stage.outputs(From::Server), [Output::Send(Bytes::from_static(&VALIDATE))]);
        stage
    }

    fn outputs(&mut self, end: From) -> Vec<Output> {
        let end = self.ends.get_mut(&end).unwrap();
        std::iter::from_fn(|| end.poll_output()).collect()
    }

    fn feed(&mut self, end: From, input: Input<'_>) -> Vec<Output> {
        self.ends.get_mut(&end).unwrap().handle_input(self.now, input);
        self.outputs(end)
    }

    /// The sender's machine must say these bytes by itself.
    fn says(&mut self, outputs: &[Output], bytes: &[u8]) {
        assert_eq!(outputs, [Output::Send(Bytes::copy_from_slice(bytes))], "{}", self.name);
    }

    fn request(&mut self, from: From, bytes: &[u8], whole: &[u8]) {
        let outputs = self.feed(from.other(), Input::Bytes(whole));
        let [Output::Dispatch(ticket, request)] = outputs.as_slice() else { panic!("{}: {outputs:?}", self.name) };
        let id = i32::from_le_bytes(bytes[14..18].try_into().unwrap());
        if id == 0 {
            return assert_eq!(request.message(0), bytes, "{}", self.name);
        }
        self.tickets.insert((from, id), *ticket);
        let call = Call { id: CallId(id as u64), request: request.clone(), deadline: self.now + Duration::from_secs(60) };
        let outputs = self.feed(from, Input::Call(call));
        self.says(&outputs, bytes);
    }

    fn batch(&mut self, from: From, bytes: &[u8]) {
        let outputs = self.feed(from.other(), Input::Bytes(bytes));
        let requests: Vec<Request> = outputs
            .into_iter()
            .map(|output| match output {
                Output::Dispatch(_, request) => request,
                other => panic!("{}: {other:?}", self.name),
            })
            .collect();
        assert!(requests.len() > 1);
        assert_eq!(Request::batch(&requests), bytes, "{}", self.name);
    }

    fn reply(&mut self, from: From, bytes: &[u8], whole: &[u8]) {
        let to = from.other();
        let outputs = self.feed(to, Input::Bytes(whole));
        let [Output::Done(CallId(id), result)] = outputs.as_slice() else { panic!("{}: {outputs:?}", self.name) };
        let ticket = self.tickets[&(to, *id as i32)];
        let answer = match result.clone() {
            Ok(result) => Answer::Ok(result.body),
            Err(CallError::User(exception)) => Answer::User(exception.body),
            Err(CallError::ObjectNotExist) => Answer::ObjectNotExist,
            Err(CallError::FacetNotExist) => Answer::FacetNotExist,
            Err(CallError::OperationNotExist) => Answer::OperationNotExist,
            Err(CallError::Unknown { status, text }) => {
                return assert_eq!(Reply::Unknown { status, text }.message(*id as i32), bytes, "{}", self.name);
            }
            Err(other) => panic!("{}: {other}", self.name),
        };
        let outputs = self.feed(from, Input::Answer(ticket, answer));
        self.says(&outputs, bytes);
    }

    fn end(&mut self, from: From) {
        for output in self.feed(from.other(), Input::Eof) {
            assert!(matches!(output, Output::Close(_) | Output::Done(_, Err(_))), "{}: {output:?}", self.name);
        }
    }

    /// One message of `from`. Returns whether the dialogue goes on.
    fn message(&mut self, from: From, bytes: &[u8]) -> bool {
        // A flag that replies may be compressed; we write 0 there.
        let mut plain = bytes.to_vec();
        if plain[9] == 1 {
            plain[9] = 0;
        }
        match plain[8] {
            _ if plain[9] == 2 => {
                let outputs = self.feed(from.other(), Input::Bytes(bytes));
                assert!(outputs.ends_with(&[Output::Close(Reason::Violation(Violation::Compressed))]));
                return false;
            }
            0 => self.request(from, &plain, bytes),
            1 => self.batch(from, bytes),
            2 => self.reply(from, &plain, bytes),
            3 => assert_eq!((self.feed(from.other(), Input::Bytes(bytes)), &plain), (vec![], &VALIDATE.to_vec())),
            4 => {
                assert_eq!(plain, CLOSE);
                let outputs = self.feed(from.other(), Input::Bytes(bytes));
                assert_eq!(outputs.last(), Some(&Output::Close(Reason::PeerClosed)));
                // What crossed it on the way was never begun.
                return false;
            }
            other => panic!("{}: type {other}", self.name),
        }
        true
    }
}

#[test]
fn what_real_peers_said_is_decoded_and_encoded_to_the_same_bytes() {
    for dialogue in dialogues() {
        let mut stage = Stage::new(&dialogue.name);
        for (from, message) in &dialogue.messages {
            match message {
                Some(bytes) if !stage.message(*from, bytes) => break,
                Some(_) => {}
                None => stage.end(*from),
            }
        }
    }
}

/// All that one end said, fed to a machine of ours that has called as the other end did.
fn heard(dialogue: &Dialogue, from: From, pieces: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Vec<Output> {
    let mut stage = Stage::new(&dialogue.name);
    let to = from.other();
    if to == From::Client {
        let request = Request { operation: "any".to_owned(), ..Request::default() };
        for id in 1..=4 {
            let deadline = stage.now + Duration::from_secs(60);
            stage.feed(to, Input::Call(Call { id: CallId(id), request: request.clone(), deadline }));
        }
    }
    let said: Vec<u8> = dialogue.messages.iter().filter(|(who, _)| *who == from).filter_map(|(_, bytes)| bytes.clone()).flatten().collect();
    pieces(&said).iter().flat_map(|piece| stage.feed(to, Input::Bytes(piece))).collect()
}

#[test]
fn bytes_one_by_one_are_heard_like_all_at_once() {
    for dialogue in dialogues() {
        for from in [From::Client, From::Server] {
            let whole = heard(&dialogue, from, |bytes| vec![bytes.to_vec()]);
            let split = heard(&dialogue, from, |bytes| bytes.iter().map(|byte| vec![*byte]).collect());
            assert_eq!(whole, split, "{}", dialogue.name);
        }
    }
}
