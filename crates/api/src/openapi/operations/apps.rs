//! Apps.

use tidings_model::Code;

use super::{BODY, IN_APP, STORE, empty, json};
use crate::openapi::operation::{Operation, Parameter, Place};
use crate::openapi::schema::{Schema, field, optional};

const OF_NAME: &[Parameter] = &[Parameter {
    place: Place::Path,
    name: "name",
    schema: Schema::Text,
    says: "an app's name, with its slash percent-encoded or left out; `/` itself is %2F",
    example: "\"shop\"",
}];

const ONE: &[(&str, Schema)] = &[("application/json", Schema::Named("App"))];

const TOPICS: &str = "at most 100 patterns of 1 to 128 bytes";

pub(super) const ALL: &[Operation] = &[
    Operation {
        method: "get",
        path: "/v1/apps",
        id: "listApps",
        summary: "The apps that the caller sees",
        says: "His own; to a key of / with the scope admin all.",
        parameters: &[IN_APP],
        body: None,
        answers: &[json(200, "the apps", &[("application/json", LIST)])],
        refusals: &[],
    },
    Operation {
        method: "post",
        path: "/v1/apps",
        id: "createApp",
        summary: "Make an app",
        says: "Takes a key of / with the scope admin.",
        parameters: &[IN_APP],
        body: Some(Schema::Object(&[
            field("name", Schema::Named("AppName"), "the namespace that its devices connect to"),
            optional("disabled", Schema::Bool, "false by default"),
            optional("client_topics", Schema::List(&Schema::Text), TOPICS),
        ])),
        answers: &[json(201, "made", ONE)],
        refusals: &[BODY, STORE, &[Code::Conflict, Code::QuotaExceeded]],
    },
    Operation {
        method: "get",
        path: "/v1/apps/{name}",
        id: "getApp",
        summary: "An app",
        says: "",
        parameters: &[OF_NAME, IN_APP],
        body: None,
        answers: &[json(200, "the app", ONE)],
        refusals: &[],
    },
    Operation {
        method: "patch",
        path: "/v1/apps/{name}",
        id: "changeApp",
        summary: "Change an app",
        says: "Only what is given changes. To disable or enable it takes a key of / with the scope admin.",
        parameters: &[OF_NAME, IN_APP],
        body: Some(Schema::Object(&[
            optional("disabled", Schema::Bool, "its sockets are closed, and refused until it is enabled"),
            optional("client_topics", Schema::List(&Schema::Text), TOPICS),
        ])),
        answers: &[json(200, "the app", ONE)],
        refusals: &[BODY, STORE, &[Code::Conflict]],
    },
    Operation {
        method: "delete",
        path: "/v1/apps/{name}",
        id: "deleteApp",
        summary: "End an app",
        says: "With all that is in it: its keys end, its sockets are closed. / stays. Takes a key of / with the scope admin.",
        parameters: &[OF_NAME, IN_APP],
        body: None,
        answers: &[empty(204, "ended")],
        refusals: &[STORE, &[Code::Conflict]],
    },
];

const LIST: Schema = Schema::Object(&[field("apps", Schema::List(&Schema::Named("App")), "")]);
