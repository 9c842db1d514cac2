use tidings_ice::Encapsulation;
use tidings_model::{Code, Refusal};

use super::*;

fn told(failure: &Failure) -> PushError {
    let refused = Refused { request_id: "r-1", subject: "42", encoding: Encoding::V1_1 };
    match refused.answer(failure) {
        Answer::User(bytes) => PushError::decode(&Encapsulation::v1_1(bytes)).unwrap().error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_is_told_with_all_that_it_knows() {
    let large = Refusal::new(Code::PayloadTooLarge, "data is 5120 bytes").field("data").sizes(4096, 5120);
    let error = told(&large.into());
    assert_eq!(error.kind, Kind::TooLarge { max_bytes: 4096, actual_bytes: 5120 });
    assert_eq!(
        (error.reason.as_str(), error.text.as_str(), error.request_id.as_deref()),
        ("payload_too_large", "data is 5120 bytes", Some("r-1"))
    );
    let extra: Vec<_> = error.extra.iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(extra, ["actual=5120", "field=data", "limit=4096"]);

    let mut busy = Refusal::new(Code::RateLimited, "slow down");
    busy.retry_after_ms = Some(u64::MAX);
    assert_eq!(told(&busy.into()).kind, Kind::Busy { retry_after_ms: Some(i32::MAX) });
    assert_eq!(told(&Failure::new(Code::NotFound, "nobody")).kind, Kind::NotFound { id: "42".to_owned() });
    assert_eq!(told(&Failure::invalid("ttl", "is odd")).kind, Kind::InvalidArgument { field: "ttl".to_owned() });
}

#[test]
fn what_broke_inside_leaves_as_an_id() {
    let refused = Refused { request_id: "r-1", subject: "", encoding: Encoding::V1_1 };
    assert_eq!(refused.answer(&Failure::internal("disk I/O error 522")), Answer::Internal("r-1".to_owned()));
}

#[test]
fn every_code_has_the_exception_of_its_row() {
    let row =
        |one: Exception| -> Vec<&str> { Code::ALL.iter().filter(|code| exception(**code) == one).map(|code| code.as_str()).collect() };
    assert_eq!(
        row(Exception::InvalidArgument),
        [
            "invalid_json",
            "invalid_field",
            "unknown_field",
            "missing_target",
            "ambiguous_target",
            "unsupported_media",
            "idempotency_mismatch"
        ]
    );
    assert_eq!(row(Exception::Unauthorized), ["invalid_key", "expired_key", "scope_denied", "app_disabled", "forbidden"]);
    assert_eq!(row(Exception::NotFound), ["not_found", "unknown_target", "method_not_allowed", "token_unregistered", "cursor_expired"]);
    assert_eq!(row(Exception::Plain), ["too_late", "conflict"]);
    assert_eq!(row(Exception::TooLarge), ["payload_too_large"]);
    assert_eq!(
        row(Exception::Busy),
        ["rate_limited", "quota_exceeded", "overloaded", "draining", "storage_unavailable", "outcome_unknown", "timeout"]
    );
    assert_eq!(row(Exception::Internal), ["internal"]);
}
