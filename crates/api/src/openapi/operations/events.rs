//! The outbox.

use tidings_model::Code;

use super::{ADDRESS, IN_APP, query};
use crate::openapi::operation::{Answer, Header, Operation};
use crate::openapi::schema::Schema;

const NEXT: Header = Header {
    name: "Tidings-Next-Cursor",
    schema: Schema::Text,
    says: "where to go on, also when nothing matched; not of a stream",
    always: false,
};

pub(super) const ALL: &[Operation] = &[Operation {
    method: "get",
    path: "/v1/events",
    id: "getEvents",
    summary: "What happened, from a cursor on",
    says: "A line of JSON for each event; its `id` is a cursor. At least once, in order.",
    parameters: &[
        &[
            query("cursor", Schema::Pattern("^[0-9]{1,18}-[0-9]{1,9}$"), "exclusive; without it from the oldest event kept"),
            query("types", Schema::Text, "some types, separated by commas"),
            query("limit", Schema::Whole { least: 1, most: 1000 }, "100 by default"),
            query("wait_s", Schema::Whole { least: 0, most: 60 }, "waits so long for a first event; 0 by default"),
        ],
        IN_APP,
    ],
    body: None,
    answers: &[Answer {
        status: 200,
        says: "a page",
        content: &[("application/x-ndjson", Schema::Text), ("text/event-stream", Schema::Text)],
        headers: &[NEXT],
    }],
    refusals: &[ADDRESS, &[Code::CursorExpired]],
}];
