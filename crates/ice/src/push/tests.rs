use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::encoding::{Encapsulation, Value};
use crate::proxy::Identity;
use crate::request::{Context, Mode};

mod contract;

/// Hexadecimal digits and quoted text, as the contract's examples are printed.
fn bytes(spelled: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, part) in spelled.split('"').enumerate() {
        if at % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> = part.bytes().filter(u8::is_ascii_hexdigit).collect();
        bytes.extend(digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte")));
    }
    bytes
}

fn extras() -> Extras {
    Extras {
        ttl_seconds: Some(60),
        request_id: Some("r-1".to_owned()),
        collapse_key: Some("k".to_owned()),
        event_name: Some("news".to_owned()),
        options: Some(Attributes::from([("label".to_owned(), "g".to_owned())])),
    }
}

fn request(operation: &str, mode: Mode, params: Bytes) -> Request {
    let identity = Identity::named(SERVICE_IDENTITY);
    Request { identity, operation: operation.to_owned(), mode, params: Encapsulation::v1_1(params), ..Request::default() }
}

fn asked(call: &Call) -> Request {
    request(call.operation(), call.mode(), call.encode())
}

#[test]
fn a_send_is_written_as_a_real_client_writes_it() {
    let call = Call::Send { uid: "42".to_owned(), payload: "{\"a\":1}".to_owned(), extras: extras() };
    let expected = bytes(
        "49636550 0100 0100 00 00 52000000 02000000 04\"push\" 00 00 04\"send\" 00 00 32000000 01 01 02\"42\" \
         07 7b22 61 22 3a 31 7d 0a 3c000000 15 03\"r-1\" 1d 01\"k\" 25 04\"news\" 2e 09000000 01 05\"label\" 01\"g\"",
    );
    assert_eq!(asked(&call).message(2), expected);
}

#[test]
fn an_answer_is_written_as_a_real_client_reads_it() {
    let accepted = Accepted {
        id: "m1".to_owned(),
        seq: "7".to_owned(),
        state: "accepted".to_owned(),
        expires_at_ms: 1,
        devices: 1,
        online: 1,
        ..Accepted::default()
    };
    let expected = bytes("02\"m1\" 01\"7\" 08\"accepted\" 0100000000000000 01000000 01000000 00 00 00");
    assert_eq!(Done::Accepted(accepted).encode(), expected);
}

#[test]
fn a_batch_of_events_is_written_as_a_real_listener_reads_it() {
    let event = Event {
        event_id: "5-0".to_owned(),
        r#type: "device.online".to_owned(),
        app: "/".to_owned(),
        at_ms: 1,
        payload: "{}".to_owned(),
        extra: Attributes::new(),
    };
    let notice = Notice::Events(vec![event]);
    let request = Request { identity: Identity::named(LISTENER_IDENTITY), ..request(notice.operation(), Notice::MODE, notice.encode()) };
    let expected = bytes(
        "49636550 0100 0100 00 00 51000000 01000000 0c\"pushListener\" 00 00 06\"events\" 02 00 27000000 01 01 \
         01 03\"5-0\" 0d\"device.online\" 01\"/\" 0100000000000000 02\"{}\" 00",
    );
    assert_eq!(request.message(1), expected);
    assert_eq!(Notice::decode(&request), Ok(notice));
}

fn calls() -> Vec<Call> {
    let (uids, payload) = (vec!["a".to_owned(), "é".to_owned()], "{}".to_owned());
    vec![
        Call::Info,
        Call::Broadcast { payload: payload.clone(), extras: extras() },
        Call::Send { uid: "42".to_owned(), payload: payload.clone(), extras: Extras::default() },
        Call::SendMany { uids: uids.clone(), payload: payload.clone(), extras: extras() },
        Call::SendTokens { tokens: uids.clone(), payload: payload.clone(), extras: extras() },
        Call::SendTopic { topic: "news".to_owned(), payload, extras: extras() },
        Call::Status { id: "m1".to_owned() },
        Call::Recall { id: "m1".to_owned() },
        Call::Online { uids },
        Call::Disconnect { uid: "42".to_owned() },
    ]
}

fn done(call: &Call) -> Done {
    match call {
        Call::Info => Done::Info(ServiceInfo { api_version: 1, features: vec!["x".to_owned()], ..ServiceInfo::default() }),
        Call::Status { id } => {
            Done::Status(MessageStatus { id: id.clone(), lost: Counts::from([("expired".to_owned(), 2)]), ..MessageStatus::default() })
        }
        Call::Recall { .. } => Done::Nothing,
        Call::Online { uids } => Done::Online(uids.clone()),
        Call::Disconnect { .. } => Done::Disconnected(3),
        Call::Broadcast { .. } | Call::Send { .. } | Call::SendMany { .. } | Call::SendTokens { .. } | Call::SendTopic { .. } => {
            let invalid = vec![InvalidTarget { value: "a".to_owned(), reason: "unknown_target".to_owned() }];
            Done::Accepted(Accepted { id: "m1".to_owned(), replayed: true, invalid, ..Accepted::default() })
        }
    }
}

#[test]
fn every_call_and_what_it_returns_are_read_as_they_were_written() {
    for call in calls() {
        assert_eq!(Call::decode(&asked(&call)), Ok(call.clone()));
        let done = done(&call);
        assert_eq!(call.done(&Encapsulation::v1_1(done.encode())), Ok(done));
    }
}

#[test]
fn every_notice_is_read_as_it_was_written() {
    let registration = Registration { uid: "42".to_owned(), first: true, at_ms: 5, ..Registration::default() };
    let report = Report { message_id: "m1".to_owned(), status: "1".to_owned(), ..Report::default() };
    let notices = [
        Notice::Registered(registration.clone()),
        Notice::Reported(report.clone()),
        Notice::RegisteredBatch(vec![registration; 2]),
        Notice::ReportedBatch(vec![report; 2]),
        Notice::Events(vec![]),
    ];
    for notice in notices {
        assert_eq!(Notice::decode(&request(notice.operation(), Notice::MODE, notice.encode())), Ok(notice));
    }
}

#[test]
fn a_parameter_that_a_newer_client_adds_is_passed_over() {
    let call = Call::Broadcast { payload: "{}".to_owned(), extras: extras() };
    let newer = [&call.encode()[..], b"\x4a\x01\0\0\0"].concat();
    assert_eq!(Call::decode(&request("broadcast", Mode::Normal, newer.into())), Ok(call));
}

#[test]
fn a_mode_that_would_let_a_send_run_twice_is_refused() {
    for call in calls() {
        for mode in [Mode::Normal, Mode::Nonmutating, Mode::Idempotent] {
            let read = Call::decode(&Request { mode, ..asked(&call) });
            let expected = if call.mode() == Mode::Normal && mode != Mode::Normal { Err(NoCall::WrongMode) } else { Ok(call.clone()) };
            assert_eq!(read, expected, "{} {mode:?}", call.operation());
        }
    }
    assert_eq!(Call::decode(&request("", Mode::Normal, Bytes::new())), Err(NoCall::NoSuchOperation));
}

#[test]
fn built_in_operations_are_answered_in_each_mode() {
    let id = |text: &str| Answer::Ok(encoded(&text.to_owned()));
    for mode in [Mode::Normal, Mode::Nonmutating, Mode::Idempotent] {
        let ask = |operation, params: &[u8]| builtin(&request(operation, mode, Bytes::copy_from_slice(params)), &SERVICE_TYPES);
        assert_eq!(ask("ice_ping", b""), Some(Answer::Ok(Bytes::new())));
        assert_eq!(ask("ice_isA", b"\x13::Push::PushService"), Some(Answer::Ok(Bytes::from_static(&[1]))));
        assert_eq!(ask("ice_isA", b"\x01x"), Some(Answer::Ok(Bytes::from_static(&[0]))));
        assert_eq!(ask("ice_id", b""), Some(id("::Push::PushService")));
        assert_eq!(ask("ice_ids", b""), Some(Answer::Ok(encoded(&SERVICE_TYPES.map(str::to_owned).to_vec()))));
        assert_eq!(ask("ice_isA", b""), Some(Answer::BadRequest("unexpected end of data")));
        assert_eq!(ask("send", b""), None);
    }
    assert_eq!(most_derived(&EVENT_LISTENER_TYPES), "::Push::EventListener");
}

#[test]
fn every_error_is_read_as_it_was_written() {
    let kinds = [
        Kind::Plain,
        Kind::InvalidArgument { field: "ttl".to_owned() },
        Kind::Unauthorized,
        Kind::NotFound { id: "x".to_owned() },
        Kind::TooLarge { max_bytes: 1, actual_bytes: 2 },
        Kind::Busy { retry_after_ms: Some(5) },
        Kind::Busy { retry_after_ms: None },
    ];
    for kind in kinds {
        let extra = Some(BTreeMap::from([("limit".to_owned(), "1".to_owned())]));
        let error = PushError { kind, reason: "a".to_owned(), text: "b".to_owned(), request_id: None, extra };
        let raised = PushError::decode(&Encapsulation::v1_1(error.encode(crate::Encoding::V1_1)));
        assert_eq!(raised.map(|raised| raised.error), Ok(error));
    }
}

#[test]
fn the_context_stays_with_its_request() {
    let request = Request { context: Context::from([("token".to_owned(), "t".to_owned())]), ..asked(&Call::Info) };
    let now = some_instant();
    let mut machine = crate::Connection::server(now, crate::Limits::server());
    machine.handle_input(now, crate::Input::Bytes(&request.message(1)));
    let dispatched = std::iter::from_fn(|| machine.poll_output()).find_map(|output| match output {
        crate::Output::Dispatch(_, request) => Some(request),
        _ => None,
    });
    assert_eq!(dispatched, Some(request));
}

#[expect(clippy::disallowed_methods, reason = "any instant will do: it is never looked at again")]
fn some_instant() -> std::time::Instant {
    std::time::Instant::now()
}
