//! Keys.

use tidings_model::Code;

use super::{BODY, IN_APP, STORE, empty, json};
use crate::openapi::operation::{Operation, Parameter, Place};
use crate::openapi::schema::{Schema, field, optional};
use crate::openapi::shapes::TIME_OR_NULL;

const OF_ID: &[Parameter] =
    &[Parameter { place: Place::Path, name: "id", schema: Schema::Pattern("^[a-z0-9]{1,32}$"), says: "a key's id", example: "" }];

const ONE: &[(&str, Schema)] = &[("application/json", Schema::Named("Key"))];

pub(super) const ALL: &[Operation] = &[
    Operation {
        method: "get",
        path: "/v1/keys",
        id: "listKeys",
        summary: "The keys that the caller sees",
        says: "Oldest first: those of the app; to a key of / with the scope admin all.",
        parameters: &[IN_APP],
        body: None,
        answers: &[json(200, "the keys", &[("application/json", LIST)])],
        refusals: &[],
    },
    Operation {
        method: "post",
        path: "/v1/keys",
        id: "createKey",
        summary: "Make a key",
        says: "The answer is the only one that tells it. The first key must be one of / with the scope admin: from then on every call needs a key.",
        parameters: &[IN_APP],
        body: Some(Schema::Object(&[
            optional("name", Schema::Text, "at most 100 characters, for people"),
            optional("app", Schema::Named("AppName"), "the caller's by default"),
            field("scopes", Schema::List(&Schema::Scope), "at least one"),
            optional("expires_at", TIME_OR_NULL, "it is refused from then on"),
        ])),
        answers: &[json(201, "made", ONE)],
        refusals: &[BODY, STORE, &[Code::Conflict, Code::QuotaExceeded]],
    },
    Operation {
        method: "get",
        path: "/v1/keys/{id}",
        id: "getKey",
        summary: "A key, without its secret",
        says: "",
        parameters: &[OF_ID, IN_APP],
        body: None,
        answers: &[json(200, "the key", ONE)],
        refusals: &[],
    },
    Operation {
        method: "patch",
        path: "/v1/keys/{id}",
        id: "changeKey",
        summary: "Change a key, or draw a new secret for it",
        says: "Only what is given changes. For a change of secrets without a gap: rotate, give the new one to those who call, retire.",
        parameters: &[OF_ID, IN_APP],
        body: Some(Schema::Object(&[
            optional("name", Schema::Text, ""),
            optional("scopes", Schema::List(&Schema::Scope), "at least one"),
            optional("expires_at", TIME_OR_NULL, "null: it does not end by itself"),
            optional("rotate", Schema::Bool, "draws a secret; the newest one until now holds beside it"),
            optional("retire", Schema::Bool, "ends the older secret"),
        ])),
        answers: &[json(200, "the key, and its text where a secret was drawn", ONE)],
        refusals: &[BODY, STORE, &[Code::Conflict]],
    },
    Operation {
        method: "delete",
        path: "/v1/keys/{id}",
        id: "deleteKey",
        summary: "End a key",
        says: "At once. The last key of / with the scope admin stays.",
        parameters: &[OF_ID, IN_APP],
        body: None,
        answers: &[empty(204, "ended")],
        refusals: &[STORE, &[Code::Conflict]],
    },
];

const LIST: Schema = Schema::Object(&[field("keys", Schema::List(&Schema::Named("Key")), "")]);
