//! Sending.

use tidings_model::{Code, Limits};

use super::{ADDRESS, BODY, IN_APP, STORE, json};
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

const APPLIED: Header = Header { name: "Preference-Applied", schema: Schema::Text, says: "the caller was let wait", always: false };

const PREFER: &[Parameter] = &[Parameter {
    place: Place::Header,
    name: "Prefer",
    schema: Schema::Pattern("^wait=([1-9]|[1-5][0-9]|60)$"),
    says: "wait=N: answer when the first device has it, within N seconds; for messages to uids and tokens",
    example: "",
}];

const OF_ID: &[Parameter] =
    &[Parameter { place: Place::Path, name: "id", schema: Schema::Text, says: "the message's, as it was accepted", example: "" }];

const TARGETS: &[Code] = &[Code::MissingTarget, Code::AmbiguousTarget, Code::UnknownTarget, Code::TokenUnregistered];
const KEYED: &[Code] = &[Code::IdempotencyMismatch];
const ACCEPTED: &[(&str, Schema)] = &[("application/json", Schema::Named("Accepted"))];

pub(super) const ALL: &[Operation] = &[
    Operation {
        method: "post",
        path: "/message",
        id: "message",
        summary: "Send to everyone, or to one user or registration",
        says: "Without a target it goes to everyone. The content type is not looked at. Answered with OK, or with JSON where Accept names application/json or the caller waits.",
        parameters: &[IDEMPOTENCY, PREFER, IN_APP],
        body: Some(Schema::Object(&[
            field("data", Schema::Any, "what the devices get; null is a value, the key may not be missing"),
            optional("uid", UID, "one user"),
            optional("token", Schema::Text, "one registration"),
            optional("id", UID, "a known token, else a uid"),
        ])),
        answers: &[
            Answer {
                status: 200,
                says: "durably stored; where the caller waited, a device has it",
                content: &[("text/plain", Schema::OneOf(&["OK"])), ("application/json", Schema::Named("Accepted"))],
                headers: &[MESSAGE_ID, REPLAY, APPLIED],
            },
            Answer {
                status: 202,
                says: "durably stored, and no device has proven it in the time that the caller waited",
                content: ACCEPTED,
                headers: &[MESSAGE_ID, REPLAY, APPLIED],
            },
        ],
        refusals: &[BODY, STORE, TARGETS, KEYED],
    },
    Operation {
        method: "post",
        path: "/v1/messages",
        id: "sendMessage",
        summary: "Send",
        says: "Targets that nobody has registered as are named in `invalid`; a lone token must be known.",
        parameters: &[IDEMPOTENCY, PREFER, IN_APP],
        body: Some(Schema::Named("Message")),
        answers: &[
            Answer { status: 200, says: "a device has it; or what a dry run counted", content: ACCEPTED, headers: &[REPLAY, APPLIED] },
            Answer { status: 202, says: "durably stored", content: ACCEPTED, headers: &[REPLAY, APPLIED] },
        ],
        refusals: &[BODY, STORE, TARGETS, KEYED],
    },
    Operation {
        method: "post",
        path: "/v1/messages:batch",
        id: "sendMessages",
        summary: "Send many",
        says: "Each item is taken or refused by itself. With an Idempotency-Key item i has a key of its own, so a retry replays what was stored.",
        parameters: &[IDEMPOTENCY, IN_APP],
        body: Some(Schema::Object(&[field("messages", Schema::Limited(&Schema::Named("Message"), Limits::BATCH), "at least one")])),
        answers: &[Answer {
            status: 200,
            says: "in the order of the question",
            content: &[("application/json", Schema::Object(&[field("results", Schema::List(RESULT), "")]))],
            headers: &[REPLAY],
        }],
        refusals: &[BODY, STORE],
    },
    Operation {
        method: "delete",
        path: "/v1/messages/{id}",
        id: "recallMessage",
        summary: "Take a message back",
        says: "Who has not been given it never gets it; what a device has it keeps. Asked again, or after the message has ended, it changes nothing.",
        parameters: &[OF_ID, IN_APP],
        body: None,
        answers: &[json(
            202,
            "taken back",
            &[(
                "application/json",
                Schema::Object(&[field("id", Schema::Text, "the message"), field("state", Schema::OneOf(&["recalled"]), "")]),
            )],
        )],
        refusals: &[ADDRESS, STORE],
    },
];

const RESULT: &Schema = &Schema::Either(&[Schema::Named("Accepted"), Schema::Named("Error")]);
