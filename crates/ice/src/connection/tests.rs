use std::time::Duration;

use super::*;
use crate::encoding::Encapsulation;
use crate::header::Kind;
use crate::proxy::Identity;
use crate::request::{Context, Mode};

const SECOND: Duration = Duration::from_secs(1);

#[expect(clippy::disallowed_methods, reason = "any instant will do: the tests count from it")]
fn start() -> Instant {
    Instant::now()
}

fn outputs(machine: &mut Connection) -> Vec<Output> {
    std::iter::from_fn(|| machine.poll_output()).collect()
}

/// What an input makes the machine say.
fn fed(machine: &mut Connection, now: Instant, input: Input<'_>) -> Vec<Output> {
    machine.handle_input(now, input);
    outputs(machine)
}

fn waited(machine: &mut Connection, now: Instant) -> Vec<Output> {
    machine.handle_timeout(now);
    outputs(machine)
}

fn request(operation: &str) -> Request {
    Request {
        identity: Identity::named("push"),
        operation: operation.to_owned(),
        mode: Mode::Normal,
        context: Context::from([("token".to_owned(), "t".to_owned())]),
        ..Request::default()
    }
}

fn server(limits: Limits) -> (Instant, Connection) {
    let now = start();
    let mut machine = Connection::server(now, limits);
    assert_eq!(outputs(&mut machine), [validate()]);
    (now, machine)
}

fn client() -> (Instant, Connection) {
    let now = start();
    let mut machine = Connection::client(now, Limits::client());
    assert_eq!(fed(&mut machine, now, Input::Bytes(&header::VALIDATE)), []);
    (now, machine)
}

fn validate() -> Output {
    Output::Send(Bytes::from_static(&header::VALIDATE))
}

fn close() -> Output {
    Output::Send(Bytes::from_static(&header::CLOSE))
}

fn call(now: Instant, id: u64) -> Input<'static> {
    Input::Call(Call { id: CallId(id), request: request("send"), deadline: now + 10 * SECOND })
}

fn done(id: u64, error: CallError) -> Output {
    Output::Done(CallId(id), Err(error))
}

fn ok(id: i32) -> Bytes {
    Reply::Ok(Encapsulation::default()).message(id)
}

fn dispatched(outputs: &[Output]) -> Vec<Ticket> {
    let tickets = outputs.iter().filter_map(|output| if let Output::Dispatch(ticket, _) = output { Some(*ticket) } else { None });
    tickets.collect()
}

#[test]
fn a_client_says_nothing_before_the_server_has_spoken() {
    let now = start();
    let mut machine = Connection::client(now, Limits::client());
    assert_eq!(fed(&mut machine, now, call(now, 7)), []);
    let outputs = fed(&mut machine, now, Input::Bytes(&header::VALIDATE));
    assert_eq!(outputs, [Output::Send(request("send").message(1))]);
}

#[test]
fn a_server_that_begins_with_anything_else_is_left() {
    let now = start();
    let mut machine = Connection::client(now, Limits::client());
    machine.handle_input(now, call(now, 7));
    let outputs = fed(&mut machine, now, Input::Bytes(&ok(1)));
    assert_eq!(outputs, [done(7, CallError::NotSent), Output::Close(Reason::Violation(Violation::NotValidated))]);
}

#[test]
fn a_server_that_does_not_speak_is_left_after_the_setup_time() {
    let now = start();
    let mut machine = Connection::client(now, Limits::client());
    machine.handle_input(now, Input::Call(Call { id: CallId(7), request: request("send"), deadline: now + 60 * SECOND }));
    assert_eq!(machine.poll_timeout(), Some(now + 10 * SECOND));
    let outputs = waited(&mut machine, now + 10 * SECOND);
    assert_eq!(outputs, [done(7, CallError::NotSent), Output::Close(Reason::NotValidated)]);
}

#[test]
fn replies_find_their_calls_in_any_order() {
    let (now, mut machine) = client();
    for id in [70, 71, 72] {
        machine.handle_input(now, call(now, id));
    }
    outputs(&mut machine);
    for (id, expected) in [(3, 72), (1, 70), (2, 71)] {
        assert_eq!(fed(&mut machine, now, Input::Bytes(&ok(id))), [Output::Done(CallId(expected), Ok(Encapsulation::default()))]);
    }
}

#[test]
fn the_reply_of_a_call_that_timed_out_is_ignored() {
    let (now, mut machine) = client();
    machine.handle_input(now, call(now, 7));
    outputs(&mut machine);
    let late = now + 10 * SECOND;
    assert_eq!(machine.poll_timeout(), Some(late));
    assert_eq!(waited(&mut machine, late), [done(7, CallError::Timeout)]);
    assert_eq!(fed(&mut machine, late, Input::Bytes(&ok(1))), []);
}

#[test]
fn what_a_graceful_close_leaves_did_not_run_and_what_a_cut_leaves_may_have() {
    let (now, mut machine) = client();
    machine.handle_input(now, call(now, 7));
    outputs(&mut machine);
    let ended = fed(&mut machine, now, Input::Bytes(&header::CLOSE));
    assert_eq!(ended, [done(7, CallError::ClosedByPeer), Output::Close(Reason::PeerClosed)]);

    let (now, mut machine) = client();
    machine.handle_input(now, call(now, 7));
    outputs(&mut machine);
    let ended = fed(&mut machine, now, Input::Eof);
    assert_eq!(ended, [done(7, CallError::Lost), Output::Close(Reason::Ended)]);
    assert_eq!(fed(&mut machine, now, call(now, 8)), [done(8, CallError::NotSent)]);
}

#[test]
fn a_call_larger_than_a_message_is_not_sent() {
    let (now, mut machine) = client();
    let params = Encapsulation::v1_1(vec![0; 1024 * 1024]);
    let call = Call { id: CallId(7), request: Request { params, ..request("send") }, deadline: now + SECOND };
    let outputs = fed(&mut machine, now, Input::Call(call));
    assert!(matches!(outputs[..], [Output::Done(CallId(7), Err(CallError::TooLarge { limit: 1_048_576, .. }))]), "{outputs:?}");
}

#[test]
fn more_calls_than_may_be_in_flight_are_not_sent() {
    let now = start();
    let mut machine = Connection::client(now, Limits { calls: 2, ..Limits::client() });
    machine.handle_input(now, Input::Bytes(&header::VALIDATE));
    let outputs: Vec<_> = (1..=3).flat_map(|id| fed(&mut machine, now, call(now, id))).collect();
    assert_eq!(outputs[2..], [done(3, CallError::NotSent)]);
    assert!(!machine.may_call());
}

#[test]
fn a_oneway_request_is_dispatched_and_never_answered() {
    let (now, mut machine) = server(Limits::server());
    let tickets = dispatched(&fed(&mut machine, now, Input::Bytes(&request("send").message(0))));
    assert_eq!(fed(&mut machine, now, Input::Answer(tickets[0], Answer::Internal("x".to_owned()))), []);
}

#[test]
fn answers_leave_as_they_come() {
    let (now, mut machine) = server(Limits::server());
    let both = [request("a").message(1), request("b").message(2)].concat();
    let tickets = dispatched(&fed(&mut machine, now, Input::Bytes(&both)));
    assert_eq!(fed(&mut machine, now, Input::Answer(tickets[1], Answer::Ok(Bytes::new()))), [Output::Send(ok(2))]);
    assert_eq!(fed(&mut machine, now, Input::Answer(tickets[0], Answer::Ok(Bytes::new()))), [Output::Send(ok(1))]);
}

#[test]
fn an_answer_too_large_for_a_message_is_told_and_not_sent() {
    let (now, mut machine) = server(Limits::server());
    let tickets = dispatched(&fed(&mut machine, now, Input::Bytes(&request("a").message(1))));
    let outputs = fed(&mut machine, now, Input::Answer(tickets[0], Answer::Ok(Bytes::from(vec![0; 1024 * 1024]))));
    let [Output::Send(reply)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((reply[18], reply.len() < 100), (7, true));
}

#[test]
fn nothing_is_read_or_begun_while_as_many_run_as_may() {
    let (now, mut machine) = server(Limits { dispatches: 2, ..Limits::server() });
    let three: Vec<u8> = (1..=3).flat_map(|id| request("a").message(id)).collect();
    let outputs = fed(&mut machine, now, Input::Bytes(&three));
    let tickets = dispatched(&outputs);
    assert_eq!((tickets.len(), outputs.last()), (2, Some(&Output::Reading(false))));
    let outputs = fed(&mut machine, now, Input::Answer(tickets[0], Answer::OperationNotExist));
    assert_eq!(dispatched(&outputs).len(), 1);
    assert!(!outputs.contains(&Output::Reading(true)));
    let outputs = fed(&mut machine, now, Input::Answer(tickets[1], Answer::OperationNotExist));
    assert_eq!(outputs.last(), Some(&Output::Reading(true)));
}

#[test]
fn a_batch_runs_no_more_at_once_than_single_requests_do() {
    let (now, mut machine) = server(Limits { dispatches: 2, ..Limits::server() });
    let batch = Request::batch(&vec![request("a"); 5]);
    let mut running = dispatched(&fed(&mut machine, now, Input::Bytes(&batch)));
    let mut ran = 0;
    while let Some(ticket) = running.pop() {
        assert!(running.len() < 2);
        ran += 1;
        running.extend(dispatched(&fed(&mut machine, now, Input::Answer(ticket, Answer::Ok(Bytes::new())))));
    }
    assert_eq!(ran, 5);
}

#[test]
fn a_heartbeat_leaves_after_thirty_seconds_without_a_write() {
    for (now, mut machine) in [server(Limits::server()), client()] {
        assert_eq!(machine.poll_timeout(), Some(now + 30 * SECOND));
        assert_eq!(waited(&mut machine, now + 29 * SECOND), []);
        assert_eq!(waited(&mut machine, now + 30 * SECOND), [validate()]);
        assert_eq!(machine.poll_timeout(), Some(now + 60 * SECOND));
    }
}

#[test]
fn a_peer_without_heartbeats_is_not_left_for_its_silence() {
    let (mut now, mut machine) = client();
    for _ in 0..100 {
        now += 30 * SECOND;
        assert_eq!(waited(&mut machine, now), [validate()]);
    }
}

#[test]
fn a_peer_that_has_sent_heartbeats_is_left_after_a_minute_of_silence() {
    let (now, mut machine) = client();
    machine.handle_input(now, Input::Bytes(&header::VALIDATE));
    machine.handle_input(now, Input::Call(Call { id: CallId(7), request: request("send"), deadline: now + 90 * SECOND }));
    outputs(&mut machine);
    waited(&mut machine, now + 30 * SECOND);
    assert_eq!(machine.poll_timeout(), Some(now + 60 * SECOND));
    assert_eq!(waited(&mut machine, now + 60 * SECOND), [done(7, CallError::Lost), Output::Close(Reason::Silent)]);
}

#[test]
fn a_silent_peer_that_nothing_is_expected_of_is_left_gracefully() {
    let (now, mut machine) = client();
    machine.handle_input(now, Input::Bytes(&header::VALIDATE));
    assert_eq!(waited(&mut machine, now + 60 * SECOND), [close()]);
    assert_eq!(fed(&mut machine, now + 61 * SECOND, Input::Eof), [Output::Close(Reason::Closed)]);
}

#[test]
fn a_connection_that_nobody_uses_is_closed_by_the_server_whatever_its_heartbeats() {
    let (now, mut machine) = server(Limits::server());
    for beat in 1..10 {
        let at = now + 30 * beat * SECOND;
        assert_eq!(fed(&mut machine, at, Input::Bytes(&header::VALIDATE)), []);
        assert_eq!(waited(&mut machine, at), [validate()]);
    }
    assert_eq!(waited(&mut machine, now + 300 * SECOND), [close()]);
}

#[test]
fn a_message_must_end_in_time_however_it_trickles() {
    let (now, mut machine) = server(Limits::server());
    let message = request("a").message(1);
    for (second, byte) in (0..30).zip(message.iter()) {
        assert_eq!(fed(&mut machine, now + second * SECOND, Input::Bytes(&[*byte])), []);
    }
    assert_eq!(waited(&mut machine, now + 30 * SECOND), [Output::Close(Reason::Unfinished)]);
}

#[test]
fn draining_lets_what_runs_finish_begins_nothing_and_waits_for_the_fin() {
    let (now, mut machine) = server(Limits::server());
    let tickets = dispatched(&fed(&mut machine, now, Input::Bytes(&request("a").message(1))));
    assert_eq!(fed(&mut machine, now, Input::Drain), []);
    assert_eq!(fed(&mut machine, now, Input::Bytes(&request("b").message(2))), []);
    let outputs = fed(&mut machine, now, Input::Answer(tickets[0], Answer::Ok(Bytes::new())));
    assert_eq!(outputs, [Output::Send(ok(1)), close()]);
    assert_eq!(fed(&mut machine, now, Input::Bytes(&request("c").message(3))), []);
    assert_eq!(machine.poll_timeout(), Some(now + 10 * SECOND));
    assert_eq!(fed(&mut machine, now, Input::Eof), [Output::Close(Reason::Closed)]);
    assert_eq!(machine.poll_timeout(), None);
}

#[test]
fn a_fin_that_does_not_come_is_not_waited_for_long() {
    let (now, mut machine) = server(Limits::server());
    assert_eq!(fed(&mut machine, now, Input::Drain), [close()]);
    assert_eq!(waited(&mut machine, now + 10 * SECOND), [Output::Close(Reason::Closed)]);
}

#[test]
fn two_ends_that_close_at_once_do_not_wait_for_each_other() {
    let (now, mut machine) = server(Limits::server());
    assert_eq!(fed(&mut machine, now, Input::Drain), [close()]);
    assert_eq!(fed(&mut machine, now, Input::Bytes(&header::CLOSE)), [Output::Close(Reason::Closed)]);
}

#[test]
fn a_client_that_drains_waits_for_its_calls() {
    let (now, mut machine) = client();
    machine.handle_input(now, call(now, 7));
    outputs(&mut machine);
    assert_eq!(fed(&mut machine, now, Input::Drain), []);
    assert_eq!(fed(&mut machine, now, call(now, 8)), [done(8, CallError::NotSent)]);
    let outputs = fed(&mut machine, now, Input::Bytes(&ok(1)));
    assert_eq!(outputs, [Output::Done(CallId(7), Ok(Encapsulation::default())), close()]);
}

#[test]
fn a_size_over_the_limit_closes_before_its_bytes_come() {
    let (now, mut machine) = server(Limits::server());
    let mut head = header::message(Kind::Request, |_| {}).to_vec();
    head[10..14].copy_from_slice(&(1024 * 1024 + 1_i32).to_le_bytes());
    let violation = Violation::TooLarge { size: 1024 * 1024 + 1, limit: 1024 * 1024 };
    assert_eq!(fed(&mut machine, now, Input::Bytes(&head)), [Output::Close(Reason::Violation(violation))]);
}

#[test]
fn names_and_contexts_beyond_their_bounds_close() {
    let context = (0..33).map(|n| (n.to_string(), String::new())).collect();
    for bad in [request(&"x".repeat(257)), Request { context, ..request("a") }] {
        let (now, mut machine) = server(Limits::server());
        let outputs = fed(&mut machine, now, Input::Bytes(&bad.message(1)));
        assert_eq!(outputs, [Output::Close(Reason::Violation(Violation::Malformed))]);
    }
}

#[test]
fn request_ids_begin_again_after_the_last() {
    let (now, mut machine) = client();
    machine.calls.jump(i32::MAX - 1);
    let ids: Vec<i32> = (1..=3)
        .map(|id| match &fed(&mut machine, now, call(now, id))[..] {
            [Output::Send(message)] => i32::from_le_bytes(message[14..18].try_into().expect("four bytes")),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, [i32::MAX, 1, 2]);
}
