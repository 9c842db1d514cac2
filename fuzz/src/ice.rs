//! Ice: however the bytes are cut, the same requests, results and end; what is understood is written to what is read again.

use std::time::{Duration, Instant};

use tidings_ice::push::{self, Notice, PushError};
use tidings_ice::{Call, CallError, CallId, Connection, Encapsulation, Encoding, Input, Limits, Output, Request};

const VALIDATE: &[u8] = b"IceP\x01\x00\x01\x00\x03\x00\x0e\x00\x00\x00";

/// The first byte says who listens and how the rest is cut.
pub(crate) fn message(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let (is_server, step) = (first % 2 == 0, usize::from(first / 2) + 1);
    let whole = heard(is_server, bytes, bytes.len().max(1));
    assert_eq!(heard(is_server, bytes, step), whole);
    assert_eq!(heard(is_server, bytes, 1), whole);
    let closed = whole.iter().position(|output| matches!(output, Output::Close(_)));
    assert!(closed.is_none_or(|at| at + 1 == whole.len()), "nothing comes behind the end");
    whole.iter().for_each(understood);
}

/// A server's outputs, or those of a client with four calls in flight, none of which is ever late.
fn heard(is_server: bool, bytes: &[u8], step: usize) -> Vec<Output> {
    let now = some_instant();
    let limits = Limits { message: 4096, dispatches: 8, ..Limits::server() };
    let mut machine = if is_server { Connection::server(now, limits) } else { Connection::client(now, limits) };
    if !is_server {
        machine.handle_input(now, Input::Bytes(VALIDATE));
        for id in 1..=4 {
            let call = Call { id: CallId(id), request: Request::default(), deadline: now + Duration::from_secs(9) };
            machine.handle_input(now, Input::Call(call));
        }
    }
    for piece in bytes.chunks(step) {
        machine.handle_input(now, Input::Bytes(piece));
    }
    std::iter::from_fn(|| machine.poll_output()).collect()
}

#[expect(clippy::disallowed_methods, reason = "any instant will do: it is never looked at again")]
fn some_instant() -> Instant {
    Instant::now()
}

fn understood(output: &Output) {
    match output {
        Output::Dispatch(_, request) => dispatched(request),
        Output::Done(_, Err(CallError::User(exception))) => raised(exception),
        Output::Done(_, Ok(result)) => {
            for call in [push::Call::Info, push::Call::Status { id: String::new() }, push::Call::Online { uids: Vec::new() }] {
                if let Ok(done) = call.done(result) {
                    let again = Encapsulation { body: done.encode(), ..result.clone() };
                    assert_eq!(call.done(&again), Ok(done));
                }
            }
        }
        Output::Done(..) | Output::Send(_) | Output::Reading(_) | Output::Close(_) => {}
    }
}

fn dispatched(request: &Request) {
    let again = heard(true, &request.message(1), 4096);
    assert!(request.message(1).len() > 4096 || again.iter().any(|output| matches!(output, Output::Dispatch(_, read) if read == request)));
    drop(push::builtin(request, &push::SERVICE_TYPES));
    if let Ok(call) = push::Call::decode(request) {
        assert_eq!(push::Call::decode(&rewritten(request, call.encode())), Ok(call));
    }
    if let Ok(notice) = Notice::decode(request) {
        assert_eq!(Notice::decode(&rewritten(request, notice.encode())), Ok(notice));
    }
}

/// The same request with other parameters, as we write them.
fn rewritten(request: &Request, params: bytes::Bytes) -> Request {
    Request { params: Encapsulation::v1_1(params), ..request.clone() }
}

fn raised(exception: &Encapsulation) {
    if let Ok(raised) = PushError::decode(exception) {
        let again = Encapsulation::v1_1(raised.error.encode(Encoding::V1_1));
        assert_eq!(PushError::decode(&again).map(|raised| raised.error), Ok(raised.error));
    }
}
