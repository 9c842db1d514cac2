//! Users and devices.

use tidings_model::Code;

use super::{ADDRESS, BODY, IN_APP, STORE, empty, json, query};
use crate::http::users::UIDS_MAX;
use crate::openapi::operation::{Operation, Parameter, Place};
use crate::openapi::schema::{Schema, field};
use crate::openapi::shapes::UID;

const OF_UID: &[Parameter] = &[Parameter {
    place: Place::Path,
    name: "uid",
    schema: Schema::Named("Uid"),
    says: "percent-encoded, a colon and a slash in it too",
    example: "\"42\"",
}];

const OF_TOKEN: &[Parameter] = &[Parameter {
    place: Place::Path,
    name: "token",
    schema: Schema::Pattern("^p_[A-Za-z0-9_-]{32}$"),
    says: "a registration's token",
    example: "",
}];

pub(super) const ALL: &[Operation] = &[
    Operation {
        method: "get",
        path: "/v1/devices/{token}",
        id: "getDevice",
        summary: "A registration, as its token names it",
        says: "",
        parameters: &[OF_TOKEN, IN_APP],
        body: None,
        answers: &[json(200, "the registration", &[("application/json", Schema::Named("Device"))])],
        refusals: &[ADDRESS, STORE, &[Code::TokenUnregistered]],
    },
    Operation {
        method: "get",
        path: "/v1/users/{uid}",
        id: "getUser",
        summary: "A user with his devices",
        says: "",
        parameters: &[OF_UID, IN_APP],
        body: None,
        answers: &[json(200, "the user", &[("application/json", Schema::Named("User"))])],
        refusals: &[ADDRESS, STORE],
    },
    Operation {
        method: "delete",
        path: "/v1/users/{uid}",
        id: "eraseUser",
        summary: "Forget a user",
        says: "Unreadable and undeliverable at once: his sockets end, his tokens answer token_unregistered, his events are left out. A later registration of the uid starts afresh. His bytes leave the disk with the log that holds them.",
        parameters: &[OF_UID, IN_APP],
        body: None,
        answers: &[empty(202, "forgotten")],
        refusals: &[ADDRESS, STORE],
    },
    Operation {
        method: "post",
        path: "/v1/users/{uid}:disconnect",
        id: "disconnectUser",
        summary: "Close a user's sockets",
        says: "A bare end of the connection: devices may come back.",
        parameters: &[OF_UID, IN_APP],
        body: None,
        answers: &[json(200, "so many were closed", &[("application/json", Schema::Object(&[field("closed", Schema::Count, "sockets")]))])],
        refusals: &[ADDRESS, STORE],
    },
    Operation {
        method: "get",
        path: "/v1/users/{uid}/timeline",
        id: "getTimeline",
        summary: "What happened to a user, newest first",
        says: "Read from the log, so it looks back as far as the log is kept. Each call reads a bounded part of it: follow next_cursor until it is null.",
        parameters: &[
            OF_UID,
            &[
                query("cursor", Schema::Pattern("^[0-9]{1,18}-[0-9]{1,9}$"), "next_cursor of the page before"),
                query("limit", Schema::Whole { least: 1, most: 100 }, "50 by default"),
            ],
            IN_APP,
        ],
        body: None,
        answers: &[json(200, "a page", &[("application/json", Schema::Named("Timeline"))])],
        refusals: &[ADDRESS, STORE],
    },
    Operation {
        method: "post",
        path: "/v1/users:status",
        id: "getUsersStatus",
        summary: "Which of many users are online",
        says: "",
        parameters: &[IN_APP],
        body: Some(Schema::Object(&[field("uids", Schema::Limited(&UID, UIDS_MAX), "whom")])),
        answers: &[json(
            200,
            "in the order of the question",
            &[("application/json", Schema::Object(&[field("users", Schema::List(&Schema::Named("UserStatus")), "")]))],
        )],
        refusals: &[BODY, STORE],
    },
];
