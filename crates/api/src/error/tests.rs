use tidings_model::{EventId, Position};

use super::*;
use crate::executor::EventsError;

#[test]
fn an_error_is_written_as_promised() {
    let refusal = Refusal::new(Code::PayloadTooLarge, "data is 5120 bytes, the limit is 4096").field("data").sizes(4096, 5120);
    assert_eq!(
        Failure::from(refusal).body("r1"),
        r#"{"error":{"code":"payload_too_large","message":"data is 5120 bytes, the limit is 4096","field":"data","retryable":false,"retry_after_ms":null,"limit":4096,"actual":5120,"request_id":"r1"}}"#
    );
}

#[test]
fn the_oldest_cursor_stands_in_an_expired_one_only() {
    let oldest = EventId { at: Position::new(1, 0), n: 0 };
    let failure = Failure::from(EventsError::Expired { oldest });
    assert_eq!(super::status(failure.code()), 410);
    assert!(
        failure.body("r").contains(
            r#""field":"cursor","retryable":false,"retry_after_ms":null,"limit":null,"actual":null,"oldest":"256-0","request_id""#
        )
    );
    assert!(!Failure::new(Code::NotFound, "gone").body("r").contains("oldest"));
}

#[test]
fn what_broke_inside_is_for_the_log() {
    let failure = Failure::internal("disk I/O error 522");
    assert!(!failure.body("r").contains("522"));
    assert_eq!(failure.cause(), Some("disk I/O error 522"));
}

#[test]
fn every_code_has_the_status_of_its_row() {
    let row =
        |status: u16| -> Vec<&str> { Code::ALL.iter().filter(|code| super::status(**code) == status).map(|code| code.as_str()).collect() };
    assert_eq!(row(400), ["invalid_json", "invalid_field", "unknown_field", "missing_target", "ambiguous_target"]);
    assert_eq!(row(401), ["invalid_key", "expired_key"]);
    assert_eq!(row(403), ["scope_denied", "app_disabled", "forbidden"]);
    assert_eq!(row(404), ["not_found", "unknown_target"]);
    assert_eq!(row(405), ["method_not_allowed"]);
    assert_eq!(row(409), ["too_late", "conflict"]);
    assert_eq!(row(410), ["token_unregistered", "cursor_expired"]);
    assert_eq!(row(413), ["payload_too_large"]);
    assert_eq!(row(415), ["unsupported_media"]);
    assert_eq!(row(422), ["idempotency_mismatch"]);
    assert_eq!(row(429), ["rate_limited", "quota_exceeded"]);
    assert_eq!(row(500), ["internal"]);
    assert_eq!(row(503), ["overloaded", "draining", "storage_unavailable", "outcome_unknown"]);
    assert_eq!(row(504), ["timeout"]);
}

#[test]
fn a_field_of_any_length_is_told_back_short() {
    let body = Failure::unknown_field(&"é".repeat(10_000), "data").body("r");
    assert!(body.len() < 600, "{}", body.len());
}
