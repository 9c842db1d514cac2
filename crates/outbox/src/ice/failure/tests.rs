use std::borrow::Cow;

use tidings_ice::{DecodeError, Encoding};

use super::*;

fn raise(kind: Kind) -> InvokeError {
    let error = PushError { kind, reason: "some_code".to_owned(), text: "some text".to_owned(), ..PushError::default() };
    InvokeError::User(Encapsulation { encoding: Encoding::V1_1, body: error.encode(Encoding::V1_1) })
}

fn later(after: Option<u64>) -> Failure {
    Failure::Later { after: after.map(Duration::from_millis), why: "some_code: some text".to_owned() }
}

#[test]
fn a_busy_listener_says_when_within_bounds() {
    for (asked, wait) in
        [(Some(1_500), Some(1_500)), (Some(0), Some(100)), (Some(-5), Some(100)), (Some(i32::MAX), Some(3_600_000)), (None, None)]
    {
        assert_eq!(Failure::from(raise(Kind::Busy { retry_after_ms: asked })), later(wait));
    }
}

#[test]
fn an_exception_refuses_unless_it_says_unauthorized() {
    assert_eq!(Failure::from(raise(Kind::Unauthorized)), later(None));
    let refused = Failure::Refused("some_code: some text".to_owned());
    for kind in [
        Kind::Plain,
        Kind::NotFound { id: "x".into() },
        Kind::InvalidArgument { field: "uid".into() },
        Kind::TooLarge { max_bytes: 1, actual_bytes: 2 },
    ] {
        assert_eq!(Failure::from(raise(kind)), refused);
    }
}

fn compact(bytes: &[u8]) -> InvokeError {
    InvokeError::User(Encapsulation::v1_1(bytes.to_vec()))
}

#[test]
fn exceptions_without_sizes_are_read_as_well() {
    let busy = b"\x04\x0c::Push::Busy\x0a\xdc\x05\0\0\xff\x24\x11::Push::PushError\x0crate_limited\x01t\x0d\x02r2\xff";
    let why = "rate_limited: t".to_owned();
    assert_eq!(Failure::from(compact(busy)), Failure::Later { after: Some(Duration::from_millis(1_500)), why });
}

#[test]
fn an_unknown_exception_is_read_as_its_base_or_named() {
    let sliced = b"\x10\x0d::Push::Newer\x08\0\0\0\x07\0\0\0\x30\x11::Push::PushError\x0a\0\0\0\x01c\x03why";
    assert_eq!(Failure::from(compact(sliced)), Failure::Refused("c: why".to_owned()));
    let bare = b"\0\x0d::Push::Newer\x07\0\0\0\x20\x11::Push::PushError\x01c\x01t";
    assert_eq!(Failure::from(compact(bare)), Failure::Refused("unknown user exception ::Push::Newer".to_owned()));
    assert_eq!(Failure::from(compact(b"\x10\x0d::Push")), Failure::Refused("malformed user exception: unexpected end of data".to_owned()));
}

#[test]
fn only_a_listener_that_cannot_read_it_refuses_by_its_status() {
    for status in 5..=255 {
        let failure = Failure::from(InvokeError::Remote { status, text: "a traceback".to_owned() });
        assert_eq!(matches!(failure, Failure::Refused(_)), status == 5 || status == 8, "{status}");
    }
}

#[test]
fn what_was_not_heard_waits_and_what_is_too_large_is_cut() {
    let all = [
        InvokeError::NotExecuted(NotExecuted::NotSent),
        InvokeError::NotExecuted(NotExecuted::ClosedByPeer),
        InvokeError::NotExecuted(NotExecuted::ClientClosed),
        InvokeError::Lost,
        InvokeError::Timeout,
        InvokeError::ObjectNotExist,
        InvokeError::FacetNotExist,
        InvokeError::OperationNotExist,
        InvokeError::Malformed(DecodeError::Short),
    ];
    for error in all {
        assert_eq!(Failure::from(error.clone()), Failure::later(error.to_string()));
    }
    let large = InvokeError::NotExecuted(NotExecuted::TooLarge { size: 2, limit: 1 });
    assert_eq!(Failure::from(large), Failure::Refused("message is 2 bytes, the limit is 1".to_owned()));
}

#[test]
fn long_texts_are_cut_between_characters() {
    let long: Cow<'_, str> = "ä".repeat(600).into();
    let text = said("c", &long);
    assert_eq!((text.len(), text.ends_with('ä')), (1_023, true));
}
