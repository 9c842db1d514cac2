//! Topics.

use tidings_model::{Code, Limits};

use super::{ADDRESS, BODY, IN_APP, STORE, json};
use crate::openapi::operation::{Operation, Parameter, Place};
use crate::openapi::schema::{Schema, field, optional};
use crate::openapi::shapes::UID;

const OF_TOPIC: &[Parameter] =
    &[Parameter { place: Place::Path, name: "topic", schema: Schema::Named("TopicName"), says: "percent-encoded", example: "\"news\"" }];

const WHO: Schema = Schema::Object(&[
    optional("uids", Schema::Limited(&UID, Limits::TARGETS), "users, with all that they have registered and will"),
    optional("tokens", Schema::Limited(&Schema::Text, Limits::TARGETS), "these registrations alone"),
]);

const RESULTS: &[(&str, Schema)] =
    &[("application/json", Schema::Object(&[field("results", Schema::List(&Schema::Named("Subscribed")), "")]))];
const TARGETS: &[Code] = &[Code::MissingTarget, Code::AmbiguousTarget];

pub(super) const ALL: &[Operation] = &[
    Operation {
        method: "get",
        path: "/v1/topics/{topic}",
        id: "getTopic",
        summary: "How many devices are in a topic",
        says: "A topic that nobody was ever in has none.",
        parameters: &[OF_TOPIC, IN_APP],
        body: None,
        answers: &[json(200, "the topic", &[("application/json", Schema::Named("Topic"))])],
        refusals: &[ADDRESS, STORE],
    },
    Operation {
        method: "put",
        path: "/v1/topics/{topic}/subscribers",
        id: "subscribe",
        summary: "Take users or registrations into a topic",
        says: "Exactly one of uids and tokens. Each is taken or refused by itself; who is in it already stays.",
        parameters: &[OF_TOPIC, IN_APP],
        body: Some(WHO),
        answers: &[json(200, "in the order of the question", RESULTS)],
        refusals: &[BODY, STORE, TARGETS],
    },
    Operation {
        method: "delete",
        path: "/v1/topics/{topic}/subscribers",
        id: "unsubscribe",
        summary: "Take users or registrations out of a topic",
        says: "Exactly one of uids and tokens. A user leaves with all that he has registered, a token's registration alone. What was sent before still waits for them.",
        parameters: &[OF_TOPIC, IN_APP],
        body: Some(WHO),
        answers: &[json(200, "in the order of the question", RESULTS)],
        refusals: &[BODY, STORE, TARGETS],
    },
];
