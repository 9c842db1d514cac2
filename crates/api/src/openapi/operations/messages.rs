//! Sending.

use tidings_model::Code;

use super::{APP, BODY, IN_APP, STORE};
use crate::openapi::operation::{Answer, Header, Operation, Parameter, Place};
use crate::openapi::schema::{Schema, field, optional};
use crate::openapi::shapes::UID;

const IDEMPOTENCY: &[Parameter] = &[Parameter {
    place: Place::Header,
    name: "Idempotency-Key",
    schema: Schema::Pattern("^[!-~]{1,255}$"),
    says: "the same request with the same key gets the first answer again, for 24 h",
    example: "",
}];

const MESSAGE_ID: Header = Header { name: "Tidings-Message-Id", schema: Schema::Text, says: "a UUIDv7", always: true };
const REPLAY: Header =
    Header { name: "Idempotency-Replay", schema: Schema::OneOf(&["true"]), says: "the first answer, told again", always: false };

pub(super) const ALL: &[Operation] = &[Operation {
    method: "post",
    path: "/message",
    id: "message",
    summary: "Send to everyone, or to one user or registration",
    says: "Without a target it goes to everyone. The content type is not looked at. Answered with OK, or with JSON where Accept names application/json.",
    parameters: &[IDEMPOTENCY, IN_APP],
    body: Some(Schema::Object(&[
        field("data", Schema::Any, "what the devices get; null is a value, the key may not be missing"),
        optional("uid", UID, "one user"),
        optional("token", Schema::Text, "one registration"),
        optional("id", UID, "a known token, else a uid"),
    ])),
    answers: &[Answer {
        status: 200,
        says: "durably stored",
        content: &[("text/plain", Schema::OneOf(&["OK"])), ("application/json", Schema::Named("Accepted"))],
        headers: &[MESSAGE_ID, REPLAY],
    }],
    refusals: &[BODY, APP, STORE, &[Code::AmbiguousTarget, Code::UnknownTarget, Code::TokenUnregistered, Code::IdempotencyMismatch]],
}];
