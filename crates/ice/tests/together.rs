//! A client machine against a server machine, under any pieces and times: a call ends once, and says truly whether it ran.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use tidings_ice::{Answer, Call, CallError, CallId, Connection, Input, Limits, Output, Request, Ticket};

#[derive(Clone, Debug)]
enum Step {
    Call {
        seconds: u64,
    },
    ToServer(usize),
    ToClient(usize),
    /// One of those that run.
    Answer(usize),
    Wait {
        seconds: u64,
    },
    DrainServer,
    DrainClient,
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..40_u64).prop_map(|seconds| Step::Call { seconds }),
        8 => (1..200_usize).prop_map(Step::ToServer),
        8 => (1..200_usize).prop_map(Step::ToClient),
        5 => any::<usize>().prop_map(Step::Answer),
        3 => (1..20_u64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::DrainServer),
        1 => Just(Step::DrainClient),
        1 => Just(Step::Cut),
    ]
}

#[expect(clippy::disallowed_methods, reason = "any instant will do: all that follow are counted from it")]
fn start() -> Instant {
    Instant::now()
}

/// One end, and the bytes on their way to the other.
struct End {
    machine: Connection,
    sent: VecDeque<u8>,
    open: bool,
}

struct World {
    now: Instant,
    client: End,
    server: End,
    made: u64,
    running: Vec<Ticket>,
    /// Calls by the name that their request bears.
    ran: BTreeSet<u64>,
    ended: BTreeMap<u64, Result<u64, CallError>>,
}

impl World {
    fn new() -> Self {
        let now = start();
        let limits = Limits { dispatches: 3, calls: 5, ..Limits::server() };
        let end = |machine| End { machine, sent: VecDeque::new(), open: true };
        let (client, server) = (end(Connection::client(now, limits.clone())), end(Connection::server(now, limits)));
        let mut world = Self { now, client, server, made: 0, running: Vec::new(), ran: BTreeSet::new(), ended: BTreeMap::new() };
        world.settle();
        world
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Call { seconds } => self.call(*seconds),
            Step::ToServer(bytes) => self.deliver(true, *bytes),
            Step::ToClient(bytes) => self.deliver(false, *bytes),
            Step::Answer(which) if !self.running.is_empty() => {
                let ticket = self.running.remove(which % self.running.len());
                self.server
                    .machine
                    .handle_input(self.now, Input::Answer(ticket, Answer::Ok(Bytes::copy_from_slice(&ticket.0.to_le_bytes()))));
            }
            Step::Answer(_) => {}
            Step::Wait { seconds } => {
                self.now += Duration::from_secs(*seconds);
                self.client.machine.handle_timeout(self.now);
                self.server.machine.handle_timeout(self.now);
            }
            Step::DrainServer => self.server.machine.handle_input(self.now, Input::Drain),
            Step::DrainClient => self.client.machine.handle_input(self.now, Input::Drain),
            Step::Cut => {
                self.client.open = false;
                self.server.open = false;
            }
        }
        self.settle();
    }

    fn call(&mut self, seconds: u64) {
        self.made += 1;
        let request = Request { operation: self.made.to_string(), ..Request::default() };
        let deadline = self.now + Duration::from_secs(seconds);
        self.client.machine.handle_input(self.now, Input::Call(Call { id: CallId(self.made), request, deadline }));
    }

    fn deliver(&mut self, to_server: bool, bytes: usize) {
        let (from, to) = if to_server { (&mut self.client, &mut self.server) } else { (&mut self.server, &mut self.client) };
        let count = bytes.min(from.sent.len());
        let piece: Vec<u8> = from.sent.drain(..count).collect();
        if !piece.is_empty() {
            to.machine.handle_input(self.now, Input::Bytes(&piece));
        } else if !from.open {
            to.machine.handle_input(self.now, Input::Eof);
        }
    }

    /// Takes what both have to say.
    fn settle(&mut self) {
        while let Some(output) = self.client.machine.poll_output() {
            match output {
                Output::Send(bytes) => self.client.sent.extend(bytes),
                Output::Close(_) => self.client.open = false,
                Output::Done(CallId(id), result) => {
                    let result = result.map(|result| u64::from_le_bytes(result.body[..].try_into().unwrap_or_default()));
                    assert!(self.ended.insert(id, result).is_none(), "a call ended twice");
                }
                Output::Reading(_) | Output::Dispatch(..) => {}
            }
        }
        while let Some(output) = self.server.machine.poll_output() {
            match output {
                Output::Send(bytes) => self.server.sent.extend(bytes),
                Output::Close(_) => self.server.open = false,
                Output::Dispatch(ticket, request) => {
                    self.running.push(ticket);
                    assert!(self.running.len() <= 3, "more run than may");
                    assert!(self.ran.insert(request.operation.parse().unwrap_or_default()), "a call ran twice");
                }
                Output::Reading(_) | Output::Done(..) => {}
            }
        }
    }

    /// Everything that is on its way arrives, and everything that waits is over.
    fn finish(&mut self) {
        for _ in 0..200 {
            self.step(&Step::ToServer(usize::MAX));
            self.step(&Step::ToClient(usize::MAX));
            self.step(&Step::Answer(0));
        }
        self.step(&Step::Wait { seconds: 60 });
        self.step(&Step::Cut);
        for _ in 0..3 {
            self.step(&Step::ToServer(usize::MAX));
            self.step(&Step::ToClient(usize::MAX));
        }
    }
}

proptest! {
    #[test]
    fn a_call_ends_once_and_says_truly_whether_it_ran(steps in proptest::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.finish();
        prop_assert_eq!(world.ended.len() as u64, world.made);
        prop_assert!(world.client.machine.is_closed() && world.server.machine.is_closed());
        for (call, ended) in &world.ended {
            match ended {
                Ok(_) => prop_assert!(world.ran.contains(call)),
                Err(CallError::NotSent | CallError::ClosedByPeer) => prop_assert!(!world.ran.contains(call), "{} ran", call),
                Err(CallError::Lost | CallError::Timeout) => {}
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}
